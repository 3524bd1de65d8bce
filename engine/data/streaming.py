"""Batches of rows that do not fit in memory: the same rows, in the same order, with the same numbers as those of resident ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from .batches import WAITING, Batches
from .readers import readers_of
from .stored import Streamed, piece_rows, streamed

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

    The order comes from the generator as there, so that the two give equal batches, whichever worker is the quicker.
    """

    def __init__(self, x: Streamed, y: np.ndarray, batch_size: int, device: torch.device) -> None:
        self._stored, self._device = x, device
        self.x = cast(Tensor, Sampled(x, device))
        self.y = torch.from_numpy(y).to(device)
        self.batch_size = min(batch_size, len(x)) or len(x)

    def shuffled(self, generator: torch.Generator, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in a new random order, every row once; without its first `done` batches, which are not read either."""
        order = torch.randperm(self.rows, generator=generator)
        yield from self._handed_out(self._read_in_training(order), self.y[order.to(self.y.device)], done)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every row once, as stored."""
        yield from self._handed_out(self._read_in_order(torch.arange(self.rows)), self.y, 0)

    def _read_in_training(self, order: Tensor) -> Sequence[Tensor]:
        """The numbers of the rows that are read for each batch of rows in this order."""
        return order.split(self.batch_size)

    def _read_in_order(self, order: Tensor) -> Sequence[Tensor]:
        """The same outside of training."""
        return order.split(self.batch_size)

    def _handed_out(self, parts: Sequence[Tensor], y: Tensor, done: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches whose rows are `parts`, from the one numbered `done` on, put together from the pieces that come in."""
        if done >= len(parts):
            return
        values = self._stored.shape[1]
        numbers = self._stored.rows[torch.cat(list(parts[done:])).numpy()]
        step = piece_rows(values)
        pieces = self._read([numbers[at : at + step] for at in range(0, len(numbers), step)])
        left = torch.empty((0, values))
        targets = y.split(self.batch_size)
        for batch in range(done, len(parts)):
            began = time.perf_counter()
            x = self._room(len(parts[batch]), batch * self.batch_size * values)
            filled = 0
            while filled < len(x):
                if not len(left):
                    left = next(pieces)
                taken, left = left.split([most := min(len(left), len(x) - filled), len(left) - most])
                x[filled : filled + most].copy_(taken, non_blocking=True)
                filled += most
            WAITING.seconds += time.perf_counter() - began
            yield x, targets[batch]

    def _room(self, rows: int, before: int) -> Tensor:
        """Memory for a batch, which begins in its line of the cache where it would begin among all rows of an epoch."""
        values, ahead = self._stored.shape[1], before % _ALIGNED
        return torch.empty(ahead + rows * values, device=self._device)[ahead:].view(rows, values)

    def _read(self, pieces: list[np.ndarray]) -> Iterator[Tensor]:
        return readers_of(self._stored, self._device.type == "cuda").pieces(pieces)


def batches_of(x: Any, y: np.ndarray, batch_size: int, device: torch.device) -> Batches:
    """Batches of rows that lie on the device, or of streamed ones."""
    if (rows := streamed(x)) is not None:
        return StreamedBatches(rows, y, batch_size, device)
    return Batches(x, y, batch_size, device)
