"""The part of a y axis that is in sight: a person's zoom, where the axis would hold all values otherwise. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .chart import Series
from .chart_series import point_at

_MOST = 1e6  # times; beyond that the numbers beside the axis could not be told apart
_FIRST = ("validation", "train", "test", "other", "reference")  # whose value a zoom goes towards


@dataclass(frozen=True, slots=True)
class Height:
    """A part of a y axis, in its units. times: how much larger than the whole axis its values are drawn."""

    low: float
    high: float
    times: float = 1.0


def zoomed_y(now: Height | None, low: float, high: float, by: float, around: float, log: bool = False) -> Height | None:
    """The part `by` times as high of an axis from `low` to `high`, with `around` where it was, on the axis; None for all of it.

    With `log` the ends are above 0, and the axis is even in the logarithm.
    """
    if log and not 0 < low < high:  # the axis has just become logarithmic and was not drawn since
        return None
    flat = math.log10 if log else float
    bottom, top = flat(low), flat(high)
    whole = top - bottom
    if not 0 < whole < math.inf:
        return None
    shown = (max(flat(now.low), bottom), min(flat(now.high), top)) if now is not None else (bottom, top)
    if not shown[1] > shown[0]:  # the axis has gone elsewhere meanwhile
        shown = bottom, top
    wide = (shown[1] - shown[0]) * by
    if wide >= whole * (1 - 1e-9):
        return None
    wide = max(wide, whole / _MOST, 1e-9 * max(abs(bottom), abs(top)))
    fixed = flat(around) if math.isfinite(around) and (around > 0 or not log) else sum(shown) / 2
    fixed = min(max(fixed, shown[0]), shown[1])
    start = fixed - (fixed - shown[0]) / (shown[1] - shown[0]) * wide
    start = min(max(start, bottom), top - wide)
    ends = (10.0**start, 10.0 ** (start + wide)) if log else (start, start + wide)
    return Height(*ends, whole / wide)


def value_near(series: Sequence[Series], x: float) -> float:
    """The value that a zoom at `x` goes towards: of the validation curve where there is one; NaN where there is none."""
    for role in _FIRST:
        for one in series:
            point = point_at(one, x) if one.role == role else None
            if point is not None and math.isfinite(point[1]):
                return point[1]
    return math.nan
