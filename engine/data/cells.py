"""From the cells of a file to numbers, and what to say of a cell that is none."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Literal

import numpy as np

from ..errors import Fault
from ..text import clean
from .delimited import MAX_LISTED, Faults, line_of_cell

FLOAT32_MAX = float(np.finfo(np.float32).max)

Flaw = Literal["empty", "text", "not finite", "too large"]

_MANY: dict[Flaw, str] = {
    "empty": "cells that are empty",
    "text": "cells that are not numbers",
    "not finite": "cells that are not finite numbers",
    "too large": "cells beyond the range of 32-bit floats",
}
MISSING = frozenset(["", "nan", "na", "n/a", "#n/a", "null", "none", "?"])
"""What a cell holds that has no value, in small letters and without a sign."""
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


def quoted(cell: str) -> str:
    """A cell as it is shown: in quotes, safe to print and short."""
    return f"'{clean(cell.strip(), 30)}'"


def flaw_of(cell: str) -> Flaw | None:
    """What keeps `cell` from being a finite number within the range of float32, or None when nothing does."""
    cell = cell.strip()
    if not cell:
        return "empty"
    try:
        value = float(cell)
    except ValueError:
        return "text"
    if "_" in cell:  # Python reads 1_000 as a thousand; in a data file it is more likely a code
        return "text"
    if not math.isfinite(value):  # 1e999 is read as infinity
        return "too large" if any(map(str.isdigit, cell)) else "not finite"
    return "too large" if abs(value) > FLOAT32_MAX else None


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value: empty, NaN, or one of the words that spreadsheets and R write."""
    return cell.strip().lower().lstrip("+-") in MISSING


def cell_fault(key: str, column: str, cell: str, flaw: Flaw, where: str, hint: str = "") -> Fault:
    """The fault of one cell of the column that is shown as `column`; `hint` replaces the usual advice."""
    if flaw == "empty":
        usual = (
            "fill the cell, remove the row, or set data.missing"
            if key == "data.source"
            else "fill the cell or remove the row"
        )
        return Fault(key, f"column '{column}' is empty", hint or usual, where)
    said = {
        "text": "is not a number",
        "not finite": "is not a finite number",
        "too large": "is beyond the range of 32-bit floats",
    }[flaw]
    if DECIMAL_COMMA.fullmatch(cell.strip()):
        hint = "write it with a decimal point"
    return Fault(key, f"column '{column}': {quoted(cell)} {said}", hint or "correct the cell or drop the column", where)


def _picker(columns: tuple[int, ...]) -> Callable[[list[str]], Sequence[str]]:
    """What takes these cells out of a record, as fast as can be."""
    if len(columns) > 1:
        return itemgetter(*columns)
    return lambda cells: [cells[column] for column in columns]


