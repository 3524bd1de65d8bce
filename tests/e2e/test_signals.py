"""Signals, hang-ups and closed outputs of a run without a screen: its exit code stays that of the training.

The training itself is a stand-in that needs no torch: epochs into a journal until it is asked to stop, or to `LAST`.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.forkedapps import Piped
from support.owners import WAIT, until
from support.terminal import environment, heeding

from engine import events as e
from engine import read_journal
from engine.journal import JournalTail

PROGRAM = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from engine import events as e
from engine.signals import occupy_descriptors
from engine import headless
from engine.journal import JournalSink
from engine.runview import RunView
from engine.sinks import Tee, ViewSink

def begin(sinks, token):
    seen = ViewSink()
    tee = Tee([JournalSink(Path("events.jsonl")), seen, *sinks])
    number = 0
    while token.reason is None and number < {last}:
        number += 1
        figures = dict.fromkeys(("train_loss", "val_loss", "train_metric", "val_metric", "lr", "penalty", "grad_norm",
                                 "seconds", "samples_per_second"), 0.5)
        tee(e.EpochEnded(epoch=number, best_epoch=1, **figures))
        while token.notices:
            tee(token.notices.popleft())
        while token.asked:
            tee(e.Noted(text=f"asked {{token.asked.popleft()}}"))
        time.sleep(0.005)
        while os.path.exists("hold") and token.reason is None:
            time.sleep(0.005)
    {ending}
    tee(e.RunEnded(reason=token.reason or "epochs_done", epochs=number, best_epoch=1, seconds=1.0, error="now" if token.now else ""))
    tee.close()
    return SimpleNamespace(view=seen.view, reason=token.reason or "epochs_done")

occupy_descriptors()
sys.exit(headless._plainly(begin, own_code=False))
"""
FOREVER = 10**9


def started(folder: Path, last: int = FOREVER, ending: str = "", **how) -> subprocess.Popen[bytes]:
    """The program in a process that was started for it."""
    code = PROGRAM.format(last=last, ending=ending)
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=environment(), **how)


@pytest.fixture
def program(server, tmp_path, request) -> Callable[..., Piped]:
    """`program(last, ending, first)`: it in a forked process, whose outputs are pipes. first: code that goes before it."""

    def begin(last: int = FOREVER, ending: str = "", first: str = "") -> Piped:
        running = Piped(server, [], tmp_path, first + PROGRAM.format(last=last, ending=ending))
        request.addfinalizer(running.close)
        return running

    return begin


def record(folder: Path) -> list[e.Event]:
    return list(read_journal(folder / "events.jsonl"))


def epochs(folder: Path) -> int:
    try:
        return sum(isinstance(item, e.EpochEnded) for item in JournalTail(folder / "events.jsonl").read())
    except OSError:
        return 0


def finished(running: Piped) -> tuple[int, str, str]:
    out = running.stdout.read()
    return running.process.wait(WAIT), out, running.errors


@pytest.mark.parametrize(
    ("number", "code", "reason", "now"),
    [(signal.SIGINT, 130, "interrupted", False), (signal.SIGTERM, 143, "terminated", True)],
)
def test_a_signal_stops_after_the_batch_in_hand(program, tmp_path, number, code, reason, now):
    running = program()
    until(lambda: epochs(tmp_path) > 2)
    running.process.send_signal(number)
    exit_code, out, err = finished(running)
    assert (exit_code, err) == (code, "")
    last = record(tmp_path)[-1]
    assert isinstance(last, e.RunEnded) and last.reason == reason and bool(last.error) == now
    assert "ended" in out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_one_of_its_kind_ends_the_process_at_once(program, tmp_path, number, code):
    running = program(ending="Path('ending').touch(); time.sleep(1000)")
    until(lambda: epochs(tmp_path))
    running.process.send_signal(number)
    until((tmp_path / "ending").exists)
    running.process.send_signal(number)
    assert finished(running)[0] == code
    assert not any(isinstance(item, e.RunEnded) for item in record(tmp_path))


def test_sigterm_hurries_an_interrupted_run_and_does_not_cut_it_short(program, tmp_path):
    ending = "Path('ending').touch()\n    while not token.now: time.sleep(0.005)"
    running = program(ending=ending)
    until(lambda: epochs(tmp_path))
    running.process.send_signal(signal.SIGINT)
    until((tmp_path / "ending").exists)
    running.process.send_signal(signal.SIGTERM)
    assert finished(running)[0] == 130
    assert isinstance(record(tmp_path)[-1], e.RunEnded)


def test_sigusr1_asks_for_a_checkpoint_and_the_run_goes_on(program, tmp_path):
    running = program()
    until(lambda: epochs(tmp_path))
    running.process.send_signal(signal.SIGUSR1)
    until(lambda: any(isinstance(item, e.Noted) and "Save" in item.text for item in record(tmp_path)))
    there = epochs(tmp_path)
    until(lambda: epochs(tmp_path) > there)
    running.process.send_signal(signal.SIGTERM)
    assert finished(running)[0] == 143


def test_a_hang_up_is_told_once_and_training_goes_on(program, tmp_path):
    (tmp_path / "hold").touch()
    running = program(last=20)
    until(lambda: epochs(tmp_path))
    for _ in range(3):
        running.process.send_signal(signal.SIGHUP)
    (tmp_path / "hold").unlink()
    code, out, err = finished(running)
    assert (code, err) == (0, "") and "ended       all epochs done" in out
    told = [item for item in record(tmp_path) if isinstance(item, e.ScreenLost)]
    assert [item.problem for item in told] == ["the terminal went away"]


def test_under_nohup_a_hang_up_is_nothing(program, tmp_path):
    (tmp_path / "hold").touch()
    running = program(last=20, first="import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n")
    until(lambda: epochs(tmp_path))
    running.process.send_signal(signal.SIGHUP)
    (tmp_path / "hold").unlink()
    assert finished(running)[0] == 0
    assert not any(isinstance(item, e.ScreenLost) for item in record(tmp_path))


@pytest.mark.parametrize("leader", [True, False], ids=["its own terminal", "setsid: no signal, only EIO"])
def test_a_terminal_that_is_closed(tmp_path, leader):
    """The one who leads its session is sent SIGHUP; the other only finds that nothing can be written any more."""
    (tmp_path / "hold").touch()
    ours, theirs = pty.openpty()

    def own_terminal():
        import fcntl
        import termios

        heeding()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    running = started(
        tmp_path,
        last=40,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=own_terminal if leader else heeding,
    )
    os.close(theirs)
    until(lambda: epochs(tmp_path))
    os.close(ours)
    (tmp_path / "hold").unlink()
    assert running.wait(WAIT) == 0
    items = record(tmp_path)
    assert sum(isinstance(item, e.EpochEnded) for item in items) == 40
    assert any(isinstance(item, e.ScreenLost) for item in items) == leader
    assert any(isinstance(item, e.SinkFailed) and item.sink == "console" for item in items) == (not leader)


def test_nobody_reads_the_lines(program, tmp_path):
    (tmp_path / "hold").touch()
    running = program(last=40)
    until(lambda: epochs(tmp_path))
    running.stdout.close()
    (tmp_path / "hold").unlink()
    assert running.process.wait(WAIT) == 0
    assert running.errors == ""


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_no_trap(tmp_path, closed):
    """The journal must not get number 1 or 2, where prints would go into it."""
    code = PROGRAM.format(last=3, ending="[os.write(fd, b'stray') for fd in (1, 2)]")
    command = ["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert [type(item).__name__ for item in record(tmp_path)] == ["EpochEnded"] * 3 + ["RunEnded"]
