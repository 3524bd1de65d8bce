"""Strings made safe to show. `engine.text.clean` decides what is safe; here they become rich Text, never parsed as markup."""

from __future__ import annotations

from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from engine.text import clean

__all__ = ["Charset", "ago", "clean", "duration", "fit", "plain"]

Charset = Literal["braille", "blocks", "ascii"]
"""What is drawn with, by what the terminal and its font can show."""


def plain(text: object, style: str | Style = "", limit: int = 400) -> Text:
    """Foreign text as a rich Text on one line: control characters replaced, brackets left as they are."""
    return Text(clean(text, limit), style=style, no_wrap=True, end="")


def fit(text: str, width: int) -> str:
    """`text` cut or padded to exactly `width` terminal cells; a cut one ends in an ellipsis."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def duration(seconds: float) -> str:
    """Seconds as a person reads a clock: ``0:07``, ``12:30``, ``1:02:03``, ``2d 03:04``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}:{minutes:02}"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(seconds: float) -> str:
    """How long ago something was, in words that hold for a minute at least: ``just now``, ``3 min ago``, ``2 h ago``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
