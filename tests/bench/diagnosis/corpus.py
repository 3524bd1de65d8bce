"""All cases of the corpus.

The half ``dev`` is for setting thresholds, and each of its sets has datasets, architectures and optimizers of its own. Nobody looks at
what is said of the runs of the half ``held`` before the rules stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from . import heldout, seen, seen_last, seen_later
from .case import DEFAULTS, HEALTHY, Case, Half, Planted


@dataclass(frozen=True)
class Set:
    """Cases drawn in one way. name: what theirs begin with. draw: their own part of the seed of all chances. seed: the run.seed of the
    first. kinds, healthy: how many times as many cases of each kind and of each healthy class there are as were asked for: a rare false
    alarm takes many healthy runs to be seen.
    """

    name: str
    half: Half
    plants: dict[str, Callable[..., Planted]]
    draw: tuple[int, int]
    seed: int
    kinds: float = 1.0
    healthy: float = 1.0


def _of_first(second: bool) -> dict[str, Callable[..., Planted]]:
    return {kind: partial(plant, second) for kind, plant in seen.PLANTS.items()}


SETS = (
    Set("dev1", "dev", _of_first(False), (0, 5), 0),
    Set("dev2", "dev", _of_first(True), (1, 5), 0),
    Set("dev3", "dev", seen_later.PLANTS, (2, 77), 50, healthy=4),
    Set("dev4", "dev", seen_last.PLANTS, (3, 99), 300, healthy=2),
    Set("dev5", "dev", heldout.PLANTS, (4, 4321), 8000, kinds=2, healthy=3.4),
    Set("held", "held", heldout.PLANTS, (6, 2468), 9000, kinds=2, healthy=3.4),
)
"""All but the first were held out once, until they had been looked at. The last is the one before it, drawn anew; of its healthy runs
it has been looked at what is said."""


def cases(each: int = 10) -> Iterator[Case]:
    """All cases, `each` of every class or as many times as many as the set says."""
    for one in SETS:
        for planted, plant in one.plants.items():
            for number in range(round(each * (one.healthy if planted in HEALTHY else one.kinds))):
                where, knobs, cures = plant(number, np.random.default_rng([number, *one.draw]))
                knobs = {**DEFAULTS, "run.seed": one.seed + number, **knobs}
                yield Case(f"{one.name}-{planted}-{number}", planted, one.half, where, knobs, tuple(cures))
