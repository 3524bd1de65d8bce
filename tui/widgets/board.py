"""The charts of a run under a person's hands: keys and mouse, the cursor that goes through all, a ghost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..chart import ChartOptions, Series
from ..chart_cursor import landed, leapt, stepped
from ..chart_series import GHOSTS
from ..panels import SMOOTHINGS, next_panel, panels_of
from ..screens.pick import Item, Menu
from ..taste import layouts_there
from ..xaxis import UNITS, Course, Window, followed, holding, panned, zoomed
from ..yaxis import value_near, zoomed_y
from .boardpicture import BoardPicture
from .chart import Chart

WIDE = 110  # cells of the screen; from here on the panes stand side by side
TALL = 36  # rows of the screen; from here on there is room for more than one chart and the panes

_TAIL_EPOCHS = 20


class ChartBoard(BoardPicture):
    """`act` does what a key asks for."""

    # -- keys ---------------------------------------------------------------------------------------------------------

    def act(self, what: str) -> None:
        """Do what a key of tui.chart_keys asks for."""
        match what:
            case "left" | "right" | "jump_left" | "jump_right" | "first" | "last":
                self._move(what)
            case "zoom_in" | "zoom_out":
                self._zoom(0.5 if what == "zoom_in" else 2.0, self._middle())
            case "pan_left" | "pan_right":
                self._look(panned(self.window, self._full, 0.25 if what == "pan_right" else -0.25, self.taste.log_x))
            case "zoom_y_in" | "zoom_y_out":
                self._zoom_y(0.5 if what == "zoom_y_in" else 2.0, self._middle())
            case "all":
                self._look(None)
                self.heights.clear()
            case "tail":
                self._follow()
            case "next":
                self._next(1)
            case "other" | "other_back":
                self._other(1 if what == "other" else -1)
            case "choose":
                self._choose()
            case "layout":
                self._next_layout()
            case "unit":
                self._next_unit()
            case "log_x":
                self._look(None)
                self._like(log_x=not self.taste.log_x)
            case "log_y":
                self._turn_log_y()
            case "smooth":
                self._smooth()
            case "ghost":
                self._ghost_key.press(self._view)
        self._ask()

    def drop_cursor(self) -> bool:
        """Take the cursor away; whether there was one."""
        had, self.cursor = self.cursor is not None, None
        self._ask()
        return had

    def _like(self, **changes: object) -> None:
        """Other axes, layout or charts from now on, and at the next start."""
        self.taste = replace(self.taste, **changes)  # type: ignore[arg-type]
        self._keeper.keep(charts=self.taste.as_kept())

    def _look(self, window: Window | None) -> None:
        """Another part of the x axis; its y axis begins anew."""
        if window != self.window:
            self.window = window
            self._bounds = {key: held for key, held in self._bounds.items() if key[1]}

    @property
    def _own(self) -> tuple[Sequence[Series], ChartOptions]:
        """What the cursor goes along: the run's own curves in the chart in hand, as it was drawn last."""
        chart = self.charts[self.hand]
        return [one for one in chart.series if one.role not in GHOSTS], replace(chart.drawn, bounds=None)

    def _move(self, what: str) -> None:
        series, drawn = self._own
        course = Course(self._view, self.taste.unit)
        if what in ("first", "last"):
            whole = replace(drawn, x_low=self._full.low, x_high=self._full.high)
            x = landed(series, whole, 0.0 if what == "first" else self._newest(course))
        elif self.cursor is None:
            x = landed(series, drawn, min(self._newest(course), drawn.x_high or 0.0))
        else:
            move = leapt if what.startswith("jump") else stepped
            x = move(series, drawn, self.cursor, -1 if what.endswith("left") else 1)
        self._point(x)

    def _point(self, x: float) -> None:
        self.cursor = x
        self._look(holding(self.window, self._full, x, self.taste.log_x))

    def _middle(self) -> float:
        """Around what a key zooms: the cursor, else the newest point in sight."""
        window = self.window or self._full
        x = self.cursor if self.cursor is not None else self._newest(Course(self._view, self.taste.unit))
        return min(max(x, window.low), window.high)

    def _zoom(self, by: float, around: float) -> None:
        self._look(zoomed(self.window, self._full, by, around, self.taste.log_x))

    def _zoom_y(self, by: float, x: float) -> None:
        """In the chart in hand, towards its curve at `x`."""
        key = self.shown[self.hand]
        held = self._held(key)
        if held is None or not held.known:  # nothing has been drawn there yet
            return
        log = key in self.taste.log_y
        around = value_near(self._own[0], x)
        height = zoomed_y(self.heights.get(key), held.low, held.high, by, around, log)
        if height is None:
            self.heights.pop(key, None)
        else:
            self.heights[key] = height

    def _follow(self) -> None:
        if self.window is not None and self.window.tail:
            self._look(None)
            return
        course = Course(self._view, self.taste.unit)
        low, high = (self.window.low, self.window.high) if self.window else (self._full.low, 0.0)
        if self.window is None:
            high = low + min(course.at(_TAIL_EPOCHS), self._full.width / 2)
        self._look(followed(Window(low, high, True), self._full, self._newest(course), self.taste.log_x))

    def _other(self, by: int) -> None:
        """The next of several charts in hand, or the next chart where there is one."""
        if len(self.shown) > 1:
            self.hand = (self.hand + by) % len(self.shown)
        else:
            self._next(by)

    def _next(self, by: int) -> None:
        there = [panel.key for panel in panels_of(self._view)]
        self._put(next_panel(self.shown, self.hand, there, by))

    def _put(self, key: str) -> None:
        """Show the chart called `key` in the place in hand; where it was already, what stood here stands then."""
        shown = list(self.shown)
        if key in shown:
            shown[shown.index(key)] = shown[self.hand]
        shown[self.hand] = key
        self._like(chosen=(*shown, *self.taste.chosen[len(shown) :]))

    def _choose(self) -> None:
        items = [
            Item(panel.title, "in sight" if panel.key in self.shown else "", value=panel.key, words=panel.label)
            for panel in panels_of(self._view)
        ]
        self.app.push_screen(Menu("Show which chart?", items), self._chosen)

    def _chosen(self, key: str | None) -> None:
        if key is not None:
            self._put(key)
            self._ask()

    def _next_layout(self) -> None:
        there = layouts_there(self.size.width, self.size.height)
        if len(there) == 1:
            self.app.notify("there is room for one chart only", markup=False, timeout=2)
        self._like(layout=there[(there.index(self.layout_now) + 1) % len(there)])
        self._arrange()

    def _next_unit(self) -> None:
        """The next unit; the cursor and what is in sight stay where they are in the run."""
        old = Course(self._view, self.taste.unit)
        self._like(unit=UNITS[(UNITS.index(self.taste.unit) + 1) % len(UNITS)])
        new = Course(self._view, self.taste.unit)
        if self.cursor is not None:
            self.cursor = new.at(old.epoch_at(self.cursor))
        if self.window is not None:
            low, high = (new.at(old.epoch_at(x)) for x in (self.window.low, self.window.high))
            self._look(replace(self.window, low=low, high=high) if high > low else None)

    def _turn_log_y(self) -> None:
        key = self.shown[self.hand]
        self.heights.pop(key, None)
        kept = tuple(one for one in self.taste.log_y if one != key)
        self._like(log_y=kept if key in self.taste.log_y else (*kept, key))

    def _smooth(self) -> None:
        self._like(smoothing=SMOOTHINGS[(SMOOTHINGS.index(self.taste.smoothing) + 1) % len(SMOOTHINGS)])
        self.app.notify(f"smoothing: {self.taste.smoothing}", markup=False, timeout=2)

    # -- the mouse ----------------------------------------------------------------------------------------------------

    def on_chart_pointed(self, message: Chart.Pointed) -> None:
        self.hand = self.charts.index(message.chart)
        series, drawn = self._own
        self._point(landed(series, drawn, message.x))
        self._ask()

    def on_chart_wheeled(self, message: Chart.Wheeled) -> None:
        self.hand = self.charts.index(message.chart)
        by = 0.8 if message.by > 0 else 1.25
        if message.y:
            self._zoom_y(by, message.x)
        else:
            self._zoom(by, message.x)
        self._ask()

    def on_chart_dragged(self, message: Chart.Dragged) -> None:
        self._look(panned(self.window, self._full, -message.share, self.taste.log_x))
        self._ask()
