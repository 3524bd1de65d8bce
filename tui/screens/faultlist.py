"""All that is wrong with a file, in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from ..text import clean


class FaultsScreen(ModalScreen[None]):
    """Lines that are wrapped where they are too long, under a title; words above them say what became of the file."""

    BINDINGS = [
        Binding("escape,q,enter,space", "leave", "close", key_display="Esc"),
    ]

    def __init__(self, title: str, lines: Sequence[str], words: str = "") -> None:
        super().__init__()
        self._title, self._lines, self._words = title, lines, words

    def compose(self) -> ComposeResult:
        text = Text()
        for line in self._lines:
            text.append(f"! {clean(line, 1000)}\n")
        with Vertical(id="faults-box"):
            yield Static(Text(clean(self._title, 200), style="bold"))
            yield Static(Text(clean(self._words, 1000)), id="faults-words")
            with VerticalScroll(id="faults-scroll"):
                yield Static(text, id="faults-text")
            yield Static(Text("Esc closes   up and down scroll", style="dim"))

    def on_mount(self) -> None:
        self.query_one("#faults-words").display = bool(self._words)
        self.query_one("#faults-scroll").focus()

    def action_leave(self) -> None:
        self.dismiss(None)
