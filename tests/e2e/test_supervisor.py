"""The process that starts the ranks of a run and follows them: what it prints, hands on, and ends with.

torchrun and its ranks are a stand-in that needs no torch: epochs into a journal until it is asked to stop.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.owners import WAIT, until
from support.terminal import environment, heeding

from engine import events as e
from engine import read_journal
from engine.journal import JournalTail

SUPERVISOR = """
import subprocess, sys
from engine import cli
from engine.ranks import supervisor

def start(folder, nodes):
    with folder.output.open("ab") as output:
        return subprocess.Popen([sys.executable, "ranks.py", str(folder.path)], start_new_session=True,
                                stdin=subprocess.DEVNULL, stdout=output, stderr=output)

supervisor._start = start
sys.exit(cli.main(sys.argv[1:] or ["train", "--sample", "digits", "--devices", "2"]))
"""

RANKS = """
import os, subprocess, sys, time
from dataclasses import asdict
from pathlib import Path
from engine import events as e
from engine.commandfile import CommandReader
from engine.errors import EXIT_FAILED, Fault, InputError
from engine.journal import JournalSink
from engine.lock import RunLock
from engine.ranks.job import JobFolder, refused
from engine.ranks.rank import _Telling
from engine.rundir import RunDir
from engine.signals import obey_signals
from engine.sinks import Tee
from engine.stopping import StopToken
from engine.world import World

folder, what = JobFolder(Path(sys.argv[1])), os.environ["WHAT"]
job = folder.job
assert job.devices == 2 and (job.settings.run.devices == 2 if job.do == "train" else job.do == "resume")
Path("job").write_text(str(folder.path))
if what == "refuse":
    folder.answer(refused(InputError([Fault("data.source", "is no good", "mend it")])))
if what == "silent":
    print("Traceback\\nImportError: no module named torch", flush=True)
if what in ("refuse", "silent"):
    sys.exit(EXIT_FAILED)
run, token = RunDir(Path("run").absolute()), StopToken()
run.path.mkdir(exist_ok=True)
if what == "no commands":
    run.commands.mkdir()
lock, reader = RunLock.take(run), CommandReader(run, token)
obey_signals(token)
tee = Tee([JournalSink(run.journal), _Telling(folder, World())])
first = e.RunStarted(run="run", folder=str(run.path), config={}, device="cpu, 2 ranks")
if job.do == "resume":
    assert (Path(job.folder), job.more) == (run.path, 3)
    first = e.RunResumed(run="run", folder=str(run.path), config={}, device="cpu, 2 ranks", pid=os.getpid(), after="ended")
tee(first)
number = 0
while token.reason is None and number < (20 if what in ("", "lost", "fail") else 10**9):
    number += 1
    figures = dict.fromkeys(("train_loss", "val_loss", "train_metric", "val_metric", "lr", "penalty", "grad_norm",
                             "seconds", "samples_per_second"), 0.5)
    tee(e.EpochEnded(epoch=number, best_epoch=1, **figures))
    while token.notices:
        tee(token.notices.popleft())
    while token.asked:
        tee(e.Noted(text=f"asked {token.asked.popleft()}"))
    time.sleep(0.005)
if what == "stubborn":
    rank = subprocess.Popen(["sleep", "1000"])
    Path("rank").write_text(str(rank.pid))
    time.sleep(1000)
if what == "lost":
    folder.answer({"lost": "rank 1 of 2 was ended by SIGKILL"})
    sys.exit(EXIT_FAILED)
if what == "fail":
    tee(e.RunEnded(reason="failed", epochs=20, best_epoch=1, seconds=1.0, error="rank 1 of 2: boom"))
    folder.answer({"problem": "rank 1 of 2: boom", "frames": ["nets.py:3 in forward: boom"]})
    sys.exit(EXIT_FAILED)
