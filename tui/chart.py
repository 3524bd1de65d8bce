"""A chart as text: series, a size and options in, strips out. The only file that knows plotext.

plotext draws the lines, and nothing else: it gets whole sub-cell coordinates that were worked out here, and so never sees
a NaN, an infinity, a huge number or a million points, on each of which it fails or takes seconds. Axes, numbers, marks and
legend are put around its canvas by chart_frame.py.

Coordinates: a cell has 2 x 4 dots, as in braille. Every value is placed on that raster first and coarser markers take the
cell of their dot, so that what happened at one x is in one column, whatever it is drawn with.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import plotext as plt
from textual.strip import Strip

from engine.series import Floats, HeldBounds, clean, decimate, figure, round_bounds, ticks

from .chart_frame import (
    GLYPHS,
    LOST,
    Entry,
    Frame,
    Glyphs,
    Grid,
    cells,
    draw_axes,
    draw_x_label,
    fit,
    legend,
    palette,
    plain,
)
from .chart_lines import Dots, Placing, pieces_of
from .text import Charset

Role = Literal["train", "raw", "validation", "test", "ghost", "other", "reference"]

_ORDER: tuple[Role, ...] = ("raw", "ghost", "reference", "other", "test", "train", "validation")  # the last is on top
_SMALLEST = (20, 5)  # cells; below this there is no room for a curve beside its numbers
_WITH_NOTE = 7  # rows; below this the curve needs the note's line itself
_ANSI = re.compile(r"\x1b\[([0-9;]*)m")
_plotext_lock = threading.Lock()  # plotext has one global figure


class Series:
    """One curve: finite or not, any length. The arrays are copied, so later changes of the caller's lists do not show.

    `latest` is the number shown in the legend; without it, it is the last y. `low` and `high`, as long as `ys`, are the
    edges of a band behind the line, such as mean - sd and mean + sd.
    """

    __slots__ = ("high", "latest", "low", "name", "role", "xs", "ys")

    def __init__(
        self,
        name: str,
        xs: npt.ArrayLike,
        ys: npt.ArrayLike,
        role: Role,
        latest: str | None = None,
        low: npt.ArrayLike | None = None,
        high: npt.ArrayLike | None = None,
    ) -> None:
        self.name = name
        self.role: Role = role if role in _ORDER else "reference"
        self.xs = np.array(xs, np.float64).ravel()
        self.ys = np.array(ys, np.float64).ravel()
        self.low = None if low is None else np.array(low, np.float64).ravel()
        self.high = None if high is None else np.array(high, np.float64).ravel()
        self.latest = latest if latest is not None else figure(self.ys[-1]) if len(self.ys) else ""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Series)
            and (self.name, self.role, self.latest) == (other.name, other.role, other.latest)
            and np.array_equal(self.ys, other.ys, equal_nan=True)
            and np.array_equal(self.xs, other.xs, equal_nan=True)
            and _same(self.low, other.low)
            and _same(self.high, other.high)
        )


def _same(one: Floats | None, other: Floats | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other, equal_nan=True))


@dataclass(frozen=True)
class Mark:
    """Something that happened at `x`. Kinds with a sign of their own: best, stop, lr (an edit), resume, non_finite, finding."""

    x: float
    kind: str
    label: str = ""  # shown in the legend; of several marks of a kind the last one's


@dataclass(frozen=True)
class ChartOptions:
    """How a chart looks. Sizes are in cells; a missing end of the x axis is taken from the data."""

    width: int = 80
    height: int = 12
    x_low: float | None = None
    x_high: float | None = None
    x_label: str = "epoch"
    y_label: str = ""
    log_y: bool = False
    charset: Charset = "braille"
    colour: bool = True
    dark: bool = True  # whether the background is dark
    bounds: HeldBounds | None = None  # keeps the y axis still from one draw to the next
    gutter: int = 5  # least cells for the y numbers; equal gutters put two charts' columns under each other
    note: tuple[str, str, str] | None = None  # what lies left of the best mark, at it, and right of it
    log_x: bool = False
    y_low: float | None = None  # a zoom in y; None: the held bounds
    y_high: float | None = None
    cursor: float | None = None  # x of an upright; the legend then shows the values there instead of the latest
    x_format: Literal["number", "seconds"] = "number"
    shade: tuple[float, str, str] | None = None  # x of the just-right point, words for the sides under and over it


@dataclass
class _Line:
    """A series made ready: thinned finite points, and the x of its points that have no y."""

    series: Series
    xs: Floats
    ys: Floats
    lost: Floats


def draw(series: Sequence[Series], options: ChartOptions, marks: Sequence[Mark] = ()) -> list[Strip]:
    """The chart as `options.height` strips of `options.width` cells each, whatever the values and the size are."""
    width, height = max(options.width, 0), max(options.height, 0)
    grid = Grid(width, height)
    styles = palette(options.colour, options.dark)
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        notice = fit("chart needs {}x{}".format(*_SMALLEST), width, "")
        grid.put((width - len(notice)) // 2, (height - 1) // 2, notice, "label")
        return grid.strips(styles)
    glyphs = GLYPHS[options.charset]
    x_low, x_high = _x_range(series, options)
    lines = [_prepare(one, x_low, x_high, width, options.log_y) for one in sorted(series, key=_depth)]
    y_low, y_high = _y_range(lines, options)
    y_ticks = ticks(y_low, y_high, min(7, height // 2 - 1), log=options.log_y) if any(len(i.xs) for i in lines) else []
    gutter = max([options.gutter, *(len(label) for _, label in y_ticks)])
    noted = int(options.note is not None and height >= _WITH_NOTE)
    frame = Frame(gutter + 1, 1 + noted, width - gutter - 1, height - 3 - noted)
    place = Placing(frame, x_low, x_high, y_low, y_high, options.log_y)
    _draw_legend(grid, series, marks, options, glyphs)
    if noted:
        _draw_note(grid, place, marks, options, glyphs)
    x_ticks = ticks(x_low, x_high, max(2, frame.columns // 9), whole=True)
    rows = [(frame.rows - 1 - round(float(place.y(np.array([value]))[0])) // 4, label) for value, label in y_ticks]
    draw_axes(grid, frame, glyphs, [(place.column(x), label) for x, label in x_ticks], rows)
    draw_x_label(grid, frame, _text(options.x_label, options))
    _draw_marks(grid, place, marks, lines, glyphs, behind=True)
    _draw_lines(grid, place, lines, glyphs)
    _draw_marks(grid, place, marks, lines, glyphs, behind=False)
    _draw_lost(grid, place, lines)
    if not any(len(line.xs) for line in lines):
        notice = "no finite values yet" if any(len(line.lost) for line in lines) else "no values yet"
        notice = fit(f" {notice} ", frame.columns, "")
        grid.put(frame.left + (frame.columns - len(notice)) // 2, frame.top + frame.rows // 2, notice, "label")
    return grid.strips(styles)


def x_of(series: Sequence[Series], options: ChartOptions, column: int) -> float:
    """The x under a column of the drawn chart, for the mouse; columns beside the canvas count as its nearest."""
    x_low, x_high = _x_range(series, options)
    columns = max(options.width - options.gutter - 1, 2)
    share = min(max(column - options.gutter - 1, 0), columns - 1) / (columns - 1)
    return x_low + share * (x_high - x_low)


def nearest(series: Sequence[Series], options: ChartOptions, x: float, step: int) -> float:
    """The x of the point `step` points right of `x` (left, if negative); of 0 the one nearest to it; `x` without points."""
    xs = np.unique(np.concatenate([one.xs[np.isfinite(one.xs)] for one in series] or [np.zeros(0)]))
    if not len(xs):
        return x
    at = int(np.abs(xs - x).argmin())
    if step > 0:
        at = int(np.searchsorted(xs, x, "right")) + step - 1
    elif step < 0:
        at = int(np.searchsorted(xs, x, "left")) + step
    return float(xs[min(max(at, 0), len(xs) - 1)])


def read_out(series: Sequence[Series], x: float) -> list[tuple[str, float, float]]:
    """Name, x of the point nearest to `x`, and y there, of each series that has points."""
    found: list[tuple[str, float, float]] = []
    for one in series:
        count = min(len(one.xs), len(one.ys))
        if count and np.isfinite(one.xs[:count]).any():
            at = int(np.nanargmin(np.abs(one.xs[:count] - x)))
            found.append((one.name, float(one.xs[at]), float(one.ys[at])))
    return found


# ----------------------------------------------------------------------------------------------------- preparation


def _depth(series: Series) -> int:
    return _ORDER.index(series.role)


def _text(text: str, options: ChartOptions) -> str:
    return plain(text) if options.charset == "ascii" else text


def _x_range(series: Sequence[Series], options: ChartOptions) -> tuple[float, float]:
    """The x axis as asked for, else as wide as the data; never empty, and a lone x in its middle."""
    given = [end if end is not None and math.isfinite(end) else None for end in (options.x_low, options.x_high)]
    known = [xs[np.isfinite(xs)] for xs in (one.xs for one in series)] if None in given else []
    low = min((xs.min() for xs in known if len(xs)), default=0.0) if given[0] is None else given[0]
    high = max((xs.max() for xs in known if len(xs)), default=low + 1) if given[1] is None else given[1]
    low, high = sorted(float(np.clip(end, -1e300, 1e300)) for end in (low, high))
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        room = max(0.5, abs(low) / 1000)
        return low - room, high + room
    return low, high


def _prepare(series: Series, x_low: float, x_high: float, columns: int, log_y: bool) -> _Line:
    xs, ys, lost = clean(series.xs, series.ys, log_y)
    if len(xs) and (xs[0] < x_low or xs[-1] > x_high):
        inside = (xs >= x_low) & (xs <= x_high)
        xs, ys = xs[inside], ys[inside]
    lost = lost[(lost >= x_low) & (lost <= x_high)]
    return _Line(series, *decimate(xs, ys, columns, x_low, x_high), lost)


def _y_range(lines: Sequence[_Line], options: ChartOptions) -> tuple[float, float]:
    values = [line.ys for line in lines if len(line.ys)]
    if options.bounds is not None:
        return options.bounds.update(values, options.log_y)
    if not values:
        return 0.0, 1.0
    return round_bounds(min(ys.min() for ys in values), max(ys.max() for ys in values), options.log_y)


# ---------------------------------------------------------------------------------------------------------- curves


def _draw_lines(grid: Grid, place: Placing, lines: Sequence[_Line], glyphs: Glyphs) -> None:
    frame = place.frame
    pieces = [(dots, line.series.role) for line in lines for dots in pieces_of(line.xs, line.ys, line.lost, place)]
    if not pieces:
        return
    for y, row in enumerate(_canvas(frame.columns, frame.rows, pieces, glyphs)):
        for x, text, role in row:
            grid.put(frame.left + x, frame.top + y, text, role)


def _canvas(
    columns: int, rows: int, pieces: Sequence[tuple[Dots, str]], glyphs: Glyphs
) -> list[list[tuple[int, str, str]]]:
    """plotext's picture of these lines: for each row, from the top, runs of (column, text, role) without the blanks.

    The colour numbers that plotext gets are no colours but the places of the roles in `_ORDER`, to be read back.
    """
    across, up = 2 * columns, 4 * rows
    with _plotext_lock:
        plt.clf()
        plt.limit_size(False, False)  # else it would cut the canvas to what it takes for the terminal's size
        plt.plotsize(columns, rows)
        plt.theme("clear")
        plt.frame(False)
        plt.xticks([])
        plt.yticks([])
        plt.xlim(0, across - 1)
        plt.ylim(0, up - 1)
        for (xs, ys), role in pieces:
            marker = glyphs.lines[role]
            wide, tall = {"braille": (1, 1), "hd": (1, 2)}.get(marker, (2, 4))
            across_by, up_by = _coarse(xs, wide, across), _coarse(ys, tall, up)
            plt.plot(across_by, up_by, marker=marker, color=_ORDER.index(role))
        picture = plt.build()
    return [_runs(row) for row in picture.split("\n")[:rows]]


def _coarse(dots: list[int], size: int, count: int) -> list[float]:
    """Coordinates on the axis 0 to `count` - 1 that plotext puts on the pixel, `size` dots large, which holds each dot."""
    pixels = count // size
    return [dot // size * (count - 1) / max(pixels - 1, 1) for dot in dots]


def _runs(row: str) -> list[tuple[int, str, str]]:
    """A line of plotext's output, text and colour codes, as (column, text, role) where something was drawn."""
    runs: list[tuple[int, str, str]] = []
    x, role = 0, ""
    for i, part in enumerate(_ANSI.split(row)):
        if i % 2:
            role = _ORDER[int(part.rpartition(";")[2])] if part.startswith("38;5;") else ""
            continue
        if role:
            runs += [(x + k, char, role) for k, char in enumerate(part) if char != " "]
        x += len(part)
    return runs


