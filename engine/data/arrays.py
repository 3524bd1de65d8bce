"""NumPy files (.npz, .npy) as a Table: headers first, then what they say is to be read, and nothing that would run code."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any

import numpy as np

from ..config import DataConfig
from ..errors import DataError, Fault, data_error
from ..text import clean, closest
from .delimited import checked_path, display_name
from .memorybudget import fits, refuse_too_large, streamed_words
from .parts import NAMES, paired, part_notes
from .pixels import as_rows
from .preprocess import Column
from .stored import Held, Streamed, as_array
from .table import Table
from .targetarray import decode_array
from .textcolumns import column_notes

X_NAMES = ("x", "X", "data", "features", "inputs", "images", "samples")
Y_NAMES = ("y", "Y", "target", "targets", "label", "labels", "classes")

MIN_ROWS = 10


@dataclass(frozen=True, slots=True)
class Header:
    """What a stored array says of itself. stored: the bytes that are there for it, -1 when that is not known."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    stored: int = -1

    @property
    def words(self) -> str:
        """``float32 1797x64``."""
        shape = "x".join(map(str, self.shape)) or "a single value"
        return f"{self.dtype.name if not self.dtype.names else 'records'} {shape}"

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def faults(self, where: str) -> list[Fault]:
        """Why this array cannot be read, if so."""
        if self.dtype.hasobject:
            problem = f"array '{clean(self.name, 40)}' holds Python objects, and reading those could run code"
            hint = "save it as numbers or text: np.asarray(x, dtype=float)"
            return [Fault("data.source", problem, hint, where)]
        if 0 <= self.stored < self.nbytes:
            problem = f"array '{clean(self.name, 40)}' is cut short: {self.stored} bytes of {self.nbytes}"
            return [Fault("data.source", problem, "copy or save the file again", where)]
        return []


def headers_of(source: str) -> dict[str, Header]:
    """The headers of the arrays in a .npz or .npy file by name (``array`` of a .npy); nothing else is read.

    Raises DataError (data.source) when it is no such file, or is damaged.
    """
    path, name = checked_path(source), display_name(source)
    try:
        if source.lower().endswith(".npy"):
            with path.open("rb") as file:
                header = _header("array", file)
                stored = path.stat().st_size - file.tell()
            return {"array": Header("array", header.shape, header.dtype, stored)}
        with zipfile.ZipFile(path) as archive:
            found = {}
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    own = info.filename.removesuffix(".npy")
                    with archive.open(info) as member:
                        header = _header(own, member)
                        found[own] = Header(own, header.shape, header.dtype, info.file_size - member.tell())
            return found
    except (zipfile.BadZipFile, zlib.error) as error:
        said = clean(error, 80)
        raise data_error("data.source", f"this is no .npz file, or it is damaged ({said})", _AGAIN, name) from None
    except OSError as error:
        raise data_error("data.source", f"cannot be read: {error.strerror or clean(error)}", "", name) from None
    except Exception as error:  # noqa: BLE001  -- a damaged header is parsed as Python, and may raise anything
        raise data_error("data.source", f"a damaged NumPy file: {clean(error, 120)}", _AGAIN, name) from None


_AGAIN = "save it again with np.savez or np.save"


def _header(name: str, file: IO[bytes]) -> Header:
    """The header at the beginning of a .npy. Raises ValueError."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"format {version[0]}.{version[1]}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if any(size < 0 for size in shape):
        raise ValueError("a negative size")
    return Header(name, shape, dtype)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which arrays are what: inputs and targets by part (0 train, 1 validation, 2 test), or both in part -1, to be divided."""

    x: Mapping[int, str]
    y: Mapping[int, str]


def plan_of(headers: Mapping[str, Header], target: str, where: str) -> Plan:
    """Which arrays are inputs and which targets, by their names. Raises DataError (data.target)."""
    parts: dict[str, dict[int, str]] = {"x": {}, "y": {}}
    for name in headers:
        kind, part = _part_of(name)
        if kind and part is not None:
            parts[kind].setdefault(part, name)
    if not target and 0 in parts["x"] and parts["x"].keys() == parts["y"].keys():
        return Plan(parts["x"], parts["y"])
    y = target or next((name for name in Y_NAMES if name in headers), "")
    listed = ", ".join(f"{clean(one.name, 30)} ({one.words})" for one in list(headers.values())[:8])
    if y not in headers:
        match = closest(y, headers) if y else None
        problem = f"no array called '{clean(y, 40)}'" if y else "no array is called y, target or labels"
        hint = f"did you mean '{match}'? " if match else "" if y else "name the array to predict; "
        raise data_error("data.target", problem, f"{hint}arrays: {listed}", where)
    kind, part = _part_of(y)
    if kind == "y" and part is not None:
        raise data_error("data.target", f"'{clean(y, 40)}' is of one part only", "leave data.target empty", where)
    x = next((name for name in X_NAMES if name in headers and name != y), "")
    others = [name for name, one in headers.items() if name != y and len(one.shape) > 1]
    if not x and len(others) == 1:
        x = others[0]
    if not x:
        problem = "no array is called x, data or features"
        raise data_error("data.source", problem, f"save the inputs as x; arrays: {listed}", where)
    return Plan({-1: x}, {-1: y})


