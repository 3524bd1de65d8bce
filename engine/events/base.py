"""What every event has, and why training ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EndReason = Literal[
    "epochs_done",
    "trials_done",
    "early_stopping",
    "stopped",
    "interrupted",
    "terminated",
    "non_finite",
    "target",
    "diverged",
    "failed",
    "loop_ended",
]
"""Why training ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events, stamped by the one who hands them on.

    time: seconds since 1970-01-01 UTC. trial: the trial it belongs to, from 1; 0 when the run has no trials or the event
    is about the run as a whole.
    """

    time: float = 0.0
    trial: int = 0
