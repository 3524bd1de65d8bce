"""Points and a line on one plane, such as what a model predicted for which truth. Pure, like tui.drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .drawing import Line, Span, fit, joined
from .text import Charset

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # [row][column] within a cell
_GUTTER = 9  # cells of the numbers at the left
_LEAST = (24, 6)  # cells; below this there are no numbers


def plane(
    points: Sequence[tuple[float, float]],
    width: int,
    height: int,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    line: tuple[float, float] | None = None,
    charset: Charset = "braille",
    labels: tuple[str, str] = ("", ""),
) -> list[Line]:
    """Points over the line y = slope * x + offset, dotted, with the ends of both axes.

    Where points fall into one cell braille shows each, blocks and ASCII how many there are. labels: of the axes across and up.
    What is not finite or lies outside is left out.
    """
    width, height = max(0, width), max(0, height)
    numbered = width >= _LEAST[0] and height >= _LEAST[1]
    gutter, rows = (_GUTTER, height - 3) if numbered else (0, height)
    across = width - gutter
    if across < 1 or rows < 1:
        return []
    found: dict[tuple[int, int], int] = {}
    dots: dict[tuple[int, int], int] = {}
    for x, y in points:
        if (place := _place(x, y, x_range, y_range, 2 * across, 4 * rows)) is not None:
            cell = place[1] // 4, place[0] // 2
            found[cell] = found.get(cell, 0) + 1
            dots[cell] = dots.get(cell, 0) | _DOTS[place[1] % 4][place[0] % 2]
    drawn: dict[tuple[int, int], None] = {}
    if line is not None:
        for column in range(across):
            x = x_range[0] + (x_range[1] - x_range[0]) * (column + 0.5) / across
            place = _place(x, line[0] * x + line[1], x_range, y_range, across, rows)
            if place is not None:
                drawn[place[1], place[0]] = None
    upright = "-" if charset == "ascii" else "·"
    lines: list[Line] = []
    if numbered:
        lines.append([Span(fit(f"{labels[1]}", width, charset), "dim")])
    for row in range(rows):
        label = f"{y_range[1]:.4g}" if row == 0 else f"{y_range[0]:.4g}" if row == rows - 1 else ""
        edge = "|" if charset == "ascii" else "│"
        text: Line = [Span(f"{label:>{gutter - 2}} {edge}", "dim")] if gutter else []
        for column in range(across):
            cell = row, column
            if cell in found:
                text.append(Span(_sign(found[cell], dots[cell], charset), "series0"))
            else:
                text.append(Span(upright if cell in drawn else " ", "dim"))
        lines.append(joined(text))
    if numbered:
        corner, dash = ("+", "-") if charset == "ascii" else ("└", "─")
        lines.append([Span(" " * (gutter - 1) + corner + dash * across, "dim")])
        low, high = f"{x_range[0]:.4g}", f"{x_range[1]:.4g}"
        middle = fit(
            labels[0].center(max(0, across - len(low) - len(high))), max(0, across - len(low) - len(high)), charset
        )
        lines.append([Span(fit(" " * gutter + low + middle + high, width, charset), "dim")])
    return lines


def _sign(count: int, dots: int, charset: Charset) -> str:
    if charset == "braille":
        return chr(_BRAILLE + dots)
    signs = ".:*#" if charset == "ascii" else "▪▪■█"
    return signs[min(count, len(signs)) - 1]


def _place(
    x: float, y: float, x_range: tuple[float, float], y_range: tuple[float, float], across: int, down: int
) -> tuple[int, int] | None:
    """Column and row, from the top, of a point; None outside."""
    spots = []
    for value, (low, high), count in ((x, x_range, across), (y, y_range, down)):
        if not math.isfinite(value) or not low <= value <= high:
            return None
        share = 0.5 if high <= low else value / (high - low) - low / (high - low)
        spots.append(min(count - 1, max(0, int(share * count))))
    return spots[0], down - 1 - spots[1]


def roomy(values: Sequence[float]) -> tuple[float, float]:
    """Round-about ends of an axis that holds all finite values, with a little room beside them; never empty."""
    finite = [value for value in values if math.isfinite(value) and abs(value) < 1e300]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * 0.04 or max(abs(low), 1.0) * 0.5
    return low - room, high + room
