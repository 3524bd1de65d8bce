"""Small pictures of data in text: class balance, points, pictures, histograms, a curve. Pure: numbers in, lines out.

A drawing is a list of lines, a line a list of spans, a span a text and a paint. Paints are names that a screen gives a style:
"" for plain text, "dim" for axes and legends, "series0", "series1" ... for the groups; of pictures in colour (tui.pictures) they
are styles themselves, such as ``#8a8a8a on #101010``. Without any style everything can still be told apart: each group has a
sign of its own.

Whatever the values (NaN, infinite, huge, none, one) and whatever the size, a drawing is made; each line takes the width that was
asked for, and there are no more lines than that. Charsets are those of the charts; "blocks" has no braille.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from engine.plaintext import balance_pieces, cut
from engine.plaintext import fit as fit_by
from engine.preview import Histogram, Point

from .text import Charset


class Span(NamedTuple):
    """A piece of a line in one paint."""

    text: str
    paint: str = ""


Line = list[Span]

SIGNS = ".ox+*#%@&=~^abcdefghijklmnqrstuvwyz"
"""The signs of the groups, in order; behind the last they begin again."""

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # [row][column] within a cell
_RISING = " ▁▂▃▄▅▆▇█"
_HUGE = 1e300


def as_text(lines: Sequence[Line]) -> str:
    """A drawing without its paints."""
    return "\n".join("".join(span.text for span in line) for line in lines)


def series(group: int) -> str:
    """The paint of a group."""
    return f"series{max(0, group) % 10}"


def fit(text: str, width: int, charset: Charset = "ascii") -> str:
    """`text`, made safe, in exactly `width` cells, as the screen counts them."""
    return fit_by(text, width, charset == "ascii", measure=cell_len)


# ---- classes ----


def class_bars(
    names: Sequence[str], counts: Sequence[int], width: int, height: int = 12, charset: Charset = "braille"
) -> list[Line]:
    """A line for each class: name, rows, bar and share. Of more classes than `height` the first, and how many more."""
    width = max(0, width)
    whole = [max(0, count) for count in counts]
    lines = []
    for group, pieces in enumerate(balance_pieces(names, whole, width, max(0, height), charset == "ascii", cell_len)):
        name, rows, drawn, share = pieces
        lines.append([Span(name), Span(rows, "dim"), Span(drawn, series(group)), Span(share, "dim")])
    return lines[: max(0, height)]


# ---- points ----


def scatter(
    points: Iterable[Point],
    width: int,
    height: int,
    names: Sequence[str] = (),
    axes: Sequence[str] = (),
    charset: Charset = "braille",
) -> list[Line]:
    """Points on a plane, the first group as braille dots (a full stop without braille), the others by a sign each.

    Where groups meet in a cell, the one with most points there shows. names: of the groups, for a legend in the last line. axes: of the
    two coordinates, for a line with their ranges. Both lines are left out where there is no room for them.
    """
    width, height = max(0, width), max(0, height)
    finite = [point for point in points if _tame(point.x) and _tame(point.y)]
    tail: list[Line] = []
    x_range = _range([point.x for point in finite])
    y_range = _range([point.y for point in finite])
    if finite and len(axes) == 2 and height >= 6:
        words = [f"{name} {low:.2g}..{high:.2g}" for name, (low, high) in zip(axes, (x_range, y_range), strict=True)]
        tail.append([Span(fit(f"across {words[0]}, up {words[1]}", width, charset), "dim")])
    if names and height >= 4:
        tail.append(_legend(names, width, charset))
    plot = _plot(finite, width, height - len(tail), x_range, y_range, charset)
    if not finite and plot:
        plot[len(plot) // 2] = [Span(_centred("no points", width), "dim")]
    return plot + tail


def _plot(
    points: Sequence[Point],
    width: int,
    height: int,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    charset: Charset,
) -> list[Line]:
    found: dict[tuple[int, int], dict[int, int]] = {}
    dots: dict[tuple[int, int], int] = {}
    if width and height:
        for point in points:
            across = _place(point.x, x_range, 2 * width)
            down = 4 * height - 1 - _place(point.y, y_range, 4 * height)
            cell = (down // 4, across // 2)
            counts = found.setdefault(cell, {})
            counts[point.group] = counts.get(point.group, 0) + 1
            if point.group == 0:
                dots[cell] = dots.get(cell, 0) | _DOTS[down % 4][across % 2]
    lines = []
    for row in range(height):
        line: list[Span] = []
        for column in range(width):
            counts = found.get((row, column), {})
            if not counts:
                line.append(Span(" "))
                continue
            group = min(counts, key=lambda one: (-counts[one], one))
            braille = charset == "braille" and group == 0
            text = chr(_BRAILLE + dots[row, column]) if braille else _sign(group, charset)
            line.append(Span(text, series(group)))
        lines.append(joined(line))
    return lines


def _sign(group: int, charset: Charset) -> str:
    """How a group is drawn at most; the first one's braille is told of by a cell full of it."""
    return chr(_BRAILLE + 0x36) if charset == "braille" and group == 0 else SIGNS[group % len(SIGNS)]


