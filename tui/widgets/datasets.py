"""The datasets to choose from, the card of the one under the cursor, and how its data looks."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from engine.data.catalogue import Card, card, catalogue, is_called, library_of

from ..text import clean, fit, plain
from .more import with_more

FILE_ENTRY = "Open a file..."


@dataclass(frozen=True, slots=True)
class Entry:
    """source: what `data.source` becomes, or "" for the entry that asks for a file."""

    source: str
    label: str
    note: str


def entries_for(words: str, source: str, recent: Sequence[str], gone: Set[str] = frozenset()) -> list[Entry]:
    """The entries found by these words: built-in sets, files used before (the present one first), opening another.

    gone: files that are not there any more.
    """
    cards = [item for item in catalogue() if item.matches(words)]
    files = [] if not source or card(source) is not None else [source]
    files += [path for path in recent if path not in [os.path.abspath(own) for own in files]]
    shown = [Entry(item.name, item.name, "any" if item.generated else str(item.rows)) for item in cards]
    shown += [
        Entry(path, path.rpartition("/")[2] or path, "code" if is_called(path) else "gone" if path in gone else "file")
        for path in files
        if _all_in(words, path)
    ]
    return [*shown, Entry("", FILE_ENTRY, "")]


def _all_in(words: str, text: str) -> bool:
    return all(word in text.lower() for word in words.lower().split())


class DatasetList(Widget, can_focus=True):
    """Names of the datasets. The cursor looks at one; Enter or the space bar chooses it, which a star shows."""

    COMPONENT_CLASSES = {"datasets--cursor", "datasets--dim", "datasets--more"}

    BINDINGS = [
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("home", "move(-1000)", "first", show=False),
        Binding("end", "move(1000)", "last", show=False),
        Binding("enter", "choose(True)", "choose"),
        Binding("space", "choose(False)", "choose", show=False),
    ]

    class Pointed(Message):
        """The cursor is on another entry."""

        def __init__(self, source: str) -> None:
            super().__init__()
            self.source = source

    class Chosen(Message):
        """An entry was chosen; source is "" for another file, whose path may have been `typed`. done: the person wants to go on
        to the form.
        """

        def __init__(self, source: str, done: bool, typed: str = "") -> None:
            super().__init__()
            self.source = source
            self.done = done
            self.typed = typed

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source = ""
        self._recent: Sequence[str] = ()
        self.gone: Set[str] = frozenset()
        self._words = ""
        self._entries = entries_for("", "", ())
        self._at = 0

    @property
    def pointed(self) -> str:
        """The source under the cursor."""
        return self._entries[self._at].source

    def show(self, source: str, recent: Sequence[str]) -> None:
        """Mark `source` as the chosen one and put the cursor on it."""
        self._source, self._recent = source, recent
        self._fill(source)

    @property
    def files(self) -> list[str]:
        """Every file among the entries, whatever is looked for."""
        return [path for path in (self._source, *self._recent) if path and card(path) is None]

    def show_gone(self, gone: Set[str]) -> None:
        """Mark the files that are not there any more."""
        if gone != self.gone:
            self.gone = gone
            self._fill(self.pointed)

    def show_only(self, words: str) -> None:
        """Only the entries found by these words; the cursor goes to the first."""
        self._words = words
        self._fill("" if words else self._source)
        self.post_message(self.Pointed(self.pointed))

    def _fill(self, source: str) -> None:
        self._entries = entries_for(self._words, self._source, self._recent, self.gone)
        self._at = next((i for i, entry in enumerate(self._entries) if source and entry.source == source), 0)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        first, height = self._first(), self.size.height
        below = max(0, len(self._entries) - first - height)
        style = self.rich_style + self.get_component_rich_style("datasets--more", partial=True)
        return with_more(self._line(y + first), y, height, first, below, style)

    def _line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        if y >= len(self._entries):
            return Strip.blank(width, style)
        entry, here = self._entries[y], y == self._at
        if here and self.has_focus:
            style = self.get_component_rich_style("datasets--cursor")
        dim = style + self.get_component_rich_style("datasets--dim", partial=True)
        note = f"{entry.note:>5} "
        star = "*" if entry.source and entry.source == self._source else " "
        name = fit(f" {'>' if here else ' '}{star}{clean(entry.label)}", max(0, width - len(note)))
        return Strip([Segment(name, style), Segment(note, dim)]).adjust_cell_length(width, style)

    def _first(self) -> int:
        return max(0, min(self._at - self.size.height // 2, len(self._entries) - self.size.height))

    def action_move(self, by: int) -> None:
        at = min(len(self._entries) - 1, max(0, self._at + by))
        if at != self._at:
            self._at = at
            self.refresh()
            self.post_message(self.Pointed(self.pointed))

    def action_choose(self, done: bool) -> None:
        self.post_message(self.Chosen(self.pointed, done))

    def take_found(self) -> None:
        """Choose the first of what was found; where there is none, the words were the path of a file."""
        self.post_message(self.Chosen(self.pointed, True, "" if self.pointed else self._words.strip()))

    def take_key(self, event: events.Key) -> bool:
        return False

    def on_click(self, event: events.Click) -> None:
        at = event.y + self._first()
        if at < len(self._entries):
            again = at == self._at
            self.action_move(at - self._at)
            if again or not self.pointed:
                self.action_choose(False)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


class DatasetCard(Static):
    """What is known about a dataset without loading it, and below that how its data looks once it was read."""

    def show_source(self, source: str, drawing: Text | None = None) -> None:
        known = card(source)
        text = _card_text(known) if known else _file_text(source) if source else _open_text()
        if drawing is not None:
            text.append("\n\n")
            text.append_text(drawing)
        self.update(text)


def _card_text(item: Card) -> Text:
    what = f"{item.classes} classes" if item.task == "classification" else "a quantity"
    text = Text(item.title, style="bold")
    rows = "as many rows as you like" if item.generated else f"{item.rows} rows"
    text.append(f"\n{item.task}: {what}\n{rows}, {item.size}\n", style="not bold")
    text.append(f"{item.about}\n", style="not bold")
    text.append(f"{item.source}; {item.licence}", style="not bold dim")
    return text


_KINDS = {"torchvision": "A dataset of torchvision", "huggingface": "A dataset of Hugging Face"}


def _file_text(source: str) -> Text:
    text = Text(_KINDS.get(library_of(source), "Your own code") if is_called(source) else "A file", style="bold")
    text.append("\n")
    return text.append_text(plain(clean(source), "not bold"))


def _open_text() -> Text:
    text = Text("Open a file", style="bold")
    words = (
        "\nA table (CSV, TSV, JSON lines, Parquet), NumPy arrays (NPZ, NPY), or a folder of pictures with a folder for each class "
        "(IDX and CIFAR as well). Its path is completed as you type. The column to predict is chosen from those that a table has; every "
        "other column is an input. Code of your own that gives the data is named in the same place: mypkg.data:make or path/to/data.py:make; so are datasets of libraries: torchvision:MNIST, huggingface:ag_news."
    )
    return text.append(words, style="not bold")
