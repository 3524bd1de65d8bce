"""Where the values of a chart lie on its raster of dots, 2 x 4 to a cell, and which cells its lines and bands fill. Pure.

Every value is placed on the dots first, and coarser markers take the cell of their dot: so what happened at one x is in one
column, whatever it is drawn with.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engine.series import Floats, column_edges

from .chart_frame import Frame
from .chart_glyphs import Marker

Ints = npt.NDArray[np.intp]
_FAR = 1e6  # heights or widths of the canvas beyond which it does not matter how far


class Placing:
    """From values to dots: x from 0 to 2 * columns - 1, y from 0 to 4 * rows - 1 for what lies within the axes."""

    def __init__(
        self,
        frame: Frame,
        x_low: float,
        x_high: float,
        y_low: float,
        y_high: float,
        log_y: bool = False,
        log_x: bool = False,
    ) -> None:
        self.frame, self.log_x, self.log_y = frame, log_x, log_y
        self.dots_across, self.dots_up = 2 * frame.columns, 4 * frame.rows
        self.x_low, self.x_high = x_low, x_high
        self._edges = column_edges(self.dots_across, x_low, x_high, log_x)
        self._across = (math.log10(x_low), math.log10(x_high)) if log_x else (x_low, x_high)
        self._up = (math.log10(y_low), math.log10(y_high)) if log_y else (y_low, y_high)

    def x(self, xs: Floats) -> Ints:
        """Whole dots; what lies outside is at the nearest end."""
        return np.searchsorted(self._edges, xs, "right")

    def x_exact(self, xs: Floats) -> Floats:
        """Not rounded, and beyond the canvas for what lies outside. Wants positive xs on a logarithmic axis."""
        return self._share(xs, self._across, self.log_x) * (self.dots_across - 1)

    def y(self, ys: Floats) -> Floats:
        """Not rounded, and beyond the canvas for what lies outside. Wants positive ys on a logarithmic axis."""
        return self._share(ys, self._up, self.log_y) * (self.dots_up - 1)

    def _share(self, values: Floats, ends: tuple[float, float], log: bool) -> Floats:
        low, high = ends
        with np.errstate(over="ignore"):
            share = ((np.log10(values) if log else values) - low) / (high - low)
        return np.clip(share, -_FAR, _FAR)

    def column(self, x: float) -> int:
        """The column of one x inside the canvas, in cells."""
        return int(self.x(np.array([x]))[0]) // 2

    def columns(self, xs: Floats) -> Ints:
        """The column of each x, in cells."""
        return self.x(xs) // 2

    def row(self, y: float) -> int | None:
        """The row of the canvas, from its top, where a value lies; None if that is outside of the axis."""
        if not math.isfinite(y) or (self.log_y and y <= 0):
            return None
        dot = math.floor(float(self.y(np.array([y]))[0]) + 0.5)
        return self.frame.rows - 1 - dot // 4 if 0 <= dot < self.dots_up else None

    def shows(self, x: float) -> bool:
        return self.x_low <= x <= self.x_high

    def value_at(self, column: int) -> float:
        """The x in the middle of a column; columns beside the canvas count as the nearest one."""
        share = (2 * min(max(column, 0), self.frame.columns - 1) + 0.5) / max(self.dots_across - 1, 1)
        low, high = self._across
        at = low + share * (high - low)
        return min(max(10.0 ** min(at, 308.0) if self.log_x else at, self.x_low), self.x_high)


def strokes(xs: Floats, ys: Floats, lost: Floats, place: Placing, start: int, stop: int) -> Ints:
    """A line as straight strokes inside the canvas: rows of (x0, y0, x1, y1) in dots.

    It breaks where a value is missing, and ends where it leaves the axes. `lost` holds the x of missing values, ascending as
    `xs`; the points from `start` to before `stop` lie inside in x. A piece that is a single dot, which nobody would see,
    becomes the four dots around it.
    """
    across = place.x(xs).astype(np.float64)
    outside = [*range(start), *range(stop, len(xs))]
    if outside:
        across[outside] = place.x_exact(xs[outside])
    up = place.y(ys)
    inside = (up > -0.5) & (up < place.dots_up - 0.5)
    up[inside] = np.floor(up[inside] + 0.5)
    joined = np.diff(np.searchsorted(lost, xs)) == 0 if len(lost) else np.ones(max(len(xs) - 1, 0), bool)
    lines = np.stack([across[:-1], up[:-1], across[1:], up[1:]], 1)[joined]
    lines = _clipped(lines, place.dots_across - 1, place.dots_up - 1)
    return np.concatenate([lines, _specks(across, up, joined, place)]).astype(np.intp)


def _clipped(lines: Floats, right: int, top: int) -> Floats:
    """The parts of the strokes that lie within 0 to `right` and 0 to `top`, in whole dots (Liang and Barsky, 1984)."""
    ends = lines.reshape(-1, 2, 2)  # stroke, end, axis
    limit = np.array([right, top], np.float64)
    if (ends < 0).any() or (ends > limit).any():
        first, way = ends[:, 0], ends[:, 1] - ends[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = (0 - first) / way, (limit - first) / way
        still = way == 0
        within = (first >= 0) & (first <= limit)
        enter = np.where(still, np.where(within, -np.inf, np.inf), np.minimum(low, high)).max(1).clip(0)
        leave = np.where(still, np.inf, np.maximum(low, high)).min(1).clip(max=1)
        seen = enter <= leave
        first, way = first[seen], way[seen]
        ends = np.stack([first + way * enter[seen, None], first + way * leave[seen, None]], 1)
    return np.floor(np.clip(ends, 0, limit) + 0.5).reshape(-1, 4)


def _specks(across: Floats, up: Floats, joined: npt.NDArray[np.bool_], place: Placing) -> Floats:
    """Two level strokes over one another for each piece of the line that is but one dot inside the canvas."""
    if not len(across):
        return np.zeros((0, 4))
    starts = np.append(0, np.flatnonzero(~joined) + 1)
    spread = [np.maximum.reduceat(v, starts) - np.minimum.reduceat(v, starts) for v in (across, up)]
    alone = starts[(spread[0] == 0) & (spread[1] == 0)]
    x, y = across[alone], up[alone]
    seen = (x >= 0) & (x < place.dots_across) & (y >= 0) & (y < place.dots_up)
    x, y = x[seen] // 2 * 2, y[seen] // 2 * 2
    return np.concatenate([np.stack([x, level, x + 1, level], 1) for level in (y, y + 1)])


def filled_cells(lines: Ints, marker: Marker, frame: Frame) -> tuple[Ints, Ints, npt.NDArray[np.uint32]]:
    """The cells that strokes fill when drawn with `marker`: rows and columns of the canvas, and the code points there."""
    wide, tall = marker.wide, marker.tall
    mask = np.zeros((tall * frame.rows, wide * frame.columns), bool)
    x0, y0, x1, y1 = (
        end * pixels // dots for end, pixels, dots in zip(lines.T, (wide, tall) * 2, (2, 4) * 2, strict=True)
    )
    steps = np.maximum(np.abs(x1 - x0), np.abs(y1 - y0))
    # Every pixel of every stroke: which stroke it is of, and how far along that it is.
    which = np.repeat(np.arange(len(steps)), steps + 1)
    first = np.cumsum(steps + 1) - steps - 1
    share = (np.arange(len(which)) - first[which]) / np.maximum(steps, 1)[which]
    x = np.floor(x0[which] + (x1 - x0)[which] * share + 0.5).astype(np.intp)
    y = np.floor(y0[which] + (y1 - y0)[which] * share + 0.5).astype(np.intp)
    mask[tall * frame.rows - 1 - y, x] = True
    weights = np.array(marker.weights)
    sums = np.einsum("rtcw,tw->rc", mask.reshape(frame.rows, tall, frame.columns, wide), weights)
    rows, columns = np.nonzero(sums)
    return rows, columns, marker.table[sums[rows, columns]]


def band_cells(xs: Floats, low: Floats, high: Floats, place: Placing) -> tuple[Ints, Ints]:
    """Rows and columns of the canvas whose middle lies between `low` and `high`.

    Between the points the edges are straight; of several points in one column the widest span counts.
    """
    frame = place.frame
    if not len(xs):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    exact, at = place.x_exact(xs) / 2, place.columns(xs)
    columns = np.arange(frame.columns)
    bottom, top = (np.interp(columns + 0.25, exact, edge, np.nan, np.nan) for edge in (place.y(low), place.y(high)))
    shown = (xs >= place.x_low) & (xs <= place.x_high)
    np.fmin.at(bottom, at[shown], place.y(low)[shown])
    np.fmax.at(top, at[shown], place.y(high)[shown])
    middles = 4 * (frame.rows - 1 - np.arange(frame.rows)[:, None]) + 1.5
    rows, columns = np.nonzero((middles >= bottom) & (middles <= top))
    return rows, columns
