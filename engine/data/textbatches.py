"""Batches of texts without the padding that none of their texts needs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..world import World
from .batches import WAITING, Batches
from .shared import SharedBatches
from .tokens import PADDING


class TextBatches(Batches):
    """As `Batches`, of texts x (n, words): each batch is as wide as its longest text. How long each is, the host knows beforehand,
    so that no batch waits for the device."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int, device: torch.device) -> None:
        super().__init__(x, y, batch_size, device)
        self._lengths = lengths(x)

    def shuffled(self, generator: torch.Generator, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        began = time.perf_counter()
        order = torch.randperm(self.rows, generator=generator)
        there = order.to(self.x.device)
        x, y = self.x[there].split(self.batch_size), self.y[there].split(self.batch_size)
        widths = self._widths(order)
        WAITING.seconds += time.perf_counter() - began
        for batch in range(done, len(x)):
            yield x[batch][:, : widths[batch]], y[batch]

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        for (x, y), width in zip(super().in_order(), self._widths(torch.arange(self.rows)), strict=True):
            yield x[:, :width], y

    def _widths(self, order: Tensor) -> list[int]:
        return widths(self._lengths, order, self.batch_size)


class SharedTextBatches(SharedBatches):
    """As TextBatches, on one of several ranks: see SharedBatches. A batch is as wide as in one process, on all of them."""

    def __init__(
        self, x: np.ndarray, y: np.ndarray, batch_size: int, device: torch.device, world: World, whole: bool = False
    ) -> None:
        super().__init__(x, y, batch_size, device, world, whole)
        self._lengths = lengths(x)

    def shuffled(self, generator: torch.Generator, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        same = generator.clone_state()
        order = torch.randperm(self.rows, generator=same)
        all_widths = widths(self._lengths, order, self.batch_size)[done:]
        for (x, y), width in zip(super().shuffled(generator, done), all_widths, strict=True):
            yield x[:, :width], y

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        all_widths = widths(self._lengths, torch.arange(self.rows), self.batch_size)
        for (x, y), width in zip(super().in_order(), all_widths, strict=True):
            yield x[:, :width], y


def lengths(x: np.ndarray) -> Tensor:
    """How many words each of the texts x (n, words) has, 1 at least."""
    return torch.from_numpy(np.maximum(1, (x != PADDING).sum(axis=1)))


def widths(of_each: Tensor, order: Tensor, batch_size: int) -> list[int]:
    """The length of the longest text in each batch of the texts in this order."""
    return [int(part.max()) for part in of_each[order].split(batch_size)]
