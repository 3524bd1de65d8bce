"""Datasets that a library knows by name, ``torchvision:FashionMNIST`` and ``huggingface:ag_news``, as a Table.

Nothing is downloaded unless `data.arguments` say ``download=true``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..config import DataConfig
from ..text import clean
from ..usercode import guarded
from ..userframes import failure
from .images import LOOKED_AT, pixels_of, suitable_shape
from .own import KEY, ORDER, begin_chance, table_of_parts
from .ownarrays import Labels, Samples, parts_of_set
from .table import Table

Parts = Mapping[str, Any]
"""Map-style Datasets by the names of their parts, as engine.data.own.ORDER has them."""


def load_named(config: DataConfig, library: str) -> Table:
    """The dataset `config.source`, which is one of this library, as a Table, in the parts that it comes in.

    Raises DataError when the library is not installed or has no such dataset here, and CodeError when reading it fails.
    """
    if library == "torchvision":
        from .torchvisionsets import named_parts

        return table_of_sets(config, named_parts(config), [])
    from .huggingfacesets import load_huggingface

    return load_huggingface(config)


def name_of(config: DataConfig) -> str:
    """The dataset's name in its library."""
    return config.source.partition(":")[2].strip()


def table_of_sets(config: DataConfig, sets: Parts, notes: list[str]) -> Table:
    """Datasets of ``(x, y)`` as a Table; pictures of Pillow's among them are brought to one size and the same colours."""
    name = clean(name_of(config), 60)
    with guarded(KEY, f"reading {name}"):
        begin_chance(config.seed)
        first = sets[next(part for part in ORDER if part in sets)]
        if len(first) and hasattr(_picture(first, 0, name), "getbands"):
            looked = [_picture(first, row, name) for row in _spread(len(first))]
            shape = suitable_shape([(one.mode, one.size) for one in looked], config)
            channels, height, width = shape
            notes.append(f"{'colour' if channels == 3 else 'grey'} pictures of {height}x{width}")
            if any(one.size != (width, height) for one in looked):
                notes.append("pictures of another size are scaled to that")
            kind = type(name, (PictureSet,), {})  # by whose name faults are told
            sets = {part: kind(own, shape) for part, own in sets.items()}
        parts: dict[str, tuple[Samples, Labels]] = {
            part: parts_of_set(sets[part], f"{part} " if len(sets) > 1 else "", notes, config.seed)
            for part in ORDER
            if part in sets
        }
    return table_of_parts(config, parts, notes)


def _picture(items: Any, row: int, name: str) -> Any:
    """The picture of an item, if it has one. CodeError when it cannot be read."""
    try:
        item = items[row]
    except Exception as error:
        raise failure(error, KEY, f"item {row} of {name}") from error
    return item[0] if isinstance(item, tuple | list) and item else item


def _spread(rows: int) -> Iterator[int]:
    return iter(range(0, rows, max(1, rows // LOOKED_AT)))


class PictureSet:
    """A Dataset of pictures of Pillow's whose items are arrays (channels, height, width) of one shape instead, 0 to 255."""

    def __init__(self, items: Any, shape: tuple[int, int, int]) -> None:
        self._items, self._shape = items, shape
        self.classes = getattr(items, "classes", None)
        self.targets = getattr(items, "targets", getattr(items, "labels", None))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, number: int) -> Any:
        item = self._items[number]
        if not (isinstance(item, tuple | list) and len(item) == 2 and hasattr(item[0], "getbands")):
            return item
        return pixels_of(item[0], self._shape)[0].reshape(self._shape), item[1]
