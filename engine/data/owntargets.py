"""What the targets are that a user's code gives: classes or a quantity."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import code_error
from ..text import clean
from .catalogue import Task
from .targets import MAX_WHOLE_CLASSES

KEY = "data.source"

Decided = tuple[Task, np.ndarray, tuple[str, ...]]


def _text(y: np.ndarray, task: str, names: Sequence[str]) -> Decided:
    if task == "regression":
        raise code_error("data.task", "the targets are text, and a regression wants numbers", "set it to auto")
    return _classes(y)


def _whole(y: np.ndarray, task: str, names: Sequence[str]) -> Decided:
    """Whole numbers are classes when they count from 0 without a gap, or are few; see also engine.data.targets."""
    values = np.unique(y)
    counted = len(values) > 1 and values[0] == 0 and values[-1] == len(values) - 1
    few = len(values) <= min(MAX_WHOLE_CLASSES, len(y) / 2)
    if task == "classification" or (task == "auto" and (few or (counted and 2 * len(values) <= len(y)))):
        return _classes(y, names)
    return _quantity(y)


def _number(y: np.ndarray, task: str, names: Sequence[str]) -> Decided:
    whole = bool((y == np.round(y)).all())
    if task == "classification" and not whole:
        problem = "the targets are numbers with a fraction, and classes are wanted"
        raise code_error("data.task", problem, "set it to auto or regression")
    return _whole(y.astype(np.int64), task, names) if whole and task != "regression" else _quantity(y)


def _classes(y: np.ndarray, names: Sequence[str] = ()) -> Decided:
    values, indices = np.unique(y, return_inverse=True)
    if len(values) < 2:
        problem = f"all rows are of the class {clean(values[0], 40)}: there is nothing to tell apart"
        raise code_error(KEY, problem, "give rows of two classes or more")
    if 2 * len(values) > len(y):
        problem = f"y has {len(values)} different values in {len(y)} rows, too many to be classes"
        raise code_error(
            KEY, problem, "set data.task to regression" if y.dtype.kind in "if" else "look at what y holds"
        )
    called = [clean(value, 80) for value in values]
    if names and y.dtype.kind in "iu" and values[0] >= 0 and values[-1] < len(names):
        called = [names[int(value)] for value in values]
    return "classification", indices.astype(np.int64), tuple(called)


def _quantity(y: np.ndarray) -> Decided:
    with np.errstate(over="ignore"):
        small = y.astype(np.float32)
    if not np.isfinite(small).all():
        raise code_error(KEY, "y has values beyond what float32 can hold", "scale it down")
    if small.min() == small.max():
        raise code_error(KEY, f"y is {small[0]:g} in every row: there is nothing to learn", "look at what y holds")
    return "regression", small, ()


LABELS: dict[str, Callable[[np.ndarray, str, Sequence[str]], Decided]] = {
    "text": _text,
    "whole": _whole,
    "number": _number,
}
"""By the sort of the labels: the task, the target as Table has it, and the names of the classes."""
