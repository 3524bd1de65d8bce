"""A chart worked out before it is drawn: which part of which series is in sight, on which axes, in which rows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.series import LARGEST, Floats, round_bounds, ticks

from .chart_frame import Frame
from .chart_glyphs import GLYPHS, Marker, solid
from .chart_lines import Placing
from .chart_series import ChartOptions, Mark, Series

SMALLEST = (20, 5)  # cells; below this there is no room for a curve beside its numbers
_WITH_NOTE = 7  # rows; below this the curve needs the note's line itself
_WITH_LANE = 9  # rows; below this signs of events have no line of their own; beside a note they need one row more


@dataclass(eq=False)  # two lines are the same only if they are one
class Line:
    """A series made ready: thinned finite points, of which those from `start` to `stop` are in sight in x."""

    series: Series
    marker: Marker
    paint: str
    swatch: str
    xs: Floats
    ys: Floats
    start: int
    stop: int
    lost: Floats  # x of the points in sight that have no y
    band: tuple[Floats, Floats, Floats] | None  # xs, low, high

    @property
    def shows(self) -> bool:
        """Whether there is something to draw: points in sight, or a line between two points on either side."""
        return self.stop > self.start or len(self.xs) == 2

    @property
    def heights(self) -> list[Floats]:
        """What the y axis should hold of it."""
        points = self.ys if self.shows and self.start == self.stop else self.ys[self.start : self.stop]
        return [points, *(self.band[1:] if self.band else ())]


@dataclass(eq=False)
class Plan:
    """A chart worked out, but for the drawing."""

    lines: list[Line]  # in the order of the series
    place: Placing
    y_ticks: list[tuple[float, str]]
    noted: bool
    laned: bool


def plan_of(series: Sequence[Series], options: ChartOptions, marks: Sequence[Mark]) -> Plan:
    """What is to be drawn, for any size: a chart too small to be drawn is worked out as the smallest one."""
    width, height = max(options.width, SMALLEST[0]), max(options.height, SMALLEST[1])
    x_low, x_high = _x_range(series, options)
    noted = (options.note is not None or options.shade is not None) and height >= _WITH_NOTE
    laned = height >= _WITH_LANE + noted and any(mark.kind != "best" and x_low <= mark.x <= x_high for mark in marks)
    # How wide the canvas is hangs on the numbers beside it, these on the values in sight, and these (but for a spike or two
    # at the edges) not on the number of columns. So the lines are thinned again only where the numbers need more room.
    lines = _prepare(series, options, 2 * (width - options.gutter - 1), x_low, x_high)
    y_low, y_high = _y_range(lines, options)
    y_ticks: list[tuple[float, str]] = []
    if any(line.shows for line in lines):
        y_ticks = ticks(y_low, y_high, max(2, min(7, height // 2 - 1)), log=options.log_y)
    gutter = min(max([options.gutter, *(len(label) for _, label in y_ticks)]), width - 4)
    frame = Frame(gutter + 1, 1 + noted + laned, width - gutter - 1, height - 3 - noted - laned)
    if gutter != options.gutter:
        lines = _prepare(series, options, 2 * frame.columns, x_low, x_high)
    place = Placing(frame, x_low, x_high, y_low, y_high, options.log_y, options.log_x)
    return Plan(lines, place, y_ticks, noted, laned)


def _x_range(series: Sequence[Series], options: ChartOptions) -> tuple[float, float]:
    """The x axis as asked for, else as wide as the data; never empty, and a lone x in its middle."""
    log = options.log_x
    given = [
        end if end is not None and math.isfinite(end) and (end > 0 or not log) else None
        for end in (options.x_low, options.x_high)
    ]
    known: list[float] = []
    for one in series if None in given else ():
        xs, _, lost = one.cleaned(options.log_y, log)
        known += [float(part[end]) for part in (xs, lost) if len(part) for end in (0, -1)]
    start = 1.0 if log else 0.0
    low = given[0] if given[0] is not None else min(known, default=start if given[1] is None else min(start, given[1]))
    high = given[1] if given[1] is not None else max(known, default=10 * low if log else low + 1)
    low, high = sorted(float(np.clip(end, 1e-300 if log else -LARGEST, LARGEST)) for end in (low, high))
    if log:
        return (low, high) if high > low * (1 + 1e-9) else (low / 3, high * 3)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        room = max(0.5, abs(low) / 1000)
        return low - room, high + room
    return low, high


def _prepare(series: Sequence[Series], options: ChartOptions, columns: int, x_low: float, x_high: float) -> list[Line]:
    glyphs = GLYPHS[options.charset]
    lines: list[Line] = []
    others = 0
    for one in series:
        points = one.thinned(options.log_y, options.log_x, columns, x_low, x_high)
        lost = one.cleaned(options.log_y, options.log_x)[2]
        look = (glyphs.lines.get(one.role), one.role, glyphs.swatches.get(one.role, ""))
        if one.role == "other":
            char = glyphs.others[others % len(glyphs.others)]
            look = (solid(char), f"other{others % len(glyphs.others)}", 2 * char)
            others += 1
        lost = lost[np.searchsorted(lost, x_low, "left") : np.searchsorted(lost, x_high, "right")]
        marker, paint, swatch = look
        assert marker is not None
        lines.append(Line(one, marker, paint, swatch, *points, lost, _band(one, options, x_low, x_high)))
    return lines


def _band(one: Series, options: ChartOptions, x_low: float, x_high: float) -> tuple[Floats, Floats, Floats] | None:
    """The band in sight and the points next to it on both sides; on a logarithmic axis cut off at the least positive value."""
    if one.low is None or one.high is None:
        return None
    count = min(len(one.xs), len(one.low), len(one.high))
    xs, low, high = (part[:count] for part in (one.xs, one.low, one.high))
    usable = np.isfinite(xs) & np.isfinite(low) & np.isfinite(high)
    if options.log_x:
        usable &= xs > 0
    if options.log_y:
        usable &= high > 0
    order = np.argsort(xs[usable], kind="stable")
    xs, low, high = (part[usable][order] for part in (xs, low, high))
    start = max(int(np.searchsorted(xs, x_low, "left")) - 1, 0)
    stop = int(np.searchsorted(xs, x_high, "right")) + 1
    low, high = (
        np.clip(part[start:stop], -LARGEST, LARGEST) for part in (np.minimum(low, high), np.maximum(low, high))
    )
    if options.log_y and len(low):
        least = min(low[low > 0].min(initial=np.inf), high.min())
        low = np.maximum(low, least)
    return (xs[start:stop], low, high) if len(low) else None


def _y_range(lines: Sequence[Line], options: ChartOptions) -> tuple[float, float]:
    values = [part for line in lines for part in line.heights if len(part)]
    if options.bounds is not None:
        low, high = options.bounds.update(values, options.log_y)
        if options.log_y and low <= 0:  # nothing was seen yet
            low, high = 1.0, 10.0
    elif values:
        low, high = round_bounds(min(ys.min() for ys in values), max(ys.max() for ys in values), options.log_y)
    else:
        low, high = (1.0, 10.0) if options.log_y else (0.0, 1.0)
    asked = [
        end
        if end is not None and math.isfinite(end) and abs(end) <= LARGEST and (end > 0 or not options.log_y)
        else None
        for end in (options.y_low, options.y_high)
    ]
    zoomed = low if asked[0] is None else asked[0], high if asked[1] is None else asked[1]
    room = 1e-12 * max(abs(zoomed[0]), abs(zoomed[1]))
    return zoomed if zoomed[1] - zoomed[0] > room else (low, high)
