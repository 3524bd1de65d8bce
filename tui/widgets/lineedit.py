"""One line of text being typed: the text, the cursor, and the keys that change them."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

_CURSOR = Style(reverse=True)


class LineEdit:
    """The state of a one-line editor. It knows the usual keys of a shell's line editor and draws nothing itself."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = len(text)

    def insert(self, text: str) -> None:
        """Type `text` at the cursor."""
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def handle(self, key: str, character: str | None) -> bool:
        """Act on a key; whether it meant anything here."""
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
        return True

    def segments(self, width: int, style: Style) -> list[Segment]:
        """The text with its cursor, cut so that the cursor is in sight, in `width` cells."""
        first = max(0, self.at - width + 1)
        shown = (self.text + " ")[first : first + width].ljust(width)
        cut = self.at - first
        return [
            Segment(shown[:cut], style),
            Segment(shown[cut : cut + 1], style + _CURSOR),
            Segment(shown[cut + 1 :], style),
        ]
