"""What a person sees of a table before training: a few rows, points or pictures, and how its target is distributed."""

from __future__ import annotations

import numpy as np

from ..preview import (
    HISTOGRAM_BINS,
    SAMPLE_PICTURES,
    SAMPLE_POINTS,
    SAMPLE_ROWS,
    DataPreview,
    Histogram,
    Part,
    Picture,
    Point,
)
from ..text import clean
from .kinds import day_words
from .splits import Split
from .stored import streamed
from .table import Table

COLUMNS = 12
"""Of a wider table so many inputs are shown."""

PICTURE_SIDE = 32
"""Pictures that are larger are thinned to about this many rows and columns."""

CURVE_HEIGHT = 16
"""Rows of the picture of a sequence."""

_NAME, _CELL, _TEXT = 24, 14, 100


def glimpse(table: Table, target: str) -> DataPreview:
    """The table as a preview, without its parts. target: what its target is called, or "" when it has no name."""
    inputs = len(table.feature_names)
    notes = [f"{table.dropped} rows with missing values were left out"] if table.dropped else []
    notes += table.notes
    named = clean(target, _NAME) or ("class" if table.task == "classification" else "target")
    shown = _spread(len(table.y), SAMPLE_ROWS)
    return DataPreview(
        dataset=table.name,
        task=table.task,
        rows=len(table.y),
        features=inputs,
        shape=table.sample_shape,
        target=named,
        class_names=table.class_names,
        class_counts=_counts(table, np.arange(len(table.y))),
        histogram=_histogram(table),
        header=(*(clean(name, _NAME) for name in _shown_columns(table)), named),
        sample_rows=tuple(_row(table, int(row)) for row in shown),
        points=_points(table),
        points_names=tuple(clean(name, _NAME) for name in table.feature_names) if _planar(table) else (),
        pictures=_pictures(table),
        notes=tuple(notes),
    )


def _shown_columns(table: Table) -> tuple[str, ...]:
    return (table.columns[0].name,) if table.is_text else table.feature_names[:COLUMNS]


def parts_of(table: Table, split: Split) -> tuple[Part, ...]:
    """The parts of a split, with the samples of each class."""
    divided = {"train": split.train, "validation": split.validation, "test": split.test}
    return tuple(Part(name, len(rows), _counts(table, rows)) for name, rows in divided.items())


def _spread(rows: int, most: int) -> np.ndarray:
    """`most` rows or fewer, evenly from the first to the last: tables are often sorted by class."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)) if rows else np.arange(0)


def _counts(table: Table, rows: np.ndarray) -> tuple[int, ...]:
    if table.task == "regression":
        return ()
    return tuple(np.bincount(table.y[rows], minlength=len(table.class_names)).tolist())


def _histogram(table: Table) -> Histogram:
    values = table.y[np.isfinite(table.y)].astype(np.float64) if table.task == "regression" else np.arange(0)
    if not len(values):
        return Histogram()
    low, high = float(values.min()), float(values.max())
    if low == high:
        return Histogram(low, high, (len(values),))
    counts, _ = np.histogram(values, HISTOGRAM_BINS, (low, high))
    return Histogram(low, high, tuple(counts.tolist()))


def _row(table: Table, row: int) -> tuple[str, ...]:
    if table.is_text:
        return clean(table.texts[row], _TEXT), label_of(table, row)
    cells = [_cell(table, place, value) for place, value in enumerate(table.x[row, :COLUMNS].tolist())]
    return (*cells, label_of(table, row))


def _cell(table: Table, place: int, value: float) -> str:
    """A raw value as its file has it."""
    kind = table.columns[place].kind if table.columns else "number"
    if kind == "number" or value != value:
        return figure(value)
    if kind == "category":
        return clean(table.columns[place].values[int(value)], _CELL)
    return ("yes" if value else "no") if kind == "boolean" else day_words(value + table.columns[place].origin)


def figure(value: float) -> str:
    """A number of a table, short: ``5.1``, ``-0.0312``, ``1.2e+07``; a missing one is a question mark."""
    return "?" if value != value else f"{value:.4g}"


def label_of(table: Table, row: int) -> str:
    """The target of a row as a short text: the name of its class, or its value."""
    if table.task == "classification":
        return clean(table.class_names[int(table.y[row])], _CELL)
    return figure(float(table.y[row]))


def _planar(table: Table) -> bool:
    numbers = all(column.kind in ("number", "date") for column in table.columns)
    return table.task == "classification" and table.x.shape[1] == 2 and numbers and streamed(table.x) is None


def _points(table: Table) -> tuple[Point, ...]:
    if not _planar(table):
        return ()
    known = np.flatnonzero(np.isfinite(table.x).all(axis=1))
    rows = known[_spread(len(known), SAMPLE_POINTS)]
    places = table.x[rows].astype(np.float64).tolist()
    groups = table.y[rows].tolist()
    return tuple(Point(_short(x), _short(y), group) for (x, y), group in zip(places, groups, strict=True))


def _short(value: float) -> float:
    """A coordinate without the digits that no screen can show."""
    return float(f"{value:.6g}")


def _pictures(table: Table) -> tuple[Picture, ...]:
    if len(table.shape) == 2:
        return _curves(table)
    if table.image_shape is None:
        return ()
    channels, height, width = table.image_shape
    rows = _one_of_each(table)
    low, high = _limits(table, rows)
    grey = table.x[rows].astype(np.float64).reshape(len(rows), channels, height, width).mean(axis=1)
    across, down = -(-width // PICTURE_SIDE), -(-height // PICTURE_SIDE)
    shades = np.round(np.nan_to_num((grey - low) / max(high - low, 1e-12)), 3)[:, ::down, ::across]
    return tuple(
        Picture(label_of(table, int(row)), tuple(map(tuple, picture.tolist())))
        for row, picture in zip(rows, shades, strict=True)
    )


def _limits(table: Table, rows: np.ndarray) -> tuple[float, float]:
    """The least and the greatest value, of streamed samples those of `rows`."""
    x = table.x if streamed(table.x) is None else table.x[rows]
    return float(np.nanmin(x)), float(np.nanmax(x))


def _curves(table: Table) -> tuple[Picture, ...]:
    """Sequences as pictures of their curves over time, each feature a little darker than the one before."""
    steps, features = table.shape
    rows = _one_of_each(table)
    low, high = _limits(table, rows)
    values = table.x[rows].astype(np.float64).reshape(len(rows), steps, features)[:, :: -(-steps // PICTURE_SIDE)]
    heights = np.nan_to_num((values - low) / max(high - low, 1e-12), nan=-1.0)
    found = []
    for row, places in zip(rows, heights, strict=True):
        picture = np.zeros((CURVE_HEIGHT, len(places)))
        for feature in reversed(range(features)):
            known = np.flatnonzero(places[:, feature] >= 0)
            at = np.round((1 - places[known, feature]) * (CURVE_HEIGHT - 1)).astype(int)
            picture[at, known] = round(1 - 0.6 * feature / features, 3)
        found.append(Picture(label_of(table, int(row)), tuple(map(tuple, picture.tolist()))))
    return tuple(found)


def _one_of_each(table: Table) -> np.ndarray:
    """The first row of each of the first classes, as many as pictures are shown; of a regression, rows evenly spread."""
    if table.task == "regression":
        return _spread(len(table.y), SAMPLE_PICTURES)
    _, first = np.unique(table.y, return_index=True)
    return first[:SAMPLE_PICTURES]
