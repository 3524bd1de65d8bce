"""Batches of texts without the padding that none of their texts needs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .batches import WAITING, Batches
from .tokens import PADDING


class TextBatches(Batches):
    """As `Batches`, of texts x (n, words): each batch is as wide as its longest text. How long each is, the host knows beforehand,
    so that no batch waits for the device."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int, device: torch.device) -> None:
        super().__init__(x, y, batch_size, device)
        self._lengths = torch.from_numpy(np.maximum(1, (x != PADDING).sum(axis=1)))

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
        """Of the longest text in each batch of the texts in this order."""
        return [int(part.max()) for part in self._lengths[order].split(self.batch_size)]
