"""Where a screen gets a run's events from and where its commands go: a run this app started, any other, or a script."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from engine.attached import AttachedRun, attach
from engine.commandfile import append_command
from engine.commands import Command, Save, Stop
from engine.errors import Fault, InputError, NntuiError, TrainingError
from engine.events import Event, RunEnded, RunResumed
from engine.spawn import Process, Spawned, signal_name

from .takeover import spawn_again, take_over
from .text import clean


class RunSource(Protocol):
    """A run as a screen sees it."""

    @property
    def own(self) -> bool:
        """Whether this app started the run, and so asks before it leaves it. A screen on any other run just leaves."""
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

    @property
    def code(self) -> int | None:
        """The exit code of the run's process; None while it runs, and for a run that this app did not start."""
        ...

    def go_on(self, more: int) -> RunSource:
        """Take up a run that has ended, for `more` epochs; returns where its events come from now.

        May block for the seconds that loading takes. Raises InputError or TrainingError.
        """
        ...

    def join(self, timeout: float) -> bool:
        """Wait for the run's end, at most `timeout` seconds; whether it has come."""
        ...

    def abandon(self) -> None:
        """Nobody waits any longer for a run that was asked to stop before it began: see to it that it never does."""
        ...

    def anew(self) -> None:
        """Give all events once more, from the first on: another screen is to show them."""
        ...

    def close(self) -> None:
        """The screen needs the source no longer; the run is not touched."""
        ...


class OwnSource:
    """A run that this app has started, in a process of its own: the run is not the screen's to take along.

    It is asked for things through its folder, as from any other screen, and by signals where that cannot be written to. What is
    asked before there is a run, or while it is being taken up again, waits. Signal handlers call `send`, so there is no lock.
    """

    own = True

    def __init__(self, start: Callable[[], Spawned], give_up: Callable[[], None] = lambda: None) -> None:
        """start: blocks until the run is on record; raises InputError or TrainingError when that never comes. give_up: ends
        what `start` waits for.
        """
        self._run: AttachedRun | None = None
        self._process: Process | None = None
        self._error: NntuiError | None = None
        self._ended: RunEnded | None = None
        self._waiting: deque[Command] = deque()
        self._give_up = give_up
        self._starting = True
        self._thread = threading.Thread(target=self._begin, args=(start,), name="nntui-start", daemon=True)
        self._thread.start()

    def _begin(self, start: Callable[[], Spawned]) -> None:
        try:
            started = start()
            self._process, self._run = started.process, AttachedRun(started.run)
        except NntuiError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001  -- or a person would look at an empty screen for ever
            self._error = TrainingError(f"the run cannot be started: {clean(f'{type(error).__name__}: {error}', 1000)}")
        self._starting = False
        with contextlib.suppress(InputError):
            self._flush()

    @property
    def alive(self) -> bool:
        if self._starting or self._at_work:
            return True
        return self._run is not None and self._run.alive  # another process may have taken it up

    @property
    def _at_work(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        return self._process.poll() if self._process is not None else None

    @property
    def error(self) -> BaseException | None:
        if self._error is not None or self._run is None:
            return self._error
        code = self.code
        if self._run.error is not None or code is None or self._ended is not None or self.alive:
            return self._run.error
        if code == 0:
            return TrainingError("the run has ended, and its journal does not say how; run.log may")
        how = f"was ended by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        return TrainingError(f"the process of this run {how}; + goes on from its last checkpoint")

    def drain(self) -> list[Event]:
        if self._run is None:
            return []
        events = self._run.drain()
        for event in events:
            if isinstance(event, RunEnded | RunResumed):
                self._ended = event if isinstance(event, RunEnded) else None
        return events

    def send(self, command: Command) -> None:
        self._waiting.append(command)
        if not self._starting:  # read after the append: else the thread that starts the run sees to it
            self._flush()

    def _flush(self) -> None:
        while self._run is not None:
            try:
                command = self._waiting.popleft()
            except IndexError:
                return
            self._ask(self._run, command)

    def _ask(self, run: AttachedRun, command: Command) -> None:
        if not self._at_work:
            run.send(command)  # says that there is nobody, or asks who has taken it up since
            return
        try:
            append_command(run.run, command)
        except OSError as error:
            if not self._signal(command):
                problem = f"the command cannot be written: {error.strerror or error}"
                raise InputError([Fault("", problem, "", clean(run.run.commands, 2000))]) from None

    def _signal(self, command: Command) -> bool:
        """Ask by a signal, on a full disk for example; whether there is one for this."""
        assert self._process is not None
        match command:
            case Stop():
                hurry = command.now or command.reason == "terminated"
                self._process.send_signal(signal.SIGTERM if hurry else signal.SIGINT)
            case Save():
                self._process.send_signal(signal.SIGUSR1)
            case _:
                return False
        return True

    def go_on(self, more: int) -> RunSource:
        assert self._run is not None, "what has ended has a folder"
        self._starting = True
        try:
            self._process, self._ended = spawn_again(self._run.folder, more).process, None
        finally:
            self._starting = False
        self._flush()
        return self

    def join(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        self._thread.join(timeout)
        if self._starting:
            time.sleep(max(0.0, until - time.monotonic()))
            return False
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, until - time.monotonic()))
        if self._at_work:
            return False
        return self._run is None or self._run.join(max(0.0, until - time.monotonic()))

    def abandon(self) -> None:
        if self._starting and any(isinstance(command, Stop) for command in self._waiting):
            self._give_up()

    def anew(self) -> None:
        if self._run is not None:
            self._run, self._ended = AttachedRun(self._run.run), None

    def close(self) -> None:
        if self._run is not None:
            self._run.close()


class AttachedSource:
    """A run in another process, or one that is over: its journal is followed, and commands go into its folder."""

    own = False
    code = None

    def __init__(self, folder: Path) -> None:
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

    def go_on(self, more: int) -> RunSource:
        take_over(self._folder, more)
        return self

    def join(self, timeout: float) -> bool:
        return self._run.join(timeout)

    def abandon(self) -> None:
        pass

    def anew(self) -> None:
        self._run = attach(self._folder)

    def close(self) -> None:
        self._run.close()


class ScriptedSource:
    """Events written down beforehand. `release` hands out the next ones; commands are kept for a test to look at."""

    def __init__(self, events: Iterable[Event], error: BaseException | None = None, own: bool = True) -> None:
        self.own = own
        self.code: int | None = None
        self._waiting = deque(events)
        self._ready: list[Event] = []
        self._given: list[Event] = []
        self._error = error
        self.commands: list[Command] = []
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
        self._given += ready
        return ready

    def send(self, command: Command) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.commands.append(command)

    def go_on(self, more: int) -> RunSource:
        if self.refuses is not None:
            raise self.refuses
        self.more.append(more)
        return self

    def join(self, timeout: float) -> bool:
        return not self.alive

    def abandon(self) -> None:
        pass

    def anew(self) -> None:
        self._ready, self._given, self.closed = [*self._given, *self._ready], [], False

    def close(self) -> None:
        self.closed = True
