"""A terminal that goes away under the app takes nothing along: training goes on in the same process to its end."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from support.forkedapps import AppServer, ForkedTerminal, arguments, forked, held, run_folder, screen_is_lost, started
from support.owners import until

from engine import events as e
from engine import read_journal

EPOCHS = 4
KINDS = ("plain", "stalled", "resized", "in a dialog")


def losses(events: list[e.Event]) -> list[tuple[int, float, float]]:
    return [(event.epoch, event.train_loss, event.val_loss) for event in events if isinstance(event, e.EpochEnded)]


def disturb(program: ForkedTerminal, kind: str, chance: random.Random) -> None:
    """Bring the screen into the state that it is to lose its terminal in."""
    if kind == "stalled":  # what a window size changes is a whole screen: soon nothing more fits into the pipe
        for width in range(100, 200, 5):
            program.resize(width, 50)
            time.sleep(0.005)
    elif kind == "resized":
        for _ in range(chance.randrange(1, 6)):
            program.resize(chance.randrange(20, 200), chance.randrange(5, 60))
            program.read(0.0)
    elif kind == "in a dialog":
        program.send(chance.choice("q?+eo"))
        program.read(chance.random() * 0.1)


def hangs_up(server: AppServer, place: Path, kind: str, chance: random.Random) -> None:
    """Run the app, close its terminal at a random time, and see the run end well."""
    with forked(server, arguments(EPOCHS), place, chance.choice([(80, 24), (140, 45)])) as program:
        with held(place):
            started(program)
            program.read(chance.random() * 0.3)
            disturb(program, kind, chance)
            program.hang_up()
            until(lambda: screen_is_lost(place))
        assert program.process.wait() == 0


@pytest.fixture(scope="module")
def undisturbed(server: AppServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, watched to its end."""
    place = tmp_path_factory.mktemp("undisturbed")
    with forked(server, arguments(EPOCHS), place) as program:
        with held(place):
            started(program)
        program.see("all epochs done")
        program.send("q")
        assert program.wait() == 0
    return run_folder(place)


def many(count: int, soak: int) -> list[object]:
    return [
        *range(count),
        *(pytest.param(number, marks=pytest.mark.soak) for number in range(count, soak)),
    ]


@pytest.mark.parametrize("number", many(len(KINDS), 200))
def test_a_closed_terminal_costs_the_run_nothing(server, undisturbed, tmp_path, number):
    chance = random.Random(number)
    hangs_up(server, tmp_path, KINDS[number % len(KINDS)], chance)
    events = list(read_journal(run_folder(tmp_path) / "events.jsonl"))
    end = events[-1]
    assert isinstance(end, e.RunEnded) and end.reason == "epochs_done" and end.epochs == EPOCHS
    assert losses(events) == losses(list(read_journal(undisturbed / "events.jsonl")))
    weights = "model.safetensors"
    assert (run_folder(tmp_path) / weights).read_bytes() == (undisturbed / weights).read_bytes()
    lost = [event for event in events if isinstance(event, e.ScreenLost)]
    assert [event.problem for event in lost] == ["the terminal went away"]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [
        (signal.SIGTERM, 143, "closed"),
        (signal.SIGINT, 130, "SIGHUP alone"),
        pytest.param(signal.SIGINT, 130, "closed", marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, 143, "SIGHUP alone", marks=pytest.mark.soak),
    ],
)
def test_a_dead_screen_costs_next_to_nothing_and_signals_reach_the_run(server, tmp_path, number, code, how):
    """The run is paused, so that what the process still uses is the screen's."""
    with forked(server, arguments(100_000), tmp_path) as program:
        started(program)
        program.send(" ")
        program.see("PAUSED")
        if how == "closed":
            program.hang_up()
        else:
            program.process.send_signal(signal.SIGHUP)
        until(lambda: screen_is_lost(tmp_path))
        for _ in range(10):  # what the screen did to end may fall into the first of them
            before, began = cpu_seconds(program.process.pid), time.monotonic()
            time.sleep(1.0)  # a measurement, not a wait
            used = (cpu_seconds(program.process.pid) - before) / (time.monotonic() - began)
            if used < 0.05:
                break
        else:
            pytest.fail(f"{used:.1%} of a core")
        print(f"dead screen: {used:.1%} of a core")
        program.process.send_signal(number)
        assert program.process.wait() == code
        if how != "closed":
            program.read()
            program.as_found()
    end = list(read_journal(run_folder(tmp_path) / "events.jsonl"))[-1]
    assert isinstance(end, e.RunEnded) and end.reason in ("terminated", "interrupted")


def test_without_a_run_the_app_just_leaves(server, tmp_path):
    with forked(server, arguments(EPOCHS), tmp_path) as program:
        program.see("nntui · setup")
        program.hang_up()
        assert program.process.wait() == 129
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("stalled", [False, True], ids=["read", "unread"])
def test_a_signal_ends_the_app_and_the_run(server, tmp_path, number, code, stalled):
    with forked(server, arguments(100_000), tmp_path) as program:
        started(program)
        if stalled:
            disturb(program, "stalled", random.Random(0))
        began = time.monotonic()
        program.process.send_signal(number)
        assert program.process.wait() == code
        assert time.monotonic() - began < 30
        program.read()
        if not stalled:
            program.as_found()
    end = list(read_journal(run_folder(tmp_path) / "events.jsonl"))[-1]
    assert isinstance(end, e.RunEnded) and end.reason in ("terminated", "interrupted")
