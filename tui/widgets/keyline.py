"""The line of keys at the foot of a screen: as many as fit, the less wanted ones left out first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Shown:
    """A key as it stands in the line: how it is called, what it does, and what pressing it sends."""

    display: str
    words: str
    action: str
    key: str

    @property
    def width(self) -> int:
        return cell_len(f" {self.display} {self.words} ")


def fitting(keys: Sequence[Shown], width: int, less_wanted: Sequence[str] = ()) -> list[Shown]:
    """The keys that fit into `width` cells: without those of `less_wanted` (actions, the least wanted first) if need be,
    then without the last ones."""
    kept = list(keys)
    for action in less_wanted:
        if sum(key.width for key in kept) <= width:
            return kept
        kept = [key for key in kept if key.action != action]
    while sum(key.width for key in kept) > width:
        kept.pop()
    return kept


class KeyLine(Widget):
    """Shows the keys that mean something now; a click on one presses it. Drawn in one go, unlike Textual's own footer, which
    builds a widget for each key anew whenever the focus moves.
    """

    COMPONENT_CLASSES = {"keyline--key", "keyline--words"}
    DEFAULT_CSS = "KeyLine { dock: bottom; height: 1; }"

    def __init__(self, less_wanted: Sequence[str] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._less_wanted = less_wanted

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        if self.app.app_focus:
            self.refresh()

    def keys(self) -> list[Shown]:
        """What is in the line, from left to right."""
        found: dict[str, Shown] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled and binding.action not in found:
                display = self.app.get_key_display(binding)
                found[binding.action] = Shown(display, binding.description, binding.action, binding.key)
        return fitting(list(found.values()), self.size.width, self._less_wanted)

    def render_line(self, y: int) -> Strip:
        style = self.rich_style
        key_style = style + self.get_component_rich_style("keyline--key", partial=True)
        words = style + self.get_component_rich_style("keyline--words", partial=True)
        segments = []
        for key in self.keys():
            segments += [Segment(f" {key.display}", key_style), Segment(f" {key.words} ", words)]
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def on_click(self, event: events.Click) -> None:
        at = 0
        for key in self.keys():
            if at <= event.x < at + key.width:
                self.app.simulate_key(key.key)
                return
            at += key.width
