"""The datasets of the cases that are held out: scikit-learn's makers, photographs that ship with it, drawn pictures, signals and a table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.data.preprocess import Column
from engine.data.table import Table


def _of(name: str, x: np.ndarray, y: np.ndarray, classes: int = 0, **more: object) -> Table:
    """A table of these arrays: of classes where there are any."""
    inputs = tuple(f"x{number}" for number in range(x.shape[1]))
    task, kind = ("classification", np.int64) if classes else ("regression", np.float32)
    return Table(name, task, x.astype(np.float32), y.astype(kind), inputs, tuple("abcdefghij"[:classes]), **more)  # type: ignore[arg-type]


def _relabelled(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return np.where(chance.random(len(y)) < share, chance.permutation(y), y)


def _impedance(rows: int, noise: float, seed: int) -> Table:
    """Friedman's second: the impedance of a circuit, from inputs whose sizes differ by a factor of a thousand."""
    from sklearn.datasets import make_friedman2

    return _of("impedance", *make_friedman2(rows, noise=noise, random_state=seed))


def _phase(rows: int, noise: float, seed: int) -> Table:
    """Friedman's third: its phase angle."""
    from sklearn.datasets import make_friedman3

    return _of("phase", *make_friedman3(rows, noise=noise, random_state=seed))


def _shells(rows: int, features: int, classes: int, wrong: float, seed: int) -> Table:
    """Shells around each other, of as many rows each."""
    from sklearn.datasets import make_gaussian_quantiles

    x, y = make_gaussian_quantiles(n_samples=rows, n_features=features, n_classes=classes, random_state=seed)
    return _of("shells", x, _relabelled(y, wrong, seed), classes)


def _hastie(rows: int, wrong: float, seed: int) -> Table:
    """Whether the sum of ten squares is a large one: nothing that a straight line can see."""
    from sklearn.datasets import make_hastie_10_2

    x, y = make_hastie_10_2(rows, random_state=seed)
    return _of("hastie", x, _relabelled((y > 0).astype(np.int64), wrong, seed), 2)


def _corners(rows: int, features: int, classes: int, wrong: float, seed: int, apart: float = 1.0) -> Table:
    """Clouds at the corners of a cube, two for each class, among inputs that say nothing."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        rows, features, n_informative=5, n_redundant=2, n_classes=classes, n_clusters_per_class=2, flip_y=wrong,
        class_sep=apart, random_state=seed,
    )  # fmt: skip
    return _of("corners", x, y, classes)


def _roll(rows: int, noise: float, seed: int, scale: float = 1.0) -> Table:
    """How far along a rolled-up sheet a point lies. scale: of the inputs as they come."""
    from sklearn.datasets import make_swiss_roll

    x, along = make_swiss_roll(rows, noise=noise, random_state=seed)
    return _of("roll", scale * x, along)


def _photographs(rows: int, seed: int) -> Table:
    """Squares of 8 by 8 pixels out of two photographs: which of them they come from."""
    from sklearn.datasets import load_sample_images

    chance = np.random.default_rng(seed)
    pictures = [picture.mean(2) / 255 for picture in load_sample_images().images]
    y, x = chance.integers(0, 2, rows), np.empty((rows, 64))
    for row, which in enumerate(y):
        picture = pictures[which]
        top, left = (int(chance.integers(0, size - 24)) for size in picture.shape)
        x[row] = picture[top : top + 24 : 3, left : left + 24 : 3].reshape(-1)
    return _of("photographs", x, y, 2, image_shape=(1, 8, 8))


def _shapes(rows: int, noise: float, seed: int, wrong: float = 0.0) -> Table:
    """Drawn pictures of 10 by 10 pixels: a ring, a cross, a square's edge or stripes, of any size and place."""
    chance = np.random.default_rng(seed)
    down, right = np.mgrid[0:10, 0:10].astype(float)
    y, x = chance.integers(0, 4, rows), np.empty((rows, 100))
    for row, which in enumerate(y):
        a, b = down - chance.uniform(3.5, 5.5), right - chance.uniform(3.5, 5.5)
        size = chance.uniform(2.0, 3.6)
        if which == 0:
            drawn = np.abs(np.hypot(a, b) - size) < 0.7
        elif which == 1:
            drawn = (np.minimum(np.abs(a), np.abs(b)) < 0.6) & (np.maximum(np.abs(a), np.abs(b)) < size)
        elif which == 2:
            drawn = np.abs(np.maximum(np.abs(a), np.abs(b)) - size) < 0.6
        else:
            drawn = (np.maximum(np.abs(a), np.abs(b)) < size) & (np.floor(a + 20) % 2 == 0)
        x[row] = (chance.uniform(0.5, 1.0) * drawn + noise * chance.standard_normal((10, 10))).reshape(-1)
    return _of("shapes", x, _relabelled(y, wrong, seed), 4, image_shape=(1, 10, 10))


