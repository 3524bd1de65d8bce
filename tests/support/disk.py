"""The disk of the tests: what is written is the kernel's, which is as good for a process that is killed.

Only a power cut could tell the difference, and those are played from a record of the calls (support.crashes). Thousands of runs in
the tests would wait for the disk several times an epoch otherwise: a fifth of the time of those who train. Where a kill is to land
inside a save, the disk takes its time (support.lives, FSYNC).
"""

from __future__ import annotations

import os

FSYNC = os.fsync


def spare() -> None:
    """Have os.fsync check its descriptor and return, in this process and in those that it forks."""
    os.fsync = _looked_at  # type: ignore[assignment]


def _looked_at(descriptor: int) -> None:
    os.fstat(descriptor)  # OSError for one that is not open
