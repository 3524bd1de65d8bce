"""Datasets of Hugging Face by their names on the Hub, or from a folder that save_to_disk wrote, as a Table.

What is in the cache of the machine is read from there, without a network; anything else only when `data.arguments` say
``download=true``. One column is predicted, `data.target` or else the one that is called label. A column of pictures is then the
input; without one all the others are, as in a file, or the one of texts that `data.text` names.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..config import DataConfig
from ..config.keywords import keywords_of
from ..errors import DataError, Fault, data_error
from ..text import clean, closest
from ..usercode import guarded
from ..userframes import what_happened
from .cells import is_missing
from .files import read_table
from .header import Header
from .libraries import name_of, table_of_sets
from .memorybudget import refuse_too_large
from .own import KEY, ORDER, PARTS
from .parts import part_notes
from .table import Table
from .tokens import words_of

_TARGETS = ("label", "labels", "target", "targets", "y", "class", "fine_label")
_LISTED = 12


def load_huggingface(config: DataConfig) -> Table:
    """The dataset ``huggingface:NAME``. Raises DataError for what a person can mend, CodeError when the library fails otherwise."""
    name = clean(config.source, 80)
    sets, notes = _parts(_loaded(config), config)
    columns = dict(next(iter(sets.values())).features)
    target = _target(columns, config, name)
    sets = {part: own for part, own in sets.items() if part == "train" or _has_labels(own, target, part, notes)}
    if config.text:
        return _as_table(config, name, sets, target, [_text(columns, config, target, name)], notes)
    inputs = [own for own in columns if own != target and own not in config.ignore]
    pictures = [own for own in inputs if type(columns[own]).__name__ == "Image"]
    arrays = [own for own in inputs if _is_array(columns[own])]
    if len(pictures) > 1:
        listed = ", ".join(clean(own, 40) for own in pictures)
        raise data_error(
            "data.ignore", f"there are {len(pictures)} columns of pictures: {listed}", "leave out all but one", name
        )
    if pictures or (len(inputs) == 1 and arrays):
        chosen = (pictures or arrays)[0]
        if others := [own for own in inputs if own != chosen]:
            notes.append(f"of the columns only the pictures are inputs, and not {', '.join(map(clean, others[:5]))}")
        pairs = {part: _Pairs(own, chosen, target) for part, own in sets.items()}
        return replace(table_of_sets(config, pairs, notes), target=clean(target, 60))
    return _as_table(config, name, sets, target, inputs, notes)


# ---- getting it ----


def _loaded(config: DataConfig) -> Any:
    """What the library gives for the name and the arguments: one Dataset, or several by their names."""
    library, name = _library(), name_of(config)
    arguments = keywords_of(config.arguments)
    download = bool(arguments.pop("download", False))
    folder = Path(name).expanduser()
    saved = any((folder / own).is_file() for own in ("dataset_dict.json", "state.json"))
    try:
        with guarded(KEY, f"loading {clean(name, 80)}"), _offline(library, not download):
            if not saved:
                return library.load_dataset(name, **arguments)
            part = arguments.pop("split", None)
            made = library.load_from_disk(str(folder), **arguments)
            return made if part is None else made[part]
    except Exception as error:
        cause = error.__cause__
        if isinstance(cause, ConnectionError | FileNotFoundError) and not download and not saved:
            problem = f"the dataset '{clean(name, 80)}' is not on this machine"
            hint = "set data.arguments to download=true to have Hugging Face's library download it, or name a folder that save_to_disk wrote"
            raise data_error(KEY, problem, hint) from None
        if isinstance(
            cause, ValueError | KeyError
        ):  # a configuration or a split that there is not; its text lists those that there are
            raise data_error("data.arguments", what_happened(cause), "") from None
        raise


def _library() -> Any:
    try:
        with guarded(KEY, "loading Hugging Face's datasets"):
            import datasets  # pyright: ignore[reportMissingImports]

            return datasets
    except Exception as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            hint = f"pip install 'nntui[huggingface]' into this environment: {sys.prefix}"
            raise data_error(KEY, "Hugging Face's datasets are not installed", hint) from None
        raise


@contextlib.contextmanager
def _offline(library: Any, wanted: bool) -> Iterator[None]:
    """Keep the library from asking the Hub while this lasts, whatever its environment says."""
    places = [library.config, getattr(sys.modules.get("huggingface_hub"), "constants", None)]
    names = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
    found = [(place, name, getattr(place, name)) for place in places for name in names if hasattr(place, name)]
    with contextlib.suppress(AttributeError):
        library.disable_progress_bars()
    try:
        if wanted:
            for place, name, _ in found:
                setattr(place, name, True)
        yield
    finally:
        for place, name, before in found:
            setattr(place, name, before)


def _parts(made: Any, config: DataConfig) -> tuple[dict[str, Any], list[str]]:
    """The parts by their names in `ORDER`, "train" among them, and what to say of those that are left out."""
    if "Iterable" in type(made).__name__ or (
        isinstance(made, Mapping) and any("Iterable" in type(one).__name__ for one in made.values())
    ):
        raise data_error("data.arguments", "streaming=true gives rows that cannot be chosen from", "remove it")
    if not isinstance(made, Mapping):
        return {"train": made}, []
    if not made:
        raise data_error(KEY, "the dataset has no parts", "", clean(config.source, 80))
    found: dict[str, Any] = {}
    left = []
    for name, own in made.items():
        part = PARTS.get(str(name).lower())
        if part is None or part in found:
            left.append(clean(name, 40))
        else:
            found[part] = own
    if "train" not in found:
        if len(made) > 1:
            listed = ", ".join(clean(name, 30) for name in list(made)[:8])
            raise data_error(
                KEY, f"it has no part called train, but {listed}", "choose one with split=... in data.arguments"
            )
        return {"train": next(iter(made.values()))}, []
    return {part: found[part] for part in ORDER if part in found}, [
        f"parts that are left out: {', '.join(left)}"
    ] if left else []


# ---- what is what ----


def _text(columns: Mapping[str, Any], config: DataConfig, target: str, where: str) -> str:
    """The column of the texts."""
    wanted = config.text.strip()
    if wanted == target:
        raise data_error("data.text", f"column '{clean(wanted, 60)}' is what is predicted", "name another one", where)
    return wanted if wanted in columns else _absent("data.text", wanted, columns, where)


def _absent(key: str, wanted: str, columns: Mapping[str, Any], where: str) -> NoReturn:
    listed = ", ".join(clean(own, 20) for own in list(columns)[:_LISTED])
    match = closest(wanted, columns)
    hint = f"did you mean '{clean(match, 60)}'? " if match else ""
    raise data_error(key, f"no column called '{clean(wanted, 60)}'", f"{hint}columns: {listed}", where)


def _target(columns: Mapping[str, Any], config: DataConfig, where: str) -> str:
    listed = ", ".join(clean(own, 20) for own in list(columns)[:_LISTED])
    for own in (config.ignore, config.categorical):
        for name in own:
            if name not in columns:
                key = "data.ignore" if own is config.ignore else "data.categorical"
                raise data_error(key, f"no column called '{clean(name, 60)}'", f"columns: {listed}", where)
    wanted = config.target.strip()
    if wanted in columns:
        return wanted
    if wanted:
        _absent("data.target", wanted, columns, where)
    if found := next((name for name in _TARGETS if name in columns), ""):
        return found
    raise data_error("data.target", "name the column to predict", f"columns: {listed}", where)


def _is_array(feature: Any) -> bool:
    """Whether the values of a column are lists of numbers, one in the other or not."""
    if type(feature).__name__.startswith("Array"):
        return True
    inner = feature[0] if isinstance(feature, list) and feature else getattr(feature, "feature", None)
    if inner is None:
        return False
    return _is_array(inner) or str(getattr(inner, "dtype", "")).startswith(("float", "int", "uint", "bool"))


def _has_labels(own: Any, target: str, part: str, notes: list[str]) -> bool:
    """Whether the rows of a part have targets: those of contests are kept back, and stand as -1."""
    names = getattr(own.features[target], "names", None)
    if names is None or not len(own) or max(_column(own, target), default=-1) >= 0:
        return True
    notes.append(f"the {part} part has no labels, and is left out")
    return False


def _column(own: Any, name: str) -> list[Any]:
    return own.select_columns([name]).with_format("arrow")[:].column(name).to_pylist()


class _Pairs:
    """Two columns of a Dataset as the items of another."""

    def __init__(self, own: Any, x: str, y: str) -> None:
        self._own, self._x, self._y = own, x, y
        self.classes = getattr(own.features[y], "names", None)
        self.targets = _column(own, y)

    def __len__(self) -> int:
        return len(self._own)

    def __getitem__(self, number: int) -> Any:
        x = self._own[number][self._x]
        return np.asarray(x) if isinstance(x, list) else x, self.targets[number]


# ---- columns of values ----


def _as_table(
    config: DataConfig, name: str, sets: Mapping[str, Any], target: str, inputs: list[str], notes: list[str]
) -> Table:
    """The columns as those of a file are read: numbers, categories, dates; names of classes in the place of their numbers."""
    from .parquet import readable

    columns = [*inputs, target]
    first = next(iter(sets.values()))
    schema = first.select_columns(columns).with_format("arrow")[:0].schema
    faults = [
        Fault("data.ignore", f"column '{clean(own, 60)}' holds {clean(first.features[own], 60)}", "leave it out", name)
        for own in columns
        if not readable(schema.field(own).type)
    ]
    if faults:
        raise DataError(faults)
    refuse_too_large(sum(len(own) for own in sets.values()) * len(columns) * 4, name)
    rows: list[list[str]] = []
    part: list[int] = []
    for number, own in ((ORDER.index(part), own) for part, own in sets.items()):
        cells = [_cells(own, column) for column in columns]
        rows += [list(row) for row in zip(*cells, strict=True)]
        part += [number] * len(own)
    kept = [row for row in range(len(rows)) if config.missing != "drop" or not _lacks(rows[row], bool(config.text))]
    read = config.model_copy(update={"target": target, "ignore": (), "source": name_of(config)})
    table = read_table(read, name, Header(columns, name), lambda: ((row + 1, rows[row]) for row in kept))
    own_part = np.array(part, np.int8)[kept] if len(sets) > 1 else None
    return replace(
        table, part=own_part, dropped=len(rows) - len(kept), notes=(*notes, *table.notes, *part_notes(own_part))
    )


def _lacks(row: list[str], text: bool) -> bool:
    """Whether a row, its target last, lacks a value; of a text, whether it has a word."""
    return is_missing(row[-1]) or not words_of(row[0], 1) if text else any(map(is_missing, row))


def _cells(own: Any, column: str) -> list[str]:
    from .parquet import cells_of

    names = getattr(own.features[column], "names", None)
    if names is None:
        return cells_of(own.select_columns([column]).with_format("arrow")[:].column(column))
    return ["" if value is None or value < 0 else str(names[value]) for value in _column(own, column)]
