"""Screens on runs of other processes: after a hang-up, after leaving, and in plain lines without a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.forkedapps import arguments, forked, held, ran, run_folder, screen_is_lost, started
from support.owners import until
from support.terminal import NNTUI, environment

from engine import events as e
from engine import read_journal
from engine.lock import probe
from engine.rundir import RunDir


def journal(place: Path) -> list[e.Event]:
    return list(read_journal(run_folder(place) / "events.jsonl"))


def test_after_a_hangup_the_first_screen_says_what_happened(server, tmp_path):
    with forked(server, arguments(3), tmp_path) as program:
        with held(tmp_path):
            started(program)
            program.hang_up()
            until(lambda: screen_is_lost(tmp_path))
        assert program.process.wait() == 0
    with forked(server, ["attach"], tmp_path) as program:
        program.see(
            "all epochs done", "the terminal went away at", "; training went on", "epoch 3/3", "test        loss"
        )
        program.send("q")
        assert program.wait() == 0
        program.as_found()


def test_attached_screens_have_full_control_and_leave_the_run_alone(server, tmp_path):
    with forked(server, arguments(100_000), tmp_path) as owner:
        started(owner)
        name = run_folder(tmp_path).name
        with (
            forked(server, ["attach", name[:-3]], tmp_path, (140, 45)) as one,
            forked(server, ["attach"], tmp_path) as other,
        ):
            one.see("training · epoch", name)
            other.see("training · epoch")
            one.send(" ")
            for screen in (one, other, owner):
                screen.see("PAUSED")
            other.hang_up()
            assert other.process.wait() == 129
            one.send("q")
            assert one.wait() == 0
            one.as_found()
        with forked(server, ["attach"], tmp_path) as again:
            again.see("PAUSED")
            again.process.send_signal(signal.SIGTERM)
            assert again.wait() == 143
            again.as_found()
        assert probe(RunDir(run_folder(tmp_path))) is not None, "the run is still there"
        with forked(server, ["attach"], tmp_path) as last:
            last.see("PAUSED")
            last.send("s")
            last.see("stopped on request")
            owner.see("stopped on request")
    end = journal(tmp_path)[-1]
    assert isinstance(end, e.RunEnded) and end.reason == "stopped"


def test_d_leaves_the_run_to_itself(server, tmp_path):
    with forked(server, arguments(100_000), tmp_path) as program:
        started(program)
        owner = probe(RunDir(run_folder(tmp_path)))
        assert owner is not None and owner.pid != program.process.pid
        program.send("d")
        assert program.wait() == 0
        program.see("goes on without this screen", "nntui attach")
        program.as_found()
    with forked(server, ["attach"], tmp_path) as program:
        program.see("training · epoch")
        assert (still := probe(RunDir(run_folder(tmp_path)))) is not None and still.pid == owner.pid
        program.send("S")
        program.see("stopped on request")
        program.send("q")
        assert program.wait() == 0
    events = journal(tmp_path)
    assert [event.kind for event in events if isinstance(event, e.CheckpointSaved)].count("asked") == 1
    assert not any(isinstance(event, e.RunResumed | e.ScreenLost) for event in events)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_screen_that_is_killed_or_frozen_takes_nothing_along(server, tmp_path, number):
    with forked(server, arguments(3), tmp_path) as program:
        with held(tmp_path):
            started(program)
            program.process.send_signal(number)
        with forked(server, ["attach"], tmp_path) as other:
            other.see("all epochs done", "epoch 3/3")


def test_a_run_whose_process_is_killed_goes_on_from_its_checkpoint(server, tmp_path):
    with forked(server, arguments(100_000), tmp_path) as program:
        started(program)
        program.send("w")
        program.see("saved epoch")
        owner = probe(RunDir(run_folder(tmp_path)))
        assert owner is not None
        os.kill(owner.pid, signal.SIGKILL)
        program.see(
            "LOST", "! the process that trained this run is gone; + goes on", "SIGKILL, perhaps for want of memory"
        )
        program.send("+")
        program.see("How many epochs more?")
        program.send("5\r")
        program.see("training · epoch", "resumed at")
        program.send("S")
        program.see("stopped on request")


def test_without_a_terminal_attach_prints_lines(server, tmp_path):
    with forked(server, arguments(3), tmp_path) as program:
        with held(tmp_path):
            started(program)
        program.see("all epochs done")
        program.send("q")
        assert program.wait() == 0
    done = ran(server, "attach", cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "epoch 3/3" in done.stdout and "ended       all epochs done" in done.stdout


def test_attaching_to_what_is_not_there_is_one_line(tmp_path):
    command = [*NNTUI, "attach", "nothing"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
