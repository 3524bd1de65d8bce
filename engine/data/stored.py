"""Samples that do not fit in memory: they stay on disk, or in a user's Dataset, and are read when they are asked for.

A `Store` reads samples by their numbers. A `Streamed` stands where an array of all of them would: as the x of a Table, in the
units of the source, and as the parts of a Prepared, scaled. Whoever takes a few rows of it gets an array; whoever trains on it
gets batches from worker processes (engine.data.streaming). Nothing here imports torch.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import data_error
from .seenbefore import keep, recall

if TYPE_CHECKING:
    from .preprocess import Preprocess, Shaped

MOST_WORKERS = 16
PIECE_BYTES = 1 << 20
"""Of scaled rows that a worker hands over at a time; larger pieces would keep a stop waiting."""

PIECE_ROWS = 256

AHEAD = 2
"""Pieces that each worker has ready before they are wanted."""


def worker_count() -> int:
    """Worker processes that read samples: one for each core that this process may use; 0: the process reads by itself.

    Where processes cannot be copied safely (anywhere but on Linux) there are none. Ranks of one machine share its cores.
    """
    if sys.platform != "linux":
        return 0
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "")
    cores = len(os.sched_getaffinity(0)) // max(1, int(ranks) if ranks.isdecimal() else 1)
    return max(1, min(MOST_WORKERS, cores))


def reading_words() -> str:
    """``by 2 workers``, ``by the process that trains``."""
    workers = worker_count()
    return f"by {workers} worker{'s' if workers > 1 else ''}" if workers else "by the process that trains"


def piece_rows(values: int) -> int:
    """Rows of so many values that a worker hands over at a time."""
    return max(1, min(PIECE_ROWS, PIECE_BYTES // max(1, 4 * values)))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What reading every sample once has shown.

    figures: float64 (rows, 4): sum, sum of squared deviations from the sample's own mean, least and greatest value.
    labels: of a Dataset, the target of each sample. scaled: how many pictures had another size.
    """

    figures: np.ndarray
    labels: tuple[Any, ...] = ()
    scaled: int = 0


class Store:
    """Samples by their numbers. shape: (samples, values); words: what they are called, such as ``pictures``.

    `look` gives the samples with these numbers, uint8 or float32 (n, values), their labels (() when those are known anyway), and
    how many had to be scaled. It is called in workers, and raises InputError for the first one that cannot be read.
    """

    shape: tuple[int, int]
    words: str = "samples"
    needs_workers = True

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self._lock = threading.Lock()

    def look(self, rows: np.ndarray) -> tuple[np.ndarray, Sequence[Any], int]:
        raise NotImplementedError

    def fingerprint(self) -> str:
        """A hash by which a later process knows that these are the same samples, or "" when nothing tells it."""
        return ""

    def seen(self) -> Seen:
        """Everything read once, by all workers, the first time that this is asked. Raises InputError with what cannot be read."""
        with self._lock:
            if self._seen is None:
                self._seen = self._read_once() if not (key := self.fingerprint()) else self._seen_before(key)
            return self._seen

    def _seen_before(self, key: str) -> Seen:
        if (known := recall(key, self.shape[0])) is not None:
            return Seen(known[0], scaled=known[1])
        seen = self._read_once()
        if key == self.fingerprint():  # else a file was written to meanwhile
            keep(key, seen.figures, seen.scaled)
        return seen

    def _read_once(self) -> Seen:
        from .readers import each_piece

        count, values = self.shape
        step = piece_rows(values)
        pieces = [np.arange(at, min(at + step, count)) for at in range(0, count, step)]
        figures, labels, scaled = [], [], 0
        for own, these, others in each_piece(self._figures, pieces):
            figures.append(own)
            labels += these
            scaled += others
        return Seen(np.concatenate(figures), tuple(labels), scaled)

    def _figures(self, rows: np.ndarray) -> tuple[np.ndarray, list[Any], int]:
        raw, labels, scaled = self.look(rows)
        values = raw.astype(np.float64)
        total = values.sum(axis=1)
        spread = np.square(values - (total / values.shape[1])[:, None]).sum(axis=1)
        return np.column_stack([total, spread, raw.min(axis=1), raw.max(axis=1)]), list(labels), scaled

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None}


