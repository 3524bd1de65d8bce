"""The parts that some events are made of: small frozen records that JSON can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the values of one parameter, or of its gradient, are spread: counts in equal bins from low to high.

    kind: ``weights`` or ``gradients``. name: the parameter's. Values that are not finite are left out. total and squares:
    the sum of the values and of their squares.
    """

    kind: str
    name: str
    low: float
    high: float
    counts: tuple[int, ...]
    total: float
    squares: float

    def limits(self) -> list[float]:
        """The upper limit of each bin; the first bin begins at `low`."""
        count = len(self.counts)
        return [self.low + (self.high - self.low) * (number / count) for number in range(1, count)] + [self.high]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Precision, recall and F1 of one class, 0 where the quotient has no denominator. support: how many rows it has."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer to one row of the test part, which counts from 0. See engine.report.Answers for the fields.

    values: the row's inputs in the data's own units (see engine.inputs), or () where they are not told.
    text: of a text, its beginning, safe to print; else "".
    """

    row: int
    truth: float
    answer: float
    loss: float
    probability: float
    values: tuple[float, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A knob that was changed: its key, and its values before and after as a person would type them."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class MadeEdit:
    """An edit that was made: in which epoch (from 1), after how many of its batches, and the new values by key, as typed.

    more: epochs that were added there.
    """

    epoch: int
    batch: int
    changes: Mapping[str, str]
    more: int = 0


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What a range test measured: for each step its learning rate, its loss and the smoothed loss.

    steepest: the rate at which the smoothed loss fell fastest against log(rate), or None when it never fell. tenth: a tenth of the
    rate with the lowest smoothed loss. diverged: whether the sweep ended because the loss had grown too far.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    steepest: float | None
    tenth: float | None
    diverged: bool
