"""The figures that the rules share, of a history at the moment when it is judged."""

from __future__ import annotations

import itertools
import math
from functools import cached_property

from .history import History
from .trend import MannKendall, gain_ahead, median, scatter, slope, spread, thin

SHORT_STEP = 1.2e-3
"""The size of a step relative to the weights below which it is a short one."""

LONG_STEP = 0.02
"""The size of a step relative to the weights from where on it is a long one."""

ABSURD = 1.0
"""A loss beyond a constant answer's by so many times that is no start of learning: the weights are far off."""

NARROW = 8
"""Hidden units of the widest layer, up to which a net is a small one."""

HAD_LEARNT = 0.97
"""The share of a constant answer's loss below which a net has learnt something."""

LATEST = range(5, 26)
"""Epochs whose median is what a loss is now: a tenth of them, at least and at most so many."""


class Moment:
    """A history at a moment when it is judged, with the figures that several rules share, each worked out when first asked for.

    final: no epoch comes after this one.
    """

    def __init__(self, history: History, final: bool) -> None:
        history.catch_up()
        self.history, self.setting, self.final = history, history.setting, final
        self.n = len(history)
        self.epoch = history.epochs[-1]

    @property
    def latest(self) -> int:
        """The epochs that stand for now."""
        return min(LATEST.stop - 1, max(LATEST.start, self.n // 10))

    @cached_property
    def share(self) -> float:
        """How much of the epochs there can be are done, 0 to 1; 0 as long as that is not known."""
        most = self.setting.max_epochs
        return 1.0 if self.final else min(1.0, self.epoch / most) if most else 0.0

    @cached_property
    def train_now(self) -> float:
        """The training loss of the latest epochs."""
        return median(self.history.train[-self.latest :])

    @cached_property
    def val_now(self) -> float:
        """The validation loss of the latest epochs."""
        return median(self.history.val[-self.latest :])

    @cached_property
    def narrow(self) -> bool:
        """Whether the net is known to be so small that its starting point decides where it ends."""
        return max(self.setting.widths, default=NARROW + 1) <= NARROW

    @cached_property
    def tight(self) -> bool:
        """Whether some layer is known to have fewer units than there are classes to tell apart (exp of their entropy)."""
        least = min(self.setting.widths, default=math.inf)
        return self.setting.classes > 0 and self.setting.baseline > 0 and least < math.exp(self.setting.baseline) - 0.5

    @cached_property
    def reference(self) -> float:
        """The loss of having learnt nothing: that of the constant predictor, or the first of the run where it is not known."""
        known = self.setting.baseline
        return known if known > 0 else max(self.history.train[:2])

    @cached_property
    def learnt(self) -> float:
        """The share of the training loss that is explained: 0 as good as a constant, 1 all; below 0 worse than that."""
        return 1 - self.train_now / self.reference if self.reference > 0 else math.nan

    @cached_property
    def fallen_back(self) -> bool:
        """Whether something had been learnt and is lost again: the training loss was below a constant answer's and is there
        once more. The lowest of many noisy values is a low one, so three in a row have to have been."""
        curve = self.train_curve
        if len(curve) < 6 or self.learnt > 0.05 or min(curve[-3:]) < HAD_LEARNT * self.reference:
            return False
        best = min(median(curve[at : at + 3]) for at in range(len(curve) - 2))
        return best < min(HAD_LEARNT * self.reference, self.train_now - 2 * scatter(curve))

    @property
    def learnt_running(self) -> float:
        """The same for the loss of the steps, with dropout and noise as far as they are on."""
        return 1 - median(self.history.running[-self.latest :]) / self.reference if self.reference > 0 else math.nan

    @property
    def running_fall(self) -> float:
        """By how much of its present level the loss of the steps fell over the latest third."""
        curve = thin(self.history.running)
        return _fall(curve[-max(8, len(curve) // 3) :])

    @cached_property
    def train_curve(self) -> list[float]:
        """The training loss of the whole run, thinned."""
        return thin(self.history.train)

    @cached_property
    def val_curve(self) -> list[float]:
        """The validation loss of the whole run, thinned."""
        return thin(self.history.val)

    @cached_property
    def train_tail(self) -> list[float]:
        """The latest third of the training loss, 8 values at least (or all there are)."""
        return self.train_curve[-max(8, len(self.train_curve) // 3) :]

    @cached_property
    def val_tail(self) -> list[float]:
        """The latest third of the validation loss."""
        return self.val_curve[-max(8, len(self.val_curve) // 3) :]

    @property
    def window(self) -> int:
        """The epochs that these tails are of."""
        return round(self.n * len(self.train_tail) / len(self.train_curve))

    @cached_property
    def train_fall(self) -> float:
        """By how much of its present level the training loss fell over the window (below 0: rose), after Theil and Sen."""
        return _fall(self.train_tail)

    @cached_property
    def val_fall(self) -> float:
        """The same of the validation loss."""
        return _fall(self.val_tail)

    @cached_property
    def val_z(self) -> float:
        """Mann-Kendall's score of the validation loss over the window."""
        return MannKendall(self.val_tail).z

    @cached_property
    def train_z(self) -> float:
        """Mann-Kendall's score of the training loss over the window."""
        return MannKendall(self.train_tail).z

    @cached_property
    def val_gain(self) -> float:
        """By how much of its present level the validation loss is expected to fall with half as many epochs on top."""
        return gain_ahead(self.val_curve) / max(abs(self.val_now), 1e-12)

    @cached_property
    def train_gain(self) -> float:
        """The same of the training loss."""
        return gain_ahead(self.train_curve) / max(abs(self.train_now), 1e-12)

    @property
    def running_gain(self) -> float:
        """The same of the loss of the steps."""
        return gain_ahead(thin(self.history.running)) / max(abs(self.history.running[-1]), 1e-12)

    @property
    def followed(self) -> float:
        """The share of the fall of the training loss over the window that the validation loss went along with, 0 to 1; 1 where the
        training loss did not fall."""
        train, val = self.train_fall * self.train_now, self.val_fall * self.val_now
        return min(1.0, max(0.0, val / train)) if train > 0 else 1.0

    @property
    def followed_gain(self) -> float:
        """The expected gain of the validation loss, if it goes on following the training loss as far as it did over the window."""
        return self.followed * self.train_gain * self.train_now / max(abs(self.val_now), 1e-12)

    @property
    def quickens(self) -> bool:
        """Whether the training loss has fallen in every epoch, and by more in the latter half of them than in the former."""
        train, half = self.history.train, self.n // 2
        falls = all(b < a for a, b in itertools.pairwise(train))
        return self.n >= 4 and falls and train[half] - train[-1] > train[0] - train[self.n - 1 - half]

    @cached_property
    def recent(self) -> list[float]:
        """The running training loss of the latest half, 8 to 40 epochs, not thinned: how it swings from epoch to epoch."""
        return self.history.running[-min(40, max(8, self.n // 2)) :]

    @cached_property
    def swing(self) -> float:
        """The scatter of the running training loss around its own line, relative to its level."""
        values = self.recent
        middle = median(values)
        if len(values) < 6 or middle <= 0:
            return 0.0
        few = values[:: len(values) // 20 + 1]
        line = slope(few) / (len(values) // 20 + 1)
        return spread([value - line * place for place, value in enumerate(values)]) / middle

    @property
    def val_swing(self) -> float:
        """The scatter of the validation loss around its own course, relative to its level."""
        return scatter(self.history.val[-min(40, max(8, self.n // 2)) :]) / max(abs(self.val_now), 1e-12)

    @cached_property
    def flips(self) -> float:
        """The share of epochs at which the running training loss turned around: 0 a smooth curve, about 2/3 pure noise."""
        return _turns(self.recent)

    @property
    def val_flips(self) -> float:
        """The same of the validation loss."""
        return _turns(self.history.val[-len(self.recent) :])

    @cached_property
    def update(self) -> float:
        """The median over layers and looks of the size of a step relative to the weights; NaN when unknown."""
        return median([one for row in self.history.updates[-5:] for one in row if one == one])

    @property
    def zero_layer(self) -> bool:
        """Whether the weights of a layer were all 0 and stayed so: the size of such a step is 0 / 0."""
        return bool(self.history.updates) and any(one != one for one in self.history.updates[-1])

    @property
    def dead(self) -> float:
        """The largest share of a layer's units that were dead at the last look."""
        return max(self.history.units[-1].dead, default=0.0) if self.history.units else 0.0

    @property
    def saturated(self) -> float:
        """The largest share of a layer's units that were saturated at the last look."""
        return max(self.history.units[-1].saturated, default=0.0) if self.history.units else 0.0

    @cached_property
    def cosine(self) -> float:
        """The median cosine of successive gradients; NaN when unknown."""
        return median(self.history.cosines[-5:])


def _turns(values: list[float]) -> float:
    steps = [b - a for a, b in itertools.pairwise(values)]
    turns = [a * b < 0 for a, b in itertools.pairwise(steps)]
    return sum(turns) / len(turns) if turns else 0.0


def _fall(values: list[float]) -> float:
    now = abs(median(values[-3:]))
    return -slope(values) * (len(values) - 1) / max(now, 1e-12)
