"""Signs at the edge of a list that there is more of it than fits."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


def with_more(strip: Strip, y: int, height: int, above: int, below: int, style: Style) -> Strip:
    """A line of a list with the sign that belongs there: how many entries are above its first line, or below its last one."""
    count, arrow = (below, "↓") if y == height - 1 and below else (above, "↑") if y == 0 else (0, "")
    words = f" {arrow} {count} more "
    room = strip.cell_length - cell_len(words)
    if not count or room < 2:
        return strip
    cut = strip.crop(room - 1, room + 1).text.strip()  # a word that loses its end is seen to
    return Strip([*strip.crop(0, room - bool(cut)), Segment("…" * bool(cut) + words, style)])
