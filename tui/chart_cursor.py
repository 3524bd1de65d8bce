"""Where a chart's cursor goes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from .chart import ChartOptions, Series, nearest

_LEAP = 0.1  # of what is in sight


def landed(series: Sequence[Series], options: ChartOptions, x: float) -> float:
    """The x of the point nearest to `x`."""
    return nearest(series, options, x, 0)


def stepped(series: Sequence[Series], options: ChartOptions, x: float, step: int) -> float:
    """The next point left (`step` -1) or right (1) that a person can tell from this one."""
    return nearest(series, options, x, step)


def leapt(series: Sequence[Series], options: ChartOptions, x: float, step: int) -> float:
    """The point nearest to a tenth of what is in sight further left or right, and at least the next one."""
    low, high = (_flat(options, end) for end in (options.x_low or 0.0, options.x_high or 1.0))
    leap = _LEAP * (high - low)
    ends = (low - leap, high + leap)  # the points beyond both ends count as well
    beyond = replace(options, x_low=_steep(options, ends[0]), x_high=_steep(options, ends[1]))
    there = nearest(series, beyond, _steep(options, _flat(options, x) + step * leap), 0)
    return there if (there - x) * step > 0 else nearest(series, options, x, step)


def _flat(options: ChartOptions, x: float) -> float:
    """`x` in the units that the axis is even in."""
    return math.log10(max(x, 1e-12)) if options.log_x else x


def _steep(options: ChartOptions, flat: float) -> float:
    return 10.0**flat if options.log_x else flat
