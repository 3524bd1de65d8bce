"""Batches of which several ranks take their rows each."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..world import World
from .batches import WAITING, Batches


class SharedBatches(Batches):
    """As Batches, on one of the ranks of `world`: x has the rows of each batch that this rank takes, y (n,) those of all.

    Every rank has all rows on its device and draws the same order, so that a batch is the same as in one process, whatever the
    number of ranks. A loss that is a mean over the batch can so be weighed without asking the others. whole: in training, x has
    all rows of a batch as well, for a mixup that blends those of different ranks.
    """

    def __init__(
        self, x: np.ndarray, y: np.ndarray, batch_size: int, device: torch.device, world: World, whole: bool = False
    ) -> None:
        super().__init__(x, y, batch_size, device)
        self.world, self.whole = world, whole

    def alone(self) -> Batches:
        other = Batches.__new__(Batches)
        other.x, other.y, other.batch_size = self.x, self.y, self.batch_size
        return other

    def shuffled(self, generator: torch.Generator, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        began = time.perf_counter()
        order = torch.randperm(self.rows, generator=generator)
        parts = order.split(self.batch_size)
        taken = parts if self.whole else own_rows(parts, self.world)
        x = self.x[torch.cat(list(taken)).to(self.x.device)].split([len(part) for part in taken])
        y = self.y[order.to(self.y.device)].split(self.batch_size)
        WAITING.seconds += time.perf_counter() - began
        yield from zip(x[done:], y[done:], strict=True)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        x, y = self.x.split(self.batch_size), self.y.split(self.batch_size)
        for rows, targets in zip(x, y, strict=True):
            yield rows[self.world.taken(len(rows))], targets


def own_rows(batches: tuple[Tensor, ...], world: World) -> tuple[Tensor, ...]:
    """The numbers of the rows that this rank takes, from those of all rows of each batch."""
    return tuple(part[world.taken(len(part))] for part in batches)
