"""Overfitting: the validation loss rises for real while the training loss does not."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median

from .findings import Finding
from .trend import MannKendall, spread

MIN_EPOCHS = 8
MIN_Z = 4.0
MIN_RISE = 0.05

STEEP_EPOCHS = range(6, 13)
STEEP_Z = 2.6
STEEP_RISE = 0.15

STEEP_NOISE = 4.0
"""So many times its scatter from epoch to epoch a steep rise has to be: the best of many noisy values is always a low one."""

MIN_ERRORS = 1.25
"""So many times its own standard error, from the single rows, a rise has to be where that is known: one in 10 by chance alone,
and the steady trend is asked for as well."""

LARGE_RISE, LARGE_ERRORS = 0.5, 1.0
"""A rise by so much of the best has to be so many: where a few rows with huge losses make the error large, the trend is enough."""

SURE_ERRORS = 2.0
"""So many it has to be to be called certain."""

HOLDING = 0.5
"""What was seen goes on holding as long as this share of the rise is left: a loss that wavers does not unsay it."""

LR_DROP = 2.0


class OverfittingWatch:
    """Sees the losses epoch by epoch and says when a run overfits.

    The rule looks at the epochs since the best validation loss, or since the last drop of the learning rate by 2x or more
    (after which a loss may settle on another level), and asks for all of:

    * at least 8 epochs, over which the validation loss rises with a Mann-Kendall Z above 4, or 6 to 12 with a Z above 2.6 when it has
      risen by more than 15 %, and by four times its scatter;
    * the median of its last 3 values more than 5 % above the best;
    * that rise more than one and a quarter standard errors of the paired differences of the single rows, where those are known, or
      one if it is by more than half of the best;
    * the median of the last 3 training losses not above the training loss at the best epoch: a training loss that rises
      too is a learning rate that is too high, not overfitting.

    A finding goes on holding, without a new trend, until the rise is less than half of what it took or the best is beaten.
    """

    def __init__(self) -> None:
        self._best = math.inf
        self._best_epoch = 0
        self._train_at_best = math.inf
        self._lr = 0.0
        self._began = 1
        self._trend = MannKendall()
        self._since: list[float] = []
        self._last_val: list[float] = []
        self._last_train: list[float] = []
        self._error = math.nan
        self._sure = False
        self.holds = False

    def update(self, epoch: int, train_loss: float, val_loss: float, lr: float, error: float = math.nan) -> bool:
        """Take in an epoch (from 1) with finite losses; whether the rule holds now. error: the standard error of the rise, NaN
        when not known.

        A finding that held when the learning rate dropped goes on holding until there are enough epochs after the drop to
        judge anew: the drop does not undo what was seen, and a schedule that falls to zero drops in each of its last epochs.
        """
        if 0 < lr * LR_DROP <= self._lr:
            self._restart(epoch)
        self._lr = lr
        self._last_val.append(val_loss)
        self._last_train.append(train_loss)
        if len(self._last_val) > 3:
            del self._last_val[0], self._last_train[0]
        self._error = error
        if val_loss < self._best:
            self._best, self._best_epoch, self._train_at_best = val_loss, epoch, train_loss
            self._restart(epoch + 1)
            self.holds = self._sure = False
            return False
        self._trend.add(val_loss)
        self._since.append(val_loss)
        if len(self._trend) >= STEEP_EPOCHS.start:
            self.holds = self._verdict()
        return self.holds

    def _restart(self, epoch: int) -> None:
        if not self.holds or epoch == self._best_epoch + 1:
            self._began = epoch
        if self._since:
            self._trend, self._since = MannKendall(), []

    @property
    def _rise(self) -> float:
        # A loss can be negative in principle (a log-density), hence the absolute value of the best as the yardstick.
        return (median(self._last_val) - self._best) / max(abs(self._best), 1e-12)

    def _verdict(self) -> bool:
        rise, count = self._rise, len(self._trend)
        if median(self._last_train) > self._train_at_best:
            return False
        if rise <= (HOLDING if self.holds else 1) * MIN_RISE:
            return False
        errors = LARGE_ERRORS if rise > LARGE_RISE else MIN_ERRORS
        if not self.holds and median(self._last_val) - self._best <= errors * self._error:
            return False
        z = self._trend.z
        steadily = count >= MIN_EPOCHS and z > MIN_Z
        steeply = count in STEEP_EPOCHS and z > STEEP_Z and rise > STEEP_RISE and self._clear_of_noise()
        clear = not median(self._last_val) - self._best <= SURE_ERRORS * self._error
        self._sure = self._sure or (rise > STEEP_RISE and z > MIN_Z + 1 and clear)
        return steadily or steeply or self.holds

    def _clear_of_noise(self) -> bool:
        values = self._since[-24:]
        noise = spread([b - a for a, b in pairwise(values)]) / math.sqrt(2)
        return median(self._last_val) - self._best > STEEP_NOISE * noise

    def finding(self, epoch: int) -> Finding:
        """What to say after `epoch`, when the rule holds."""
        count = len(self._trend)
        sure = f", {(median(self._last_val) - self._best) / self._error:.1f} standard errors" if self._error > 0 else ""
        steady = f" and rises steadily (Mann-Kendall Z {self._trend.z:.1f} over {count} epochs)" if count >= 6 else ""
        return Finding(
            kind="overfitting",
            confidence="certain" if self._sure else "likely",
            began=self._began,
            title=f"overfitting since epoch {self._began}",
            evidence=(
                f"at epoch {epoch} validation loss {figure(median(self._last_val))} is {self._rise:.0%} above its best "
                f"{figure(self._best)} (epoch {self._best_epoch}{sure}){steady} while training loss went from "
                f"{figure(self._train_at_best)} to {figure(median(self._last_train))}"
            ),
        )


def figure(value: float) -> str:
    """A loss for a person: three digits."""
    return f"{value:.3g}"
