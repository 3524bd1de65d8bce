"""Axes of charts: round ends, ticks with short labels, and bounds that hold still while the values move."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LARGEST = 1e300  # values are clipped here, so that a difference of two of them is still a finite float
_MAX = sys.float_info.max
_TINY = 1e-290  # what is smaller than this is zero to an axis: dividing by it would overflow
_FEW = 10  # values; with fewer than these it is too early to say what is a spike
_MANTISSAS = (10, 20, 25, 50)  # "round" steps are 1, 2, 2.5 and 5 times a power of ten
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))  # seconds, letter
_CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # steps in seconds
_LOG_CLOCK = (*(10.0**k for k in range(-6, 2)), 60.0, 600.0, 3600.0, 36000.0, *(86400 * 10.0**k for k in range(8)))


def _step(index: int) -> tuple[int, int]:
    """The `index`-th round step as (mantissa, exponent of ten): whole numbers, so that multiples of it are exact."""
    return _MANTISSAS[index % 4], index // 4


def _times(count: int, step: tuple[int, int]) -> float:
    """`count` steps as the nearest float, at the largest float where it would overflow."""
    mantissa, exponent = step
    whole = count * mantissa
    try:
        return float(whole * 10**exponent) if exponent >= 0 else whole / 10**-exponent
    except OverflowError:
        return math.copysign(_MAX, whole)


def _step_from(width: float) -> int:
    """Index of the smallest round step that is at least `width` (> 0)."""
    index = 4 * (math.floor(math.log10(width)) - 1)
    while _times(1, _step(index)) < width * (1 - 1e-9):
        index += 1
    return index


def _ordered(low: float, high: float) -> tuple[float, float]:
    low, high = (min(max(v, -_MAX), _MAX) if v == v else 0.0 for v in (float(low), float(high)))
    return (low, high) if low <= high else (high, low)


def _narrow(low: float, high: float) -> bool:
    """Whether the range is so narrow for its place that floats can no longer divide it."""
    return high / 2 - low / 2 <= max(abs(low), abs(high)) * 1e-12


def _opened(low: float, high: float) -> tuple[float, float]:
    """The range itself, or a wider one around it where it is too narrow to be divided."""
    largest = max(abs(low), abs(high))
    if largest < _TINY:
        return (-1.0, 1.0) if low < 0 else (0.0, 1.0)
    if _narrow(low, high):
        return max(low - largest / 2, -_MAX), min(high + largest / 2, _MAX)
    return low, high


def round_bounds(low: float, high: float, log: bool = False) -> tuple[float, float]:
    """Round numbers around `low` to `high` for the ends of an axis; always `bounds[0] < bounds[1]`, both finite.

    On a logarithmic axis they are positive, and values of zero or less are not held.
    """
    low, high = _ordered(low, high)
    if log:
        return _round_log_bounds(low, high)
    low, high = _opened(low, high)
    step = _step(_step_from(high / 5 - low / 5))
    size = _times(1, step)
    below = _times(math.floor(low / size + 1e-9), step)
    above = _times(math.ceil(high / size - 1e-9), step)
    return min(below, low), max(above, high)


def _round_log_bounds(low: float, high: float) -> tuple[float, float]:
    if high <= 0:
        return 1.0, 10.0
    low = low if low > 0 else high / 1000 or high
    grid = _log_grid(low, high, (1, 2, 5) if math.log10(high) - math.log10(low) < 3 else (1,))
    below = [g for g in grid if g <= low]
    above = [g for g in grid if g >= high]
    bottom, top = (max(below) if below else low), (min(above) if above else high)
    if bottom < top:
        return bottom, top
    # One value, which is itself round: give it room on both sides.
    lower, upper = [g for g in grid if g < bottom], [g for g in grid if g > top]
    return (max(lower) if lower else bottom), (min(upper) if upper else top)


def _log_grid(low: float, high: float, digits: Iterable[int]) -> list[float]:
    """The floats digit x 10^k from a decade below `low` to a decade above `high`, ascending."""
    first, last = math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1
    grid = [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in digits]
    return [value for value in grid if 0 < value <= _MAX]


def ticks(low: float, high: float, count: int, log: bool = False, whole: bool = False) -> list[tuple[float, str]]:
    """At most `count` round values from `low` to `high`, ascending, each with a label of at most 7 characters.

    `whole` allows whole numbers only (epochs) and may return none; `log` prefers powers of ten.
    """
    low, high = _ordered(low, high)
    if count < 1 or (log and low <= 0):
        return []
    if low == high or _narrow(low, high):
        return [] if whole and low != round(low) else [(low, _short(low))]
    return _log_ticks(low, high, count) if log else _linear_ticks(low, high, count, whole)


def _linear_ticks(low: float, high: float, count: int, whole: bool) -> list[tuple[float, str]]:
    index = _step_from(max(high / count - low / count, _TINY))
    fitting: list[tuple[tuple[int, int], int, int]] = []
    for candidate in range(index, index + 4000):
        step = _step(candidate)
        if whole and (step[1] < -1 or (step[1] == -1 and step[0] == 25)):
            continue
        size = _times(1, step)
        slack = 1e-9 * min(1.0, high / size - low / size)
        first, last = math.ceil(low / size - slack), math.floor(high / size + slack)
        if last - first < count:
            fitting.append((step, first, last))
        if len(fitting) == 3 or size >= _MAX or first > last:
            break
    if not fitting:
        return []
    # A scale whose ends carry a number reads best: a slightly coarser step that meets both is preferred, if it has a middle.
    ends = [
        fit
        for fit in fitting
        if fit[2] - fit[1] > 1 and (_times(fit[1], fit[0]), _times(fit[2], fit[0])) == (low, high)
    ]
    step, first, last = (ends or fitting)[0]
    values = [_times(k, step) for k in range(first, last + 1)]
    decimals = max(0, -step[1] - (step[0] % 10 == 0))
    return _labelled(values, decimals)


def _log_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    values: list[float] = []
    for digits in ((1, 2, 5), (1, 3), (1,)):
        values = [v for v in _log_grid(low, high, digits) if low <= v <= high]
        if len(values) < 2 <= count and digits == (1, 2, 5):  # so near zoomed in that it looks like a linear axis
            return _linear_ticks(low, high, count, whole=False)
        if 0 < len(values) <= count:
            break
    stride = max(1, -(-len(values) // count))
    return [(value, _short(value)) for value in values[::stride]]


def second_ticks(low: float, high: float, count: int, log: bool = False) -> list[tuple[float, str]]:
    """At most `count` values for an axis of seconds, which are round on a clock: 30s, 5m, 1h30m, 2d."""
    low, high = _ordered(low, high)
    if count < 1 or (log and low <= 0):
        return []
    if log:
        values = [value for value in _LOG_CLOCK if low <= value <= high]
        if len(values) > 1:
            return [(value, clock(value)) for value in values[:: -(-len(values) // count)]]
    if low == high or _narrow(low, high):
        return [(low, clock(low))]
    step = next((step for step in _CLOCK if high / step - low / step < count), 0)
    if high - low < 2:  # decimal fractions of a second
        return [(value, f"{label}s") for value, label in _linear_ticks(low, high, count, whole=False)]
    if not step:  # more than some days: round numbers of them
        return [
            (value * 86400, clock(value * 86400)) for value, _ in _linear_ticks(low / 86400, high / 86400, count, True)
        ]
    return [(float(k * step), clock(k * step)) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def clock(seconds: float) -> str:
    """Seconds in the two largest units that they have, exact where it is short: 0, 30s, 1m30s, 1h30m, 2d, 0.25s."""
    if seconds < 0:
        return "-" + clock(-seconds)
    if seconds == 0 or not math.isfinite(seconds):
        return "0" if seconds == 0 else str(seconds)
    if seconds < 60 and seconds != round(seconds):
        return f"{float(f'{seconds:.3g}'):g}s" if seconds >= 1e-3 else f"{_short(seconds)}s"
    if seconds >= 1e7 * 86400:
        return f"{_short(seconds / 86400)}d"
    rest = round(seconds)
    first = next(i for i, (size, _) in enumerate(_UNITS) if rest >= size)
    parts = []
    for size, letter in _UNITS[first : first + 2]:
        number, rest = divmod(rest, size)
        parts += [f"{number}{letter}"] if number else []
    return "".join(parts)


def _labelled(values: Sequence[float], decimals: int) -> list[tuple[float, str]]:
    """Labels with one number of decimals for all, or in powers of ten for all where those would be too long."""
    labels = [f"{value:.{decimals}f}" for value in values] if max(map(abs, values), default=0) < 1e7 else []
    if not labels or decimals > 5 or max(map(len, labels)) > 7:
        labels = [_short(value) for value in values]
    pairs = list(zip(values, labels, strict=True))
    # Where seven characters cannot tell two neighbours apart the second stays without a number.
    return [pair for i, pair in enumerate(pairs) if i == 0 or pair[1] != pairs[i - 1][1]]


def _short(value: float) -> str:
    """`value` in at most 7 characters, exactly if that is possible, else as nearly as fits."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5 and len(f"{value:g}") <= 6:
        return f"{value:g}"
    spelled = [f"{value:.{digits}e}" for digits in range(3)]
    spelled += [text.replace("e+0", "e").replace("e-0", "e-").replace("e+", "e") for text in spelled]
    fitting = [text for text in spelled if len(text) <= 7]
    exact = [text for text in fitting if math.isclose(float(text), value, rel_tol=1e-9)]
    return exact[0] if exact else fitting[-1]


