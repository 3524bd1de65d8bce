"""Processes that hold a run's lock, and conditions that are waited for instead of slept for."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.lock import RunLock
from engine.rundir import RunDir

WAIT = 60.0  # seconds until a test gives up on a condition; never waited for in full when all is well


def until(condition: Callable[[], object], seconds: float = WAIT) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@contextlib.contextmanager
def child(work: Callable[[], object]) -> Iterator[int]:
    """A forked process that calls `work`, says so, and then stays until it is killed; gives its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            kept = work()  # noqa: F841  -- what it returns lives as long as the process
            os.write(writer, b".")
            while True:
                signal.pause()
        finally:
            sys.stderr.flush()
            os._exit(1)
    os.close(writer)
    try:
        assert select.select([reader], [], [], WAIT)[0] and os.read(reader, 1) == b".", "the child failed"
        yield pid
    finally:
        os.close(reader)
        end(pid)


def owner(run: RunDir) -> contextlib.AbstractContextManager[int]:
    """A process that holds the run's lock."""
    return child(lambda: RunLock.take(run))


def end(pid: int, number: int = signal.SIGKILL) -> None:
    """Kill a child and wait until it is gone; one that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, number)
        os.waitpid(pid, 0)


def a_run(parent: Path, name: str = "20260101-120000-digits-mlp") -> RunDir:
    """An empty run folder."""
    path = parent / name
    path.mkdir(parents=True)
    (path / "config.toml").write_text("")
    return RunDir(path)


def forge(run: RunDir, host: str, beat: float, pid: int = 4242) -> None:
    """A lock file as another machine's process leaves it, last touched `beat` seconds ago."""
    run.lock.write_text(json.dumps({"pid": pid, "host": host, "since": 1.0}))
    when = time.time() - beat
    os.utime(run.lock, (when, when))


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else len(os.listdir("/dev/fd"))
