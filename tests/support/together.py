"""Runs with trials, one after another and side by side, and how far apart their figures may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import RunConfig, read_journal
from engine import events as e
from engine.execution import RunResult

CLOSE = 2e-4
"""How far a loss may be from that of the trial alone, relatively: sums in another order, through some epochs of training."""

FIGURES = (
    "train_loss",
    "train_loss_running",
    "val_loss",
    "train_metric",
    "val_metric",
    "lr",
    "grad_norm",
    "weight_norm",
    "penalty",
    "sparsity",
)


def several(
    make: Callable[..., RunConfig], way: str, kind: str = "restarts", count: int = 4, **sections: Any
) -> RunConfig:
    """A small run with trials. way: of trials.side_by_side."""
    size = {"kfold": "folds", "restarts": "restarts"}[kind]
    trials = {"kind": kind, size: count, "side_by_side": way, **sections.pop("trials", {})}
    run = {"epochs": 4, "batch_size": 25, "device": "cpu", **sections.pop("run", {})}
    return make(**{"data": {"source": "wine"}, "model": {"hidden": [9, 6]}, **sections}, trials=trials, run=run)


def histories(folder: str | Path) -> dict[int, dict[int, e.EpochEnded]]:
    """The epochs of each trial that count, by the journal."""
    found: dict[int, dict[int, e.EpochEnded]] = {}
    for one in read_journal(Path(folder) / "events.jsonl"):
        if isinstance(one, e.EpochEnded):
            found.setdefault(one.trial, {})[one.epoch] = one
        if isinstance(one, e.Rewound):
            own = found.get(one.trial, {})
            found[one.trial] = {epoch: each for epoch, each in own.items() if epoch <= one.epochs}
    return found


def words(folder: str | Path) -> str:
    """What the run said of the way that its trials took."""
    notes = [one.text for one in read_journal(Path(folder) / "events.jsonl") if isinstance(one, e.Noted)]
    return next((text for text in notes if "side by side" in text or "one after another" in text), "")


def close(one: float, other: float, tolerance: float = CLOSE) -> bool:
    """Whether two figures are the same up to rounding; NaN is only like NaN."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= tolerance * max(abs(one), abs(other), 1e-3)


def assert_alike(result: RunResult, other: RunResult, tolerance: float = CLOSE) -> None:
    """Every trial has the same history, length, best epoch and reason to end, and the same figures up to `tolerance`."""
    mine, theirs = histories(result.folder), histories(other.folder)
    assert mine.keys() == theirs.keys()
    for trial, epochs in mine.items():
        assert list(epochs) == list(theirs[trial]), f"epochs of trial {trial}"
        for epoch, ended in epochs.items():
            for name in FIGURES:
                pair = getattr(ended, name), getattr(theirs[trial][epoch], name)
                assert close(*pair, tolerance), f"trial {trial}, epoch {epoch}, {name}: {pair}"
    for one, two in zip(result.trials, other.trials, strict=True):
        assert (one.number, one.epochs, one.best_epoch, one.reason) == (
            two.number,
            two.epochs,
            two.best_epoch,
            two.reason,
        )
        assert close(one.test_loss, two.test_loss, tolerance)
        assert close(one.val_loss, two.val_loss, tolerance)
