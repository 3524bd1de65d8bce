"""Arrays from whatever a user's code holds its data in, and what is wrong with them, each in one line.

Tensors, data frames and pictures are known by what they can do: none of their packages is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, Literal

import numpy as np

from ..errors import InputError, code_error
from ..text import clean
from ..userframes import failure
from .catalogue import Task
from .targets import MAX_WHOLE_CLASSES

KEY = "data.source"
SHARE = 0.5
"""Of the memory that is free, the data may take so much."""

_X = ("x", "X", "data", "inputs", "features", "image", "images", "pixel_values", "input_ids")
_Y = ("y", "Y", "target", "targets", "label", "labels")
_CHANNELS = (1, 3, 4)

Sort = Literal["array", "pair", "set", "iterable", "loader", "generator", "other"]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """x: float32 (rows, values). shape: of a sample, whose product is values. names: of the values of a row, or ()."""

    x: np.ndarray
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """values: (rows,), whole numbers, others, or text. names: of whole numbers that are classes, if they have any."""

    values: np.ndarray
    sort: Literal["whole", "number", "text"]
    names: tuple[str, ...] = ()


def sort_of(value: Any) -> Sort:
    """What sort of thing a user's code gave."""
    bases = {base.__name__ for base in type(value).__mro__}
    if "IterableDataset" in bases:
        return "iterable"
    if "DataLoader" in bases:
        return "loader"
    if isinstance(value, GeneratorType | map | zip | filter):
        return "generator"
    if isinstance(value, tuple | list) and len(value) == 2 and all(is_array(one) for one in value):
        return "pair"
    if isinstance(value, (Mapping | str | bytes | set, type)):
        return "other"
    if isinstance(value, tuple | list):
        return "set" if value and isinstance(value[0], tuple | list | Mapping) and _is_sample(value[0]) else "array"
    if is_array(value):
        return "array"
    return "set" if hasattr(value, "__getitem__") and hasattr(value, "__len__") else "other"


def _is_sample(value: Any) -> bool:
    return isinstance(value, Mapping) or (len(value) == 2 and not isinstance(value[0], int | float))


def is_array(value: Any) -> bool:
    """Whether a value can be made an array: an array, a tensor, a data frame, or a list or tuple."""
    frame = hasattr(value, "to_numpy") or hasattr(value, "toarray")
    return isinstance(value, np.ndarray | list | tuple) or frame or _is_tensor(value)


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "numpy") and hasattr(value, "shape")


def named(value: Mapping[Any, Any], which: Literal["x", "y"]) -> tuple[Any] | None:
    """The x or the y of a mapping, in a tuple; None when it has none."""
    return next(((value[name],) for name in (_X if which == "x" else _Y) if name in value), None)


def array_of(value: Any, what: str) -> np.ndarray:
    """A value as an array. what: it is called in faults."""
    if hasattr(value, "toarray"):
        raise code_error(KEY, f"{what} is a sparse matrix", "give what its toarray() returns")
    if _is_tensor(value):
        if str(getattr(value, "layout", "torch.strided")) != "torch.strided":
            raise code_error(KEY, f"{what} is a sparse tensor", "give what its to_dense() returns")
        value = value.detach().cpu()
        if str(value.dtype) in ("torch.bfloat16", "torch.float16"):
            value = value.float()
        return np.asarray(value.numpy())
    if hasattr(value, "to_numpy"):
        return np.asarray(value.to_numpy())
    if hasattr(value, "getbands") and hasattr(value, "size"):  # a picture of Pillow's
        picture = np.asarray(value)
        return picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    if isinstance(value, list | tuple) and any(_is_tensor(one) for one in value):
        value = [array_of(one, what) for one in value]
    try:
        return np.asarray(value)
    except ValueError:
        raise code_error(
            KEY, f"the rows of {what} differ in length or shape", "give all of them the same shape"
        ) from None


# ---- inputs ----


def read_samples(value: Any, of: str, notes: list[str]) -> Samples:
    """x of a part. of: the part as a word and a blank, or ""."""
    what = f"{of}x"
    x = array_of(value, what)
    names = tuple(clean(name, 80) for name in value.columns) if hasattr(value, "columns") and x.ndim == 2 else ()
    whole = x.dtype.kind == "u" and x.dtype.itemsize == 1
    x = _numbers(x, what)
    if x.ndim == 0:
        raise code_error(KEY, f"{what} is a single number", "give an array with a row for each sample")
    if x.ndim == 1:
        x = x[:, None]
    if 0 in x.shape:
        raise code_error(KEY, f"{what} has the shape {x.shape}: nothing is in it", "look at how it is read")
    if x.ndim == 3 and whole:
        notes.append(f"{what} {x.shape} of bytes is taken for grey pictures")
        x = x[:, None]
    elif x.ndim == 4 and x.shape[-1] in _CHANNELS and x.shape[1] not in _CHANNELS:
        notes.append(f"{what} {x.shape} is taken for pictures with their channels last, and turned to channels first")
        x = np.moveaxis(x, -1, 1)
    return Samples(_flat(x, what), tuple(x.shape[1:]), names)


def _numbers(x: np.ndarray, what: str) -> np.ndarray:
    """`x` unless it holds anything but real numbers."""
    if x.dtype.kind == "O" and _all_numbers(x):
        return x.astype(np.float64)
    if x.dtype.kind not in "fiub":
        kinds = {"O": "objects", "U": "text", "S": "bytes", "c": "complex numbers", "M": "dates", "m": "time spans"}
        kind = kinds.get(x.dtype.kind, str(x.dtype))
        hint = "give numbers; a CSV file with columns of text, dates or categories can be read as it is"
        raise code_error(KEY, f"{what} holds {kind}, and numbers are wanted", hint)
    return x


