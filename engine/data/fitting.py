"""What the training rows show of each column: means and deviations, categories, what fills a gap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..config import DataConfig
from ..errors import data_error
from .preprocess import Column, Input, Shaped, Target
from .stored import Streamed, refuse_gaps, shown_by, streamed
from .table import Table


def learned(table: Table, rows: np.ndarray, config: DataConfig) -> tuple[Input, ...]:
    """What `rows` show of every column. Raises DataError when one to be filled in has no value there."""
    columns = table.columns or tuple(Column(name) for name in table.feature_names)
    x = table.x[rows]
    fill = _fill_values(columns, x, config)
    if fill is not None:
        x = np.where(np.isnan(x), fill, x)
    scaled = np.array([column.kind in ("number", "date") for column in columns])
    mean, scale = np.zeros(len(columns), np.float32), np.ones(len(columns), np.float32)
    if config.standardize and scaled.any():
        # Of the whole table at once where all of it is numbers: sums depend in their last bit on how they are taken.
        values = (x if scaled.all() else np.ascontiguousarray(x[:, scaled])).astype(np.float64)
        mean[scaled], scale[scaled] = values.mean(axis=0), _deviation(values)
    found = []
    for number, column in enumerate(columns):
        own = None if fill is None else float(fill[number])
        if column.kind == "category":
            found.append(_categories(column, table.x[rows, number], config, own))
        else:
            found.append(
                Input(
                    column.name,
                    column.kind,
                    fill=own,
                    mean=float(mean[number]),
                    scale=float(scale[number]),
                    form=column.form,
                    origin=column.origin,
                )
            )
    return tuple(found)


def _categories(column: Column, codes: np.ndarray, config: DataConfig, fill: float | None) -> Input:
    """The values that the training rows have, in the order of the file's; what a missing one becomes."""
    seen = np.unique(codes[~np.isnan(codes)]).astype(np.int64)
    values = [column.values[index] for index in seen]
    if fill is None:
        return Input(column.name, "category", tuple(values))
    if config.missing_category == "commonest":
        return Input(column.name, "category", tuple(values), fill=float(values.index(column.values[int(fill)])))
    if np.isnan(codes).any() and MISSING_CATEGORY not in values:
        values.append(MISSING_CATEGORY)
    own = values.index(MISSING_CATEGORY) if MISSING_CATEGORY in values else -1
    return Input(column.name, "category", tuple(values), fill=float(own))


MISSING_CATEGORY = "missing"
"""The category of its own that a missing value gets."""


def _fill_values(columns: Sequence[Column], x: np.ndarray, config: DataConfig) -> np.ndarray | None:
    """What takes the place of a missing value, float32 (columns,): mean or median, of categories the commonest; None: nothing."""
    if config.missing not in ("mean", "median"):
        return None
    known = ~np.isnan(x)
    if not known.any(axis=0).all():
        column = columns[int(np.argmin(known.any(axis=0)))].name
        problem = f"column '{column}' has no value in the training rows"
        raise data_error("data.missing", problem, "leave it out with data.ignore, or use more training rows")
    values = x.astype(np.float64)
    fill = (np.nanmean if config.missing == "mean" else np.nanmedian)(values, axis=0).astype(np.float32)
    for number, column in enumerate(columns):
        if column.kind == "category":
            codes, counts = np.unique(x[known[:, number], number], return_counts=True)
            fill[number] = codes[int(np.argmax(counts))]
    return fill


def _deviation(values: np.ndarray) -> np.ndarray:
    """The standard deviation of each column of `values`, in float32; 1 where it is zero."""
    deviation = values.std(axis=0).astype(np.float32)
    # That of a constant column is exactly 0: float64 adds up equal float32 values without rounding, up to 2^29 of them.
    return np.where(deviation == 0, np.float32(1), deviation)


def learned_whole(x: np.ndarray, shape: tuple[int, ...], each: int, config: DataConfig) -> Shaped:
    """What the training rows x (rows, values) of samples of this shape show.

    each: how many numbers are learned of each sort: 1 for all of a picture, the features of a sequence. Raises DataError when nothing
    is known to fill in with.
    """
    values = x.astype(np.float64).reshape(-1, each)
    fill = None
    if config.missing in ("mean", "median"):
        if np.isnan(values).all(axis=0).any():
            problem = "an input has no value in the training rows"
            raise data_error("data.missing", problem, "leave it out, or use more training rows")
        fill = (np.nanmean if config.missing == "mean" else np.nanmedian)(values, axis=0).astype(np.float32)
        values = np.where(np.isnan(values), fill, values)
    filled = None if fill is None else tuple(fill.tolist())
    if not config.standardize:
        return Shaped(shape, fill=filled)
    mean = values.mean(axis=0).astype(np.float32)
    return Shaped(shape, tuple(mean.tolist()), tuple(_deviation(values).tolist()), filled)


LARGE = 1 << 25
"""Numbers, above which pictures are looked at in blocks: in 64 bits all of them at once take several times their memory."""


def learned_pictures(x: np.ndarray, rows: np.ndarray, shape: tuple[int, ...], config: DataConfig) -> Shaped:
    """What these rows of x show of pictures: one mean and one scale, as `learned_whole` finds them, in little memory if they are many."""
    if len(rows) * x.shape[1] <= LARGE or config.missing in ("mean", "median"):
        return learned_whole(x[rows], shape, 1, config)
    if not config.standardize:
        return Shaped(shape)
    step = max(1, LARGE // 8 // x.shape[1])
    blocks = [rows[at : at + step] for at in range(0, len(rows), step)]
    size = len(rows) * x.shape[1]
    mean = sum(float(x[block].sum(dtype=np.float64)) for block in blocks) / size
    spread = sum(float(np.square(x[block].astype(np.float64) - mean).sum()) for block in blocks) / size
    scale = float(np.float32(np.sqrt(spread)))
    return Shaped(shape, (float(np.float32(mean)),), (scale or 1.0,))


def learned_streamed(
    table: Table, rows: np.ndarray, target: Target, config: DataConfig
) -> tuple[tuple[Input, ...], Target, Shaped | None]:
    """What these rows of a streamed table show, as the parts of a Preprocess. Raises DataError when a value is missing."""
    x = streamed(table.x)
    assert x is not None, "asked for streamed tables only"
    refuse_gaps(x)
    shape: tuple[int, ...] = table.sample_shape
    part = Streamed(x.store, x.rows[rows])
    whole = table.image_shape is not None or bool(table.shape)
    each = 1 if table.image_shape is not None or len(shape) > 2 else shape[len(shape) - 1]
    mean, scale = np.zeros(each, np.float32), np.ones(each, np.float32)
    if config.standardize:
        mean, scale = shown_by(part, each)
    numbers = zip(mean.tolist(), scale.tolist(), strict=True)
    if whole and not config.standardize:
        return (), target, Shaped(shape)
    if whole:
        return (), target, Shaped(shape, tuple(mean.tolist()), tuple(scale.tolist()))
    names = zip(table.feature_names, numbers, strict=True)
    return tuple(Input(name, mean=own, scale=other) for name, (own, other) in names), target, None


def target_scale(table: Table, rows: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of the target of a regression over `rows`; 0 and 1 for classes."""
    if table.task == "classification":
        return 0.0, 1.0
    values = table.y[rows].astype(np.float64)
    return float(values.mean()), float(_deviation(values[:, None])[0])
