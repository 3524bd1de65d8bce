"""nntui's own training with everything on that is on by default, timed from the first epoch's beginning to the last one's end."""

from __future__ import annotations

import tempfile
import time
from unittest import mock

import engine.execution
from engine import train
from engine.events import EpochEnded, EpochStarted, Event

from .jobs import Job
from .stopwatch import Stopwatch, Times


class Watch:
    """A sink that stops the time. What comes behind the last epoch is the test, the figures and the saving of the weights."""

    name = "watch"

    def __init__(self) -> None:
        self._stopwatch: Stopwatch | None = None
        self.times = Times(0.0, 0.0, [])
        self._history: list[list[float]] = []

    def write(self, event: Event) -> None:
        if isinstance(event, EpochStarted) and self._stopwatch is None:
            self._stopwatch = Stopwatch()
        if isinstance(event, EpochEnded) and self._stopwatch is not None:
            self._history.append([event.train_loss, event.train_metric, event.val_loss, event.val_metric])
            self.times = self._stopwatch.read(self._history)
            self.at = time.perf_counter()

    def close(self) -> None:
        pass


def ours(job: Job) -> Times:
    """Train in a folder of its own, which is removed again."""
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="nntui-bench-") as folder:
        config = job.config(folder)
        table = job.source()
        with mock.patch.object(engine.execution, "load", lambda data: table):
            train(config, [watch])
    times = watch.times
    return Times(times.clock, times.cpu, times.history, time.perf_counter() - watch.at)
