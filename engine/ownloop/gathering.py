"""From calls of `log` to epochs: a script may log an epoch in one call or in several, and count from 0 or from 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..text import clean
from .naming import LOSSES

Figures = dict[str, float]


def whole(number_of: Any, what: str = "epoch") -> int:
    """The number of an epoch, or of `what` it is, as a whole one. Raises TypeError when it is none."""
    try:
        number = float(number_of)
        if math.isfinite(number):
            return round(number)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{what} must be a number, got {clean(repr(number_of), 60)}: see help(engine.Monitor.log)")


class Gathering:
    """Takes in what is logged, and gives each epoch once, when all of it is there.

    An epoch is complete when it has every name that was logged before, in the first epoch both losses; or when the next one
    begins. Epochs are given out as 1, 2, 3 ...: a script that counts from 0 has 1 added, and one that begins to count anew
    goes on from where it was.
    """

    def __init__(self) -> None:
        self.shift = 0  # what is added to the script's own number
        self.late: tuple[str, ...] = ()  # what the last call had for an epoch that was given out already
        self._first = 0  # the first of its numbers
        self._epoch = 0  # that is being gathered, as it is given out; 0 before the first
        self._figures: Figures = {}
        self._told = 0  # the last one given out
        self._seen: set[str] = set()

    def add(self, number: int, figures: Mapping[str, float]) -> list[tuple[int, Figures]]:
        """Take in figures of the epoch that the script calls `number`; the epochs that are complete now, at most two.

        Figures of an epoch that was given out already are too late: the next ones are waited for until they have these as well.
        """
        complete = []
        epoch = self._place(number)
        known = self._seen or set(LOSSES)
        self.late = tuple(sorted(figures)) if epoch <= self._told or epoch < self._epoch else ()
        if self.late:
            self._seen |= known | figures.keys()
            return complete
        if self._figures and epoch != self._epoch:
            complete.append(self._give())
        self._epoch = epoch
        self._figures.update(figures)
        if known <= self._figures.keys():
            complete.append(self._give())
        return complete

    def rest(self) -> list[tuple[int, Figures]]:
        """The epoch that waits for more, now that nothing more comes."""
        return [self._give()] if self._figures else []

    @property
    def last(self) -> int:
        """The last epoch of which anything has come; 0 before the first."""
        return max(self._epoch, self._told)

    def _place(self, number: int) -> int:
        last = self.last
        if last == 0:
            self._first, self.shift = number, max(0, 1 - number)
        elif number == self._first and number + self.shift < last:
            self.shift = last + 1 - number
        return number + self.shift

    def _give(self) -> tuple[int, Figures]:
        figures, self._figures = self._figures, {}
        self._seen |= figures.keys()
        self._told = self._epoch
        return self._epoch, figures
