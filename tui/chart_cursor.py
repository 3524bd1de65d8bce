"""Where a chart's cursor goes: from point to point, and never by less than a person can see. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .chart import ChartOptions, Series, nearest


def landed(series: Sequence[Series], options: ChartOptions, x: float) -> float:
    """The x of the point nearest to `x`."""
    return nearest(series, options, x, 0)


def stepped(series: Sequence[Series], options: ChartOptions, x: float, step: int) -> float:
    """The next point left (`step` -1) or right (1), or of several in a column the one nearest to the next column's middle."""
    there = nearest(series, options, x, step)
    moved = _column(options, there) - _column(options, x)
    return there if abs(moved) >= 1 or there == x else _beside(series, options, x, step)


def jumped(series: Sequence[Series], options: ChartOptions, x: float, step: int) -> float:
    """The point nearest to a tenth of the canvas further left or right, at least the next one."""
    return _beside(series, options, x, step * max(1.0, _canvas(options) / 10))


def _beside(series: Sequence[Series], options: ChartOptions, x: float, columns: float) -> float:
    """The point nearest to what lies `columns` further, or the next one where that is none further."""
    low, high = _ends(options)
    flat = _flat(options, x) + columns / _canvas(options) * (high - low)
    there = nearest(series, options, 10.0**flat if options.log_x else flat, 0)
    onward = (there - x) * columns > 0
    return there if onward else nearest(series, options, x, 1 if columns > 0 else -1)


def _canvas(options: ChartOptions) -> int:
    return max(1, options.width - options.gutter - 1)


def _column(options: ChartOptions, x: float) -> float:
    low, high = _ends(options)
    return (_flat(options, x) - low) / (high - low) * _canvas(options)


def _ends(options: ChartOptions) -> tuple[float, float]:
    low, high = _flat(options, options.x_low or 0.0), _flat(options, options.x_high or 1.0)
    return low, max(high, low + 1e-12)


def _flat(options: ChartOptions, x: float) -> float:
    """`x` in the units that the axis is even in."""
    return math.log10(max(x, 1e-12)) if options.log_x else x
