"""The settings while a person edits them: texts per knob, what they mean, and what is wrong with them. No widgets here."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite, log2, log10
from pathlib import PurePath
from typing import Any

from engine.config import RunConfig
from engine.configfile import check
from engine.errors import Fault
from engine.knobs import Knob, knob_by_key, knobs, parse, show, values


class Draft:
    """What stands in the form. Texts of knobs that mean nothing at the moment are kept, so that changing a choice back
    brings them back.

    config is the RunConfig that the texts give, or None while `faults` (by key) is not empty.
    """

    def __init__(self, config: RunConfig | None = None) -> None:
        start = values(config or RunConfig())
        # A field whose default hangs on a choice has a text of its own only when it was given one: otherwise it follows.
        self._texts = {
            row.key: show(row, start[row.key])
            for row in knobs()
            if not row.defaults or start[row.key] != row.default_for(start)
        }
        self.config: RunConfig | None = None
        self.faults: dict[str, Fault] = {}
        self._refused: dict[str, tuple[str, Fault]] = {}
        self._visible: tuple[Knob, ...] = ()
        self._validate()

    def text(self, key: str) -> str:
        """The text in the field of a knob."""
        return self._texts[key] if key in self._texts else self.default(key)

    def set(self, key: str, text: str) -> None:
        """Put a text into a field and look at everything anew."""
        if self.text(key) != text:
            self._texts[key] = text
            if knob_by_key()[key].defaults and text == self.default(key):
                del self._texts[key]
            self._validate()

    def reset(self, key: str) -> None:
        """Back to the default."""
        self.set(key, self.default(key))

    def default(self, key: str) -> str:
        row = knob_by_key()[key]
        return show(row, row.default_for(self._texts))  # the choices that defaults hang on are in it as they are

    def origin(self, key: str) -> str:
        """What a field is put back to: the default."""
        return self.default(key)

    def changed(self, key: str) -> bool:
        """Whether the field differs from the default."""
        return self.text(key) != self.default(key)

    def visible(self) -> tuple[Knob, ...]:
        """The knobs that mean something with the present choices, in order."""
        return self._visible

    def refuse(self, faults: Sequence[Fault]) -> None:
        """Show faults that were found later, when the data was read: the first one of each field, with its place in the file.

        They stand until the field or the dataset is changed, or `forget_refused`: the file may have been mended meanwhile.
        """
        source = self._texts["data.source"]
        keyed = [(fault.key if fault.key in knob_by_key() else "data.source", fault) for fault in faults]
        for key in dict.fromkeys(key for key, _ in keyed):
            first, *more = [fault for where, fault in keyed if where == key]
            place = f"{PurePath(first.where).name}: " if first.where else ""
            others = f" (and {len(more)} more)" if more else ""
            shown = Fault(key, f"{place}{first.problem}{others}", first.hint, first.where)
            self._refused[key] = (f"{self.text(key)}\0{source}", shown)
        self._validate()

    def forget_refused(self) -> None:
        """Look at the texts alone again."""
        if self._refused:
            self._refused.clear()
            self._validate()

    def fault_of(self, key: str, text: str) -> Fault | None:
        """What would be wrong with a knob if `text` stood in its field: for showing errors as one types."""
        trial, self._texts = self._texts, {**self._texts, key: text}
        try:
            _, faults, _ = self._look()
        finally:
            self._texts = trial
        return faults.get(key)

    def _validate(self) -> None:
        self.config, self.faults, self._visible = self._look()
        source = self._texts["data.source"]
        for key, (texts, fault) in list(self._refused.items()):
            if texts != f"{self.text(key)}\0{source}":
                del self._refused[key]
            else:
                self.faults.setdefault(key, fault)

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
            nested.setdefault(row.section, {})[row.key.split(".", 1)[1]] = found[row.key]
        config, more = check(nested)
        for fault in more:
            faults.setdefault(fault.key, fault)
        return (None if faults else config), faults, shown


def stepped(row: Knob, text: str, direction: int) -> str:
    """The text of a field after an arrow key: the next choice, or the next number up (+1) or down (-1).

    Rates and penalties move through 1, 2, 5 x 10^k, batch sizes through powers of two, other numbers by a step that suits
    their size. Never leaves the bounds.
    """
    if row.kind == "choice":
        at = row.choices.index(text) if text in row.choices else 0
        return row.choices[(at + direction) % len(row.choices)]
    if row.kind == "bool":
        return "off" if text == "on" else "on"
    if row.kind not in ("int", "float"):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    if not isfinite(number):
        return text
    if row.log:
        following = _next_power(number, direction) if row.kind == "int" else _next_rate(number, direction)
    else:
        following = _next_number(row, number, direction)
    if row.low is not None and (following < row.low or (row.low_open and following <= row.low)):
        return text
    if row.high is not None and (following > row.high or (row.high_open and following >= row.high)):
        return text
    return str(int(following)) if row.kind == "int" else repr(following)


_SMALLEST_RATE = 1e-6


def _next_rate(number: float, direction: int) -> float:
    if number <= 0:
        return _SMALLEST_RATE if direction > 0 else number
    exponent = floor(log10(number))
    ladder = [float(f"{digit}e{power}") for power in range(exponent - 1, exponent + 2) for digit in (1, 2, 5)]
    if direction > 0:
        return min(step for step in ladder if step > number * (1 + 1e-9))
    below = max(step for step in ladder if step < number * (1 - 1e-9))
    return 0.0 if below < _SMALLEST_RATE else below


def _next_power(number: float, direction: int) -> float:
    if direction > 0:
        return 2.0 ** (floor(log2(number)) + 1) if number >= 1 else 1.0
    return 2.0 ** (ceil(log2(number)) - 1) if number > 1 else 0.0


def _next_number(row: Knob, number: float, direction: int) -> float:
    if row.kind == "float":
        step = 0.05 if row.high is not None and row.high <= 1 else 0.1
        return round(number + direction * step, 10)
    beside = number if direction > 0 else number - 1  # on the side that the step goes to, which sets its size
    if beside < 20:
        return number + direction
    step = max(5, 10 ** floor(log10(beside)) // 2)
    # To the next multiple of the step, so that 37 goes to 40 and not to 42.
    return (number // step + 1) * step if direction > 0 else (-(-number // step) - 1) * step
