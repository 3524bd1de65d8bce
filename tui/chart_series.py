"""What a chart is asked to show: series, marks and options. Pure data, as chart.py draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.series import Floats, HeldBounds, clean, decimate, figure

from .text import Charset

Role = Literal["train", "raw", "validation", "test", "ghost", "ghost_train", "other", "reference"]
ORDER: tuple[Role, ...] = (
    *("raw", "ghost_train", "ghost", "reference"),
    *("other", "test", "train", "validation"),
)  # the last is on top
GHOSTS: tuple[Role, ...] = ("ghost", "ghost_train")
MINOR: tuple[Role, ...] = ("raw", *GHOSTS, "reference")  # behind the cursor, and the first to leave the legend
_KEPT = 4  # thinned forms kept with a series; a chart needs one or two, and another one after a zoom


class Series:
    """One curve: finite or not, any length.

    role: "train" is the (smoothed) training curve in front, "raw" the unsmoothed one behind it, "ghost" a curve of another run
    or fold, "ghost_train" that run's training curve beside its validation curve, "other" any further one, which gets a marker of its own. A series without a name is not in the legend.
    `latest` is the number shown in the legend; without it, it is the last y. `low` and `high`, as long as `ys`, are the
    edges of a band behind the line, such as mean - sd and mean + sd.

    Lists are copied. A 1-D float64 array is taken as it is, since copying a million values takes longer than drawing them:
    hand in a new array (or a longer view of a growing one) rather than changing values in it. What was worked out for one
    draw is kept with the series, so the same object is cheaper to draw again than an equal one.
    """

    __slots__ = ("_cleaned", "_thinned", "high", "latest", "low", "name", "role", "xs", "ys")

    def __init__(
        self,
        name: str,
        xs: npt.ArrayLike,
        ys: npt.ArrayLike,
        role: Role,
        latest: str | None = None,
        low: npt.ArrayLike | None = None,
        high: npt.ArrayLike | None = None,
    ) -> None:
        self.name = name
        self.role: Role = role if role in ORDER else "reference"
        self.xs, self.ys = _array(xs), _array(ys)
        self.low = None if low is None else _array(low)
        self.high = None if high is None else _array(high)
        self.latest = latest if latest is not None else figure(self.ys[-1]) if len(self.ys) else ""
        self._cleaned: dict[tuple[bool, bool], tuple[Floats, Floats, Floats]] = {}
        self._thinned: dict[tuple[object, ...], tuple[Floats, Floats]] = {}

    def cleaned(self, log_y: bool, log_x: bool) -> tuple[Floats, Floats, Floats]:
        """Ascending finite xs, their ys, and the xs of the values that are NaN or infinite; see `engine.series.clean`."""
        key = bool(log_y), bool(log_x)
        if key not in self._cleaned:
            self._cleaned[key] = clean(self.xs, self.ys, *key)
        return self._cleaned[key]

    def thinned(
        self, log_y: bool, log_x: bool, columns: int, x_low: float, x_high: float
    ) -> tuple[Floats, Floats, int, int]:
        """The points that draw the picture of x_low to x_high, and which slice of them lies inside (start, stop).

        The point before the first and the one after the last are kept, for the line that leads to them.
        """
        xs, ys, _ = self.cleaned(log_y, log_x)
        start, stop = int(np.searchsorted(xs, x_low, "left")), int(np.searchsorted(xs, x_high, "right"))
        key = (log_y, log_x, columns, x_low, x_high)
        if key not in self._thinned:
            if len(self._thinned) == _KEPT:
                self._thinned.clear()
            self._thinned[key] = decimate(xs[start:stop], ys[start:stop], columns, x_low, x_high, log_x)
        thin_xs, thin_ys = self._thinned[key]
        before, after = int(start > 0), int(stop < len(xs))
        if before or after:
            thin_xs = np.concatenate([xs[start - before : start], thin_xs, xs[stop : stop + after]])
            thin_ys = np.concatenate([ys[start - before : start], thin_ys, ys[stop : stop + after]])
        return thin_xs, thin_ys, before, len(thin_xs) - after

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Series)
            and (self.name, self.role, self.latest) == (other.name, other.role, other.latest)
            and _same(self.ys, other.ys)
            and _same(self.xs, other.xs)
            and _same(self.low, other.low)
            and _same(self.high, other.high)
        )

    __hash__ = None  # type: ignore[assignment]  # equal by value, and values may be many


def _array(values: npt.ArrayLike) -> Floats:
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype == np.float64:
        return values
    return np.array(values, np.float64).ravel()


def _same(one: Floats | None, other: Floats | None) -> bool:
    if one is None or other is None or one is other:
        return one is other
    return len(one) == len(other) and np.array_equal(one, other, equal_nan=True)


@dataclass(frozen=True)
class Mark:
    """Something that happened at `x`.

    Kinds with a sign of their own: best, stop (early stopping), lr (an edit), resume, non_finite, finding. `label` stands
    beside the sign where there is room; without one it is the word of the kind.
    """

    x: float
    kind: str
    label: str = ""


@dataclass(frozen=True)
class ChartOptions:
    """How a chart looks. Sizes are in cells; a missing end of the x axis is taken from the data.

    On a logarithmic axis ends and values of zero or less have no place: such an end counts as missing.
    """

    width: int = 80
    height: int = 12
    x_low: float | None = None
    x_high: float | None = None
    x_label: str = "epoch"
    y_label: str = ""
    log_y: bool = False
    charset: Charset = "braille"
    colour: bool = True
    dark: bool = True  # whether the background is dark
    bounds: HeldBounds | None = None  # keeps the y axis still from one draw to the next
    gutter: int = 5  # least cells for the y numbers; equal gutters put two charts' columns under each other
    note: tuple[str, str, str] | None = None  # what lies left of the best mark, at it, and right of it
    log_x: bool = False
    y_low: float | None = None  # a zoom in y; None: the held bounds
    y_high: float | None = None
    cursor: float | None = None  # x of an upright; the legend then shows the values there instead of the latest
    x_format: Literal["number", "seconds"] = "number"
    shade: tuple[float, str, str] | None = None  # x of the just-right point, words for the sides left and right of it


def read_out(series: Sequence[Series], x: float) -> list[tuple[str, float, float]]:
    """Name, x of the point nearest to `x`, and y there (NaN and infinities as they are), of each series that has points."""
    return [(one.name, *point) for one in series if (point := point_at(one, x)) is not None]


def point_at(series: Series, x: float) -> tuple[float, float] | None:
    """The point of a series that is nearest to `x`; of two equally near ones the earlier."""
    count = min(len(series.xs), len(series.ys))
    if not count:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        away = np.abs(series.xs[:count] - x)
    away[np.isnan(away)] = np.inf
    at = int(away.argmin())
    return (float(series.xs[at]), float(series.ys[at])) if np.isfinite(series.xs[at]) else None
