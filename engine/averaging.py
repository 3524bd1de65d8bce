"""Averages of the weights over training: an exponential moving average or stochastic weight averaging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Average:
    """The weights that are judged, tested and saved, in the semantics of torch.optim.swa_utils.AveragedModel.

    ``none``: those of the model itself. ``ema``: after every step, average <- decay * average + (1 - decay) * weights, from
    the weights after the first step on (Polyak and Juditsky 1992). ``swa``: the mean of the weights at the ends of the
    epochs after `swa_start` of them are done, and those of the model itself until then (Izmailov et al. 2018). The running
    statistics of batch norm are averaged along with the weights.
    """

    def __init__(self, model: nn.Module, kind: str, ema_decay: float, swa_start: float, epochs: int) -> None:
        self._model, self._kind = model, kind
        self._first_epoch = swa_start * epochs
        self._last_epoch = 0
        self._decay, self._begun = ema_decay, False
        self.averaged: AveragedModel | None = None
        if kind == "ema":
            self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay), use_buffers=True)
        elif kind == "swa":
            self.averaged = AveragedModel(model, use_buffers=True)

    def after_step(self) -> None:
        """Take in the weights after a step of the optimizer."""
        if self.averaged is None or self._kind != "ema":
            return
        if self._begun:
            self._follow(self.averaged)
        else:
            self.averaged.update_parameters(self._model)
            self._begun = True

    @torch.no_grad()
    def _follow(self, averaged: AveragedModel) -> None:
        """What `update_parameters` does from its second call on, bit for bit, without asking the device for the count."""
        ours = [*averaged.module.parameters(), *averaged.module.buffers()]
        pairs = list(zip(ours, [*self._model.parameters(), *self._model.buffers()], strict=True))
        real = [(own, new) for own, new in pairs if own.is_floating_point()]
        averages, weights = [own for own, _ in real], [new for _, new in real]
        torch._foreach_lerp_(averages, weights, 1 - self._decay)  # pyright: ignore[reportPrivateImportUsage]
        for own, new in pairs:
            if not own.is_floating_point():  # the count of batches in batch norm
                own.copy_(own * self._decay + new * (1 - self._decay))
        averaged.n_averaged += 1

    def after_epoch(self, epoch: int) -> None:
        """Take in the weights after epoch number `epoch`, from 1; once, however often it is called for an epoch."""
        if self.averaged is not None and self._kind == "swa" and epoch > max(self._first_epoch, self._last_epoch):
            self.averaged.update_parameters(self._model)
            self._last_epoch = epoch

    @property
    def model(self) -> nn.Module:
        """The model to judge: the average, or the trained model while there is none."""
        if self.averaged is None or int(self.averaged.n_averaged) == 0:
            return self._model
        return self.averaged.module

    def state_dict(self) -> dict[str, Any]:
        """The average, and the last epoch that is in it."""
        return {"last_epoch": self._last_epoch, "averaged": self.averaged.state_dict() if self.averaged else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._last_epoch = state["last_epoch"]
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
            self._begun = int(self.averaged.n_averaged) > 0

    def settle(self) -> None:
        """Put the average into the trained model, at the end of training."""
        if self.model is not self._model:
            self._model.load_state_dict(self.model.state_dict())
