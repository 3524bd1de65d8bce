"""Where events go. A sink that fails is reported once and dropped: no record is worth a training run."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from .console import epoch_line, notice_line
from .events import EpochEnded, Event, ModelBuilt, SinkFailed, TestMeasured
from .runview import RunView
from .text import clean

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


class Sink(Protocol):
    """A consumer of events. `write` and `close` may raise: the tee deals with it."""

    name: str

    def write(self, event: Event) -> None: ...

    def close(self) -> None: ...


class Tee:
    """Hands each event to every sink in order, stamped with the time. The journal comes first: see the module journal."""

    def __init__(self, sinks: Sequence[Sink], clock: Callable[[], float] = time.time) -> None:
        self._sinks = list(sinks)
        self._clock = clock

    def __call__(self, event: Event) -> None:
        stamped = replace(event, time=self._clock())
        for sink in list(self._sinks):
            if sink not in self._sinks:
                continue  # dropped meanwhile: it could not even take the report of another sink's failure
            try:
                sink.write(stamped)
            except Exception as error:  # noqa: BLE001  -- a full disk or a closed pipe must not end the training
                self._drop(sink, error)

    def close(self) -> None:
        """Close every sink; a failure is reported to those still open."""
        while self._sinks:
            sink = self._sinks[0]
            try:
                sink.close()
                self._sinks.remove(sink)
            except Exception as error:  # noqa: BLE001  -- as above
                self._drop(sink, error)

    def _drop(self, sink: Sink, error: Exception) -> None:
        self._sinks.remove(sink)
        self(SinkFailed(sink=sink.name, problem=clean(error or type(error).__name__)))


class QueueSink:
    """Puts events into a queue that a screen drains when it likes."""

    name = "screen"

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def write(self, event: Event) -> None:
        self.queue.put(event)

    def close(self) -> None:
        pass


class ViewSink:
    """Folds events into a RunView, for the result of a blocking run."""

    name = "result"

    def __init__(self) -> None:
        self.view = RunView()

    def write(self, event: Event) -> None:
        self.view.apply(event)

    def close(self) -> None:
        pass


class ConsoleSink:
    """One plain line per epoch, and a line for everything a person should know."""

    name = "console"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._view = RunView()

    def write(self, event: Event) -> None:
        self._view.apply(event)
        line = epoch_line(self._view, event) if isinstance(event, EpochEnded) else notice_line(event)
        if line:
            self._out.write(line + "\n")
            self._out.flush()

    def close(self) -> None:
        self._out.flush()


class TensorBoardSink:
    """Scalars for `tensorboard --logdir`: one tag per curve, the step is the epoch."""

    name = "TensorBoard"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._metric = "metric"

    def write(self, event: Event) -> None:
        if self._writer is None:
            # Opened with the first event, so that a failure here is the tee's to report, like any later one.
            from torch.utils.tensorboard.writer import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), flush_secs=10)
        if isinstance(event, ModelBuilt):
            self._metric = event.metric
        step = event.epoch if isinstance(event, EpochEnded | TestMeasured) else 0
        for tag, value in scalars(event, self._metric).items():
            self._writer.add_scalar(tag, value, step, walltime=event.time)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def scalars(event: Event, metric: str) -> dict[str, float]:
    """The TensorBoard scalars of an event, by tag."""
    if isinstance(event, EpochEnded):
        return {
            "loss/train": event.train_loss,
            "loss/validation": event.val_loss,
            f"{metric}/train": event.train_metric,
            f"{metric}/validation": event.val_metric,
            "learning_rate": event.lr,
            "penalty": event.penalty,
            "gradient_norm": event.grad_norm,
            "samples_per_second": event.samples_per_second,
        }
    if isinstance(event, TestMeasured):
        return {"loss/test": event.loss, f"{metric}/test": event.metric}
    return {}
