"""Batches of which several ranks take their rows each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..world import World
from .batches import WAITING, Batches
from .stored import Streamed, streamed
from .streaming import StreamedBatches


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


class SharedStreamedBatches(StreamedBatches):
    """As SharedBatches, of rows that workers read: each rank's workers read the rows that this rank takes."""

    def __init__(
        self, x: Streamed, y: np.ndarray, batch_size: int, device: torch.device, world: World, whole: bool = False
    ) -> None:
        super().__init__(x, y, batch_size, device)
        self.world, self.whole = world, whole

    def alone(self) -> Batches:
        return StreamedBatches(self._stored, self.y.cpu().numpy(), self.batch_size, self._device)

    def _read_in_training(self, order: Tensor) -> Sequence[Tensor]:
        parts = order.split(self.batch_size)
        return parts if self.whole else own_rows(parts, self.world)

    def _read_in_order(self, order: Tensor) -> Sequence[Tensor]:
        return own_rows(order.split(self.batch_size), self.world)


def shared_batches(
    x: Any, y: np.ndarray, batch_size: int, device: torch.device, world: World, whole: bool = False
) -> Batches:
    """Batches of rows that lie on the device of each rank, or of streamed ones."""
    if (rows := streamed(x)) is not None:
        return SharedStreamedBatches(rows, y, batch_size, device, world, whole)
    return SharedBatches(x, y, batch_size, device, world, whole)


def own_rows(batches: tuple[Tensor, ...], world: World) -> tuple[Tensor, ...]:
    """The numbers of the rows that this rank takes, from those of all rows of each batch."""
    return tuple(part[world.taken(len(part))] for part in batches)
