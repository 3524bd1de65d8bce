"""Several ranks as one run between its batches: rank 0 alone looks at clocks and is asked for things; the others do as it does.

Nothing here is decided by what one rank alone can see. Rank 0 tells the others what it has been asked for, and which of its clocks
have run out, every so many batches; how many, it tells them as well, so that it is some `APART` seconds.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .checkpoint import CheckpointError, Loaded
from .keeping import Emit, Keeper
from .stopping import StopToken
from .together import Together
from .training import Training

APART = 0.15
"""Seconds between two agreements: a key that is pressed takes effect as soon."""

MOST = 50
"""Batches between two agreements at the most: they may take longer suddenly. It costs less than a hundredth of so many."""


class Pace:
    """Counts batches until the ranks agree again: after so many that take rank 0 `APART` seconds."""

    def __init__(self) -> None:
        self._left = self._last = 1
        self._began = time.perf_counter()

    def due(self) -> bool:
        """Count a batch; whether it is time. The same on every rank."""
        self._left -= 1
        return self._left <= 0

    def proposed(self) -> int:
        """For how many batches from now on, as this rank's clock has it."""
        a_batch = (time.perf_counter() - self._began) / self._last
        return max(1, min(MOST, int(APART / max(a_batch, 1e-9))))

    def begin(self, batches: int) -> None:
        self._left = self._last = batches
        self._began = time.perf_counter()


class AgreedToken(StopToken):
    """What a run on several ranks was asked for, as far as all of them know it. asked: what rank 0 is asked by; of no use elsewhere."""

    def __init__(self, asked: StopToken, together: Together) -> None:
        super().__init__()
        self._own, self._together = asked, together
        self._training, self._judging = Pace(), Pace()

    def agree(self, late: bool = False, pace: Pace | None = None) -> bool:
        """Every rank knows afterwards what rank 0 was asked for until now. Returns what rank 0 has for `late`."""
        pace, own = pace or self._training, self._own
        new = own.attention or (own.paused, own.now) != (self.paused, self._now)
        said = self._together.signal([new, late, pace.proposed()])
        if said[0]:
            told = self._together.agree(self._told())
            self._reason, self._now, self._paused, asked, notices = told
            self.asked.extend(asked)
            self.notices.extend(notices)
        pace.begin(said[2])
        return bool(said[1])

    def _told(self) -> tuple[Any, ...]:
        """All that is asked of this process; on rank 0 it is asked of the run, and counts."""
        own = self._own
        asked = [own.asked.popleft() for _ in range(len(own.asked))]
        notices = [own.notices.popleft() for _ in range(len(own.notices))]
        return own.reason, own.now, own._paused, asked, notices

    def due(self) -> bool:
        """Count a batch of training; whether it is time to agree."""
        return self._training.due()

    def hurried(self) -> bool:
        if self._judging.due():
            self.agree(pace=self._judging)
        return self._now

    def rest(self) -> None:
        if self._together.world.first:
            super().rest()
        self.agree()


class SharedKeeper(Keeper):
    """A Keeper on one of several ranks: each has one, and they do the same at the same batch. Only rank 0's has a folder."""

    def __init__(
        self,
        token: StopToken,
        emit: Emit,
        folder: Path | None,
        keep: int,
        *args: Any,
        together: Together,
        **options: Any,
    ) -> None:
        assert isinstance(token, AgreedToken)
        super().__init__(token, emit, folder, keep, *args, **options)
        self.agreed = token
        self._together, self._keeps = together, keep > 0
        self._late = False

    def wanted(self, training: Training, now: float) -> bool:
        if self.agreed.due():
            self._late = self.agreed.agree(super().overdue(now))
        return super().wanted(training, now)

    def overdue(self, now: float) -> bool:
        """Rank 0's clock, as it was when the ranks last agreed."""
        return self._late

    def due(self) -> bool:
        return bool(self._together.signal([super().due()])[0])

    def save_soon(self, training: Training, kind: str) -> None:
        self._late = False
        if self._together.world.first:
            super().save_soon(training, kind)
        elif self._keeps:
            training.contribute()

    def save(self, training: Training, kind: str) -> None:
        self._late = False
        if self._together.world.first:
            super().save(training, kind)
        elif self._keeps:
            training.contribute()

    def newest(self, problems: list[str]) -> Loaded | None:
        loaded = super().newest(problems) if self._together.world.first else None
        loaded, said = self._together.agree((loaded, problems))
        problems[:] = said
        return loaded

    def _before(self, edit: Any, number: int) -> Any:
        content, problem = None, ""
        if self._together.world.first:
            try:
                content = super()._before(edit, number)
            except (OSError, CheckpointError) as error:
                problem = str(error)
        content, problem = self._together.agree((content, problem))
        if problem:
            raise CheckpointError(problem)
        return content


def keeper_for(together: Together) -> Callable[..., Keeper]:
    """What makes a Keeper for a run of these ranks."""
    return functools.partial(SharedKeeper, together=together) if together.several else Keeper
