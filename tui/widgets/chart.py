"""The chart as a widget: draws when it is worth it, and sends to the terminal only the cells that changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from rich.style import Style
from textual import events
from textual.events import Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from ..chart import ChartOptions, Mark, Series, draw, x_of

SHARE = 0.03  # of the time that drawing may take
LONGEST_WAIT = 2.0  # seconds; a chart may be dear, but it must not look dead
_DRAGGED = 2  # cells; what a mouse moves by less while its button is down is a click


class Chart(Widget, can_focus=False):
    """Shows the last series it was given. Width, height and background come from the screen, all else from `options`."""

    DEFAULT_CSS = """
    Chart { width: 1fr; height: 1fr; min-height: 5; }
    """

    class Pointed(Message):
        """The chart was clicked on, at `x`."""

        def __init__(self, chart: Chart, x: float) -> None:
            super().__init__()
            self.chart, self.x = chart, x

    class Wheeled(Message):
        """The wheel was turned at `x`: `by` 1 away from the person, -1 towards. y: with Ctrl held, which is about the y axis."""

        def __init__(self, chart: Chart, x: float, by: int, y: bool = False) -> None:
            super().__init__()
            self.chart, self.x, self.by, self.y = chart, x, by, y

    class Dragged(Message):
        """The picture was pulled to the right by `share` of the canvas's width, or to the left."""

        def __init__(self, chart: Chart, share: float) -> None:
            super().__init__()
            self.chart, self.share = chart, share

    class Sized(Message):
        """The chart has another size."""

        def __init__(self, chart: Chart) -> None:
            super().__init__()
            self.chart = chart

    clock: Callable[[], float] = staticmethod(time.perf_counter)  # seconds; tests set their own

    def __init__(
        self,
        options: ChartOptions | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.options = options or ChartOptions()
        self.draws = 0  # how often it was drawn so far
        self.series: tuple[Series, ...] = ()
        self.drawn = self.options  # those of the last picture, with its size
        self._grip: int | None = None  # the column that the mouse holds
        self._pulled = False
        self._marks: tuple[Mark, ...] = ()
        self._strips: list[Strip] = []
        self._stale = True  # what is shown is not what was last given
        self._not_before = 0.0  # on the clock: when the next draw is allowed
        self._later: Timer | None = None

    def update_chart(
        self,
        series: Sequence[Series],
        marks: Sequence[Mark] = (),
        *,
        options: ChartOptions | None = None,
        force: bool = False,
    ) -> None:
        """Show these series and marks: now with `force`, else as soon as drawing keeps to its share of the time.

        Of several updates that come too fast the last one is shown.
        """
        options = options or self.options
        if (tuple(series), tuple(marks), options) != (self.series, self._marks, self.options):
            self.series, self._marks, self.options = tuple(series), tuple(marks), options
            self._stale = True
        if not self._stale:
            return
        wait = self._not_before - self.clock()
        if force or wait <= 0:
            self._redraw()
        elif self._later is None:
            self._later = self.set_timer(wait, self._redraw)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._redraw())

    def on_resize(self, event: Resize) -> None:
        self._redraw()
        self.post_message(self.Sized(self))

    def render_line(self, y: int) -> Strip:
        """The `y`-th line of the last drawing, as wide as the widget is now."""
        width = self.size.width
        strip = self._strips[y] if 0 <= y < len(self._strips) else Strip.blank(width)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    # -- the mouse ----------------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1:
            self._grip, self._pulled = event.x, False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._grip is None or (not self._pulled and abs(event.x - self._grip) < _DRAGGED):
            return
        self._pulled = True
        if event.x != self._grip:
            canvas = max(1, self.size.width - self.drawn.gutter - 1)
            self.post_message(self.Dragged(self, (event.x - self._grip) / canvas))
            self._grip = event.x

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._grip is None:
            return
        self.release_mouse()
        self._grip = None
        if not self._pulled:
            self.post_message(self.Pointed(self, x_of(self.series, self.drawn, event.x)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        event.stop()
        self.post_message(self.Wheeled(self, x_of(self.series, self.drawn, event.x), by, event.ctrl))

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Draws what was last given, whatever it costs, and repaints what is different."""
        if self._later is not None:
            self._later.stop()
            self._later = None
        if not self.size:  # hidden or not laid out yet: the resize that ends this comes back here
            self._stale = True
            return
        started = self.clock()
        options = replace(
            self.options, width=self.size.width, height=self.size.height, dark=self.app.current_theme.dark
        )
        self.drawn = options
        strips = draw(self.series, options, self._marks)
        ended = self.clock()
        self._not_before = ended + min((ended - started) / SHARE, LONGEST_WAIT)
        self._stale = False
        self.draws += 1
        shown, self._strips = self._strips, strips
        regions = changed_regions(shown, strips)
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)


def changed_regions(old: Sequence[Strip], new: Sequence[Strip]) -> list[Region] | None:
    """One region a line, from its first to its last changed cell; None if the sizes differ, so that all has changed."""
    if [strip.cell_length for strip in old] != [strip.cell_length for strip in new]:
        return None
    spans = ((y, _changed_span(before, after)) for y, (before, after) in enumerate(zip(old, new, strict=True)))
    return [Region(first, y, last - first, 1) for y, (first, last) in spans if last > first]


def _changed_span(old: Strip, new: Strip) -> tuple[int, int]:
    """First changed cell and the one after the last; equal if nothing changed."""
    if old == new:
        return 0, 0
    before, after = _cells(old), _cells(new)
    if len(before) != old.cell_length or len(after) != new.cell_length:  # wide characters: cells are not characters
        return 0, new.cell_length
    different = [x for x, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    return (different[0], different[-1] + 1) if different else (0, 0)


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return list(chain.from_iterable(((char, part.style) for char in part.text) for part in strip))