tee(e.RunEnded(reason=token.reason or "epochs_done", epochs=number, best_epoch=1, seconds=1.0))
"""


def supervised(folder: Path, what: str = "", *arguments: str) -> subprocess.Popen[str]:
    (folder / "ranks.py").write_text(RANKS)
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, *arguments],
        cwd=folder,
        env=environment(WHAT=what),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding,
    )


def finished(running: subprocess.Popen[str], folder: Path) -> tuple[int, str, str]:
    """Exit code and output, once it has ended and has cleared up."""
    out, err = running.communicate(timeout=WAIT)
    assert not Path((folder / "job").read_text()).exists(), "the job's folder was left behind"
    return running.returncode, out, err


def epochs(folder: Path) -> int:
    tail = JournalTail(folder / "run" / "events.jsonl")
    return sum(isinstance(event, e.EpochEnded) for event in tail.read())


def told(folder: Path) -> list[e.Event]:
    return list(read_journal(folder / "run" / "events.jsonl"))


def test_it_prints_what_one_process_would_and_ends_with_its_code(tmp_path):
    code, out, err = finished(supervised(tmp_path), tmp_path)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "starting 2 processes"
    assert lines[1] == f"run {tmp_path / 'run'} on cpu, 2 ranks"
    assert [line.split()[1].partition("/")[0] for line in lines[2:22]] == [str(number) for number in range(1, 21)]
    assert "ended       all epochs done" in out


def test_of_a_run_that_goes_on_only_what_is_new_is_printed(tmp_path):
    assert finished(supervised(tmp_path), tmp_path)[0] == 0
    (tmp_path / "run" / "config.toml").write_text("[run]\ndevices = 4\n")
    code, out, err = finished(supervised(tmp_path, "", "resume", "run", "--more", "3", "--devices", "2"), tmp_path)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].endswith("taken up again")
    assert sum(line.startswith("epoch") for line in out.splitlines()) == 20


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_is_asked_of_the_run(tmp_path, number, code):
    running = supervised(tmp_path, "on and on")
    until(lambda: epochs(tmp_path) > 2)
    if number == signal.SIGTERM:
        running.send_signal(signal.SIGUSR1)
        until(lambda: any(isinstance(event, e.Noted) and "Save" in event.text for event in told(tmp_path)))
        for _ in range(2):
            running.send_signal(signal.SIGHUP)
        until(lambda: any(isinstance(event, e.ScreenLost) for event in told(tmp_path)))
    running.send_signal(number)
    assert finished(running, tmp_path)[0] == code
    lost = [event.problem for event in told(tmp_path) if isinstance(event, e.ScreenLost)]
    assert lost == (["the terminal went away"] if number == signal.SIGTERM else [])
    asked = [json.loads(line) for line in (tmp_path / "run" / "commands.jsonl").read_text().splitlines()]
    reason = "terminated" if number == signal.SIGTERM else "interrupted"
    assert asked[-1] == {"command": "stop", "now": number == signal.SIGTERM, "reason": reason}


def test_where_no_command_can_be_written_rank_0_gets_a_signal(tmp_path):
    running = supervised(tmp_path, "no commands")
    until(lambda: epochs(tmp_path) > 2)
    running.send_signal(signal.SIGINT)
    assert finished(running, tmp_path)[0] == 130


def test_a_second_interrupt_leaves_no_process_behind(tmp_path):
    running = supervised(tmp_path, "stubborn")
    until(lambda: epochs(tmp_path) > 2)
    running.send_signal(signal.SIGINT)
    until(lambda: (tmp_path / "rank").exists() and (tmp_path / "rank").read_text())
    rank = int((tmp_path / "rank").read_text())
    running.send_signal(signal.SIGINT)
    assert finished(running, tmp_path)[0] == 130
    until(lambda: not alive(rank))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("refuse", 2, ["nntui: data.source: is no good; mend it"]),
        (
            "silent",
            1,
            ["nntui: training failed: torchrun ended with exit code 1: ImportError: no module named torch"],
        ),
        ("lost", 1, ["nntui: training failed: rank 1 of 2 was ended by SIGKILL"]),
        ("fail", 1, ["nntui: training failed: rank 1 of 2: boom", "    nets.py:3 in forward: boom"]),
    ],
)
def test_what_the_ranks_cannot_do_is_told_once(tmp_path, what, code, said):
    exit_code, out, err = finished(supervised(tmp_path, what), tmp_path)
    assert (exit_code, err.splitlines()) == (code, said)
    assert ("epoch 20" in out) == (what in ("lost", "fail"))


def test_a_run_goes_on_when_the_supervisor_is_killed(tmp_path):
    running = supervised(tmp_path, "on and on")
    until(lambda: epochs(tmp_path) > 2)
    running.kill()
    running.communicate(timeout=WAIT)
    there = epochs(tmp_path)
    until(lambda: epochs(tmp_path) > there)
    owner = json.loads((tmp_path / "run" / "lock").read_text())["pid"]
    os.kill(owner, signal.SIGTERM)
    until(lambda: not alive(owner))
    end = told(tmp_path)[-1]
    assert isinstance(end, e.RunEnded) and end.reason == "terminated"
    shutil.rmtree((tmp_path / "job").read_text())  # which torchrun itself does, where nobody else is left to
