"""What a case of the corpus is: a run with a cause planted in it, and the cures that would have to help if it is really there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

Half = Literal["dev", "held"]
Changes = dict[str, Any]

KINDS = (
    "overfitting",
    "underfitting",
    "too_short",
    "stuck",
    "learning_rate_high",
    "learning_rate_low",
    "non_finite",
    "exploding_gradients",
    "vanishing_gradients",
    "dead_units",
    "saturated_units",
)
HEALTHY = ("healthy", "hard")


@dataclass(frozen=True)
class Case:
    """A run. planted: the cause, one of KINDS, or one of HEALTHY. knobs: by key, beside the defaults below. table: the name of one of
    the datasets in tables, or of the engine's. cures: changes of which at least one has to help, each tried by itself; a healthy run's
    are those of which none may.
    """

    name: str
    planted: str
    half: Half
    table: str
    knobs: Changes
    cures: tuple[Changes, ...] = field(default=())


DEFAULTS: Changes = {
    "early_stopping.enabled": False,
    "early_stopping.restore_best": False,
    "data.validation": 0.15,
    "data.test": 0.25,
    "run.device": "cpu",
    "run.epochs": 40,
    "run.batch_size": 32,
    "model.hidden": (32,),
}
"""The last weights are what a run ends with, so that what is wrong with them can be measured."""

ANY_CURE: tuple[Changes, ...] = (
    {"run.epochs": "x3"},
    {"optimizer.lr": "x0.1"},
    {"regularization.dropout": 0.3},
    {"model.hidden": (128, 128)},
    {"early_stopping.enabled": True, "early_stopping.restore_best": True},
)
"""None of these may help a healthy run."""

STOPPING: tuple[Changes, ...] = ({"early_stopping.enabled": True, "early_stopping.restore_best": True},)
LOWER_RATES: tuple[Changes, ...] = ({"optimizer.lr": "x0.1"}, {"optimizer.lr": "x0.01"})
HIGHER_RATES: tuple[Changes, ...] = ({"optimizer.lr": "x10"}, {"optimizer.lr": "x100"})
OTHER_STARTS: tuple[Changes, ...] = tuple({"run.seed": f"+{100 * start}"} for start in range(1, 6))
LONGER: tuple[Changes, ...] = ({"run.epochs": "x3"},)
USUAL_WEIGHTS: tuple[Changes, ...] = ({"model.init": "default"}, {"model.init": "he"})
A_WAY_THROUGH: tuple[Changes, ...] = ({"model.activation": "relu"}, {"model.batch_norm": True})
CALMER: tuple[Changes, ...] = (*LOWER_RATES, {"data.standardize": True})
ALIVE: tuple[Changes, ...] = (
    {"optimizer.lr": "x0.01"}, {"model.activation": "leaky_relu"}, {"data.standardize": True},
)  # fmt: skip
"""Cures that several sets of cases have in common."""

Planted = tuple[str, Changes, "tuple[Changes, ...] | list[Changes]"]
"""The name of a dataset, the knobs of the run, and its cures."""

Plant = TypeVar("Plant", bound=Callable[..., Planted])


class Plants(dict[str, Callable[..., Planted]]):
    """What plants the cases of a set: a function for each kind."""

    def of(self, kind: str) -> Callable[[Plant], Plant]:
        """Enters a function as the one for this kind."""

        def enter(plant: Plant) -> Plant:
            self[kind] = plant
            return plant

        return enter


def pick(chance: np.random.Generator, *values: Any) -> Any:
    """One of the values by chance."""
    return values[int(chance.integers(len(values)))]
