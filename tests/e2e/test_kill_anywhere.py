"""A run is killed at any instant, again and again, and resumed: it ends as if nothing had ever happened to it.

Killed is SIGKILL, sent from outside to a process of the fork server. Where it stood is read from memory that it shared, and
counted: kills have to land inside saves, in validation, in several epochs.
"""

from __future__ import annotations

import functools
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.forkserver import PHASES, Child, Place, Server
from support.lives import journal
from support.outcomes import board_faults, leftovers, outcome, parts

from engine import events as e
from engine.checkpoint import Checkpoints

EPOCHS = 8
MOST_MISSED = 3  # of the kills that one run gets: on a busy machine whoever is to kill it may come too late
Nested = dict[str, dict[str, Any]]

OPTIMIZERS = ("sgd", "adam", "adamw")
SCHEDULES = ("one_cycle", "cosine", "plateau", "constant")
EXTRAS: list[Nested] = [  # one after another over the twelve pairs, so that each meets several
    {"regularization": {"dropout": 0.3}, "run": {"average": "ema", "ema_decay": 0.9}},
    {"model": {"batch_norm": True}, "regularization": {"mixup": 0.4}, "run": {"average": "swa", "swa_start": 0.4}},
    {"regularization": {"input_noise": 0.2, "input_dropout": 0.1}, "run": {"accumulate": 3}},
    {"early_stopping": {"enabled": True, "patience": 40, "min_delta": 0.5}, "regularization": {"dropout": 0.2, "l1": 1e-3}},
    {"run": {"accumulate": 2, "checkpoint_minutes": 1e-5}, "regularization": {"dropout": 0.3, "mixup": 0.2}},
]  # fmt: skip


@dataclass
class Case:
    """A configuration to be killed. trials: how many it has."""

    name: str
    config: Nested
    asks: list[tuple[int, int, str]] = field(default_factory=list)
    trials: int = 1


def case(name: str, *parts: Nested, **more: Any) -> Case:
    merged: Nested = {
        "data": {"source": "moons", "rows": 200},
        "model": {"hidden": [8]},
        "run": {"epochs": EPOCHS, "batch_size": 16, "device": "cpu", "checkpoint_pause": 0, "checkpoint_minutes": 0, "histograms": 3, "figures": False},
    }  # fmt: skip
    for part in parts:
        for section, knobs in part.items():
            merged[section] = {**merged.get(section, {}), **knobs}
    return Case(name, merged, **more)


def pairs() -> Iterator[Case]:
    for number, (optimizer, schedule) in enumerate((one, other) for one in OPTIMIZERS for other in SCHEDULES):
        base = {"optimizer": {"name": optimizer, "lr": 0.01}, "schedule": {"name": schedule}}
        yield case(f"{optimizer} {schedule}", base, EXTRAS[number % len(EXTRAS)])


EDITED = case(
    "edit",
    {"regularization": {"dropout": 0.2}, "schedule": {"name": "cosine"}},
    asks=[
        (3, 4, '{"command": "edit", "changes": {"optimizer.lr": "0.003", "regularization.dropout": "0.4"}}'),
        (3, 6, '{"command": "edit", "changes": {"regularization.l2": "0.01"}}'),
        (4, 2, '{"command": "more", "epochs": 2}'),
    ],
)
FOLDS = case(
    "folds", EXTRAS[0], {"trials": {"kind": "kfold", "folds": 3, "side_by_side": "off"}, "run": {"epochs": 4}}, trials=3
)
RESTARTS = case(
    "restarts",
    EXTRAS[1],
    {"trials": {"kind": "restarts", "restarts": 2, "side_by_side": "off"}, "run": {"epochs": 4}},
    trials=2,
)
CASES = [*pairs(), EDITED, FOLDS, RESTARTS]
# In short runs five of the pairs, with each optimizer, schedule and extra; all with -m soak.
SHORT = ("sgd one_cycle", "sgd constant", "adam plateau", "adam constant", "adamw cosine", "edit", "folds", "restarts")


@dataclass
class Tally:
    """Where the kills of all cases landed."""

    kills: int = 0
    saving: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    epochs: set[int] = field(default_factory=set)

    def add(self, place: Place) -> None:
        self.kills += 1
        self.saving += place.get("saving")
        self.phases[place.phase] += 1
        self.epochs.add(place.get("done"))


