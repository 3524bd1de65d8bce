"""Paths asked for: a data file and its target column, a TOML file to open or to save to, a script to write."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from engine.data.catalogue import is_called
from engine.errors import InputError
from engine.tomlfile import parse_toml, read_text

from ..faults import count
from ..latest import Latest
from ..paths import Found, Listing, completed, gone_of, list_paths, size_words
from ..text import clean
from ..widgets.entry import Entry
from .pick import Item, Picker, matching

if TYPE_CHECKING:
    from engine.data.columns import Columns

Peek = Callable[[str], "Columns"]
Probe = Callable[[str], object]


class PathScreen(Picker[str]):
    """A path, completed as it is typed; recent ones while there is none. Closes with it as it was typed or chosen.

    probe: looks at a path that was taken, in a thread, and raises InputError when it cannot be used: then that is said and
    the path stays.
    """

    PROMPT = "path: "
    KEYS = "Tab completes   up and down choose   Enter takes it   Esc closes"

    class Listed(Message):
        """A folder was read. gone: the recent files that are not there any more. whole: what the folder is as a whole, or ""."""

        def __init__(self, listing: Listing, gone: Set[str], whole: str) -> None:
            super().__init__()
            self.listing = listing
            self.gone = gone
            self.whole = whole

    class Probed(Message):
        """A path was looked at. problem: why it cannot be used, or ""."""

        def __init__(self, path: str, problem: str) -> None:
            super().__init__()
            self.path = path
            self.problem = problem

    def __init__(
        self,
        title: str,
        suffixes: Sequence[str],
        recent: Sequence[str] = (),
        text: str = "",
        new: bool = False,
        probe: Probe | None = None,
        typed: bool = False,
        folder_words: Callable[[str], str] | None = None,
    ) -> None:
        """new: the path may be that of a file that is not there yet. typed: `text` is the person's own, not a proposal.

        folder_words: what a folder is, in words, when it may be taken as a whole, else "".
        """
        super().__init__(text, selected=not typed)
        self.TITLE_TEXT = title
        self._probe, self._prober = probe, Latest("nntui-probe")
        self._probing = self._problem = ""
        self._folder_words, self._whole = folder_words, ""
        self._suffixes, self._recent, self._new = tuple(suffixes), recent, new
        self._lister = Latest("nntui-paths")
        self._listing: Listing | None = None
        self._complete_when_listed = False
        self._chosen = False  # the cursor was put on an item by hand

    def typed(self, text: str) -> None:
        self._chosen = False
        self._probing = self._problem = ""
        suffixes, recent, words = self._suffixes, self._recent, self._folder_words
        self._whole = ""

        def look() -> None:
            whole = words(text) if words is not None and text.endswith("/") else ""
            self.post_message(self.Listed(list_paths(text, suffixes), gone_of(recent), whole))

        self._lister.ask(look)

    def on_path_screen_listed(self, message: Listed) -> None:
        if message.listing.text != self.text:
            return
        self._listing = message.listing
        found = [_item(one) for one in message.listing.found]
        untouched = not self.text or self.query_one(Entry).selected
        recent = [_recent_item(path, path in message.gone) for path in self._recent] if untouched else []
        here = [Item(one.label, one.note, one.about, one.value, heading="here" if recent else "") for one in found]
        self._whole = message.whole
        whole = [Item("this folder", message.whole, "", f"{self.text}.")] if message.whole else []
        self.fill([*recent, *whole, *here])
        if self._complete_when_listed:
            self.complete()

    def pointed(self, item: Item | None) -> None:
        listing = self._listing
        if self._problem:
            self.say(self._problem, "bold")
        elif self._probing:
            self.say(f"reading {os.path.basename(self._probing.rstrip('/'))} ...")
        elif listing is None or listing.text != self.text:
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
        self._probing = self._problem = ""
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
            self._put(item.value.removesuffix("."))

    def _put(self, text: str) -> None:
        self.query_one(Entry).set_text(text)

    def take(self, item: Item | None) -> None:
        text = item.value if item is not None and self._chosen else self.text.strip()
        if not text:
            if item is not None and not self._new:
                self._chosen = True  # nothing typed: what the cursor is on
                self.take(item)
        elif text.endswith("/.") or (text == self.text.strip() and text.endswith("/") and self._whole):
            self._leave_with(text.removesuffix("."))
        elif text.endswith("/"):
            self._put(text)
        elif any(one.path == f"{text}/" for one in (self._listing.found if self._listing else ())):
            self._put(f"{text}/")
        else:
            self._leave_with(text)

    def _leave_with(self, path: str) -> None:
        """Close with a path, once it was looked at."""
        if self._probe is None:
            self.dismiss(path)
            return
        self._probing, self._problem = path, ""
        self.pointed(self.list.item)
        probe = self._probe
        self._prober.ask(lambda: self.post_message(self.Probed(path, _problem_of(probe, path))))

    def on_path_screen_probed(self, message: Probed) -> None:
        if message.path != self._probing:
            return  # another one was typed meanwhile
        self._probing = ""
        if not message.problem:
            self.dismiss(message.path)
            return
        self._problem = message.problem
        self.app.bell()
        self.pointed(self.list.item)


def _problem_of(probe: Probe, path: str) -> str:
    """What a probe has against a path, in words, or ""."""
    try:
        probe(path)
    except InputError as error:
        first, *more = error.faults
        others = f" (and {count(more)} more)" if more else ""
        return replace(first, key="").line() + others  # what it is about is plain where the path is asked for
    except Exception as error:  # noqa: BLE001  -- whatever a file may do to its reader
        return f"{path}: cannot be read: {error}"
    return ""


def _recent_item(path: str, gone: bool) -> Item:
    folder, name = os.path.split(path)
    return Item(name, f"gone: {folder}" if gone else folder, "", path, heading="used before")


def _item(one: Found) -> Item:
    return Item(
        f"{one.name}/" if one.is_folder else one.name, "" if one.is_folder else size_words(one.size), "", one.path
    )


def look_at_table(path: str) -> None:
    """Raise InputError when no run could use the data file; slow for a slow file system. Code of the user's own is not run here."""
    if not is_called(path):
        peek(path)


