"""Starting a run in a process of its own session, which no terminal's end takes along.

The two sides share a socket, on which the child answers in lines of JSON. The one that matters names its run's folder and comes
once the run is on record, which it is only after the lock was taken; when the child ends before that, the socket closes,
and what the child printed says why. What it prints otherwise goes into a nameless temporary file first and into the run's log
as soon as there is one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .errors import EXIT_BAD_INPUT, Fault, InputError, TrainingError
from .events import Event, RunResumed, RunStarted
from .rundir import RunDir
from .text import clean

READY_FD = "NNTUI_READY_FD"  # names the child's end of the socket; taken out of its environment at once
_PREFIX = "nntui: "


class Process(Protocol):
    """What is needed of subprocess.Popen."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Spawned:
    """A run that trains in a process of its own."""

    run: RunDir
    process: Process

    @property
    def pid(self) -> int:
        return self.process.pid


def launch(arguments: Sequence[str], end: int, output: int) -> Process:
    """Run ``nntui ARGUMENTS`` in a process of its own session. end: its end of the socket; output: where it prints to."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "engine", *arguments],  # -P: not what else lies in the current folder
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=[end],
        env={**os.environ, "PYTHONPATH": modules_path(), READY_FD: str(end)},
    )


def modules_path() -> str:
    """A PYTHONPATH with which another process finds the same modules as this one, wherever it found them."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)


class Child:
    """A process that was started for a run, as long as the run is not on record yet.

    Made by starting it. Raises TrainingError when no process can be started.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        with contextlib.ExitStack() as made:
            try:
                self._socket, theirs = socket.socketpair()
                made.callback(self._socket.close)
                with theirs:
                    self._answers = made.enter_context(self._socket.makefile("rb"))
                    self._output = made.enter_context(tempfile.TemporaryFile())
                    self.process = launch(arguments, theirs.fileno(), self._output.fileno())
            except OSError as error:
                raise TrainingError(f"no process can be started: {error.strerror or error}") from None
            made.pop_all()

    def close(self) -> None:
        """Stop listening; the process is not touched, but one that waits to be told something ends."""
        self._answers.close()
        self._socket.close()
        self._output.close()

    def tell(self, words: dict[str, Any]) -> None:
        """Send it a line. What stands against that shows in the answer."""
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(words).encode() + b"\n")

    def answer(self) -> dict[str, Any]:
        """Wait for its next line. Raises InputError or TrainingError, with what it printed, when it ends instead."""
        with contextlib.suppress(OSError, ValueError):
            if line := self._answers.readline():
                return json.loads(line)
        code = self.process.wait()
        printed = os.pread(self._output.fileno(), 1 << 16, 0).decode(errors="replace")
        self.close()
        raise _failure(code, printed)

    def started(self) -> Spawned:
        """Wait until its run is on record. Raises as `answer` does."""
        run = RunDir(Path(self.answer()["folder"]))
        self.close()
        return Spawned(run, self.process)


def spawn(arguments: Sequence[str]) -> Spawned:
    """Run ``nntui ARGUMENTS`` (``train …`` or ``resume …``) in a process of its own; returns once the run is under way.

    Blocks for the seconds that loading takes. Raises InputError with what the process said when it refused its input, and
    TrainingError when it ended otherwise. An interrupt while waiting ends the process again.
    """
    with _interrupts_later() as interrupted:  # one in the midst of it would leave a child that nobody knows
        child = Child(arguments)
    try:
        if interrupted:
            raise KeyboardInterrupt
        return child.started()
    except KeyboardInterrupt:
        child.process.send_signal(signal.SIGTERM)
        child.close()
        raise


@contextlib.contextmanager
def _interrupts_later() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of raising KeyboardInterrupt, in the main thread, which alone gets it."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    # A handler and not a blocked signal: the child would inherit the block, while its handlers are the default ones.
    before = signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


def signal_name(number: int) -> str:
    """A signal as a person knows it, with what is behind it most of the time."""
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
        return f"{name}, perhaps for want of memory" if name == "SIGKILL" else name
    return f"signal {number}"


def _failure(code: int, printed: str) -> InputError | TrainingError:
    """What a process that ended before its run began has said, as the error it would have been here."""
    lines = [line for line in printed.splitlines() if line.strip()]
    said = [line.removeprefix(_PREFIX) for line in lines if line.startswith(_PREFIX)]
    if code == EXIT_BAD_INPUT and said:
        return InputError([Fault("", clean(line, 2000)) for line in said])
    if code < 0:
        return TrainingError(f"its process was ended by {signal_name(-code)}")
    last = clean((said or lines or [f"the process ended with exit code {code}"])[-1], 2000)
    return TrainingError(last.removeprefix("training failed: "))


# -- the child's side -----------------------------------------------------------------------------------------------------


class ReadySink:
    """Tells the parent of the run as soon as it is on record, and moves the output into its log."""

    name = "start"

    def __init__(self, answers: socket.SocketIO) -> None:
        self._answers: socket.SocketIO | None = answers

    def write(self, event: Event) -> None:
        if self._answers is None or not isinstance(event, RunStarted | RunResumed):
            return
        with contextlib.suppress(OSError):  # without the log, what is printed stays where it is
            _continue_in(RunDir(Path(event.folder)).log)
        with contextlib.suppress(OSError):  # the parent may be gone by now
            self._answers.write(json.dumps({"folder": event.folder}).encode() + b"\n")
        self.close()

    def close(self) -> None:
        if self._answers is not None:
            with contextlib.suppress(OSError):
                self._answers.close()
            self._answers = None


def parents_end() -> socket.socket | None:
    """The socket to the process that started this one by `Child`; None in any other process. To be asked for once."""
    text = os.environ.pop(READY_FD, "")
    try:
        number = int(text)
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
    except (ValueError, OSError, OverflowError):
        return None
    os.set_inheritable(number, False)
    return socket.socket(fileno=number)


def ready_sinks() -> list[ReadySink]:
    """The sink that a process started by `spawn` needs; none in any other process."""
    end = parents_end()
    if end is None:
        return []
    answers = end.makefile("wb", buffering=0)
    end.close()  # the file keeps it open
    return [ReadySink(answers)]


def _continue_in(log: Path) -> None:
    """Append what was printed so far to `log`, and let everything after it go there. Other threads may print meanwhile."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab", buffering=0) as file, open(os.dup(1), "rb") as before:
        at = _copied(before.fileno(), file, 0)
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        _copied(before.fileno(), file, at)  # what came while it was copied


def _copied(printed: int, to: io.FileIO, at: int) -> int:
    """Copy a file from there to its end, and give its end. Its offset, which whoever prints shares, stays where it is."""
    while block := os.pread(printed, 65536, at):
        to.write(block)
        at += len(block)
    return at