# ---------------------------------------------------------------------------------------------- marks and legend


def _sign(kind: str, glyphs: Glyphs) -> tuple[str, str]:
    """Character and paint of a kind of mark."""
    kind = kind if kind in glyphs.marks else "other"
    return glyphs.marks[kind], kind


def _draw_marks(
    grid: Grid, place: Placing, marks: Sequence[Mark], lines: Sequence[_Line], glyphs: Glyphs, behind: bool
) -> None:
    """Dotted uprights behind the curves; the signs on the axis, and that of the best epoch on its curve, before them."""
    frame = place.frame
    for mark in marks:
        if not place.shows(mark.x):
            continue
        x = frame.left + place.column(mark.x)
        sign, paint = _sign(mark.kind, glyphs)
        row = _row_on_curve(mark, place, lines)
        if behind:
            for y in range(0 if row is None else row, frame.rows):
                grid.put(x, frame.top + y, glyphs.upright, paint)
        elif row is not None:
            grid.put(x, frame.top + row, sign, paint)
        else:
            grid.put(x, frame.floor, sign, paint)


def _row_on_curve(mark: Mark, place: Placing, lines: Sequence[_Line]) -> int | None:
    """The row of the canvas where the best epoch lies on the validation curve, if it is there and inside the axis."""
    if mark.kind != "best":
        return None
    for line in lines:
        if line.series.role != "validation" or not len(line.xs):
            continue
        nearest = int(np.abs(line.xs - mark.x).argmin())
        dot = float(place.y(line.ys[nearest : nearest + 1])[0])
        if place.column(line.xs[nearest]) == place.column(mark.x) and 0 <= dot <= place.dots_up - 1:
            return place.frame.rows - 1 - round(dot) // 4
    return None


