"""A process that has imported torch and the engine (see support.stem) and forks children that train: starting one takes milliseconds.

The server itself never trains, so that it has no threads that a fork would leave behind. What a child does is a function of
support.lives, named by the caller; where it stands is read from memory that it shares with the test, also after its death.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import stem

WAIT = 60.0  # seconds until a test gives up on a condition; never waited for in full when all is well
LOOK = 0.0002  # seconds between two looks at the shared memory

PHASES = ("starting", "loading", "between", "training", "validation", "test")
FIELDS = ("phase", "saving", "saves", "done", "batch", "trial", "hold", "held")


class Place:
    """Where a child stands, in memory shared through a file: one integer for each of FIELDS.

    phase: an index into PHASES; saving: whether a checkpoint is being written; saves: how many were begun; done, batch: as in
    Training; trial: its number, 0 without trials. hold: 1 + the phase in which the child is to wait; held: whether it does.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * len(FIELDS)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8 * len(FIELDS))

    def get(self, field: str) -> int:
        return struct.unpack_from("<q", self._memory, 8 * FIELDS.index(field))[0]

    def set(self, field: str, value: int) -> None:
        struct.pack_into("<q", self._memory, 8 * FIELDS.index(field), value)

    @property
    def phase(self) -> str:
        return PHASES[self.get("phase")]

    def enter(self, phase: str) -> None:
        self.set("phase", PHASES.index(phase))


class Child:
    """A forked process at work."""

    def __init__(self, server: Server, pid: int, place: Place, log: Path) -> None:
        self._server, self.pid, self.place, self.log = server, pid, place, log
        self._code: int | None = None

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        if self._code is None:
            self._code = self._server.ask({"look": self.pid})
        return self._code is not None

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code, minus the number of the signal that ended it."""
        if self._code is None:
            self._code = self._server.ask({"wait": self.pid})
        assert self._code is not None
        return self._code

    def until(self, condition: Callable[[Place], object]) -> bool:
        """Wait until the condition holds; False when the child has ended before."""
        deadline, looks = time.perf_counter() + WAIT, 0
        while not condition(self.place):
            looks += 1
            if looks % 500 == 0:
                if self.ended():
                    return False
                assert time.perf_counter() < deadline, f"waited in vain: {self.place.phase}, {self.log.read_text()}"
            time.sleep(LOOK)
        return True

    def kill(self) -> int:
        self.signal(signal.SIGKILL)
        return self.wait()


class Server:
    """The server as the tests have it. `fork` gives a Child; `close` ends the server and whoever still lives."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._connection = stem.forked("lives", folder)
        self._replies = self._connection.makefile("rb", buffering=0)
        self._requests = self._connection.makefile("wb", buffering=0)
        assert self.ask({"ready": True}) == 1

    def fork(self, what: str, **arguments: Any) -> Child:
        """A child that calls ``support.lives.<what>(place, **arguments)`` and exits with what it returns."""
        self._count += 1
        place, log = self._folder / f"place-{self._count}", self._folder / f"child-{self._count}.log"
        shared = Place(place)
        pid = self.ask({"what": what, "place": str(place), "log": str(log), "arguments": arguments})
        assert pid is not None
        return Child(self, pid, shared, log)

    def ask(self, body: dict[str, Any]) -> int | None:
        self._requests.write(json.dumps(body).encode() + b"\n")
        assert select.select([self._replies], [], [], WAIT)[0], f"no answer to {body}"
        answer = self._replies.readline()
        assert answer, "the fork server has died"
        return json.loads(answer)

    def close(self) -> None:
        self._requests.close()
        self._replies.close()
        assert stem.closed(self._connection, WAIT)


def serve(connection: socket.socket) -> None:
    """The server's side: forks, and waits for its children, as it is told to."""
    lives = importlib.import_module("support.lives")
    children: set[int] = set()
    with connection.makefile("rb", buffering=0) as requests:
        for line in iter(requests.readline, b""):
            body, answer = json.loads(line), None
            if "wait" in body or "look" in body:
                pid, status = os.waitpid(body.get("wait") or body["look"], os.WNOHANG if "look" in body else 0)
                if pid:
                    children.discard(pid)
                    answer = os.waitstatus_to_exitcode(status)
            elif "what" in body:
                answer = os.fork()
                if answer == 0:
                    requests.close()
                    connection.close()
                    _live(getattr(lives, body["what"]), body)
                children.add(answer)
            else:
                answer = 1
            connection.sendall(json.dumps(answer).encode() + b"\n")
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _live(work: Callable[..., object], body: dict[str, Any]) -> None:
    """Be a child: never returns."""
    code: object = 99
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    log = os.open(body["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(log, number)
    try:
        code = work(Place(Path(body["place"])), **body["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)
