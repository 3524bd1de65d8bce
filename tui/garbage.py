"""When Python looks for garbage: while nobody waits for the screen.

Textual makes and drops thousands of small objects for every picture, some of them in cycles that only the cyclic collector
finds. Its full pass walks over all that the app and its libraries have imported, 60 to 100 ms, in which no key is answered.
Here what is there once the app is up is left out of it for good (`gc.freeze`), and full passes are made in pauses.
"""

from __future__ import annotations

import gc
import time

LOOK_SECONDS = 0.5  # from one look for a pause to the next
PAUSE_SECONDS = 0.7  # without a key: a person has stopped typing
ENOUGH = 50_000  # objects more than at the last full pass, about, that it takes for another
DEAR_SECONDS = 0.02  # a pass that takes longer has more to walk over than belongs to one screen
MOST_FREEZES = 20  # what is frozen and dropped later in a cycle stays: so much is given away for it and no more

_YOUNG, _MIDDLE = 5_000, 10  # a pass over the newest for so many objects, over the newer ones after so many of those
_OLD = 50  # and a full one after so many of these: two and a half million objects without a pause


class Garbage:
    """The collector's order of the day. Made before anything is imported for the screen; not meant for a process under test."""

    def __init__(self) -> None:
        gc.disable()  # imports and the first picture leave next to nothing behind
        self._key = time.monotonic()
        self._freezes = 0

    def settle(self) -> None:
        """The first screen is there, and with it most of what will stay until the end."""
        gc.freeze()
        gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
        gc.enable()

    def key(self) -> None:
        """A person has pressed one."""
        self._key = time.monotonic()

    def look(self) -> bool:
        """Make a full pass if nobody waits and there may be something to find; whether one was made."""
        _, passes, middle = gc.get_count()
        if not gc.isenabled() or (middle * _MIDDLE + passes) * _YOUNG < ENOUGH:
            return False
        if time.monotonic() - self._key < PAUSE_SECONDS:
            return False
        began = time.perf_counter()
        gc.collect()
        if time.perf_counter() - began > DEAR_SECONDS and self._freezes < MOST_FREEZES:
            self._freezes += 1
            gc.freeze()  # what has just outlived a full pass is here to stay, most of it
        return True
