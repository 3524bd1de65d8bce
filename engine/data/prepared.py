"""From a table and a split to the arrays that are trained on, scaled by what the training part alone shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..config import DataConfig
from ..errors import data_error
from .catalogue import Task
from .splits import Split, split
from .table import Table, load

_NAMED_COLUMNS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Everything that a run needs to know about its data.

    x_*: float32 (rows, features), contiguous, equal to (x - x_mean) / x_scale; both float32 (features,), 0 and 1 when not
    standardized. y_*: int64 (rows,) class indices, or float32 (rows,), equal to (y - y_mean) / y_scale, for regression;
    y_mean and y_scale are in the units of the target, and 0.0 and 1.0 for classification.
    classes is 0 for regression. class_counts has the number of samples of each class for "train", "validation" and "test";
    empty tuples for regression.
    x_fill: float32 (features,), what a missing value is replaced by, or None when missing values are not filled in.
    notes: what a person should know of the data, a line each. shape: as Table has it.
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
    shape: tuple[int, ...] = ()

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

    With `config.standardize` each feature is shifted and scaled by the mean and standard deviation of the training rows;
    a picture by one mean and one deviation for all its pixels, so that it still looks like one, a sequence by those of each
    feature over all its steps. A regression target is
    always standardized. What does not vary in the training rows is shifted only.

    Missing values (NaN) are replaced by the mean or median of the feature over the training rows, before anything else.

    Raises DataError when a row lies so far from the training rows that scaling it leaves the range of float32, or a feature
    has no value at all in the training rows.
    """
    notes = [f"{table.dropped} rows with missing values were left out"] if table.dropped else []
    x_fill = _fill_values(table, split.train, config.missing)
    if x_fill is not None:
        table, filled = _filled(table, x_fill, config.missing)
        notes += filled
    x_mean, x_scale = _input_scale(table, split.train, config.standardize)
    y_mean, y_scale = _target_scale(table, split.train)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    x = {name: _scaled_inputs(table, rows, x_mean, x_scale) for name, rows in parts.items()}
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
        feature_names=table.feature_names,
        image_shape=table.image_shape,
        class_counts={name: _class_counts(table, rows) for name, rows in parts.items()},
        x_mean=x_mean,
        x_scale=x_scale,
        y_mean=y_mean,
        y_scale=y_scale,
        baseline_metric=_baseline(table, split),
        x_fill=x_fill,
        notes=tuple(notes),
        shape=table.shape,
    )


def _fill_values(table: Table, train: np.ndarray, missing: str) -> np.ndarray | None:
    """Mean or median of every feature over the training rows that have it, float32 (features,); None when not asked for."""
    if missing not in ("mean", "median"):
        return None
    known = ~np.isnan(table.x[train])
    if not known.any(axis=0).all():
        column = table.feature_names[int(np.argmin(known.any(axis=0)))]
        raise data_error(
            "data.missing",
            f"column '{column}' has no value in the training rows",
            "remove it, or use more training rows",
        )
    values = table.x[train].astype(np.float64)
    return (np.nanmean if missing == "mean" else np.nanmedian)(values, axis=0).astype(np.float32)


def _filled(table: Table, fill: np.ndarray, missing: str) -> tuple[Table, list[str]]:
    """The table with every missing value replaced, and a line that says how many."""
    gaps = np.isnan(table.x)
    by_column = gaps.sum(axis=0)
    if not by_column.any():
        return table, []
    worst = np.argsort(-by_column, kind="stable")[:_NAMED_COLUMNS]
    listed = ", ".join(f"{table.feature_names[index]} {by_column[index]}" for index in worst if by_column[index])
    more = int((by_column > 0).sum()) - len(worst)
    said = f"{by_column.sum()} missing values filled in with the {missing} of the training rows: {listed}"
    return replace(table, x=np.where(gaps, fill, table.x)), [said + (f" and {more} columns more" if more > 0 else "")]


def _input_scale(table: Table, train: np.ndarray, standardize: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale of every feature over the training rows, float32 (features,)."""
    features = table.x.shape[1]
    if not standardize:
        return np.zeros(features, dtype=np.float32), np.ones(features, dtype=np.float32)
    values = table.x[train].astype(np.float64)
    if table.image_shape is not None or len(table.shape) > 2:
        values = values.reshape(-1, 1)
    elif table.shape:
        values = values.reshape(-1, table.shape[-1])
    mean, scale = values.mean(axis=0), _deviation(values)
    return np.resize(mean, features).astype(np.float32), np.resize(scale, features).astype(np.float32)


def _deviation(values: np.ndarray) -> np.ndarray:
    """The standard deviation of each column of `values`, in float32; 1 where it is zero."""
    deviation = values.std(axis=0).astype(np.float32)
    # That of a constant column is exactly 0: float64 adds up equal float32 values without rounding, up to 2^29 of them.
    return np.where(deviation == 0, np.float32(1), deviation)


def _target_scale(table: Table, train: np.ndarray) -> tuple[float, float]:
    if table.task == "classification":
        return 0.0, 1.0
    values = table.y[train].astype(np.float64)
    return float(values.mean()), float(_deviation(values[:, None])[0])


def _scaled_inputs(table: Table, rows: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        scaled = ((table.x[rows].astype(np.float64) - mean) / scale).astype(np.float32)
    if not np.isfinite(scaled).all():
        column = table.feature_names[int(np.argmin(np.isfinite(scaled).all(axis=0)))]
        raise data_error(
            "data.standardize",
            f"column '{column}' has a value too far from the training rows to be scaled",
            "look for outliers, remove the column, or turn standardize off",
        )
    return np.ascontiguousarray(scaled)


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
