"""A CSV or TSV file as a Table. Whatever is wrong with the file is said at once, each fault with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import PurePath

import numpy as np

from ..config import DataConfig
from ..config.declare import names_text
from ..errors import DataError, Fault, data_error
from ..text import clean, closest
from .cells import InputCells, is_missing
from .delimited import Faults, display_name, line_of_cell, read_text, records, sniff
from .header import UNEVEN, Header, width_fault
from .kinds import sort_of
from .preprocess import Column
from .table import Table
from .targets import Target, TargetCells, decode
from .textcolumns import TextColumn, column_notes

MIN_ROWS = 10
"""Fewer rows cannot be divided into parts that say anything."""

SAMPLE = 200
"""Rows by which it is guessed what sort of column is which; all rows decide."""

_LISTED_COLUMNS = 12

Records = Callable[[], Iterator[tuple[int, list[str]]]]


def load_file(config: DataConfig) -> Table:
    """The file `config.source` as a Table, with `config.target` as what is to be predicted.

    The first line names the columns; all but the target and those in `config.ignore` are inputs: numbers, or booleans, dates and
    categories as engine.data.kinds tells them apart. Columns are divided by a comma, a semicolon, a tab or a bar. Text is UTF-8.
    Missing inputs are faults, NaN in the table, or cost their row, as `config.missing` has it; a missing target is a fault, or
    costs its row with ``drop``.

    Raises DataError with every fault found: ``data.target`` for what concerns the target column, ``data.ignore`` for columns that
    have to be left out, ``data.source`` for all else, at ``path:line`` where it has a line.
    """
    name = display_name(config.source)
    text = read_text(config.source)
    delimiter = sniff(config.source, text)
    line, cells = next(records(name, text, delimiter), (1, []))
    if not cells:  # not quite nothing: a pair of quotes, say
        raise data_error("data.source", "the file is empty", "", name)
    header = Header([cell.strip() for cell in cells], f"{name}:{line}")
    return read_table(config, name, header, lambda: islice(records(name, text, delimiter), 1, None))


def read_table(config: DataConfig, name: str, header: Header, rows: Records) -> Table:
    """The Table of records whose columns `header` names. name: the file, as shown. rows: gives the records below the header, with
    their lines, each time that it is called. Raises DataError as `load_file` does."""
    if config.text:
        from .texts import read_texts

        return read_texts(config, name, header, rows)
    target = header.find(config.target)
    ignored, faults = _named(header, config.ignore, "data.ignore")
    forced, more = _named(header, config.categorical, "data.categorical")
    faults = [*header.faults(), *target_faults(header, config.target, target), *faults, *more]
    if target is not None:
        faults += _role_faults(header, target, ignored, forced)
    if faults or target is None:
        # Which cells ought to be numbers is not known, but records can still be held against the width of the header.
        raise DataError([*faults, *_Body(name, header.shown, None, [], [], set(), "refuse").read(rows()).faults()])
    inputs = [index for index in range(len(header.names)) if index != target and index not in ignored]
    texts = _text_columns(header, rows(), inputs, forced)
    while True:
        numbers = [index for index in inputs if index not in texts]
        body = _Body(name, header.shown, target, numbers, sorted(texts), forced, config.missing).read(rows())
        revised = body.revised(texts)
        if revised == texts:
            return _table(config, body, inputs)
        texts = revised  # each column changes sides once at the most: the second time all of it has been counted


def _text_columns(
    header: Header, rows: Iterator[tuple[int, list[str]]], inputs: Sequence[int], forced: set[int]
) -> set[int]:
    """The columns that the first rows show to be no numbers."""
    try:
        sample = [cells for _, cells in islice(rows, SAMPLE) if len(cells) == len(header.names)]
    except DataError:  # the real reading will say where
        return set(forced)
    counts = {index: Counter(cells[index].strip() for cells in sample) for index in inputs}
    return {index for index in inputs if index in forced or sort_of(counts[index]).kind != "number"}


def _table(config: DataConfig, body: _Body, inputs: Sequence[int]) -> Table:
    faults = body.faults()
    # A handful of rows has a single class, or as many as rows, by chance: not worth a fault of its own.
    decoded = decode(body.target, config.task, judge=body.complete and len(body.target.cells) >= MIN_ROWS)
    faults += decoded.faults
    if faults:
        raise DataError(faults)
    return _assembled(config, body, decoded, inputs)


def _assembled(config: DataConfig, body: _Body, decoded: Target, inputs: Sequence[int]) -> Table:
    x, columns = body.matrix(inputs)
    return Table(
        name=clean(PurePath(config.source).stem, 60),
        task=decoded.task,
        x=x,
        y=decoded.y,
        feature_names=tuple(body.names[index] for index in inputs),
        class_names=decoded.class_names,
        dropped=body.dropped,
        columns=columns,
        target=body.target.name,
        notes=tuple(column_notes(columns, x)),
    )


def target_faults(header: Header, target: str, index: int | None) -> list[Fault]:
    """What is wrong with the name of the target, which stands at `index`."""
    if index is not None:
        return []
    if not target.strip():
        return [Fault("data.target", "name the column to predict", _listing(header), header.where)]
    several = [part for part in target.split(",") if header.find(part) is not None]
    if len(several) > 1:
        problem = f"{len(several)} columns are named, and a model predicts one"
        hint = "choose one of them, and leave the others out with data.ignore"
        return [Fault("data.target", problem, hint, header.where)]
    return [unknown_column("data.target", header, target)]


def unknown_column(key: str, header: Header, name: str) -> Fault:
    """A column that is not there."""
    match = closest(name.strip(), header.shown)
    hint = f"did you mean '{clean(match, 60)}'? {_listing(header)}" if match else _listing(header)
    return Fault(key, f"no column called '{clean(name, 60)}'", hint, header.where)


def _named(header: Header, names: Sequence[str], key: str) -> tuple[set[int], list[Fault]]:
    """The indices of these columns, and a fault for each that is not there."""
    places = {name: header.find(name) for name in names}
    found = {place for place in places.values() if place is not None}
    return found, [unknown_column(key, header, name) for name, place in places.items() if place is None]


def _role_faults(header: Header, target: int, ignored: set[int], forced: set[int]) -> list[Fault]:
    """Columns that are asked to be two things at once."""
    faults = []
    shown = header.shown
    if target in ignored:
        problem = f"column '{shown[target]}' is what is predicted"
        faults.append(Fault("data.ignore", problem, "name it in one place only", header.where))
    if target in forced:
        problem = f"column '{shown[target]}' is what is predicted"
        faults.append(Fault("data.categorical", problem, "set data.task to classification", header.where))
    for index in sorted(ignored & forced):
        problem = f"column '{shown[index]}' is left out by data.ignore"
        faults.append(Fault("data.categorical", problem, "name it in one place only", header.where))
    if len(ignored | {target}) == len(shown) > 1:
        faults.append(Fault("data.ignore", "no column is left as an input", "leave out fewer", header.where))
    return faults


def _listing(header: Header) -> str:
    listed = ", ".join(clean(name, 20) for name in header.names[:_LISTED_COLUMNS])
    more = len(header.names) - _LISTED_COLUMNS
    return f"columns: {listed} and {more} more" if more > 0 else f"columns: {listed}"


class _Body:
    """The records below the header, read in one pass.

    name: the file, as shown. names: the columns, as shown. target: the index of the target column, or None when only the
    width of the records is to be looked at. numbers and texts: the indices of the inputs that are read as such. forced: those
    of `texts` that are categories whatever they hold. missing: what is done with missing cells, see config.DataConfig.
    """

    def __init__(
        self,
        name: str,
        names: list[str],
        target: int | None,
        numbers: Sequence[int],
        texts: Sequence[int],
        forced: set[int],
        missing: str,
    ) -> None:
        gaps = missing in ("mean", "median")
        self.names = names
        self.rows = self.dropped = 0
        self.target = TargetCells(names[target or 0], name)
        self._numbers = list(numbers)
        self._inputs = InputCells(names, numbers, name, gaps)
        self._texts = {index: TextColumn(index, names[index], name, gaps, index in forced) for index in texts}
        self._drop = [*numbers, *texts, target or 0] if missing == "drop" else []
        self._name, self._target = name, target
        self._widths = Faults(UNEVEN, name)
        self._broken: tuple[Fault, ...] = ()

    def read(self, rows: Iterator[tuple[int, list[str]]]) -> _Body:
        """Take the records in; this."""
        try:
            self._read(rows)
        except DataError as error:  # broken quoting: what comes after cannot be told
            self._broken = error.faults
        self._read_texts = {index: column.values() for index, column in self._texts.items()}
        return self

    def _read(self, rows: Iterator[tuple[int, list[str]]]) -> None:
        width, target, texts = len(self.names), self._target, tuple(self._texts.values())
        for line, cells in rows:
            self.rows += 1
            if len(cells) != width:
                self._widths.add(width_fault(f"{self._name}:{line}", len(cells), width))
            elif self._drop and any(is_missing(cells[index]) for index in self._drop):
                self.dropped += 1
            elif target is not None:
                self._inputs.add(line, cells)
                self.target.add(line_of_cell(line, cells, target), cells[target])
                for column in texts:
                    column.add(line, cells)

    def revised(self, texts: set[int]) -> set[int]:
        """The columns that are to be read as text, now that all rows have been seen."""
        numbers = {index for index, column in self._texts.items() if column.sort().kind == "number"}
        return (texts - numbers) | set(self._inputs.mostly_text())

    @property
    def complete(self) -> bool:
        """Whether the file could be read to its end."""
        return not self._broken

    def matrix(self, inputs: Sequence[int]) -> tuple[np.ndarray, tuple[Column, ...]]:
        """The raw columns, float32 (rows, columns), and what each of them is. Only when there are no faults."""
        numbers = self._inputs.matrix()
        if not self._texts:
            return numbers, tuple(Column(self.names[index]) for index in inputs)
        x = np.empty((len(numbers), len(inputs)), np.float32)
        columns = []
        for place, index in enumerate(inputs):
            if index in self._texts:
                column, x[:, place], _ = self._read_texts[index]
                columns.append(column)
            else:
                x[:, place] = numbers[:, self._numbers.index(index)]
                columns.append(Column(self.names[index]))
        return x, tuple(columns)

    def _text_faults(self) -> list[Fault]:
        """Those of columns of text; of columns that have to be left out each says which ones those are."""
        listed = [fault for _, _, faults in self._read_texts.values() for fault in faults]
        hopeless = [column.name for column, _, faults in self._read_texts.values() if any(map(_is_hopeless, faults))]
        capped = Faults("columns to be left out", self._name)
        for fault in filter(_is_hopeless, listed):
            capped.add(replace(fault, hint=f"{fault.hint}: set data.ignore to {names_text(hopeless)}"))
        return [*capped.lines(), *(fault for fault in listed if not _is_hopeless(fault))]

    def faults(self) -> list[Fault]:
        found = [*self._widths.lines(), *self._inputs.faults()]
        if self.rows - self.dropped >= MIN_ROWS or not self._texts:  # of a handful of rows nothing can be said
            found += self._text_faults()
        found += self._broken
        if self.rows - self.dropped < MIN_ROWS and not self._broken:
            problem = f"only {self.rows} rows below the header" if self.rows else "no rows below the header"
            if self.dropped:
                problem = f"only {self.rows - self.dropped} of {self.rows} rows have no missing values"
            found.append(Fault("data.source", problem, f"at least {MIN_ROWS} are needed", self._name))
        return found


def _is_hopeless(fault: Fault) -> bool:
    return fault.key == "data.ignore"
