"""Processes for runs that were forked before they are needed, in place of ones that import everything anew.

What is tested stays the same but for the import: a process of its own session, the socket between the two, the same command.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine import spawn

if TYPE_CHECKING:
    from engine.training import Training

HELD = "held"  # a file in the folder that a program was started in: see `forkedapps.held`


class Prepared:
    """A process that waits to become a run's; with as much of subprocess.Popen's interface as is needed."""

    def __init__(self, pid: int, orders: socket.socket) -> None:
        self.pid, self._orders = pid, orders
        self._code: int | None = None

    def become(self, arguments: Sequence[str], end: int, output: int) -> None:
        order = {"arguments": list(arguments), "cwd": os.getcwd()}
        socket.send_fds(self._orders, [json.dumps(order).encode()], [end, output])
        self._orders.close()

    def poll(self) -> int | None:
        if self._code is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() >= until:
                raise subprocess.TimeoutExpired("run", timeout or 0.0)
            time.sleep(0.005)
        assert self._code is not None
        return self._code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def prepare() -> Prepared:
    """Fork a process that waits until it is told what to be, and ends when nobody can tell it any more."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _wait(theirs)
    theirs.close()
    return Prepared(pid, ours)


def use(prepared: list[Prepared]) -> None:
    """Have runs of this process become these, one after the other; further ones start as they always do."""
    launch = spawn.launch

    def become(arguments: Sequence[str], end: int, output: int) -> spawn.Process:
        if not prepared:
            return launch(arguments, end, output)
        process = prepared.pop(0)
        process.become(arguments, end, output)
        return process

    spawn.launch = become


def _hold_back(path: str) -> None:
    """Have the last epoch of a run go on slowly while there is a file of this name; between the batches it answers."""
    from engine.keeping import Keeper

    wanted = Keeper.wanted

    def slowly(keeper: Keeper, training: Training, now: float) -> bool:
        if training.done >= training.planned - 1 and os.path.exists(path):
            time.sleep(0.1)
        return wanted(keeper, training, now)

    Keeper.wanted = slowly  # type: ignore[method-assign]


def _wait(orders: socket.socket) -> None:
    os.setsid()
    order, descriptors, _, _ = socket.recv_fds(orders, 65536, 2)
    if not order:
        os._exit(0)
    words = json.loads(order)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    end, output = descriptors
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nowhere), (1, output), (2, output)):
        os.dup2(source, target)
    kept = os.dup2(end, 100)
    os.closerange(3, 100)
    os.environ[spawn.READY_FD] = str(kept)
    os.chdir(words["cwd"])
    if os.path.exists(HELD):
        _hold_back(os.path.abspath(HELD))
    code = 1
    try:
        from engine.cli import main

        code = main(words["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
