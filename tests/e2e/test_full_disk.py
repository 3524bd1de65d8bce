"""The disk is full after any number of bytes: training goes on, each record says so once, and nothing that was good is lost."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.forkserver import Server
from support.outcomes import leftovers, outcome

EPOCHS = 12
BACK = 8  # the epoch at whose end there is space again
CONFIG: dict[str, dict[str, Any]] = {
    "data": {"source": "moons", "rows": 200},
    "model": {"hidden": [48]},  # a checkpoint is then larger than the journal at the beginning, and smaller at the end
    "regularization": {"dropout": 0.2},
    "run": {"epochs": EPOCHS, "batch_size": 2, "device": "cpu", "checkpoint_pause": 0, "histograms": 1, "figures": False},
}  # fmt: skip


class Disk:
    """Runs of the same configuration, on a disk that is full for a while."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server, self._folder, self._count = server, folder, 0
        _, runs = self.run(0, (-1, -1))
        (self.sizes,) = [
            {path.name.partition(".out")[0]: path.stat().st_size for path in run.rglob("*") if path.is_file()}
            for run in runs.iterdir()
        ]
        self.undisturbed = facts(runs)

    def run(self, limit: int, full: tuple[int, int]) -> tuple[dict[str, Any], Path]:
        """What a run told, and where it is."""
        self._count += 1
        runs, report = self._folder / f"runs-{self._count}", self._folder / f"report-{self._count}"
        config = {**CONFIG, "run": {**CONFIG["run"], "folder": str(runs)}}
        child = self.server.fork("full_disk", config=config, limit=limit, full=full, report=str(report))
        assert child.wait() == 0, child.log.read_text()
        return json.loads(report.read_text()), runs


def facts(runs: Path) -> dict[str, str]:
    (folder,) = runs.iterdir()
    found = outcome(folder)
    return {key: value for key, value in found.items() if key != "settings" and not key.endswith(": config")}


@pytest.fixture(scope="module")
def disk(tmp_path_factory, lives) -> Disk:
    return Disk(tmp_path_factory.mktemp("full"), lives)


def wrong(report: dict[str, Any], start: int, journal: int = 1) -> list[str]:
    """What is wrong with a run on a disk that was full after epoch `start`. journal: how often that may be told of it."""
    told = [(kind, name, epoch) for kind, name, epoch in report["told"]]
    failed = Counter(name or kind for kind, name, _ in told if kind in ("SinkFailed", "CheckpointFailed"))
    faults = [f"told {n} times: {name}" for name, n in failed.items() if n > (journal if name == "journal" else 1)]
    if report["reason"] != "epochs_done" or [n for kind, _, n in told if kind == "EpochEnded"] != [
        *range(1, EPOCHS + 1)
    ]:
        faults.append("training did not go on")
    before = told[: told.index(("EpochEnded", "", start))]
    if min(report["good"]) < max((epochs for kind, _, epochs in before if kind == "CheckpointSaved"), default=-1):
        faults.append(f"of what was saved before, these are good: {report['good']}")
    return faults


@pytest.mark.parametrize("rounds", [8, pytest.param(150, marks=pytest.mark.soak)])
def test_full_for_a_while_the_run_ends_as_if_it_had_not_been(rounds, disk):
    rng, faults, seen = random.Random(5), {}, Counter()
    names = ["events.jsonl", "events", "checkpoint", "console"]
    sizes = {
        **disk.sizes,
        "checkpoint": max(size for name, size in disk.sizes.items() if name.endswith(".pt")),
        "console": 800,
    }
    for number in range(rounds):
        start = rng.randrange(1, BACK - 1)
        limit = rng.randrange(sizes[names[number % 4]])
        report, runs = disk.run(limit, (start, BACK))
        found = wrong(report, start)
        seen.update({name or kind for kind, name, _ in report["told"]})
        last = [epochs for kind, _, epochs in report["told"] if kind == "CheckpointSaved"]
        if not last or last[-1] != EPOCHS:
            found.append("no checkpoint once there was space again")
        different = [key for key, value in facts(runs).items() if value != disk.undisturbed[key]]
        found += [f"differs: {key}" for key in different]
        (folder,) = runs.iterdir()
        if found := found + leftovers(folder):
            faults[f"{limit} bytes after epoch {start}"] = found
    assert faults == {}
    for name in ("CheckpointFailed", "journal", "TensorBoard", "console"):
        assert seen[name] >= rounds / 12, seen


@pytest.mark.parametrize("rounds", [3, pytest.param(30, marks=pytest.mark.soak)])
def test_full_to_the_end_the_old_checkpoint_is_good_and_goes_on_when_there_is_space(rounds, disk):
    rng, faults = random.Random(6), {}
    smallest = min(size for name, size in disk.sizes.items() if name.endswith(".pt"))
    for _ in range(rounds):
        start = rng.randrange(2, BACK)
        limit = rng.randrange(smallest // 2)
        report, runs = disk.run(limit, (start, 0))
        found = wrong(report, start, journal=2)  # the second time, what is lost when the run ends
        if not any(kind == "CheckpointFailed" for kind, _, _ in report["told"]) or report["test"] is None:
            found.append(f"told: {report}")
        (folder,) = runs.iterdir()
        child = disk.server.fork("resume", folder=str(folder))
        if child.wait() != 0:
            found.append(child.log.read_text())
        else:
            found += [f"differs: {key}" for key, value in facts(runs).items() if value != disk.undisturbed[key]]
        if found := found + leftovers(folder):
            faults[f"{limit} bytes after epoch {start}"] = found
    assert faults == {}
