"""The datasets of the corpus: all made up, small, and each with something of its own that makes it easy or hard to learn."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from engine.data.table import Table

from .heldout_tables import HELD_OUT


def _names(columns: int) -> tuple[str, ...]:
    return tuple(f"x{number}" for number in range(columns))


def _teacher(rows: int, features: int, classes: int, noise: float, seed: int, width: int = 6) -> Table:
    """Classes by the answers of a small random net; `noise` of the labels are drawn anew."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((rows, features)).astype(np.float32)
    hidden = np.tanh(1.5 * x @ chance.standard_normal((features, width)) / features**0.5 * 2)
    y = (hidden @ chance.standard_normal((width, classes))).argmax(1)
    wrong = chance.random(rows) < noise
    y = np.where(wrong, chance.integers(0, classes, rows), y).astype(np.int64)
    return Table("teacher", "classification", x, y, _names(features), tuple("abcdefghij"[:classes]))


def _smooth(rows: int, features: int, noise: float, seed: int) -> Table:
    """A quantity after Friedman (1991): 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5, and inputs that do not matter."""
    chance = np.random.default_rng(seed)
    x = chance.random((rows, features)).astype(np.float32)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = (y + noise * chance.standard_normal(rows)).astype(np.float32)
    return Table("smooth", "regression", x, y, _names(features))


def _waves(rows: int, noise: float, seed: int) -> Table:
    """A quantity that goes up and down over the plane."""
    chance = np.random.default_rng(seed)
    x = chance.uniform(-2, 2, (rows, 2)).astype(np.float32)
    y = np.sin(2 * x[:, 0]) * np.cos(1.5 * x[:, 1]) + 0.3 * x[:, 0] + noise * chance.standard_normal(rows)
    return Table("waves", "regression", x, y.astype(np.float32), _names(2))


def _xor(rows: int, noise: float, seed: int) -> Table:
    chance = np.random.default_rng(seed)
    corners = chance.integers(0, 2, (rows, 2))
    x = (2 * corners - 1 + noise * chance.standard_normal((rows, 2))).astype(np.float32)
    return Table("xor", "classification", x, (corners.sum(1) % 2).astype(np.int64), _names(2), ("a", "b"))


def _rings(rows: int, classes: int, noise: float, seed: int) -> Table:
    """Rings around each other."""
    chance = np.random.default_rng(seed)
    y = chance.integers(0, classes, rows)
    angle = chance.uniform(0, 2 * np.pi, rows)
    radius = 1 + y + noise * chance.standard_normal(rows)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32)
    return Table("rings", "classification", x, y.astype(np.int64), _names(2), tuple("abcdef"[:classes]))


def _parity(rows: int, seed: int) -> Table:
    """Three signs whose product is the class: nothing a part of them says helps."""
    chance = np.random.default_rng(seed)
    x = chance.choice([-1.0, 1.0], (rows, 3)) + 0.2 * chance.standard_normal((rows, 3))
    y = (np.sign(x).prod(1) > 0).astype(np.int64)
    return Table("parity", "classification", x.astype(np.float32), y, _names(3), ("a", "b"))


def _clouds(rows: int, features: int, classes: int, scatter: float, seed: int) -> Table:
    """Clouds around random centres, which overlap the more the larger `scatter` is."""
    chance = np.random.default_rng(seed)
    y = chance.integers(0, classes, rows)
    x = chance.standard_normal((classes, features))[y] + scatter * chance.standard_normal((rows, features))
    return Table(
        "clouds",
        "classification",
        x.astype(np.float32),
        y.astype(np.int64),
        _names(features),
        tuple("abcdefghij"[:classes]),
    )


def _checker(rows: int, cells: int, noise: float, seed: int) -> Table:
    """A chequered board; `noise` of the labels are drawn anew."""
    chance = np.random.default_rng(seed)
    x = chance.uniform(0, cells, (rows, 2))
    y = np.floor(x).sum(1) % 2
    y = np.where(chance.random(rows) < noise, chance.integers(0, 2, rows), y)
    return Table("checker", "classification", x.astype(np.float32), y.astype(np.int64), _names(2), ("a", "b"))


def _spiral(rows: int, turns: float, noise: float, seed: int) -> Table:
    """Three arms of a spiral."""
    chance = np.random.default_rng(seed)
    y = chance.integers(0, 3, rows)
    along = np.sqrt(chance.random(rows))
    angle = 2 * np.pi * (turns * along + y / 3)
    x = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) + noise * chance.standard_normal((rows, 2))
    return Table("spiral", "classification", x.astype(np.float32), y.astype(np.int64), _names(2), ("a", "b", "c"))


