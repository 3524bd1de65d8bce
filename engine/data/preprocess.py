"""From raw inputs to the numbers that a net is given, by what the training rows alone have shown.

A `Preprocess` is small, frozen, free of torch and written as JSON: what a run learned about its data stands in its folder
(``preprocess.json``), and whoever has it can treat new data in the same way, with nothing but numpy.

    pre = Preprocess.fit(table, train_rows, config.data)   # once per training part
    pre.encode(table, rows)      -> float32 (len(rows), len(pre.features)), for rows of that table
    pre.apply(cells)             -> float32 (n, len(pre.features)), for n rows of text cells in the order of pre.inputs
    Preprocess.from_json(pre.to_json()) == pre

What happens to a raw column hangs on its kind:

* ``number``: missing ones filled in, shifted by `mean`, divided by `scale`: one feature
* ``date``: days since `origin`, then like a number
* ``boolean``: 0 or 1, neither shifted nor scaled
* ``category``: one feature for each of `values`, 1 for the row's own and 0 for the others (one-hot). A value that the training rows
  did not have gives 0 everywhere.
* ``text``: the only column then. Its words (engine.data.tokens) as numbers: 0 behind the end of a text, 1 for a word that is not among
  `values`, and 2 + i for values[i]; `length` features, one for each place in a text

A picture has no columns but one mean and one scale for all its pixels, so that it still looks like one: see `Shaped`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, Fault, data_error
from ..text import clean
from .catalogue import Task
from .cells import cell_fault, flaw_of, is_missing, quoted, unseen_words
from .delimited import Faults
from .kinds import DateForm, Kind, as_boolean, as_date, as_number
from .stored import streamed
from .tokens import DESCRIPTION, FIRST, VERSION

if TYPE_CHECKING:
    from ..config import DataConfig
    from .table import Table

FORMAT = 1
_AT_ONCE = 1 << 22  # numbers scaled at a time: float64 of all of a large set would take twice its memory


@dataclass(frozen=True, slots=True)
class Column:
    """A raw input column of a table. Nothing of it is learned: that is `Input`.

    values: of categories, every value in the whole file, of texts every word; the table's x holds their indices. form: of dates, see kinds.as_date.
    origin: of dates, the day that the table's x counts from, in days since 1970-01-01.
    """

    name: str
    kind: Kind = "number"
    values: tuple[str, ...] = ()
    form: DateForm = ""
    origin: float = 0.0


@dataclass(frozen=True, slots=True)
class Input:
    """What was learned of a raw column.

    name: safe to print. values: of categories, those that become features, in that order, as they stand in the file. fill: what
    a missing value is replaced by, before scaling; of categories an index into `values`; None when a missing value is a fault.
    mean and scale: of a number or a date. form and origin: of dates, see `Column`. length: of texts, the words that count.
    """

    name: str
    kind: Kind = "number"
    values: tuple[str, ...] = ()
    fill: float | None = None
    mean: float = 0.0
    scale: float = 1.0
    form: DateForm = ""
    origin: float = 0.0
    length: int = 0

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features that the column becomes, safe to print."""
        if self.kind == "text":
            return tuple(f"word {place}" for place in range(1, self.length + 1))
        if self.kind != "category":
            return (self.name,)
        return tuple(f"{self.name}={clean(value, 40)}" for value in self.values)

    def read(self, cell: str) -> float | None:
        """The raw value of a cell: NaN when it is missing, -1 for an unseen category, None when it cannot be read."""
        if is_missing(cell):
            return float("nan")
        if self.kind == "number":
            return as_number(cell)
        if self.kind == "boolean":
            return as_boolean(cell)
        if self.kind == "date":
            days = as_date(cell, self.form)
            return None if days is None else days - self.origin
        value = cell.strip()
        return float(self.values.index(value)) if value in self.values else -1.0


