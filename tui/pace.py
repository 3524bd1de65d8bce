"""How often a screen draws: seldom enough that it never takes more than its share of a core."""

from __future__ import annotations

import time

SHARE = 0.03  # of a core is what the screen may take: where a picture is dear, there are fewer of them
SLOWEST = 1.0  # seconds from one picture to the next, however dear
READING_UP = 0.03  # seconds; what takes so long to come is a portion of a history


class Pace:
    """Says when the next picture is due, by what the last one cost in time on a core."""

    def __init__(self) -> None:
        self._began, self._used = (
            0.0,
            time.process_time(),
        )  # when the last picture began, and the time on a core until then
        self._reading_up = False

    def due(self) -> bool:
        """Whether it is time for another picture; if so, it begins now."""
        now, used = time.monotonic(), time.process_time()
        if now < self._began + min((used - self._used) / SHARE, SLOWEST) and not self._reading_up:
            return False
        self._began, self._used = now, used
        return True

    def came(self) -> None:
        """What is to be shown has come. History comes in portions; it is not to take minutes, so no pause is made for it."""
        self._reading_up = time.monotonic() - self._began > READING_UP

    def hurry(self) -> None:
        """The next picture is due at once: somebody looks for an answer."""
        self._began = 0.0
