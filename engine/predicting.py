"""Predictions for the rows of a file: its columns found by their names, treated as the training data were, and answered."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from .data.cells import flaw_of
from .newdata import Sheet, read_new
from .text import clean
from .trained import Predictions, Trained


@dataclass(frozen=True)
class Predicted:
    """A file with what the model makes of it. notes: what a person should know of how it was read, a line each."""

    sheet: Sheet
    answers: Predictions
    notes: tuple[str, ...]


def predict_file(trained: Trained, source: str) -> Predicted:
    """The model's answers to everything in a file, or to every picture in a folder; see engine.newdata.read_new.

    Where the file has the target too, the notes say how good the answers are. Raises DataError with every fault found.
    """
    sheet, x, notes = read_new(trained.preprocess, source)
    answers = trained.answers(x)
    if not trained.calibrated:
        notes.append(
            "the run's loss, hinge, gives no probabilities: what is written as such only puts the classes in order"
        )
    notes += _judged(trained, sheet, answers)
    return Predicted(sheet, answers, tuple(notes))


def write_csv(found: Predicted, trained: Trained, out: TextIO, keep: bool = False, shown: bool = False) -> None:
    """A line for each row: the prediction, and the probability of each class. keep: the file's own columns before them.

    shown: it goes to a terminal, so that what stands in the file must be safe to print.
    """
    writer = csv.writer(out, lineterminator="\n")
    own = found.sheet.header.shown if shown else found.sheet.header.names
    keep = keep or own == ["file"]  # without its name nobody would know which picture it is
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


# ---- where the truth is known ----


def _judged(trained: Trained, sheet: Sheet, answers: Predictions) -> list[str]:
    """How good the answers are, where the file has the target as well."""
    target = trained.preprocess.target
    at = sheet.header.find(target.name) if target.name else None
    if sheet.header.names == ["file"] and target.task == "classification":  # a folder for each class, as for training
        cells, name = [Path(row[0]).parent.name for row in sheet.rows], "folder"
        if not {_label(cell) for cell in cells} & {_label(known) for known in target.class_names}:
            return []
    elif at is None:
        return []
    else:
        cells, name = [row[at].strip() for row in sheet.rows], f"column '{clean(target.name, 40)}'"
    if target.task == "classification":
        place = {_label(known): index for index, known in enumerate(target.class_names)}
        truth = np.array([place.get(_label(cell), -1) for cell in cells])
        known = truth >= 0
        if not known.any():
            return [f"{name} names none of the classes"]
        right = int((truth[known] == answers.classes[known]).sum()) if answers.classes is not None else 0
        others = f"; {int((~known).sum())} rows name no class that was trained on" if not known.all() else ""
        return [
            f"{name} has the answers: {right} of {int(known.sum())} right, accuracy {right / known.sum():.4f}{others}"
        ]
    numbers = np.array([float(cell) if flaw_of(cell) is None else np.nan for cell in cells])
    known = np.isfinite(numbers)
    if not known.any() or answers.values is None:
        return []
    error = float(np.sqrt(np.mean((answers.values[known].astype(np.float64) - numbers[known]) ** 2)))
    return [f"{name} has the answers of {int(known.sum())} rows: RMSE {error:.4g}"]


def _label(cell: str) -> float | str:
    """A class as it can be compared: numbers by their value, 1 and 1.0 are the same."""
    return float(cell) if flaw_of(cell) is None else clean(cell, 200)
