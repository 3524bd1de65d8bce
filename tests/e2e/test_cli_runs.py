"""The verbs about runs as a user meets them: ls, show, stop, resume, and training in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support import script
from support.forkedapps import ran
from support.owners import WAIT, a_run, end, forge, owner, until
from support.terminal import NNTUI, environment, heeding

from engine import RunConfig, dump_config
from engine import events as e
from engine.attached import attach
from engine.configfile import build_config, to_nested
from engine.errors import InputError, TrainingError
from engine.eventjson import to_json
from engine.lock import probe
from engine.rundir import RunDir
from engine.runs import spawn, summarize_run

QUICK = ("--set", "run.device=cpu", "--set", "run.tensorboard=off")
TRAINING = 120.0  # seconds until a test gives up on what needs torch


def fault(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that refused its input."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("nntui: "), done.stderr
    return lines[0].removeprefix("nntui: ")


def a_run_that_was(
    parent: Path, items, name: str = "20260101-120000-digits-mlp", config: RunConfig | None = None
) -> RunDir:
    """A run folder as it is left behind, with the settings it was started with."""
    config = config or build_config({"run": {"device": "cpu"}})
    folder = a_run(parent, name)
    folder.config.write_text(dump_config(config))
    began = e.RunStarted(time=time.time(), run=name, folder=str(folder.path), config=to_nested(config), device="cpu")
    folder.journal.write_text("".join(to_json(item) + "\n" for item in [began, *items[1:]]))
    return folder


# ---------------------------------------------------------------------------------------------------------- ls and show


def test_no_runs_yet(server, tmp_path):
    done = ran(server, "ls", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        f"there are no runs in {tmp_path}/runs; --folder names another place, and `nntui train FILE` starts one\n",
    )
    done = ran(server, "ls", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == []
    assert fault(ran(server, "show", cwd=tmp_path)).startswith(f"there are no runs in {tmp_path}/runs")


def test_runs_are_listed_and_shown(server, tmp_path):
    parent = tmp_path / "runs"
    a_run_that_was(parent, script.healthy(20), "20260101-120000-digits-mlp")
    a_run_that_was(parent, script.failed(), "20260102-120000-wine-mlp")
    lost = a_run_that_was(parent, script.healthy(7)[:-3], "20260103-120000-moons-mlp")
    a_run_that_was(parent, script.opening(), "20260104-120000-ev\x1b[31mil")
    done = ran(server, "ls", cwd=tmp_path)
    rows = [re.split(r"  +", line) for line in done.stdout.splitlines()]
    assert [row[:4] for row in rows] == [
        ["name", "status", "epoch", "best loss"],
        ["20260104-120000-ev\N{REPLACEMENT CHARACTER}[31mil", "lost", "0/50", "-"],
        ["20260103-120000-moons-mlp", "lost", "7/7", "0.4143"],
        ["20260102-120000-wine-mlp", "failed", "2/50", "0.55"],
        ["20260101-120000-digits-mlp", "finished", "20/20", "0.275"],
    ]
    assert len({line.index("  ", 25) for line in done.stdout.splitlines()[1:]}) <= 2
    listed = json.loads(ran(server, "ls", "--json", "--folder", str(parent), cwd=parent).stdout)
    assert [row["status"] for row in listed] == ["lost", "lost", "failed", "finished"]

    shown = dict(line.split(maxsplit=1) for line in ran(server, "show", "moons", cwd=tmp_path).stdout.splitlines())
    assert shown["status"].startswith("lost; `nntui resume 20260103-120000-moons-mlp`")
    shown = ran(server, "show", "wine", cwd=tmp_path).stdout
    assert "status      failed: RuntimeError: CUDA out of memory\n" in shown
    with owner(lost) as pid:
        assert f"process {pid}" in ran(server, "show", str(lost.path), cwd=parent).stdout
    content = lost.journal.read_bytes()
    lost.journal.write_bytes(content.replace(b'"EpochEnded"', b'"EpochEn\xff"', 1))
    done = ran(server, "show", "moons", "--json", cwd=tmp_path)
    body = json.loads(done.stdout)
    assert (done.returncode, body["status"], body["epochs"], body["damaged_lines"]) == (0, "lost", 7, 1)
    assert "1 lines of the journal are damaged" in ran(server, "show", "moons", cwd=tmp_path).stdout


def test_runs_are_compared(server, tmp_path):
    parent = tmp_path / "runs"
    a_run_that_was(parent, script.healthy(20), "20260101-120000-digits-mlp")
    a_run_that_was(parent, script.overfitting(), "20260102-120000-digits-big")
    done = ran(server, "compare", "mlp", "big", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith(
        "A  20260101-120000-digits-mlp\nB  20260102-120000-digits-big\n"
    )
    assert re.search(r"^validation loss +0.275\* +0.384$", done.stdout, re.M)
    body = json.loads(ran(server, "compare", "mlp", "big", "--json", cwd=tmp_path).stdout)
    assert body["best"]["val_loss"] == ["20260101-120000-digits-mlp"]
    assert fault(ran(server, "compare", "mlp", cwd=tmp_path)).startswith("RUN: 1 given, and 2 to 26 can be compared")
    assert "is named twice" in fault(ran(server, "compare", "mlp", "digits-mlp", cwd=tmp_path))


# ------------------------------------------------------------------------------------------------- what is refused


def test_a_run_that_nobody_trains_cannot_be_stopped(server, tmp_path):
    folder = a_run_that_was(tmp_path / "runs", script.healthy(3))
    assert fault(ran(server, "stop", cwd=tmp_path)) == "no run in runs is under way; `nntui ls` lists the runs"
    assert fault(ran(server, "stop", "digits", cwd=tmp_path)) == (
        f"{folder.name} is not running; `nntui resume {folder.name}` goes on with it"
    )


def test_a_run_that_somebody_trains_is_not_taken_up(server, tmp_path):
    folder = a_run_that_was(tmp_path / "runs", script.healthy(3)[:-3])
    with owner(folder) as pid:
        for how in ([], ["--detach"]):
            words = fault(ran(server, "resume", *how, cwd=tmp_path))
            assert f"process {pid}" in words and f"nntui attach {folder.name}" in words
    forge(folder, "elsewhere", 1.0)
    assert "process 4242 on elsewhere" in fault(ran(server, "resume", cwd=tmp_path))


def test_changed_settings_are_refused_by_key_with_their_place(server, tmp_path):
    folder = a_run_that_was(tmp_path / "runs", script.healthy(3)[:-3])
    words = fault(ran(server, "resume", "--set", "optimizer.lr=0.5", cwd=tmp_path))
    assert words.startswith("--set: optimizer.lr: ") and "0.001" in words and "0.5" in words and "--override" in words
    text = folder.config.read_text()
    folder.config.write_text(text.replace("epochs = 50", "epochs = 51"))
    line = 1 + text[: text.index("epochs = 50")].count("\n")
    words = fault(ran(server, "resume", cwd=tmp_path))
    assert words.startswith(f"config.toml:{line}: run.epochs: ") and "50" in words and "51" in words
    assert "run.epochs" in fault(ran(server, "resume", "--detach", cwd=tmp_path))
    assert summarize_run(folder.path).status == "lost"


def test_what_a_process_of_its_own_refuses_is_said_here(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as refused:
        spawn(["train", "gone.toml"])
    assert [each.line() for each in refused.value.faults] == [
        "gone.toml: no such file; check the path, or try `nntui --sample digits`"
    ]
    with pytest.raises(TrainingError, match="nntui 0"):
        spawn(["--version"])
    (tmp_path / "data.csv").write_text("a,y\n" + "1,2\n2,1\n" * 10)
    settings = ("--set", "data.source=data.csv", "--set", "data.target=label")
    for how in ([], ["--detach"]):
        words = fault(ran(server, "train", "--sample", "diabetes_regression", *settings, *how, cwd=tmp_path))
        assert words.startswith("data.csv:1: data.target: no column called 'label'")
    assert not (tmp_path / "runs").exists()


# --------------------------------------------------------------------------------------------- a run in its own process


def test_the_life_of_a_run(server, tmp_path):
    """Started in a process of its own, listed, stopped, taken up by another process of its own, killed, lost, stopped at last."""
    settings = "--set", "run.epochs=100000", "--set", "early_stopping.enabled=off"
    command = [
        *NNTUI,
        "train",
        "--sample",
        "overfit",
        *settings,
        *QUICK,
        "--detach",
    ]  # a start as it is, both processes
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=TRAINING)
    assert (done.returncode, done.stderr) == (0, "")
    name, pid = re.findall(r"run (\S+) is trained by process (\d+)", done.stdout)[0]
    assert f"nntui attach {name}" in done.stdout
    folder, pids = RunDir(tmp_path / "runs" / name), [int(pid)]
    try:
        held = probe(folder)
        assert held is not None and held.pid == pids[0], "it is under way when the command returns"
        assert os.getsid(pids[0]) == pids[0] != os.getsid(0)
        until(lambda: summarize_run(folder.path).epochs > 0, TRAINING)
        assert summarize_run(folder.path).status == "running"

        done = ran(server, "stop", "--now", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert re.match(rf"{name} stopped: stopped on request; \d+/100000 epochs done", done.stdout)
        assert probe(folder) is None and summarize_run(folder.path).status == "stopped"
        log = folder.log.read_text()
        assert (
            log.startswith("loading data and PyTorch\n")
            and "epoch      1/100000" in log
            and "stopped on request" in log
        )

        before = summarize_run(folder.path).epochs
        done = ran(server, "resume", "--detach", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        pids.append(int(re.findall(r"process (\d+)", done.stdout)[0]))
        until(lambda: summarize_run(folder.path).epochs > before, TRAINING)
        assert folder.log.read_text().startswith(log), "the log is gone on with"
        os.kill(pids[1], signal.SIGKILL)
        until(lambda: summarize_run(folder.path).status == "lost")
        screen, seen = attach(folder.path), []
        while screen.alive:
            seen += screen.drain()
        assert sum(isinstance(item, e.RunResumed) for item in seen) == 1 and screen.damaged == 0
    finally:
        for each in pids:
            end(each)


def test_ctrl_c_while_a_run_starts_leaves_none_behind(tmp_path):
    command = [*NNTUI, "train", "--sample", "overfit", "--set", "run.epochs=100000", *QUICK, "--detach"]
    starter = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding,
    )
    assert starter.stdout is not None
    assert starter.stdout.readline().startswith("starting")
    mine = Path(f"/proc/{starter.pid}/task/{starter.pid}/children")
    if not mine.exists():
        pytest.skip("needs Linux's /proc to find the process that is being started")
    until(lambda: mine.read_text().split())
    child = int(mine.read_text().split()[0])
    until(lambda: b"engine" in Path(f"/proc/{child}/cmdline").read_bytes())
    starter.send_signal(signal.SIGINT)
    assert starter.wait(WAIT) == 130
    until(
        lambda: not Path(f"/proc/{child}").exists() or "zombie" in Path(f"/proc/{child}/status").read_text(), TRAINING
    )
    for folder in (tmp_path / "runs").glob("*"):
        assert summarize_run(folder).status in ("stopped", "lost")
