"""A line of a run's log: when, what, and whether a person should look at it."""

from __future__ import annotations

from typing import Literal

from . import events as e
from .diagnosis import NOTES

Level = Literal["note", "edit", "warning"]
"""What a line is about: edit for what a person changed, warning for what is wrong or lost."""

_EDITS = (e.KnobsChanged, e.EpochsAdded, e.Rewound, e.StopAsked, e.Paused, e.Resumed)
_WARNINGS = (e.FindingRaised, e.FindingCleared, e.SinkFailed, e.CheckpointFailed, e.CommandRefused, e.ScreenLost)
_BAD_ENDS = ("failed", "non_finite", "diverged")


class LogLine(tuple[float, str]):
    """(seconds since 1970, text), with a `level`."""

    level: Level

    def __new__(cls, time: float, text: str, level: Level = "note") -> LogLine:
        line = super().__new__(cls, (time, text))
        line.level = level
        return line

    def __getnewargs__(self) -> tuple[float, str, Level]:  # for copies
        return self[0], self[1], self.level


def level_of(event: e.Event) -> Level:
    """The level of what an event has to say."""
    if isinstance(event, _WARNINGS):
        return "note" if getattr(event, "kind", "") in NOTES else "warning"
    if isinstance(event, e.RunEnded | e.TrialEnded):
        return "warning" if event.reason in _BAD_ENDS else "note"
    if isinstance(event, e.RunResumed):
        return "warning" if event.after == "lost" else "edit"
    return "edit" if isinstance(event, _EDITS) else "note"