class InputCells:
    """The columns of numbers of a file, taken in record by record.

    names: of all columns of the file, as shown. columns: the indices of those that are read. where: the file, as shown. gaps:
    missing cells are taken in as NaN instead of being faults.
    """

    def __init__(self, names: Sequence[str], columns: Sequence[int], where: str, gaps: bool = False) -> None:
        self._names, self._columns, self._where, self._gaps = names, tuple(columns), where, gaps
        self._pick = _picker(self._columns)
        self._values = array("d")
        self._rows = 0
        self._missing: Counter[int] = Counter()
        self._text: Counter[int] = Counter()
        self._flaws: dict[int, Counter[Flaw]] = {}
        self._first: dict[int, dict[Flaw, list[tuple[int, str]]]] = {}

    def add(self, line: int, cells: list[str]) -> None:
        """Take in a record with the right number of cells, which begins in `line`."""
        self._rows += 1
        inputs = self._pick(cells)
        # The whole record at once, which takes some microseconds; cell by cell only when there is something to be found.
        # A NaN or an infinity shows in the sum, and once there is none, min and max are to be relied on.
        try:
            numbers = list(map(float, inputs))
        except ValueError:
            return self._inspect(line, cells)
        if numbers and (
            not math.isfinite(sum(numbers))
            or max(numbers) > FLOAT32_MAX
            or min(numbers) < -FLOAT32_MAX
            or "_" in "".join(inputs)
        ):
            return self._inspect(line, cells)
        return self._values.fromlist(numbers)

    def _inspect(self, line: int, cells: list[str]) -> None:
        numbers: list[float] = []
        for column in self._columns:
            cell = cells[column]
            if missing := is_missing(cell):
                self._missing[column] += 1
                if self._gaps:
                    numbers.append(math.nan)
                    continue
            if (flaw := flaw_of(cell)) is None:
                numbers.append(float(cell))
                continue
            numbers.append(math.nan)
            if flaw == "text" and not missing and not DECIMAL_COMMA.fullmatch(cell.strip()):
                self._text[column] += 1
            self._flaws.setdefault(column, Counter())[flaw] += 1
            first = self._first.setdefault(column, {}).setdefault(flaw, [])
            if len(first) < MAX_LISTED:
                first.append((line_of_cell(line, cells, column), cell))
        self._values.fromlist(numbers)

    def mostly_text(self) -> list[int]:
        """The columns that are to be read as text: at most half of their values are numbers."""
        return [column for column, count in self._text.items() if 2 * count >= self._rows - self._missing[column]]

    def matrix(self) -> np.ndarray:
        """The numbers as float32 (rows, columns), NaN where one is missing. Only when there are no faults."""
        if not self._columns:
            return np.empty((self._rows, 0), np.float32)
        values = np.frombuffer(self._values, dtype=np.float64)
        return values.reshape(self._rows, len(self._columns)).astype(np.float32)

    def faults(self) -> list[Fault]:
        """Every fault: columns without a number once each, then cells by sort and line, ten of a sort and a count."""
        whole = Faults("columns without numbers", self._where)
        partly: list[int] = []
        for column in sorted(
            column for column, count in self._missing.items() if count == self._rows and column not in self._flaws
        ):
            whole.add(Fault("data.source", f"column '{self._names[column]}' is empty", "remove it", self._where))
        for column, flaws in sorted(self._flaws.items()):
            # A column that never holds a number is not full of mistakes: it is another sort of column.
            if flaws.total() == self._rows and flaws["too large"] == 0:
                whole.add(self._column_fault(column))
            else:
                partly.append(column)
        found = whole.lines()
        for flaw in _MANY:
            found += self._cell_faults(flaw, partly)
        return found

    def _column_fault(self, column: int) -> Fault:
        name, flaws, first = self._names[column], self._flaws[column], self._first[column]
        if flaws["text"]:
            line, cell = first["text"][0]
            if DECIMAL_COMMA.fullmatch(cell.strip()):
                problem, hint = (
                    f"column '{name}' has decimal commas ({quoted(cell)})",
                    "write numbers with a decimal point",
                )
            else:
                problem, hint = f"column '{name}' is text ({quoted(cell)})", "turn it into numbers or remove it"
            return Fault("data.source", problem, hint, f"{self._where}:{line}")
        said = "is empty" if flaws["empty"] == self._rows else "holds no finite number"
        return Fault("data.source", f"column '{name}' {said}", "remove it", self._where)

    def _cell_faults(self, flaw: Flaw, columns: list[int]) -> list[Fault]:
        cells = sorted((line, column, cell) for column in columns for line, cell in self._first[column].get(flaw, []))
        faults = Faults(_MANY[flaw], self._where)
        for line, column, cell in cells:
            faults.add(cell_fault("data.source", self._names[column], cell, flaw, f"{self._where}:{line}"))
        faults.total = sum(self._flaws[column][flaw] for column in columns)
        return faults.lines()


def flawed_cells(key: str, column: str, cells: list[str], lines: array[int], where: str, hint: str) -> list[Fault]:
    """The faults of one whole column that should hold numbers; lines has the line of each cell."""
    flaws: dict[str, Flaw] = {cell: flaw for cell in set(cells) if (flaw := flaw_of(cell)) is not None}
    by_sort: dict[Flaw, Faults] = {flaw: Faults(many, where) for flaw, many in _MANY.items()}
    if flaws:
        for line, cell in zip(lines, cells, strict=True):
            if (flaw := flaws.get(cell)) is not None:
                by_sort[flaw].add(
                    cell_fault(key, column, cell, flaw, f"{where}:{line}", "" if flaw == "empty" else hint)
                )
    return [fault for faults in by_sort.values() for fault in faults.lines()]


def unseen_words(name: str, values: Counter[str]) -> list[str]:
    """A line about values of a column that the training rows did not have, and how often they are there; none if there are none."""
    if not values:
        return []
    listed = ", ".join(clean(value, 20) for value, _ in values.most_common(3))
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    rows = f"{values.total()} row{'s' if values.total() > 1 else ''}"
    return [f"column '{name}': {rows} with values that no training row has ({listed}{more}); its inputs are 0 there"]
