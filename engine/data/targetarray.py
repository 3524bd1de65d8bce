"""An array of targets: whether it holds classes or a quantity, and its values."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..errors import Fault
from ..text import clean
from .targets import MAX_WHOLE_CLASSES, Target

_KEY = "data.target"
MOST_CLASSES = 10_000
"""Of whole numbers of pictures: more different ones are taken for a quantity."""


def decode_array(
    y: np.ndarray, task: Literal["auto", "classification", "regression"], name: str, where: str, pictures: bool = False
) -> Target:
    """The values of `y`, (rows,), (rows, 1) or one-hot (rows, classes); or what is wrong with it.

    auto takes text, one-hot rows and whole numbers with few different values for classes, and everything else for a quantity.
    pictures: whole numbers are classes however many there are.
    """
    shown = clean(name, 40)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "iufb" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
        task = "classification" if task == "auto" else task
    if y.ndim != 1:
        hint = "a model predicts one value for each row: choose a column"
        return _refused(f"'{shown}' has {'x'.join(map(str, y.shape[1:])) or 'no'} values for each row", hint, where)
    if y.dtype.kind in "US":
        texts = np.char.strip(np.char.decode(y, "utf-8", "replace") if y.dtype.kind == "S" else y)
        if (texts == "").any():
            return _refused(
                f"'{shown}' is empty in row {int(np.argmax(texts == ''))}", "name a class or remove the row", where
            )
        return _classes(texts, shown, where)
    if y.dtype.kind not in "iufb":
        return _refused(f"'{shown}' holds {clean(y.dtype, 40)}, neither numbers nor text", "save it as numbers", where)
    finite = np.isfinite(y) if y.dtype.kind == "f" else np.ones(len(y), bool)
    if not finite.all():
        row = int(np.argmin(finite))
        return _refused(f"'{shown}' has no finite value in row {row}", "correct it or remove the row", where)
    values = np.unique(y)
    whole = y.dtype.kind in "iub" or bool((values == np.floor(values)).all())
    few = len(values) <= min(MOST_CLASSES if pictures else MAX_WHOLE_CLASSES, len(y) / 2)
    if task == "classification" or (task == "auto" and whole and few):
        return _classes(y.astype(np.int64) if whole else y, shown, where)
    with np.errstate(over="ignore"):
        quantity = y.astype(np.float32)
    if not np.isfinite(quantity).all():
        row = int(np.argmin(np.isfinite(quantity)))
        return _refused(f"'{shown}' is beyond the range of 32-bit floats in row {row}", "scale it", where)
    if quantity.min() == quantity.max():
        return _refused(f"'{shown}' has the same value in every row", "choose one that varies", where)
    return Target("regression", quantity)


def _classes(y: np.ndarray, shown: str, where: str) -> Target:
    values, codes = np.unique(y, return_inverse=True)
    if len(values) == 1:
        return _refused(
            f"'{shown}' has a single class, so there is nothing to tell apart", "two or more are needed", where
        )
    if 2 * len(values) > len(y):
        problem = f"'{shown}' has {len(values)} different values in {len(y)} rows, too many to be classes"
        return _refused(problem, "choose another, or set data.task to regression", where)
    return Target("classification", codes.astype(np.int64), tuple(clean(value, 80) for value in values.tolist()))


def _refused(problem: str, hint: str, where: str) -> Target:
    return Target("classification", np.empty(0, np.int64), faults=(Fault(_KEY, problem, hint, where),))
