"""A line to type into: for what to look for, and for paths."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from ..text import clean, fit
from .lineedit import LineEdit, types


class Entry(Widget, can_focus=True):
    """A prompt and a text. Keys that mean nothing in a text (arrows up and down, Enter, Escape, Tab) are left to others.

    changed: called at once with every other text. selected: the text is a proposal, see `LineEdit`.
    """

    COMPONENT_CLASSES = {"entry--prompt", "entry--hint"}
    DEFAULT_CSS = "Entry { height: 1; }"

    def __init__(
        self,
        changed: Callable[[str], None],
        prompt: str = "",
        hint: str = "",
        *,
        text: str = "",
        selected: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._changed = changed
        self._prompt, self._hint = prompt, hint
        self._edit = LineEdit(text, selected)

    @property
    def text(self) -> str:
        return self._edit.text

    @property
    def selected(self) -> bool:
        """Whether the text is the one proposed, which nobody has touched yet."""
        return self._edit.selected

    def set_text(self, text: str) -> None:
        """Put another text there, the cursor behind it."""
        if text != self._edit.text:
            self._edit = LineEdit(text)
            self._tell()

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        if y:
            return Strip.blank(width, style)
        prompt = style + self.get_component_rich_style("entry--prompt", partial=True)
        head = Segment(self._prompt, prompt)
        room = max(1, width - head.cell_length)
        if self.has_focus:
            body = self._edit.segments(room, style)
        elif self.text:
            body = [Segment(fit(clean(self.text), room), style)]
        else:
            body = [Segment(fit(self._hint, room), style + self.get_component_rich_style("entry--hint", partial=True))]
        return Strip([head, *body]).adjust_cell_length(width, style)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return types(key, character)

    def take_key(self, event: events.Key) -> bool:
        before = self._edit.text
        if not self._edit.handle(event.key, event.character):
            return False
        self.refresh()
        if self._edit.text != before:
            self._tell()
        return True

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        lines = event.text.strip().splitlines()
        if lines:
            self._edit.insert(clean(lines[0].strip(), 2000))
            self._tell()

    def _tell(self) -> None:
        self.refresh()
        self._changed(self.text)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
