"""Predictions for the rows of a file: its columns found by their names, treated as the training data were, and answered."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

import numpy as np

from .data.cells import FLOAT32_MAX, flaw_of
from .data.delimited import Faults, display_name, read_text, records, sniff
from .data.header import UNEVEN, Header, width_fault
from .data.preprocess import Input, Preprocess
from .errors import DataError, Fault
from .text import clean, closest
from .trained import Predictions, Trained, whole

CHUNK = 4096
"""Rows that are turned into numbers at a time."""

_LISTED = 5  # names of columns in a note


@dataclass(frozen=True)
class Sheet:
    """A file's rows as text. name: the file, as shown. lines: in which each row begins."""

    name: str
    header: Header
    rows: Sequence[list[str]]
    lines: Sequence[int]


@dataclass(frozen=True)
class Predicted:
    """A file with what the model makes of it. notes: what a person should know of how it was read, a line each."""

    sheet: Sheet
    answers: Predictions
    notes: tuple[str, ...]


def predict_file(trained: Trained, source: str) -> Predicted:
    """The model's answers to every row of a CSV or TSV file, whose first line names the columns.

    The columns may stand in any order; those that the model has no use for are left out, and one that is not there is filled in where
    the run has filled in missing values. All of this is in the notes. Raises DataError with every fault found.
    """
    sheet = read_sheet(source)
    notes: list[str] = []
    if trained.preprocess.shaped is not None:
        x = _values(trained, sheet)
    else:
        x = _features(trained.preprocess, sheet, notes)
    answers = trained.answers(x)
    if not trained.calibrated:
        notes.append(
            "the run's loss, hinge, gives no probabilities: what is written as such only puts the classes in order"
        )
    notes += _judged(trained, sheet, answers)
    return Predicted(sheet, answers, tuple(notes))


def read_sheet(source: str) -> Sheet:
    """The rows of a delimited file. Raises DataError."""
    try:
        name, text = display_name(source), read_text(source)
        body = records(name, text, sniff(source, text))
        line, cells = next(body, (1, []))
        header = Header([cell.strip() for cell in cells], f"{name}:{line}")
        widths, rows, lines = Faults(UNEVEN, name), [], []
        for at, row in body:
            if len(row) != len(cells):
                widths.add(width_fault(f"{name}:{at}", len(row), len(cells)))
            rows.append(row)
            lines.append(at)
        if widths.total:
            raise DataError(widths.lines())
        if not rows:
            raise DataError([Fault("", "no rows below the header", "", name)])
    except DataError as error:  # there is no setting here that it could belong to
        raise DataError([replace(fault, key="") for fault in error.faults]) from None
    return Sheet(name, header, rows, lines)


def write_csv(found: Predicted, trained: Trained, out: TextIO, keep: bool = False, shown: bool = False) -> None:
    """A line for each row: the prediction, and the probability of each class. keep: the file's own columns before them.

    shown: it goes to a terminal, so that what stands in the file must be safe to print.
    """
    writer = csv.writer(out, lineterminator="\n")
    own = found.sheet.header.shown if shown else found.sheet.header.names
    kept = [*own] if keep else []
    writer.writerow([*kept, "prediction", *(f"p_{name}" for name in trained.classes)])
    for row, cells in zip(found.sheet.rows, _told(found.answers, trained.classes), strict=True):
        before = [clean(cell) if shown else cell for cell in row] if keep else []
        writer.writerow([*before, *cells])


def _told(answers: Predictions, names: Sequence[str]) -> Iterator[list[str]]:
    """The cells of each row."""
    if answers.values is not None:
        for value in answers.values:
            yield [f"{value:.7g}"]
        return
    assert answers.classes is not None and answers.probabilities is not None
    for index, chances in zip(answers.classes.tolist(), answers.probabilities, strict=True):
        yield [str(names[index]), *(f"{chance:.6g}" for chance in chances)]


# ---- columns ----


def _features(learned: Preprocess, sheet: Sheet, notes: list[str]) -> np.ndarray:
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


def _values(trained: Trained, sheet: Sheet) -> np.ndarray:
    """Pictures or sequences, a row of values each: every column but that of the target, in their order."""
    learned, header = trained.preprocess, sheet.header
    target = header.find(learned.target.name) if learned.target.name else None
    places = [at for at in range(len(header.names)) if at != target]
    if len(places) != trained.features:
        shape = " x ".join(map(str, learned.shaped.shape)) if learned.shaped else ""
        problem = f"{len(places)} columns, where the model takes samples of {shape}: {trained.features} values a row"
        raise DataError(
            [Fault("", problem, "give each value a column, in the order of the training data", header.where)]
        )
    raw = np.empty((len(sheet.rows), len(places)), np.float32)
    faults = Faults("cells that are not numbers", sheet.name)
    for number, (row, line) in enumerate(zip(sheet.rows, sheet.lines, strict=True)):
        for column, at in enumerate(places):
            if flaw_of(row[at]) is not None:
                problem = f"column '{header.shown[at]}': '{clean(row[at], 30)}' is no number within {FLOAT32_MAX:.2g}"
                faults.add(Fault("", problem, "correct the cell", f"{sheet.name}:{line}"))
            else:
                raw[number, column] = float(row[at])
    if faults.total:
        raise DataError(faults.lines())
    return whole(learned, raw)


# ---- where the truth is known ----


def _judged(trained: Trained, sheet: Sheet, answers: Predictions) -> list[str]:
    """How good the answers are, where the file has the target as well."""
    target = trained.preprocess.target
    at = sheet.header.find(target.name) if target.name else None
    if at is None:
        return []
    cells = [row[at].strip() for row in sheet.rows]
    name = clean(target.name, 40)
    if target.task == "classification":
        place = {_label(known): index for index, known in enumerate(target.class_names)}
        truth = np.array([place.get(_label(cell), -1) for cell in cells])
        known = truth >= 0
        if not known.any():
            return [f"column '{name}' names none of the classes"]
        right = int((truth[known] == answers.classes[known]).sum()) if answers.classes is not None else 0
        others = f"; {int((~known).sum())} rows name no class that was trained on" if not known.all() else ""
        return [
            f"column '{name}' has the answers: {right} of {int(known.sum())} right, accuracy {right / known.sum():.4f}{others}"
        ]
    numbers = np.array([float(cell) if flaw_of(cell) is None else np.nan for cell in cells])
    known = np.isfinite(numbers)
    if not known.any() or answers.values is None:
        return []
    error = float(np.sqrt(np.mean((answers.values[known].astype(np.float64) - numbers[known]) ** 2)))
    return [f"column '{name}' has the answers of {int(known.sum())} rows: RMSE {error:.4g}"]


def _label(cell: str) -> float | str:
    """A class as it can be compared: numbers by their value, 1 and 1.0 are the same."""
    return float(cell) if flaw_of(cell) is None else clean(cell, 200)
