"""A page of the results, as large as there is room for."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from ..drawing import Line, padded
from ..looks import Look
from ..resultpages import Page

ALWAYS = ("", "dim", "bold", "reverse")
"""Paints that are not colours, and so are there without any."""


class PagePane(Widget):
    """Shows one page. Its lines are made when something changed, not whenever the screen is drawn."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self.page: Page | None = None
        self._lines: list[Line] = []

    def show(self, page: Page | None) -> None:
        """Show this page from now on, or the same one anew."""
        self.page = page
        self._lines = []
        if page is not None and self.size:
            self._lines = page.lines(self.size.width, self.size.height, self._look)[: self.size.height]
        self.refresh()

    def on_resize(self) -> None:
        self.show(self.page)

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, style)
        spans = padded(self._lines[y], width)
        return Strip([Segment(span.text, style + self._style(span.paint)) for span in spans]).adjust_cell_length(
            width, style
        )

    def _style(self, paint: str) -> Style:
        return Style.parse(paint if paint in ALWAYS else self._look.style(paint))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(-1)

    def _scroll(self, by: int) -> None:
        if self.page is not None:
            self.page.move(0, by)
            self.show(self.page)
