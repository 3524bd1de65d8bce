"""What the code of a run prints, in a pane of its own: the end of its run.log, followed while it grows."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.cells import chop_cells
from rich.segment import Segment
from textual.binding import Binding
from textual.events import Hide, MouseScrollDown, MouseScrollUp, Resize, Show
from textual.strip import Strip
from textual.widget import Widget

from engine.rundir import LOG_FILE
from engine.runview import RunView

from ..outputtail import OutputTail

LOOKS_PER_SECOND = 2
MOST_LINES = 2000  # so many are kept to scroll back to
NOTHING = "nothing has been printed so far"


class OutputPane(Widget, can_focus=True):
    """The last lines of what was printed. It reads only while it is in sight, beside the screen's own work."""

    BINDINGS = [
        Binding("pageup", "scroll_by(-1)", "back", show=False),
        Binding("pagedown", "scroll_by(1)", "on", show=False),
        Binding("ctrl+home", "scroll_by(-1000000)", "first", show=False),
        Binding("ctrl+end", "scroll_by(1000000)", "last", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "output"
        self.reads = 0  # how often it looked at the file
        self._tail: OutputTail | None = None
        self._reading = False
        self._lines: list[str] = []
        self._shown: list[str] = []  # what is in sight, safe to show
        self._rows: list[str] = []  # the lines in pieces as long as the pane is wide
        self._wrapped_at = 0  # cells
        self._top: int | None = None  # the row that stands uppermost; None: the last ones are in sight, and followed

    def show_view(self, view: RunView) -> None:
        """Follow this run."""
        path = Path(view.folder) / LOG_FILE if view.folder else None
        if path is not None and (self._tail is None or self._tail.path != path):
            self._tail, self._lines, self._rows = OutputTail(path), [], []
            self.call_later(self._look)

    def toggle(self) -> None:
        """Come into sight with the keys for scrolling, or go."""
        self.display = not self.display
        if self.display:
            self.focus(scroll_visible=False)

    # -- reading ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._looking = self.set_interval(1 / LOOKS_PER_SECOND, self._look, pause=not self.display)

    def on_show(self, event: Show) -> None:
        self._looking.resume()
        self.call_later(self._look)

    def on_hide(self, event: Hide) -> None:
        self._looking.pause()

    def _look(self) -> None:
        """Have a thread see what is new: a disk may take its time."""
        if self._tail is not None and self.display and not self._reading:
            self._reading = True
            self.run_worker(self._read(self._tail), group="output", exit_on_error=False)

    async def _read(self, tail: OutputTail) -> None:
        try:
            self.reads += 1
            lines = await asyncio.to_thread(tail.read)
        finally:
            self._reading = False
        if lines is not None and tail is self._tail:
            self._take(lines)

    def _take(self, lines: list[str]) -> None:
        self._lines += lines
        if len(self._lines) > MOST_LINES * 5 // 4:
            gone = len(self._rows)
            self._lines = self._lines[-MOST_LINES:]
            self._wrap()
            self._top = None if self._top is None else max(0, self._top + len(self._rows) - gone)
        else:
            self._rows += [row for line in lines for row in self._pieces(line)]
        self._settle()

    # -- the picture --------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[str]:
        """All there is to scroll through."""
        unended = self._tail.unended if self._tail is not None else ""
        return self._rows + (self._pieces(unended) if unended else []) or [NOTHING]

    def on_resize(self, event: Resize) -> None:
        if (width := self.size.width) and width != self._wrapped_at:
            self._wrapped_at, self._top = width, None
            self._wrap()
        self._settle()

    def _wrap(self) -> None:
        self._rows = [row for line in self._lines for row in self._pieces(line)]

    def _pieces(self, line: str) -> list[str]:
        return (chop_cells(line, self._wrapped_at) or [""]) if self._wrapped_at else []

    def _settle(self) -> None:
        """Have what is in sight painted; the end, unless somebody has scrolled back."""
        last = max(0, len(self.rows) - self.size.height)
        if self._top is not None and self._top >= last:
            self._top = None
        below = 0 if self._top is None else last - self._top
        self.border_title = f"output · {below} more below, Ctrl-End" if below else "output"
        self._shown = self.rows[last if self._top is None else self._top :][: self.size.height]
        self.refresh()

    def action_scroll_by(self, pages: int) -> None:
        self._scroll(pages * max(1, self.size.height - 1))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def _scroll(self, rows: int) -> None:
        top = max(0, len(self.rows) - self.size.height) if self._top is None else self._top
        self._top = max(0, top + rows)
        self._settle()

    def render_line(self, y: int) -> Strip:
        text = self._shown[y] if y < len(self._shown) else ""
        return Strip([Segment(text)]).adjust_cell_length(self.size.width).apply_style(self.rich_style)
