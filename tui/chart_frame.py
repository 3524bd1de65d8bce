"""What stands around the curves of a chart: the grid of cells, its colours, the axes and the legend. Pure, as chart.py is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Tick = tuple[int, str]  # column or row inside the canvas, label
Piece = tuple[str, str]  # text, paint


@dataclass(frozen=True)
class Glyphs:
    """The characters of one charset. `lines` and `swatches` go by role, `marks` by kind."""

    lines: dict[str, str]  # names plotext knows ("braille", "hd") or one character
    swatches: dict[str, str]
    marks: dict[str, str]
    upright: str
    wall: str
    wall_tick: str
    corner: str
    floor: str
    floor_tick: str
    more: str
    west: str
    east: str


_SIGNS = {"best": "●", "stop": "■", "lr": "▼", "resume": "▶", "non_finite": "!", "finding": "▲", "other": "◆"}
_BOX = {
    "upright": "┊", "wall": "│", "wall_tick": "┤", "corner": "└", "floor": "─", "floor_tick": "┬", "more": "…",
    "west": "←", "east": "→",
}  # fmt: skip
GLYPHS: dict[str, Glyphs] = {
    "braille": Glyphs(
        {"train": "braille", "validation": "hd", "reference": "┄", "raw": "·", "test": "x", "ghost": "˙", "other": "+"},
        {"train": "⠒⠒", "validation": "▄▄", "reference": "┄┄", "raw": "··", "test": "xx", "ghost": "˙˙", "other": "++"},
        _SIGNS,
        **_BOX,
    ),
    "blocks": Glyphs(
        {"train": "•", "validation": "hd", "reference": "┄", "raw": "·", "test": "x", "ghost": "˙", "other": "+"},
        {"train": "••", "validation": "▄▄", "reference": "┄┄", "raw": "··", "test": "xx", "ghost": "˙˙", "other": "++"},
        _SIGNS,
        **_BOX,
    ),
    "ascii": Glyphs(
        {"train": ".", "validation": "o", "reference": "-", "raw": ",", "test": "x", "ghost": "'", "other": "+"},
        {"train": "..", "validation": "oo", "reference": "--", "raw": ",,", "test": "xx", "ghost": "''", "other": "++"},
        {"best": "*", "stop": "X", "lr": "v", "resume": ">", "non_finite": "!", "finding": "?", "other": "^"},
        ":", "|", "+", "+", "-", "+", "~", "<-", "->",
    ),
}  # fmt: skip
LOST = "!"  # where a value was NaN or infinite

# Hues of Okabe and Ito, which the colour-blind can tell apart; the darker ones are for light backgrounds.
_DARK = {"train": "#56b4e9", "validation": "#e69f00", "best": "#00c08b", "stop": "#ff7043", "lr": "#cc79a7"}
_LIGHT = {"train": "#0072b2", "validation": "#a86400", "best": "#00795a", "stop": "#c04a00", "lr": "#a0467c"}


@lru_cache
def palette(colour: bool, dark: bool) -> dict[str, Style]:
    """Paint name -> style. Without colour every style is empty: then only the characters differ."""
    paints: dict[str, Style] = dict.fromkeys(
        (
            "raw",
            "test",
            "ghost",
            "resume",
            "non_finite",
            "finding",
            "train",
            "validation",
            "reference",
            "best",
            "stop",
            "lr",
            "other",
            "lost",
            "axis",
            "label",
            "text",
            "title",
        ),
        Style.null(),
    )
    if colour:
        hues = _DARK if dark else _LIGHT
        paints |= {name: Style(color=hue) for name, hue in hues.items()}
        paints |= {
            "reference": Style(color="#8a8a8a" if dark else "#767676"),
            "other": Style(color="#b0b0b0" if dark else "#5a5a5a"),
            "raw": Style(color="#6f8796" if dark else "#7fa3bd"),
            "ghost": Style(color="#6c6c6c" if dark else "#a0a0a0"),
            "lost": Style(color=hues["stop"], bold=True),
            "axis": Style(color="#6c6c6c" if dark else "#9a9a9a"),
            "label": Style(color="#a8a8a8" if dark else "#5a5a5a"),
            "title": Style(bold=True),
        }
    return paints


def cells(text: str) -> int:
    """Cells that `text` takes in a grid, character by character: joined emoji are not joined there."""
    return len(text) if text.isascii() else sum(map(cell_len, text))


class Grid:
    """`height` rows of `width` cells, each one character in one paint; whatever falls outside is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._chars = [[" "] * width for _ in range(height)]
        self._paints = [[""] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, paint: str) -> None:
        """Writes `text` from cell (x, y) to the right. A wide character takes two cells, the second of which is empty."""
        if not 0 <= y < self.height:
            return
        chars, paints = self._chars[y], self._paints[y]
        for char in text:
            size = cell_len(char)
            if size and x >= 0 and x + size <= self.width:
                chars[x : x + size] = [char] + [""] * (size - 1)
                paints[x : x + size] = [paint] * size
            x += size

    def blank(self, x: int, y: int) -> bool:
        return 0 <= y < self.height and 0 <= x < self.width and self._chars[y][x] == " "

    def strips(self, styles: dict[str, Style]) -> list[Strip]:
        return [self._strip(chars, paints, styles) for chars, paints in zip(self._chars, self._paints, strict=True)]

    def _strip(self, chars: list[str], paints: list[str], styles: dict[str, Style]) -> Strip:
        segments: list[Segment] = []
        start = 0
        for x in range(1, self.width + 1):
            if x == self.width or paints[x] != paints[start]:
                segments.append(Segment("".join(chars[start:x]), styles.get(paints[start])))
                start = x
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
    is_mark: bool = False  # marks come after the lines and give way first


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

    Room is made in this order: gaps, marks from the last to the first, long names, numbers, title, names; at last the row
    is cut.
    """
    lines = sum(not entry.is_mark for entry in entries)
    attempts = [
        _pieces(title, entries, "   ", 99, True, more),
        *(_pieces(title, entries[:count], "  ", 99, True, more) for count in range(len(entries), lines - 1, -1)),
        _pieces(title, entries[:lines], "  ", 10, True, more),
        _pieces(title, entries[:lines], " ", 5, True, more),
        _pieces("", entries[:lines], " ", 5, True, more),
        _pieces("", entries[:lines], " ", 0, True, more),
        _pieces("", entries[:lines], " ", 0, False, more),
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
