"""What goes over the wire to the terminal: of every picture only the cells that are not there already.

Textual repaints a changed region from the left edge of its widget on, every piece with its colours and a reset. Over a slow link
that is ten times of what is needed, so the pictures pass through here: `Wire` keeps what the terminal shows, compares, and writes
the differences with the fewest moves and colour changes that do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._cells import cell_len
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

Pen = tuple[str, str, str]
"""SGR codes of a cell: attributes, colour, background; "" is the terminal's own."""

Cell = tuple[str, Pen] | None
"""What stands in a cell and how; more than one character are a piece that is drawn as a whole, the cells behind it hold "". None: not known."""

Row = list[Cell]

_PLAIN: Pen = ("", "", "")
_NEAR = 4  # cells; so many unchanged ones are sooner written again than passed over


class Changes(CompositorUpdate):
    """A part of a picture that is ready to be written."""

    def __init__(self, text: str) -> None:
        self.text = text

    def render_segments(self, console: Console) -> str:
        return self.text


class Wire:
    """What a terminal shows, as far as it came through here.

    written: how many pictures were passed on; unchanged: how many were not, since nothing in them was new.
    """

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._size = Size(0, 0)
        self._whole = True  # nothing is known of the terminal until a whole picture has been written
        self.written = self.unchanged = 0

    def forget(self) -> None:
        """The terminal may show anything: what comes is written in full, up to and with the next whole picture."""
        self._whole = True

    def changes(self, update: CompositorUpdate, console: Console) -> CompositorUpdate | None:
        """What is to be written of an update; None when the terminal shows it all already."""
        if not isinstance(update, LayoutUpdate | ChopsUpdate):  # what a terminal shows then is anybody's guess
            self.forget()
            return update
        if isinstance(update, LayoutUpdate) and update.region.size != self._size:
            self._size, self._whole = update.region.size, True
        if self._whole:
            self._rows.clear()
        colours = console._color_system or ColorSystem.TRUECOLOR
        text = _written(self._take(update, colours))
        self._whole &= isinstance(update, ChopsUpdate)
        if not text:
            self.unchanged += 1
            return None
        self.written += 1
        return Changes(text)

    def _take(self, update: LayoutUpdate | ChopsUpdate, colours: ColorSystem) -> Iterator[tuple[int, Row, list[int]]]:
        """(y, the row as it is to be, its cells that change) of each row that changes, from top to bottom."""
        pieces: dict[int, list[tuple[int, Row]]] = {}
        for y, x, strip in _pieces(update):
            pieces.setdefault(y, []).append((x, _cells(strip, colours)))
        for y, parts in pieces.items():
            row = self._rows.get(y, [])
            before, row = row, row.copy()
            for x, cells in parts:
                row.extend([None] * (x + len(cells) - len(row)))
                row[x : x + len(cells)] = cells
            self._rows[y] = row
            before = before + [None] * (len(row) - len(before))
            changed = [x for x, (old, new) in enumerate(zip(before, row, strict=True)) if old != new]
            if changed and not (_even(before) and _even(row)):
                # Terminals differ in how wide they draw what is not one character in one cell.
                changed = [x for x, cell in enumerate(row) if cell is not None]
            if changed:
                yield y, row, changed


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """(y, x, strip) of all that an update paints."""
    if isinstance(update, LayoutUpdate):
        strips: Iterable[Strip]
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield y, x, strip
                x += strip.cell_length
        return
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < right and end > left:
                first, last = max(left - x, 0), min(end, right) - x
                yield y, x + first, strip if (first, last) == (0, end - x) else strip.crop(first, last)


