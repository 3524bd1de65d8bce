"""All cases of the corpus.

The half ``dev`` is for setting thresholds. The half ``held`` has other datasets, architectures and optimizers, and nobody looks at
what is said of its runs before the rules stand.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import heldout, seen, seen_later
from .case import DEFAULTS, HEALTHY, Case

MORE = 2
"""So many times as many healthy runs are held out as of any kind: a rare false alarm takes many of them to be seen."""

MORE_LATER = 4
"""The same of the third set, which was held out once."""


def cases(each: int = 10) -> Iterator[Case]:
    """All cases: of every class 3 x `each` for setting thresholds and `each` held out, and more healthy ones."""
    for second in (False, True):
        for planted, plant in seen.PLANTS.items():
            for number in range(each):
                where, knobs, cures = plant(second, number, np.random.default_rng([number, second, 5]))
                knobs = {**DEFAULTS, "run.seed": number, **knobs}
                yield Case(f"dev{1 + second}-{planted}-{number}", planted, "dev", where, knobs, tuple(cures))
    for planted, plant in seen_later.PLANTS.items():
        for number in range(each * (MORE_LATER if planted in HEALTHY else 1)):
            where, knobs, cures = plant(number, np.random.default_rng([number, 2, 77]))
            knobs = {**DEFAULTS, "run.seed": 50 + number, **knobs}
            yield Case(f"dev3-{planted}-{number}", planted, "dev", where, knobs, tuple(cures))
    for planted, plant in heldout.PLANTS.items():
        for number in range(each * (MORE if planted in HEALTHY else 1)):
            where, knobs, cures = plant(number, np.random.default_rng([number, 3, 99]))
            knobs = {**DEFAULTS, "run.seed": 300 + number, **knobs}
            yield Case(f"held-{planted}-{number}", planted, "held", where, knobs, tuple(cures))
