"""Text for terminals: widths in cells, bars, tables. For the command line and, by way of tui.drawing, for the screens."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence

from .text import clean

_EIGHTHS = " ▏▎▍▌▋▊▉█"
GAP = 2
"""Cells between two columns of a table."""

NARROWEST = 8
"""Cells that something is left of a column in."""


def cells(text: str) -> int:
    """The cells that `text` takes in a terminal: two for East Asian wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


Measure = Callable[[str], int]
"""How many cells a text takes. A screen has a measure of its own, and must be the one that is asked."""


def _cell(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int, ascii_only: bool = False, right: bool = False, measure: Measure = cells) -> str:
    """`text`, made safe, cut or padded to exactly `width` cells; what is cut ends in an ellipsis.

    ascii_only: other characters become question marks. right: padded on the left.
    """
    text = clean(text)
    if ascii_only:
        text = text.replace("…", "~").encode("ascii", "replace").decode("ascii")
    if width <= 0:
        return ""
    if measure(text) > width:
        text = cut(text, width - 1, measure) + ("~" if ascii_only else "…")
    space = " " * (width - measure(text))
    return space + text if right else text + space


def cut(text: str, width: int, measure: Measure = cells) -> str:
    """The beginning of `text`, as much as there is room for in `width` cells."""
    if text.isascii():
        return text[: max(0, width)]
    end = 0
    while end < len(text) and measure(text[: end + 1]) <= width:
        end += 1
    return text[:end]


def wrap(text: str, width: int, indent: int = 0, measure: Measure = cells) -> list[str]:
    """`text`, made safe, in lines of at most `width` cells, all but the first indented; words that are longer are broken.

    Spaces within a line stay as they are, so that figures in columns do.
    """
    lines: list[str] = []
    line, gap = "", ""
    for part in re.split(r"( +)", clean(text, 4000)):
        if not part or part.isspace():
            gap = part
            continue
        while part:
            start = " " * min(indent, max(0, width - 8)) if lines else ""
            if line and measure(line + gap + part) <= width:
                line, part = line + gap + part, ""
            elif line:
                lines.append(line)
                line = gap = ""
            else:
                piece = cut(part, max(1, width - len(start)), measure) or part[:1]
                # Spaces at the very beginning belong to the text.
                line, part = (start or (gap if not lines else "")) + piece, part[len(piece) :]
        gap = ""
    return [*lines, line] if line or not lines else lines


def bar(share: float, width: int, ascii_only: bool = False) -> str:
    """A bar over `share` (0 to 1) of exactly `width` cells, in steps of an eighth of a cell; at least a trace of what is not 0."""
    if not math.isfinite(share):
        share = 1.0 if share > 0 else 0.0
    share, width = min(1.0, max(0.0, share)), max(0, width)
    if ascii_only:
        full = max(round(share * width), 1 if share > 0 and width else 0)
        return "#" * full + " " * (width - full)
    eighths = max(round(share * width * 8), 1 if share > 0 and width else 0)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def balance(
    names: Sequence[str], counts: Sequence[int], width: int, most: int = 12, ascii_only: bool = False
) -> list[str]:
    """The classes as lines of `width` cells: name, rows, their share of all as a bar and in per cent; empty without classes.

    Of more than `most` classes the first are shown, and how many there are beside.
    """
    return [
        name + figures + drawn + share
        for name, figures, drawn, share in balance_pieces(names, counts, width, most, ascii_only)
    ]


def balance_pieces(
    names: Sequence[str],
    counts: Sequence[int],
    width: int,
    most: int = 12,
    ascii_only: bool = False,
    measure: Measure = cells,
) -> list[tuple[str, str, str, str]]:
    """As `balance`, each line in four pieces: name, rows, bar, share."""
    pairs = list(zip(names, counts, strict=False))
    shown = pairs if len(pairs) <= most else pairs[: max(0, most - 1)]
    total = sum(count for _, count in pairs)
    largest = max((count for _, count in pairs), default=0)
    digits = max((len(str(count)) for _, count in shown), default=1)
    name_width = min(max((measure(clean(name)) for name, _ in shown), default=0), max(4, width // 3))
    share_width = 6 if width >= 30 else 0
    bar_width = width - name_width - digits - share_width - 2
    lines = []
    for name, count in shown:
        share = f" {count / total if total else 0:>4.0%}".ljust(share_width) if share_width else ""
        drawn = bar(count / largest if largest else 0.0, bar_width, ascii_only)
        head = fit(name, min(name_width, width), ascii_only, measure=measure)
        figures = f" {count:>{digits}} "[: max(0, width - name_width)]
        used = measure(head) + len(figures) + len(drawn) + len(share)
        lines.append((head, figures, drawn, share + " " * (width - used)))
    if len(pairs) > len(shown):
        rest = f"and {len(pairs) - len(shown)} classes more"
        lines.append((fit(rest, width, ascii_only), "", "", ""))
    return lines


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int, ascii_only: bool = False) -> list[str]:
    """A table in lines of `width` cells at the most: the header, then the rows, numbers to the right.

    Where there is no room for all columns those in front of the last one are left out, and a column of dots stands for them; the first
    one alone is rather cut.
    """
    if not header or width < 1:
        return []
    body = [[*row, *[""] * (len(header) - len(row))][: len(header)] for row in rows]
    columns = [[header[index], *(row[index] for row in body)] for index in range(len(header))]
    wide = [max(1, *(cells(clean(cell)) for cell in column)) for column in columns]
    columns, wide = _those_with_room(columns, wide, width, "..." if ascii_only else "…")
    numeric = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = []
    for index in range(len(rows) + 1):
        parts = [
            fit(column[index], size, ascii_only, right)
            for column, size, right in zip(columns, wide, numeric, strict=True)
        ]
        lines.append(fit((" " * GAP).join(parts).rstrip(), width, ascii_only).rstrip())
    return lines


def _those_with_room(
    columns: list[list[str]], wide: list[int], width: int, dots: str
) -> tuple[list[list[str]], list[int]]:
    if sum(wide) + GAP * (len(wide) - 1) <= width:
        return columns, wide
    last, kept = wide[-1] + GAP, 0
    room = width - last - len(dots)
    while kept < len(wide) - 1 and room >= wide[kept] + GAP:
        room -= wide[kept] + GAP
        kept += 1
    if not kept and (room := width - last - (GAP + len(dots) if len(wide) > 2 else 0)) >= NARROWEST:
        wide, kept = [room, *wide[1:]], 1
    if kept == len(wide) - 1:
        return columns, wide
    filler = [dots] * len(columns[0])
    return [*columns[:kept], filler, columns[-1]], [*wide[:kept], len(dots), wide[-1]]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip() in ("", "?")
    return True
