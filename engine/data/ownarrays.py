"""Arrays from whatever a user's code holds its data in, and what is wrong with them, each in one line.

Tensors, data frames and pictures are known by what they can do: none of their packages is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, Literal

import numpy as np

from ..errors import InputError, code_error
from ..text import clean
from ..userframes import failure
from .memorybudget import fits, streamed_words, too_large_rows
from .stored import Streamed, as_array

KEY = "data.source"
_X = ("x", "X", "data", "inputs", "features", "image", "images", "pixel_values", "input_ids")
_Y = ("y", "Y", "target", "targets", "label", "labels")
_CHANNELS = (1, 3, 4)

Sort = Literal["array", "pair", "set", "iterable", "loader", "generator", "other"]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """x: float32 (rows, values), or streamed. shape: of a sample, whose product is values. names: of the values of a row, or ()."""

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


def parts_of_set(value: Any, of: str, notes: list[str], seed: int = 0) -> tuple[Samples, Labels]:
    """All items of a Dataset, read once, one after the other; or, where they do not fit in memory, a stream of them.

    seed: of the random numbers that items of a stream are made with, should they be.
    """
    tensors = getattr(value, "tensors", None)
    if type(value).__name__ == "TensorDataset" and isinstance(tensors, tuple) and len(tensors) == 2:
        return read_samples(tensors[0], of, notes), read_labels(tensors[1], of)
    name = f"{of}{clean(type(value).__name__, 60)}"
    length = len(value)
    if length == 0:
        raise code_error(KEY, f"{name} has no items", "look at how it is made")
    first = item_of(value, 0, name)
    again = item_of(value, 0, name)[0]
    varies = again.shape != first[0].shape or not np.array_equal(again, first[0], equal_nan=again.dtype.kind == "f")
    needed = length * max(1, first[0].size) * 4
    if fits(needed):
        samples, labels = _rows(value, length, name, first)
        samples = samples.reshape(length, -1)
        stays = "each is read once, so that it stays the same"
    else:
        if problem := too_large_rows(4 * first[0].size):
            raise code_error(
                KEY, f"an item of {name} {problem}", "make them smaller, or use a machine with more memory"
            )
        from .ownstore import SetStore

        store = SetStore(value, name, sample_shape(first[0]), seed if varies else None)
        samples, labels = as_array(Streamed(store)), known_labels(value, length, name) or list(store.seen().labels)
        notes.append(streamed_words(f"from {name}", needed))
        stays = "each is drawn in the same way at every reading, so that it stays the same"
    if varies:
        notes.append(f"the items of {name} differ from one reading to the next; {stays}")
    read = read_labels(labels, of, getattr(value, "classes", None))
    return Samples(samples, sample_shape(first[0])), read


def known_labels(value: Any, length: int, name: str) -> list[Any] | None:
    """The targets of all items, where a Dataset keeps them in a list beside them, as torchvision's do, and they are those of its items.

    So they need not be read by reading all the items.
    """
    for own in ("targets", "labels"):
        found = getattr(value, own, None)
        if not is_array(found) or np.ndim(array := array_of(found, own)) != 1 or len(array) != length:
            continue
        listed = array.tolist()
        if all(label_of(item_of(value, row, name)[1]) == listed[row] for row in {0, length // 2, length - 1}):
            return listed
    return None


def sample_shape(first: np.ndarray) -> tuple[int, ...]:
    return tuple(first.shape) or (1,)


def item_of(value: Any, number: int, name: str) -> tuple[np.ndarray, Any]:
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
    rows, labels = np.empty((length, *sample_shape(first[0])), np.float32), []
    for number in range(length):
        x, y = first if number == 0 else item_of(value, number, name)
        refuse_other_shape(x.shape, first[0].shape, number, name)
        rows[number] = x
        labels.append(label_of(y))
    return rows, labels


def refuse_other_shape(shape: tuple[int, ...], wanted: tuple[int, ...], number: int, name: str) -> None:
    """Raise CodeError when an item of a Dataset has not the shape of the first."""
    if (shape or (1,)) != (wanted or (1,)):
        problem = f"item {number} of {name} has the shape {shape}, and the first has {wanted}"
        raise code_error(KEY, problem, "give all of them the same shape: cut or pad them")


def label_of(y: Any) -> Any:
    """A target as a plain value, where it is a single one."""
    return y.item() if hasattr(y, "item") and getattr(y, "ndim", 1) == 0 else y


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
