"""Runs on two devices of one machine, which are shares of its CPU: started by nntui, looked at, ended, and gone on with."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.configs import config_in
from support.owners import WAIT, until
from support.terminal import environment, heeding

from engine import events as e
from engine import read_journal, train
from engine.journal import JournalTail
from engine.lock import probe
from engine.rundir import RunDir

PATIENCE = 3 * WAIT  # torch is imported in three processes at once


def nntui(place: Path, *arguments: str, **how) -> subprocess.Popen[str]:
    settings = ["run.device=cpu", "run.tensorboard=off", f"run.folder={place}"]
    words = (
        [part for setting in settings for part in ("--set", setting)] if arguments[0] == "train" else ["--folder", "."]
    )
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *arguments, *words],
        cwd=place,
        env=environment(),
        preexec_fn=heeding,
        text=True,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **how},
    )


def run_in(place: Path) -> RunDir | None:
    found = sorted(path for path in place.iterdir() if (path / "config.toml").exists())
    return RunDir(found[0]) if found else None


def told(place: Path, kind: type[e.Event]) -> list[e.Event]:
    """The events of this kind so far."""
    run, found = run_in(place), []
    tail = JournalTail(run.journal) if run else None
    while tail is not None and tail.behind:
        found += [event for event in tail.read() if isinstance(event, kind)]
    return found


def ranks_of(run: RunDir) -> dict[int, psutil.Process]:
    """The processes that train a run, by rank, as long as rank 0 is there."""
    owner = probe(run)
    assert owner is not None
    parent = psutil.Process(owner.pid).parent()
    assert parent is not None
    return {int(one.environ()["RANK"]): one for one in parent.children() if one.status() != psutil.STATUS_ZOMBIE}


def test_a_closed_terminal_costs_nothing_and_a_killed_rank_ends_the_run(tmp_path):
    ours, theirs = pty.openpty()
    arguments = [
        "--sample",
        "digits",
        "--devices",
        "2",
        "--set",
        "run.epochs=100000",
        "--set",
        "early_stopping.enabled=off",
    ]
    running = nntui(tmp_path, "train", *arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    until(lambda: told(tmp_path, e.EpochEnded), PATIENCE)
    run = run_in(tmp_path)
    assert run is not None
    ranks = ranks_of(run)
    agent = ranks[0].parent()
    assert sorted(ranks) == [0, 1] and agent is not None
    os.close(ours)
    running.send_signal(signal.SIGHUP)  # as the kernel does where it is the terminal's own session
    until(lambda: told(tmp_path, e.ScreenLost), PATIENCE)
    there = len(told(tmp_path, e.EpochEnded))
    until(lambda: len(told(tmp_path, e.EpochEnded)) > there, PATIENCE)

    ranks[1].kill()
    assert running.wait(PATIENCE) == 1
    (end,) = told(tmp_path, e.RunEnded)
    assert isinstance(end, e.RunEnded) and end.reason == "failed"
    assert end.error.startswith("rank 1 of 2 ") and "killed" in end.error
    assert "rank 1 of 2" in run.log.read_text()
    assert probe(run) is None
    assert not [one for one in (*ranks.values(), agent) if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_restarts_go_to_a_rank_each_and_come_out_as_in_one_process(tmp_path):
    """Rank 1 tells of its restarts in a journal of its own, which leaves nothing behind."""
    sections = {"data": {"source": "wine"}, "trials": {"kind": "restarts", "restarts": 3, "side_by_side": "off"}}
    settings = [
        "data.source=wine",
        "trials.kind=restarts",
        "trials.restarts=3",
        "trials.side_by_side=off",
        "run.epochs=4",
    ]
    running = nntui(tmp_path, "train", "--devices", "2", *[part for one in settings for part in ("--set", one)])
    out, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, out
    run = run_in(tmp_path)
    assert run is not None and not (run.path / "ranks").exists() and run.log.read_text() == ""
    assert "3 restarts on 2 ranks: each trains whole ones" in out

    alone = train(config_in(tmp_path / "alone", run={"epochs": 4}, **sections))
    figures = {
        one.number: (one.reason, one.epochs, one.val_loss, one.test_loss, one.test_metric) for one in alone.trials
    }
    assert len(figures) == 3
    shared = told(tmp_path, e.TrialEnded)
    assert {
        one.number: (one.reason, one.epochs, one.val_loss, one.test_loss, one.test_metric) for one in shared
    } == figures
    for kind in (e.TrialStarted, e.TestMeasured, e.ReportMade):
        assert len(told(tmp_path, kind)) == 3
    for label in ("restart-1", "restart-2", "restart-3"):
        weights = (run.path / label / "model.safetensors").read_bytes()
        assert weights == (Path(alone.folder) / label / "model.safetensors").read_bytes()
    history = [event for event in read_journal(Path(alone.folder) / "events.jsonl") if isinstance(event, e.EpochEnded)]
    losses = {(event.trial, event.epoch): event.val_loss for event in history}
    assert {(event.trial, event.epoch): event.val_loss for event in told(tmp_path, e.EpochEnded)} == losses


@pytest.mark.soak
@pytest.mark.parametrize("victim", ["rank 0", "torchrun", "supervisor"])
def test_whoever_is_killed_nobody_is_left_waiting(tmp_path, victim):
    arguments = [
        "--sample",
        "digits",
        "--devices",
        "2",
        "--set",
        "run.epochs=100000",
        "--set",
        "early_stopping.enabled=off",
    ]
    running = nntui(tmp_path, "train", *arguments)
    until(lambda: told(tmp_path, e.EpochEnded), PATIENCE)
    run = run_in(tmp_path)
    assert run is not None
    ranks = ranks_of(run)
    agent = ranks[0].parent()
    assert agent is not None
    if victim == "supervisor":
        running.kill()
        there = len(told(tmp_path, e.EpochEnded))
        until(lambda: len(told(tmp_path, e.EpochEnded)) > there, PATIENCE)
        assert nntui(tmp_path, "stop").wait(PATIENCE) == 0
    else:
        (ranks[0] if victim == "rank 0" else agent).kill()
        assert running.wait(PATIENCE) == (1 if victim == "rank 0" else 143)
    until(lambda: not any(one.is_running() and one.status() != "zombie" for one in (*ranks.values(), agent)), PATIENCE)
    (end,) = told(tmp_path, e.RunEnded)
    expected = {"rank 0": "failed", "torchrun": "terminated", "supervisor": "stopped"}
    assert isinstance(end, e.RunEnded) and end.reason == expected[victim]

    there = len(told(tmp_path, e.EpochEnded))
    again = nntui(tmp_path, "resume")
    until(lambda: told(tmp_path, e.Rewound) and len(told(tmp_path, e.EpochEnded)) > there, PATIENCE)
    again.send_signal(signal.SIGINT)
    out, _ = again.communicate(timeout=PATIENCE)
    assert again.returncode == 130 and "goes on after" in out and "ended       interrupted" in out
    assert [event.device for event in told(tmp_path, e.RunResumed)] == ["cpu, 2 ranks"]


@pytest.mark.soak
def test_two_machines_train_one_run(tmp_path):
    """Both are this one; the one without rank 0 says where the run is shown, and ends well with it."""
    shared = ["--sample", "digits", "--set", "run.epochs=2", "--nnodes", "2", "--rdzv-endpoint", "127.0.0.1:29517"]
    both = [nntui(tmp_path, "train", *shared, "--rdzv-id", "test") for _ in range(2)]
    said = [one.communicate(timeout=PATIENCE)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sum("the machine of rank 0 shows the run" in out for out in said) == 1
    assert sum("ended       all epochs done" in out for out in said) == 1
    assert len(told(tmp_path, e.EpochEnded)) == 2