def _all_numbers(x: np.ndarray) -> bool:
    return x.size > 0 and all(
        isinstance(one, int | float | np.number) or one is None for one in x.ravel()[:1000].tolist()
    )


def _flat(x: np.ndarray, what: str) -> np.ndarray:
    """(rows, ...) as float32 (rows, values), contiguous."""
    with np.errstate(over="ignore"):
        flat = np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)
    if x.dtype.itemsize > 4 and x.dtype.kind == "f" and (np.isinf(flat) & np.isfinite(x.reshape(len(x), -1))).any():
        raise code_error(
            KEY, f"{what} has values beyond what float32 can hold", "scale them down, or leave such rows out"
        )
    return flat


# ---- a map-style Dataset ----


def parts_of_set(value: Any, of: str, notes: list[str]) -> tuple[Samples, Labels]:
    """All items of a Dataset, read once, one after the other."""
    tensors = getattr(value, "tensors", None)
    if type(value).__name__ == "TensorDataset" and isinstance(tensors, tuple) and len(tensors) == 2:
        return read_samples(tensors[0], of, notes), read_labels(tensors[1], of)
    name = f"{of}{clean(type(value).__name__, 60)}"
    length = len(value)
    if length == 0:
        raise code_error(KEY, f"{name} has no items", "look at how it is made")
    first = _item(value, 0, name)
    samples, labels = _rows(value, length, name, first)
    again = _item(value, 0, name)[0]
    if again.shape != samples[0].shape or not np.array_equal(again.astype(np.float32), samples[0], equal_nan=True):
        notes.append(
            f"the items of {name} differ from one reading to the next; each is read once, so that it stays the same"
        )
    read = read_labels(labels, of, getattr(value, "classes", None))
    return Samples(samples.reshape(length, -1), _sample_shape(first[0])), read


def _sample_shape(first: np.ndarray) -> tuple[int, ...]:
    return tuple(first.shape) or (1,)


def _item(value: Any, number: int, name: str) -> tuple[np.ndarray, Any]:
    """x and y of an item. CodeError when it fails or has another form."""
    what = f"item {number} of {name}"
    try:
        item = value[number]
        x, y = _x_and_y(item, what)
        return _numbers(array_of(x, f"x in {what}"), f"x in {what}"), y
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise failure(error, KEY, what) from error


def _x_and_y(item: Any, what: str) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        x, y = named(item, "x"), named(item, "y")
        if x is None or y is None:
            raise code_error(KEY, f"{what} is a mapping without x and y", "give (x, y)")
        return x[0], y[0]
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    form = f"a {clean(type(item).__name__, 40)}" + (f" of {len(item)}" if isinstance(item, tuple | list) else "")
    raise code_error(KEY, f"{what} is {form}", "each has to be (x, y)")


def _rows(value: Any, length: int, name: str, first: tuple[np.ndarray, Any]) -> tuple[np.ndarray, list[Any]]:
    """x of all items as float32 (length, *shape), and their y."""
    _refuse_too_large(length * max(1, first[0].size) * 4, name)
    rows, labels = np.empty((length, *_sample_shape(first[0])), np.float32), []
    for number in range(length):
        x, y = first if number == 0 else _item(value, number, name)
        if x.shape != first[0].shape:
            problem = f"item {number} of {name} has the shape {x.shape}, and the first has {first[0].shape}"
            raise code_error(KEY, problem, "give all of them the same shape: cut or pad them")
        rows[number] = x
        labels.append(y.item() if hasattr(y, "item") and getattr(y, "ndim", 1) == 0 else y)
    return rows, labels


def _refuse_too_large(needed: int, name: str) -> None:
    """Raise CodeError when so many bytes would take too much of the memory that is free."""
    import psutil

    free = psutil.virtual_memory().available
    if needed > SHARE * free:
        problem = f"{name} would take {needed / 1e9:,.1f} GB, of which {free / 1e9:,.1f} GB are free"
        raise code_error(KEY, problem, "use fewer or smaller samples: nntui keeps all of them in memory")


# ---- targets ----


def read_labels(value: Any, of: str, names: Any = None) -> Labels:
    """y of a part. names: what the classes are called, if the data says so."""
    what = f"{of}y"
    if value is None:
        raise code_error(KEY, f"{what} is None", "give the targets: a class or a number for each row")
    y = array_of(value, what)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "fiub" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        raise code_error(KEY, f"{what} {y.shape} is one-hot", "give the number of the class: y.argmax(1)")
    if y.ndim != 1:
        raise code_error(KEY, f"{what} has the shape {y.shape}", "give one target for each row: (n,)")
    if y.dtype.kind == "O":
        if any(one is None for one in y.tolist()):
            raise code_error(KEY, f"{what} has None in row {y.tolist().index(None)}", "give every row its target")
        y = np.asarray(y.tolist()) if _all_numbers(y) else y.astype(str)
    called = (
        tuple(clean(one, 80) for one in names) if isinstance(names, Iterable) and not isinstance(names, str) else ()
    )
    if y.dtype.kind in "US":
        return Labels(y.astype(str), "text")
    if y.dtype.kind in "iub":
        return Labels(y.astype(np.int64), "whole", called)
    if y.dtype.kind == "f":
        if np.isinf(y).any():
            raise code_error(
                KEY, f"{what} has an infinite value in row {int(np.argmax(np.isinf(y)))}", "leave such rows out"
            )
        return Labels(y.astype(np.float64), "number", called)
    raise code_error(KEY, f"{what} holds {y.dtype}", "give classes or numbers")


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
