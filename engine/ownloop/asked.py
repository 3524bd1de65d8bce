"""What attached screens ask of a script that trains: to stop and to wait; it has no way of doing the rest."""

from __future__ import annotations

from collections.abc import Callable

from ..commands import Command, Pause, Stop
from ..events import CommandRefused, Event, Noted, StopAsked
from ..stopping import StopToken

REFUSAL = "a script of its own trains this run: only stop and pause reach it, all else is done there"


class Asked(StopToken):
    """A token that answers at once, from the thread that reads the commands: the script may not look at it for an hour."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        super().__init__()
        self._emit = emit

    def obey(self, command: Command) -> None:
        before = self.reason
        match command:
            case Stop():
                super().obey(command)
                if before is None and self.reason is not None:
                    self._emit(StopAsked(reason=self.reason))
            case Pause():
                if not self.paused and before is None:
                    self._emit(Noted(text="it will wait when the script logs its next epoch"))
                super().obey(command)
            case _:
                super().obey(command)
        while self.asked:
            self._emit(CommandRefused(command=self.asked.popleft().word, problem=REFUSAL))

    def tell(self, event: Event) -> None:
        self._emit(event)
