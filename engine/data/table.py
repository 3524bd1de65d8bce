"""A dataset in memory, and the one door through which every dataset comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..config import DataConfig
from ..errors import data_error
from ..text import clean, closest
from .catalogue import FILE_SUFFIXES, Task, catalogue, is_file, is_own, library_of
from .preprocess import Column


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A dataset as arrays, before it is split or scaled.

    x: float32 (rows, features), in the units of the source; a picture is one row of channel * height * width values. Of a set that
    does not fit in memory an engine.data.stored.Streamed stands there, which can be asked for some of the rows.
    y: int64 (rows,), indices into class_names, for classification; float32 (rows,), in the units of the source, for
    regression. feature_names and class_names (empty for regression) are safe to print. image_shape is (channels, height,
    width) for pictures and None otherwise. x may hold NaN where a value is missing: prepare() fills it in. dropped is the number
    of rows that were left out because they had missing values. columns: what sort of values each column of x has; all are
    numbers when it is empty. target: what the target is called, or "". notes: what a person should know of it, a line each.
    shape: that of a sample that is neither a row nor a picture, such as (time, features), and () for those.
    texts: of a column of texts (see engine.data.texts) the beginning of each, as it stands in the file and not safe to print.
    part: int8 (rows,), of data that comes in parts: 0 is trained on, 1 watched, 2 tested; None when nothing is divided yet.
    """

    name: str
    task: Task
    x: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, int, int] | None = None
    dropped: int = 0
    columns: tuple[Column, ...] = ()
    target: str = ""
    notes: tuple[str, ...] = ()
    part: np.ndarray | None = None
    shape: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of a sample: (inputs,), (channels, height, width), or another."""
        return self.image_shape or self.shape or (self.x.shape[1],)

    @property
    def is_text(self) -> bool:
        """Whether its rows are texts: x then has the places of their words among columns[0].values, -1 behind a text's end."""
        return bool(self.columns) and self.columns[0].kind == "text"

    def with_notes(self, notes: Sequence[str], dropped: int) -> Table:
        """The same with other notes, and the number of rows that were left out."""
        return replace(self, notes=tuple(notes), dropped=dropped)


def load(config: DataConfig) -> Table:
    """The dataset that `config.source` names: a built-in or generated set, or a file.

    Raises DataError with the key ``data.source`` when there is no such set, and with every fault found when a file cannot
    be used.
    """
    # Either branch is imported only when it is taken: scikit-learn alone costs more than a second.
    if is_file(config.source):
        from .sources import load_source

        return load_source(config)
    if library := library_of(config.source):
        from .libraries import load_named

        return load_named(config, library)
    names = [card.name for card in catalogue()]
    if is_own(config.source):
        from .own import load_own

        return load_own(config)
    if config.source in names:
        from .builtin import load_builtin

        return load_builtin(config)
    raise data_error(
        "data.source", f"no dataset called '{clean(config.source, 60)}'", _suggestion(config.source, names)
    )


def _suggestion(source: str, names: list[str]) -> str:
    if _exists(source):
        return f"a file or folder is read when its name ends in {', '.join(FILE_SUFFIXES)} or holds a /, such as ./{clean(source, 60)}"
    listed = "`nntui datasets` lists them"
    match = closest(source, names)
    return f"did you mean '{match}'? {listed}" if match else listed


def _exists(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):  # a name too long, or with a NUL in it
        return False
