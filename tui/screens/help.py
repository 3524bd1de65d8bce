"""The help: every key, and what the monitor shows."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from ..text import fit

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

LINES = HELP.splitlines()
_WIDTH = max(map(len, LINES))
_FOOT = "Esc closes, arrows scroll"


class HelpPane(Widget):
    """The lines of the help in sight, and one below that says how to go on: drawn as they are, with nothing to lay out."""

    COMPONENT_CLASSES = {"help--heading", "help--foot"}
    DEFAULT_CSS = "HelpPane { width: 1fr; height: 1fr; }"

    def __init__(self, first: int = 0) -> None:
        """first: the line at the top to begin with."""
        super().__init__()
        self._first = first

    def scroll(self, by: int) -> None:
        """Move by so many lines, as far as there are any."""
        first = self.first
        self._first = first + by
        if self.first != first:
            self.refresh()

    @property
    def first(self) -> int:
        """The line at the top."""
        return max(0, min(self._first, len(LINES) - self._room))

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        left = max(1, (width - _WIDTH) // 2)
        if y == self._room:
            first, last = self.first + 1, min(self.first + self._room, len(LINES))
            words = _FOOT if (first, last) == (1, len(LINES)) else f"{_FOOT}   lines {first}-{last} of {len(LINES)}"
            style += self.get_component_rich_style("help--foot", partial=True)
        else:
            at = y + self.first
            words = LINES[at] if at < len(LINES) else ""
            if words[:1].isupper():
                style += self.get_component_rich_style("help--heading", partial=True)
        return Strip([Segment(fit(" " * left + words, width), style)], width)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.scroll(-3)


class HelpScreen(Screen[None]):
    """All of the terminal's cells, with nothing that shines through: over a busy screen that would be painted several times. part:
    the heading to begin at.
    """

    BINDINGS = [
        Binding("escape,q,question_mark,enter", "close", "close", key_display="Esc"),
        Binding("up,k", "scroll(-1)", "up", show=False),
        Binding("down,j", "scroll(1)", "down", show=False),
        Binding("pageup", "scroll(-10)", "page up", show=False),
        Binding("pagedown,space", "scroll(10)", "page down", show=False),
        Binding("home", "scroll(-1000)", show=False),
        Binding("end", "scroll(1000)", show=False),
    ]

    def __init__(self, part: str = "") -> None:
        super().__init__()
        self._part = part

    def compose(self) -> ComposeResult:
        yield HelpPane(next((i for i, line in enumerate(LINES) if self._part and line.startswith(self._part)), 0))

    def action_close(self) -> None:
        self.app.pop_screen()

    def action_scroll(self, by: int) -> None:
        self.query_one(HelpPane).scroll(by)
