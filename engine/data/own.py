"""Data that code of the user's own gives, as a Table: a function, a class or an object, found by its import path.

What it may give: ``(x, y)``, arrays, tensors, data frames or lists; a mapping with x and y; a map-style Dataset, whose items are
``(x, y)``; or parts of these as ``{"train": ..., "validation": ..., "test": ...}`` or three in a row. A part that is lacking is cut from
the training part. x is (n, ...): (n, features), (n, time, features) or (n, channels, height, width). Nothing here imports torch.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config import DataConfig
from ..config.keywords import keywords_of
from ..errors import CodeError, code_error, config_error
from ..text import clean, closest
from ..usercode import callable_words, guarded, load_object, source_of
from .ownarrays import Labels, Samples, is_array, named, parts_of_set, read_labels, read_samples, sort_of
from .owntargets import LABELS
from .stored import joined, streamed
from .table import Table

KEY = "data.source"
MIN_ROWS = 10
PARTS = {
    "train": "train", "training": "train", "fit": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
ORDER = ("train", "validation", "test")
WANTED = 'give (x, y), a Dataset, or {"train": ..., "validation": ..., "test": ...} of these'


def load_own(config: DataConfig) -> Table:
    """The data that `config.source` gives when it is called with `config.arguments`.

    The generators of random numbers that a process has begin with `config.seed` meanwhile, and are put back. Raises ConfigError
    when there is no such thing, and CodeError when it fails or gives what cannot be used.
    """
    target = load_object(config.source, KEY)
    where = source_of(target)
    try:
        made = _made(target, config)
        with guarded(KEY, f"reading the data of {callable_words(target)}"):
            begin_chance(config.seed)
            parts, notes = _parts(made, config.seed)
        return table_of_parts(config, parts, notes)
    except CodeError as error:
        first = error.faults[0]
        if first.where or not where:
            raise
        raise code_error(first.key, first.problem, first.hint, where, first.frames) from error.__cause__


def _made(target: Any, config: DataConfig) -> Any:
    name, arguments = callable_words(target), keywords_of(config.arguments)
    if not callable(target):
        if arguments:
            raise config_error("data.arguments", f"{name} is no function, and takes no arguments", "remove them")
        return target
    with guarded(KEY, f"{name}({', '.join(arguments)})"):
        begin_chance(config.seed)
        return target(**arguments)


def begin_chance(seed: int) -> None:
    """Have the generators of random numbers that a process has begin with `seed`."""
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)


# ---- what it gave ----


def _parts(made: Any, seed: int) -> tuple[dict[str, tuple[Samples, Labels]], list[str]]:
    """The parts by their names, "train" among them, and what a person should know."""
    notes: list[str] = []
    found: dict[str, Any] = {}
    if isinstance(made, Mapping) and not (named(made, "x") and named(made, "y")):
        for key, value in made.items():
            part = PARTS.get(str(key).lower())
            if part is None:
                match = closest(str(key), PARTS)
                hint = f"did you mean {match!r}?" if match else WANTED
                raise code_error(KEY, f"it gives a mapping with the key {clean(repr(key), 60)}", hint)
            found[part] = value
        if "train" not in found:
            raise code_error(KEY, "it gives no part called 'train'", WANTED)
    elif _in_parts(made):
        if len(made) == 2:
            problem = "it gives two parts, and whether the second is for validation or for the test nobody can tell"
            raise code_error(KEY, problem, 'name them: {"train": ..., "test": ...}')
        found = dict(zip(ORDER, made, strict=True))
    else:
        found = {"train": made}
    return {name: _read(name if len(found) > 1 else "", value, notes, seed) for name, value in found.items()}, notes


def _in_parts(made: Any) -> bool:
    """Whether it is two or three parts in a row, and not two arrays or a short list of samples."""
    if not isinstance(made, tuple | list) or len(made) not in (2, 3):
        return False
    return all(
        sort_of(one) == "set" or (isinstance(one, tuple | list) and len(one) == 2 and _heads(one)) for one in made
    )


def _heads(pair: Sequence[Any]) -> bool:
    """Whether a pair may be the x and y of a part: both have rows, and as many."""
    return all(is_array(one) and np.ndim(_quick(one)) >= 1 for one in pair)


def _quick(value: Any) -> Any:
    return (
        value if hasattr(value, "ndim") else np.zeros(1) if isinstance(value, list | tuple) and value else np.zeros(())
    )


def _read(part: str, value: Any, notes: list[str], seed: int) -> tuple[Samples, Labels]:
    """A part as arrays; part: its name for faults, "" when there is only one."""
    of = f"{part} " if part else ""
    sort = sort_of(value)
    if sort in _REFUSED:
        raise code_error(KEY, f"its {of}data is {_REFUSED[sort][0]}", _REFUSED[sort][1])
    if isinstance(value, Mapping):
        x, y = named(value, "x"), named(value, "y")
        if x is None or y is None:
            raise code_error(KEY, f"its {of}data is a mapping without x and y", WANTED)
        return read_samples(x[0], of, notes), read_labels(y[0], of, value.get("target_names"))
    if sort == "pair":
        return read_samples(value[0], of, notes), read_labels(value[1], of)
    if sort == "set":
        return parts_of_set(value, of, notes, seed)
    if isinstance(value, tuple | list) and 2 < len(value) < 7 and all(is_array(one) for one in value):
        raise code_error(KEY, f"it gives {len(value)} arrays in a row", WANTED)
    if sort == "array":
        raise code_error(KEY, f"its {of}data is a single array, without anything to predict", WANTED)
    what = "nothing" if value is None else f"a {clean(type(value).__name__, 60)}"
    raise code_error(KEY, f"it gives {what} as its {of}data", WANTED)


_REFUSED = {
    "iterable": (
        "an IterableDataset, which has neither a length nor rows to choose from",
        "give a map-style Dataset, or a list of what it yields",
    ),
    "loader": ("a DataLoader, and nntui makes the batches itself", "give its dataset: loader.dataset"),
    "generator": ("a generator, which can be read only once", "give a list of what it yields, or arrays"),
}


# ---- as a table ----


def table_of_parts(config: DataConfig, parts: Mapping[str, tuple[Samples, Labels]], notes: list[str]) -> Table:
    """The parts, by their names in `ORDER`, "train" among them, as a Table. Raises CodeError when they do not go together."""
    for name, (samples, labels) in parts.items():
        if len(samples.x) != len(labels.values):
            of = f"of its {name} part " if len(parts) > 1 else ""
            problem = f"x {of}has {len(samples.x)} rows, and y has {len(labels.values)}"
            raise code_error(KEY, problem, "give as many targets as samples")
    if len({labels.sort == "text" for _, labels in parts.values()}) > 1:
        raise code_error(KEY, "the targets of one part are text, and those of another are numbers", "give all the same")
    shapes = {name: samples.shape for name, (samples, _) in parts.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise code_error(KEY, f"the samples of its parts differ in shape: {listed}", "give all of them the same shape")
    x = joined([parts[name][0].x for name in ORDER if name in parts])
    y = np.concatenate([parts[name][1].values for name in ORDER if name in parts])
    sizes = [len(parts[name][0].x) if name in parts else 0 for name in ORDER]
    part = np.repeat(np.arange(3, dtype=np.int8), sizes)
    keep = _without_gaps(config, x, y)
    if keep is not None:
        x = x[keep] if (rows := streamed(x)) is None else rows.part(np.flatnonzero(keep))
        y, part = y[keep], part[keep]
    if len(y) < MIN_ROWS:
        raise code_error(KEY, f"it gives {len(y)} rows", f"at least {MIN_ROWS} are needed")
    samples, labels = parts["train"]
    task, target, names = LABELS[labels.sort](y, config.task, labels.names)
    pictures = samples.shape if len(samples.shape) == 3 else None
    return Table(
        name=clean(config.source, 60),
        task=task,
        x=x,
        y=target,
        feature_names=samples.names or tuple(f"x{number}" for number in range(1, x.shape[1] + 1)),
        class_names=names,
        image_shape=pictures,
        dropped=0 if keep is None else int((~keep).sum()),
        notes=tuple(dict.fromkeys(notes)),
        shape=samples.shape if len(samples.shape) > 1 and pictures is None else (),
        part=part if len(parts) > 1 else None,
    )


def _without_gaps(config: DataConfig, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Which rows have no missing values, where others are to be left out; else None. CodeError for gaps that are not allowed."""
    if (
        rows := streamed(x)
    ) is not None:  # looked at when all of them are read for their means, unless they have to be now
        gaps = np.zeros(len(y), bool) if config.missing != "drop" else ~np.isfinite(rows.figures[:, 0])
    elif np.isinf(x).any():
        row = int(np.argmax(np.isinf(x).any(axis=1)))
        raise code_error(KEY, f"x has infinite values, the first of them in row {row}", "leave such rows out")
    else:
        gaps = np.isnan(x).any(axis=1)
    unknown = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    if config.missing == "drop":
        return ~(gaps | unknown) if (gaps | unknown).any() else None
    if unknown.any():
        problem = f"y has {int(unknown.sum())} missing values (NaN), the first of them in row {int(np.argmax(unknown))}"
        raise code_error(KEY, problem, "leave such rows out, or set data.missing to drop")
    if gaps.any() and config.missing == "refuse":
        problem = f"x has missing values (NaN) in {int(gaps.sum())} rows, the first of them row {int(np.argmax(gaps))}"
        raise code_error(KEY, problem, "set data.missing to mean, median or drop")
    return None
