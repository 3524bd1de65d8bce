"""What a chart says besides its lines: signs of what happened, the sides of the best point, the cursor, names of lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .chart_frame import Grid, cells, fit, plain
from .chart_glyphs import GLYPHS, LOST, WORDS, Glyphs
from .chart_lines import Placing
from .chart_series import MINOR, ChartOptions, Mark
from .text import Charset

_LABEL = 24  # cells; longer labels and names of marks are cut
_NAME = 12  # cells; longer names at the end of a line are cut
_RANK = ("stop", "finding", "resume", "non_finite", "lr", "other")  # who gets the room for a label first
_BEHIND = (*_RANK, "cursor", "band", *MINOR)  # paints that the name of a line may interrupt


def speakable(text: str, charset: Charset) -> str:
    """`text` as the charset can show it."""
    return plain(text) if charset == "ascii" else text


def sign(kind: str, glyphs: Glyphs) -> tuple[str, str]:
    """Character and paint of a kind of mark."""
    kind = kind if kind in glyphs.marks else "other"
    return glyphs.marks[kind], kind


def label_of(mark: Mark, options: ChartOptions) -> str:
    """The words beside the sign of a mark."""
    text = mark.label or WORDS[mark.kind if mark.kind in WORDS else "other"]
    return fit(speakable(text, options.charset), _LABEL, GLYPHS[options.charset].more)


def draw_uprights(grid: Grid, place: Placing, marks: Sequence[Mark], glyphs: Glyphs) -> None:
    """A dotted upright for each event. The best epoch has none: it moves from epoch to epoch, and an upright with it."""
    frame = place.frame
    for mark in marks:
        if mark.kind != "best" and place.shows(mark.x):
            x = frame.left + place.column(mark.x)
            for row in range(frame.rows):
                grid.put(x, frame.top + row, glyphs.upright[row % len(glyphs.upright)], sign(mark.kind, glyphs)[1])


def draw_signs(
    grid: Grid, place: Placing, marks: Sequence[Mark], curve: tuple[float, float] | None, glyphs: Glyphs
) -> None:
    """The signs on the axis; that of the best epoch also on the validation curve, whose point there is `curve`."""
    frame = place.frame
    for mark in sorted(marks, key=_rank, reverse=True):
        if not place.shows(mark.x):
            continue
        x = frame.left + place.column(mark.x)
        char, paint = sign(mark.kind, glyphs)
        grid.put(x, frame.floor, char, paint)
        if mark.kind == "best" and curve is not None and place.shows(curve[0]):
            row = place.row(curve[1])
            if row is not None and place.column(curve[0]) == place.column(mark.x):
                grid.put(x, frame.top + row, char, paint)


def _rank(mark: Mark) -> int:
    return _RANK.index(mark.kind) if mark.kind in _RANK else -1 if mark.kind == "best" else len(_RANK)


def draw_lane(grid: Grid, y: int, place: Placing, marks: Sequence[Mark], options: ChartOptions, glyphs: Glyphs) -> None:
    """One line of signs above their uprights, with labels where there is room: right of the sign, else left of it.

    The weightier kinds choose first, and of a kind the latest. A sign that a weightier label covers is still on the axis.
    """
    here = [mark for mark in marks if mark.kind != "best" and place.shows(mark.x)]
    taken: set[int] = set()
    crowded: list[tuple[int, Mark]] = []
    for mark in sorted(here, key=lambda mark: (_rank(mark), -mark.x)):
        x = place.frame.left + place.column(mark.x)
        text = label_of(mark, options)
        size = cells(text)
        for start in (x + 2, x - 1 - size):
            around = {x, *range(start - 1, start + size + 1)}  # the sign, and the label with a blank on both sides
            if size and start > 0 and start + size <= grid.width and not around & taken:
                grid.put(x, y, *sign(mark.kind, glyphs))
                grid.put(start, y, text, "text")
                taken |= {x, *range(start, start + size)}
                break
        else:
            crowded.append((x, mark))
    for x, mark in reversed(crowded):  # where two share a column the weightier one is written last
        if not {x - 1, x, x + 1} & taken:
            grid.put(x, y, *sign(mark.kind, glyphs))


def draw_lost(grid: Grid, place: Placing, lost: Sequence[float]) -> None:
    """An exclamation mark at the top for each column with a value that is NaN or infinite."""
    columns = np.unique(place.columns(np.array(lost, np.float64)))
    grid.fill(np.full(len(columns), place.frame.top), place.frame.left + columns, ord(LOST), "lost")


def draw_sides(
    grid: Grid, y: int, place: Placing, marks: Sequence[Mark], options: ChartOptions, glyphs: Glyphs
) -> None:
    """One line above the curves: the sides of the best point, its sign over its column as nearly as the words allow."""
    left, at, right = (speakable(part, options.charset) for part in options.note or ("", "", ""))
    best = next((mark.x for mark in marks if mark.kind == "best"), None)
    if options.shade is not None:
        best = options.shade[0]
        left, right = (speakable(part, options.charset) for part in options.shade[1:])
    char, paint = sign("best", glyphs)
    before, after = f"{left} {glyphs.west} " if left else "", f" {glyphs.east} {right}" if right else ""
    size = cells(before) + cells(char) + 1 + cells(at) + cells(after)
    if size > grid.width:
        at, size = "", size - cells(at) - 1
    wanted = place.frame.left + (place.column(best) if best is not None and place.shows(best) else 0) - cells(before)
    x = max(min(wanted, grid.width - size), 0)
    for text, look in ((before, "label"), (char, paint), (f" {at}" if at else "", "text"), (after, "label")):
        grid.put(x, y, text, look)
        x += cells(text)


def tint_sides(grid: Grid, place: Placing, options: ChartOptions) -> None:
    """Another background for each side that has a word. Called last: it keeps what is written there."""
    if options.shade is None or not options.colour or np.isnan(options.shade[0]):
        return
    at, under, over = options.shade
    frame = place.frame
    left, right, rows = frame.left, frame.left + frame.columns, (frame.top, frame.floor)
    middle = left + (place.column(at) if at <= place.x_high else frame.columns)
    if under:
        grid.tint(*rows, left, middle, "under")
    if over and at < place.x_high:
        grid.tint(*rows, middle + 1 if at >= place.x_low else left, right, "over")


def draw_cursor(grid: Grid, place: Placing, x: float | None, glyphs: Glyphs) -> None:
    """A whole upright, behind the lines."""
    if x is None or not place.shows(x):
        return
    frame = place.frame
    column = frame.left + place.column(x)
    for row in range(frame.rows):
        grid.put(column, frame.top + row, glyphs.cursor, "cursor")
    grid.put(column, frame.floor, glyphs.floor_cursor, "cursor")


def draw_names(
    grid: Grid, place: Placing, ends: Sequence[tuple[str, float, float, str]], options: ChartOptions
) -> None:
    """Names right of the ends of lines, or above or below those that end at the right wall, where nothing else is.

    `ends` has name, x, y and paint of each. Lines whose own row is free choose first: a name that has to go to the row above
    or below must not stand beside another line's end.
    """
    frame = place.frame
    wall = frame.left + frame.columns
    waiting = [
        (name, x, y, paint) for name, x, y, paint in ends if name and place.shows(x) and place.row(y) is not None
    ]
    for shifts in ((0,), (-1, 1), (-2, 2)):
        again = []
        for name, x, y, paint in waiting:
            text = fit(speakable(name, options.charset), _NAME, GLYPHS[options.charset].more)
            size, end, row = cells(text), frame.left + place.column(x), place.row(y) or 0
            start = min(end + 2, wall - size)
            for at in (row + shift for shift in shifts):
                left = start - 1 if at == row else min(start, end) - 1
                room = min(start + size + 1, wall) - left
                apart = start > end + 1 or at != row
                if apart and 0 <= at < frame.rows and grid.free(left, frame.top + at, room, _BEHIND):
                    grid.put(start - 1, frame.top + at, f" {text} ", paint)
                    break
            else:
                again.append((name, x, y, paint))
        waiting = again
