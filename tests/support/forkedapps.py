"""A process that has imported everything already and forks programs onto terminals, each in a session of its own.

Importing PyTorch and Textual takes seconds; tests that need the real program on a real terminal many times fork it instead.
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
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from support import forkedruns
from support.terminal import ROOT, Terminal, environment


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
    """Forks ``nntui`` onto terminals. codes: the exit codes of those that have ended, negative for a signal."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self._socket, theirs = socket.socketpair()
        self._left = b""
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from support import forkedapps; forkedapps.serve()", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment(PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "tests")])),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._pids: list[int] = []

    def fork(self, terminal: int, arguments: list[str], cwd: Path, before: str = "") -> Forked:
        """Run ``nntui ARGUMENTS`` on the terminal with this descriptor; `before` is code that the child runs first."""
        order = json.dumps({"arguments": arguments, "cwd": str(cwd), "before": before}).encode() + b"\n"
        socket.send_fds(self._socket, [order], [terminal])
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
        self._socket.close()
        self._process.wait(30)


class ForkedTerminal(Terminal):
    """`nntui` on a terminal, forked off a server instead of started afresh."""

    def __init__(
        self, server: AppServer, arguments: list[str], size: tuple[int, int], cwd: Path, before: str = ""
    ) -> None:
        self._server, self._cwd, self._before = server, cwd, before
        super().__init__(arguments, size, cwd)

    def start(self, theirs: int) -> Forked:
        return self._server.fork(theirs, list(self.command), self._cwd, self._before)


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


def run_folder(place: Path) -> Path:
    """The one run there."""
    (found,) = (place / "runs").iterdir()
    return found


# -- the server's side ----------------------------------------------------------------------------------------------------


def serve() -> None:
    """Import everything, then fork a child for every order until the other end closes."""
    import torch

    from engine.standby import _warm_up

    _warm_up()
    import tui.app
    import tui.main  # noqa: F401
    from engine.data.builtin import load_builtin  # noqa: F401

    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # imports the rest of torch
    ours = socket.socket(fileno=int(sys.argv[1]))
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    while True:
        for ready in select.select([ours, read], [], [])[0]:
            if ready is ours:
                order, descriptors, _, _ = socket.recv_fds(ours, 65536, 1)
                if not order:
                    return
                pid = os.fork()
                if pid == 0:
                    _become(json.loads(order), descriptors[0])
                os.close(descriptors[0])
                ours.sendall(json.dumps([pid, None]).encode() + b"\n")
            else:
                os.read(read, 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                ours.sendall(json.dumps([ended[0], os.waitstatus_to_exitcode(ended[1])]).encode() + b"\n")


def _become(order: dict[str, object], terminal: int) -> None:
    """The child: a session of its own on its terminal, and then what a person started."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(terminal, number)
    os.closerange(3, 256)
    os.chdir(str(order["cwd"]))
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.argv = ["nntui", *order["arguments"]]  # type: ignore[misc]
    code = 1
    forkedruns.use([forkedruns.prepare() for _ in range(2)])
    try:
        exec(str(order["before"]), {})
        from tui.main import main

        code = main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)
