"""Lines that are made elsewhere, shown as they are: drawn line by line, and of a new text only the lines that differ."""

from __future__ import annotations

from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

SPARE = 4  # lines that may stay empty below a text that has become shorter, since laying a screen out is dear


class TextLines(Widget):
    """As high as its text has lines, or a little higher; they are no wider than the widget: nothing is wrapped.

    Textual's Static wraps and draws all of a text whenever a word of it changes, which takes 40 ms for a page of curves.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Text] = []
        self._height = 0

    def show(self, text: Text) -> None:
        """Show this text from now on."""
        old, self._lines = self._lines, list(text.split("\n", allow_blank=False))
        if not self._height - SPARE <= len(self._lines) <= self._height:
            self._height = len(self._lines)
            self.refresh(layout=True)
            return
        both = enumerate(zip_longest(old, self._lines))
        new = [y for y, (before, now) in both if _parts(before) != _parts(now)]
        if new:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in new))

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._height

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, style)
        line = self._lines[y].copy()
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            chosen = self.screen.get_component_rich_style("screen--selection")
            line.stylize(chosen, start, len(line) if end == -1 else end)
        line.stylize_before(style)
        line.end = ""
        strip = Strip(line.render(self.app.console), cell_len(line.plain))
        return strip.crop_extend(0, width, style).apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(line.plain for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


def _parts(line: Text | None) -> tuple[object, ...]:
    return (line.plain, line.spans) if line is not None else ()
