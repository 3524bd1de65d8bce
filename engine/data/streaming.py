"""Batches of rows that do not fit in memory: the same rows, in the same order, with the same numbers as those of resident ones."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..world import World
from .batches import WAITING, Batches
from .memorybudget import size_words
from .readers import readers_of
from .shared import SharedBatches
from .stored import Near, Streamed, piece_rows, streamed

ON_DEVICE = 0.6
"""Of the memory that a device has free, the rows may take so much."""

_ALIGNED = 16
"""Numbers in a line of the cache: sums depend in their last bit on where in it a batch begins."""


class Sampled:
    """Stands where the tensor of all rows would: it has a shape, and gives some rows, read here and now."""

    def __init__(self, rows: Streamed, device: torch.device) -> None:
        self.rows, self.device = rows, device
        self._last: tuple[str, Tensor] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.shape

    def __len__(self) -> int:
        return len(self.rows)

    def numel(self) -> int:
        return self.rows.size

    def element_size(self) -> int:
        return 4

    def __getitem__(self, key: slice) -> Tensor:
        if self._last is None or self._last[0] != str(
            key
        ):  # the probe of the units asks for the same ones again and again
            self._last = str(key), torch.from_numpy(self.rows[key]).to(self.device)
        return self._last[1]


class StreamedBatches(Batches):
    """As `Batches`, of rows that workers read from where they are stored.

    The order comes from the generator as there, so that the two give equal batches, whichever worker is the quicker. world: x has the
    rows of each batch that this one of several ranks takes, and no others are read; y (n,) has those of all. whole: in training x has
    all rows as well.
    """

    def __init__(
        self,
        x: Streamed,
        y: np.ndarray,
        batch_size: int,
        device: torch.device,
        world: World | None = None,
        whole: bool = False,
    ) -> None:
        self.stored, self._device = x, device
        self.world, self.whole = world, whole
        self.x = cast(Tensor, Sampled(x, device))
        self.y = torch.from_numpy(y).to(device)
        self.batch_size = min(batch_size, len(x)) or len(x)

    def alone(self) -> Batches:
        """The same rows for a process that goes through them by itself."""
        other = copy.copy(self)
        other.world = None
        return other

    def shuffled(self, generator: torch.Generator, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in a new random order, every row once; without its first `done` batches, which are not read either."""
        order = torch.randperm(self.rows, generator=generator)
        parts = [part[self._taken(len(part), self.whole)] for part in order.split(self.batch_size)]
        starts = [0, *itertools.accumulate(len(part) for part in parts)]
        yield from self._handed_out(parts, starts, self.y[order.to(self.y.device)], done)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every row once, as stored."""
        parts = [part[self._taken(len(part))] for part in torch.arange(self.rows).split(self.batch_size)]
        yield from self._handed_out(parts, [int(part[0]) for part in parts], self.y, 0)

    def _taken(self, rows: int, whole: bool = False) -> slice:
        return slice(0, rows) if self.world is None or whole else self.world.taken(rows)

    def _handed_out(
        self, parts: Sequence[Tensor], starts: Sequence[int], y: Tensor, done: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches from the one numbered `done` on, put together from the pieces that come in. parts: the numbers of the rows of
        each; starts: how many rows would lie in memory before it."""
        values = self.stored.shape[1]
        numbers = self.stored.rows[torch.cat(list(parts[done:])).numpy()] if parts[done:] else np.arange(0)
        step = piece_rows(values)
        pieces = self._read([numbers[at : at + step] for at in range(0, len(numbers), step)])
        left = torch.empty((0, values))
        targets = y.split(self.batch_size)[done:]
        for part, start, target in zip(parts[done:], starts[done:], targets, strict=False):
            began = time.perf_counter()
            x = self._room(len(part), start * values)
            filled = 0
            while filled < len(x):
                if not len(left):
                    left = next(pieces)
                taken, left = left.split([most := min(len(left), len(x) - filled), len(left) - most])
                x[filled : filled + most].copy_(taken, non_blocking=True)
                filled += most
            WAITING.seconds += time.perf_counter() - began
            yield x, target

    def _room(self, rows: int, before: int) -> Tensor:
        """Memory for a batch, which begins in its line of the cache where it would begin among all rows of an epoch."""
        values, ahead = self.stored.shape[1], before % _ALIGNED
        return torch.empty(ahead + rows * values, device=self._device)[ahead:].view(rows, values)

    def _read(self, pieces: list[np.ndarray]) -> Iterator[Tensor]:
        return readers_of(self.stored, self._device.type == "cuda").pieces(pieces)


def batches_of(
    x: Any, y: np.ndarray, batch_size: int, device: torch.device, world: World | None = None, whole: bool = False
) -> Batches:
    """Batches of rows that lie on the device, or of streamed ones, which may come from the host's memory.

    world, whole: of several ranks, see StreamedBatches and SharedBatches.
    """
    if (rows := streamed(x)) is not None:
        return StreamedBatches(rows, y, batch_size, device, world, whole)
    if not has_room(device, x.nbytes):
        return StreamedBatches(Streamed(Near(x, "rows")), y, batch_size, device, world, whole)
    return Batches(x, y, batch_size, device) if world is None else SharedBatches(x, y, batch_size, device, world, whole)


def has_room(device: torch.device, needed: int) -> bool:
    """Whether a device takes rows of so many bytes, once as they are and once in the order of an epoch, beside a model."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * needed <= ON_DEVICE * free


def place_words(batches: Batches) -> tuple[str, ...]:
    """That rows are in the host's memory for want of room on the device, in words; nothing of others."""
    if not isinstance(batches, StreamedBatches) or batches.stored.store.needs_workers:
        return ()
    size = size_words(4 * batches.stored.size)
    return (
        f"the training rows take {size}, too much for the device: they stay in the host's memory, and go there in batches",
    )
