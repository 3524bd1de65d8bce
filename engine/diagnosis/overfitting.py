"""Overfitting: the validation loss rises for real while the training loss does not."""

from __future__ import annotations

import math
from statistics import median

from .findings import Finding
from .trend import MannKendall

MIN_EPOCHS = 8
MIN_Z = 4.0
MIN_RISE = 0.05
LR_DROP = 2.0

ACTIONS = (
    "stop here and keep the weights of the best epoch (early stopping does it for you)",
    "more training data",
    "dropout 0.2 to 0.5",
    "L2 1e-4 to 1e-2",
    "a smaller net",
)
KNOBS = ("early_stopping.enabled", "early_stopping.restore_best")


class OverfittingWatch:
    """Sees the losses epoch by epoch and says when a run overfits.

    The rule looks at the epochs since the best validation loss, or since the last drop of the learning rate by 2x or more
    (after which a loss may settle on another level), and asks for all of:

    * at least 8 epochs, over which the validation loss rises with a Mann-Kendall Z above 4;
    * the median of its last 3 values more than 5 % above the best;
    * the median of the last 3 training losses not above the training loss at the best epoch: a training loss that rises
      too is a learning rate that is too high, not overfitting.
    """

    def __init__(self) -> None:
        self._best = math.inf
        self._best_epoch = 0
        self._train_at_best = math.inf
        self._lr = 0.0
        self._began = 1
        self._trend = MannKendall()
        self._last_val: list[float] = []
        self._last_train: list[float] = []
        self._held: Finding | None = None

    def update(self, epoch: int, train_loss: float, val_loss: float, lr: float) -> Finding | None:
        """Take in an epoch (from 1); the finding when the rule holds now. Non-finite losses are another rule's business.

        A finding that held when the learning rate dropped goes on holding until there are enough epochs after the drop to
        judge anew: the drop does not undo what was seen, and a schedule that falls to zero drops in each of its last epochs.
        """
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            return self._held
        if 0 < lr * LR_DROP <= self._lr:
            self._restart(epoch)
        self._lr = lr
        self._last_val = [*self._last_val, val_loss][-3:]
        self._last_train = [*self._last_train, train_loss][-3:]
        if val_loss < self._best:
            self._best, self._best_epoch, self._train_at_best = val_loss, epoch, train_loss
            self._restart(epoch + 1)
            self._held = None
            return None
        self._trend.add(val_loss)
        if len(self._trend) >= MIN_EPOCHS:
            self._held = self._verdict(epoch)
        return self._held

    def _restart(self, epoch: int) -> None:
        self._began = epoch
        self._trend = MannKendall()

    def _verdict(self, epoch: int) -> Finding | None:
        z = self._trend.z
        now, train_now = median(self._last_val), median(self._last_train)
        # A loss can be negative in principle (a log-density), hence the absolute value of the best as the yardstick.
        rise = (now - self._best) / max(abs(self._best), 1e-12)
        if z <= MIN_Z or rise <= MIN_RISE or train_now > self._train_at_best:
            return None
        return Finding(
            kind="overfitting",
            confidence="certain" if rise > 3 * MIN_RISE and z > MIN_Z + 1 else "likely",
            began=self._began,
            title=f"overfitting since epoch {self._began}",
            evidence=(
                f"at epoch {epoch} validation loss {_figure(now)} is {rise:.0%} above its best {_figure(self._best)} "
                f"(epoch {self._best_epoch}) and rises steadily (Mann-Kendall Z {z:.1f} over {len(self._trend)} epochs) "
                f"while training loss went from {_figure(self._train_at_best)} to {_figure(train_now)}"
            ),
            actions=ACTIONS,
            knobs=KNOBS,
        )


def _figure(value: float) -> str:
    return f"{value:.3g}"