@dataclass(frozen=True, slots=True)
class Shaped:
    """Samples that are no rows of a table: (channels, height, width) of pictures, (time, features) of sequences.

    mean, scale and fill (None: a missing value is a fault): one number for all values of a picture; one for each feature of a
    sequence, which its last axis counts.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    fill: tuple[float, ...] | None = None

    def of_every_value(self, numbers: tuple[float, ...]) -> np.ndarray:
        """One of the three for each value of a sample, float32 (values,)."""
        return np.resize(np.array(numbers, np.float32), math.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted. mean and scale: of a regression, whose net says (y - mean) / scale; else 0 and 1."""

    name: str
    task: Task
    class_names: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Preprocess:
    """See the module. inputs: the raw columns in their order; empty for pictures and sequences, which have `shaped`."""

    inputs: tuple[Input, ...]
    target: Target
    shaped: Shaped | None = None

    # ---- learned ----

    @classmethod
    def fit(cls, table: Table, rows: np.ndarray, config: DataConfig) -> Preprocess:
        """What `rows` (int64 indices: the training part) of the table show.

        Raises DataError when a column to be filled in has no value in these rows.
        """
        from .fitting import learned, learned_pictures, learned_streamed, learned_whole, target_scale

        target = Target(table.target, table.task, table.class_names, *target_scale(table, rows))
        if table.is_text:
            from .vocabulary import learned_words

            return cls((learned_words(table, rows, config),), target)
        if streamed(table.x) is not None:
            return cls(*learned_streamed(table, rows, target, config))
        if table.image_shape is not None:
            return cls((), target, learned_pictures(table.x, rows, table.image_shape, config))
        if table.shape:
            each = table.shape[-1] if len(table.shape) == 2 else 1
            return cls((), target, learned_whole(table.x[rows], table.shape, each, config))
        return cls(learned(table, rows, config), target)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features; empty for pictures and sequences, whose values have none."""
        return tuple(name for one in self.inputs for name in one.features)

    @property
    def text(self) -> Input | None:
        """The column of texts, where the data is one."""
        return self.inputs[0] if self.inputs and self.inputs[0].kind == "text" else None

    @property
    def vocabulary(self) -> int:
        """Different numbers that stand for the words of a text, those for no word and for an unknown one among them; 0 for other data."""
        return 0 if self.text is None else FIRST + len(self.text.values)

    @property
    def scales(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and scale of every feature, float32 (features,): feature * scale + mean is in the units of the source."""
        if (one := self.shaped) is not None:
            return one.of_every_value(one.mean), one.of_every_value(one.scale)
        means = [one.mean for one in self.inputs for _ in one.features]
        scales = [one.scale for one in self.inputs for _ in one.features]
        return np.array(means, np.float32), np.array(scales, np.float32)

    # ---- used ----

    def encode(self, table: Table, rows: np.ndarray) -> np.ndarray:
        """The features of rows of the table that this was fitted on, float32 (len(rows), features), contiguous; or streamed ones.

        Raises DataError when a row lies so far from the training rows that scaling it leaves the range of float32.
        """
        if self.text is not None:
            from .vocabulary import numbers_of_table

            return numbers_of_table(table, rows, self.text)
        if (stored := streamed(table.x)) is not None:
            return stored.part(rows, self)
        step = max(1, _AT_ONCE // max(1, table.x.shape[1]))
        parts = [self._recoded(table, rows[at : at + step]) for at in range(0, max(1, len(rows)), step)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def apply(self, rows: Sequence[Sequence[str]], where: str = "", lines: Sequence[int] = ()) -> np.ndarray:
        """The features of rows of text cells, one cell for each of `inputs`, in that order: float32 (len(rows), features).

        where and lines: the file and the line of each row, for faults. Raises DataError with every cell that cannot be read, or is
        missing although nothing is known to fill it in with.
        """
        if self.text is not None:
            from .vocabulary import read_new

            return read_new(rows, self.text, lambda place: _place_of(place, where, lines), where)
        faults = Faults("cells that cannot be read", where)
        raw = np.empty((len(rows), len(self.inputs)), np.float32)
        for place, cells in enumerate(rows):
            at = _place_of(place, where, lines)
            for number, (one, cell) in enumerate(zip(self.inputs, cells, strict=True)):
                value = one.read(cell)
                if value is None or (value != value and one.fill is None):
                    faults.add(_cell_fault(one, cell, at))
                raw[place, number] = np.nan if value is None else value
        if faults.total:
            raise DataError(faults.lines())
        return self.features_of(raw)

    def unseen(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """A line for each column of categories in which `rows` have values that the training rows did not have; of texts how many words are unknown."""
        if self.text is not None:
            from .vocabulary import unknown_words

            return unknown_words(rows, self.text)
        found = []
        for number, one in enumerate(self.inputs):
            if one.kind == "category":
                values = Counter(row[number].strip() for row in rows if one.read(row[number]) == -1.0)
                found += unseen_words(one.name, values)
        return found

    def _recoded(self, table: Table, rows: np.ndarray) -> np.ndarray:
        """Rows of the table as features: the indices of its categories exchanged for those of the learned ones."""
        raw = table.x[rows]
        for number, (one, column) in enumerate(zip(self.inputs, table.columns, strict=False)):
            if one.kind == "category":
                raw[:, number] = recode(raw[:, number], column, one)
        return self.features_of(raw)

    def features_of(self, raw: np.ndarray) -> np.ndarray:
        """The features of raw values, float32 (n, columns), NaN where a value is missing; categories as indices, -1 for an unseen one."""
        if self.shaped is not None:
            if self.shaped.fill is not None:
                raw = np.where(np.isnan(raw), self.shaped.of_every_value(self.shaped.fill), raw)
            return self._scaled(raw, *self.scales, ("of a sample",))
        for number, one in enumerate(self.inputs):
            if one.fill is not None:
                raw[:, number] = np.where(np.isnan(raw[:, number]), np.float32(one.fill), raw[:, number])
        mean = np.array([one.mean for one in self.inputs], np.float32)
        scale = np.array([one.scale for one in self.inputs], np.float32)
        names = tuple(one.name for one in self.inputs)
        plain = np.array([one.kind != "category" for one in self.inputs], bool)
        if plain.all():
            return self._scaled(raw, mean, scale, names)
        out = np.zeros((len(raw), len(self.features)), np.float32)
        at = 0
        for number, one in enumerate(self.inputs):
            own = slice(number, number + 1)
            if one.kind == "category":
                out[:, at : at + len(one.values)] = raw[:, own] == np.arange(len(one.values), dtype=np.float32)
                at += len(one.values)
            else:
                out[:, at : at + 1] = self._scaled(raw[:, own], mean[own], scale[own], names[own])
                at += 1
        return out

    @staticmethod
    def _scaled(raw: np.ndarray, mean: Any, scale: Any, names: Sequence[str]) -> np.ndarray:
        with np.errstate(over="ignore"):
            scaled = ((raw.astype(np.float64) - mean) / scale).astype(np.float32)
        if not np.isfinite(scaled).all():
            column = names[int(np.argmin(np.isfinite(scaled).all(axis=0))) % len(names)]
            raise data_error(
                "data.standardize",
                f"column '{column}' has a value too far from the training rows to be scaled",
                "look for outliers, remove the column, or turn standardize off",
            )
        return np.ascontiguousarray(scaled)

    # ---- kept ----

    def to_json(self) -> str:
        """Standard JSON, one line for each input; floats as they are, to the last bit."""
        body = {
            "format": FORMAT,
            "target": asdict(self.target),
            "shaped": asdict(self.shaped) if self.shaped else None,
        }
        body |= {"tokenizer": DESCRIPTION} if self.text is not None else {}
        head = json.dumps(body, ensure_ascii=False, allow_nan=False)[:-1]
        inputs = (
            {name: value for name, value in asdict(one).items() if value or name != "length"} for one in self.inputs
        )
        rows = ",\n ".join(json.dumps(one, ensure_ascii=False, allow_nan=False) for one in inputs)
        return f'{head},\n"inputs": [{rows}]}}\n'

    @classmethod
    def from_json(cls, text: str) -> Preprocess:
        """What `to_json` wrote. Raises ValueError when it is no such text, or that of a newer version."""
        try:
            body = json.loads(text)
            if body["format"] != FORMAT:
                raise ValueError(f"format {body['format']}, and this version reads {FORMAT}")
            shaped = body["shaped"]
            if "tokenizer" in body and body["tokenizer"]["version"] != VERSION:
                raise ValueError(
                    f"its texts are read in way {body['tokenizer']['version']}, and this version knows {VERSION}"
                )
            return cls(
                inputs=tuple(_made(Input, one) for one in body["inputs"]),
                target=_made(Target, body["target"]),
                shaped=None if shaped is None else _made(Shaped, shaped),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not the preprocessing of a run: {error}") from None


def _place_of(place: int, where: str, lines: Sequence[int]) -> str:
    return f"{where}:{lines[place]}" if lines else f"{where or 'row'}:{place + 1}"


def _made(kind: Any, body: dict[str, Any]) -> Any:
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in body.items()})


def recode(codes: np.ndarray, column: Column, learned: Input) -> np.ndarray:
    """Indices into the values of a table's column as indices into those that were learned: -1 for others; NaN stays."""
    place = {value: index for index, value in enumerate(learned.values)}
    table = np.array([*(place.get(value, -1) for value in column.values), np.nan], np.float32)
    return table[np.where(np.isnan(codes), len(column.values), codes).astype(np.int64)]


def _cell_fault(one: Input, cell: str, where: str) -> Fault:
    if one.kind == "number":
        return cell_fault("", one.name, cell, flaw_of(cell) or "empty", where, "correct the cell")
    if is_missing(cell):
        return Fault("", f"column '{one.name}' has no value", "fill the cell or leave the row out", where)
    wanted = "yes or no" if one.kind == "boolean" else "a date as in the training data"
    return Fault("", f"column '{one.name}': {quoted(cell)} is not {wanted}", "correct the cell", where)
