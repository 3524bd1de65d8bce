"""Small screens over another: the keys explained, and a question before a run is given up."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.commands import MOST_EPOCHS

HELP = """\
SETUP
  d, f, v, Tab    datasets, form, preview
  up, down        another dataset, another field
  PgUp, PgDn      another group; on a heading left and right fold
  left, right     next choice, smaller or larger number
  Enter, 0-9      type a value; Enter or Tab takes it, Esc leaves it
                  as it was; text can be pasted
  /               find a setting by its name or its help, a dataset
  F1              what the field means, when to change it, what is usual
  x               back to the default (* marks what differs from it);
                  on a heading, all of the group; X: everything
  u, U            undo, redo; Ctrl-Z and Ctrl-Y too
  p               presets and samples
  s, S            save as TOML, under another name; Ctrl-S too
  O               open a TOML file; Ctrl-O too
  c, e            the same run as a command, as a PyTorch script
  t               learning-rate range test: tries rates, suggests one
  o               list of runs
  r               run

MONITOR
  space           pause, and go on
  s               stop after this batch; the best weights are tested
  S               stop now: save a checkpoint, leave the test out
  +               more epochs; after the end, train on from there
  e               change settings while it trains
  u               undo the last change: back to the checkpoint before
  w               save a checkpoint now
  d               detach: the run goes on without this screen
  f               try what a finding advises: the settings with its change,
                  r runs them with this run's curves behind, Esc comes
                  back; a run under way trains on meanwhile
  F               fork: a new run from this one's best weights
  r, Enter        results, when the run has ended
  C               compare it with other runs
  n               set up another run, when this one has ended
  o               list of runs
  i               findings in full, and in a line each
  [ ]             the folds or restarts that are out of sight
  l               show or hide the log; PgUp, PgDn scroll it
  /               only lines with these words; Tab: warnings and edits
  L               what the run prints (run.log); PgUp, PgDn scroll it

RESULTS (r on a run that has ended)
  Tab, 1 to 6     another page: figures, curve, confusion, classes, mistakes
  arrows          another cell, another mistake; scroll
  PgUp, PgDn      scroll a mistake's inputs
  w               the other order, the other drawing: see the line of pages
  [ ]             another fold or restart
  a               what to try: run again with the advice, or look at it
  f               try what a finding advises, with this run's curves behind
  + F n           go on, fork from the best weights, set up another run
  e               export the run as a plain PyTorch script
  C               compare it with other runs

CHARTS
  left, right     a cursor: the values at each point, in the first line;
                  with Shift in leaps, Home and End to both ends
  Esc             takes the cursor away
  z, Z            zoom in, and out, around the cursor
  h, H            the same for the y axis of the chart in hand
  <, >            earlier, later
  t               follow the newest epochs; 0 shows all of both axes again
  m               the next chart in this place: every logged figure
  c               choose a chart from a list
  Tab, up, down   the next of several charts in hand, marked by a sign
  v               one chart, two, or four
  x               x axis: epochs, steps or time
  y, X            logarithmic y axis of the chart in hand, x axis of all
  a               how much training curves are smoothed
  g               behind the curves: the previous run of this dataset or
                  the best fold, then any from a list, then none
  mouse           the wheel zooms, with Ctrl the y axis; dragging pans,
                  a click sets the cursor

RUNS (o)
  Enter           open the run
  r               resume one that was stopped or lost
  space, C        mark runs; compare those that are marked

EVERYWHERE
  ?               this page
  T               another theme: dark, light, 16 colours
  Ctrl-P          every command by its name
  Ctrl-L          draw the screen anew, when something wrote over it
  q, Ctrl-C       quit; asks first while a run of this app is under
                  way. A screen on another process's run just leaves

THE CHART
  The thin line is training, the thick one validation. Where training
  wavers it is smoothed, with the raw values as dots behind. The point
  marks the best epoch: the weights from there are kept. Signs on the
  axis, named in the first line: where early stopping ended the run, a
  setting was changed, a finding began, a figure was no number, another
  process took over. Validation that rises while training falls is
  overfitting. Layout, axes and choice of charts are remembered.

THE LINE ABOVE IT
  Patience counts down with each epoch that does not beat the best
  validation loss; at 0 early stopping ends the run.
"""


class HelpScreen(ModalScreen[None]):
    """Every key and what the monitor shows. part: the heading to begin at."""

    BINDINGS = [
        Binding("escape,q,question_mark,enter", "dismiss", "close", key_display="Esc"),
        Binding("up,k", "scroll(-1)", "up", show=False),
        Binding("down,j", "scroll(1)", "down", show=False),
        Binding("pageup", "scroll(-10)", "page up", show=False),
        Binding("pagedown,space", "scroll(10)", "page down", show=False),
    ]

    def __init__(self, part: str = "") -> None:
        super().__init__()
        self._part = part

    def on_mount(self) -> None:
        at = next((i for i, line in enumerate(HELP.splitlines()) if self._part and line.startswith(self._part)), 0)
        self.call_after_refresh(lambda: self.query_one("#help-box").scroll_to(y=at, animate=False))

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
