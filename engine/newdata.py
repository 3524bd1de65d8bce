"""New data in every form that can be trained on: rows of a file, arrays, pictures, as the numbers that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .data.cells import flaw_of, quoted
from .data.delimited import Faults, display_name, read_text, records, sniff
from .data.header import UNEVEN, Header, width_fault
from .data.preprocess import Input, Preprocess
from .data.table import Table
from .errors import DataError, Fault
from .text import clean, closest

CHUNK = 4096
"""Rows that are turned into numbers at a time."""

_LISTED = 5  # names of columns in a note


@dataclass(frozen=True)
class Sheet:
    """Rows as text, with the names of their columns. name: the file, as shown. lines: in which each row begins.

    Of arrays the columns have no names and the rows no cells; of pictures there is one column, ``file``.
    """

    name: str
    header: Header
    rows: Sequence[list[str]]
    lines: Sequence[int] = ()


def read_new(learned: Preprocess, source: str) -> tuple[Sheet, np.ndarray, list[str]]:
    """What is at `source`, as text and as the model takes it, float32 (n, features); and what a person should know of how.

    A CSV or TSV file, JSON lines, Parquet, an .npz or .npy of arrays, a picture or a folder of them. The columns of the first three
    are found by their names, in whatever order; those that the model has no use for are left out, and one that is not there is
    filled in where missing values were. Raises DataError with every fault found.
    """
    from .data.images import SUFFIXES
    from .data.sources import sort_of_source

    try:
        if Path(source).suffix.lower() in SUFFIXES or Path(source).expanduser().is_dir():
            return _pictures(learned, source)
        if (sort := sort_of_source(source)) == "arrays":
            return _arrays(learned, source)
        sheet = _sheet(source, sort, [one.name for one in learned.inputs])
        notes: list[str] = []
        x = _values(learned, sheet) if learned.shaped is not None else features_of(learned, sheet, notes)
        return sheet, x, notes
    except DataError as error:  # there is no setting here that it could belong to
        raise DataError([replace(fault, key="") for fault in error.faults]) from None


# ---- rows of text ----


def _sheet(source: str, sort: str, wanted: Sequence[str]) -> Sheet:
    """The rows of a file with named columns. wanted: the columns that matter; what is wrong with others does not."""
    if sort == "jsonlines":
        from .data.jsonlines import objects_of

        names, rows = objects_of(source, wanted)
    elif sort == "parquet":
        from .data.parquet import rows_of

        names, rows = rows_of(source)
    else:
        return _delimited(source)
    name = display_name(source)
    return _filled(Sheet(name, Header(names, name), [row for _, row in rows], [line for line, _ in rows]))


def _delimited(source: str) -> Sheet:
    name, text = display_name(source), read_text(source)
    body = records(name, text, sniff(source, text))
    line, cells = next(body, (1, []))
    widths, rows, lines = Faults(UNEVEN, name), [], []
    for at, row in body:
        if len(row) != len(cells):
            widths.add(width_fault(f"{name}:{at}", len(row), len(cells)))
        rows.append(row)
        lines.append(at)
    if widths.total:
        raise DataError(widths.lines())
    return _filled(Sheet(name, Header([cell.strip() for cell in cells], f"{name}:{line}"), rows, lines))


def _filled(sheet: Sheet) -> Sheet:
    if not sheet.rows:
        raise DataError([Fault("", "no rows below the header", "", sheet.name)])
    return sheet


# ---- columns ----


def features_of(learned: Preprocess, sheet: Sheet, notes: list[str]) -> np.ndarray:
    """The rows as the model takes them."""
    header = sheet.header
    places = [header.find(one.name) for one in learned.inputs]
    faults = [
        _absent(header, one) for one, at in zip(learned.inputs, places, strict=True) if at is None and one.fill is None
    ]
    for one, at in zip(learned.inputs, places, strict=True):
        if at is not None and header.names.count(header.names[at]) > 1:
            faults.append(
                Fault("", f"{header.names.count(header.names[at])} columns are called '{one.name}'", "", header.where)
            )
    if faults:
        raise DataError(faults)
    filled = [one.name for one, at in zip(learned.inputs, places, strict=True) if at is None]
    if filled:
        notes.append(f"not in the file, and filled in as missing values of the training data were: {_listed(filled)}")
    target = header.find(learned.target.name) if learned.target.name else None
    used = {*places, target}
    if unused := [shown for at, shown in enumerate(header.shown) if at not in used]:
        notes.append(f"not used by the model: {_listed(unused)}")
    cells = [[row[at] if at is not None else "" for at in places] for row in sheet.rows]
    notes += learned.unseen(cells)
    parts = []
    for first in range(0, len(cells), CHUNK):
        chunk = slice(first, first + CHUNK)
        parts.append(learned.apply(cells[chunk], sheet.name, sheet.lines[chunk]))
    return np.concatenate(parts)


def _absent(header: Header, one: Input) -> Fault:
    match = closest(one.name, header.shown)
    hint = f"did you mean '{clean(match, 60)}'?" if match else "the model was trained on it"
    return Fault("", f"no column called '{one.name}'", hint, header.where)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(f"'{name}'" for name in names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


# ---- pictures and sequences ----


def _values(learned: Preprocess, sheet: Sheet) -> np.ndarray:
    """Pictures or sequences, a row of values each: every column but that of the target, in their order."""
    header = sheet.header
    target = header.find(learned.target.name) if learned.target.name else None
    places = [at for at in range(len(header.names)) if at != target]
    _check_count(learned, len(places), "columns", header.where)
    raw = np.empty((len(sheet.rows), len(places)), np.float32)
    faults = Faults("cells that are not numbers", sheet.name)
    for number, (row, line) in enumerate(zip(sheet.rows, sheet.lines, strict=True)):
        for column, at in enumerate(places):
            if flaw_of(row[at]) is None:
                raw[number, column] = float(row[at])
            else:
                problem = f"column '{header.shown[at]}': {quoted(row[at])} is not a number that can be used"
                faults.add(Fault("", problem, "correct the cell", f"{sheet.name}:{line}"))
    if faults.total:
        raise DataError(faults.lines())
    return encoded(learned, raw)


def _check_count(learned: Preprocess, count: int, what: str, where: str) -> None:
    """Raise DataError when a sample has another number of values than the model takes."""
    shape = learned.shaped.shape if learned.shaped else (len(learned.inputs),)
    if count != int(np.prod(shape)):
        words = " x ".join(map(str, shape))
        problem = f"{count} {what}, where the model takes samples of {words}: {int(np.prod(shape))} values a row"
        raise DataError([Fault("", problem, "give them as they were in the training data", where)])


def encoded(learned: Preprocess, raw: np.ndarray) -> np.ndarray:
    """Rows of numbers as the model takes them. raw: float32 (n, values of a row), in the units of the data, NaN where missing."""
    names = tuple(f"value {number}" for number in range(raw.shape[1]))
    target = learned.target
    table = Table("", target.task, raw, np.zeros(len(raw), np.int64), names, target.class_names)
    return learned.encode(table, np.arange(len(raw)))


def _arrays(learned: Preprocess, source: str) -> tuple[Sheet, np.ndarray, list[str]]:
    """The array of inputs in an .npz, or that of an .npy: as many rows as it has, in their order."""
    from .data.arrays import X_NAMES, headers_of, read_arrays
    from .data.pixels import as_rows

    where = display_name(source)
    headers = headers_of(source)
    shaped = [name for name, header in headers.items() if len(header.shape) > 1]
    own = next((name for name in X_NAMES if name in shaped), shaped[0] if len(shaped) == 1 else "")
    if not own:
        listed = ", ".join(f"{clean(one.name, 30)} ({one.words})" for one in list(headers.values())[:8])
        raise DataError([Fault("", "no array of inputs", f"save them as x; arrays: {listed}", where)])
    if faults := headers[own].faults(where):
        raise DataError(faults)
    if headers[own].dtype.kind not in "iufb":
        raise DataError([Fault("", f"array '{clean(own, 40)}' holds no numbers", "save the inputs as numbers", where)])
    found = np.asarray(read_arrays(source, [own], where)[own])
    if found.ndim > 4:
        raise DataError([Fault("", f"array '{clean(own, 40)}' is {headers[own].words}", "", where)])
    raw, picture, _ = as_rows(found, own, where)
    if picture and learned.shaped and picture != learned.shaped.shape:
        given, wanted = (" x ".join(map(str, shape)) for shape in (picture, learned.shaped.shape))
        problem = f"array '{clean(own, 40)}' has pictures of {given}, and the model takes {wanted}"
        raise DataError([Fault("", problem, "scale them first", where)])
    _check_count(learned, raw.shape[1], f"values in a row of '{clean(own, 40)}'", where)
    if any(one.kind == "category" for one in learned.inputs):
        problem = "the model was trained on columns of text, which an array of numbers cannot have"
        raise DataError([Fault("", problem, "give a CSV file", where)])
    fills = [one.fill for one in learned.inputs] if not learned.shaped else [learned.shaped.fill]
    flawed = ~np.isfinite(raw) if None in fills else np.isinf(raw)
    if flawed.any():
        row, column = (int(index) for index in np.argwhere(flawed)[0])
        problem = f"array '{clean(own, 40)}' has no usable number in row {row}, column {column}"
        raise DataError([Fault("", problem, "correct it", where)])
    return Sheet(where, Header([], where), [[] for _ in raw]), encoded(learned, raw), []


def _pictures(learned: Preprocess, source: str) -> tuple[Sheet, np.ndarray, list[str]]:
    """A picture, or every picture in a folder and those below it, in the order of their paths."""
    from .data.images import SUFFIXES, read_picture

    where, path = display_name(source), Path(source).expanduser()
    shape = learned.shaped.shape if learned.shaped else ()
    if len(shape) != 3:
        raise DataError([Fault("", "the model takes no pictures", "give a file of the kind it was trained on", where)])
    try:
        paths = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
    except OSError as error:
        raise DataError([Fault("", f"cannot be read: {error.strerror or error}", "", where)]) from None
    if not paths:
        raise DataError([Fault("", "there are no pictures in this folder", "", where)])
    raw = np.empty((len(paths), int(np.prod(shape))), np.float32)
    faults, scaled = Faults("pictures that cannot be read", where), 0
    for row, one in enumerate(paths):
        try:
            raw[row], other = read_picture(one, shape)
            scaled += other
        except DataError as error:
            faults.add(error.faults[0])
    if faults.total:
        raise DataError(faults.lines())
    notes = (
        [f"{scaled} of {len(paths)} pictures had another size and were scaled to {shape[1]}x{shape[2]}"]
        if scaled
        else []
    )
    return Sheet(where, Header(["file"], where), [[str(one)] for one in paths]), encoded(learned, raw), notes
