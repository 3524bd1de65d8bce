"""From a table and a split to the arrays that are trained on, scaled by what the training part alone shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..config import DataConfig
from ..errors import data_error
from .catalogue import Task
from .splits import Split, split
from .table import Table, load


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Everything that a run needs to know about its data.

    x_*: float32 (rows, features), contiguous, equal to (x - x_mean) / x_scale; both float32 (features,), 0 and 1 when not
    standardized. y_*: int64 (rows,) class indices, or float32 (rows,), equal to (y - y_mean) / y_scale, for regression;
    y_mean and y_scale are in the units of the target, and 0.0 and 1.0 for classification.
    classes is 0 for regression. class_counts has the number of samples of each class for "train", "validation" and "test";
    empty tuples for regression.
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


def load_prepared(config: DataConfig) -> Prepared:
    """Load, split and prepare the dataset of `config`. Raises DataError or ConfigError with every fault found."""
    table = load(config)
    return prepare(table, split(table, config), config)


def prepare(table: Table, split: Split, config: DataConfig) -> Prepared:
    """The parts of `table` as arrays to train on.

    With `config.standardize` each feature is shifted and scaled by the mean and standard deviation of the training rows;
    a picture by one mean and one deviation for all its pixels, so that it still looks like one. A regression target is
    always standardized. What does not vary in the training rows is shifted only.

    Raises DataError when a row lies so far from the training rows that scaling it leaves the range of float32.
    """
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
    )


def _input_scale(table: Table, train: np.ndarray, standardize: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale of every feature over the training rows, float32 (features,)."""
    features = table.x.shape[1]
    if not standardize:
        return np.zeros(features, dtype=np.float32), np.ones(features, dtype=np.float32)
    values = table.x[train].astype(np.float64)
    if table.image_shape is not None:
        values = values.reshape(-1, 1)
    mean = np.broadcast_to(values.mean(axis=0), features)
    scale = np.broadcast_to(_deviation(values), features)
    return np.array(mean, dtype=np.float32), np.array(scale, dtype=np.float32)


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
