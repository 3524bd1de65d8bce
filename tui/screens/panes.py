"""What stands under the charts of a monitor: trials, findings, figures, the log or the output, and the keys that are about them."""

from __future__ import annotations

from textual.screen import Screen

from engine.runview import RunView

from ..widgets.board import TALL
from ..widgets.findings import FindingCards
from ..widgets.logpane import LogFilter, LogPane
from ..widgets.outputpane import OutputPane
from ..widgets.results import Results
from ..widgets.trials import FEWEST_ROWS, TrialsTable


class Panes(Screen[None]):
    """A screen with these widgets: how much room each gets, and its keys."""

    AUTO_FOCUS = ""  # the keys are the screen's; a pane that is out of sight would swallow some of them

    _log_wanted: bool | None = None  # None: there if there is room
    _findings_in_full = False
    _paned: tuple[RunView, bool] | None = None

    def choose_lines(self, words: str, notable: bool) -> None:
        """The log's filter says something else."""
        self.query_one(LogPane).choose(words, notable)

    def show_panes(self, view: RunView, ascii_only: bool) -> None:
        self._paned = view, ascii_only
        low = self.size.height < TALL
        self.query_one(TrialsTable).show_view(view, FEWEST_ROWS if low else self.size.height // 4, ascii_only)
        rows = self.size.height // (12 if low and view.end is not None else 6)
        self.query_one(FindingCards).show_view(view, self.size.width, rows, self._findings_in_full)
        self.query_one(Results).show_view(view, low)
        self.query_one(LogPane).show_view(view)
        self.query_one(OutputPane).show_view(view)
        self.place_log(view)

    def place_log(self, view: RunView) -> None:
        """The log comes last: on a low screen it is there when nothing else needs the room. The output takes its place."""
        crowded = view.end is not None or bool(view.findings) or bool(view.planned_trials)
        log = self.size.height >= TALL or not crowded if self._log_wanted is None else self._log_wanted
        self.query_one(LogPane).display = log and not self.query_one(OutputPane).display
        self.query_one(LogFilter).accompany(self.query_one(LogPane).display)

    def action_toggle_log(self) -> None:
        self._want_log(not self.query_one(LogPane).display)

    def _want_log(self, wanted: bool = True) -> None:
        self._log_wanted = wanted
        self.query_one(OutputPane).display = False
        self._again()

    def action_toggle_output(self) -> None:
        self.query_one(OutputPane).toggle()
        self._again()

    def action_filter_log(self) -> None:
        self._want_log()
        self.query_one(LogFilter).open()

    def action_page_log(self, pages: int) -> None:
        if (output := self.query_one(OutputPane)).display:
            output.action_scroll_by(pages)
            return
        self._want_log()
        self.query_one(LogPane).page(pages)

    def action_scroll_trials(self, trials: int) -> None:
        self.query_one(TrialsTable).scroll_trials(trials)

    def action_explain(self) -> None:
        """All that is known of the findings, and back."""
        self._findings_in_full = not self._findings_in_full
        self._again()

    def _again(self) -> None:
        if self._paned is not None:
            self.show_panes(*self._paned)
