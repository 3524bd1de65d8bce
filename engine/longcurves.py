"""What a run tells again and again while it trains, kept for a chart: bounded in memory however long the run is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

from .events import MachineSampled, StepsDone

MOST_STEPS = 20_000
"""Points of a step curve; beyond that every four become two."""

MOST_SAMPLES = 2_000
"""Entries of a machine log; beyond that every two become one."""


@dataclass(slots=True)
class StepCurve:
    """The training loss inside the epochs, as parallel lists: one entry for each StepsDone that has one.

    at: epochs done as a fraction, 2.37 in the third one. time: seconds since the run began. loss: mean per sample since the
    entry before; it may be NaN or infinite. lr: the learning rate then.
    """

    at: list[float] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)

    def add(self, event: StepsDone, steps_per_epoch: int, began: float) -> None:
        """Take an event in; one of an older journal, which has no loss, says nothing. began: seconds since 1970."""
        if math.isnan(event.loss) and math.isnan(event.lr):
            return
        self.at.append(event.epoch - 1 + min(1.0, event.step / max(1, steps_per_epoch)))
        self.time.append(max(0.0, event.time - began))
        self.loss.append(event.loss)
        self.lr.append(event.lr)
        if len(self.at) > MOST_STEPS:
            self._keep(_extremes(self.loss))

    def cut(self, at: float) -> None:
        """Forget what is beyond so many epochs."""
        self._keep([place for place, one in enumerate(self.at) if one <= at + 1e-9])

    def _keep(self, places: list[int]) -> None:
        for name in ("at", "time", "loss", "lr"):
            values = getattr(self, name)
            values[:] = [values[place] for place in places]


def _extremes(values: list[float]) -> list[int]:
    """The places of half of these: of every four in a row the lowest and the highest, one that is not finite being either."""
    kept: list[int] = []
    for begin in range(0, len(values) - len(values) % 4, 4):
        four = range(begin, begin + 4)
        low = min(four, key=lambda place: values[place] if math.isfinite(values[place]) else math.inf)
        high = max(
            (place for place in four if place != low),
            key=lambda place: values[place] if math.isfinite(values[place]) else math.inf,
        )
        kept += sorted((low, high))
    return kept + list(range(len(values) - len(values) % 4, len(values)))


@dataclass(slots=True)
class MachineLog:
    """What the machine had to do, in the order of time. As the run gets longer each entry is the mean over a longer time."""

    samples: list[MachineSampled] = field(default_factory=list)

    def add(self, event: MachineSampled) -> None:
        self.samples.append(event)
        if len(self.samples) > MOST_SAMPLES:
            pairs = zip(self.samples[::2], self.samples[1::2], strict=False)
            odd = self.samples[len(self.samples) - len(self.samples) % 2 :]
            self.samples = [mean_sample([one, other]) for one, other in pairs] + odd

    def since(self, time: float) -> list[MachineSampled]:
        """Those after `time`, in seconds since 1970."""
        found: list[MachineSampled] = []
        for sample in reversed(self.samples):
            if sample.time <= time:
                break
            found.append(sample)
        return found[::-1]


FIGURES = tuple(item.name for item in fields(MachineSampled) if item.name not in ("time", "trial"))
"""The names of what a sample has."""


def mean_sample(samples: list[MachineSampled]) -> MachineSampled:
    """The means of one or more, at the time of the last. None stays None where none of them has a figure."""
    last = samples[-1]
    if len(samples) == 1:
        return last
    means = {name: _mean([getattr(one, name) for one in samples]) for name in FIGURES}
    return replace(last, **means)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
