"""The x axis that all charts of a run share: what it counts, and which part of it is in sight. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.runview import RunView
from engine.series import Floats, round_bounds

Unit = Literal["epoch", "step", "time"]
UNITS: tuple[Unit, ...] = ("epoch", "step", "time")

_TAIL_MOVES = 4  # a followed tail moves by such a part of its width at a time, so that it stands still in between
_MOST_ZOOM = 1e-6  # of the whole axis is the least that can be in sight


class Course:
    """Where a run's epochs lie on its x axis: in epochs, in steps, or in seconds since it began.

    A position is a number of epochs that are done, such as 2.5 in the middle of the third one. Between the ends of two epochs
    time runs evenly, and beyond the last it goes on at its pace. Seconds in which no process trained the run do not count.
    """

    def __init__(self, view: RunView, unit: Unit) -> None:
        self.unit: Unit = unit
        self.steps_per_epoch = max(1, view.model.steps_per_epoch) if view.model else 1
        self._view = view

    @cached_property
    def _clock(self) -> tuple[Floats, Floats, Floats]:
        return _clock(self._view)

    @property
    def label(self) -> str:
        return self.unit

    def of(self, epochs: npt.ArrayLike) -> Floats:
        """The x of each of these positions."""
        at = np.asarray(epochs, np.float64)
        if self.unit == "epoch":
            return at
        return at * self.steps_per_epoch if self.unit == "step" else _along(at, *self._clock[:2])

    def at(self, epoch: float) -> float:
        """The x of one position."""
        return float(self.of([epoch])[0])

    def epoch_at(self, x: float) -> float:
        """The position that lies at `x`."""
        if self.unit == "epoch":
            return x
        if self.unit == "step":
            return x / self.steps_per_epoch
        return float(_along(np.array([x]), *self._clock[1::-1])[0])

    def of_moments(self, times: npt.ArrayLike) -> Floats:
        """The x of moments, in seconds since 1970; those at which the run stood still lie where it went on."""
        done, _, when = self._clock
        return self.of(_along(np.asarray(times, np.float64), when, done))


def _clock(view: RunView) -> tuple[Floats, Floats, Floats]:
    """For the beginning and the end of each epoch: the position, the seconds of training until then, and the moment."""
    first = view.seconds[0] if view.seconds else 0.0
    begin = view.times[0] - first if view.times and (view.trials or not view.started) else view.started
    done, when = [0.0, *map(float, view.epochs)], [begin, *view.times]
    if view.steps.at and view.steps.at[-1] > done[-1]:
        done.append(view.steps.at[-1])
        when.append(view.started + view.steps.time[-1])
    count = min(len(done), len(when))
    moments = np.maximum.accumulate(np.array(when[:count]))
    seconds = moments - begin
    for chapter in view.chapters:
        after = int(np.searchsorted(moments, chapter.time))
        if 0 < after < count:
            seconds[after:] -= chapter.time - moments[after - 1]
    if count < 2 or seconds[-1] <= 0:  # nothing is known of its pace: an epoch counts as a second
        done, seconds = [0.0, 1.0], np.array([0.0, 1.0])
        moments, count = begin + seconds, 2
    return np.array(done[:count]), np.maximum.accumulate(seconds), moments


def _along(values: Floats, known: Floats, there: Floats) -> Floats:
    """The values of a line through (`known`, `there`), which goes on straight beyond both ends."""
    inside = np.interp(values, known, there)
    first = max(len(known) - 6, 0)  # the pace of the last five epochs
    run, rise = float(known[-1] - known[first]), float(there[-1] - there[first])
    beyond = np.maximum(values - known[-1], 0.0) * (rise / run if run > 0 else 0.0)
    return inside + beyond


def planned_end(view: RunView, course: Course) -> float:
    """The x of the last planned epoch, or of the last finished one once the run has ended; more than 0."""
    reached = view.epochs[-1] if view.epochs else 0
    planned = reached if view.end is not None and reached else max(view.total_epochs, reached, 1)
    return max(course.at(planned), 1e-9)


class HeldEnd:
    """The end of a time axis, which nobody knows before: a round number that changes seldom."""

    def __init__(self) -> None:
        self._end = 0.0

    def update(self, expected: float) -> float:
        """The end to draw to, when it is expected to take so many seconds."""
        if not 0.6 * self._end <= expected <= self._end:
            self._end = round_bounds(0.0, expected * 1.1)[1]
        return self._end


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an x axis that is in sight. tail: it follows the newest point, and `low` and `high` say how wide it is."""

    low: float
    high: float
    tail: bool = False

    @property
    def width(self) -> float:
        return self.high - self.low


def zoomed(window: Window | None, full: Window, by: float, around: float, log: bool = False) -> Window | None:
    """The window `by` times as wide, with `around` where it was; None when that is all there is."""
    now, whole = _flat(window or full, log), _flat(full, log)
    fixed = min(max(_flat_x(around, log), now.low), now.high)
    width = max(now.width * by, whole.width * _MOST_ZOOM)
    if width >= whole.width * (1 - 1e-9):
        return None
    low = fixed - (fixed - now.low) / now.width * width
    return _inside(replace(now, low=low, high=low + width), whole, log)


def panned(window: Window | None, full: Window, share: float, log: bool = False) -> Window | None:
    """The window moved to the right by a share of its width, or to the left; it stays on the axis and no longer follows."""
    if window is None:
        return None
    now = _flat(window, log)
    by = share * now.width
    return _inside(Window(now.low + by, now.high + by), _flat(full, log), log)


def followed(window: Window, full: Window, newest: float, log: bool = False) -> Window:
    """Where a window that follows the tail stands when the newest point is at `newest`."""
    now, whole = _flat(window, log), _flat(full, log)
    jump = now.width / _TAIL_MOVES
    high = whole.low + math.ceil((_flat_x(newest, log) - whole.low) / jump + 1e-9) * jump
    return _inside(Window(high - now.width, high, True), whole, log)


def holding(window: Window | None, full: Window, x: float, log: bool = False) -> Window | None:
    """The window, moved as little as it takes to have `x` in sight."""
    if window is None or window.low <= x <= window.high:
        return window
    now, at = _flat(window, log), _flat_x(x, log)
    low = at if at < now.low else at - now.width
    return _inside(Window(low, low + now.width), _flat(full, log), log)


def _inside(window: Window, whole: Window, log: bool) -> Window:
    low = min(max(window.low, whole.low), max(whole.high - window.width, whole.low))
    moved = replace(window, low=low, high=low + window.width)
    return replace(moved, low=10.0**moved.low, high=10.0**moved.high) if log else moved


def _flat(window: Window, log: bool) -> Window:
    """The window in the units that the axis is even in."""
    return replace(window, low=_flat_x(window.low, log), high=_flat_x(window.high, log)) if log else window


def _flat_x(x: float, log: bool) -> float:
    return math.log10(max(x, 1e-12)) if log else x