def _cells(strip: Iterable[Segment], colours: ColorSystem) -> Row:
    """The cells of a strip. What is not one character in one cell stays in one piece, as its terminal wants to draw it."""
    cells: Row = []
    for segment in strip:
        text, style, control = segment
        if control or not text:
            continue
        pen = _PLAIN if style is None else _pen(style, colours)
        if text.isascii() or _one_cell_each(text):
            blank = pen if _shows_on_blanks(pen[0]) else ("", "", pen[2])  # of a blank only the background is seen
            cells += [(char, blank if char == " " else pen) for char in text]
        elif width := segment.cell_length:
            cells.append((text, pen))
            cells.extend([("", pen)] * (width - 1))
    return cells


@lru_cache(maxsize=4096)
def _one_cell_each(text: str) -> bool:
    return all(cell_len(char) == 1 for char in text) and cell_len(text) == len(text)


def _even(row: Sequence[Cell]) -> bool:
    """Whether each of its cells holds one character."""
    return all(cell is None or len(cell[0]) == 1 for cell in row)


@lru_cache(maxsize=4096)
def _pen(style: Style, colours: ColorSystem) -> Pen:
    front = style.color.downgrade(colours).get_ansi_codes() if style.color else ()
    back = style.bgcolor.downgrade(colours).get_ansi_codes(foreground=False) if style.bgcolor else ()
    foreground, background = ";".join(front), ";".join(back)
    attributes = Strip.render_ansi(style.without_color, colours)
    return attributes, "" if foreground == "39" else foreground, "" if background == "49" else background


@lru_cache(maxsize=256)
def _shows_on_blanks(attributes: str) -> bool:
    """Whether underline, reverse, strike or another line through or around a cell is among them."""
    return not {*attributes.split(";")} <= {"", "1", "2", "3"}


def _written(rows: Iterable[tuple[int, Row, list[int]]]) -> str:
    """The bytes that bring these cells onto a terminal; it is left with its own colours."""
    parts: list[str] = []
    pen = _PLAIN
    for y, row, changed in rows:
        at = -1  # the column that the terminal would write to next; -1: another row
        for first, last in _runs(row, changed):
            if (head := row[first]) is None or not head[0]:
                at = -1  # the rest of a piece: where it ends is the terminal's business
                continue
            if at != first:
                parts.append(f"\x1b[{y + 1};{first + 1}H" if at < 0 else f"\x1b[{first - at}C")
            for cell in row[first:last]:
                assert cell is not None
                char, wanted = cell
                if wanted != pen and not (char == " " and wanted == ("", "", pen[2]) and not _shows_on_blanks(pen[0])):
                    parts.append(_turned(pen, wanted))
                    pen = wanted
                parts.append(char)
            at = last if _even(row[first:last]) else -1
    if pen != _PLAIN:
        parts.append("\x1b[m")
    return "".join(parts)


def _runs(row: Row, changed: list[int]) -> Iterator[tuple[int, int]]:
    """[first, last) of what is written in one go: changed cells and few enough others between them, in the same colours."""
    first = changed[0]
    for before, x in pairwise(changed):
        near = x - before <= _NEAR + 1 and all(_alike(cell, row[before]) for cell in row[before + 1 : x])
        if not near or not _even(row[before : x + 1]):
            yield first, before + 1
            first = x
    yield first, changed[-1] + 1


def _alike(cell: Cell, other: Cell) -> bool:
    """Whether a cell can be written behind another without a change of colours."""
    if cell is None or other is None:
        return False
    pen = other[1]
    return cell[1] == pen or (cell == (" ", ("", "", pen[2])) and not _shows_on_blanks(pen[0]))


@lru_cache(maxsize=4096)
def _turned(pen: Pen, wanted: Pen) -> str:
    """The sequence that changes one pen into another."""
    if wanted == _PLAIN:
        return "\x1b[m"
    codes = []
    if pen[0] and pen[0] != wanted[0]:
        codes, pen = ["0"], _PLAIN
    if wanted[0] != pen[0]:
        codes.append(wanted[0])
    if wanted[1] != pen[1]:
        codes.append(wanted[1] or "39")
    if wanted[2] != pen[2]:
        codes.append(wanted[2] or "49")
    return f"\x1b[{';'.join(codes)}m"
