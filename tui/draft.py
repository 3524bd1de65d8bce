"""The settings while a person edits them: texts per knob, what they mean, and what is wrong with them. No widgets here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.config import RunConfig
from engine.configfile import check
from engine.data.catalogue import is_folder
from engine.errors import Fault
from engine.knobs import Knob, knob_by_key, knobs, parse, show, values

from .faults import at_fields

MOST_CHANGES = 500  # that can be undone
OF_COLUMNS = frozenset(["data.target", "data.ignore", "data.categorical", "data.missing_category"])
"""What only a file with columns has: a path without an ending may be a folder of pictures, which its name does not tell."""

_CHOICE = "@"  # between a knob and the choice that a text of it belongs to


class Draft:
    """What stands in the form. Texts of knobs that mean nothing at the moment are kept, so that changing a choice back
    brings them back. A field whose default hangs on a choice has a text for each: a learning rate belongs to its optimizer,
    and another optimizer has its own.

    config is the RunConfig that the texts give, or None while there are `wrong` ones (by key). faults: these, and what only
    the data or the machine could tell, of a refused run and of a preview; of each key one. Every change can be undone and done
    again, as often as there were changes.
    """

    def __init__(self, config: RunConfig | None = None) -> None:
        self._texts = _texts_of(config or RunConfig())
        self._past: list[dict[str, str]] = []
        self._future: list[dict[str, str]] = []
        self._open = ""  # the field whose last change takes further ones in: an arrow key held down is one change
        self.config: RunConfig | None = None
        self.wrong: dict[str, Fault] = {}
        self.noticed: dict[str, Fault] = {}
        self._refused: dict[str, Fault] = {}
        self._source, self._pictures = "", False
        self.switched: dict[
            str, tuple[str, str]
        ] = {}  # what the last change of a choice put other typed texts in: before and after
        self._visible: tuple[Knob, ...] = ()
        self._validate()

    def text(self, key: str) -> str:
        """The text in the field of a knob."""
        return self._texts[slot] if (slot := self._slot(key)) in self._texts else self.default(key)

    def set(self, key: str, text: str, *, joins: bool = False) -> None:
        """Put a text into a field and look at everything anew.

        joins: this is one of several steps in the same direction, which are undone together: see `seal`.
        """
        if self.text(key) != text:
            self._remember(key if joins else "")
            before, own = self.texts(), self._hanging_on(key)
            self._put(key, text)
            self._validate()
            now, own = self.texts(), own | self._hanging_on(key)
            self.switched = {
                one: (before[one], now[one])
                for one in own
                if before.get(one, now.get(one)) != now.get(one) and one in now
            }

    def put(self, texts: Mapping[str, str]) -> None:
        """Put texts into several fields at once; undone at once, too. Keys that are no knobs are left out."""
        before = dict(self._texts)
        for row in knobs():  # in order, so that a choice is there before what follows its defaults
            if row.key in texts:
                self._put(row.key, texts[row.key])
        self._changed_from(before)

    def load(self, config: RunConfig) -> None:
        """Put the settings of `config` in place of all there are; one change, as far as undoing goes."""
        before, self._texts = self._texts, _texts_of(config)
        self._changed_from(before)

    def load_texts(self, texts: Mapping[str, str]) -> None:
        """Put the defaults and these texts in place of all there are; one change, too."""
        before, self._texts = self._texts, _texts_of(RunConfig())
        for row in knobs():
            if row.key in texts:
                self._put(row.key, texts[row.key])
        self._changed_from(before)

    def recall(self, texts: Mapping[str, str]) -> None:
        """Begin with texts that `remembered` gave: there is nothing to undo behind them."""
        self.put(texts)
        rows = knob_by_key()
        for slot, text in texts.items():
            if _CHOICE in slot and slot.partition(_CHOICE)[0] in rows and slot not in self._texts:
                self._texts[slot] = text
        self._past.clear()
        self._future.clear()

    def reset(self, *keys: str) -> None:
        """Back to the default, all in one change."""
        before = dict(self._texts)
        for row in knobs():
            if row.key in keys:
                self._put(row.key, self.origin(row.key))
        self._changed_from(before)

    def _put(self, key: str, text: str) -> None:
        row = knob_by_key()[key]
        if row.choices and self._texts.get(key, text) not in row.choices and text in row.choices:
            self._move_slots(row, f"{_CHOICE}{self._texts[key]}", f"{_CHOICE}{text}")
        slot = self._slot(key)
        self._texts[slot] = text
        if slot != key and text == self.default(key):
            del self._texts[slot]

    def _slot(self, key: str) -> str:
        """Where the text of a field is kept: for each choice apart where the default hangs on one."""
        row = knob_by_key()[key]
        return f"{key}{_CHOICE}{self._texts[f'{row.section}.name']}" if row.defaults else key

    def _move_slots(self, choice: Knob, old: str, new: str) -> None:
        """What was written for a choice that there is none of was meant for the one that takes its place."""
        for row in knobs():
            if row.defaults and f"{row.section}.name" == choice.key and f"{row.key}{old}" in self._texts:
                self._texts.setdefault(f"{row.key}{new}", self._texts.pop(f"{row.key}{old}"))

    def _hanging_on(self, choice: str) -> set[str]:
        """The fields with a text of their own for what is chosen there: their defaults hang on it."""
        return {
            row.key
            for row in knobs()
            if row.defaults and f"{row.section}.name" == choice and self._slot(row.key) in self._texts
        }

    # -- undoing ------------------------------------------------------------------------------------------------------

    def undo(self) -> tuple[str, ...] | None:
        """Take the last change back; the keys of the fields that are as before, or None when there is nothing to undo."""
        return self._travel(self._past, self._future)

    def redo(self) -> tuple[str, ...] | None:
        """Do again what was undone last; the keys of the fields concerned, or None."""
        return self._travel(self._future, self._past)

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    def seal(self) -> None:
        """The next change is one of its own, also when it is made to the same field by the same means."""
        self._open = ""

    def _remember(self, joins: str) -> None:
        if not joins or joins != self._open:
            self._past.append(dict(self._texts))
            del self._past[:-MOST_CHANGES]
        self._open = joins
        self._future.clear()

    def _changed_from(self, before: dict[str, str]) -> None:
        if before != self._texts:
            after, self._texts = self._texts, before
            self._remember("")
            self._texts = after
            self._validate()

    def _travel(self, source: list[dict[str, str]], other: list[dict[str, str]]) -> tuple[str, ...] | None:
        if not source:
            return None
        before = {row.key: self.text(row.key) for row in knobs()}
        other.append(self._texts)
        self._texts = source.pop()
        self._open = ""
        self._validate()
        return tuple(row.key for row in knobs() if self.text(row.key) != before[row.key])

    def texts(self) -> dict[str, str]:
        """The text of every field in sight."""
        return {row.key: self.text(row.key) for row in self.visible()}

    # -- what stands beside the texts ---------------------------------------------------------------------------------

    def default(self, key: str) -> str:
        row = knob_by_key()[key]
        return show(row, row.default_for(self._texts))  # the choices that defaults hang on are in it as they are

    def origin(self, key: str) -> str:
        """What a field is put back to: the default."""
        return self.default(key)

    def changed(self, key: str) -> bool:
        """Whether the field differs from the default."""
        return self.text(key) != self.default(key)

    def changed_texts(self) -> dict[str, str]:
        """What differs from the defaults, also of fields that mean nothing at the moment: enough to have all of it again."""
        return {row.key: self.text(row.key) for row in knobs() if self.text(row.key) != self.default(row.key)}

    def remembered(self) -> dict[str, str]:
        """`changed_texts`, and what was typed under other choices: see `recall`."""
        return {**{slot: text for slot, text in self._texts.items() if _CHOICE in slot}, **self.changed_texts()}

    def visible(self) -> tuple[Knob, ...]:
        """The knobs that mean something with the present choices, in order."""
        if not self._pictures:
            return self._visible
        return tuple(row for row in self._visible if row.key not in OF_COLUMNS or self.changed(row.key))

    @property
    def faults(self) -> dict[str, Fault]:
        return {**self.noticed, **self._refused, **self.wrong}

    def refuse(self, faults: Sequence[Fault]) -> None:
        """Show what a run was refused for, at the dataset what has no field of its own.

        It stands until anything is changed, or `forget_refused`: any change may mend it, and the next preview tells what is left.
        """
        known = knob_by_key()
        self._refused = at_fields(
            [fault if fault.key in known else replace(fault, key="data.source") for fault in faults]
        )

    def forget_refused(self) -> None:
        """Look at the texts, and at what a preview noticed, alone again."""
        self._refused = {}

    def notice(self, faults: Sequence[Fault], pictures: bool = False) -> bool:
        """Show what the newest preview found, in place of what the one before it did; whether that is anything else.

        pictures: whether the data are pictures.
        """
        before, known = (self.noticed, self._pictures), knob_by_key()
        self._pictures = pictures and is_folder(self._source)
        self.noticed = at_fields([fault for fault in faults if fault.key in known])
        return (self.noticed, self._pictures) != before

    def fault_of(self, key: str, text: str) -> Fault | None:
        """What would be wrong with a knob if `text` stood in its field: for showing errors as one types."""
        return self.trial(key, text)[1]

    def trial(self, key: str, text: str) -> tuple[RunConfig | None, Fault | None]:
        """The settings if `text` stood in the field of a knob, None when they would be refused; and its own fault, if any."""
        kept, self._texts = self._texts, {**self._texts, self._slot(key): text}
        try:
            config, faults, _ = self._look()
        finally:
            self._texts = kept
        return config, faults.get(key)

    def _validate(self) -> None:
        self.config, self.wrong, self._visible = self._look()
        self._refused, self.switched = {}, {}
        if (source := self.text("data.source")) != self._source:  # what was noticed was so of another dataset
            self._source, self.noticed, self._pictures = source, {}, False

    def _look(self) -> tuple[RunConfig | None, dict[str, Fault], tuple[Knob, ...]]:
        found: dict[str, Any] = {}
        faults: dict[str, Fault] = {}
        for row in knobs():
            try:
                found[row.key] = parse(row, self.text(row.key))
            except ValueError as error:
                hint = f"allowed: {row.bounds()}" if row.bounds() else ""
                faults[row.key] = Fault(row.key, str(error), hint)
                found[row.key] = row.default_for(found)
        for row in knobs():  # what is out of sight counts as untouched, also for what hangs on it
            if not row.visible(found):
                found[row.key] = row.default_for(found)
        shown = tuple(row for row in knobs() if row.visible(found))
        faults = {row.key: faults[row.key] for row in shown if row.key in faults}
        nested: dict[str, dict[str, Any]] = {}
        for row in shown:
            nested.setdefault(row.section, {})[row.name] = found[row.key]
        config, more = check(nested)
        for fault in more:
            faults.setdefault(fault.key, fault)
        return (None if faults else config), faults, shown


def _texts_of(config: RunConfig) -> dict[str, str]:
    start = values(config)
    # A field whose default hangs on a choice has a text of its own only when it was given one: otherwise it follows.
    return {
        f"{row.key}{_CHOICE}{start[f'{row.section}.name']}" if row.defaults else row.key: show(row, start[row.key])
        for row in knobs()
        if not row.defaults or start[row.key] != row.default_for(start)
    }
