"""The charts of a run, and which of them are in sight."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.report import sides
from engine.runview import RunView
from engine.series import HeldBounds

from ..chart import ChartOptions, Series
from ..marks import marks_of
from ..text import Charset, clean
from .chart import Chart

WIDE = 110  # cells of the screen; from here on charts stand side by side
TALL = 36  # rows of the screen; from here on charts fit above each other


class ChartBoard(Horizontal):
    """Loss and metric of a run: both where there is room for them, else one of them."""

    def __init__(self, charset: Charset, colour: bool, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._options = {
            name: ChartOptions(
                x_low=0, charset=charset, colour=colour, y_label=name, gutter=7, bounds=HeldBounds(limits=(0, None))
            )
            for name in ("loss", "metric")
        }
        self._one_chart = "loss"
        self._shares = False  # whether the metric is known to be a share, which never passes 1

    def compose(self) -> ComposeResult:
        yield Chart(self._options["loss"], id="loss-chart")
        yield Chart(self._options["metric"], id="metric-chart")

    def fit_to(self, width: int, height: int) -> None:
        """What is in sight on a screen of this size, in cells."""
        both = width >= WIDE or height >= TALL
        self.query_one("#loss-chart").display = both or self._one_chart == "loss"
        self.query_one("#metric-chart").display = both or self._one_chart == "metric"

    def switch(self) -> None:
        """Show the other one where there is room for one only."""
        self._one_chart = "metric" if self._one_chart == "loss" else "loss"

    def show_view(self, view: RunView) -> None:
        """Draw what changed."""
        if view.metric == "accuracy" and not self._shares:
            self._shares = True
            self._options["metric"] = replace(self._options["metric"], bounds=HeldBounds(limits=(0, 1)))
        marks = marks_of(view)
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
