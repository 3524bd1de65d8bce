"""Everything that knows what a terminal is: whether there is one, what it can show, and who may write to it."""

from __future__ import annotations

import contextlib
import io
import locale
import os
import select
import sys
import tempfile
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from .text import Charset


def has_terminal() -> bool:
    """Whether a person sits at both ends: keys can come in and a screen can go out."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)) and (
        os.environ.get("TERM", "") != "dumb"
    )


def charset() -> Charset:
    """Braille where the locale is UTF-8, plain ASCII elsewhere; NNTUI_CHARSET=braille|blocks|ascii overrules."""
    wanted = os.environ.get("NNTUI_CHARSET", "")
    if wanted in ("braille", "blocks", "ascii"):
        return wanted
    # Not getpreferredencoding, which in the C locale tells of Python's own UTF-8 mode and not of the terminal.
    return "braille" if "utf" in locale.getencoding().lower() else "ascii"


def colour() -> bool:
    """Whether to use colours: not when NO_COLOR is set to anything but the empty string (no-color.org)."""
    return not os.environ.get("NO_COLOR")


# What Textual switches on, off again: key protocol, alternate screen, cursor, line wrap, mouse, focus, paste, resize reports.
_RESET = b"\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2048l\r\n"


_RESCUE_SECONDS = 0.3


class TerminalFile(io.TextIOWrapper):
    """The way to the terminal. Once that is gone it swallows what is written, so that nobody who writes comes to harm:
    Textual's writer thread would die of the error, and its main thread wait for that thread for ever.
    """

    def __init__(self, descriptor: int, encoding: str) -> None:
        super().__init__(open(descriptor, "wb"), encoding=encoding, errors="replace")  # noqa: SIM115
        self._settings = None
        with contextlib.suppress(termios.error):
            self._settings = termios.tcgetattr(descriptor)

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            self._let_go()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self._let_go()
            super().flush()

    def _let_go(self) -> None:
        """Lead nowhere from now on; what is buffered goes there as well."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)

    def gone(self) -> bool:
        """Whether the terminal has hung up."""
        poll = select.poll()
        poll.register(self.fileno(), 0)
        return any(what & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, what in poll.poll(0))

    def rescue(self) -> None:
        """Put the terminal back in order in place of a screen that could not; never waits long."""
        # In a thread: a write to a terminal that nobody reads may wait for ever, whatever poll said of it.
        thread = threading.Thread(target=self._reset, name="nntui-rescue", daemon=True)
        thread.start()
        thread.join(_RESCUE_SECONDS)

    def _reset(self) -> None:
        with contextlib.suppress(termios.error, OSError, ValueError):
            if self._settings is not None:
                termios.tcsetattr(self.fileno(), termios.TCSANOW, self._settings)
            os.write(self.fileno(), _RESET)


class StrayOutput:
    """Where prints, warnings and C-level writes go while the screen is up: a temporary file, then the run's log.

    terminal: what the screen writes to instead.
    """

    def __init__(self, file: BinaryIO, terminal: TerminalFile) -> None:
        self.terminal = terminal
        self._file = file
        self._moved = False
        self.text: TextIO = open(os.dup(file.fileno()), "w", encoding="utf-8", errors="replace", buffering=1)  # noqa: SIM115

    def move_to(self, path: Path) -> None:
        """Send everything from now on to the end of `path`; the first time, beginning with what has come so far."""
        self.text.flush()
        with contextlib.suppress(OSError):  # a full disk costs the stray output, not the screen
            log = path.open("a+b", buffering=0)
            if not self._moved:  # later on it is the log of the run before, which keeps what it has
                self._file.seek(0)
                log.write(self._file.read())
            for number in (1, 2, self.text.fileno()):
                os.dup2(log.fileno(), number)
            self._file.close()
            self._file, self._moved = log, True

    def close(self) -> None:
        self.text.close()
        self._file.close()


@contextlib.contextmanager
def only_for_the_screen() -> Iterator[StrayOutput]:
    """Keep the terminal for the screen alone: file descriptors 1 and 2 lead elsewhere while this lasts.

    The screen writes through ``sys.__stderr__`` and asks ``sys.__stdout__`` for the size, so those two get a descriptor of
    their own that still leads to the terminal.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept_out, kept_err = os.dup(1), os.dup(2)
    before = (sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr)
    terminal = TerminalFile(os.dup(kept_out), sys.stdout.encoding)
    stray = StrayOutput(tempfile.TemporaryFile(buffering=0), terminal)  # noqa: SIM115
    try:
        sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
        for number in (1, 2):
            os.dup2(stray.text.fileno(), number)
        yield stray
    finally:
        terminal.flush()
        os.dup2(kept_out, 1)
        os.dup2(kept_err, 2)
        sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr = before  # type: ignore[misc]
        stray.close()
        terminal.close()
        os.close(kept_out)
        os.close(kept_err)