def _additive(rows: int, features: int, noise: float, seed: int, offset: float = 0.0, scale: float = 1.0) -> Table:
    """A sum of one wave for each of half of the inputs. offset, scale: of the inputs as they come, before standardizing."""
    chance = np.random.default_rng(seed)
    x = chance.uniform(-1, 1, (rows, features))
    rates, sizes = chance.uniform(1, 3, features // 2), chance.uniform(0.5, 1.5, features // 2)
    y = (sizes * np.sin(rates * x[:, : features // 2] * 1.5)).sum(1) + noise * chance.standard_normal(rows)
    return Table(
        "additive", "regression", (offset + scale * x).astype(np.float32), y.astype(np.float32), _names(features)
    )


def _products(rows: int, features: int, noise: float, seed: int) -> Table:
    """A quantity made of products of two inputs each: nothing that a straight line can see."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((rows, features))
    y = x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] + noise * chance.standard_normal(rows)
    return Table("products", "regression", x.astype(np.float32), y.astype(np.float32), _names(features))


def _disc(rows: int, noise: float, seed: int) -> Table:
    """Inside or outside of a circle, with two inputs that do not matter."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((rows, 4))
    y = (x[:, 0] ** 2 + x[:, 1] ** 2 + noise * chance.standard_normal(rows) > 1.4).astype(np.int64)
    return Table("disc", "classification", x.astype(np.float32), y, _names(4), ("a", "b"))


def _curve(rows: int, bend: float, noise: float, seed: int) -> Table:
    """Above or below a wave, with three inputs that do not matter; `noise` of the labels are drawn anew."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((rows, 5))
    y = (x[:, 1] > np.sin(bend * x[:, 0])).astype(np.int64)
    y = np.where(chance.random(rows) < noise, chance.integers(0, 2, rows), y).astype(np.int64)
    return Table("curve", "classification", x.astype(np.float32), y, _names(5), ("a", "b"))


def _pairs(rows: int, features: int, classes: int, scatter: float, seed: int) -> Table:
    """Two clouds for each class."""
    chance = np.random.default_rng(seed)
    which = chance.integers(0, 2 * classes, rows)
    x = 1.6 * chance.standard_normal((2 * classes, features))[which] + scatter * chance.standard_normal(
        (rows, features)
    )
    return Table(
        "pairs",
        "classification",
        x.astype(np.float32),
        which % classes,
        _names(features),
        tuple("abcdefghij"[:classes]),
    )


def _terraces(rows: int, features: int, noise: float, seed: int, offset: float = 0.0, scale: float = 1.0) -> Table:
    """A quantity in steps: each of three inputs lifts it beyond some thresholds."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((rows, features))
    y = (x[:, 0] > 0.3) * 2.0 + (x[:, 1] > -0.5) * (x[:, 2] > 0) * 3.0 + noise * chance.standard_normal(rows)
    return Table(
        "terraces", "regression", (offset + scale * x).astype(np.float32), y.astype(np.float32), _names(features)
    )


def _bowl(rows: int, features: int, noise: float, seed: int, scale: float = 1.0) -> Table:
    """The distance from the middle, a little askew."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((rows, features))
    y = np.sqrt((x**2).sum(1)) + 0.5 * x[:, 0] * np.abs(x[:, 1]) + noise * chance.standard_normal(rows)
    return Table("bowl", "regression", (scale * x).astype(np.float32), y.astype(np.float32), _names(features))


TABLES: dict[str, Callable[[], Table]] = {
    "teacher": lambda: _teacher(3000, 20, 5, 0.0, 1),
    "teacher_few": lambda: _teacher(1400, 20, 5, 0.1, 2),
    "teacher_noisy": lambda: _teacher(3000, 10, 3, 0.2, 3),
    "smooth": lambda: _smooth(2500, 10, 1.0, 4),
    "smooth_few": lambda: _smooth(1000, 10, 2.0, 5),
    "xor": lambda: _xor(1200, 0.15, 6),
    "parity": lambda: _parity(2000, 7),
    "teacher2": lambda: _teacher(4000, 12, 8, 0.0, 11, 10),
    "teacher2_few": lambda: _teacher(1500, 30, 3, 0.15, 12),
    "teacher2_noisy": lambda: _teacher(3500, 8, 2, 0.15, 13),
    "waves": lambda: _waves(2500, 0.2, 14),
    "waves_few": lambda: _waves(700, 0.5, 15),
    "rings": lambda: _rings(2000, 4, 0.15, 16),
    "xor2": lambda: _xor(1500, 0.3, 17),
    "clouds": lambda: _clouds(1500, 10, 4, 1.3, 21),
    "clouds_many": lambda: _clouds(2000, 16, 9, 0.9, 22),
    "clouds_few": lambda: _clouds(900, 20, 3, 2.0, 23),
    "checker": lambda: _checker(2000, 3, 0.0, 24),
    "checker_noisy": lambda: _checker(1600, 2, 0.3, 25),
    "spiral": lambda: _spiral(1500, 0.8, 0.03, 26),
    "additive": lambda: _additive(1600, 8, 0.5, 27),
    "additive_clean": lambda: _additive(1600, 8, 0.05, 28),
    "additive_far": lambda: _additive(1400, 6, 0.2, 29, 60.0, 5.0),
    "additive_wide": lambda: _additive(1400, 6, 0.2, 30, 0.0, 300.0),
    "products": lambda: _products(1600, 6, 0.3, 31),
    "products_few": lambda: _products(900, 8, 0.8, 32),
    "disc": lambda: _disc(1400, 0.2, 33),
    "curve": lambda: _curve(1400, 2.0, 0.0, 41),
    "curve_noisy": lambda: _curve(1200, 1.0, 0.3, 42),
    "pairs": lambda: _pairs(1400, 6, 5, 0.9, 43),
    "pairs_noisy": lambda: _pairs(1200, 4, 3, 2.0, 44),
    "pairs_few": lambda: _pairs(900, 15, 3, 2.2, 45),
    "terraces": lambda: _terraces(1400, 5, 0.1, 46),
    "terraces_noisy": lambda: _terraces(1200, 4, 2.0, 47),
    "terraces_far": lambda: _terraces(1200, 5, 0.3, 48, -40.0, 4.0),
    "bowl": lambda: _bowl(1400, 4, 0.05, 49),
    "bowl_noisy": lambda: _bowl(1200, 3, 0.8, 50),
    "bowl_few": lambda: _bowl(900, 10, 0.7, 51),
    "bowl_wide": lambda: _bowl(1200, 4, 0.2, 52, 500.0),
    **HELD_OUT,
}


@functools.cache
def table(name: str) -> Table:
    """A dataset of the corpus, made once."""
    return TABLES[name]()
