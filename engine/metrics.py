"""Losses and metrics summed on the device, so that an epoch costs one transfer to the host and not one per step."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

METRICS: dict[str, tuple[str, Literal["max", "min"]]] = {
    "classification": ("accuracy", "max"),
    "regression": ("RMSE", "min"),
}
"""The second curve of each task, and which direction is better."""


class Tally:
    """Sums of loss and metric over batches.

    For classification the metric is the share of right answers; for regression the root of the mean squared error, times
    `scale` to give it in the target's own unit.
    """

    def __init__(self, task: str, scale: float, device: torch.device) -> None:
        self._task, self._scale = task, scale
        # Doubles keep the sum of many batches exact; Apple's GPU has none.
        kind = torch.float32 if device.type == "mps" else torch.float64
        self._sums = torch.zeros(2, dtype=kind, device=device)
        self._count = 0

    @torch.no_grad()
    def add(self, loss: Tensor, output: Tensor, target: Tensor) -> None:
        """Take in a batch: loss is the mean over its n rows, output (n, classes) or (n,), target (n,)."""
        rows = len(target)
        if self._task == "classification":
            right = (output.argmax(dim=1) == target).sum()
        else:
            right = (output - target).square().sum()
        self._sums[0].add_(loss.detach(), alpha=rows)  # multiplied in the kind of the sums, hence without rounding
        self._sums[1] += right
        self._count += rows

    def read(self) -> tuple[float, float]:
        """Mean loss and metric over everything added; the only place that waits for the device."""
        loss, metric = (self._sums / max(1, self._count)).tolist()
        if self._task == "regression":
            metric = math.sqrt(metric) * self._scale if metric >= 0 else math.nan
        return loss, metric
