"""Early stopping as a pure state machine, and the token by which a run is asked to stop.

Early stopping: Prechelt, "Early Stopping - But When?" (1998), the patience form that torch, Keras and the textbooks share.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

from .commands import Command, Pause, Resume, ScreenGone, Stop
from .config import EarlyStoppingConfig
from .events import EndReason, Event, ScreenLost
from .measures import MEASURES
from .text import clean

_LOOK_SECONDS = 0.02  # how often a paused run looks whether it may go on


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Where early stopping stands. `update` gives the state after one more epoch; nothing is changed in place.

    The rules; `dataclasses.asdict` and back makes an equal one. patience: epochs in a row without improvement that end the
    run, None for any number. min_delta: a value counts as better only when it beats the best by more than this, relative:
    by more than this share of the size of the best. mode: whether small or large values are good. start: the epochs at the
    beginning that are not looked at. target: a value that ends the run when it is reached, which is an improvement of any
    size. diverged_above: the run ends when a value is above this many times the first one, 0 for never.

    The state. best, best_epoch: the last improvement; best_epoch is 0 as long as no finite value was seen, and best then
    infinite. waited: epochs since. first: the first finite value. reason: why the run should end, or None. overruled: the epoch
    up to which none of this ends the run, because a person has said so.
    """

    patience: int | None
    min_delta: float = 0.0
    best: float = math.inf
    best_epoch: int = 0
    waited: int = 0
    mode: Literal["min", "max"] = "min"
    relative: bool = False
    start: int = 0
    target: float | None = None
    diverged_above: float = 0.0
    first: float | None = None
    reason: EndReason | None = None
    overruled: int = 0

    def __post_init__(self) -> None:
        if self.mode == "max" and self.best_epoch == 0:
            object.__setattr__(self, "best", -math.inf)

    @property
    def must_beat(self) -> float:
        """The value that the next epoch has to be below (mode max: above) in order to count as an improvement."""
        if math.isinf(self.best):
            return self.best
        margin = self.min_delta * (abs(self.best) if self.relative else 1.0)
        return self.best - margin if self.mode == "min" else self.best + margin

    @property
    def should_stop(self) -> bool:
        return self.reason is not None

    def update(self, epoch: int, value: float) -> EarlyStopping:
        """The state after `epoch` (from 1) ended with `value` of what is monitored. NaN is never better."""
        if epoch <= self.start:
            return self
        first = value if self.first is None and math.isfinite(value) else self.first
        reached = self.target is not None and not self._better(self.target, value) and math.isfinite(value)
        bar = self.best if reached else self.must_beat
        if self._better(value, bar) and math.isfinite(value):
            after = replace(self, best=value, best_epoch=epoch, waited=0, first=first)
        else:
            after = replace(self, waited=self.waited + 1, first=first)
        return replace(after, reason=None if epoch <= self.overruled else after._why(value, reached))

    def overruled_until(self, epoch: int) -> EarlyStopping:
        """The same state, which ends no run before `epoch` is done."""
        return replace(self, reason=None, overruled=epoch)

    def _better(self, value: float, than: float) -> bool:
        return value < than if self.mode == "min" else value > than

    def _why(self, value: float, reached: bool) -> EndReason | None:
        """Why the run should end after an epoch with `value`, or None."""
        if reached:
            return "target"
        if self.diverged_above and self.first is not None and 0 < self.first * self.diverged_above < value:
            return "diverged"
        return "early_stopping" if self.patience is not None and self.waited >= self.patience else None


def build_stopping(config: EarlyStoppingConfig) -> EarlyStopping:
    """The state before the first epoch. Switched off, it only keeps the best epoch: any gain counts and nothing ends it."""
    mode = MEASURES[config.monitor].mode if config.mode == "auto" else config.mode
    if not config.enabled:
        return EarlyStopping(None, mode=mode)
    return EarlyStopping(
        config.patience,
        config.min_delta,
        mode=mode,
        relative=config.relative,
        start=config.start,
        target=config.target,
        diverged_above=config.diverged_above,
    )


class StopToken:
    """How a run is asked for things. Set from any thread or a signal handler; read by the loop between batches.

    Plain attributes, a deque, and no lock: a signal handler may interrupt any line of this class, and a lock held by the
    interrupted line would never be released.
    """

    def __init__(self) -> None:
        self._reason: EndReason | None = None
        self._now = False
        self._paused = False
        self.asked: deque[Command] = deque()
        self.notices: deque[Event] = deque()

    @property
    def reason(self) -> EndReason | None:
        """Why the run was asked to stop, or None when it was not."""
        return self._reason

    @property
    def now(self) -> bool:
        """Whether a stop leaves out the test: it was asked for so, or somebody is about to lose patience."""
        return self._now

    def hurried(self) -> bool:
        """As `now`, between two batches of an evaluation: several ranks ask each other, each after the same batch."""
        return self.now

    @property
    def paused(self) -> bool:
        """Whether the run is asked to wait. A stop ends every pause."""
        return self._paused and self._reason is None

    @property
    def attention(self) -> bool:
        """Whether anything at all is asked of the run."""
        return self._reason is not None or self._paused or bool(self.asked) or bool(self.notices)

    def stop(self, reason: EndReason = "stopped", now: bool = False) -> None:
        """Ask the run to stop after the batch in hand. The first reason given is kept; a paused run ends too.

        now: without testing the best weights. Asked for later, it still makes a stop that is under way a quick one.
        """
        if self._reason is None:
            self._reason = reason
        self._now = self._now or now or reason == "terminated"

    def pause(self) -> None:
        """Ask the run to wait between batches until `resume` or `stop`."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def obey(self, command: Command) -> None:
        """Ask the run for whatever `command` says; what is not about stopping and waiting queues up in `asked`."""
        match command:
            case Stop():
                self.stop(command.reason, command.now)
            case Pause():
                self.pause()
            case Resume():
                self.resume()
            case ScreenGone():
                self.tell(ScreenLost(problem=clean(command.problem, 1000)))
            case _:
                self.asked.append(command)

    def tell(self, event: Event) -> None:
        """Have the run put an event into its record: something that happened to its process."""
        self.notices.append(event)

    def rest(self) -> None:
        """Let a moment pass while paused."""
        time.sleep(_LOOK_SECONDS)

    def wait_while_paused(self) -> None:
        """Block the caller until the run may go on."""
        while self.paused:
            self.rest()