def _legend(names: Sequence[str], width: int, charset: Charset) -> Line:
    line: Line = []
    left = width
    room = max(3, width // max(1, len(names)) - 4)
    for group, name in enumerate(names):
        text = f" {fit(name, min(cell_len(name), room), charset)}  "
        more = group + 1 < len(names)
        if left < cell_len(text.rstrip()) + 1 + (2 if more else 0):
            break
        line += [Span(_sign(group, charset), series(group)), Span(cut(text, left - 1, cell_len), "dim")]
        left -= length(line[-2:])
    else:
        return [*line, Span(" " * left)]
    return [*line, Span(fit("...", left), "dim")]


# ---- numbers ----


def histogram(data: Histogram, width: int, height: int, charset: Charset = "braille") -> list[Line]:
    """Upright columns, as wide as there is room for, above a line with the lowest and the highest value."""
    width, height = max(0, width), max(0, height)
    counts = [count if count > 0 and math.isfinite(count) else 0 for count in data.counts]
    if not counts or not width or not height:
        return [
            [Span(_centred("no values", width) if row == height // 2 else " " * width, "dim")] for row in range(height)
        ]
    if len(counts) > width:  # neighbours together
        bins = [sum(counts[len(counts) * x // width : len(counts) * (x + 1) // width]) for x in range(width)]
    else:
        bins = counts
    each = max(1, width // len(bins))
    axis = height >= 2
    tall = height - axis
    top = max(bins) or 1
    lines = []
    for row in range(tall):
        text = "".join(_column(count / top, tall, tall - 1 - row, charset) * each for count in bins)
        lines.append([Span(text.ljust(width), "series0")])
    if axis:
        lines.append([Span(_ends(f"{data.low:.4g}", f"{data.high:.4g}", min(width, each * len(bins)), width), "dim")])
    return lines


def _column(share: float, tall: int, row: int, charset: Charset) -> str:
    """What a column that is `share` of `tall` cells high shows in row `row` (from 0, below); a trace of what is not 0."""
    eighths = max(round(share * tall * 8), 1 if share > 0 else 0) - 8 * row
    if charset == "ascii":
        return "#" if eighths >= 4 else "." if eighths > 0 else " "
    return _RISING[min(8, max(0, eighths))]


def curve(
    points: Sequence[tuple[float, float]], width: int, height: int, charset: Charset = "braille", unit: str = "step"
) -> list[Line]:
    """A line through points, such as the learning rates of a run, between its least and greatest value.

    The values stand at the left of the first and last row and the ends of x below, where there is room for them.
    """
    width, height = max(0, width), max(0, height)
    finite = sorted((float(x), float(y)) for x, y in points if _tame(x) and _tame(y))
    if not finite or not width or not height:
        return [
            [Span(_centred("no values", width) if row == height // 2 else " " * width, "dim")] for row in range(height)
        ]
    low, high = min(y for _, y in finite), max(y for _, y in finite)
    labels = [f"{high:.3g}", f"{low:.3g}"] if high > low else [f"{high:.3g}"]
    gutter = max(map(len, labels)) + 1 if width >= 24 and height >= 2 else 0
    axis = height >= 3 and width >= 12
    rows = height - axis
    drawn = _traced(finite, width - gutter, rows, charset)
    at = {0: labels[0], rows - 1: labels[-1]} if high > low else {rows // 2: labels[0]}
    lines: list[Line] = []
    for row, text in enumerate(drawn):
        label = at.get(row, "") if gutter else ""
        lines.append([Span(f"{label:>{gutter - 1}} " if gutter else "", "dim"), Span(text, "series0")])
    if axis:
        ends = _ends(f"{unit} {finite[0][0]:.6g}", f"{finite[-1][0]:.6g}", width - gutter, width - gutter)
        lines.append([Span(" " * gutter, "dim"), Span(ends, "dim")])
    return lines


def _traced(points: Sequence[tuple[float, float]], width: int, height: int, charset: Charset) -> list[str]:
    """The cells of the line. Each column of dots has what lies between its value and that of the column before."""
    per_x, per_y = (2, 4) if charset == "braille" else (1, 1)
    across, up = width * per_x, height * per_y
    x_range, y_range = _range([x for x, _ in points]), _range([y for _, y in points])
    bits: dict[tuple[int, int], int] = {}
    before: tuple[int, int] | None = None
    for x, y in points:
        column, level = _place(x, x_range, across), _place(y, y_range, up)
        for dot_x, dot_y in _between(before, (column, level)):
            down = up - 1 - dot_y
            cell = (down // per_y, dot_x // per_x)
            bits[cell] = bits.get(cell, 0) | _DOTS[down % per_y][dot_x % per_x]
        before = (column, level)
    sign = {"blocks": "▪", "ascii": "*"}.get(charset, "")
    return [
        "".join(
            (sign or chr(_BRAILLE + bits[row, column])) if (row, column) in bits else " " for column in range(width)
        )
        for row in range(height)
    ]


def _between(start: tuple[int, int] | None, end: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots from behind `start` to `end`, one at least in each column and each row that the line crosses."""
    if start is None:
        return [end]
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    return [(x0 + round((x1 - x0) * k / steps), y0 + round((y1 - y0) * k / steps)) for k in range(1, steps + 1)]


# ---- lines ----


def _tame(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _HUGE


def _range(values: Sequence[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (0.0, 0.0)


def _place(value: float, ends: tuple[float, float], count: int) -> int:
    """Which of `count` places from the lower end to the upper one; the middle when there is no room between the ends."""
    low, high = ends
    if not high > low or count < 2:
        return max(0, (count - 1) // 2)
    return min(count - 1, max(0, round((value / (high - low) - low / (high - low)) * (count - 1))))


def _centred(text: str, width: int) -> str:
    return fit(" " * max(0, (width - len(text)) // 2) + text, width)


def _ends(left: str, right: str, span: int, width: int) -> str:
    """One text at the left end of `span` cells and one at its right, as far as there is room; `width` cells in all."""
    gap = span - len(left) - len(right)
    return fit(left + " " * gap + right if gap >= 1 else left, width)


def length(line: Line) -> int:
    """The cells of a line."""
    return sum(cell_len(span.text) for span in line)


def padded(line: Line, width: int) -> Line:
    """The line cut or padded to `width` cells."""
    kept: Line = []
    left = width
    for span in line:
        if left <= 0:
            break
        text = cut(span.text, left, cell_len)
        kept.append(Span(text, span.paint))
        left -= cell_len(text)
    return [*kept, Span(" " * left)] if left else kept


def joined(line: Line) -> Line:
    """Neighbours of one paint as one span."""
    made: Line = []
    for span in line:
        if made and made[-1].paint == span.paint:
            made[-1] = Span(made[-1].text + span.text, span.paint)
        else:
            made.append(span)
    return made