def _signals(rows: int, noise: float, seed: int) -> Table:
    """Two channels of 12 steps with a pulse each: whether the first comes earlier, later or at the same time."""
    chance = np.random.default_rng(seed)
    steps = np.arange(12)
    first, second = chance.integers(1, 11, (2, rows))
    second = np.where(chance.random(rows) < 0.25, first, second)
    pulses = [np.exp(-((steps - place[:, None]) ** 2) / 1.5) for place in (first, second)]
    x = np.stack(pulses, 2) + noise * chance.standard_normal((rows, 12, 2))
    return _of("signals", x.reshape(rows, -1), 1 + np.sign(second - first), 3, shape=(12, 2))


def _prices(rows: int, noise: float, seed: int) -> Table:
    """A price from three categories and three numbers: what a number is worth hangs on the category."""
    chance = np.random.default_rng(seed)
    sizes = (6, 4, 12)
    words = [chance.integers(0, size, rows) for size in sizes]
    numbers = chance.gamma(2.0, 1.0, (rows, 3))
    worth = [chance.normal(0, 1, size) for size in sizes]
    y = 2 * worth[0][words[0]] + worth[1][words[1]] * numbers[:, 0] + 0.7 * worth[2][words[2]] * numbers[:, 1]
    y = np.exp(0.25 * y) + 0.1 * numbers[:, 2] + noise * chance.standard_normal(rows)
    columns = [
        Column(f"c{n}", "category", tuple(f"v{value:02d}" for value in range(size))) for n, size in enumerate(sizes)
    ]
    columns += [Column(f"n{n}") for n in range(3)]
    return _of("prices", np.column_stack([*words, numbers]), y, columns=tuple(columns))


HELD_OUT: dict[str, Callable[[], Table]] = {
    "impedance": lambda: _impedance(1300, 20.0, 61),
    "impedance_noisy": lambda: _impedance(1200, 250.0, 62),
    "impedance_few": lambda: _impedance(700, 150.0, 63),
    "phase": lambda: _phase(1300, 0.02, 64),
    "phase_noisy": lambda: _phase(1200, 0.3, 65),
    "shells": lambda: _shells(1400, 4, 4, 0.0, 66),
    "shells_noisy": lambda: _shells(1200, 3, 2, 0.3, 67),
    "shells_flat": lambda: _shells(1200, 2, 2, 0.0, 68),
    "shells_three": lambda: _shells(1200, 2, 3, 0.0, 85),
    "hastie": lambda: _hastie(1500, 0.0, 69),
    "corners": lambda: _corners(1400, 10, 5, 0.0, 70, 1.6),
    "corners_noisy": lambda: _corners(1200, 8, 2, 0.3, 71),
    "corners_few": lambda: _corners(900, 20, 4, 0.1, 72),
    "roll": lambda: _roll(1300, 0.2, 73),
    "roll_noisy": lambda: _roll(1200, 5.0, 74),
    "roll_far": lambda: _roll(1200, 0.5, 75, 40.0),
    "photographs": lambda: _photographs(1200, 76),
    "shapes": lambda: _shapes(1100, 0.15, 77),
    "shapes_noisy": lambda: _shapes(1100, 0.3, 78, 0.2),
    "shapes_few": lambda: _shapes(700, 0.45, 79),
    "signals": lambda: _signals(1100, 0.1, 80),
    "signals_noisy": lambda: _signals(1100, 0.5, 81),
    "prices": lambda: _prices(1300, 0.05, 82),
    "prices_noisy": lambda: _prices(1200, 1.0, 83),
    "prices_few": lambda: _prices(700, 0.4, 84),
}