def look_at_config(path: str) -> None:
    """Raise InputError when there is no TOML file, whatever it says."""
    parse_toml(read_text(path), path)


def folder_words(path: str) -> str:
    """What the folder is as a dataset, in words, or ""; may take as long as the file system likes."""
    from engine.data.sources import folder_words

    return folder_words(path)


def peek(path: str) -> Columns:
    """The columns of a data file; raises InputError. May take as long as the file system likes."""
    from engine.data.sources import peek_source

    return peek_source(str(Path(path).expanduser()))


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
        self.columns: Columns | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self._reader.ask(self._look)

    def _look(self) -> None:
        try:
            columns, problem = self._peek(self._path), ""
        except InputError as error:
            columns, problem = None, replace(error.faults[0], key="").line()
        except Exception as error:  # noqa: BLE001  -- whatever a file may do to its reader
            columns, problem = None, f"cannot be read: {error}"
        self.post_message(self.Peeked(columns, problem))

    def on_column_screen_peeked(self, message: Peeked) -> None:
        self._problem = message.problem
        self.columns = message.columns
        if message.columns is not None and message.columns.optional and not message.columns.names:
            self.dismiss("")  # nothing to choose from: pictures, whose folders are their classes
            return
        if message.columns is not None:
            self._items = self.items_of(message.columns)
        self.typed(self.text)
        if not self.text:
            places = [i for i, item in enumerate(self.list.items) if item.value == self._target]
            likely = 0 if message.columns is None else self.likely(message.columns)
            self.fill(self.list.items, places[0] if places else likely)

    def items_of(self, columns: Columns) -> list[Item]:
        """What there is to choose from."""
        return column_items(columns)

    def likely(self, columns: Columns) -> int:
        """The item that is probably meant."""
        return 0 if columns.optional else columns.likely_target

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


class TextScreen(ColumnScreen):
    """The column of the texts to learn from, or none."""

    TITLE_TEXT = "Which column holds the texts to learn from?"

    def items_of(self, columns: Columns) -> list[Item]:
        none = Item(
            "none", "numbers, dates, categories", "every other column is an input, and none is read word by word", ""
        )
        return [none, *column_items(columns)]

    def likely(self, columns: Columns) -> int:
        return next((place for place, kind in enumerate(columns.kinds, 1) if kind == "texts"), 0)


def column_items(columns: Columns) -> list[Item]:
    """One for each column, with its kind and its first values."""
    items = [Item("as the names say", columns.about, "no array has to be named", "")] if columns.optional else []
    for place, name in enumerate(columns.names):
        values = [row[place] for row in columns.rows if place < len(row)]
        shown = ", ".join(clean(value, 20) for value in values[:6])
        about = f"first values: {shown}" if shown else columns.about
        items.append(Item(name, columns.words(place), about, name))
    return items


def inputs_of(columns: Columns | None, target: str) -> tuple[dict[str, str], str]:
    """What a file that is new is trained on beside this target, as settings, and what there is to say of it, or "".

    Columns that no run could use are left out. Where there is next to nothing but texts, it is those that are learned from.
    """
    chosen = {"data.ignore": "", "data.categorical": "", "data.text": ""}
    if columns is None:
        return chosen, ""
    texts, alone = columns.texts_of(target)
    if alone:
        return chosen | {"data.text": texts}, f"learned from: the texts in {texts} (data.text)"
    names = [name for name in columns.to_ignore(target) if "," not in name]
    more = f"; data.text learns from {texts} instead" if texts else ""
    words = f"left out: {', '.join(names)} (data.ignore){more}" if names else ""
    return chosen | {"data.ignore": ", ".join(names)}, words
