"""Signals at any instant to a run without a screen: the promised exit codes, a good checkpoint, and a resume that is exact."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.forkserver import PHASES, Child, Server
from support.lives import journal
from support.outcomes import leftovers, outcome
from support.terminal import heeding

from engine import events as e
from engine.checkpoint import Checkpoints

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 0}
REASONS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
SECONDS = 5.0  # from SIGTERM to a checkpoint on disk

SETTINGS = """
[data]
source = "moons"
rows = 200
[model]
hidden = [8]
[regularization]
dropout = 0.3
mixup = 0.2
[schedule]
name = "one_cycle"
[run]
epochs = 20
batch_size = 16
device = "cpu"
checkpoint_pause = 0
tensorboard = false
"""


class Desk:
    """Runs of the command line in folders of their own."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server, self._folder, self._count = server, folder, 0
        self.stopped = 0  # runs that a signal was in time for
        self.file = folder / "run.toml"
        self.file.write_text(SETTINGS)
        child, runs = self.train()
        assert child.wait() == 0, child.log.read_text()
        self.undisturbed = facts(only_run(runs))

    def train(self) -> tuple[Child, Path]:
        self._count += 1
        runs = self._folder / f"runs-{self._count}"
        arguments = ["train", str(self.file), "--set", f"run.folder={runs}"]
        return self.server.fork("command_line", arguments=arguments), runs

    def resume(self, folder: Path) -> int:
        child = self.server.fork("command_line", arguments=["resume", str(folder)])
        code = child.wait()
        assert code in (0, 2), child.log.read_text()
        return code


@pytest.fixture(scope="module")
def desk(tmp_path_factory, lives) -> Desk:
    return Desk(tmp_path_factory.mktemp("signals"), lives)


def only_run(runs: Path) -> Path:
    (folder,) = runs.iterdir()
    return folder


def facts(folder: Path) -> dict[str, str]:
    return {key: value for key, value in outcome(folder).items() if key != "settings" and not key.endswith(": config")}


def wait_for(child: Child, moment: str, rng: random.Random) -> bool:
    """Wait for the instant; False when the run has ended before."""
    if moment == "saving":
        return child.until(lambda place: place.get("done") >= 2 and place.get("saving"))
    if moment == "any":
        until = time.perf_counter() + rng.uniform(0, 0.2)
        return child.until(lambda place: place.phase != "starting") and child.until(
            lambda _: time.perf_counter() > until
        )
    child.place.set("hold", 1 + PHASES.index(moment))
    return child.until(lambda place: place.get("held"))


def saved(folder: Path) -> bool:
    return Checkpoints(folder / "checkpoints", read_only=True).load_newest() is not None


def one_signal(desk: Desk, number: signal.Signals, moment: str, rng: random.Random) -> list[str]:
    """Send a signal at a moment; what is wrong then."""
    child, runs = desk.train()
    assert wait_for(child, moment, rng)
    sent = time.monotonic()
    child.signal(number)
    child.place.set("hold", 0)
    code, took = child.wait(), time.monotonic() - sent
    output = child.log.read_text()
    faults = ["a traceback"] if "Traceback" in output else []
    if code == 0 and number in REASONS and moment in ("any", "saving"):  # it came when nothing was left to be stopped
        return faults + compared(desk, runs)
    desk.stopped += 1
    if code != CODES[number]:
        return [*faults, f"exit code {code}: {output}"]
    folder = only_run(runs)
    if took > SECONDS or not saved(folder):
        faults.append(f"no checkpoint, or late: {took:.1f} s")
    told = journal(folder)
    if number in REASONS:
        if not isinstance(told[-1], e.RunEnded) or told[-1].reason != REASONS[number]:
            faults.append(f"the journal ends with {told[-1]}")
        if number == signal.SIGTERM and any(isinstance(one, e.TestMeasured) for one in told):
            faults.append("SIGTERM waits for a test")
        desk.resume(folder)
    elif moment not in ("any", "saving") and not any(
        isinstance(one, e.CheckpointSaved) and one.kind == "asked" for one in told
    ):
        faults.append("nothing was saved")
    return faults + compared(desk, runs)


def compared(desk: Desk, runs: Path) -> list[str]:
    folder = only_run(runs)
    found = facts(folder)
    different = [f"differs: {key}" for key in desk.undisturbed if found.get(key) != desk.undisturbed[key]]
    return different + leftovers(folder)


MOMENTS = ("loading", "training", "validation", "saving", "any")


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_a_signal_at_any_moment(rounds, number, desk):
    rng = random.Random(int(number))
    faults, before = {}, desk.stopped
    for count in range(rounds):
        for moment in MOMENTS:
            if found := one_signal(desk, number, moment, rng):
                faults[f"{moment} {count}"] = found
    assert faults == {}
    assert desk.stopped - before >= 0.7 * rounds * len(MOMENTS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_leaves_at_once_and_the_run_can_be_resumed(number, desk):
    child, runs = desk.train()
    assert wait_for(child, "test" if number == signal.SIGINT else "validation", random.Random(0))
    child.signal(number)
    child.signal(signal.SIGCONT)  # any other signal in between changes nothing
    assert not child.ended()  # it stands still in the middle of something long
    deadline = time.monotonic() + SECONDS
    while not child.ended():
        assert time.monotonic() < deadline, "it does not leave"
        child.signal(number)
        time.sleep(0.005)
    assert child.wait() == CODES[number]
    folder = only_run(runs)
    assert desk.resume(folder) == 0
    assert compared(desk, runs) == []


def test_ctrl_c_tests_the_best_weights_and_says_so(desk):
    child, runs = desk.train()
    assert child.until(lambda place: place.get("done") >= 3)
    child.signal(signal.SIGINT)
    assert child.wait() == 130
    told = journal(only_run(runs))
    assert any(isinstance(one, e.TestMeasured) for one in told)
    assert "interrupted" in child.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_a_signal_while_torch_is_imported(number, tmp_path):
    """A process of its own, which imports everything itself."""
    file = tmp_path / "run.toml"
    file.write_text(SETTINGS)
    arguments = [sys.executable, "-m", "engine", "train", str(file), "--set", f"run.folder={tmp_path / 'runs'}"]
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=heeding
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert "loading" in first
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(60) == CODES[number], rest
        assert "Traceback" not in rest
        assert isinstance(journal(only_run(tmp_path / "runs"))[-1], e.RunEnded)
    finally:
        process.kill()
        process.wait()
