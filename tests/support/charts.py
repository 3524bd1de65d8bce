"""Charts of runs as they happen, with numbers that are the same everywhere."""

from __future__ import annotations

import math

import numpy as np

from engine.series import smooth
from tui.chart import ChartOptions, Mark, Series

Scene = tuple[list[Series], ChartOptions, list[Mark]]


def unrest(count: int, seed: int) -> np.ndarray:
    """Values between -1 and 1 without a random generator, whose stream might change with numpy's version."""
    return np.array([math.sin(12.9898 * (k + 1) + 78.233 * seed) * 43758.5453 % 2 - 1 for k in range(count)])


def running() -> Scene:
    """60 of 100 epochs: the raw curve behind the smoothed one, validation every second epoch, edits, a resume."""
    x = np.arange(1.0, 61)
    raw = 2.2 * np.exp(-x / 12) + 0.15 + 0.12 * unrest(60, 1) * np.exp(-x / 60)
    raw[37] = 1.4  # a spike, which smoothing must not hide
    even = x[1::2]
    validation = 2.0 * np.exp(-even / 11) + 0.38 + 0.006 * np.maximum(even - 30, 0) + 0.02 * unrest(30, 2)
    series = [
        Series("train", x, smooth(raw, 0.8), "train"),
        Series("raw", x, raw, "raw"),
        Series("validation", even, validation, "validation"),
    ]
    best = float(even[int(validation.argmin())])
    marks = [
        Mark(20, "lr", "lr 1e-04"),
        Mark(25.4, "lr", "weight decay 0.01"),
        Mark(48, "resume"),
        Mark(best, "best", f"best {validation.min():.3f} @ {best:.0f}"),
    ]
    return series, ChartOptions(x_low=0, x_high=100, y_label="loss"), marks


def folds() -> Scene:
    """Five folds as ghosts, their mean with a band of one sd, and a cursor on it."""
    x = np.arange(1.0, 41)
    curves = np.array([1 - 0.75 * np.exp(-x / (7 + k)) - 0.03 * k + 0.015 * unrest(40, k) for k in range(5)])
    mean, sd = curves.mean(0), curves.std(0, ddof=1)
    series = [Series(f"fold {k + 1}", x, curve, "ghost") for k, curve in enumerate(curves)]
    series.append(Series("mean of 5", x, mean, "validation", low=mean - 2 * sd, high=mean + 2 * sd))
    return series, ChartOptions(x_low=0, x_high=50, y_label="accuracy", cursor=24), []


def logarithmic() -> Scene:
    """Both axes logarithmic, over ten thousand steps of which some went wrong."""
    x = np.arange(1.0, 10_001)
    loss = 3 * x**-0.6 * (1 + 0.3 * unrest(10_000, 3))
    loss[[29, 299, 300]] = math.nan
    loss[4999] = math.inf
    series = [
        Series("train", x, smooth(loss, 0.95), "train"),
        Series("raw", x, loss, "raw"),
        Series("validation", x[999::1000], 4 * x[999::1000] ** -0.5, "validation"),
    ]
    return series, ChartOptions(x_label="step", y_label="loss", log_x=True, log_y=True), []


def compared() -> Scene:
    """Six runs over the time since their start, with a target; beyond twenty minutes they overfit."""
    series = []
    for k, name in enumerate(["lr 1", "lr 0.3", "lr 0.1", "lr 0.03", "lr 0.01", "a run with a long name"]):
        seconds = np.arange(1.0, 60 - 6 * k) * 60
        series.append(Series(name, seconds, 0.2 + 0.1 * k + np.exp(-seconds / 500), "other"))
    series.append(Series("target", [0, 5400], [0.3, 0.3], "reference"))
    options = ChartOptions(
        x_low=0, x_high=5400, x_label="time", y_label="val. loss", x_format="seconds",
        shade=(1200.0, "underfitting", "overfitting"),
    )  # fmt: skip
    return series, options, [Mark(2700, "stop", "stopped early"), Mark(2760, "finding", "gradients vanish")]


SCENES = {"running": running, "folds": folds, "logarithmic": logarithmic, "compared": compared}
