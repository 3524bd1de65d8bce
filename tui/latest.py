"""Work that a key must not wait for: done in a thread of its own, and only the newest of it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Latest:
    """A thread that does the job it was given last. A job that has not begun when the next one comes is dropped.

    The thread is a daemon and begins with the first job: it never keeps the app from ending. A job that raises ends with that;
    what a person should know about it, the job says itself.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._job: Callable[[], object] | None = None
        self._changed = threading.Condition()
        self._busy = False
        self._thread: threading.Thread | None = None

    def ask(self, job: Callable[[], object]) -> None:
        """Have `job` done next. Returns at once."""
        with self._changed:
            self._job = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drop(self) -> None:
        """Forget the job that has not begun."""
        with self._changed:
            self._job = None
            self._changed.notify_all()

    def finish(self, seconds: float) -> bool:
        """Wait until nothing is left to do; False when that takes longer than `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._job is None and not self._busy, seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._job is not None)
                job, self._job, self._busy = self._job, None, True
            try:
                if job is not None:
                    job()
            except Exception:  # noqa: BLE001  -- it must not take the thread along, and there is nobody here to tell
                pass
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
