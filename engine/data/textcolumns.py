"""Columns of a file that are not numbers: booleans, dates and categories, taken in record by record."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..errors import Fault
from .cells import flaw_of, is_missing, quoted
from .delimited import Faults, line_of_cell
from .kinds import Sort, as_boolean, as_date, day_words, sort_of
from .preprocess import Column
from .tokens import wordy

DATE_WORDS = {"iso": "2024-01-31", "dmy": "31.12.2024", "mdy": "12/31/2024"}


class TextColumn:
    """The cells of one column, each different one once.

    index: among all columns of the file; name: as shown; where: the file, as shown; gaps: missing cells are NaN instead of
    faults; forced: it is categories, whatever it holds.
    """

    def __init__(self, index: int, name: str, where: str, gaps: bool, forced: bool) -> None:
        self.index, self.name = index, name
        self._where, self._gaps, self._forced = where, gaps, forced
        self._codes = array("q")
        self._lines = array("q")
        self._place: dict[str, int] = {}

    def add(self, line: int, cells: Sequence[str]) -> None:
        cell = cells[self.index]
        self._codes.append(self._place.setdefault(cell, len(self._place)))
        self._lines.append(line_of_cell(line, list(cells), self.index) if "\n" in cell or len(cell) > 60 else line)

    def _counts(self) -> Counter[str]:
        times = np.bincount(np.frombuffer(self._codes, np.int64), minlength=len(self._place)).tolist()
        counts: Counter[str] = Counter()
        for cell, count in zip(self._place, times, strict=True):
            counts[cell.strip()] += count
        return counts

    def sort(self) -> Sort:
        """What the column is, now that all of it was seen."""
        return sort_of(self._counts(), self._forced) if self._place else Sort("category")

    def values(self) -> tuple[Column, np.ndarray, list[Fault]]:
        """What it is, its raw values (float64 (rows,), as preprocess.Column has them), and every fault in it."""
        sort = self.sort()
        cells = [cell.strip() for cell in self._place]
        faults = self._missing_faults(cells)
        if sort.problem:
            hint = "leave it out"
            if sort.kind == "category" and wordy(cells):
                hint = f"set data.text to '{self.name}' to learn from its words, or leave it out"
            if sort.kind == "date":
                hint = "write them as 2024-12-31, or leave it out"
            place = next((at for at, cell in enumerate(cells) if not is_missing(cell)), 0)
            problem = f"column '{self.name}' has {sort.problem} ({quoted(cells[place])})"
            faults.append(Fault("data.ignore", problem, hint, f"{self._where}:{self._line_of(place)}"))
            return Column(self.name, sort.kind), np.empty(0), faults
        if sort.kind == "category":
            return *self._categories(cells), faults
        read = [math.nan if is_missing(cell) else _value(cell, sort) for cell in cells]
        if None in read:
            return Column(self.name, sort.kind), np.empty(0), [*faults, *self._slips(cells, read, sort)]
        values = np.array(read, np.float64)
        origin = 0.0
        if sort.kind == "date":
            known = values[np.isfinite(values)]
            origin = float(np.floor(known.min())) if len(known) else 0.0
            values -= origin
        column = Column(self.name, sort.kind, form=sort.form, origin=origin)
        return column, values[np.frombuffer(self._codes, np.int64)], faults

    def _categories(self, cells: list[str]) -> tuple[Column, np.ndarray]:
        known = {cell for cell in cells if not is_missing(cell)}
        numeric = all(flaw_of(cell) is None for cell in known)
        values = sorted(known, key=lambda cell: (float(cell), cell)) if numeric else sorted(known)
        place = {cell: float(index) for index, cell in enumerate(values)}
        codes = np.array([place.get(cell, math.nan) for cell in cells])
        return Column(self.name, "category", tuple(values)), codes[np.frombuffer(self._codes, np.int64)]

    def _line_of(self, place: int) -> int:
        """The line of the first cell with this value."""
        return self._lines[self._codes.index(place)]

    def _missing_faults(self, cells: list[str]) -> list[Fault]:
        gone = {place for place, cell in enumerate(cells) if is_missing(cell)}
        if len(gone) == len(cells) and cells:
            return [Fault("data.source", f"column '{self.name}' is empty", "remove it", self._where)]
        faults = Faults("cells without a value", self._where)
        if gone and not self._gaps:
            for line, code in zip(self._lines, self._codes, strict=True):
                if code in gone:
                    said = f"has no value ({quoted(cells[code])})" if cells[code] else "is empty"
                    hint = "fill the cell, remove the row, or set data.missing"
                    faults.add(Fault("data.source", f"column '{self.name}' {said}", hint, f"{self._where}:{line}"))
        return faults.lines()

    def _slips(self, cells: list[str], read: list[float | None], sort: Sort) -> list[Fault]:
        """Cells that are not what most of the column is."""
        wrong = {place for place, value in enumerate(read) if value is None}
        faults = Faults("cells that are no dates", self._where)
        wanted = f"a date such as {DATE_WORDS.get(sort.form, '2024-01-31')}"
        for line, code in zip(self._lines, self._codes, strict=True):
            if code in wrong:
                problem = f"column '{self.name}': {quoted(cells[code])} is not {wanted}"
                hint = "correct the cell, or leave the column out with data.ignore"
                faults.add(Fault("data.source", problem, hint, f"{self._where}:{line}"))
        return faults.lines()


def _value(cell: str, sort: Sort) -> float | None:
    return as_boolean(cell) if sort.kind == "boolean" else as_date(cell, sort.form)


def column_notes(columns: Sequence[Column], x: np.ndarray) -> list[str]:
    """What a person should know of the raw columns x (rows, columns): how they are read, and which of them say nothing."""
    notes = []
    categories = [f"{column.name} {len(column.values)}" for column in columns if column.kind == "category"]
    if categories:
        more = f" and {len(categories) - 8} more columns" if len(categories) > 8 else ""
        notes.append(f"categories, an input for each value: {', '.join(categories[:8])}{more}")
    for column in columns:
        if column.kind == "date":
            notes.append(f"column '{column.name}' holds dates: its input is the days since {day_words(column.origin)}")
    yes = [column.name for column in columns if column.kind == "boolean"]
    if yes:
        notes.append(f"yes or no, as 1 and 0: {', '.join(yes[:8])}{' and more' if len(yes) > 8 else ''}")
    for index, column in enumerate(columns):
        if said := _says_nothing(column, x[:, index]):
            notes.append(f"column '{column.name}' {said}: leave it out with data.ignore")
    return notes


_NUMBERING = frozenset(["id", "index", "row", "no", "number", "nr", "unnamed: 0", "rowid", "row_id"])


def _says_nothing(column: Column, values: np.ndarray) -> str:
    """Why a column is no use, or ""."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return ""
    if known.min() == known.max():
        return "has the same value in every row and tells nothing"
    if column.kind == "number" and len(known) == len(values):
        if (np.diff(values) == 1).all():
            return "counts the rows"
        named = column.name.lower() in _NUMBERING or column.name.lower().endswith(("_id", " id"))
        if named and (values == np.floor(values)).all() and len(np.unique(values)) == len(values):
            return "has a number of its own for every row"
    return ""
