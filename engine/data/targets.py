"""The target column of a file: whether it holds classes or a quantity, and its values."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..errors import Fault
from ..text import clean
from .catalogue import Task
from .cells import cell_fault, flawed_cells
from .delimited import Faults

MAX_WHOLE_CLASSES = 20
"""Whole numbers with more different values than this are taken for a quantity."""

_KEY = "data.target"


@dataclass(slots=True)
class TargetCells:
    """The target column as it stands in the file: its name as shown, its cells, the line of each, the file as shown."""

    name: str
    where: str
    cells: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))

    def add(self, line: int, cell: str) -> None:
        self.cells.append(cell.strip())
        self.lines.append(line)


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A target column, decoded. y: int64 (rows,) indices into class_names, or float32 (rows,) for regression.

    When there are faults, y and class_names mean nothing.
    """

    task: Task
    y: np.ndarray
    class_names: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def decode(column: TargetCells, task: Literal["auto", "classification", "regression"], *, judge: bool = True) -> Target:
    """The values of `column`, or every fault in it, all with the key ``data.target``.

    auto takes text and whole numbers with few different values for classes, everything else for a quantity.
    judge: look not only at each cell but also at whether the values as a whole are something to be learned; off when rows
    are missing.
    """
    numbers = {cell: _number(cell) for cell in set(column.cells)}
    decided: Task = _guess(column.cells, numbers) if task == "auto" else task
    if decided == "regression":
        return _quantity(column, task == "auto", judge)
    return _classes(column, numbers, judge)


def _number(cell: str) -> int | float | None:
    """The value of a cell, or None when it is not a number. Whole numbers are exact: two long ids stay two classes."""
    if "_" in cell:  # Python reads 1_000 as a thousand; in a data file it is more likely a code
        return None
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        return float(cell)
    except ValueError:
        return None


def _guess(cells: list[str], numbers: dict[str, int | float | None]) -> Task:
    if any(value is None for cell, value in numbers.items() if cell):
        # Text means classes. But where most cells are numbers and there are many different ones, the text is a slip of
        # the pen in a column of quantities, and is to be reported as that.
        numeric = sum(numbers[cell] is not None for cell in cells)
        return "regression" if len(numbers) > MAX_WHOLE_CLASSES and 2 * numeric > len(cells) else "classification"
    distinct = {value for value in numbers.values() if value is not None and value == value}  # without NaN
    whole = all(isinstance(value, int) or value.is_integer() for value in distinct)
    few = len(distinct) <= min(MAX_WHOLE_CLASSES, len(cells) / 2)
    return "classification" if whole and few else "regression"


def _quantity(column: TargetCells, auto: bool, judge: bool) -> Target:
    hint = "correct the cell" + (", or set data.task to classification if these are classes" if auto else "")
    faults = flawed_cells(_KEY, column.name, column.cells, column.lines, column.where, hint)
    if faults:
        return Target("regression", np.empty(0, np.float32), faults=tuple(faults))
    y = np.array(list(map(float, column.cells)), dtype=np.float32)
    if judge and y.min() == y.max():
        problem = f"column '{column.name}' has the same value in every row"
        return Target("regression", y, faults=(Fault(_KEY, problem, "choose a column that varies", column.where),))
    return Target("regression", y)


def _classes(column: TargetCells, numbers: dict[str, int | float | None], judge: bool) -> Target:
    missing = Faults("cells that are empty", column.where)
    for line, cell in zip(column.lines, column.cells, strict=True):
        if not cell or cell.lower().lstrip("+-") == "nan":
            missing.add(cell_fault(_KEY, column.name, "", "empty", f"{column.where}:{line}"))
    if missing.total:
        return Target("classification", np.empty(0, np.int64), faults=tuple(missing.lines()))
    # 1, 1.0 and 01 are one class when all cells are numbers, and three when some are text.
    numeric = all(value is not None for value in numbers.values())
    meaning = dict(numbers) if numeric else {cell: cell for cell in numbers}
    values = sorted(set(meaning.values()))  # pyright: ignore[reportArgumentType]  # all numbers or all text
    names = tuple(clean(_label(value), 80) for value in values)
    if judge and (fault := _class_fault(column, len(values), numeric)):
        return Target("classification", np.empty(0, np.int64), names, (fault,))
    index = {value: position for position, value in enumerate(values)}
    codes = {cell: index[value] for cell, value in meaning.items()}
    return Target("classification", np.array([codes[cell] for cell in column.cells], dtype=np.int64), names)


def _label(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value)


def _class_fault(column: TargetCells, classes: int, numeric: bool) -> Fault | None:
    rows = len(column.cells)
    if classes == 1:
        problem = f"column '{column.name}' has a single class, so there is nothing to tell apart"
        return Fault(_KEY, problem, "choose a column with two classes or more", column.where)
    if 2 * classes > rows:
        problem = f"column '{column.name}' has {classes} different values in {rows} rows, too many to be classes"
        hint = "choose another column" + (", or set data.task to regression" if numeric else "")
        return Fault(_KEY, problem, hint, column.where)
    return None