class Joined(Store):
    """Several stores one after another."""

    def __init__(self, stores: Sequence[Store]) -> None:
        super().__init__()
        self._stores = tuple(stores)
        self._starts = np.cumsum([0, *(store.shape[0] for store in stores)])
        self.shape = (int(self._starts[-1]), stores[0].shape[1])
        self.words = stores[0].words

    def look(self, rows: np.ndarray) -> tuple[np.ndarray, Sequence[Any], int]:
        found, labels, scaled = np.empty((len(rows), self.shape[1]), np.float32), [None] * len(rows), 0
        which = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(which):
            own = np.flatnonzero(which == number)
            found[own], these, others = self._stores[number].look(rows[own] - self._starts[number])
            scaled += others
            for place, label in zip(own, these, strict=False):
                labels[place] = label
        return found, labels, scaled

    def _read_once(self) -> Seen:
        each = [store.seen() for store in self._stores]
        figures = np.concatenate([one.figures for one in each])
        return Seen(figures, tuple(label for one in each for label in one.labels), sum(one.scaled for one in each))


class Held(Store):
    """Samples that are in memory after all: as bytes, which take a quarter of what they take as 32-bit floats, or a small part."""

    def __init__(self, array: np.ndarray, words: str = "samples") -> None:
        super().__init__()
        self._array = array
        self.shape = (len(array), array.shape[1])
        self.words = words

    def look(self, rows: np.ndarray) -> tuple[np.ndarray, Sequence[Any], int]:
        return self._array[rows], (), 0


class Near(Held):
    """Rows that are in memory as they are trained on, and have no room on the device: taking some of them is no work."""

    needs_workers = False


class Streamed:
    """Rows of a store, float32 (rows, values), where an array of them would stand: it can be asked for its shape and for some rows.

    preprocess: what scales them; None: they are in the units of the source.
    """

    dtype = np.dtype(np.float32)
    ndim = 2
    nbytes = 0

    def __init__(self, store: Store, rows: np.ndarray | None = None, preprocess: Preprocess | None = None) -> None:
        self.store = store
        self.rows = np.arange(store.shape[0]) if rows is None else rows
        self.preprocess = preprocess

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.store.shape[1]

    @property
    def size(self) -> int:
        return len(self.rows) * self.store.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, rows: np.ndarray, preprocess: Preprocess | None = None) -> np.ndarray:
        """These rows, scaled by `preprocess`, where an array of them would stand."""
        return as_array(Streamed(self.store, self.rows[rows], preprocess))

    def __getitem__(self, key: Any) -> np.ndarray:
        """Some rows, read here and now; with a second index some of their values. Raises InputError for what cannot be read."""
        if isinstance(key, tuple):
            return self[key[0]][(..., key[1])]
        wanted = self.rows[key]
        found = self.read(np.atleast_1d(wanted))
        return found if np.ndim(wanted) else found[0]

    def read(self, numbers: np.ndarray) -> np.ndarray:
        """The samples that have these numbers in the store, as rows of this."""
        return scaled(self.store.look(numbers)[0], self.preprocess)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("these rows are streamed: all of them at once do not fit in memory")

    @property
    def figures(self) -> np.ndarray:
        """Of every row: sum, sum of squared deviations, least and greatest value, in the units of the source."""
        return self.store.seen().figures[self.rows]

    def min(self) -> float:
        """The least value of all rows."""
        return self._end(float(self.figures[:, 2].min()))

    def max(self) -> float:
        """The greatest value of all rows."""
        return self._end(float(self.figures[:, 3].max()))

    def _end(self, value: float) -> float:
        if self.preprocess is None or self.preprocess.shaped is None:
            return value
        shaped = self.preprocess.shaped
        return float(np.float32((value - shaped.mean[0]) / shaped.scale[0]))


