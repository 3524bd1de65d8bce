"""A terminal for tests: a program in a pty, its screen read by pyte, keys sent as a person would."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyte

PATIENCE = 90.0  # seconds until a test gives up on a condition; never waited for in full when all is well
ROOT = Path(__file__).parents[2]
UP, DOWN, RIGHT, LEFT, END, HOME = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[F", "\x1b[H"
PYTHON = (sys.executable,)
NNTUI = (sys.executable, "-m", "tui")


def environment(**more: str) -> dict[str, str]:
    """A user's environment in which the packages of this checkout are found from any folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "NNTUI_CHARSET", "COLUMNS", "LINES")
    }
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        **more,
    }


def heeding() -> None:
    """Undo what the tests themselves may have been started under, which a new process inherits: nohup, or `&` in a script."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _on_its_terminal() -> None:
    heeding()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def cells(screen: pyte.Screen) -> list[list[object]]:
    """Every cell of a screen as a person sees it: of a blank only what shows on one."""
    rows = ([screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines))
    return [
        [
            cell._replace(fg="", bold=False, italics=False)
            if cell.data == " " and not (cell.reverse or cell.underscore)
            else cell
            for cell in row
        ]
        for row in rows
    ]


class Terminal:
    """A program on a terminal of its own. `output` is everything it ever wrote, `lines` what stands on the screen now."""

    def __init__(
        self, command: Sequence[str], size: tuple[int, int] = (80, 24), cwd: Path | None = None, **env: str
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.output = b""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._theirs = theirs  # kept open, so that the settings can be read after the program has ended
        self.settings = termios.tcgetattr(theirs)
        self.command, self._where, self._env = command, cwd, env
        self.process: Any = self.start(theirs)

    def start(self, theirs: int) -> Any:
        """Start the program on the terminal's other end, as its controlling terminal."""
        return subprocess.Popen(
            self.command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self._where,
            env=environment(**self._env),
            start_new_session=True,
            preexec_fn=_on_its_terminal,
        )

    def resize(self, columns: int, rows: int) -> None:
        """What a window does when a person pulls at its corner."""
        self.screen.resize(rows, columns)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal under the program, as a lost connection does."""
        os.close(self._ours)
        self._ours = -1

    @property
    def lines(self) -> list[str]:
        return self.screen.display

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)

    def read(self, seconds: float = 0.05) -> None:
        """Take in what the program has written; waits at most so long for the first of it."""
        while select.select([self._ours], [], [], seconds)[0]:
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                return
            if not data:
                return
            self.arrived()
            self.output += data
            # pyte takes CSI > ... and CSI = ... sequences, which it does not know, for printable text in part.
            with contextlib.suppress(Exception):
                self._stream.feed(data)
            seconds = 0

    def arrived(self) -> None:
        """Something has come and is about to be shown."""

    def until(self, condition: Callable[[], object], seconds: float = PATIENCE, what: str = "") -> None:
        """Read until the condition holds; the screen stands in the failure's message."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain {what}; the screen shows\n{self.text}"
            self.read()

    def see(self, *words: str, seconds: float = PATIENCE) -> None:
        """Read until all of these stand on the screen."""
        self.until(lambda: all(word in self.text for word in words), seconds, f"for {words}")

    def send(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit code, once the program has ended and all it wrote is read."""
        self.until(lambda: self.process.poll() is not None, seconds, "for the end")
        self.read()
        return self.process.returncode

    @property
    def settings_now(self) -> list[object]:
        return termios.tcgetattr(self._theirs)

    def as_found(self) -> None:
        """Assert that the terminal is left as it was found: settings, screen, cursor, mouse, paste and focus reports."""
        assert self.settings_now == self.settings, "stty settings differ"
        for mode, name in {
            "1049": "alternate screen",
            "1000": "mouse",
            "1003": "mouse",
            "2004": "paste",
            "1004": "focus",
        }.items():
            on, off = (self.output.rfind(f"\x1b[?{mode}{end}".encode()) for end in "hl")
            assert off >= on, f"{name} is left on"
        hidden, shown = (self.output.rfind(f"\x1b[?25{end}".encode()) for end in "lh")
        assert shown >= hidden, "the cursor is left hidden"

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)
        os.close(self._theirs)


@contextlib.contextmanager
def terminal(
    command: Sequence[str],
    size: tuple[int, int] = (80, 24),
    cwd: Path | None = None,
    kind: type[Terminal] | None = None,
    **env: str,
) -> Iterator[Terminal]:
    """Run a command on a terminal, of this kind; it is killed at the end if it still runs."""
    program = (kind or Terminal)(command, size, cwd, **env)
    try:
        yield program
    finally:
        program.close()
