"""Early stopping as a pure state machine, and the token by which a run is asked to stop.

Early stopping: Prechelt, "Early Stopping - But When?" (1998), the patience form that torch, Keras and the textbooks share.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

from .events import EndReason

_LOOK_SECONDS = 0.02  # how often a paused run looks whether it may go on


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Where early stopping stands. `update` gives the state after one more epoch; nothing is changed in place.

    patience: epochs in a row without improvement that end the run. min_delta: a loss counts as better only when it is
    below ``best - min_delta``. NaN is never better. best_epoch is 0 as long as no finite loss was seen.
    """

    patience: int
    min_delta: float = 0.0
    best: float = math.inf
    best_epoch: int = 0
    waited: int = 0

    @property
    def must_beat(self) -> float:
        """The loss that the next epoch has to be below in order to count as an improvement."""
        return self.best - self.min_delta

    @property
    def should_stop(self) -> bool:
        return self.waited >= self.patience

    def update(self, epoch: int, loss: float) -> EarlyStopping:
        """The state after `epoch` (from 1) ended with `loss`."""
        if loss < self.must_beat:
            return replace(self, best=loss, best_epoch=epoch, waited=0)
        return replace(self, waited=self.waited + 1)


class StopToken:
    """How a run is asked to stop or to wait. Set from any thread or a signal handler; read by the loop between batches.

    Plain attributes and no lock: a signal handler may interrupt any line of this class, and a lock held by the interrupted
    line would never be released.
    """

    def __init__(self) -> None:
        self._reason: EndReason | None = None
        self._paused = False

    @property
    def reason(self) -> EndReason | None:
        """Why the run was asked to stop, or None when it was not."""
        return self._reason

    @property
    def paused(self) -> bool:
        """Whether the run is asked to wait. A stop ends every pause."""
        return self._paused and self._reason is None

    def stop(self, reason: EndReason = "stopped") -> None:
        """Ask the run to stop after the batch in hand. The first reason given is kept; a paused run ends too."""
        if self._reason is None:
            self._reason = reason

    def pause(self) -> None:
        """Ask the run to wait between batches until `resume` or `stop`."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def wait_while_paused(self) -> None:
        """Block the caller until the run may go on."""
        while self.paused:
            time.sleep(_LOOK_SECONDS)
