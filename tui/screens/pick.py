"""A line to type into over a list to pick from: menus, columns, paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from ..text import clean, fit, plain
from ..widgets.entry import Entry
from ..widgets.more import with_more

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to pick. note: stands beside it. about: what it is, shown below the list when the cursor is on it. value: what
    picking it gives. words: what else it is found by. heading: stands above it, when it is the first one of several.
    """

    label: str
    note: str = ""
    about: str = ""
    value: Any = None
    words: str = ""
    heading: str = ""


def matching(items: Sequence[Item], text: str) -> list[Item]:
    """The items in which every word stands; those whose label begins with the text first."""
    words = text.lower().split()
    found = [
        item
        for item in items
        if all(word in f"{item.label} {item.note} {item.about} {item.words}".lower() for word in words)
    ]
    return sorted(found, key=lambda item: not item.label.lower().startswith(text.lower())) if words else found


class PickList(Widget):
    """Lines with a cursor on one of them. The keys come from the line above it."""

    COMPONENT_CLASSES = {"pick--cursor", "pick--note", "pick--heading"}

    class Clicked(Message):
        """An item was clicked on."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.items: list[Item] = []
        self.at = 0
        self._label_width = 24

    @property
    def item(self) -> Item | None:
        """What the cursor is on."""
        return self.items[self.at] if 0 <= self.at < len(self.items) else None

    def fill(self, items: Sequence[Item], at: int = 0) -> None:
        """Show these, the cursor on the one at `at`."""
        self.items = list(items)
        self.at = max(0, min(at, len(self.items) - 1))
        longest = max((len(item.label) for item in self.items), default=0)
        self._label_width = max(12, min(longest + 2, 40))
        self.refresh()

    def move(self, by: int) -> None:
        self.at = max(0, min(self.at + by, len(self.items) - 1))
        self.refresh()

    def _rows(self) -> list[int | str]:
        """Places of items, and headings between them."""
        rows: list[int | str] = []
        above = ""
        for place, item in enumerate(self.items):
            if item.heading != above:
                above = item.heading
                rows.append(above)
            rows.append(place)
        return rows

    def _first(self, rows: Sequence[int | str]) -> int:
        """The first row in sight, so that the cursor is."""
        if self.at not in rows:
            return 0
        return max(0, min(rows.index(self.at) - self.size.height // 2, len(rows) - self.size.height))

    def render_line(self, y: int) -> Strip:
        rows, height = self._rows(), self.size.height
        first = self._first(rows)
        above, below = (sum(isinstance(row, int) for row in part) for part in (rows[:first], rows[first + height :]))
        return with_more(self._line(rows, y + first), y, height, above, below, self.rich_style + self._part("heading"))

    def _line(self, rows: Sequence[int | str], y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        if y >= len(rows):
            return Strip.blank(width, style)
        row = rows[y]
        if isinstance(row, str):
            return Strip([Segment(fit(f" {row}", width), style + self._part("heading"))], width)
        item = self.items[row]
        if row == self.at:
            style = self.get_component_rich_style("pick--cursor")
        label = fit(f" {'>' if row == self.at else ' '} {clean(item.label)}", min(width, self._label_width + 3))
        note = fit(f" {clean(item.note)}", max(0, width - self._label_width - 3))
        return Strip([Segment(label, style), Segment(note, style + self._part("note"))]).adjust_cell_length(
            width, style
        )

    def _part(self, name: str) -> Any:
        return self.get_component_rich_style(f"pick--{name}", partial=True)

    def on_click(self, event: events.Click) -> None:
        rows = self._rows()
        y = event.y + self._first(rows)
        row = rows[y] if 0 <= y < len(rows) else None
        if isinstance(row, int):
            self.at = row
            self.refresh()
            self.post_message(self.Clicked())


class Picker(ModalScreen[T | None], Generic[T]):
    """Type to narrow the list, Enter takes what the cursor is on, Esc takes nothing. Subclasses say what there is to pick."""

    BINDINGS = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("enter", "take", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
        Binding("escape", "leave", show=False, priority=True),
    ]
    TITLE_TEXT = ""
    PROMPT = "find: "
    KEYS = "Enter takes it   Esc closes"

    def __init__(self, text: str = "", selected: bool = False) -> None:
        """text: stands in the line to begin with; selected: as a proposal."""
        super().__init__()
        self._text, self._selected = text, selected
        self._early = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="pick-box"):
            yield Static(Text(self.TITLE_TEXT, style="bold"), id="pick-title")
            yield Entry(self.typed, self.PROMPT, text=self._text, selected=self._selected, id="pick-entry")
            yield PickList(id="pick-list")
            yield Static(id="pick-about", markup=False)
            yield Static(Text(self.KEYS, style="dim"), id="pick-keys")

    def on_mount(self) -> None:
        entry = self.query_one(Entry)
        if self._early:
            entry.set_text(self._early if entry.selected else entry.text + self._early)
        self.set_focus(entry)
        self.typed(entry.text)
        self.pointed(self.list.item)

    @property
    def list(self) -> PickList:
        return self.query_one(PickList)

    @property
    def text(self) -> str:
        return self.query_one(Entry).text

    def say(self, words: object, style: str = "") -> None:
        """Put words below the list."""
        self.query_one("#pick-about", Static).update(plain(words, style) if not isinstance(words, Text) else words)

    def fill(self, items: Sequence[Item], at: int = 0) -> None:
        self.list.fill(items, at)
        self.pointed(self.list.item)

    # -- what subclasses say ------------------------------------------------------------------------------------------

    def typed(self, text: str) -> None:
        """Another text stands in the line."""

    def pointed(self, item: Item | None) -> None:
        """The cursor is on another item."""
        self.say(Text(clean(item.about, 1000)) if item is not None else Text("nothing by these words", style="dim"))

    def take(self, item: Item | None) -> None:
        """Enter was pressed on an item, or on none."""
        if item is not None:
            self.dismiss(item.value)

    def complete(self) -> None:
        """Tab was pressed."""

    # -- keys ---------------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """What was typed before the line was there belongs into it."""
        if self.focused is None and event.character is not None and event.character.isprintable():
            self._early += event.character
            event.stop()

    def on_pick_list_clicked(self) -> None:
        self.pointed(self.list.item)
        self.take(self.list.item)

    def action_move(self, by: int) -> None:
        self.list.move(by)
        self.pointed(self.list.item)

    def action_take(self) -> None:
        self.take(self.list.item)

    def action_complete(self) -> None:
        self.complete()

    def action_leave(self) -> None:
        self.dismiss(None)


class Menu(Picker[Any]):
    """A list that is known from the beginning."""

    def __init__(self, title: str, items: Sequence[Item], keys: str = "") -> None:
        super().__init__()
        self.TITLE_TEXT = title
        self.KEYS = keys or self.KEYS
        self._items = items

    def typed(self, text: str) -> None:
        self.fill(matching(self._items, text))
