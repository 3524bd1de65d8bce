"""Small screens over another: the keys explained, and a question before a run is given up."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

HELP = """\
SETUP
  d, f or Tab     datasets, form
  up, down        another dataset, another field
  left, right     next choice, smaller or larger number
  Enter, 0-9      type a value; Enter takes it, Esc leaves it as it
                  was; text can be pasted
  F1              what the field means, when to change it, what is usual
  x               back to the default (* marks what differs from it)
  t               learning-rate range test: tries rates, suggests one
  r               run

MONITOR
  space           pause, and go on
  s               stop after this batch; the best weights are tested
  m               loss or metric, where only one chart fits
  l               show or hide the log
  n               set up another run, when this one has ended

EVERYWHERE
  ?               this page
  q, Ctrl-C       quit; asks first while a run is under way

THE CHART
  The thin line is training, the thick one validation. The point marks
  the best epoch: the weights from there are kept. A square below marks
  where early stopping ended the run. Validation that rises while
  training falls is overfitting.

THE LINE ABOVE IT
  Patience counts down with each epoch that does not beat the best
  validation loss; at 0 early stopping ends the run.
"""


class HelpScreen(ModalScreen[None]):
    """Every key and what the monitor shows."""

    BINDINGS = [
        Binding("escape,q,question_mark,enter", "dismiss", "close", key_display="Esc"),
        Binding("up,k", "scroll(-1)", "up", show=False),
        Binding("down,j", "scroll(1)", "down", show=False),
        Binding("pageup", "scroll(-10)", "page up", show=False),
        Binding("pagedown,space", "scroll(10)", "page down", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-box"):
            yield Static(Text(HELP.rstrip()), id="help-text")
        yield Static("Esc closes, arrows scroll", id="help-foot", markup=False)

    def action_scroll(self, by: int) -> None:
        self.query_one("#help-box").scroll_relative(y=by, animate=False)


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


class ConfirmQuit(ModalScreen[bool]):
    """Asks before a run under way is stopped for good."""

    BINDINGS = [
        Binding("y,enter,q,ctrl+c", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm-box"):
            yield Static(
                Text(
                    "Training is under way.\n\nStop it and quit? The best weights so far are tested and kept.\n\n"
                    "  y  stop and quit        n  go on training"
                )
            )

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)
