"""Where the values of a chart lie on its raster of dots, 2 x 4 to a cell, and which lines they make there. Pure."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.series import Floats, columns_of

from .chart_frame import Frame

Dots = tuple[list[int], list[int]]  # x and y of the corners of a line, in dots from the lower left


class Placing:
    """From values to dots: x from 0 to 2 * columns - 1, y from 0 to 4 * rows - 1 for what lies within the axes."""

    def __init__(self, frame: Frame, x_low: float, x_high: float, y_low: float, y_high: float, log: bool) -> None:
        self.frame, self.log = frame, log
        self.dots_across, self.dots_up = 2 * frame.columns, 4 * frame.rows
        self._x = x_low, x_high
        self._y = (math.log10(y_low), math.log10(y_high)) if log and y_low > 0 else (y_low, y_high)

    def x(self, xs: Floats) -> npt.NDArray[np.intp]:
        return columns_of(xs, self.dots_across, *self._x)

    def y(self, ys: Floats) -> Floats:
        """Not rounded, and beyond the canvas for values outside of the axis, though never so far that sums overflow."""
        low, high = self._y
        with np.errstate(over="ignore"):
            share = ((np.log10(ys) if self.log else ys) - low) / (high - low)
        return np.clip(share, -1e6, 1e6) * (self.dots_up - 1)

    def column(self, x: float) -> int:
        """The column of one x inside the canvas, in cells."""
        return int(self.x(np.array([x]))[0]) // 2

    def shows(self, x: float) -> bool:
        return self._x[0] <= x <= self._x[1]


def pieces_of(xs: Floats, ys: Floats, lost: Floats, place: Placing) -> list[Dots]:
    """A line in unbroken pieces inside the canvas: it breaks where a value is missing and where it leaves the axes.

    `lost` holds the x of missing values, ascending as `xs`.
    """
    dots_x, dots_y = place.x(xs), place.y(ys)
    top = place.dots_up - 1
    breaks = (np.flatnonzero(np.diff(np.searchsorted(lost, xs))) + 1).tolist()
    pieces: list[Dots] = []
    for start, stop in zip([0, *breaks], [*breaks, len(xs)], strict=True):
        part_x, part_y = dots_x[start:stop].tolist(), dots_y[start:stop]
        if not part_x:
            continue
        if part_y.min() < 0 or part_y.max() > top:
            pieces += _clipped(part_x, part_y.tolist(), top)
        else:
            pieces.append((part_x, np.rint(part_y).astype(int).tolist()))
    return [_visible(piece) for piece in pieces]


def _clipped(xs: list[int], ys: list[float], top: int) -> list[Dots]:
    """The pieces of a line between y = 0 and y = `top`, ending where it crosses them."""
    pieces: list[Dots] = []
    if len(xs) == 1 and 0 <= ys[0] <= top:
        return [(xs, [round(ys[0])])]
    for (x0, y0), (x1, y1) in pairwise(zip(xs, ys, strict=True)):
        if max(y0, y1) < 0 or min(y0, y1) > top:
            continue
        start_x, start_y = _stopped(x0, y0, x1, y1, x0, y0, top)
        end_x, end_y = _stopped(x0, y0, x1, y1, x1, y1, top)
        if pieces and (pieces[-1][0][-1], pieces[-1][1][-1]) == (start_x, start_y):
            pieces[-1][0].append(end_x)
            pieces[-1][1].append(end_y)
        else:
            pieces.append(([start_x, end_x], [start_y, end_y]))
    return pieces


def _stopped(x0: int, y0: float, x1: int, y1: float, x: int, y: float, top: int) -> tuple[int, int]:
    """The end (x, y) of the line from (x0, y0) to (x1, y1), or where the line meets the canvas if that end lies outside."""
    edge = min(max(y, 0.0), float(top))
    if edge == y or y0 == y1:
        return x, round(edge)
    return round(x0 + (x1 - x0) * (edge - y0) / (y1 - y0)), round(edge)


def _visible(piece: Dots) -> Dots:
    """The piece itself, or the four dots around it if it is a single dot, which nobody would see."""
    xs, ys = piece
    if max(xs) > min(xs) or max(ys) > min(ys):
        return piece
    x, y = xs[0] // 2 * 2, ys[0] // 2 * 2
    return [x, x + 1, x + 1, x], [y, y, y + 1, y + 1]
