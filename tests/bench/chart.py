"""What a draw of a chart costs: a million points as they are when they are first seen, and once more after some were appended."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from engine.series import HeldBounds, Smoother
from tui.chart import ChartOptions, Series, draw

POINTS = 1_000_000
Spent = tuple[float, float]  # milliseconds by the clock, and of the processor


def _now() -> Spent:
    return 1000 * time.perf_counter(), 1000 * time.process_time()


def _since(began: Spent) -> Spent:
    clock, processor = _now()
    return clock - began[0], processor - began[1]


def draws(points: int) -> list[Spent]:
    """A raw curve with a spike and its smoothed one, at 120x30: the smoothing, the first draw, and then, with points
    appended, the smoothing and the next draw. Every draw gets new series, so that nothing about them is remembered.
    """
    rng = np.random.default_rng(0)
    xs = np.arange(1.0, points + 101)
    ys = np.exp(-xs / points * 4) + rng.normal(0, 0.02, len(xs))
    spike = points * 2 // 3
    ys[spike] = 9.0
    options = ChartOptions(120, 30, bounds=HeldBounds())
    smoother = Smoother(0.99)
    spent: list[Spent] = []
    for count in (points, points + 100):
        began = _now()
        smoothed = smoother.update(ys[:count])
        spent.append(_since(began))
        began = _now()
        series = [Series("train", xs[:count], smoothed, "train"), Series("raw", xs[:count], ys[:count], "raw")]
        strips = draw(series, options)
        spent.append(_since(began))
        column = 6 + round(spike / count * 113)
        height = max(sum(strip.text[at] in ".:˙" for strip in strips[1:-2]) for at in range(column - 1, column + 2))
        assert height > 15, "the spike is not in the picture"
    return spent


def usual_milliseconds() -> float:
    """Milliseconds of a draw of a running chart at 120x18: train, raw and validation of 1,000 epochs each."""
    rng = np.random.default_rng(0)
    xs = np.arange(1.0, 1001)
    ys = {role: np.exp(-xs / 200) + rng.normal(0, 0.02, 1000) for role in ("train", "raw", "validation")}
    options = ChartOptions(120, 18, x_low=0, x_high=1000, bounds=HeldBounds())
    began = time.process_time()
    draw([Series(role, xs, curve, role) for role, curve in ys.items()], options)  # type: ignore[arg-type]
    return 1000 * (time.process_time() - began)


def measured(
    rounds: int, quick: bool
) -> Iterator[tuple[str, str, list[tuple[float, float]], list[tuple[float, float]], str]]:
    """Work, limit in words, (milliseconds, limit) of each round by the clock and of the processor, remark; of each line."""
    points = 20_000 if quick else POINTS
    found = [draws(points) for _ in range(rounds + 1)][1:]
    before, first, continued, following = zip(*found, strict=True)
    usual = statistics.median(usual_milliseconds() for _ in range(rounds + 1))
    words = f"chart of {points:,} points, raw and smoothed, 120x30"
    for what, spent, smoothing, limit, more in (
        ("first draw", first, before, 50.0, ""),
        ("next draw, 100 appended", following, continued, 20.0, f"; 3 x 1,000 points at 120x18 {usual:.1f} ms"),
    ):
        note = f"smoothing before it {statistics.median(one for one, _ in smoothing):.1f} ms{more}"
        pairs, cpu = ([(one[kind], limit) for one in spent] for kind in (0, 1))
        yield f"{words}: {what}", f"{limit:.0f} ms", pairs, cpu, note
