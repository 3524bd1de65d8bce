"""A CSV or TSV file as a Table. Whatever is wrong with the file is said at once, each fault with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from ..config import DataConfig
from ..errors import DataError, Fault, data_error
from ..text import clean, closest
from .cells import InputCells, is_missing
from .delimited import Faults, display_name, line_of_cell, read_text, records, sniff
from .header import UNEVEN, Header, width_fault
from .table import Table
from .targets import Target, TargetCells, decode

MIN_ROWS = 10
"""Fewer rows cannot be divided into parts that say anything."""

_LISTED_COLUMNS = 12


def load_file(config: DataConfig) -> Table:
    """The file `config.source` as a Table, with `config.target` as what is to be predicted.

    The first line names the columns; all but the target are inputs and must hold finite numbers only. Columns are divided
    by a comma, a semicolon, a tab or a bar. Text is UTF-8. Missing inputs are faults, NaN in the table, or cost their row,
    as `config.missing` has it; a missing target is a fault, or costs its row with ``drop``.

    Raises DataError with every fault found: ``data.target`` for what concerns the target column, ``data.source`` for all
    else, at ``path:line`` where it has a line.
    """
    name = display_name(config.source)
    text = read_text(config.source)
    rows = records(name, text, sniff(config.source, text))
    line, cells = next(rows, (1, []))
    if not cells:  # not quite nothing: a pair of quotes, say
        raise data_error("data.source", "the file is empty", "", name)
    header = Header([cell.strip() for cell in cells], f"{name}:{line}")
    target = header.find(config.target)
    faults = [*header.faults(), *_target_faults(header, config.target, target)]
    if faults or target is None:
        # Which cells ought to be numbers is not known, but records can still be held against the width of the header.
        raise DataError([*faults, *_Body(name, header.shown, rows).faults()])
    return _table(config, _Body(name, header.shown, rows, target, config.missing), target)


def _table(config: DataConfig, body: _Body, target: int) -> Table:
    faults = body.faults()
    # A handful of rows has a single class, or as many as rows, by chance: not worth a fault of its own.
    decoded = decode(body.target, config.task, judge=body.complete and len(body.target.cells) >= MIN_ROWS)
    faults += decoded.faults
    if faults:
        raise DataError(faults)
    return _assembled(config, body, decoded, target)


def _assembled(config: DataConfig, body: _Body, decoded: Target, target: int) -> Table:
    return Table(
        name=clean(PurePath(config.source).stem, 60),
        task=decoded.task,
        x=body.inputs.matrix(),
        y=decoded.y,
        feature_names=tuple(body.names[:target] + body.names[target + 1 :]),
        class_names=decoded.class_names,
        dropped=body.dropped,
    )


def _target_faults(header: Header, target: str, index: int | None) -> list[Fault]:
    if index is not None:
        return []
    if not target.strip():
        return [Fault("data.target", "name the column to predict", _listing(header), header.where)]
    match = closest(target.strip(), header.shown)
    hint = f"did you mean '{clean(match, 60)}'? {_listing(header)}" if match else _listing(header)
    return [Fault("data.target", f"no column called '{clean(target, 60)}'", hint, header.where)]


def _listing(header: Header) -> str:
    listed = ", ".join(clean(name, 20) for name in header.names[:_LISTED_COLUMNS])
    more = len(header.names) - _LISTED_COLUMNS
    return f"columns: {listed} and {more} more" if more > 0 else f"columns: {listed}"


class _Body:
    """The records below the header, read in one pass.

    name: the file, as shown. names: the columns, as shown. target: the index of the target column, or None when only the
    width of the records is to be looked at. missing: what is done with missing cells, see config.DataConfig.
    """

    def __init__(
        self,
        name: str,
        names: list[str],
        rows: Iterator[tuple[int, list[str]]],
        target: int | None = None,
        missing: str = "refuse",
    ) -> None:
        self.names = names
        self.rows = self.dropped = 0
        self.inputs = InputCells(names, target or 0, name, gaps=missing in ("mean", "median"))
        self._drop = missing == "drop"
        self.target = TargetCells(names[target or 0], name)
        self._name = name
        self._widths = Faults(UNEVEN, name)
        self._broken: tuple[Fault, ...] = ()
        try:
            self._read(rows, target)
        except DataError as error:  # broken quoting: what comes after cannot be told
            self._broken = error.faults

    def _read(self, rows: Iterator[tuple[int, list[str]]], target: int | None) -> None:
        width = len(self.names)
        for line, cells in rows:
            self.rows += 1
            if len(cells) != width:
                self._widths.add(width_fault(f"{self._name}:{line}", len(cells), width))
            elif self._drop and any(map(is_missing, cells)):
                self.dropped += 1
            elif target is not None:
                self.inputs.add(line, cells)
                self.target.add(line_of_cell(line, cells, target), cells[target])

    @property
    def complete(self) -> bool:
        """Whether the file could be read to its end."""
        return not self._broken

    def faults(self) -> list[Fault]:
        found = [*self._widths.lines(), *self.inputs.faults(), *self._broken]
        if self.rows - self.dropped < MIN_ROWS and not self._broken:
            problem = f"only {self.rows} rows below the header" if self.rows else "no rows below the header"
            if self.dropped:
                problem = f"only {self.rows - self.dropped} of {self.rows} rows have no missing values"
            found.append(Fault("data.source", problem, f"at least {MIN_ROWS} are needed", self._name))
        return found
