"""Times: on the clock, and of this process on its processor."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Times:
    """clock and cpu: seconds from the first epoch's beginning to the last one's end; after: clock seconds behind that.

    history: what was measured, one row an epoch, the validation loss third.
    """

    clock: float
    cpu: float
    history: list[Any]
    after: float = 0.0


class Stopwatch:
    """Runs from the moment it is made. cpu counts all threads of the process."""

    def __init__(self) -> None:
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def read(self, history: list[Any]) -> Times:
        """The times since then."""
        return Times(time.perf_counter() - self._clock, time.process_time() - self._cpu, history)
