"""A text that stands still until there is another one."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static


class Words(Static):
    """A Static that does nothing when it is told what it shows already; Textual would lay it out and draw it anew."""

    def __init__(self, words: Text | str = "", *, id: str | None = None) -> None:
        super().__init__(words, id=id, markup=False)
        self._said = _parts(words)

    def say(self, words: Text | str, *, layout: bool = False) -> None:
        """Show this. layout: its size may be another one with it."""
        if (said := _parts(words)) != self._said:
            self._said = said
            self.update(words, layout=layout)


def _parts(words: Text | str) -> tuple[object, ...]:
    return (words.plain, tuple(words.spans), words.style) if isinstance(words, Text) else (words,)
