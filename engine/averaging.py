"""Averages of the weights over training: an exponential moving average or stochastic weight averaging."""

from __future__ import annotations

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
        self.averaged: AveragedModel | None = None
        if kind == "ema":
            self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay), use_buffers=True)
        elif kind == "swa":
            self.averaged = AveragedModel(model, use_buffers=True)

    def after_step(self) -> None:
        """Take in the weights after a step of the optimizer."""
        if self.averaged is not None and self._kind == "ema":
            self.averaged.update_parameters(self._model)

    def after_epoch(self, epoch: int) -> None:
        """Take in the weights after epoch number `epoch`, from 1."""
        if self.averaged is not None and self._kind == "swa" and epoch > self._first_epoch:
            self.averaged.update_parameters(self._model)

    @property
    def model(self) -> nn.Module:
        """The model to judge: the average, or the trained model while there is none."""
        if self.averaged is None or int(self.averaged.n_averaged) == 0:
            return self._model
        return self.averaged.module

    def settle(self) -> None:
        """Put the average into the trained model, at the end of training."""
        if self.model is not self._model:
            self._model.load_state_dict(self.model.state_dict())
