"""The charts of a run: which of them are in sight, which part of them, and the cursor that goes through all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from engine.report import sides
from engine.runview import RunView
from engine.series import HeldBounds

from ..chart import ChartOptions, Series
from ..chart_cursor import landed, leapt, stepped
from ..ghosts import Ghost
from ..kept import Keeper
from ..marks import marks_of
from ..panels import SMOOTHINGS, Panel, fingerprint, ghost_series, in_sight, marks_on, next_panel, panels_of, series_of
from ..screens.pick import Item, Menu
from ..taste import PLACES, Layout, columns_of, fitting, layouts_there, taste_of
from ..text import Charset
from ..xaxis import UNITS, Course, HeldEnd, Window, followed, holding, panned, planned_end, zoomed
from .chart import Chart
from .ghostkey import GhostKey

WIDE = 110  # cells of the screen; from here on the panes stand side by side
TALL = 36  # rows of the screen; from here on there is room for more than one chart and the panes

_TAIL_EPOCHS = 20
_BRIEF = 60  # cells; a narrower chart has short names, and room for its own
_SHORT = {"validation": "val"}
_GUTTER = 7  # cells for the y numbers in all charts, so that their columns are under each other


class ChartBoard(Container):
    """One chart, two or four, on one x axis. `act` does what a key asks for."""

    DEFAULT_CSS = "ChartBoard { layout: grid; }"

    def __init__(self, charset: Charset, colour: bool, keeper: Keeper | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keeper = keeper or Keeper()
        self.taste = taste_of(self._keeper.memory.charts)
        self.cursor: float | None = None  # its x
        self.window: Window | None = None
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
                series = [*ghost_series(self.ghost.name, self.ghost.view, key, behind), *series]
            if chart.size.width < _BRIEF:
                for one in series:
                    one.name = _SHORT.get(one.name, one.name)
            chart.update_chart(
                series, marks_on(key, marks), options=self._looks(there[key], place, course), force=force
            )

    def _looks(self, panel: Panel, place: int, course: Course) -> ChartOptions:
        taste, window = self.taste, self.window or self._full
        label = panel.label
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
            bounds=self._bounds.setdefault((panel, self.window is None), HeldBounds(limits=panel.limits)),
            **(self._sides(course) if panel.key == "loss" else {}),
        )

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
            high = max(high, planned_end(self.ghost.view, behind))
        elif view.end is None and course.unit == "time":
            high = self._end.update(high)
        low = course.at(min(1.0, *view.steps.at[:1], 1.0)) if self.taste.log_x else 0.0
        return Window(low, high) if high > low else Window(low / 2, max(high, low) * 2)

    def _newest(self, course: Course) -> float:
        return course.at(max([0.0, *self._view.epochs[-1:], *self._view.steps.at[-1:]]))

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
            case "all":
                self._look(None)
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
        return [one for one in chart.series if one.role != "ghost"], replace(chart.drawn, bounds=None)

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
        kept = tuple(one for one in self.taste.log_y if one != key)
        self._like(log_y=kept if key in self.taste.log_y else (*kept, key))

    def _smooth(self) -> None:
        self._like(smoothing=SMOOTHINGS[(SMOOTHINGS.index(self.taste.smoothing) + 1) % len(SMOOTHINGS)])
        self.app.notify(f"smoothing: {self.taste.smoothing}", markup=False, timeout=2)

    def _haunt(self, ghost: Ghost | None) -> None:
        self.ghost = ghost
        self._ask()

    # -- the mouse ----------------------------------------------------------------------------------------------------

    def on_chart_pointed(self, message: Chart.Pointed) -> None:
        self.hand = self.charts.index(message.chart)
        series, drawn = self._own
        self._point(landed(series, drawn, message.x))
        self._ask()

    def on_chart_wheeled(self, message: Chart.Wheeled) -> None:
        self._zoom(0.8 if message.by > 0 else 1.25, message.x)
        self._ask()

    def on_chart_dragged(self, message: Chart.Dragged) -> None:
        self._look(panned(self.window, self._full, -message.share, self.taste.log_x))
        self._ask()
