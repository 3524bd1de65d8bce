"""A chart as text: series, a size and options in, strips out; and what the mouse and a cursor ask about such a chart.

It is worked out first (chart_plan.py). The lines are drawn on a raster of dots (chart_lines.py), in characters that differ from series to series (chart_glyphs.py);
axes and legend stand around them (chart_frame.py), signs and words upon them (chart_marks.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from textual.strip import Strip

from engine.series import Floats, clock, figure, second_ticks, ticks

from .chart_frame import Entry, Grid, Tick, cells, draw_axes, draw_x_label, fit, legend
from .chart_glyphs import GLYPHS, LOST, Glyphs, palette
from .chart_lines import Placing, band_cells, filled_cells, strokes
from .chart_marks import (
    draw_cursor,
    draw_lane,
    draw_lost,
    draw_names,
    draw_sides,
    draw_signs,
    draw_uprights,
    label_of,
    sign,
    speakable,
    tint_sides,
)
from .chart_plan import SMALLEST, Line, Plan, plan_of
from .chart_series import MINOR, ORDER, ChartOptions, Mark, Role, Series, point_at, read_out

__all__ = ["ChartOptions", "Mark", "Role", "Series", "draw", "nearest", "read_out", "x_of"]


def draw(series: Sequence[Series], options: ChartOptions, marks: Sequence[Mark] = ()) -> list[Strip]:
    """The chart as `options.height` strips of `options.width` cells each, whatever the values and the size are."""
    width, height = max(options.width, 0), max(options.height, 0)
    grid = Grid(width, height)
    styles = palette(options.colour, options.dark)
    if width < SMALLEST[0] or height < SMALLEST[1]:
        notice = fit("chart needs {}x{}".format(*SMALLEST), width, "")
        grid.put((width - len(notice)) // 2, (height - 1) // 2, notice, "label")
        return grid.strips(styles)
    glyphs = GLYPHS[options.charset]
    plan = plan_of(series, options, marks)
    place, frame = plan.place, plan.place.frame
    lost = np.unique(np.concatenate([np.zeros(0), *(line.lost for line in plan.lines)]))
    _draw_legend(grid, plan, marks, len(lost), options, glyphs)
    if plan.noted:
        draw_sides(grid, 1, place, marks, options, glyphs)
    if plan.laned:
        draw_lane(grid, 1 + plan.noted, place, marks, options, glyphs)
    draw_axes(grid, frame, glyphs, _x_ticks(place, options), _y_rows(plan))
    draw_x_label(grid, frame, speakable(options.x_label, options.charset))
    for line in plan.lines:
        if line.band:
            rows, columns = band_cells(*line.band, place)
            grid.fill(frame.top + rows, frame.left + columns, ord(glyphs.band), "band")
    draw_uprights(grid, place, marks, glyphs)
    _draw_lines(grid, place, [line for line in plan.lines if line.series.role in MINOR])
    draw_cursor(grid, place, options.cursor, glyphs)
    _draw_lines(grid, place, [line for line in plan.lines if line.series.role not in MINOR])
    draw_signs(grid, place, marks, _best(plan.lines, marks), glyphs)
    draw_lost(grid, place, lost.tolist())
    others = [line for line in plan.lines if line.series.role == "other" and line.stop > line.start]
    draw_names(
        grid,
        place,
        [
            (line.series.name, float(line.xs[line.stop - 1]), float(line.ys[line.stop - 1]), line.paint)
            for line in others
        ],
        options,
    )
    if not any(line.shows for line in plan.lines):
        notice = fit(f" {_emptiness(plan.lines, lost)} ", frame.columns, "")
        grid.put(frame.left + (frame.columns - len(notice)) // 2, frame.top + frame.rows // 2, notice, "label")
    tint_sides(grid, place, options)
    return grid.strips(styles)


def x_of(series: Sequence[Series], options: ChartOptions, column: int) -> float:
    """The x under a column of the drawn chart, for the mouse; columns beside the canvas count as its nearest."""
    place = plan_of(series, options, ()).place
    return place.value_at(column - place.frame.left)


def nearest(series: Sequence[Series], options: ChartOptions, x: float, step: int) -> float:
    """The x of the point `step` points right of `x` (left, if negative); with 0 that of the point nearest to it.

    Where there are more points in sight than columns a column counts as one point, at the value that stands out most, so that
    a spike can be read. Beyond both ends lies one more point, if there is one outside of the view: a view that follows the
    cursor pans. `x` itself where there is no point at all.
    """
    plan = plan_of(series, options, ())
    stops = _stops(plan, options)
    if not len(stops):
        return x
    x = x if math.isfinite(x) else stops[-1]
    if step > 0:
        at = int(np.searchsorted(stops, x, "right")) + step - 1
    elif step < 0:
        at = int(np.searchsorted(stops, x, "left")) + step
    else:
        at = int(np.abs(stops - x).argmin())
    return float(stops[min(max(at, 0), len(stops) - 1)])


def _stops(plan: Plan, options: ChartOptions) -> Floats:
    """Where a cursor can stand, ascending."""
    place = plan.place
    inside: list[Floats] = []
    before, after = [], []
    for line in plan.lines:
        xs, _, _ = line.series.cleaned(options.log_y, options.log_x)
        start, stop = np.searchsorted(xs, place.x_low, "left"), np.searchsorted(xs, place.x_high, "right")
        inside += [xs[start:stop], line.lost]
        before += xs[start - 1 : start].tolist() if start else []
        after += xs[stop : stop + 1].tolist()
    if sum(map(len, inside)) <= place.frame.columns:
        chosen = np.concatenate([np.zeros(0), *inside])
    else:
        parts = [(line.xs[line.start : line.stop], line.ys[line.start : line.stop]) for line in plan.lines]
        xs = np.concatenate([part for part, _ in parts])
        away = np.concatenate([np.abs(ys - np.median(ys)) if len(ys) else ys for _, ys in parts])
        lost = np.concatenate([line.lost for line in plan.lines])
        xs, away = np.concatenate([xs, lost]), np.concatenate([away, np.full(len(lost), np.inf)])
        columns = place.columns(xs)
        order = np.lexsort((-away, columns))
        chosen = xs[order[np.unique(columns[order], return_index=True)[1]]]
    return np.unique(np.concatenate([chosen, [max(before)] if before else [], [min(after)] if after else []]))


# ------------------------------------------------------------------------------------------------ axes, curves, legend


def _x_ticks(place: Placing, options: ChartOptions) -> list[Tick]:
    low, high, count = place.x_low, place.x_high, max(2, place.frame.columns // 9)
    if options.x_format == "seconds":
        found = second_ticks(low, high, count, options.log_x)
    else:
        found = ticks(low, high, count, log=options.log_x, whole=not options.log_x) or ticks(low, high, count)
    return [(place.column(x), label) for x, label in found]


def _y_rows(plan: Plan) -> list[Tick]:
    rows = [(plan.place.row(value), label) for value, label in plan.y_ticks]
    return [(row, label) for row, label in rows if row is not None]


def _emptiness(lines: Sequence[Line], lost: Floats) -> str:
    if len(lost):
        return "no finite values yet"
    return "no values in view" if any(len(line.series.ys) for line in lines) else "no values yet"


def _draw_lines(grid: Grid, place: Placing, lines: Sequence[Line]) -> None:
    frame = place.frame
    for line in sorted(lines, key=lambda line: ORDER.index(line.series.role)):
        if len(line.xs):
            found = strokes(line.xs, line.ys, line.lost, place, line.start, line.stop)
            rows, columns, codes = filled_cells(found, line.marker, frame)
            grid.fill(frame.top + rows, frame.left + columns, codes, line.paint)


def _best(lines: Iterable[Line], marks: Iterable[Mark]) -> tuple[float, float] | None:
    """The point of the validation curve at the best epoch."""
    best = next((mark.x for mark in marks if mark.kind == "best"), None)
    for line in lines:
        if best is not None and line.series.role == "validation":
            return point_at(line.series, best)
    return None


def _draw_legend(
    grid: Grid, plan: Plan, marks: Sequence[Mark], lost: int, options: ChartOptions, glyphs: Glyphs
) -> None:
    title = speakable(options.y_label, options.charset)
    title += ", log" if title and options.log_y else ""
    if options.cursor is not None and math.isfinite(options.cursor):
        at = clock(options.cursor) if options.x_format == "seconds" else f"{options.cursor:.6g}"
        title = f"{title} at {speakable(options.x_label, options.charset)} {at}".strip()
    ghosts = [line for line in plan.lines if line.series.role == "ghost" and line.series.name]
    crowded = ghosts if len(ghosts) > 2 else []
    entries: list[Entry] = []
    for line in plan.lines:
        if line.series.name and line not in crowded:
            name, value = (speakable(text, options.charset) for text in (line.series.name, _value(line, plan, options)))
            entries.append(Entry(line.swatch, line.paint, name, value, line.series.role in MINOR))
    if crowded:
        names = [speakable(ghost.series.name, options.charset) for ghost in (crowded[0], crowded[-1])]
        entries.append(Entry(ghosts[0].swatch, "ghost", f"{names[0]} .. {names[1]}", "", minor=True))
    last = {mark.kind: mark for mark in marks if mark.label and (mark.kind == "best" or not plan.laned)}
    for mark in sorted(last.values(), key=lambda mark: list(glyphs.marks).index(sign(mark.kind, glyphs)[1])):
        entries.append(Entry(*sign(mark.kind, glyphs), "", label_of(mark, options), minor=True))
    if lost:
        entries.append(Entry(LOST, "lost", "", f"{lost} NaN/inf", minor=True))
    x = 1
    for text, paint in legend(title, entries, grid.width - 1, glyphs.more):
        grid.put(x, 0, text, paint)
        x += cells(text)


def _value(line: Line, plan: Plan, options: ChartOptions) -> str:
    """The latest value of a series, or the one at the cursor, with its own x where that is in another column."""
    if options.cursor is None or not math.isfinite(options.cursor):
        return line.series.latest
    point = point_at(line.series, options.cursor)
    if point is None:
        return ""
    place = plan.place
    elsewhere = place.column(point[0]) != place.column(options.cursor)
    at = clock(point[0]) if options.x_format == "seconds" else f"{point[0]:.6g}"
    return f"{figure(point[1])} @{at}" if elsewhere else figure(point[1])