class HeldBounds:
    """Bounds of a y axis that move seldom, so that one chart and the next differ in few cells.

    They widen at once when a value falls outside, with some room to spare, and narrow only when there are
    some values that use less than half of them. A start that alone takes more than half of the height (the loss of the first epoch) is let go of once
    there are enough later values: the axis then belongs to those, and the start is above or below it.

    `limits` are values the metric cannot pass, such as (0, 1) for an accuracy: no room is spared beyond them.
    """

    def __init__(self, limits: tuple[float | None, float | None] = (None, None)) -> None:
        self.limits = limits
        self.low, self.high = 0.0, 1.0
        self._log: bool | None = None  # None: nothing was seen yet

    @property
    def known(self) -> bool:
        """Whether any value was seen yet."""
        return self._log is not None

    def update(self, series: Sequence[Floats], log: bool = False) -> tuple[float, float]:
        """The bounds for these clean values, one array per series, each in order of time."""
        log = bool(log)
        wanted = [_focus(values, log) for values in series if len(values)]
        if not wanted:
            return self.low, self.high
        low, high = min(low for low, _ in wanted), max(high for _, high in wanted)
        many = max(map(len, series)) >= _FEW
        if self._log is not log or (many and _span(low, high, log) < 0.5 * _span(self.low, self.high, log)):
            self._hold(low, high, log)
        elif low < self.low or high > self.high:
            spare = 0.35 * _span(min(low, self.low), max(high, self.high), log)
            self._hold(
                self._beyond(low, -spare, log) if low < self.low else self.low,
                self._beyond(high, spare, log) if high > self.high else self.high,
                log,
            )
        return self.low, self.high

    def _beyond(self, value: float, spare: float, log: bool) -> float:
        """`value` moved on by `spare`, but neither across zero nor across a limit that it has not passed itself."""
        if log:
            moved = min(max(value * 10.0**spare, min(value, _TINY)), max(value, LARGEST))
        else:
            moved = value + spare
        for stop in (limit for limit in (None if log else 0.0, *self.limits) if limit is not None):
            if min(value, moved) <= stop <= max(value, moved):
                moved = stop
        return moved

    def _hold(self, low: float, high: float, log: bool) -> None:
        self.low, self.high = round_bounds(low, high, log)
        bottom, top = self.limits
        if bottom is not None and self.low < bottom <= low:
            self.low = bottom
        if top is not None and high <= top < self.high:
            self.high = top
        self._log = log


def _span(low: float, high: float, log: bool) -> float:
    return math.log10(high) - math.log10(low) if log else high - low


def _focus(values: Floats, log: bool) -> tuple[float, float]:
    """Lowest and highest of the values an axis should hold: all, or all but a first twentieth that towers over the rest."""
    low, high = float(values.min()), float(values.max())
    if len(values) >= _FEW:
        later = values[max(1, len(values) // 20) :]
        later_low, later_high = float(later.min()), float(later.max())
        if _span(later_low, later_high, log) < 0.5 * _span(low, high, log):
            return later_low, later_high
    return low, high
