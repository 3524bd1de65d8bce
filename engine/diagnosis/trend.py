"""Statistics of a trend that make no assumption about the shape of the noise."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter


class MannKendall:
    """The Mann-Kendall trend test, one value at a time.

    H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945); variance with ties after R. O. Gilbert,
    "Statistical Methods for Environmental Pollution Monitoring" (1987), section 16.4. Adding a value to n others takes
    O(log n) comparisons, so a run of thousands of epochs costs nothing.
    """

    def __init__(self) -> None:
        self._sorted: list[float] = []
        self._ties: Counter[float] = Counter()
        self._tied = 0  # what the ties take off the variance, kept so that z need not walk through all values
        self._score = 0  # pairs that rise minus pairs that fall

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, value: float) -> None:
        """Append a finite value to the series."""
        lower = bisect_left(self._sorted, value)
        higher = len(self._sorted) - bisect_right(self._sorted, value)
        self._score += lower - higher
        insort(self._sorted, value)
        self._ties[value] += 1
        self._tied += _pairs(self._ties[value]) - _pairs(self._ties[value] - 1)

    @property
    def z(self) -> float:
        """The standard score: above 0 the series rises, and about 95 % of trendless series lie within +-2."""
        n = len(self._sorted)
        variance = _pairs(n) - self._tied
        if self._score == 0 or variance <= 0:
            return 0.0
        # One off the score towards 0: the continuity correction.
        return (self._score - math.copysign(1, self._score)) / math.sqrt(variance / 18)


def _pairs(n: int) -> int:
    """18 times the variance of the score of n values in random order."""
    return n * (n - 1) * (2 * n + 5)
