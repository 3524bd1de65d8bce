"""What signals do to a run without a screen, and how it does without a terminal that has gone away."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from .errors import EXIT_INTERRUPTED, EXIT_TERMINATED

if TYPE_CHECKING:
    from .stopping import StopToken


def obey_signals(token: StopToken, leave: Callable[[int], object] = os._exit) -> None:
    """Let signals ask things of a run. To be called in the main thread, before anything that takes long.

    SIGINT and SIGTERM stop after the batch in hand, the latter without a test; a second one of the same kind ends the process
    at once. SIGUSR1 saves a checkpoint. SIGHUP means that the terminal has gone: training goes on without it. Where it is
    ignored already (`nohup`), that stays so. leave: ends the process with an exit code, at once.
    """
    from .commands import Save
    from .events import ScreenLost

    asked: set[int] = set()
    terminals = [fd for fd in (0, 1, 2) if _is_terminal(fd)]

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number in asked:
            leave(EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_TERMINATED)
        asked.add(number)
        hurry = token.reason is not None
        token.stop("interrupted" if number == signal.SIGINT else "terminated", hurry)

    def save(number: int, frame: FrameType | None) -> None:
        token.obey(Save())

    def hang_up(number: int, frame: FrameType | None) -> None:
        # SIG_IGN would make Python complain of one that is pending already.
        signal.signal(signal.SIGHUP, _nothing)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)  # comes with SIGHUP to a stopped process
        to_nowhere(terminals)
        token.tell(ScreenLost(problem="the terminal went away"))

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGUSR1, save)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, hang_up)


def leave(code: int) -> int:
    """The exit code, to end the process by; or its end at once where threads of the user's code would hold it up for ever."""
    usercode = sys.modules.get(f"{__package__}.usercode")
    others = [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    if others and usercode is not None and usercode.code_files():
        leave_at_once(code)
    return code


def leave_at_once(code: int) -> NoReturn:
    """End the process without waiting for daemon threads or for torch to take itself apart."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def occupy_descriptors() -> None:
    """Open what the caller closed of the descriptors 0 to 2, so that no file of ours gets their number and stray output."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  -- for the rest of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def to_nowhere(descriptors: list[int]) -> None:
    """Point these at /dev/null: nobody is there any more to read what is written to them."""
    if not descriptors:
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in descriptors:
        os.dup2(nowhere, fd)
    os.close(nowhere)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
