"""Statistics of a trend that make no assumption about the shape of the noise."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence

MOST = 48
"""Points of a window that are looked at: longer ones are first reduced to the medians of so many equal parts. The cost of
a verdict then does not grow with the run, and neither does it matter how often the loss was measured."""

NORMAL = 1.4826
"""The standard deviation of normal noise divided by its median absolute deviation."""


class MannKendall:
    """The Mann-Kendall trend test, one value at a time.

    H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945); variance with ties after R. O. Gilbert,
    "Statistical Methods for Environmental Pollution Monitoring" (1987), section 16.4. Adding a value to n others takes
    O(log n) comparisons, so a run of thousands of epochs costs nothing.
    """

    def __init__(self, values: Sequence[float] = ()) -> None:
        self._sorted: list[float] = []
        self._ties: Counter[float] = Counter()
        self._tied = 0  # what the ties take off the variance, kept so that z need not walk through all values
        self._score = 0  # pairs that rise minus pairs that fall
        for value in values:
            self.add(value)

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


def median(values: Sequence[float]) -> float:
    """The middle value, the mean of the two middle ones of an even number; NaN of none."""
    n = len(values)
    if n == 0:
        return math.nan
    ordered = sorted(values)
    return ordered[n // 2] if n % 2 else 0.5 * ordered[n // 2 - 1] + 0.5 * ordered[n // 2]


def spread(values: Sequence[float]) -> float:
    """The standard deviation of noise as its median absolute deviation tells it: a few wild values change nothing."""
    middle = median(values)
    return NORMAL * median([abs(value - middle) for value in values])


def slope(values: Sequence[float]) -> float:
    """The rise from one value to the next after Theil and Sen: the median of the slopes of all pairs; 0.0 of fewer than 2.

    P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968).
    """
    n = len(values)
    if n < 2:
        return 0.0
    return median([(values[b] - values[a]) / (b - a) for a in range(n - 1) for b in range(a + 1, n)])


def scatter(values: Sequence[float]) -> float:
    """The standard deviation of the noise of a curve, from its second differences, in which a smooth course cancels out."""
    bends = [a - 2 * b + c for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return NORMAL * median([abs(bend) for bend in bends]) / math.sqrt(6) if bends else 0.0


def thin(values: Sequence[float], most: int = MOST) -> list[float]:
    """`most` values or fewer that stand for all: the medians of equal parts."""
    n = len(values)
    if n <= most:
        return list(values)
    edges = [n * part // most for part in range(most + 1)]
    return [median(values[start:stop]) for start, stop in itertools.pairwise(edges)]


def level(values: Sequence[float], at: int = -1) -> float:
    """The height of a curve around its value number `at`, at its end without it: the median of a twelfth of it, 3 values at least."""
    half = max(1, len(values) // 24)
    middle = len(values) - 1 - half if at < 0 else at
    return median(values[max(0, middle - half) : middle + half + 1])


def gain_ahead(values: Sequence[float], more: float = 0.5) -> float:
    """How far a falling loss is expected to fall if it gets `more` of its length on top; never below 0.

    The mean of three forecasts, each weighted by how well it would have foretold the end from two thirds of the series: an
    exponential fall towards a floor, a power law, and no change at all. Three or more values; 0.0 of fewer.
    """
    n = len(values)
    if n < 3:
        return 0.0
    noise = spread([b - a for a, b in itertools.pairwise(values)]) if n > 4 else 0.0
    now = level(values)
    if n < 6:
        first, middle, last = values[-3:]
        exponential = _exponential(first, middle, last, more * (n - 1))
        power = _power(_between(values, n / 4), _between(values, n / 2), last, more)
        return max(0.0, (exponential + power) / 2)
    part = values[: max(3, round(n * 2 / 3))]
    then = level(part)
    before = (*_forecasts(part, n / len(part) - 1), 0.0)
    ahead = (*_forecasts(values, more), 0.0)
    floor = (0.2 * noise) ** 2 + 1e-24 * now * now + 1e-300
    weights = [1 / ((then - gain - now) ** 2 + floor) for gain in before]
    return max(0.0, sum(w * gain for w, gain in zip(weights, ahead, strict=True)) / sum(weights))


def _between(values: Sequence[float], place: float) -> float:
    """The value at a place from 1 to n, on the straight line between the two beside it."""
    place = max(1.0, place)
    before = math.floor(place)
    after = values[min(before, len(values) - 1)]
    return values[before - 1] + (place - before) * (after - values[before - 1])


def _forecasts(values: Sequence[float], more: float) -> tuple[float, float]:
    """How far a series falls with `more` of its length on top, if it falls exponentially, and if by a power law."""
    end = len(values) - 1 - max(1, len(values) // 24)  # where the level of the end stands
    step = max(1, (end - len(values) // 3) // 2)
    now, before, first = level(values, end), level(values, end - step), level(values, max(0, end - 2 * step))
    half, quarter = level(values, (end + 1) // 2 - 1), level(values, max(0, (end + 1) // 4 - 1))
    return _exponential(first, before, now, more * len(values) / step), _power(quarter, half, now, more)


def _exponential(a: float, b: float, c: float, steps: float) -> float:
    """How far c falls in `steps` more steps of the distance between a, b and c, if each fall is a fixed share of the last."""
    first, second = a - b, b - c
    if second <= 0 or first <= 0:
        return 0.0
    q = min(0.999, second / first)
    return second * q * (1 - q**steps) / (1 - q)


def _power(a: float, b: float, c: float, more: float) -> float:
    """How far c falls until (1 + more) x, where a, b and c are the values at x/4, x/2 and x of u + v x^-p."""
    first, second = a - b, b - c
    if second <= 0 or first <= 0:
        return 0.0
    p = -math.log2(min(0.999, second / first))
    return second * (1 - (1 + more) ** -p) / (2**p - 1)
