"""The list of built-in datasets, and the card of the one that is chosen."""

from __future__ import annotations

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from engine.data.catalogue import Card, card, catalogue

from ..text import clean, fit, plain

FILE_ENTRY = "a CSV file…"


class DatasetList(Widget, can_focus=True):
    """Names of the datasets; moving the cursor chooses. The last entry stands for a file, whose path is a field."""

    COMPONENT_CLASSES = {"datasets--cursor", "datasets--dim"}

    BINDINGS = [
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("home", "move(-100)", "first", show=False),
        Binding("end", "move(100)", "last", show=False),
        Binding("enter", "leave", "to the form"),
    ]

    class Chosen(Message):
        """Another entry is chosen; name is "" for the entry that stands for a file."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Left(Message):
        """Enter was pressed: the person is done here."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = [item.name for item in catalogue()]
        self._at = 0

    @property
    def entries(self) -> int:
        return len(self._names) + 1

    def show_source(self, source: str) -> None:
        """Put the cursor on `source`, or on the entry for a file when it is none of the built-in names."""
        self._at = self._names.index(source) if source in self._names else len(self._names)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        first = max(0, self._at - self.size.height + 1)
        y += first
        if y >= self.entries:
            return Strip.blank(width, style)
        chosen = y == self._at
        if chosen and self.has_focus:
            style = self.get_component_rich_style("datasets--cursor")
        dim = style + self.get_component_rich_style("datasets--dim", partial=True)
        pointer = ">" if chosen else " "
        if y == len(self._names):
            return Strip([Segment(fit(f" {pointer} {FILE_ENTRY}", width), style)], width)
        rows = "  any " if catalogue()[y].generated else f"{catalogue()[y].rows:>5} "
        name = fit(f" {pointer} {self._names[y]}", width - len(rows))
        return Strip([Segment(name, style), Segment(rows, dim)]).adjust_cell_length(width, style)

    def action_move(self, by: int) -> None:
        at = min(self.entries - 1, max(0, self._at + by))
        if at != self._at:
            self._at = at
            self.refresh()
            self.post_message(self.Chosen(self._names[at] if at < len(self._names) else ""))

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        first = max(0, self._at - self.size.height + 1)
        self.action_move(first + event.y - self._at)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


class DatasetCard(Static):
    """What is known about the chosen dataset, without loading it."""

    def show_source(self, source: str) -> None:
        known = card(source)
        self.update(_card_text(known) if known else _file_text(source))


def _card_text(item: Card) -> Text:
    if item.shape:
        size = f"{item.shape[1]}x{item.shape[2]} pictures"
    else:
        size = f"{item.features} inputs"
    what = f"{item.classes} classes" if item.task == "classification" else "a quantity"
    text = Text(item.title, style="bold")
    rows = "as many rows as you like" if item.generated else f"{item.rows} rows"
    text.append(f"\n{item.task}: {what}\n{rows}, {size}\n", style="not bold")
    text.append(f"{item.about}\n", style="not bold")
    text.append(f"{item.source}; {item.licence}", style="not bold dim")
    return text


def _file_text(source: str) -> Text:
    text = Text("A file", style="bold")
    text.append("\n")
    text.append_text(plain(clean(source), "not bold"))
    text.append(
        "\nA CSV or TSV file with a header row. Give its path in the field `dataset` and the column to predict in "
        "`target column`; every other column must be a number.",
        style="not bold",
    )
    return text
