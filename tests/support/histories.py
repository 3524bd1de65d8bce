"""Histories of runs that are written down, for the rules of the diagnosis."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from engine import RunConfig, diagnose
from engine.diagnosis import Look
from engine.events import EpochEnded
from engine.knobs import values

B = 2.3
"""The loss of a constant answer in these histories."""


def kinds(train, val=None, **more) -> list[str]:
    more.setdefault("baseline", B)
    return [one.kind for one in diagnose(train_loss=train, val_loss=val if val is not None else train, **more)]


def decay(epochs: int, rate: float, floor: float = 0.2, start: float = B) -> list[float]:
    """An exponential fall from `start` to `floor`; rate: epochs in which two thirds of the way are gone."""
    return [floor + (start - floor) * math.exp(-n / rate) for n in range(1, epochs + 1)]


def noisy(values: Sequence[float], scatter: float, seed: int = 0) -> list[float]:
    chance = random.Random(seed)
    return [value * math.exp(scatter * chance.gauss(0, 1)) for value in values]


def knobs(**changes) -> dict:
    return {**values(RunConfig()), **{key.replace("__", "."): value for key, value in changes.items()}}


def looks(epochs: int, **found) -> list[Look]:
    return [Look(epoch, **found) for epoch in range(1, epochs + 1)]


def ended(epoch: int, train: float, val: float, **more) -> EpochEnded:
    return EpochEnded(
        **{"epoch": epoch, "train_loss": train, "val_loss": val, "train_metric": 0, "val_metric": 0, "lr": 0.1, "penalty": 0.0,
           "grad_norm": 0.0, "seconds": 0.0, "samples_per_second": 0.0, "best_epoch": 0, **more}
    )  # fmt: skip
