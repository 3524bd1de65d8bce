"""Numbers on their way to a chart: cleaning, thinning and smoothing. What belongs to an axis is in axes.py.

A series is two parallel 1-D arrays: `xs` (epochs, steps or seconds, in ascending order) and `ys` (the value, in the metric's
own unit). Nothing here knows a screen; a column is only "one of N equal parts of the x axis".
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .axes import LARGEST, Floats, HeldBounds, clock, round_bounds, second_ticks, ticks

__all__ = [
    "LARGEST",
    "Floats",
    "HeldBounds",
    "Smoother",
    "clean",
    "clock",
    "column_edges",
    "columns_of",
    "decimate",
    "figure",
    "round_bounds",
    "second_ticks",
    "smooth",
    "ticks",
]
Places = npt.NDArray[np.intp]


def clean(
    xs: npt.ArrayLike, ys: npt.ArrayLike, log_y: bool = False, log_x: bool = False
) -> tuple[Floats, Floats, Floats]:
    """The points that can be drawn, and where those were that cannot.

    Returns `(xs, ys, lost)`: equally long finite float64 arrays in ascending order of x with magnitudes up to `LARGEST`,
    and the x of every point whose y was NaN or infinite. Points with a non-finite x have no place and are dropped; so,
    on a logarithmic axis, are points at zero or less, which have no place either but are no fault.
    """
    x, y = np.asarray(xs, np.float64).ravel(), np.asarray(ys, np.float64).ravel()
    count = min(len(x), len(y))
    x, y = x[:count], y[:count]
    if not _tame(x):
        placed = np.isfinite(x)
        x, y = np.clip(x[placed], -LARGEST, LARGEST), y[placed]
    if np.any(x[1:] < x[:-1]):
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    if log_x:
        start = int(np.searchsorted(x, 0.0, "right"))
        x, y = x[start:], y[start:]
    if _tame(y) and not (log_y and y.min() <= 0):
        return x, y, x[:0]
    finite = np.isfinite(y)
    keep = finite & (y > 0) if log_y else finite
    return x[keep], np.clip(y[keep], -LARGEST, LARGEST), x[~finite]


def _tame(values: Floats) -> bool:
    """Whether there are values, all finite and of safe size: two fast scans that spare the usual series the slow ones."""
    return bool(len(values) and values.min() >= -LARGEST and values.max() <= LARGEST)


def column_edges(columns: int, low: float, high: float, log: bool = False) -> Floats:
    """The `columns` - 1 values of x that part the columns, with `low` in the middle of the first and `high` in that of the
    last. With `log` the columns are equal parts of log x; `low` is then above 0. An edge itself belongs to its right side.
    """
    if columns < 2 or not high > low:
        return np.zeros(0)
    share = (np.arange(columns - 1) + 0.5) / (columns - 1)
    if log:
        bottom, top = math.log10(low), math.log10(high)
        return np.clip(10.0 ** np.minimum(bottom + share * (top - bottom), 308.0), low, high)
    return low + share * (high - low)


def columns_of(xs: Floats, columns: int, low: float, high: float, log: bool = False) -> Places:
    """The column (0 to `columns` - 1) of each x; the columns are those of `column_edges`."""
    return np.searchsorted(column_edges(columns, low, high, log), xs, "right")


def decimate(xs: Floats, ys: Floats, columns: int, low: float, high: float, log: bool = False) -> tuple[Floats, Floats]:
    """The few points that draw the same picture: of each column its first, lowest, highest and last.

    These four make a line of straight pieces that fills the same pixels as the whole series, if the columns are those of the
    pixels (M4: Jugel, Jerzak, Hackenbroich and Markl, VLDB 2014). Wants finite `ys` and ascending `xs`, as `clean` returns
    them. At most 4 * `columns` points are left.
    """
    if len(xs) <= 4:
        return xs, ys
    # Ascending, so the columns are slices, and finding their ends is all that has to be asked of the xs.
    edges = np.searchsorted(xs, column_edges(columns, low, high, log), "left")
    starts, stops = np.append(0, edges), np.append(edges, len(xs))
    filled = stops > starts
    starts, stops = starts[filled], stops[filled]
    if len(starts) * 4 >= len(xs):
        return xs, ys
    # Two C-speed scans a column beat any whole-array trick: there are at most some hundred columns.
    parts = [ys[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    lowest = starts + np.array([part.argmin() for part in parts])
    highest = starts + np.array([part.argmax() for part in parts])
    chosen = np.unique(np.concatenate([starts, lowest, highest, stops - 1]))
    return xs[chosen], ys[chosen]


def smooth(ys: npt.ArrayLike, weight: float) -> Floats:
    """Exponential moving average of `ys` with `weight` (0 to below 1) on the past, without the usual bias towards zero.

    The first value stands for itself and constants stay what they are. NaN and infinite values are stepped over: they
    stay in their place and do not touch their neighbours. Equally long as `ys`.
    """
    return Smoother(weight).update(ys).copy()


class Smoother:
    """`smooth` for a curve that grows: what was smoothed before is kept, and only what was appended is worked out.

    Whether the curve did only grow is looked at each time; after a change in its past all of it is smoothed anew.
    """

    def __init__(self, weight: float) -> None:
        self.weight = min(max(float(weight), 0.0), 0.9999) if math.isfinite(weight) else 0.0
        self._forget()

    def _forget(self) -> None:
        self._seen = self._out = np.zeros(0)
        self._total = self._mass = 0.0  # sum(w^(n-k) * v_k) and sum(w^(n-k)) over the values so far
        self._low, self._high = math.inf, -math.inf

    def update(self, ys: npt.ArrayLike) -> Floats:
        """The smoothed curve, as long as `ys`: the one array that this object keeps, so not to be written to."""
        seen = np.array(ys, np.float64).ravel()
        known = len(self._seen)
        if len(seen) < known or not np.array_equal(seen[:known].view(np.int64), self._seen.view(np.int64)):
            self._forget()
            known = 0
        if len(seen) > known:
            self._out = np.concatenate([self._out, self._continued(seen[known:])])
            self._out.flags.writeable = False
        self._seen = seen
        return self._out

    def _continued(self, ys: Floats) -> Floats:
        out = ys.copy()
        usable = np.isfinite(ys)
        values = np.clip(ys[usable], -LARGEST, LARGEST)
        if self.weight < 1e-9 or not len(values):  # so light a past changes no digit, and its powers would overflow
            return out
        past = self._total / self._mass if self._mass else 0.0
        scale = max(float(np.abs(values).max()), abs(past)) or 1.0
        mean, total, self._mass = _moving_mean(values / scale, self.weight, past / scale * self._mass, self._mass)
        self._total = min(max(total / self._mass, -1.0), 1.0) * scale * self._mass
        # A mean lies between the extremes seen so far: said explicitly, rounding cannot move a constant by a last bit.
        low = np.minimum(np.minimum.accumulate(values), self._low)
        high = np.maximum(np.maximum.accumulate(values), self._high)
        self._low, self._high = float(low[-1]), float(high[-1])
        out[usable] = np.clip(mean * scale, low, high)
        return out


def _moving_mean(values: Floats, weight: float, total: float, mass: float) -> tuple[Floats, float, float]:
    """sum(w^(i-k) * v_k) / sum(w^(i-k)) for every i, k <= i, and the last two sums; `values` within +-1.

    `total` and `mass` are these sums over the values before. A block at a time as a cumulative sum of v_k * w^-k; blocks are
    short enough for w^-k to stay far from overflow.
    """
    block = max(1, min(len(values), int(math.log(1e150) / -math.log(weight))))
    decay = weight ** np.arange(1, block + 1)
    weights = np.cumsum(1.0 / decay)
    parts = []
    for start in range(0, len(values), block):
        part = values[start : start + block]
        fade = decay[: len(part)]
        sums = (np.cumsum(part / fade) + total) * fade
        masses = (weights[: len(part)] + mass) * fade
        total, mass = float(sums[-1]), float(masses[-1])
        parts.append(sums / masses)
    return np.concatenate(parts), total, mass


def figure(value: float) -> str:
    """`value` with four significant digits and, while it varies a little, of one length: 0.2310, 12.35, 1.235e+06."""
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    return f"{value:#.4g}".rstrip(".") if value else "0"
