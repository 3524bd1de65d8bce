"""Who trains a run: a lock on a file in its folder, and a heartbeat for where locks do not reach.

The lock is flock's: the system takes it back when its process ends, however it ends. The file says who holds it, and its
time of change is touched every two seconds. On a network folder mounted without locks only that tells another machine that
the run is alive.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import threading
import time
import weakref
from dataclasses import dataclass

from .errors import Fault, InputError
from .rundir import RunDir
from .text import clean

BEAT_SECONDS = 2.0
FRESH_SECONDS = 5.0  # a beat younger than this is that of a process at work
STALE_SECONDS = 15.0  # a beat older than this is nobody's, where the lock itself does not tell
TAKE_SECONDS = 0.5  # a lock is asked for so long: somebody may only be looking who holds it
_LOOK_SECONDS = 0.02
_LONGEST = 4096  # bytes of the file that are looked at


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a run. pid 0 and host "" when the file does not say.

    since: when it took the run, in seconds since 1970. beat: seconds since its last heartbeat.
    """

    pid: int
    host: str
    since: float
    beat: float

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host == socket.gethostname()

    @property
    def words(self) -> str:
        return f"process {self.pid} on {clean(self.host, 80)}" if self.pid else "another process"


class RunLock:
    """A run held by this process, from `take` to `release` or the end of the process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._released = threading.Event()
        _held.add(self)
        self._sign()
        self._thread = threading.Thread(target=self._beat, name="nntui-heartbeat", daemon=True)
        self._thread.start()

    @classmethod
    def take(cls, run: RunDir) -> RunLock:
        """Take the run for this process. Raises InputError, naming who holds it, or why its folder cannot be locked."""
        try:
            fd = os.open(run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            problem = f"the run cannot be locked: {clean(run.lock, 2000)}: {error.strerror}"
            raise InputError([Fault("", problem, "it needs a folder that can be written to")]) from None
        try:
            deadline = time.monotonic() + TAKE_SECONDS
            while (locked := _flock(fd, fcntl.LOCK_EX)) is False:
                if time.monotonic() > deadline:
                    raise held(run, _read(fd) or Owner(0, "", 0.0, 0.0))
                time.sleep(_LOOK_SECONDS)
            owner = _read(fd)
            if owner is not None and _beats(owner, locked):
                raise held(run, owner)
            return cls(fd)
        except BaseException:
            os.close(fd)
            raise

    def release(self) -> None:
        """Give the run up. A second call does nothing, and neither does one in a forked child."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        self._released.set()
        if self._thread.ident is not None:
            self._thread.join()  # before the descriptor's number can belong to another file
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
        os.close(fd)

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _sign(self) -> None:
        body = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        with contextlib.suppress(OSError):  # on a full disk the lock holds without its name
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, json.dumps(body).encode(), 0)

    def _beat(self) -> None:
        fd = self._fd
        while not self._released.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(fd)


_held: weakref.WeakSet[RunLock] = weakref.WeakSet()


def _let_go_in_a_child() -> None:
    """A forked child must not keep the lock beyond its parent's end, nor release it before."""
    for lock in list(_held):
        fd, lock._fd = lock._fd, -1
        if fd >= 0:
            os.close(fd)


os.register_at_fork(after_in_child=_let_go_in_a_child)


def probe(run: RunDir, gently: bool = False) -> Owner | None:
    """Who trains the run now, or None when nobody does.

    gently: for those who ask again and again. A young heartbeat of a living process of this machine is believed, and the
    lock itself is not touched: a process that is frozen at that very moment would keep it.
    """
    try:
        fd = os.open(run.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if gently and (owner := _read(fd)) and owner.here and owner.beat < FRESH_SECONDS and _lives(owner.pid):
            return owner
        locked = _flock(fd, fcntl.LOCK_SH)
        owner = _read(fd)
        if locked is False:
            return owner or Owner(0, "", 0.0, 0.0)
        return owner if owner is not None and _beats(owner, locked) else None
    finally:
        os.close(fd)


def held(run: RunDir, owner: Owner) -> InputError:
    """What a second starter is told."""
    problem = f"{clean(run.name)} is being trained by {owner.words}"
    return InputError([Fault("", problem, f"`nntui attach {clean(run.name)}` shows it")])


def _flock(fd: int, mode: int) -> bool | None:
    """Try to lock: whether that worked, or None where the file system knows no locks."""
    try:
        fcntl.flock(fd, mode | fcntl.LOCK_NB)
        return True
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN) else None


def _beats(owner: Owner, locked: bool | None) -> bool:
    """Whether an owner lives although the lock could be had: on another machine, or where there are no locks."""
    if owner.beat >= STALE_SECONDS:
        return False
    return not owner.here or (locked is None and _lives(owner.pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's process
    return True


def _read(fd: int) -> Owner | None:
    """Who signed the file, or None when nobody did or it cannot be read."""
    try:
        body = json.loads(os.pread(fd, _LONGEST, 0))
        pid, host, since = int(body["pid"]), str(body["host"]), float(body["since"])
        beat = max(0.0, time.time() - os.fstat(fd).st_mtime)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return Owner(pid, host, since, beat) if pid > 0 else None