class Bench:
    """Runs in a folder, undisturbed and killed."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._folder, self.server = folder, server
        self._count = 0
        self.undisturbed = functools.cache(self._undisturbed)
        self._cases: dict[str, Case] = {}

    def config(self, one: Case) -> tuple[Nested, Path]:
        """The settings, and where the run will be: every run has a folder of its own for its runs, of the same length."""
        self._count += 1
        runs = self._folder / f"{self._count:04d}"
        return {**one.config, "run": {**one.config["run"], "folder": str(runs)}}, runs

    def _undisturbed(self, name: str) -> dict[str, str]:
        one = next(one for one in CASES if one.name == name)
        config, runs = self.config(one)
        child = self.server.fork("train", config=config, asks=one.asks)
        assert child.wait() == 0, child.log.read_text()
        folder = only_run(runs)
        assert not board_faults(folder) and not leftovers(folder)
        return facts(folder)

    def killed(self, one: Case, rng: random.Random, count: int, tally: Tally) -> list[str]:
        """Kill a run `count` times and let it end; what is wrong with it then. A run that ends first is looked at, and
        another one killed in its place.
        """
        config, runs = self.config(one)
        child = self.server.fork("train", config=config, asks=one.asks)
        faults: list[str] = []
        number = missed = 0
        while number < count:
            aim = AIMS[tally.kills % len(AIMS)]
            if (aim == "test" and number < count - 1) or (aim == "early" and number == 0):
                aim = "any"
            if not aimed(child, one, aim, rng, number / count):
                missed += 1
                assert missed <= MOST_MISSED, "runs end before they can be killed"
                faults += self.wrong_at_the_end(one, runs, child)
                config, runs = self.config(one)
                child = self.server.fork("train", config=config, asks=one.asks)
                continue
            child.kill()
            tally.add(child.place)
            folder = only_run(runs)
            faults += after_a_kill(folder)
            child = self.server.fork("resume", folder=str(folder), asks=one.asks)
            number += 1
        return faults + self.wrong_at_the_end(one, runs, child)

    def halted(self, one: Case, halts: list[tuple[int, int]], fault: str = "") -> list[str]:
        """Kill a run at these places, one after another, and let it end; what is wrong with it then."""
        config, runs = self.config(one)
        child = self.server.fork("train", config=config, fault=fault, asks=one.asks, halt=halts[0])
        for halt in [*halts[1:], None]:
            assert child.until(lambda place: place.get("held") and not place.get("saving"))
            child.kill()
            child = self.server.fork("resume", folder=str(only_run(runs)), fault=fault, asks=one.asks, halt=halt)
        return self.wrong_at_the_end(one, runs, child)

    def wrong_at_the_end(self, one: Case, runs: Path, child: Child) -> list[str]:
        """What is different from the undisturbed run once this last process has ended."""
        faults: list[str] = []
        if child.wait() != 0:
            return [*faults, "it does not go on: " + child.log.read_text().strip().splitlines()[-1]]
        folder = only_run(runs)
        if left := leftovers(folder):
            faults.append(f"left behind: {left}")
        found, expected = facts(folder), self.undisturbed(one.name)
        faults += [f"differs: {key}" for key in {**expected, **found} if found.get(key) != expected.get(key)]
        return faults + board_faults(folder)


AIMS = ("any", "save", "validation", "any", "save", "early", "test")


def aimed(child: Child, one: Case, aim: str, rng: random.Random, share: float) -> bool:
    """Wait for the instant to kill at, about `share` of the way through the run; False when the run has ended before."""
    epochs = one.config["run"]["epochs"]
    trial = min(one.trials, 1 + int(share * one.trials)) if one.trials > 1 else 0
    if aim == "early":  # while it loads, or a little later
        until = time.perf_counter() + rng.uniform(0, 0.1)
        return child.until(lambda place: time.perf_counter() > until)
    within = share * one.trials % 1 if trial else share
    done = min(epochs - 2, max(1, int(within * epochs)))
    if not child.until(
        lambda place: place.get("trial") >= trial and (place.get("done") >= done or place.get("trial") > trial)
    ):
        return False
    match aim:
        case "save":
            began = child.place.get("saves")
            return child.until(lambda place: place.get("saving") and place.get("saves") > began)
        case "any":
            until = time.perf_counter() + rng.uniform(0, 0.02)
            return child.until(lambda place: time.perf_counter() > until)
    child.place.set("hold", 1 + PHASES.index(aim))  # too short to be met from outside
    return child.until(lambda place: place.get("held"))


def only_run(runs: Path) -> Path:
    (folder,) = runs.iterdir()
    return folder


def facts(folder: Path) -> dict[str, str]:
    found = outcome(folder)
    return {key: value for key, value in found.items() if key != "settings" and not key.endswith(": config")}


def after_a_kill(folder: Path) -> list[str]:
    """What is wrong with a run that was killed a moment ago: nothing damaged, and no checkpoint lost that was told of."""
    faults = []
    told = {one.trial: one for one in journal(folder) if isinstance(one, e.CheckpointSaved)}
    for where in parts(folder):
        problems: list[str] = []
        loaded = Checkpoints(where / "checkpoints", read_only=True).load_newest(problems)
        faults += problems
        trial = 0 if where == folder else 1 + parts(folder).index(where)
        if trial in told and (
            loaded is None or (loaded.entry.epochs, loaded.entry.batch) < (told[trial].epochs, told[trial].batch)
        ):
            faults.append(f"{where.name}: the checkpoint of epoch {told[trial].epochs} is lost")
    return faults


@pytest.fixture(scope="module")
def bench(tmp_path_factory, lives) -> Bench:
    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it remarks on every purge, as it should
    return Bench(tmp_path_factory.mktemp("killed"), lives)


def lot(bench: Bench, count: int, cases: list[Case]) -> None:
    rng, tally, faults = random.Random(11), Tally(), {}
    for number, one in enumerate(cases):
        kills = (count * (number + 1)) // len(cases) - (count * number) // len(cases)
        if found := bench.killed(one, rng, kills, tally):
            faults[one.name] = found
    print(
        f"{tally.kills} kills, {tally.saving} inside a save, {dict(tally.phases)}, after epochs {sorted(tally.epochs)}"
    )
    assert faults == {}
    assert tally.kills == count
    assert tally.saving >= count / 4
    assert len(tally.epochs) >= 4
    assert tally.phases["validation"] >= 2


def test_killed_at_any_instant_it_ends_as_if_nothing_had_happened(bench):
    lot(bench, 2 * len(SHORT), [one for one in CASES if one.name in SHORT])


@pytest.mark.soak
def test_every_pair_is_killed_at_any_instant(bench):
    lot(bench, 200, CASES)


# -- exact places, and what must not go unseen --------------------------------------------------------------------------


def test_edits_and_added_epochs_after_the_newest_checkpoint_are_made_again(bench):
    """Each is made again twice: after a kill in the batch behind it, and after another in the same place."""
    assert bench.halted(EDITED, [(3, 5), (3, 5), (3, 7), (3, 7), (5, 1)]) == []


LATE = case("late", {"run": {"checkpoint_pause": 1000}, "regularization": {"dropout": 0.2}})
CASES.append(LATE)


def test_killed_before_the_first_checkpoint_it_begins_anew_and_leaves_no_trace(bench):
    assert bench.halted(LATE, [(3, 4), (5, 1)]) == []
    assert bench.halted(LATE, [(3, 4)], "no purge")  # negative control


SLOW = case("slow", {"run": {"epochs": 5, "histograms": 0}}, asks=[(3, 0, '{"command": "save"}')])
CASES.append(SLOW)


def test_what_a_slow_disk_had_not_taken_of_the_tensorboard_log_is_not_lost(bench):
    assert bench.halted(SLOW, [(3, 1)], "a slow disk") == []


FRAGILE = case(
    "fragile",
    {"optimizer": {"name": "adam", "lr": 0.01}, "schedule": {"name": "one_cycle"}},
    {"regularization": {"dropout": 0.3}, "run": {"average": "ema", "ema_decay": 0.9, "accumulate": 3}},
    {"early_stopping": {"enabled": True, "patience": 40, "min_delta": 0.2}},
    # The second time by the process that goes on from there, in front of its first batch.
    asks=[(4, 5, '{"command": "save"}')] * 2,
)
CASES.append(FRAGILE)


def test_killed_inside_an_epoch_it_goes_on_with_the_next_batch(bench):
    assert bench.halted(FRAGILE, [(4, 6)]) == []
    assert bench.halted(FRAGILE, [(4, 6), (4, 6), (4, 7)]) == []


@pytest.mark.parametrize(
    "fault",
    [
        "no random state", "no place in the order", "no optimizer", "no gradients",
        *(pytest.param(fault, marks=pytest.mark.soak) for fault in (
            "no state of torch's generator", "no order of the batches", "no schedule", "no average", "no early stopping",
        )),
    ],
)  # fmt: skip
def test_a_resume_that_forgets_something_is_seen(fault, bench):
    """Negative controls."""
    assert bench.halted(FRAGILE, [(4, 7)], fault)


def test_edits_that_are_not_made_again_are_seen(bench):
    assert bench.halted(EDITED, [(3, 5)], "no edits")


def test_saving_in_place_is_seen(bench):
    """Killed inside saves, such a run is soon left with nothing that it could go on from."""
    one, rng, codes = CASES[2], random.Random(3), [0]
    while not any(codes) and len(codes) < 40:
        config, runs = bench.config(one)
        child = bench.server.fork("train", config=config, fault="saving in place")
        assert aimed(child, one, "save", rng, 0.5)
        child.kill()
        codes.append(bench.server.fork("resume", folder=str(only_run(runs)), fault="saving in place").wait())
    assert any(codes)
