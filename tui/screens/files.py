"""Paths asked for: a data file and its target column, a TOML file to open or to save to, a script to write."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.message import Message

from engine.errors import InputError

from ..latest import Latest
from ..paths import Found, Listing, completed, list_paths, size_words
from ..text import clean
from .pick import Item, Picker, matching

if TYPE_CHECKING:
    from engine.data.columns import Columns

Peek = Callable[[str], "Columns"]


class PathScreen(Picker[str]):
    """A path, completed as it is typed; recent ones while there is none. Closes with it as it was typed or chosen."""

    PROMPT = "path: "
    KEYS = "Tab completes   up and down choose   Enter takes it   Esc closes"

    class Listed(Message):
        """A folder was read."""

        def __init__(self, listing: Listing) -> None:
            super().__init__()
            self.listing = listing

    def __init__(
        self, title: str, suffixes: Sequence[str], recent: Sequence[str] = (), text: str = "", new: bool = False
    ) -> None:
        """new: the path may be that of a file that is not there yet."""
        super().__init__(text)
        self.TITLE_TEXT = title
        self._suffixes, self._recent, self._new = tuple(suffixes), recent, new
        self._lister = Latest("nntui-paths")
        self._listing: Listing | None = None
        self._complete_when_listed = False
        self._chosen = False  # the cursor was put on an item by hand

    def typed(self, text: str) -> None:
        self._chosen = False
        suffixes = self._suffixes
        self._lister.ask(lambda: self.post_message(self.Listed(list_paths(text, suffixes))))

    def on_path_screen_listed(self, message: Listed) -> None:
        if message.listing.text != self.text:
            return
        self._listing = message.listing
        found = [_item(one) for one in message.listing.found]
        recent = [] if self.text else [_recent_item(path) for path in self._recent]
        here = [Item(one.label, one.note, one.about, one.value, heading="here" if recent else "") for one in found]
        self.fill([*recent, *here])
        if self._complete_when_listed:
            self.complete()

    def pointed(self, item: Item | None) -> None:
        listing = self._listing
        if listing is None or listing.text != self.text:
            self.say("")  # nothing is known of it yet
        elif listing.problem:
            self.say(listing.problem)
        elif self._new and listing.taken and not self._chosen:
            self.say(f"{clean(os.path.basename(completed(self.text.strip(), self._suffixes[0])))} exists already")
        elif item is None and self.text:
            self.say("a new file" if self._new else "nothing begins like this")
        elif listing.more:
            self.say("there are more; type on to see them")
        else:
            self.say("")

    def action_move(self, by: int) -> None:
        if self._chosen or by < 0 or self.list.at or by > 1:
            super().action_move(by)
        self._chosen = bool(self.list.items)  # the first press of the down key takes hold of the first one

    def complete(self) -> None:
        listing = self._listing
        if listing is None or listing.text != self.text:
            self._complete_when_listed = True
            return
        self._complete_when_listed = False
        item = self.list.item
        if len(listing.common()) > len(self.text) and not self._chosen:
            self._put(listing.common())
        elif item is not None:
            self._put(item.value)

    def _put(self, text: str) -> None:
        from ..widgets.entry import Entry

        self.query_one(Entry).set_text(text)

    def take(self, item: Item | None) -> None:
        text = item.value if item is not None and self._chosen else self.text.strip()
        if not text:
            if item is not None and not self._new:
                self._chosen = True  # nothing typed: what the cursor is on
                self.take(item)
        elif text.endswith("/"):
            self._put(text)
        elif any(one.path == f"{text}/" for one in (self._listing.found if self._listing else ())):
            self._put(f"{text}/")
        else:
            self.dismiss(text)


def _recent_item(path: str) -> Item:
    folder, name = os.path.split(path)
    return Item(name, folder, "", path, heading="used before")


def _item(one: Found) -> Item:
    return Item(
        f"{one.name}/" if one.is_folder else one.name, "" if one.is_folder else size_words(one.size), "", one.path
    )


def peek(path: str) -> Columns:
    """The columns of a data file; raises InputError. May take as long as the file system likes."""
    from engine.data.columns import peek_columns

    return peek_columns(str(Path(path).expanduser()))


class ColumnScreen(Picker[str]):
    """The column to predict, from those that the file has. What is typed is taken as it is when the file cannot be read."""

    TITLE_TEXT = "Which column is to be predicted?"
    PROMPT = "column: "

    class Peeked(Message):
        """The file was looked into: its columns, or what is wrong with it."""

        def __init__(self, columns: Columns | None, problem: str) -> None:
            super().__init__()
            self.columns = columns
            self.problem = problem

    def __init__(self, path: str, target: str = "", peek: Peek = peek) -> None:
        super().__init__()
        self._path, self._target, self._peek = path, target, peek
        self._reader = Latest("nntui-columns")
        self._items: list[Item] = []
        self._problem = "reading " + clean(os.path.basename(path)) + " ..."

    def on_mount(self) -> None:
        super().on_mount()
        self._reader.ask(self._look)

    def _look(self) -> None:
        try:
            columns, problem = self._peek(self._path), ""
        except InputError as error:
            columns, problem = None, error.faults[0].line()
        except Exception as error:  # noqa: BLE001  -- whatever a file may do to its reader
            columns, problem = None, f"cannot be read: {error}"
        self.post_message(self.Peeked(columns, problem))

    def on_column_screen_peeked(self, message: Peeked) -> None:
        self._problem = message.problem
        if message.columns is not None:
            self._items = column_items(message.columns)
        self.typed(self.text)
        if not self.text:
            places = [i for i, item in enumerate(self.list.items) if item.value == self._target]
            likely = message.columns.likely_target if message.columns is not None else 0
            self.fill(self.list.items, places[0] if places else likely)

    def typed(self, text: str) -> None:
        self.fill(matching(self._items, text))

    def pointed(self, item: Item | None) -> None:
        if item is not None:
            super().pointed(item)
        else:
            self.say(self._problem or "no column by these words")

    def take(self, item: Item | None) -> None:
        if item is not None:
            self.dismiss(item.value)
        elif self.text.strip() and not self._items:
            self.dismiss(self.text.strip())


def column_items(columns: Columns) -> list[Item]:
    """One for each column, with its kind and its first values."""
    items = []
    for place, name in enumerate(columns.names):
        values = [row[place] for row in columns.rows if place < len(row)]
        shown = ", ".join(clean(value, 20) for value in values[:6])
        items.append(Item(name, columns.words(place), f"first values: {shown}", name))
    return items


class FaultsScreen(Picker[Any]):
    """All that is wrong with a file, a line each."""

    PROMPT = "find: "
    KEYS = "Esc closes"

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self.TITLE_TEXT = title
        self._items = [Item(line, about=line) for line in lines]

    def typed(self, text: str) -> None:
        self.fill(matching(self._items, text))

    def pointed(self, item: Item | None) -> None:
        self.say(Text(clean(item.about, 1000)) if item is not None else "")

    def take(self, item: Item | None) -> None:
        self.dismiss(None)
