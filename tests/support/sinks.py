"""Sinks for tests: they run in the trainer's thread, so what they do happens at an exact place of the run."""

from __future__ import annotations

from collections.abc import Callable

from engine.events import Event, MachineSampled


class Acting:
    """Calls `act` with each event, and keeps them all."""

    name = "acting"

    def __init__(self, act: Callable[[Event], object] = lambda event: None) -> None:
        self.act = act
        self.seen: list[Event] = []
        self.closed = 0

    def write(self, event: Event) -> None:
        self.seen.append(event)
        self.act(event)

    def close(self) -> None:
        self.closed += 1

    def names(self) -> list[str]:
        """Of all but the figures of the machine, which come when the clock says so."""
        return [type(event).__name__ for event in self.seen if not isinstance(event, MachineSampled)]