def _part_of(name: str) -> tuple[str, int | None]:
    """("x" or "y" or "", part) of a name such as x_train, train_images, test_labels, X_val."""
    words = name.replace("-", "_").split("_")
    if len(words) != 2:
        return "", None
    for kind, part in (words, words[::-1]):
        if part.lower() in NAMES and kind in X_NAMES:
            return "x", NAMES[part.lower()]
        if part.lower() in NAMES and kind in Y_NAMES:
            return "y", NAMES[part.lower()]
    return "", None


def load_arrays(config: DataConfig) -> Table:
    """The arrays of the file `config.source` as a Table; those of its own parts (x_train, y_train, x_test, y_test) stay apart.

    x may be a table (rows, columns) or pictures (rows, height, width) or (rows, height, width, channels), channels first as well.
    y: a number for each row, a text, or one-hot. Raises DataError with every fault found.
    """
    name = display_name(config.source)
    headers = headers_of(config.source)
    if not headers:
        raise data_error("data.source", "there is no array in it", "save it with np.savez(file, x=..., y=...)", name)
    refuse_unused(config, name)
    if config.source.lower().endswith(".npy"):
        return _from_matrix(config, name, headers["array"])
    plan = plan_of(headers, config.target.strip(), name)
    chosen = [headers[own] for own in (*plan.x.values(), *plan.y.values())]
    if faults := [fault for header in chosen for fault in header.faults(name)]:
        raise DataError(faults)
    for own, header in ((own, headers[own]) for own in plan.x.values()):
        _check_inputs(own, header, name)
    refuse_too_large(sum(_kept_bytes(headers[own]) for own in plan.x.values()), name)
    read = read_arrays(config.source, [header.name for header in chosen], name)
    inputs, targets = ({number: read[own] for number, own in which.items()} for which in (plan.x, plan.y))
    x, y, part = paired(inputs, targets, [plan.x[number] for number in sorted(plan.x)], name)
    return table_of_arrays(config, name, x, y, part, plan.x[min(plan.x)], plan.y[min(plan.y)])


def may_stay_bytes(dtype: np.dtype, shape: tuple[int, ...]) -> bool:
    """Whether an array holds pictures of bytes, which can be kept as such: a quarter of what they take as 32-bit floats."""
    return dtype == np.uint8 and len(shape) > 2


def _kept_bytes(header: Header) -> int:
    return math.prod(header.shape) * (1 if may_stay_bytes(header.dtype, header.shape) else 4)


def refuse_unused(config: DataConfig, where: str) -> None:
    """Raise DataError when columns are named, and the file has none with names."""
    for key, names in (("data.ignore", config.ignore), ("data.categorical", config.categorical)):
        if names:
            raise data_error(key, "the columns of this file have no names", "remove it", where)


def _check_inputs(own: str, header: Header, where: str) -> None:
    if header.dtype.kind not in "iufb" or header.dtype.names:
        problem = f"array '{clean(own, 40)}' holds {clean(header.dtype, 40)}, not numbers"
        raise data_error("data.source", problem, "save the inputs as numbers", where)
    if not 2 <= len(header.shape) <= 4:
        problem = f"array '{clean(own, 40)}' is {header.words}"
        hint = "inputs are (rows, columns), or pictures: (rows, height, width) with or without channels"
        raise data_error("data.source", problem, hint, where)


def read_arrays(source: str, names: list[str], where: str) -> dict[str, np.ndarray]:
    """These arrays of a file, or the one of an .npy as ``array``. Raises DataError."""
    try:
        loaded: Any = np.load(checked_path(source), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"array": loaded}
        with loaded as archive:
            return {name: archive[name] for name in names}
    except MemoryError:
        raise data_error("data.source", "the arrays do not fit in memory", "use fewer rows", where) from None
    except Exception as error:  # noqa: BLE001  -- zlib, zipfile and NumPy have no common error for a damaged file
        raise data_error("data.source", f"cannot be read: {clean(error, 120)}", _AGAIN, where) from None


def _from_matrix(config: DataConfig, name: str, header: Header) -> Table:
    """A .npy: a matrix whose last column is the target, unless data.target has the number of another one (from 0)."""
    if faults := header.faults(name):
        raise DataError(faults)
    if len(header.shape) != 2 or header.dtype.kind not in "iufb":
        hint = "a .npy is a table of numbers (rows, columns); put inputs and targets into an .npz as x and y"
        raise data_error("data.source", f"the array is {header.words}", hint, name)
    columns = header.shape[1]
    if columns < 2:
        raise data_error(
            "data.source", "there is only one column", "at least one input and the target are needed", name
        )
    wanted = config.target.strip() or "-1"
    try:
        place = range(columns)[int(wanted)]
    except (ValueError, IndexError):
        problem = f"no column {clean(wanted, 40)}"
        raise data_error("data.target", problem, f"give its number, from 0 to {columns - 1}", name) from None
    refuse_too_large(math.prod(header.shape) * 4, name)
    matrix = read_arrays(config.source, [], name)["array"]
    others = [index for index in range(columns) if index != place]
    table = table_of_arrays(config, name, matrix[:, others], matrix[:, place], None, "array", f"column {place}")
    names = tuple(f"column {index}" for index in others)
    return Table(
        table.name, table.task, table.x, table.y, names, table.class_names, None, table.dropped, target=table.target
    )


