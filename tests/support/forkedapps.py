"""A process that has imported everything already (see support.stem) and forks programs, each in a session of its own.

Importing PyTorch and Textual takes seconds; tests that need the real program many times, on a real terminal or without one,
fork it instead. What a start itself does (imports, their order, the entry point) has tests that start a process.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from support import disk, forkedruns, stem
from support.terminal import ROOT, Terminal

KEPT = ("NNTUI_STATE",)  # of the environment, what may differ from test to test


class Forked:
    """A forked program, with as much of subprocess.Popen's interface as a Terminal needs."""

    def __init__(self, server: AppServer, pid: int) -> None:
        self._server, self.pid = server, pid

    @property
    def returncode(self) -> int:
        return self._server.codes[self.pid]

    def poll(self) -> int | None:
        self._server.listen(0.0)
        return self._server.codes.get(self.pid)

    def wait(self, seconds: float = 60.0) -> int:
        deadline = time.monotonic() + seconds
        while self.pid not in self._server.codes:
            assert time.monotonic() < deadline, f"process {self.pid} did not end"
            self._server.listen(0.1)
        return self.returncode

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class AppServer:
    """Forks ``nntui``. codes: the exit codes of those that have ended, negative for a signal."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self._socket = stem.forked("apps", ROOT)
        self._left = b""
        self._pids: list[int] = []

    def fork(self, files: Sequence[int], arguments: Sequence[str], cwd: Path, before: str = "") -> Forked:
        """Run ``nntui ARGUMENTS`` with these descriptors as its standard input, output and error; a single one is a terminal.

        before: code that the child runs first.
        """
        order = {
            "arguments": list(arguments),
            "cwd": str(cwd),
            "before": before,
            "environment": {name: os.environ[name] for name in KEPT if name in os.environ},
        }
        socket.send_fds(self._socket, [json.dumps(order).encode() + b"\n"], list(files))
        deadline = time.monotonic() + 60
        while not self._pids:
            assert time.monotonic() < deadline
            self.listen(1.0)
        return Forked(self, self._pids.pop())

    def listen(self, seconds: float) -> None:
        """Take in what the server has told."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return
        told = self._socket.recv(65536)
        assert told, "the fork server is gone"
        *lines, self._left = (self._left + told).split(b"\n")
        for line in lines:
            pid, code = json.loads(line)
            if code is None:
                self._pids.append(pid)
            else:
                self.codes[pid] = code

    def close(self) -> None:
        assert stem.closed(self._socket, 30)


class ForkedTerminal(Terminal):
    """`nntui` on a terminal, forked off a server instead of started afresh."""

    def __init__(
        self, server: AppServer, arguments: list[str], size: tuple[int, int], cwd: Path, before: str = ""
    ) -> None:
        self._server, self._cwd, self._before = server, cwd, before
        super().__init__(arguments, size, cwd)

    def start(self, theirs: int) -> Forked:
        return self._server.fork([theirs], self.command, self._cwd, self._before)


class Piped:
    """`nntui` forked off a server without a terminal. stdout: its lines as they come; what it writes to standard error is kept.

    before: as in `AppServer.fork`; what exits is the whole program.
    """

    def __init__(self, server: AppServer, arguments: Sequence[str], cwd: Path, before: str = "") -> None:
        reader, writer = os.pipe()
        self.stdout = os.fdopen(reader, encoding="utf-8")
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        nowhere = os.open(os.devnull, os.O_RDONLY)
        self.process = server.fork([nowhere, writer, self._errors.fileno()], arguments, cwd, before)
        for number in (nowhere, writer):
            os.close(number)

    @property
    def errors(self) -> str:
        """All that stands on its standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        """Kill it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.stdout.close()
        self._errors.close()


def ran(
    server: AppServer, *arguments: str, cwd: Path = ROOT, seconds: float = 120.0, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """``nntui ARGUMENTS`` without a terminal at either end, to its end. before: as in `AppServer.fork`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        nowhere = os.open(os.devnull, os.O_RDONLY)
        program = server.fork([nowhere, out.fileno(), errors.fileno()], arguments, cwd, before)
        os.close(nowhere)
        try:
            code = program.wait(seconds)
        except AssertionError:
            program.kill()
            raise
        for file in (out, errors):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), errors.read())


@contextlib.contextmanager
def forked(
    server: AppServer, arguments: list[str], cwd: Path, size: tuple[int, int] = (80, 24), before: str = ""
) -> Iterator[ForkedTerminal]:
    """Run ``nntui ARGUMENTS`` on a terminal; it is killed at the end if it still runs."""
    program = ForkedTerminal(server, arguments, size, cwd, before)
    try:
        yield program
    finally:
        program.close()


def arguments(epochs: int, *more: str) -> list[str]:
    """`nntui` on the digits, with settings as ``key=value``; runs go to the folder ``runs``."""
    settings = (
        f"run.epochs={epochs}",
        "run.device=cpu",
        "run.tensorboard=false",
        "early_stopping.enabled=false",
        "run.batch_size=3",  # an epoch takes a moment, in which a terminal can be closed
        *more,
    )
    return ["--sample", "digits", *(part for setting in settings for part in ("--set", setting))]


def started(program: Terminal) -> None:
    """From the setup screen to a run that trains."""
    program.see("nntui · setup", "r run")
    program.send("r")
    program.see("training · epoch")


@contextlib.contextmanager
def held(place: Path) -> Iterator[None]:
    """Runs that are started meanwhile by a forked `nntui` in `place` do not come to their end before this is over: of their last
    epoch every batch takes a tenth of a second. However busy the machine is, a test can see them train; they are answering.
    """
    held_back = place / forkedruns.HELD
    held_back.touch()
    try:
        yield
    finally:
        held_back.unlink()


def screen_is_lost(place: Path) -> bool:
    """Whether the one run there has it on record that its screen is gone."""
    return any("ScreenLost" in journal.read_text("utf-8") for journal in (place / "runs").glob("*/events.jsonl"))


def run_folder(place: Path) -> Path:
    """The one run there."""
    (found,) = (place / "runs").iterdir()
    return found


# -- the server's side ----------------------------------------------------------------------------------------------------


def serve(ours: socket.socket) -> None:
    """Fork a child for every order until the other end closes."""
    disk.spare()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    while True:
        for ready in select.select([ours, read], [], [])[0]:
            if ready is ours:
                order, descriptors, _, _ = socket.recv_fds(ours, 65536, 3)
                if not order:
                    return
                pid = os.fork()
                if pid == 0:
                    _become(json.loads(order), descriptors)
                for number in descriptors:
                    os.close(number)
                ours.sendall(json.dumps([pid, None]).encode() + b"\n")
            else:
                os.read(read, 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                ours.sendall(json.dumps([ended[0], os.waitstatus_to_exitcode(ended[1])]).encode() + b"\n")


def _become(order: dict[str, Any], files: list[int]) -> None:
    """The child: a session of its own, and then what a person started."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where they run under nohup
    os.setsid()
    on_terminal = len(files) == 1
    if on_terminal:
        fcntl.ioctl(files[0], termios.TIOCSCTTY, 0)
        files *= 3
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, 256)
    os.chdir(order["cwd"])
    os.environ.update(order["environment"])
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.argv = ["nntui", *order["arguments"]]
    code = 1
    if on_terminal or "--detach" in order["arguments"]:  # what may start a run in a process of its own
        forkedruns.use([forkedruns.prepare() for _ in range(2)])
    try:
        exec(order["before"], {})
        from tui.main import main

        code = main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
