"""Confusion counts as a heat map in cells of text. Pure: counts in, lines out, no larger than was asked for.

The counts stand in every cell, so that nothing is lost without colours; there, a sign from light to dark stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from engine.plaintext import cut
from engine.text import clean

from .drawing import Line, Span, fit, padded
from .looks import Look

RIGHT, WRONG, GROUND = (0, 114, 178), (213, 94, 0), (28, 32, 38)
"""Blue for right answers and vermilion for wrong ones, of the palette of Okabe and Ito, which colour-blind people tell apart."""

MOST_NAME = 16  # cells of a class's name at the left
MOST_LABEL = 12  # and of one above a column
_RAMPS = {"ascii": " .:-=+*#%@"}
_SHADES = " ░▒▓█"
_FRAME = 4  # rows: what the axes are, names above, a gap and the read-out


def heat_map(
    counts: Sequence[Sequence[int]], names: Sequence[str], width: int, height: int, at: tuple[int, int], look: Look
) -> list[Line]:
    """A row for each true class and a column for each answer; the cell `at` (row, column) in brackets, and read out below.

    Of more classes than there is room for those around that cell are shown. names: as many as there are classes.
    """
    classes = len(counts)
    if not classes or width < 12 or height < 2:
        return []
    at = min(max(at[0], 0), classes - 1), min(max(at[1], 0), classes - 1)
    shaded = look.colour and look.greys
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    worst = max((shares[r][c] for r in range(classes) for c in range(classes) if r != c), default=0.0)
    digits = max(len(str(count)) for row in counts for count in row)
    name_width = min(MOST_NAME, max(4, width // 4), max(cell_len(clean(name)) for name in names))
    rows_room, room = max(1, height - _FRAME), width - name_width - 1
    tall = 2 if rows_room >= 2 * classes else 1
    # A bracket on either side of what stands in a cell, and a sign for its shade where there are no colours.
    least = digits + 2 + (not shaded)
    with_share = max(digits, 4) + 2 + (not shaded) if tall == 2 else digits + 7 + (not shaded)
    wanted = max(least, min(MOST_LABEL, max(cell_len(clean(name)) for name in names)) + 1)
    cell = next((one for one in (max(with_share, wanted), with_share, wanted) if one * classes <= room), least)
    says_share = cell >= with_share
    tall = tall if says_share else 1
    columns = _window(at[1], classes, max(1, room // cell))
    rows = _window(at[0], classes, max(1, rows_room // tall))
    head = _axes(width, rows, columns, classes)
    lines = [head] if height >= _FRAME else []
    above = [Span(" " * (name_width + 1))]
    above += [Span(f"{label} ", "bold") for label in _labels([names[c] for c in columns], cell - 1, look)]
    lines.append(above)
    for row in rows:
        for part in range(tall):
            name = fit(names[row], name_width, look.charset) if part == 0 else " " * name_width
            line = [Span(f"{name} ", "bold" if row == at[0] else "")]
            for column in columns:
                share = shares[row][column]
                text = _words(counts[row][column], share, says_share, tall, part, look)
                if not shaded and part == 0:
                    ramp = _RAMPS.get(look.charset, _SHADES)
                    text = ramp[min(len(ramp) - 1, -(-int(share * 1000) * (len(ramp) - 1) // 1000))] + text.rjust(
                        cell - 3
                    )
                here = (row, column) == at
                body = f"[{text:>{cell - 2}}]" if here and part == 0 else f" {text:>{cell - 2}} "
                line.append(Span(body, _paint(share, row == column, worst, counts[row][column], shaded)))
            lines.append(line)
    lines = lines[: height - 1]
    lines += [[]] * (1 if len(lines) < height - 1 else 0)
    longest = max(8, (width - 46) // 3)
    lines.append([Span(fit(read_out(counts, [cut(name, longest) for name in names], at), width, look.charset), "bold")])
    return [padded(line, width) for line in lines]


def _labels(names: Sequence[str], width: int, look: Look) -> list[str]:
    """Names above columns, to the right; where their beginnings would all look the same, their ends."""
    texts = [clean(name) for name in names]
    begun = [fit(text, width, look.charset) for text in texts]
    if len(set(begun)) < len(begun) and width > 2:
        dots = "~" if look.ascii_only else "…"
        texts = [text if cell_len(text) <= width else dots + text[1 - width :] for text in texts]
    return [fit(" " * max(0, width - cell_len(text)) + text, width, look.charset) for text in texts]


def _words(count: int, share: float, says_share: bool, tall: int, part: int, look: Look) -> str:
    """What stands in one line of a cell."""
    if not count:
        return ("." if look.ascii_only else "·") if part == 0 else ""
    if tall == 2:
        return f"{share:.0%}" if part else str(count)
    return f"{count} {share:>4.0%}" if says_share else str(count)


def _paint(share: float, right: bool, worst: float, count: int, shaded: bool) -> str:
    if not count:
        return "dim"
    if not shaded:
        return "bold" if not right else ""
    # Few per cent of the rows are wrong as a rule: the shades of mistakes are those of the worst of them.
    strength = share if right else 0.3 + 0.7 * share / worst if worst else 0.0
    colour = [round(low + (high - low) * strength) for low, high in zip(GROUND, RIGHT if right else WRONG, strict=True)]
    return "bold #ffffff on #{:02x}{:02x}{:02x}".format(*colour)


def _window(at: int, count: int, room: int) -> range:
    """As many of `count` places as there is room for, with the one `at` in sight."""
    first = max(0, min(at - room // 2, count - room))
    return range(first, min(count, first + room))


def _axes(width: int, rows: range, columns: range, classes: int) -> Line:
    words = "true class down, answer across"
    if len(rows) < classes or len(columns) < classes:
        words += (
            f"   {rows[0] + 1}-{rows[-1] + 1} down, {columns[0] + 1}-{columns[-1] + 1} across, of {classes} classes"
        )
    return [Span(fit(words, width), "dim")]


def read_out(counts: Sequence[Sequence[int]], names: Sequence[str], at: tuple[int, int]) -> str:
    """One cell in words."""
    row, column = at
    count, total = counts[row][column], sum(counts[row])
    true, answer = clean(names[row]), clean(names[column])
    if row == column:
        answered = sum(line[column] for line in counts)
        precision = f", precision {count / answered:.3f}" if answered else ""
        return f"true {true}: {count} of {total} right" + (f", recall {count / total:.3f}" if total else "") + precision
    share = f", {count / total:.1%} of the true {true}" if total else ""
    return f"true {true}, answered {answer}: {count} of {total} rows{share}"
