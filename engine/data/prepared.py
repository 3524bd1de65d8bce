"""From a table and a split to the arrays that are trained on, scaled by what the training part alone shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..config import DataConfig
from ..errors import data_error
from .catalogue import Task
from .cells import unseen_words
from .preprocess import Preprocess, recode
from .splits import Split, split
from .stored import notes_of, streamed
from .table import Table, load
from .vocabulary import vocabulary_notes

_NAMED_COLUMNS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Everything that a run needs to know about its data.

    x_*: float32 (rows, features), contiguous, or engine.data.stored.Streamed where they do not fit in memory; equal to (x - x_mean) / x_scale; both float32 (features,), 0 and 1 when not
    standardized. y_*: int64 (rows,) class indices, or float32 (rows,), equal to (y - y_mean) / y_scale, for regression;
    y_mean and y_scale are in the units of the target, and 0.0 and 1.0 for classification.
    classes is 0 for regression. class_counts has the number of samples of each class for "train", "validation" and "test";
    empty tuples for regression.
    x_fill: float32 (columns,), what a missing value is replaced by, or None when missing values are not filled in.
    notes: what a person should know of the data, a line each. preprocess: what was learned of the training part, for new data.
    shape: as Table has it. vocabulary: of texts, how many numbers stand for their words, see preprocess.Preprocess; 0 for other data. texts: of
    the test part, as Table has them.
    baseline_metric is what a model that ignores its inputs gets on the test part: the accuracy (0 to 1) of always saying
    the commonest class of the training part, or the RMSE, in the units of the target, of always saying its mean.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    task: Task
    classes: int
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    image_shape: tuple[int, int, int] | None
    class_counts: Mapping[str, tuple[int, ...]]
    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: float
    y_scale: float
    baseline_metric: float
    x_fill: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    preprocess: Preprocess | None = None
    shape: tuple[int, ...] = ()
    vocabulary: int = 0
    texts: tuple[str, ...] = ()

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of a sample: (inputs,), (channels, height, width), or another."""
        return self.image_shape or self.shape or (self.x_train.shape[1],)


def load_prepared(config: DataConfig) -> Prepared:
    """Load, split and prepare the dataset of `config`. Raises DataError or ConfigError with every fault found."""
    table = load(config)
    return prepare(table, split(table, config), config)


def prepare(table: Table, split: Split, config: DataConfig) -> Prepared:
    """The parts of `table` as arrays to train on.

    With `config.standardize` each number is shifted and scaled by the mean and standard deviation of the training rows;
    a picture by one mean and one deviation for all its pixels, so that it still looks like one, a sequence by those of each
    feature over all its steps. A regression target is
    always standardized. What does not vary in the training rows is shifted only.

    Missing values (NaN) are replaced by the mean or median of the feature over the training rows, before anything else.

    Raises DataError when a row lies so far from the training rows that scaling it leaves the range of float32, or a feature
    has no value at all in the training rows.
    """
    notes = [f"{table.dropped} rows with missing values were left out"] if table.dropped else []
    notes += table.notes
    learned = Preprocess.fit(table, split.train, config)
    notes += notes_of(table.x)
    if learned.text is not None:
        notes += vocabulary_notes(table, split, learned.text, config)
    elif config.missing in ("mean", "median") and streamed(table.x) is None:
        notes += _filled_words(table, learned, config)
    notes += _unseen(table, split, learned)
    x_mean, x_scale = learned.scales
    y_mean, y_scale = learned.target.mean, learned.target.scale
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    x = {name: learned.encode(table, rows) for name, rows in parts.items()}
    y = {name: _scaled_target(table, rows, y_mean, y_scale) for name, rows in parts.items()}
    classes = len(table.class_names)
    return Prepared(
        x_train=x["train"],
        y_train=y["train"],
        x_validation=x["validation"],
        y_validation=y["validation"],
        x_test=x["test"],
        y_test=y["test"],
        task=table.task,
        classes=classes,
        class_names=table.class_names,
        feature_names=table.feature_names if table.image_shape or table.shape else learned.features,
        image_shape=table.image_shape,
        class_counts={name: _class_counts(table, rows) for name, rows in parts.items()},
        x_mean=x_mean,
        x_scale=x_scale,
        y_mean=y_mean,
        y_scale=y_scale,
        baseline_metric=_baseline(table, split),
        x_fill=_fill_of(learned),
        notes=tuple(notes),
        shape=table.shape,
        preprocess=learned,
        vocabulary=learned.vocabulary,
        texts=tuple(table.texts[row] for row in split.test) if table.texts else (),
    )


def _fill_of(learned: Preprocess) -> np.ndarray | None:
    """What a missing value of each input column is replaced by, or None when none is."""
    fills = [one.fill for one in learned.inputs]
    return None if not fills or None in fills else np.array(fills, np.float32)


def _filled_words(table: Table, learned: Preprocess, config: DataConfig) -> list[str]:
    """A line that says how many missing values were filled in, and with what."""
    by_column = np.isnan(table.x).sum(axis=0)
    if not by_column.any():
        return []
    worst = np.argsort(-by_column, kind="stable")[:_NAMED_COLUMNS]
    listed = ", ".join(f"{table.feature_names[index]} {by_column[index]}" for index in worst if by_column[index])
    more = int((by_column > 0).sum()) - len(worst)
    sorts = [one.kind == "category" for one, gaps in zip(learned.inputs, by_column, strict=False) if gaps]
    category = "a category of its own" if config.missing_category == "own" else "the commonest category"
    ways = [f"the {config.missing}"] * (not all(sorts)) + [category] * any(sorts)
    said = f"{by_column.sum()} missing values filled in with {' or '.join(ways)} of the training rows: {listed}"
    return [said + (f" and {more} columns more" if more > 0 else "")]


def _unseen(table: Table, split: Split, learned: Preprocess) -> list[str]:
    """What the parts that are watched and tested have in columns of categories that the training part does not know."""
    rows, found = np.concatenate([split.validation, split.test]), []
    for number, (one, column) in enumerate(zip(learned.inputs, table.columns, strict=False)):
        if one.kind == "category":
            codes = table.x[rows, number]
            new = codes[recode(codes, column, one) == -1].astype(np.int64)
            found += unseen_words(one.name, Counter(column.values[code] for code in new))
    return found


def _scaled_target(table: Table, rows: np.ndarray, mean: float, scale: float) -> np.ndarray:
    if table.task == "classification":
        return np.ascontiguousarray(table.y[rows], dtype=np.int64)
    with np.errstate(over="ignore"):
        scaled = ((table.y[rows].astype(np.float64) - mean) / scale).astype(np.float32)
    if not np.isfinite(scaled).all():
        raise data_error(
            "data.target", "the target has a value too far from the training rows to be scaled", "look for outliers"
        )
    return np.ascontiguousarray(scaled)


def _class_counts(table: Table, rows: np.ndarray) -> tuple[int, ...]:
    if table.task == "regression":
        return ()
    return tuple(np.bincount(table.y[rows], minlength=len(table.class_names)).tolist())


def _baseline(table: Table, split: Split) -> float:
    if table.task == "classification":
        commonest = np.argmax(_class_counts(table, split.train))
        return float(np.mean(table.y[split.test] == commonest))
    mean = table.y[split.train].mean(dtype=np.float64)
    return float(np.sqrt(np.mean((table.y[split.test] - mean) ** 2)))
