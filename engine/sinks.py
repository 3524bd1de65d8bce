"""Where events go. A sink that fails is reported once and dropped: no record is worth a training run.

A sink that can catch up later raises Backlogged instead: that is reported once as well, and it stays.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TextIO

from .console import epoch_line, notice_line
from .diagnosis.findings import RANK
from .events import DataPrepared, EpochEnded, Event, FindingRaised, ModelBuilt, Noted, SinkFailed, TrialStarted
from .runview import RunView
from .text import clean


class Backlogged(OSError):
    """Raised by a sink that cannot write now, but has kept the event and will write it with the next one that it can."""


class Sink(Protocol):
    """A consumer of events. `write` and `close` may raise: the tee deals with it."""

    name: str

    def write(self, event: Event) -> None: ...

    def close(self) -> None: ...


class Tee:
    """Hands each event to every sink in order, stamped with the time. The journal comes first: see the module journal.

    May be called from several threads: each event has reached every sink before the next one does.
    """

    def __init__(self, sinks: Sequence[Sink], clock: Callable[[], float] = time.time) -> None:
        self._sinks = list(sinks)
        self._clock = clock
        self._own: dict[int, list[Sink]] = {}
        self._behind: list[Sink] = []
        # Of the kind that its own thread passes: a sink's failure is told in the midst of telling something else.
        self._lock = threading.RLock()

    def of(self, number: int) -> Callable[[Event], None]:
        """What hands on the events of a trial, stamped with its number."""
        return functools.partial(self._tell, number)

    @contextlib.contextmanager
    def trial(self, number: int, sinks: Sequence[Sink]) -> Iterator[None]:
        """Hand a trial's events, and those of the run as a whole, to its own `sinks` as well for as long as this lasts."""
        with self._lock:
            self._own[number] = list(sinks)
        try:
            yield
        finally:
            with self._lock:
                for sink in list(self._own[number]):
                    self._close(sink, number)
                del self._own[number]

    def __call__(self, event: Event) -> None:
        """Hand on an event of the run as a whole."""
        self._tell(0, event)

    def _tell(self, trial: int, event: Event) -> None:
        with self._lock:
            stamped = replace(event, time=self._clock(), trial=trial)
            owners = [0, *(self._own if trial == 0 else [trial])]
            for owner, sink in [(one, sink) for one in owners for sink in self._of(one)]:
                if sink not in self._of(owner):
                    continue  # dropped meanwhile: it could not even take the report of another sink's failure
                try:
                    sink.write(stamped)
                except Backlogged as error:
                    self._falls_behind(sink, owner, error)
                except Exception as error:  # noqa: BLE001  -- a full disk or a closed pipe must not end the training
                    self._drop(sink, owner, error)
                else:
                    self._caught_up(sink, owner)

    def _of(self, owner: int) -> list[Sink]:
        """The sinks of a trial, or with 0 those of the run."""
        return self._sinks if owner == 0 else self._own.get(owner, [])

    def add(self, sinks: Sequence[Sink]) -> None:
        """Hand events to these as well from now on, after the others."""
        with self._lock:
            self._sinks += sinks

    def close(self) -> None:
        """Close every sink; a failure is reported to those still open."""
        with self._lock:
            while self._sinks:
                self._close(self._sinks[0], 0)

    def _falls_behind(self, sink: Sink, owner: int, error: Backlogged) -> None:
        if sink not in self._behind:
            self._behind.append(sink)
            self._tell(owner, SinkFailed(sink=sink.name, problem=clean(error)))

    def _caught_up(self, sink: Sink, owner: int) -> None:
        if sink in self._behind:
            self._behind.remove(sink)
            self._tell(owner, Noted(text=f"{sink.name} is written again"))

    def _close(self, sink: Sink, owner: int) -> None:
        try:
            sink.close()
            self._of(owner).remove(sink)
        except Exception as error:  # noqa: BLE001  -- as above
            self._drop(sink, owner, error)

    def _drop(self, sink: Sink, owner: int, error: Exception) -> None:
        self._of(owner).remove(sink)
        self._tell(owner, SinkFailed(sink=sink.name, problem=clean(error or type(error).__name__)))


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

    def __init__(self, view: RunView | None = None) -> None:
        self.view = view or RunView()

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
        self._said: set[str] = set()
        self._warned: dict[tuple[int, str], int] = {}  # how sure of a trial's findings it was said

    def write(self, event: Event) -> None:
        self._view.apply(event)
        line = epoch_line(self._view, event) if isinstance(event, EpochEnded) else notice_line(self._shortened(event))
        if line and not self._repeated(event, line):
            name = "" if isinstance(event, TrialStarted) else clean(self._view.label(event), 40)
            self._out.write(f"{name:<11} {line}\n" if name else f"{line}\n")
            self._out.flush()

    def _repeated(self, event: Event, line: str) -> bool:
        """Whether trials that begin at the same time say the same of their data and their model."""
        if not isinstance(event, DataPrepared | ModelBuilt):
            return False
        repeated = line in self._said and bool(self._view.others)
        self._said.add(line)
        return repeated

    def _shortened(self, event: Event) -> Event:
        """A finding that was told before without its evidence, unless it has grown more certain."""
        if not isinstance(event, FindingRaised):
            return event
        rank, before = RANK.get(event.confidence, 0), self._warned.get((event.trial, event.kind), 0)
        self._warned[event.trial, event.kind] = max(rank, before)
        if before == 0:
            return event
        if rank > before:
            return replace(event, title=f"{event.title} ({event.confidence} now)", actions=())
        return replace(event, title=f"{event.title} (again)", evidence="", actions=())

    def close(self) -> None:
        self._out.flush()
