"""Data that comes in parts of its own: what is trained on, watched and tested is kept apart as its maker did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import data_error
from ..text import clean

TRAIN, VALIDATION, TEST = 0, 1, 2
NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}


def joined(parts: Mapping[int, np.ndarray], names: Sequence[str], where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows of all parts one after another, and the part (int8) of each row; None when there is but one without a name (-1).

    Raises DataError when their rows are not alike.
    """
    arrays = [parts[number] for number in sorted(parts)]
    if len(arrays) == 1:
        only = next(iter(parts))
        return arrays[0], None if only == -1 else np.full(len(arrays[0]), only, np.int8)
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        listed = " and ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        problem = f"the rows of {', '.join(clean(name, 30) for name in names)} differ in shape: {listed}"
        raise data_error("data.source", problem, "all parts need rows of one shape", where)
    numbers = [np.full(len(parts[number]), number, np.int8) for number in sorted(parts)]
    return np.concatenate(arrays), np.concatenate(numbers)


def paired(
    x: Mapping[int, np.ndarray], y: Mapping[int, np.ndarray], names: Sequence[str], where: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Inputs and targets of all parts as `joined` has them. names: of the inputs. Raises DataError when one part lacks a target."""
    words = {TRAIN: " of the training part", VALIDATION: " of the validation part", TEST: " of the test part"}
    for number, name in zip(sorted(x), names, strict=False):
        rows, targets = len(x[number]), len(y[number]) if y[number].ndim else 0
        if rows != targets:
            problem = f"'{clean(name, 40)}' has {rows} rows and its targets{words.get(number, '')} {targets}"
            raise data_error("data.source", problem, "save as many targets as rows", where)
    inputs, part = joined(x, names, where)
    return inputs, joined(y, ["the targets"], where)[0], part


def part_notes(part: np.ndarray | None) -> list[str]:
    """What to say of data that comes in parts."""
    if part is None:
        return []
    words = ("training", "validation", "test")
    rows = [f"{words[number]} {int((part == number).sum())}" for number in range(3) if (part == number).any()]
    return [f"the data's own parts are kept, but for folds: {', '.join(rows)}"]
