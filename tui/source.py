"""Where a screen gets a run's events from and where its commands go: a run in this process, or a script in a test."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, Protocol

from engine.events import Event

if TYPE_CHECKING:
    from engine.config import RunConfig

Command = Literal["stop", "quit", "pause", "resume"]
"""stop: end after this batch and finish everything; quit: the same, in a hurry, because the person is leaving."""


class RunSource(Protocol):
    """A run as a screen sees it."""

    @property
    def alive(self) -> bool:
        """Whether more events may come."""
        ...

    @property
    def error(self) -> BaseException | None:
        """Why the run failed, or None. An InputError means that it never began."""
        ...

    def drain(self) -> list[Event]:
        """The events since the last call; never waits."""
        ...

    def send(self, command: Command) -> None:
        """Ask the run for something; it answers with events."""
        ...

    def join(self, timeout: float) -> bool:
        """Wait for the run's end, at most `timeout` seconds; whether it has come."""
        ...


class LiveSource:
    """A run in a thread of this process."""

    def __init__(self, config: RunConfig) -> None:
        from engine.runner import start

        self._handle = start(config)

    @property
    def alive(self) -> bool:
        return self._handle.alive

    @property
    def error(self) -> BaseException | None:
        return self._handle.error

    def drain(self) -> list[Event]:
        return self._handle.drain()

    def send(self, command: Command) -> None:
        match command:
            case "stop":
                self._handle.stop("stopped")
            case "quit":
                self._handle.stop("interrupted")
            case "pause":
                self._handle.pause()
            case "resume":
                self._handle.resume()

    def join(self, timeout: float) -> bool:
        return self._handle.join(timeout)


class ScriptedSource:
    """Events written down beforehand. `release` hands out the next ones; commands are kept for a test to look at."""

    def __init__(self, events: Iterable[Event], error: BaseException | None = None) -> None:
        self._waiting = deque(events)
        self._ready: list[Event] = []
        self._error = error
        self.commands: list[Command] = []

    @property
    def alive(self) -> bool:
        return bool(self._waiting)

    @property
    def error(self) -> BaseException | None:
        return None if self._waiting else self._error

    def release(self, count: int | None = None) -> None:
        """Make the next `count` events available, or all that are left."""
        for _ in range(len(self._waiting) if count is None else count):
            self._ready.append(self._waiting.popleft())

    def drain(self) -> list[Event]:
        ready, self._ready = self._ready, []
        return ready

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def join(self, timeout: float) -> bool:
        return not self.alive
