"""What the screens look like on this terminal: themes, one colour, plain ASCII."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter, Monochrome, NoColor

from .text import Charset

THEMES = ("textual-dark", "textual-light", "ansi-dark", "ansi-light")
"""Those that a key goes through: dark, light, and the terminal's own 16 colours on a dark and on a light ground."""

THEME_WORDS = {
    "textual-dark": "dark",
    "textual-light": "light",
    "ansi-dark": "the terminal's 16 colours, dark",
    "ansi-light": "the terminal's 16 colours, light",
}
MONO_THEME = "ansi-dark"  # its colours are left out, and it draws on the terminal's own ground


def next_theme(theme: str) -> str:
    """The theme after this one."""
    return THEMES[(THEMES.index(theme) + 1) % len(THEMES)] if theme in THEMES else THEMES[0]


def line_filters(own: Sequence[LineFilter], colour: bool, ascii_only: bool) -> list[LineFilter]:
    """The filters that every line of the screen goes through.

    own: those of Textual, which takes an empty NO_COLOR for a wish, and grey for no colour.
    """
    filters = [one for one in own if not isinstance(one, Monochrome | NoColor)]
    if not colour:
        filters.append(_NO_COLOUR)
    if ascii_only:
        filters.append(_ASCII)
    return filters


@dataclass(frozen=True, slots=True)
class Look:
    """How drawings are made: from which characters, with colours or without, and whether greys can be told apart."""

    charset: Charset = "braille"
    colour: bool = True
    greys: bool = True

    @property
    def ascii_only(self) -> bool:
        return self.charset == "ascii"

    def style(self, paint: str) -> str:
        """The style of a paint, as tui.drawing names them."""
        if paint == "dim" or not paint:
            return paint
        if paint.startswith("series"):
            return _SERIES[int(paint[6:]) % len(_SERIES)] if self.colour else ""
        return paint if self.colour and self.greys else ""


_SERIES = (
    "cyan", "yellow", "magenta", "green", "red", "blue", "bright_cyan", "bright_yellow", "bright_magenta", "bright_green",
)  # fmt: skip


class AsciiOnly(LineFilter):
    """Replaces every character that is not ASCII by one that is, and as wide: frames, bars, arrows, other people's names."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(as_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


_NO_COLOUR = NoColor()
_ASCII = AsciiOnly()


def as_ascii(text: str) -> str:
    """`text` in ASCII, in as many terminal cells."""
    return "".join(char if char.isascii() else _plain(char) for char in text)


_PLAIN = {
    **dict.fromkeys("─━╌╍═╴╶┄┅┈┉▔‾–—−⎯", "-"),
    "▁": "_",
    **dict.fromkeys("│┃║╎╏┆┇┊┋▏▎▍▌▋▊▉▕▐", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛╔╗╚╝╠╣╦╩╬┣┫┳┻╋", "+"),
    **dict.fromkeys("█▓▒░▀▄▂▃▅▆▇■▪●•", "#"),
    **dict.fromkeys("←◀◂‹«", "<"),
    **dict.fromkeys("→▶▸›»", ">"),
    **dict.fromkeys("↑▲▴", "^"),
    **dict.fromkeys("↓▼▾", "v"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″", '"'),
    "·": "-",
    "…": "~",
    "×": "x",
    "⏎": "~",
    "±": "+",
    "\N{NO-BREAK SPACE}": " ",
}


def _plain(char: str) -> str:
    if char in _PLAIN:
        return _PLAIN[char]
    if unicodedata.combining(char):
        return ""
    width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
    base = unicodedata.normalize("NFKD", char)[:1]
    return base if base.isascii() and base.isprintable() and width == 1 else "?" * width


_KEY_WORDS = {"⏎": "Enter", "←→": "<>", "⇥": "Tab", "↑": "Up", "↓": "Down", "←": "Left", "→": "Right", "⌫": "Bksp"}


def key_words(display: str, ascii_only: bool) -> str:
    """How a key is called where only ASCII can be shown."""
    return _KEY_WORDS.get(display, as_ascii(display)) if ascii_only else display
