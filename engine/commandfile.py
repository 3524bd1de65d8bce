"""commands.jsonl in a run's folder: what other processes ask of a run, a line of JSON each."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from .commands import Command, from_line, to_line
from .events import CommandRefused
from .rundir import RunDir
from .stopping import StopToken
from .text import clean

LOOK_SECONDS = 0.1
LONGEST_LINE = 1 << 16
_SHOWN = 60  # characters of a line that is refused


def append_command(run: RunDir, command: Command) -> None:
    """Ask the process that trains `run` for something; whether there is one is not looked at. Raises OSError."""
    fd = os.open(run.commands, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        line = to_line(command).encode() + b"\n"
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b"\n" + line  # whoever wrote last was killed over it
        if os.write(fd, line) != len(line):  # one write: lines of several screens never mix
            raise OSError(f"{run.commands.name} could only be written in part")
    finally:
        os.close(fd)


class CommandReader:
    """Obeys what is appended to a run's commands.jsonl from now on, in a thread of its own, until `close`.

    Made by the process that holds the run's lock: what was asked of the process before it is not asked of this one. A line
    that is no command becomes a CommandRefused among the token's notices.
    """

    def __init__(self, run: RunDir, token: StopToken) -> None:
        self._path = run.commands
        self._token = token
        self._next = _size(self._path)
        self._skipping = False  # inside a line that is too long to be a command
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nntui-commands", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading, after a last look; returns when the thread has ended."""
        self._closed.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self._look()

    def _run(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            with contextlib.suppress(OSError):  # gone, or not to be read just now
                self._look()

    def _look(self) -> None:
        size = _size(self._path)
        if size < self._next:  # replaced by a shorter one, in which nobody can tell the new from the old
            self._next = size
        if size == self._next:
            return
        with self._path.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), LONGEST_LINE, self._next)
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) >= LONGEST_LINE:
            if not self._skipping:
                self._refuse(data, "the line is too long")
            self._skipping = True
            whole = len(data)
            data = b""
        self._next += whole
        lines = data[:whole].split(b"\n")
        if self._skipping and data:
            self._skipping = False
            lines = lines[1:]
        for line in lines:
            if line.strip():
                self._obey(line)

    def _obey(self, line: bytes) -> None:
        try:
            command = from_line(line.decode())
        except ValueError as error:
            self._refuse(line, str(error))
        else:
            self._token.obey(command)

    def _refuse(self, line: bytes, problem: str) -> None:
        shown = clean(line[: 4 * _SHOWN].decode(errors="replace"), _SHOWN)
        self._token.tell(CommandRefused(command=shown, problem=clean(f"{self._path.name}: {problem}")))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
