"""A run that the app has started, as its screen sees it: what is asked arrives, whatever stands in the way, and its end is told."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import script
from support.owners import until

from engine import eventjson
from engine import events as e
from engine.commands import MoreEpochs, Pause, Save, Stop
from engine.errors import EXIT_BAD_INPUT, EXIT_FAILED, InputError, TrainingError, data_error
from engine.lock import RunLock
from engine.rundir import RunDir
from engine.runview import RunView
from engine.spawn import Spawned
from tui.leaving import farewell
from tui.source import OwnSource, ScriptedSource


class Fake:
    """Stands in for the run's process."""

    pid = 1

    def __init__(self) -> None:
        self.code: int | None = None
        self.signals: list[int] = []

    def poll(self) -> int | None:
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        if self.code is None:
            raise subprocess.TimeoutExpired("run", timeout or 0.0)
        return self.code

    def send_signal(self, sig: int) -> None:
        self.signals.append(sig)


@pytest.fixture
def run(tmp_path) -> RunDir:
    write(RunDir(tmp_path), script.opening())
    return RunDir(tmp_path)


def write(run: RunDir, items: list[e.Event]) -> None:
    run.journal.write_text("".join(eventjson.to_json(item) + "\n" for item in items))


def asked(run: RunDir) -> list[str]:
    return run.commands.read_text().splitlines() if run.commands.exists() else []


def started(run: RunDir, process: Fake) -> OwnSource:
    source = OwnSource(lambda: Spawned(run, process))
    source._thread.join()
    return source


def test_what_is_asked_before_there_is_a_run_arrives_in_order(run):
    go = threading.Event()

    def start() -> Spawned:
        go.wait(60)
        return Spawned(run, Fake())

    source = OwnSource(start)
    source.send(Pause())
    source.send(Stop())
    assert source.alive and not source.join(0.0) and asked(run) == []
    go.set()
    until(lambda: len(asked(run)) == 2)
    source.send(Save())
    assert [line.split('"')[3] for line in asked(run)] == ["pause", "stop", "save"]


def test_on_a_full_disk_a_run_can_still_be_stopped(run):
    process = Fake()
    source = started(run, process)
    run.commands.mkdir()  # as good as a disk that takes nothing
    for command in (Save(), Stop(), Stop(now=True), Stop(reason="terminated")):
        source.send(command)
    assert process.signals == [signal.SIGUSR1, signal.SIGINT, signal.SIGTERM, signal.SIGTERM]
    with pytest.raises(InputError, match="cannot be written"):
        source.send(MoreEpochs(3))


def test_a_run_that_another_process_took_up_is_alive(run):
    process = Fake()
    source = started(run, process)
    process.code = 0
    with RunLock.take(run):
        assert source.alive and not source.join(0.0)
        source.send(Pause())
        assert len(asked(run)) == 1
        source.drain()
        assert source.error is None
    until(lambda: not source.alive)
    assert "does not say how" in str(source.error)
    process.code = -9
    assert "SIGKILL" in str(source.error) and "+ goes on" in str(source.error)


@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), data_error("data.source", "no such file", "", "x.csv")]
)
def test_a_start_that_fails_is_told_at_the_end_too(error):
    def start() -> Any:
        raise error

    source = OwnSource(start)
    until(lambda: not source.alive)
    assert isinstance(source.error, InputError | TrainingError)
    said: list[str] = []
    watch: Any = SimpleNamespace(asked=None)
    code = farewell(source, RunView(), 0, watch, said.append)
    assert code == (EXIT_BAD_INPUT if isinstance(error, InputError) else EXIT_FAILED)
    assert said == [f"nntui: {source.error}\n"]


def test_nobody_waits_for_a_run_that_was_stopped_before_it_began(run):
    go, ended = threading.Event(), []

    def start() -> Spawned:
        go.wait(60)
        return Spawned(run, Fake())

    source = OwnSource(start, lambda: ended.append(1))
    source.abandon()
    assert not ended, "nobody has asked for a stop"
    source.send(Stop())
    source.abandon()
    assert ended == [1]
    go.set()
    source._thread.join()


def test_the_exit_code_is_that_of_an_end_that_comes_late(run):
    process = Fake()
    source = started(run, process)
    write(run, script.failed())
    process.code = 1
    said: list[str] = []
    watch: Any = SimpleNamespace(asked=None)
    assert farewell(source, RunView(), 0, watch, said.append) == EXIT_FAILED
    assert "ended" in said[-1]
    assert Path(run.journal).exists()


def test_an_attached_run_leaves_its_figures_when_it_is_over():
    said: list[str] = []
    watch: Any = SimpleNamespace(asked=None)
    source = ScriptedSource([], own=False)
    assert farewell(source, RunView().apply_all(script.healthy()[:-1]), 0, watch, said.append) == 0
    assert not said, "it is still under way"
    assert farewell(source, RunView().apply_all(script.failed()), 0, watch, said.append) == 0
    assert "RuntimeError: CUDA out of memory" in said[0] and "nntui attach" in said[0]
