"""The validation loss row by row: whether it has risen on many rows or on a few is what tells a rise from chance."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

RISEN = 0.02
"""Rises of the validation loss above its best below this share are not looked into."""


class RowLosses:
    """Keeps the loss of each validation row at the best epoch, and compares those of later epochs with them.

    criterion: the loss that gives the mean over a batch. With class weights, which make a row's share depend on the others, or with
    a loss that cannot be had row by row, nothing is compared.
    """

    def __init__(self, criterion: Any) -> None:
        able = getattr(criterion, "reduction", "") == "mean"
        able = able and all(getattr(criterion, name, None) is None for name in ("weight", "pos_weight"))
        self._criterion = copy.copy(criterion) if able else None
        if self._criterion is not None:
            self._criterion.reduction = "none"
        self._now: Tensor | None = None
        self._best: Tensor | None = None
        self._lowest = math.inf

    @torch.no_grad()
    def see(self, output: Tensor, target: Tensor) -> None:
        """Take in the model's answers to all validation rows, (n, classes) or (n,), and their targets (n,)."""
        self._now = None if self._criterion is None else self._criterion(output, target).float().view(-1)

    @torch.no_grad()
    def error(self, loss: float) -> float:
        """The standard error of the mean rise of the rows' losses since the best epoch; NaN when there is no rise to speak of.

        loss: the mean validation loss of what was seen last. A mean of paired differences d over n rows has the error
        sd(d) / sqrt(n). One transfer to the host, and only when the loss has risen.
        """
        if self._now is None or not math.isfinite(loss):
            return math.nan
        if loss < self._lowest:
            self._lowest, self._best = loss, self._now
            return math.nan
        if self._best is None or len(self._now) < 2 or loss - self._lowest <= RISEN * abs(self._lowest):
            return math.nan
        return float((self._now - self._best).std()) / math.sqrt(len(self._now))

    def state_dict(self) -> dict[str, Any]:
        """What was kept of the best epoch."""
        return {"lowest": self._lowest, "best": self._best}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take over what `state_dict` gave."""
        self._lowest = state["lowest"]
        self._best = None if state["best"] is None else state["best"].to(device)
