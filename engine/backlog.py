"""Writing behind the training's back: one thread, and a short queue in which the newest snapshot replaces the others."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST_WAITING = 2  # with the one being written, three snapshots in memory at the most


@dataclass(frozen=True, slots=True)
class Job:
    """A snapshot to be written. best, pinned: as in manifest.Note. passing: of use only until there is a newer one."""

    note: Any
    content: Any
    best: bool
    pinned: bool
    passing: bool

    def gives_way_to(self, other: Job) -> bool:
        """Whether this one, not yet written, need not be once `other` is."""
        return self.passing and not self.pinned and (other.best or not self.best)


class Backlog:
    """Calls `write(job)` in a thread of its own, and `told` there with what it returned or raised.

    The thread is started with the first job and ends with `close`.
    """

    def __init__(self, write: Callable[[Job], Any], told: Callable[[Any], None] | None) -> None:
        self._write, self._told = write, told
        self._waiting: list[Job] = []
        self._writing = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    def put(self, job: Job) -> None:
        """Hand a job over. Waits only while MOST_WAITING others wait that must not be dropped for this one."""
        with self._changed:
            self.make_way(job)
            self._changed.wait_for(lambda: len(self._waiting) < MOST_WAITING)
            if self._start():
                self._waiting.append(job)
                self._changed.notify_all()
                return
        self._do(job)  # no thread to be had: late in the process's end, or too many of them

    def make_way(self, job: Job) -> None:
        """Drop what need not be written once `job` is."""
        with self._changed:
            self._waiting = [one for one in self._waiting if not one.gives_way_to(job)]
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all is written, `timeout` seconds at most; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._writing, timeout)

    def close(self) -> None:
        """Write what waits and end the thread. A job handed over later starts another."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._ending.set()
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _start(self) -> bool:
        if self._thread is None:
            self._ending = threading.Event()  # one for each thread, so that none misses its own
            thread = threading.Thread(target=self._work, args=[self._ending], name="nntui-checkpoints", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def _work(self, ending: threading.Event) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or ending.is_set())
                if not self._waiting:
                    return
                job = self._waiting.pop(0)
                self._writing += 1
                self._changed.notify_all()
            self._do(job)
            del job  # a snapshot is as large as the model and its optimizer: not held until the next one comes
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()

    def _do(self, job: Job) -> None:
        try:
            outcome = self._write(job)
        except Exception as error:  # noqa: BLE001  -- a full disk, or no memory: training goes on, and is told
            outcome = error
        if self._told is None:
            return
        try:
            self._told(outcome)
        except Exception:  # noqa: BLE001  -- the fault of who listens must not end the saving
            traceback.print_exc()