def _draw_lost(grid: Grid, place: Placing, lines: Sequence[_Line]) -> None:
    for line in lines:
        for column in np.unique(place.x(line.lost) // 2).tolist():
            grid.put(place.frame.left + column, place.frame.top, LOST, "lost")


def _draw_note(grid: Grid, place: Placing, marks: Sequence[Mark], options: ChartOptions, glyphs: Glyphs) -> None:
    """One line above the curves: the sides of the best point, its sign over its column as nearly as the words allow."""
    left, at, right = (_text(part, options) for part in options.note or ("", "", ""))
    sign, paint = _sign("best", glyphs)
    best = next((mark.x for mark in marks if mark.kind == "best"), None)
    before, after = f"{left} {glyphs.west} " if left else "", f" {glyphs.east} {right}" if right else ""
    size = cells(before) + cells(sign) + 1 + cells(at) + cells(after)
    if size > grid.width:
        at, size = "", size - cells(at) - 1
    wanted = place.frame.left + (place.column(best) if best is not None and place.shows(best) else 0) - cells(before)
    x = max(min(wanted, grid.width - size), 0)
    for text, look in ((before, "label"), (sign, paint), (f" {at}" if at else "", "text"), (after, "label")):
        grid.put(x, 1, text, look)
        x += cells(text)


def _draw_legend(
    grid: Grid, series: Sequence[Series], marks: Sequence[Mark], options: ChartOptions, glyphs: Glyphs
) -> None:
    entries = [
        Entry(glyphs.swatches[one.role], one.role, _text(one.name, options), _text(one.latest, options))
        for one in series
    ]
    last = {mark.kind: mark for mark in marks if mark.label}
    for mark in sorted(last.values(), key=lambda mark: list(glyphs.marks).index(_sign(mark.kind, glyphs)[1])):
        sign, paint = _sign(mark.kind, glyphs)
        entries.append(Entry(sign, paint, "", _text(mark.label, options), is_mark=True))
    x = 1
    for text, paint in legend(_text(options.y_label, options), entries, grid.width - 1, glyphs.more):
        grid.put(x, 0, text, paint)
        x += cells(text)
