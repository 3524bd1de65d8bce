"""Pictures of a dataset in a terminal: half-blocks in greys, or signs from light to dark. Pure, like tui.drawing.

Whatever the values and the size, something is drawn that is no larger than was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from engine.preview import Picture
from engine.text import clean

from .drawing import Charset, Line, Span, fit, joined, length, padded

_RAMP = " .:-=+*#%@"
_SHADES = " ░▒▓█"


def picture(
    rows: Sequence[Sequence[float]], width: int, height: int, charset: Charset = "braille", colour: bool = True
) -> list[Line]:
    """Grey values from 0 to 1 as large as they fit into `width` x `height` cells; what is larger is thinned.

    In colour two pixels stand above each other in a cell, as a half-block in two greys. Without, a pixel is a sign from light
    to dark, or two side by side where there is room, since a cell is twice as high as wide.
    """
    grey = [list(row) for row in rows if len(row)]
    if not grey or width < 1 or height < 1:
        return []
    halves = colour and charset != "ascii"
    pixel_across = 1 if halves or width < 2 * len(grey[0]) else 2
    pixels = _scaled(grey, width // pixel_across, height * 2 if halves else height)
    if halves:
        return [_half_blocks(pixels[row], pixels[row + 1 : row + 2]) for row in range(0, len(pixels), 2)]
    ramp = _RAMP if charset == "ascii" else _SHADES
    return [[Span("".join(ramp[_level(value, len(ramp))] * pixel_across for value in row))] for row in pixels]


def _scaled(grey: Sequence[Sequence[float]], across: int, down: int) -> list[list[float]]:
    """The pixels repeated a whole number of times, or thinned where there are more than room for them."""
    columns, lines = max(map(len, grey)), len(grey)
    across, down = max(1, across), max(1, down)
    if columns <= across and lines <= down:
        times = min(across // columns, down // lines)
        take_x = [column // times for column in range(columns * times)]
        take_y = [line // times for line in range(lines * times)]
    else:
        shrink = max(columns / across, lines / down)
        take_x = [
            min(columns - 1, int(column * shrink)) for column in range(max(1, min(across, int(columns / shrink))))
        ]
        take_y = [min(lines - 1, int(line * shrink)) for line in range(max(1, min(down, int(lines / shrink))))]
    return [[grey[y][x] if x < len(grey[y]) else 0.0 for x in take_x] for y in take_y]


def _half_blocks(upper: Sequence[float], below: Sequence[Sequence[float]]) -> Line:
    lower: Sequence[float | None] = below[0] if below else [None] * len(upper)
    line = []
    for top, bottom in zip(upper, lower, strict=True):
        ground = f" on {_grey(bottom)}" if bottom is not None else ""
        line.append(Span("▀", f"{_grey(top)}{ground}"))
    return joined(line)


def _grey(value: float) -> str:
    return f"#{_level(value, 256):02x}{_level(value, 256):02x}{_level(value, 256):02x}"


def _level(value: float, levels: int) -> int:
    """A value from 0 to 1 as one of so many levels; what is no number is the lowest."""
    return round(min(1.0, max(0.0, value)) * (levels - 1))  # of 0 and NaN, max gives the first


def gallery(
    pictures: Sequence[Picture], width: int, height: int, charset: Charset = "braille", colour: bool = True
) -> list[Line]:
    """As many pictures side by side as there is room for, each over its label."""
    if height < 2 or width < 1 or not pictures:
        return []
    across = max((len(row) for one in pictures for row in one.rows), default=1)
    least = max(4, min(across, width))
    count = max(1, min(len(pictures), (width + 2) // (least + 2)))
    room = max(1, (width - 2 * (count - 1)) // count)
    drawn = [picture(one.rows, room, height - 1, charset, colour) for one in pictures[:count]]
    wide = [max((length(line) for line in lines), default=0) for lines in drawn]
    wide = [min(room, max(size, cell_len(clean(one.label)))) for size, one in zip(wide, pictures, strict=False)]
    made: list[Line] = []
    for row in range(max(map(len, drawn), default=0)):
        line: Line = []
        for lines, size in zip(drawn, wide, strict=True):
            own = lines[row] if row < len(lines) else []
            line += [*own, Span(" " * (size - length(own) + 2))]
        made.append(padded(line, width))
    labels = [Span(fit(one.label, size + 2, charset), "dim") for one, size in zip(pictures, wide, strict=False)]
    return [*made, padded(labels, width)]
