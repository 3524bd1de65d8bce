"""What ends a screen from outside: its terminal goes away, or a signal comes. A run under way is never lost with it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from engine.commands import Command, Save, Stop
from engine.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, InputError
from engine.events import EndReason

from .terminal import TerminalFile

if TYPE_CHECKING:
    from .source import RunSource

EXIT_HUNG_UP = 129  # 128 + SIGHUP, when there was no run whose end could give the exit code
GRACE_SECONDS = 2.0  # for the screen to get away by itself once there is nothing left to wait for
_LOOK_SECONDS = 0.5

Handler = Any  # what signal.getsignal gives


class Watch:
    """Listens for the end of the terminal and for signals, from before the screen is up until the process ends.

    lost: why there is no terminal any more, "" while there is one. asked: how a signal asked the run to end. source: the
    run that the signals are about, set by the app. Signal handlers run in the main thread between any two lines of it, so
    they take no locks: they set an attribute, leave a command for the run and ask the screen to leave.
    """

    def __init__(self, terminal: TerminalFile) -> None:
        self._terminal = terminal
        self.lost = ""
        self.asked: EndReason | None = None
        self.source: RunSource | None = None
        self._leave: Callable[[], None] | None = None
        self._closed = False
        self._wake_read, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    # -- beginning and end --------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def listening(self) -> Iterator[Watch]:
        """Handle the signals and watch the terminal while this lasts. To be entered in the main thread."""
        before: dict[signal.Signals, Handler] = {}
        for number, handler in (
            (signal.SIGHUP, self._on_hangup),
            (signal.SIGTERM, self._on_end),
            (signal.SIGINT, self._on_end),
            (signal.SIGUSR1, self._on_save),
        ):
            before[number] = signal.signal(number, handler)
        thread = threading.Thread(target=self._look, name="nntui-watch", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._closed = True
            self._rouse()
            thread.join()
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake_read)
            os.close(self._wake)

    def screen_is_up(self, leave: Callable[[], None]) -> None:
        """The screen is there: `leave` is how to ask it to go, from any line of the main thread."""
        self._leave = leave
        # The system sends SIGCONT along with SIGHUP, and Textual answers one by setting up the terminal again.
        set_up_again = signal.getsignal(signal.SIGCONT)

        def continued(number: int, frame: FrameType | None) -> None:
            if not self.lost and not self._terminal.gone() and callable(set_up_again):
                set_up_again(number, frame)

        signal.signal(signal.SIGCONT, continued)
        if self.lost or self.asked:
            leave()

    def screen_is_gone(self) -> None:
        self._leave = None

    # -- signals ------------------------------------------------------------------------------------------------------

    def hang_up(self, why: str) -> None:
        """The screen cannot be shown any more; called in the main thread."""
        if self.lost:
            return
        self.lost = why
        # Functions that do nothing, and not SIG_IGN: one that is pending already would be reported as a race.
        for number in (signal.SIGHUP, signal.SIGCONT, signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, _nothing)
        self._away()

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self.hang_up("the terminal went away")

    def _on_end(self, number: int, frame: FrameType | None) -> None:
        reason: EndReason = "terminated" if number == signal.SIGTERM else "interrupted"
        if self.asked is not None:
            if self.source is not None:
                self.source.abandon()
            os._exit(exit_code_of(reason))
        self.asked = reason
        self._ask(Stop(reason=reason))
        self._away()

    def _on_save(self, number: int, frame: FrameType | None) -> None:
        self._ask(Save())

    def _ask(self, command: Command) -> None:
        if (run := self.own_run) is not None:
            with contextlib.suppress(InputError):  # it has ended meanwhile, or its disk is full
                run.send(command)

    @property
    def own_run(self) -> RunSource | None:
        """The run that this app has started, while it lasts."""
        source = self.source
        # Not `alive`: a screen that hangs takes no events in, and there would be some left for ever.
        return source if source is not None and source.own and not source.join(0.0) else None

    def _away(self) -> None:
        self._rouse()
        if self._leave is not None:
            self._leave()

    def _rouse(self) -> None:
        with contextlib.suppress(OSError):  # the pipe is full: the thread is awake as it is
            os.write(self._wake, b".")

    # -- the thread that watches --------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Sleep until the terminal hangs up or something is asked; then see to it that the process does end.

        A closed terminal need not come with SIGHUP: only a session's own terminal sends it, and `nohup` has it ignored.
        """
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        poll.register(self._terminal.fileno(), 0)  # 0: hang-ups and errors are told in any case
        idle_since: float | None = None  # on the monotonic clock: since when there is nothing left to wait for
        while not self._closed:
            ending = self.asked is not None or bool(self.lost)
            for number, what in poll.poll(_LOOK_SECONDS * 1000 if ending else None):
                if number == self._wake_read:
                    os.read(self._wake_read, 4096)
                elif what & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                    poll.unregister(number)
                    _interrupt_main(signal.SIGHUP)
            if self.own_run is not None or not (self.asked or (self.lost and self._leave)):
                idle_since = None
            elif idle_since is None:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > GRACE_SECONDS:
                # The main thread hangs, most likely in a write to a terminal that nobody reads.
                self._terminal.rescue()
                os._exit(exit_code_of(self.asked) if self.asked else EXIT_HUNG_UP)


def exit_code_of(reason: EndReason) -> int:
    """The exit code of a process that a signal ended."""
    return EXIT_TERMINATED if reason == "terminated" else EXIT_INTERRUPTED


def _interrupt_main(number: signal.Signals) -> None:
    """Have a signal's handler run at once in the main thread, even where that waits for a lock."""
    ident = threading.main_thread().ident
    if ident is not None:
        signal.pthread_kill(ident, number)


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
