"""Which process of a run this is: its rank among how many, as torchrun says in the environment. Without torch.

Words: a *rank* is one process of a run, the *world size* how many there are. A run that nobody started under torchrun
is a world of one. What the ranks say to each other is engine/together.py's."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import config_error

__all__ = ["World", "current_world"]


@dataclass(frozen=True, slots=True)
class World:
    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """The rank among those on this machine: which of its devices is this process's own."""

    @property
    def first(self) -> bool:
        """Rank 0: it alone writes the run folder and all events, and reads commands and clocks."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        return self.size > 1

    def share(self, rows: int) -> slice:
        """Which of so many rows are this rank's: the ranks' parts follow each other, and differ by one row at the most."""
        return slice(-(-rows * self.rank // self.size), -(-rows * (self.rank + 1) // self.size))

    def taken(self, rows: int) -> slice:
        """The rows that this rank computes with: its share, or the first row where that is empty.

        A rank without a row still has to take part in every step; what comes of that row then counts for nothing."""
        mine = self.share(rows)
        return mine if mine.stop > mine.start else slice(0, 1)


def current_world(environ: Mapping[str, str] | None = None) -> World:
    """The world that torchrun put this process into (RANK, WORLD_SIZE and LOCAL_RANK); one process where it did not.

    Raises ConfigError where the three are not whole numbers that fit each other."""
    found = os.environ if environ is None else environ
    given = {name: found.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    if given["RANK"] is None or given["WORLD_SIZE"] is None:
        return World()
    try:
        rank, size, local = int(given["RANK"]), int(given["WORLD_SIZE"]), int(given["LOCAL_RANK"] or "0")
    except ValueError:
        rank, size, local = -1, 0, 0
    if not 0 <= rank < size or local < 0:
        said = ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)
        raise config_error("", f"the environment does not name a rank ({said})", "start the ranks with torchrun")
    return World(rank, size, local)
