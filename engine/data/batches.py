"""Batches from tensors that lie on the device: no copies, no workers, no Python per sample."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


class Waiting:
    """Seconds that the loops of this process have waited for their batches: for those of a whole epoch to be put in order."""

    seconds = 0.0


WAITING = Waiting()


class Batches:
    """Rows x (n, d) and targets y (n,) on a device, handed out in batches.

    batch_size 0 means all rows at once. `shuffled` draws a new permutation from the generator that it is given, so the
    order depends on that generator's seed alone, not on what else draws random numbers.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int, device: torch.device) -> None:
        self.x, self.y = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
        self.batch_size = min(batch_size, len(x)) or len(x)

    def __len__(self) -> int:
        """Batches per epoch; the last one may be smaller."""
        return math.ceil(len(self.x) / self.batch_size)

    @property
    def rows(self) -> int:
        return len(self.x)

    def resized(self, batch_size: int) -> Batches:
        """The same rows in batches of another size."""
        other = copy.copy(self)
        other.batch_size = min(batch_size, self.rows) or self.rows
        return other

    def alone(self) -> Batches:
        """The same rows for a process that goes through them by itself."""
        return self

    def shuffled(self, generator: torch.Generator, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in a new random order, every row once; without its first `done` batches."""
        # Gathering the epoch once and cutting views from it is several times cheaper than indexing for each batch. The batches
        # that are done are gathered as well: sums depend in their last bit on where in memory a view begins.
        began = time.perf_counter()
        order = torch.randperm(self.rows, generator=generator).to(self.x.device)
        x, y = self.x[order].split(self.batch_size), self.y[order].split(self.batch_size)
        WAITING.seconds += time.perf_counter() - began
        yield from zip(x[done:], y[done:], strict=True)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every row once, as stored."""
        yield from zip(self.x.split(self.batch_size), self.y.split(self.batch_size), strict=True)
