"""The built-in datasets: real ones that ship with scikit-learn, and point clouds drawn from a seed.

What is said about them to a person stands in `catalogue`; a test checks that both agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..config import DataConfig
from ..text import clean
from .table import Table

# Keeps the stream of the points apart from that of the split, which comes from the same seed.
_STREAM = 0xDA7A


def load_builtin(config: DataConfig) -> Table:
    """The built-in set called `config.source`.

    The generated ones have `config.rows` points with Gaussian noise of standard deviation `config.noise` on both
    coordinates (on the target of `sparse`); the same seed gives the same points. KeyError when there is no such set: `table.load` has checked.
    """
    if config.source == "reviews":
        from .madetexts import load_reviews

        return load_reviews(config)
    if config.source in _GENERATED or config.source in ("sparse", "waves"):
        return _generated(config)
    return _shipped(config.source)


# ---- shipped with scikit-learn ----


def _shipped(name: str) -> Table:
    from sklearn import datasets

    readers: dict[str, Callable[[], Any]] = {
        "digits": datasets.load_digits,
        "wine": datasets.load_wine,
        "breast_cancer": datasets.load_breast_cancer,
        "iris": datasets.load_iris,
        # Unscaled: years, kg/m2 and mmHg rather than columns that were standardized over all rows, test rows included.
        "diabetes": lambda: datasets.load_diabetes(scaled=False),
    }
    bunch = readers[name]()
    names = tuple(clean(feature) for feature in bunch.feature_names)
    x = np.ascontiguousarray(bunch.data, dtype=np.float32)
    if name == "diabetes":
        return Table(name, "regression", x, bunch.target.astype(np.float32), names)
    classes = tuple(clean(label) for label in bunch.target_names)
    shape = (1, 8, 8) if name == "digits" else None
    return Table(name, "classification", x, bunch.target.astype(np.int64), names, classes, shape)


# ---- generated ----


def _sizes(rows: int, groups: int) -> list[int]:
    """`rows` in `groups` parts that differ by one at the most, larger ones first."""
    return [rows // groups + (group < rows % groups) for group in range(groups)]


def _ring(rows: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, rows, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _moons(sizes: list[int], _: np.random.Generator) -> list[np.ndarray]:
    upper, lower = (np.linspace(0, np.pi, size) for size in sizes)
    return [
        np.column_stack([np.cos(upper), np.sin(upper)]),
        np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)]),
    ]


def _circles(sizes: list[int], _: np.random.Generator) -> list[np.ndarray]:
    return [_ring(sizes[0]), 0.5 * _ring(sizes[1])]


def _blobs(sizes: list[int], _: np.random.Generator) -> list[np.ndarray]:
    # A distance of 2 between neighbours: ten standard deviations at noise 0.2, four at 0.5, where they begin to overlap.
    centres = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
    return [np.tile(centre, (size, 1)) for centre, size in zip(centres, sizes, strict=True)]


def _spirals(sizes: list[int], _: np.random.Generator) -> list[np.ndarray]:
    # An arm grows by 2 a turn, so the other arm, half a turn ahead, is everywhere a distance of 1 away. The innermost
    # quarter turn is left out: there the arms would meet. Equal steps of angle squared spread the points evenly.
    first, last = 0.5 * np.pi, 3.5 * np.pi
    arms = []
    for offset, size in zip((0.0, np.pi), sizes, strict=True):
        angle = np.sqrt(np.linspace(first**2, last**2, size))
        arms.append((angle / np.pi)[:, None] * np.column_stack([np.cos(angle + offset), np.sin(angle + offset)]))
    return arms


def _xor(sizes: list[int], rng: np.random.Generator) -> list[np.ndarray]:
    # Squares of side 1, half a unit off the axes, so that it takes noise for the classes to mix.
    clouds = []
    for size, sign in zip(sizes, (-1.0, 1.0), strict=True):
        points = rng.uniform(0.5, 1.5, (size, 2))
        side = np.where(np.arange(size) % 2 == 0, 1.0, -1.0)
        clouds.append(points * np.column_stack([side, sign * side]))
    return clouds


def _two_points(sizes: list[int], _: np.random.Generator) -> list[np.ndarray]:
    return [np.tile((side, side), (size, 1)) for side, size in zip((-1.0, 1.0), sizes, strict=True)]


_GENERATED: dict[str, tuple[Callable[[list[int], np.random.Generator], list[np.ndarray]], tuple[str, ...]]] = {
    "moons": (_moons, ("upper", "lower")),
    "circles": (_circles, ("outer", "inner")),
    "blobs": (_blobs, ("lower left", "upper left", "lower right", "upper right")),
    "spirals": (_spirals, ("first arm", "second arm")),
    "xor": (_xor, ("different signs", "same sign")),
    "two_points": (_two_points, ("lower left", "upper right")),
}

_USEFUL = (3.0, -2.0, 1.5, 1.0)
_USELESS = 16


def _sparse(config: DataConfig) -> Table:
    """A target that is a weighted sum of the first four inputs; the other sixteen have nothing to do with it."""
    rng = np.random.default_rng([config.seed, _STREAM])
    x = rng.normal(size=(config.rows, len(_USEFUL) + _USELESS))
    y = x[:, : len(_USEFUL)] @ np.array(_USEFUL) + rng.normal(0.0, config.noise, config.rows)
    names = [f"useful {n}" for n in range(1, len(_USEFUL) + 1)] + [f"useless {n}" for n in range(1, _USELESS + 1)]
    return Table(config.source, "regression", x.astype(np.float32), y.astype(np.float32), tuple(names))


WAVES = ("sine", "square", "triangle", "sawtooth")
STEPS = 48


def _waves(config: DataConfig) -> Table:
    """One to three cycles of a wave over all steps, from any point of it, with a strength of 0.5 to 1.5."""
    rng = np.random.default_rng([config.seed, _STREAM])
    sizes = _sizes(config.rows, len(WAVES))
    labels = np.repeat(np.arange(len(WAVES), dtype=np.int64), sizes)
    start, cycles, strength = (rng.uniform(low, high, (config.rows, 1)) for low, high in ((0, 1), (1, 3), (0.5, 1.5)))
    place = (start + cycles * np.arange(STEPS) / STEPS) % 1.0  # in its cycle, from 0 to 1
    shapes = (
        np.sin(2 * np.pi * place),
        np.where(place < 0.5, 1.0, -1.0),
        4 * np.abs(place - 0.5) - 1,
        2 * place - 1,
    )
    signal = np.choose(labels[:, None], shapes) * strength
    signal += rng.normal(0.0, config.noise, signal.shape)
    names = tuple(f"step {step}" for step in range(1, STEPS + 1))
    return Table(config.source, "classification", signal.astype(np.float32), labels, names, WAVES, shape=(STEPS, 1))


def _generated(config: DataConfig) -> Table:
    if config.source == "sparse":
        return _sparse(config)
    if config.source == "waves":
        return _waves(config)
    shape, classes = _GENERATED[config.source]
    rng = np.random.default_rng([config.seed, _STREAM])
    sizes = _sizes(config.rows, len(classes))
    points = np.concatenate(shape(sizes, rng))
    points += rng.normal(0.0, config.noise, points.shape)
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), sizes)
    return Table(config.source, "classification", points.astype(np.float32), labels, ("x1", "x2"), classes)
