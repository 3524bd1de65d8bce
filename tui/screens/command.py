"""The command line that trains the same, to copy."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.config import RunConfig
from engine.invocation import command_line

from ..text import clean


class CommandScreen(ModalScreen[bool]):
    """Closes with True when a script is wanted instead."""

    BINDINGS = [
        Binding("c,y,enter", "copy", "copy"),
        Binding("e", "script", "export a script"),
        Binding("escape,q", "leave", "close"),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
    ]

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.command = command_line(config)

    def compose(self) -> ComposeResult:
        with Vertical(id="command-box"):
            yield Static(Text("The same run from a shell", style="bold"))
            with VerticalScroll(id="command-scroll", can_focus=False):
                yield Static(Text("\n" + clean(self.command, 10_000) + "\n", overflow="fold"), id="command-text")
            yield Static(id="command-said", markup=False)
            yield Static(Text("c copies it   e exports a PyTorch script   Esc closes", style="dim"))

    def action_copy(self) -> None:
        """Through the terminal (OSC 52), which reaches the person's own clipboard over SSH too."""
        self.app.copy_to_clipboard(clean(self.command, 100_000))
        words = "sent to the terminal's clipboard; not every terminal has one for programs"
        self.query_one("#command-said", Static).update(Text(words, style="italic"))

    def action_script(self) -> None:
        self.dismiss(True)

    def action_scroll(self, by: int) -> None:
        self.query_one("#command-scroll").scroll_relative(y=by, animate=False)

    def action_leave(self) -> None:
        self.dismiss(False)
