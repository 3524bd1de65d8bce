"""Having a process of its own go on with a run: what the keys on ended runs do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.spawn import Spawned, spawn

Takeover = Callable[[Path, int], int]
"""(folder of a run, epochs beyond the plan) -> the process that owns the run now. Raises NntuiError."""


def take_over(folder: Path, more: int) -> int:
    """Start a process of its own session that resumes the run in `folder`, and wait until it owns it.

    Returns its process id. Raises InputError or TrainingError with its own words when it could not.
    """
    return spawn_again(folder, more).pid


def spawn_again(folder: Path, more: int) -> Spawned:
    """As `take_over`; returns the process."""
    extra = ["--more", str(more)] if more else []
    return spawn(["resume", str(folder), *extra])
