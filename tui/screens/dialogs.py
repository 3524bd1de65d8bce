"""Small screens over another: a text in full, and questions before something is given up."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.commands import MOST_EPOCHS


class ExplainScreen(ModalScreen[None]):
    """One text in full, over whatever is behind it."""

    BINDINGS = [
        Binding("escape,q,f1,enter,space", "dismiss", "close", key_display="Esc"),
    ]

    def __init__(self, text: Text) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="explain-box"):
            yield Static(self._text)
            yield Static(Text("\nEsc closes", style="dim"))


class ConfirmQuit(ModalScreen[str]):
    """Asks before a run under way is stopped for good: "stop", "detach", or None to stay."""

    BINDINGS = [
        Binding("y,enter,q,ctrl+c", "answer('stop')", "stop and quit"),
        Binding("d", "answer('detach')", "detach"),
        Binding("n,escape", "stay", "stay"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm-box"):
            yield Static(
                Text(
                    "Training is under way.\n\n"
                    "  y  stop and quit   the best weights so far are tested\n"
                    "  d  detach          it goes on without this screen\n"
                    "  n  go on training"
                )
            )

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer)

    def action_stay(self) -> None:
        self.dismiss(None)


class ChangedScreen(ModalScreen[bool]):
    """Asks before a file is written over that somebody else has written to."""

    BINDINGS = [
        Binding("y", "answer(True)", "write over it"),
        Binding("n,escape", "answer(False)", "leave it"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name_of_file = name

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm-box"):
            yield Static(
                Text(
                    f"{self._name_of_file} was changed by another program.\n\n"
                    "  y    writes over it   its comments stay, the settings are yours\n"
                    "  Esc  leaves it"
                )
            )

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class AskEpochs(ModalScreen[int | None]):
    """Asks how many epochs to train beyond the plan."""

    BINDINGS = [Binding("escape", "leave", "close", key_display="Esc")]

    def __init__(self, under_way: bool) -> None:
        super().__init__()
        self._under_way = under_way

    def compose(self) -> ComposeResult:
        with Vertical(id="epochs-box"):
            yield Static(Text("How many epochs more?", style="bold"))
            yield Input("10", id="epochs")
            what = (
                "Early stopping will not end the run before."
                if self._under_way
                else "The run goes on from where it ended."
            )
            yield Static(Text(what), id="epochs-words")
            yield Static(Text("Enter takes it   Esc closes", style="dim"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MOST_EPOCHS:
            self.dismiss(int(text))
        else:
            self.query_one("#epochs-words", Static).update(
                Text(f"a whole number from 1 to {MOST_EPOCHS}", style="bold")
            )

    def action_leave(self) -> None:
        self.dismiss(None)