def as_array(rows: Streamed) -> np.ndarray:
    """Streamed rows to one who takes an array and asks it for no more than they can give."""
    return cast(np.ndarray, rows)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The rows of all parts one after another: streamed as soon as those of one are."""
    if all(streamed(part) is None for part in parts):
        return np.concatenate(parts)
    stores = [Held(part) if (rows := streamed(part)) is None else rows.store for part in parts]
    return as_array(Streamed(Joined(stores)))


def streamed(x: Any) -> Streamed | None:
    """The streamed rows that stand where an array would; None for an array."""
    return x if isinstance(x, Streamed) else None


def scaled(raw: np.ndarray, preprocess: Preprocess | None) -> np.ndarray:
    """Samples as they were read (n, values) as float32 rows, the same to the last bit as those of a table in memory."""
    if preprocess is None:
        return raw.astype(np.float32)
    shaped = preprocess.shaped
    if raw.dtype == np.uint8 and shaped is not None and len(shaped.mean) == 1 and shaped.fill is None:
        return _looked_up(shaped)[raw]  # a byte has 256 values, and each is scaled once
    return preprocess.features_of(raw.astype(np.float32))


def _looked_up(shaped: Shaped) -> np.ndarray:
    values = np.arange(256, dtype=np.float32).astype(np.float64)
    mean, scale = np.float32(shaped.mean[0]), np.float32(shaped.scale[0])
    return ((values - mean) / scale).astype(np.float32)


def shown_by(rows: Streamed, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, float32 (each,), of all values together, or of each of so many features; a deviation of 0
    becomes 1."""
    if each == 1:
        figures = rows.figures
        values = rows.store.shape[1]
        mean = figures[:, 0].sum() / rows.size
        spread = figures[:, 1].sum() + values * np.square(figures[:, 0] / values - mean).sum()
        means, spreads = np.array([mean]), np.array([spread / rows.size])
    else:
        means, spreads = _by_feature(rows, each)
    deviation = np.sqrt(spreads).astype(np.float32)
    return means.astype(np.float32), np.where(deviation == 0, np.float32(1), deviation)


def _by_feature(rows: Streamed, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance, float64 (each,), put together piece by piece (Chan, Golub and LeVeque, 1983)."""
    from .readers import each_piece

    def figures(numbers: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        values = rows.read(numbers).astype(np.float64).reshape(-1, each)
        mean = values.mean(axis=0)
        return len(values), mean, np.square(values - mean).sum(axis=0)

    step = piece_rows(rows.shape[1])
    count, mean, spread = 0, np.zeros(each), np.zeros(each)
    for own, own_mean, own_spread in each_piece(
        figures, [rows.rows[at : at + step] for at in range(0, len(rows), step)]
    ):
        apart = own_mean - mean
        total = count + own
        spread = spread + own_spread + np.square(apart) * (count * own / total)
        mean = mean + apart * (own / total)
        count = total
    return mean, spread / max(1, count)


def refuse_gaps(rows: Streamed) -> None:
    """Raise DataError when there is a value that is no finite number."""
    flawed = ~np.isfinite(rows.figures[:, 0])
    if flawed.any():
        what = f"{int(flawed.sum())} samples, the first of them number {int(np.argmax(flawed))}"
        problem = f"x has missing or infinite values in {what}"
        raise data_error("data.source", problem, "leave such samples out, or set data.missing to drop")


def notes_of(x: Any) -> list[str]:
    """What reading all samples has shown that a person should know; nothing of an array."""
    if (rows := streamed(x)) is None:
        return []
    seen = rows.store.seen()
    return [f"{seen.scaled} of {len(seen.figures)} pictures had another size and were scaled"] if seen.scaled else []


Work = Callable[[np.ndarray], Any]