def table_of_arrays(
    config: DataConfig, where: str, x: np.ndarray, y: np.ndarray, part: np.ndarray | None, x_name: str, y_name: str
) -> Table:
    """A Table of inputs x and targets y with as many rows, checked. part: of each row, as Table has it. x_name and y_name: what the
    arrays are called in what is said of them; where: the file. Raises DataError with every fault found.
    """
    if len(x) < MIN_ROWS:
        raise data_error("data.source", f"only {len(x)} rows", f"at least {MIN_ROWS} are needed", where)
    as_bytes = may_stay_bytes(x.dtype, x.shape) and not fits(x.size * 4)
    rows, shape, note = as_rows(x, x_name, where, as_bytes)
    faults: list[Fault] = []
    looked_at = rows[:0] if as_bytes else rows  # no byte is missing, and none infinite
    gaps = np.isnan(looked_at)
    infinite = np.isinf(looked_at)
    if infinite.any():
        faults.append(_place_fault(x_name, "an infinite value, or one beyond 32-bit floats", infinite, where))
    keep: np.ndarray | None = None
    if gaps.any() and config.missing == "refuse":
        hint = "set data.missing, or fill them in"
        faults.append(_place_fault(x_name, "no value (NaN)", gaps, where, hint))
    elif config.missing == "drop" and gaps.any():
        keep = np.logical_not(gaps.any(axis=1))
    decoded = decode_array(y, config.task, y_name, where, pictures=shape is not None)
    faults += decoded.faults
    if faults:
        raise DataError(faults)
    labels = decoded.y
    if keep is not None:
        rows, labels = rows[keep], labels[keep]
        part = part[keep] if part is not None else None
        if len(rows) < MIN_ROWS:
            problem = f"only {len(rows)} of {len(keep)} rows have no missing values"
            raise data_error("data.source", problem, f"at least {MIN_ROWS} are needed", where)
    names = tuple(f"x{index + 1}" for index in range(rows.shape[1]))
    if as_bytes:
        note += f", kept as bytes: {streamed_words('from memory', x.size * 4)}"
        rows = as_array(Streamed(Held(rows, "pictures")))
    notes = [note] if note else [] if shape else column_notes([Column(own) for own in names[:1000]], rows[:, :1000])
    return Table(
        name=clean(PurePath(config.source).stem, 60),
        task=decoded.task,
        x=rows,
        y=labels,
        feature_names=names,
        class_names=decoded.class_names,
        image_shape=shape,
        dropped=0 if keep is None else int((~keep).sum()),
        target=clean(y_name, 60),
        notes=(*notes, *part_notes(part)),
        part=part,
    )


def _place_fault(name: str, what: str, flawed: np.ndarray, where: str, hint: str = "correct it") -> Fault:
    row, column = (int(index) for index in np.argwhere(flawed)[0])
    count = int(flawed.sum())
    more = f" ({count} such values)" if count > 1 else ""
    problem = f"array '{clean(name, 40)}' has {what} in row {row}, column {column}{more}"
    return Fault("data.source", problem, hint, where)


def peek_arrays(source: str) -> tuple[list[tuple[str, str]], int, str]:
    """What is in the file, as (name, words) of each array, which of them is the target if none is named (-1: one has to be), and
    a line about it all. Raises DataError.
    """
    headers = headers_of(source)
    where = display_name(source)
    if not headers:
        raise data_error("data.source", "there is no array in it", "save it with np.savez(file, x=..., y=...)", where)
    if faults := [fault for header in headers.values() for fault in header.faults(where)]:
        raise DataError(faults[:1])
    if source.lower().endswith(".npy"):
        shape = headers["array"].shape
        columns = shape[1] if len(shape) == 2 else 0
        listed = [(str(index), "column") for index in range(min(columns, 1000))]
        return (
            listed,
            len(listed) - 1,
            f"{headers['array'].words}: the last column is predicted unless another is named",
        )
    listed = [(clean(one.name, 60), one.words) for one in headers.values()]
    try:
        plan = plan_of(headers, "", where)
    except DataError:
        return listed, -1, "Name the array to predict: its names do not say which it is."
    names = list(headers)
    y = plan.y[min(plan.y)]
    if -1 in plan.x:
        return (
            listed,
            names.index(y),
            f"{clean(plan.x[-1], 40)} is the input and {clean(y, 40)} predicted unless another is named",
        )
    parts = ", ".join(clean(plan.x[number], 40) for number in sorted(plan.x))
    return listed, names.index(y), f"the file's own parts are used: {parts}"
