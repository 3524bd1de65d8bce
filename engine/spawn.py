"""Starting a run in a process of its own session, which no terminal's end takes along.

The two sides share a pipe. The child writes its run's folder into it once the run is on record, which it is only after the
lock was taken; when the child ends before that, the pipe ends, and what the child printed says why. What it prints otherwise
goes into a nameless temporary file first and into the run's log as soon as there is one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import EXIT_BAD_INPUT, Fault, InputError, TrainingError
from .events import Event, RunResumed, RunStarted
from .rundir import RunDir
from .text import clean

READY_FD = "NNTUI_READY_FD"  # names the pipe's end to the child; taken out of its environment at once
_PREFIX = "nntui: "


@dataclass(frozen=True, slots=True)
class Spawned:
    """A run that trains in a process of its own."""

    run: RunDir
    pid: int


def spawn(arguments: Sequence[str]) -> Spawned:
    """Run ``nntui ARGUMENTS`` (``train …`` or ``resume …``) in a process of its own; returns once the run is under way.

    Blocks for the seconds that loading takes. Raises InputError with what the process said when it refused its input, and
    TrainingError when it ended otherwise. An interrupt while waiting ends the process again.
    """
    # The same modules as here, wherever this process found them; -P: and not what else lies in the current folder.
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as output, open(reader, "rb") as ready:
        with _interrupts_later() as interrupted:  # one in the midst of it would leave a child that nobody knows
            try:
                child = subprocess.Popen(
                    [sys.executable, "-P", "-m", "engine", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=[writer],
                    env={**os.environ, "PYTHONPATH": paths, READY_FD: str(writer)},
                )
            except OSError as error:
                raise TrainingError(f"no process can be started: {error.strerror}") from None
            finally:
                os.close(writer)
        try:
            if interrupted:
                raise KeyboardInterrupt
            folder = ready.read()
        except BaseException:
            child.send_signal(signal.SIGTERM)
            raise
        if folder:
            return Spawned(RunDir(Path(os.fsdecode(folder))), child.pid)
        code = child.wait()
        raise _failure(code, os.pread(output.fileno(), 1 << 16, 0).decode(errors="replace"))


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


def _failure(code: int, printed: str) -> InputError | TrainingError:
    """What a process that ended before its run began has said, as the error it would have been here."""
    lines = [line for line in printed.splitlines() if line.strip()]
    said = [line.removeprefix(_PREFIX) for line in lines if line.startswith(_PREFIX)]
    if code == EXIT_BAD_INPUT and said:
        return InputError([Fault("", clean(line, 2000)) for line in said])
    last = clean((said or lines or [f"the process ended with exit code {code}"])[-1], 2000)
    return TrainingError(last.removeprefix("training failed: "))


class ReadySink:
    """The child's side: tells the parent of the run as soon as it is on record, and moves the output into its log."""

    name = "start"

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_inheritable(fd, False)

    def write(self, event: Event) -> None:
        if self._fd < 0 or not isinstance(event, RunStarted | RunResumed):
            return
        with contextlib.suppress(OSError):  # without the log, what is printed stays where it is
            _continue_in(RunDir(Path(event.folder)).log)
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError), open(fd, "wb") as pipe:  # the parent may be gone by now
            pipe.write(os.fsencode(event.folder))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def ready_sinks() -> list[ReadySink]:
    """The sink that a process started by `spawn` needs; none in any other process."""
    text = os.environ.pop(READY_FD, "")
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(int(text)).st_mode)
    except (ValueError, OSError, OverflowError):
        return []
    return [ReadySink(int(text))] if is_pipe else []


def _continue_in(log: Path) -> None:
    """Append what was printed so far to `log`, and let everything after it go there."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as file:
        before = os.dup(1)
        with open(before, "rb") as printed:
            printed.seek(0)
            shutil.copyfileobj(printed, file)
        file.flush()
        for number in (1, 2):
            os.dup2(file.fileno(), number)
