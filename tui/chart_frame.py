"""What stands around the curves of a chart: the grid of cells, the axes and the legend. Pure, as chart.py is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from .chart_glyphs import PAINTS, TINTS, Glyphs

Tick = tuple[int, str]  # column or row inside the canvas, label
Piece = tuple[str, str]  # text, paint
_PAINT = {paint: number for number, paint in enumerate(PAINTS)}
_BLANK = ord(" ")


def cells(text: str) -> int:
    """Cells that `text` takes in a grid, character by character: joined emoji are not joined there."""
    return len(text) if text.isascii() and text.isprintable() else sum(map(cell_len, text))


class Grid:
    """`height` rows of `width` cells, each one character in one paint; whatever falls outside is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._chars = np.full((height, width), _BLANK, "<u4")  # code points; 0 in the second cell of a wide character
        self._paints = np.zeros((height, width), np.uint16)
        self._tinted = False

    def put(self, x: int, y: int, text: str, paint: str) -> None:
        """Writes `text` from cell (x, y) to the right. A wide character takes two cells, the second of which is empty."""
        if not 0 <= y < self.height:
            return
        chars, paints, number = self._chars[y], self._paints[y], _PAINT[paint]
        for char in text:
            size = 1 if " " <= char <= "~" else cell_len(char)
            if size and x >= 0 and x + size <= self.width:
                if chars[x] == 0:  # the right half of a wide character is overwritten: its left half goes as well
                    chars[x - 1] = _BLANK
                if x + size < self.width and chars[x + size] == 0:
                    chars[x + size] = _BLANK
                chars[x : x + size] = 0
                chars[x] = ord(char)
                paints[x : x + size] = number
            x += size

    def fill(
        self, ys: npt.NDArray[np.intp], xs: npt.NDArray[np.intp], codes: npt.NDArray[np.uint32] | int, paint: str
    ) -> None:
        """Writes one narrow character a cell at (xs, ys), which lie inside and where no wide character is."""
        self._chars[ys, xs] = codes
        self._paints[ys, xs] = _PAINT[paint]

    def tint(self, top: int, bottom: int, left: int, right: int, tint: str) -> None:
        """Gives the cells from row `top` to before `bottom` and from column `left` to before `right` another background."""
        self._tinted = True
        self._paints[max(top, 0) : bottom, max(left, 0) : max(right, 0)] += len(PAINTS) * TINTS.index(tint)

    def free(self, x: int, y: int, size: int, paints: Iterable[str]) -> bool:
        """Whether these cells are inside, and nothing was written there but in one of these paints."""
        if not (0 <= y < self.height and x >= 0 and x + size <= self.width):
            return False
        behind = np.isin(self._paints[y, x : x + size], [_PAINT[paint] for paint in paints])
        return bool((behind | (self._chars[y, x : x + size] == _BLANK)).all())

    def strips(self, styles: Mapping[tuple[str, str], Style]) -> list[Strip]:
        """The rows, in runs of equal style."""
        used = {
            number: styles[PAINTS[number % len(PAINTS)], TINTS[number // len(PAINTS)]] for number in self._numbers()
        }
        return [self._strip(y, used) for y in range(self.height)]

    def _numbers(self) -> list[int]:
        return np.unique(self._paints).tolist() if self._tinted else list(range(len(PAINTS)))

    def _strip(self, y: int, styles: Mapping[int, Style]) -> Strip:
        if not self.width:
            return Strip([], 0)
        row, paints = self._chars[y].tobytes().decode("utf-32-le", "surrogatepass"), self._paints[y]
        ends = [*(np.flatnonzero(paints[1:] != paints[:-1]) + 1).tolist(), self.width]
        segments: list[Segment] = []
        start = 0
        for end, number in zip(ends, paints[[0, *ends[:-1]]].tolist(), strict=True):
            segments.append(Segment(row[start:end].replace("\0", ""), styles[number]))
            start = end
        return Strip(segments, self.width)


# ------------------------------------------------------------------------------------------------------------ axes


@dataclass(frozen=True)
class Frame:
    """Where the canvas lies: its first cell and its size in cells. The axis line is in the column before it."""

    left: int
    top: int
    columns: int
    rows: int

    @property
    def floor(self) -> int:
        return self.top + self.rows


def draw_axes(grid: Grid, frame: Frame, glyphs: Glyphs, x_ticks: Sequence[Tick], y_ticks: Sequence[Tick]) -> None:
    """The left and bottom axis with their numbers; y ticks by row of the canvas, counted from its top."""
    wall = frame.left - 1
    for row in range(frame.rows):
        grid.put(wall, frame.top + row, glyphs.wall, "axis")
    for row, label in y_ticks:
        grid.put(wall - len(label), frame.top + row, label, "label")
        grid.put(wall, frame.top + row, glyphs.wall_tick, "axis")
    grid.put(wall, frame.floor, glyphs.corner + glyphs.floor * frame.columns, "axis")
    free = frame.left
    for column, label in x_ticks:
        start = min(max(frame.left + column - len(label) // 2, frame.left), grid.width - len(label))
        if start < free:  # no room beside the number before
            continue
        grid.put(frame.left + column, frame.floor, glyphs.floor_tick, "axis")
        grid.put(start, frame.floor + 1, label, "label")
        free = start + len(label) + 1


def draw_x_label(grid: Grid, frame: Frame, text: str) -> None:
    """The name of the x axis, left of its numbers, where the gutter under the y numbers is empty."""
    text = fit(text, frame.left - 1, "")
    grid.put(frame.left - 1 - cells(text), frame.floor + 1, text, "label")


# ---------------------------------------------------------------------------------------------------------- legend


@dataclass(frozen=True)
class Entry:
    """One item of the legend: the sample of its line, its name, its latest value."""

    swatch: str
    paint: str
    name: str
    value: str
    minor: bool = False  # minor ones come after the others and give way first


def fit(text: str, width: int, more: str) -> str:
    """`text` in at most `width` cells, ending in `more` if it had to be cut."""
    if cells(text) <= width:
        return text
    room, kept = width - len(more), ""
    for char in text:
        room -= cell_len(char)
        if room < 0:
            break
        kept += char
    return (kept + more)[: max(width, 0)]


def plain(text: str) -> str:
    """`text` in ASCII; what has no place there becomes a question mark."""
    return text.encode("ascii", "replace").decode("ascii")


def legend(title: str, entries: Sequence[Entry], width: int, more: str) -> list[Piece]:
    """The pieces of the first row in at most `width` cells: all of it, or as much as there is room for.

    Room is made in this order: gaps, minor entries from the last to the first, long names, numbers of many lines, title, names,
    numbers; at last the row is cut.
    """
    entries = sorted(entries, key=lambda entry: entry.minor)
    lines = sum(not entry.minor for entry in entries)
    names = [(10, False), (6, False)] if lines > 3 else []  # of many lines the names say more than the numbers
    attempts = [
        _pieces(title, entries, "   ", 99, True, more),
        *(_pieces(title, entries[:count], "  ", 99, True, more) for count in range(len(entries), lines - 1, -1)),
        *(_pieces(title, entries[:lines], "  ", size, True, more) for size in (10, 8)),
        *(_pieces(title, entries[:lines], " ", size, value, more) for size, value in [(6, True), *names, (5, True)]),
        *(_pieces("", entries[:lines], " ", size, value, more) for size, value in [(5, True), (0, True), (0, False)]),
    ]
    for pieces in attempts:
        if sum(cells(text) for text, _ in pieces) <= width:
            return pieces
    return _cut(attempts[-1], width)


def _pieces(title: str, entries: Iterable[Entry], gap: str, name: int, value: bool, more: str) -> list[Piece]:
    pieces: list[Piece] = [(title, "title")] if title else []
    for entry in entries:
        if pieces:
            pieces.append((gap, ""))
        words = [fit(entry.name, name, more) if name else "", entry.value if value else ""]
        text = "".join(f" {word}" for word in words if word)
        pieces += [(entry.swatch, entry.paint), (text, "text")]
    return pieces


def _cut(pieces: Iterable[Piece], width: int) -> list[Piece]:
    kept: list[Piece] = []
    for text, paint in pieces:
        kept.append((fit(text, width, ""), paint))
        width -= cells(kept[-1][0])
    return kept
