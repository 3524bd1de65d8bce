"""Keys typed faster than the focus moves: each must find what the one before it has brought about.

Textual puts a key into the queue of the widget that has the focus as it comes in, and looks for its binding only after it has
gone through the queues of all that this widget lies in. Of ``/lr``, sent in one go, the last two would be commands of the form
before its ``/`` has moved the focus to the line to type into. So the app does at once what a key is for, where the focus is on a
`Prompt`: nothing of it waits in a queue.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from textual import events


@runtime_checkable
class Prompt(Protocol):
    """A widget that does at once what a key is for."""

    def take_key(self, event: events.Key) -> bool:
        """Do what the key means in a text that is open here. False if it means nothing in one: it may be bound to something."""
        ...
