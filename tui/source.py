"""Where a screen gets a run's events from and where its commands go: a run in this process, one elsewhere, or a script."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.commands import Command
from engine.events import Event

from .takeover import take_over

if TYPE_CHECKING:
    from engine.attached import AttachedRun
    from engine.config import RunConfig
    from engine.runner import RunHandle


class RunSource(Protocol):
    """A run as a screen sees it."""

    @property
    def own(self) -> bool:
        """Whether the run lives in this process, and so ends with it. A screen on any other run just leaves."""
        ...

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
        """Ask the run for something; it answers with events. Raises InputError when nobody is there to be asked."""
        ...

    def tell(self, event: Event) -> None:
        """Put something about the screen on record in the run; nothing happens unless the run is this process's own."""
        ...

    def go_on(self, more: int) -> RunSource:
        """Take up a run that has ended, for `more` epochs; returns where its events come from now.

        May block for the seconds that loading takes. Raises InputError or TrainingError.
        """
        ...

    def join(self, timeout: float) -> bool:
        """Wait for the run's end, at most `timeout` seconds; whether it has come."""
        ...

    def close(self) -> None:
        """The screen needs the source no longer; the run is not touched."""
        ...


class LiveSource:
    """A run in a thread of this process."""

    own = True

    def __init__(self, config: RunConfig) -> None:
        from engine.runner import start

        self._handle: RunHandle = start(config)
        self._folder = ""  # known once the run has told it

    @property
    def alive(self) -> bool:
        return self._handle.alive

    @property
    def error(self) -> BaseException | None:
        return self._handle.error

    def drain(self) -> list[Event]:
        events = self._handle.drain()
        for event in events:
            self._folder = getattr(event, "folder", "") or self._folder if not event.trial else self._folder
        return events

    def send(self, command: Command) -> None:
        self._handle.send(command)

    def tell(self, event: Event) -> None:
        self._handle.tell(event)

    def go_on(self, more: int) -> RunSource:
        from engine.runner import start_again

        self._handle = start_again(Path(self._folder), more)
        return self

    def join(self, timeout: float) -> bool:
        return self._handle.join(timeout)

    def close(self) -> None:
        pass


class AttachedSource:
    """A run in another process, or one that is over: its journal is followed, and commands go into its folder."""

    own = False

    def __init__(self, folder: Path) -> None:
        from engine.attached import attach

        self._folder = folder
        self._run: AttachedRun = attach(folder)

    @property
    def alive(self) -> bool:
        return self._run.alive

    @property
    def error(self) -> BaseException | None:
        return self._run.error

    def drain(self) -> list[Event]:
        return self._run.drain()

    def send(self, command: Command) -> None:
        self._run.send(command)

    def tell(self, event: Event) -> None:
        pass

    def go_on(self, more: int) -> RunSource:
        take_over(self._folder, more)
        return self

    def join(self, timeout: float) -> bool:
        return self._run.join(timeout)

    def close(self) -> None:
        self._run.close()


class ScriptedSource:
    """Events written down beforehand. `release` hands out the next ones; commands are kept for a test to look at."""

    def __init__(self, events: Iterable[Event], error: BaseException | None = None, own: bool = True) -> None:
        self.own = own
        self._waiting = deque(events)
        self._ready: list[Event] = []
        self._error = error
        self.commands: list[Command] = []
        self.told: list[Event] = []
        self.more: list[int] = []
        self.refuses: BaseException | None = None  # what `send` and `go_on` raise
        self.closed = False

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

    def add(self, events: Iterable[Event]) -> None:
        """Let more events wait to be released."""
        self._waiting.extend(events)

    def drain(self) -> list[Event]:
        ready, self._ready = self._ready, []
        return ready

    def send(self, command: Command) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.commands.append(command)

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def go_on(self, more: int) -> RunSource:
        if self.refuses is not None:
            raise self.refuses
        self.more.append(more)
        return self

    def join(self, timeout: float) -> bool:
        return not self.alive

    def close(self) -> None:
        self.closed = True
