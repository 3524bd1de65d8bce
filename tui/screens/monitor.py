"""The monitor: the curves of a run while it trains, how near early stopping is, and what is going wrong."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer

from engine.errors import InputError
from engine.report import sides
from engine.runview import RunView
from engine.series import HeldBounds

from ..chart import Charset, ChartOptions, Mark, Series
from ..source import RunSource
from ..text import clean, fit
from ..widgets.chart import Chart
from ..widgets.findings import FindingCards
from ..widgets.logpane import LogPane
from ..widgets.results import Results
from ..widgets.status import EarlyStopStrip, Quiet, StatusStrip
from ..widgets.trials import TrialsTable

DRAINS_PER_SECOND = 10
WIDE = 110  # cells; from here on both charts stand side by side
TALL = 36  # rows; from here on both charts fit above each other


class MonitorScreen(Screen[None]):
    """Shows one run from a source of events, and sends it commands."""

    BINDINGS = [
        Binding("space", "pause", "pause/resume"),
        Binding("s", "stop", "stop, keep best"),
        Binding("m", "switch_chart", "loss/metric"),
        Binding("l", "toggle_log", "log"),
        Binding("n", "new_run", "new run"),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("q", "app.request_quit", "quit"),
    ]

    class InputRefused(Message):
        """The run never began: what it was given cannot be used."""

        def __init__(self, error: InputError) -> None:
            super().__init__()
            self.error = error

    class Started(Message):
        """The run has a folder now."""

        def __init__(self, folder: str) -> None:
            super().__init__()
            self.folder = folder

    class NewRunAsked(Message):
        """The run has ended and the person wants to set up another."""

    def __init__(self, source: RunSource, charset: Charset = "braille", colour: bool = True) -> None:
        super().__init__()
        self.source = source
        self.view = RunView()
        self._ascii = charset == "ascii"
        self._options = {
            name: ChartOptions(
                x_low=0, charset=charset, colour=colour, y_label=name, gutter=7, bounds=HeldBounds(limits=(0, None))
            )
            for name in ("loss", "metric")
        }
        self._one_chart = "loss"
        self._log_wanted: bool | None = None  # None: there if there is room
        self._finished = False
        self._shares = False  # whether the metric is known to be a share, which never passes 1

    def compose(self) -> ComposeResult:
        yield Quiet(id="title")
        yield StatusStrip(id="status")
        yield EarlyStopStrip(id="stopping")
        with Horizontal(id="charts"):
            yield Chart(self._options["loss"], id="loss-chart")
            yield Chart(self._options["metric"], id="metric-chart")
        yield TrialsTable(id="trials")
        yield FindingCards(id="findings")
        yield Results(id="results")
        yield LogPane(id="log")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._arrange()
        self._show()
        self.set_interval(1 / DRAINS_PER_SECOND, self._drain)

    # -- events in ----------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Take what has come since the last tick and show it, once."""
        alive = self.source.alive  # asked first: what ends between the two lines is seen at the next tick
        events = self.source.drain()
        had_folder = self.view.folder
        self.view.apply_all(events)
        if self.view.metric == "accuracy" and not self._shares:
            self._shares = True
            self._options["metric"] = replace(self._options["metric"], bounds=HeldBounds(limits=(0, 1)))
        if self.view.folder != had_folder:
            self.post_message(self.Started(self.view.folder))
        if not alive and not events and not self._finished:
            self._finish()
        elif events:
            self._show()

    def _finish(self) -> None:
        self._finished = True
        error = self.source.error
        if isinstance(error, InputError) and not self.view.run:
            self.post_message(self.InputRefused(error))
            return
        if error is not None and self.view.end is None:
            self.notify(str(error) or type(error).__name__, severity="error", markup=False, timeout=30)
        self._arrange()
        self._show()

    # -- the picture --------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._arrange()
        self._show()

    def _arrange(self) -> None:
        """What is in sight at this size: the charts first, then what needs reading now, the log last."""
        wide, tall = self.size.width >= WIDE, self.size.height >= TALL
        self.set_class(wide, "wide")
        self.set_class(tall and not wide, "stacked")
        both = wide or tall
        self.query_one("#loss-chart").display = both or self._one_chart == "loss"
        self.query_one("#metric-chart").display = both or self._one_chart == "metric"
        crowded = not tall and (self.view.end is not None or bool(self.view.findings) or bool(self.view.planned_trials))
        self.query_one(LogPane).display = not crowded if self._log_wanted is None else self._log_wanted

    def _show(self) -> None:
        view = self.view
        name = view.run or "…"
        self.query_one("#title", Quiet).show(title_text(name, view.folder, self.size.width))
        self.query_one(StatusStrip).show_view(view, self.size.width, self._ascii)
        self.query_one(EarlyStopStrip).show_view(view, self.size.width, self._ascii)
        low = self.size.height < TALL
        self.query_one(TrialsTable).show_view(view)
        self.query_one(FindingCards).show_view(view, brief=low and view.end is not None)
        self.query_one(Results).show_view(view, low)
        self.query_one(LogPane).show_view(view)
        self._arrange()
        self._show_charts()
        self.refresh_bindings()

    def _show_charts(self) -> None:
        view = self.view
        marks = [Mark(view.best_epoch, "best")] if view.best_epoch else []
        if view.end is not None and view.end.reason == "early_stopping":
            marks.append(Mark(len(view.epochs), "stop"))
        curves = {
            "loss": ("#loss-chart", "loss", view.train_loss, view.val_loss),
            "metric": ("#metric-chart", clean(view.metric, 40), view.train_metric, view.val_metric),
        }
        for name, (selector, label, train, validation) in curves.items():
            options = replace(self._options[name], x_high=max(1, view.total_epochs), y_label=label)
            if name == "loss" and view.end is not None and (found := sides(view)) is not None:
                options = replace(options, note=(found.left, f"{found.middle}: epoch {found.best}", found.right))
            series = [
                Series("train", view.epochs, train, "train"),
                Series("validation", view.epochs, validation, "validation"),
            ]
            self.query_one(selector, Chart).update_chart(series, marks, options=options, force=view.end is not None)

    # -- keys ---------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether there is something to pause or stop."""
        return self.view.end is None and self.source.alive

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing at the moment are not in the footer."""
        if action in ("pause", "stop"):
            return self.running
        if action == "new_run":
            return not self.running
        if action == "switch_chart":
            return self.size.width < WIDE and self.size.height < TALL
        return True

    def action_pause(self) -> None:
        self.source.send("resume" if self.view.phase == "paused" else "pause")

    def action_stop(self) -> None:
        self.source.send("stop")
        self.notify("stopping after this batch; the best weights are kept", markup=False, timeout=3)

    def action_switch_chart(self) -> None:
        self._one_chart = "metric" if self._one_chart == "loss" else "loss"
        self._arrange()
        self._show_charts()

    def action_toggle_log(self) -> None:
        self._log_wanted = not self.query_one(LogPane).display
        self._arrange()

    def action_new_run(self) -> None:
        self.post_message(self.NewRunAsked())


def title_text(run: str, folder: str, width: int) -> Text:
    """The run's name, and where it is written if there is room."""
    name = f" nntui · {clean(run)}"
    place = f"{clean(folder, 2000)} "
    gap = width - len(name) - len(place)
    return Text(fit(name + " " * gap + place if folder and gap >= 2 else name, width), no_wrap=True)
