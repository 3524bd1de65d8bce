"""What the monitor's charts show: which of them are in sight, which part of the run, with what behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from engine.report import sides
from engine.runview import RunView
from engine.series import HeldBounds

from ..chart import ChartOptions
from ..ghosts import Ghost
from ..kept import Keeper
from ..marks import marks_of
from ..panel import Panel
from ..panels import fingerprint, ghost_series, in_sight, marks_on, panels_of, series_of
from ..taste import PLACES, Layout, columns_of, fitting, taste_of
from ..text import Charset
from ..xaxis import Course, HeldEnd, Window, followed, planned_end
from ..yaxis import Height
from .chart import Chart
from .ghostkey import GhostKey

_BRIEF = 60  # cells; a narrower chart has short names, and room for its own
_ROOMY = 100  # cells; the same for one with a ghost
_SHORT = {"validation": "val"}
_MOST_BEYOND = 5.0  # times as long as a run that has ended is the axis at the most, however long its ghost is
_GUTTER = 7  # cells for the y numbers in all charts, so that their columns are under each other


class BoardPicture(Container):
    """One chart, two or four, on one x axis."""

    DEFAULT_CSS = "BoardPicture { layout: grid; }"

    def __init__(self, charset: Charset, colour: bool, keeper: Keeper | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keeper = keeper or Keeper()
        self.taste = taste_of(self._keeper.memory.charts)
        self.cursor: float | None = None  # its x
        self.window: Window | None = None
        self.heights: dict[str, Height] = {}  # of the charts whose y axis is zoomed, by key
        self.ghost: Ghost | None = None
        self.shown: list[str] = []  # keys of the charts in sight
        self.hand = 0  # the place of the one that keys are about
        self._charset: Charset = charset
        self._options = ChartOptions(charset=charset, colour=colour, gutter=_GUTTER)
        self._view = RunView()
        self._full = Window(0.0, 1.0)
        self._bounds: dict[tuple[Panel, bool], HeldBounds] = {}
        self._end = HeldEnd()
        self._asked = False  # whether a draw is due
        self._told: tuple[object, ...] = ()  # what the last picture was made of
        self._named: dict[Chart, bool] = {}  # whether each has short names
        self._ghost_key = GhostKey(self, self._haunt)

    def compose(self) -> ComposeResult:
        yield from (Chart(self._options, id=f"chart-{place}") for place in range(1, 5))

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self._draw(force=True)

    def on_unmount(self) -> None:
        self._ghost_key.close()

    def show_view(self, view: RunView) -> None:
        """Draw what changed."""
        told = (view is self._view, *fingerprint(view))
        if told != self._told:
            self._view, self._told = view, (True, *told[1:])
            self._draw(force=view.end is not None)

    # -- the picture --------------------------------------------------------------------------------------------------

    @property
    def charts(self) -> list[Chart]:
        """Those in sight."""
        return list(self.query(Chart))[: PLACES[self.layout_now]]

    @property
    def layout_now(self) -> Layout:
        """The layout that there is room for."""
        return fitting(self.taste.layout, self.size.width, self.size.height)

    def _arrange(self) -> None:
        if not self.size:
            return
        across = columns_of(self.layout_now, self.size.width, self.size.height)
        places = PLACES[self.layout_now]
        self.styles.grid_size_columns, self.styles.grid_size_rows = across, places // across
        for place, chart in enumerate(self.query(Chart)):
            chart.display = place < places
        self.hand = min(self.hand, places - 1)

    def _ask(self) -> None:
        """Have the charts drawn once all keys and mouse moves that wait are worked off."""
        if not self._asked:
            self._asked = True
            self.call_later(self._answer)

    def _answer(self) -> None:
        self._asked = False
        self._draw(force=True)

    def _draw(self, force: bool = False) -> None:
        view, taste = self._view, self.taste
        there = {panel.key: panel for panel in panels_of(view)}
        self.shown = in_sight(taste.chosen, list(there), len(self.charts))
        course = Course(view, taste.unit)
        behind = Course(self.ghost.view, taste.unit) if self.ghost else None
        self._full = self._whole(course, behind)
        if self.window is not None and self.window.tail:
            self.window = followed(self.window, self._full, self._newest(course), taste.log_x)
        marks = marks_of(view, course)
        for place, (chart, key) in enumerate(zip(self.charts, self.shown, strict=False)):
            series = series_of(view, key, course, taste.smoothing)
            if self.ghost is not None and behind is not None:
                name = self.ghost.name if chart.size.width >= _ROOMY else self.ghost.brief
                series = [*ghost_series(name, self.ghost.view, key, behind, taste.smoothing), *series]
            self._named[chart] = self._brief(chart)
            if self._named[chart]:
                for one in series:
                    one.name = _SHORT.get(one.name, one.name)
            chart.update_chart(
                series, marks_on(key, marks), options=self._looks(there[key], place, course), force=force
            )

    def _brief(self, chart: Chart) -> bool:
        """Whether a chart has room for short names only."""
        return chart.size.width < (_BRIEF if self.ghost is None else _ROOMY)

    def _looks(self, panel: Panel, place: int, course: Course) -> ChartOptions:
        taste, window = self.taste, self.window or self._full
        label = panel.label
        height = self.heights.get(panel.key)
        if height is not None:
            label = f"{label} {'x' if self._charset == 'ascii' else '×'}{height.times:.3g}"
        if len(self.shown) > 1 and place == self.hand:
            label = f"{'>' if self._charset == 'ascii' else '▸'} {label}"
        return replace(
            self._options,
            x_low=window.low,
            x_high=window.high,
            x_label=course.label,
            x_format="seconds" if taste.unit == "time" else "number",
            y_label=label,
            log_x=taste.log_x,
            log_y=panel.key in taste.log_y,
            cursor=self.cursor,
            y_low=height.low if height is not None else None,
            y_high=height.high if height is not None else None,
            bounds=self._bounds.setdefault((panel, self.window is None), HeldBounds(limits=panel.limits)),
            **(self._sides(course) if panel.key == "loss" else {}),
        )

    def _held(self, key: str) -> HeldBounds | None:
        """The bounds of the y axis of the chart called `key` as it was drawn last."""
        whole = self.window is None
        found = [held for (panel, all_of_x), held in self._bounds.items() if panel.key == key and all_of_x is whole]
        return found[-1] if found else None

    def _sides(self, course: Course) -> dict[str, Any]:
        """Where the run under- and overfits, in words and as shades, once that is known."""
        known = self._view.end is not None or "overfitting" in self._view.findings
        found = sides(self._view) if known else None
        if found is None:
            return {}
        note = (found.left, f"{found.middle}: epoch {found.best}", found.right)
        return {"note": note, "shade": (course.at(found.best), found.left, found.right)}

    def _whole(self, course: Course, behind: Course | None) -> Window:
        """All of the x axis: to the planned epochs, and once the run has ended to where it and its ghost came."""
        view = self._view
        high = planned_end(view, course)
        if view.end is not None and self.ghost is not None and behind is not None:
            high = max(high, min(planned_end(self.ghost.view, behind), _MOST_BEYOND * high))
        elif view.end is None and course.unit == "time":
            high = self._end.update(high)
        low = course.at(min(1.0, *view.steps.at[:1], 1.0)) if self.taste.log_x else 0.0
        return Window(low, high) if high > low else Window(low / 2, max(high, low) * 2)

    def _newest(self, course: Course) -> float:
        return course.at(max([0.0, *self._view.epochs[-1:], *self._view.steps.at[-1:]]))

    # -- what stands behind, and how much room there is ----------------------------------------------------------------

    def put_behind(self, folder: Path) -> None:
        """Show the curves of the run in `folder` behind."""
        self._ghost_key.open(folder)

    def _haunt(self, ghost: Ghost | None) -> None:
        self.ghost = ghost
        self._ask()

    def on_chart_sized(self, message: Chart.Sized) -> None:
        """Names that have room now, or have no more."""
        if self._brief(message.chart) != self._named.get(message.chart, False):
            self._ask()
