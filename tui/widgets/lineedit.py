"""One line of text being typed: the text, the cursor, and the keys that change them."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from ..text import clean

_CURSOR = Style(reverse=True)


def types(key: str, character: str | None) -> bool:
    """Whether a key puts a character into a text, so that it is no command while one types."""
    return (character is not None and character.isprintable()) or key in _NAMED


_NAMED = frozenset(
    ["slash", "question_mark", "full_stop", "comma", "minus", "plus", "space"]
)  # whose character is not told


class LineEdit:
    """The state of a one-line editor. It knows the usual keys of a shell's line editor and draws nothing itself.

    selected: the text is there as a proposal: what is typed takes its place, and any other key makes it one's own.
    """

    def __init__(self, text: str, selected: bool = False) -> None:
        self.text = text
        self.at = len(text)
        self.selected = selected and bool(text)

    def insert(self, text: str) -> None:
        """Type `text` at the cursor, or in the place of a proposal."""
        if self.selected:
            self.text, self.at, self.selected = "", 0, False
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def handle(self, key: str, character: str | None) -> bool:
        """Act on a key; whether it meant anything here."""
        if self.selected and key in ("backspace", "ctrl+h", "delete", "ctrl+d"):
            self.insert("")
            return True
        match key:
            case "left":
                self.at = max(0, self.at - 1)
            case "right":
                self.at = min(len(self.text), self.at + 1)
            case "home" | "ctrl+a":
                self.at = 0
            case "end" | "ctrl+e":
                self.at = len(self.text)
            case "backspace" | "ctrl+h":
                if self.at:
                    self.text = self.text[: self.at - 1] + self.text[self.at :]
                    self.at -= 1
            case "delete" | "ctrl+d":
                self.text = self.text[: self.at] + self.text[self.at + 1 :]
            case "ctrl+u":
                self.text, self.at = self.text[self.at :], 0
            case "ctrl+k":
                self.text = self.text[: self.at]
            case "ctrl+w":
                kept = self.text[: self.at].rstrip().rpartition(" ")
                head = kept[0] + kept[1]
                self.text, self.at = head + self.text[self.at :], len(head)
            case _:
                if character is None or not character.isprintable():
                    return False
                self.insert(character)
        self.selected = False
        return True

    def segments(self, width: int, style: Style) -> list[Segment]:
        """The text with its cursor, cut so that the cursor is in sight, in `width` cells."""
        shown = clean(self.text, len(self.text)) + " "
        style = style + _CURSOR if self.selected else style
        first = self.at
        room = width - cell_len(shown[first])
        while first and cell_len(shown[first - 1]) <= room:
            first -= 1
            room -= cell_len(shown[first])
        return [
            Segment(shown[first : self.at], style),
            Segment(shown[self.at], style + _CURSOR),
            Segment(set_cell_size(shown[self.at + 1 :], max(0, room)), style),
        ]
