"""Optimizers and learning-rate schedules: the configuration turned into torch's own classes."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau, StepLR

from .config import OptimizerConfig, ScheduleConfig


def build_optimizer(config: OptimizerConfig, parameters: Iterable[Tensor]) -> Optimizer:
    """The torch.optim optimizer that the configuration names."""
    betas = (config.beta1, config.beta2)
    match config.name:
        case "sgd":
            # The switch is hidden without momentum, where torch would refuse it.
            nesterov = config.nesterov and config.momentum > 0
            return SGD(parameters, lr=config.lr, momentum=config.momentum, nesterov=nesterov)
        case "adam":
            return Adam(parameters, lr=config.lr, betas=betas)
        case "adamw":
            return AdamW(parameters, lr=config.lr, betas=betas, weight_decay=config.weight_decay)


class Schedule:
    """A learning-rate schedule that steps once per epoch, with torch's scheduler inside (None: constant)."""

    def __init__(self, config: ScheduleConfig, optimizer: Optimizer, epochs: int) -> None:
        self._optimizer = optimizer
        self._scheduler: StepLR | CosineAnnealingLR | ReduceLROnPlateau | None = None
        match config.name:
            case "constant":
                pass
            case "step":
                self._scheduler = StepLR(optimizer, step_size=config.step_size, gamma=config.gamma)
            case "cosine":
                self._scheduler = CosineAnnealingLR(optimizer, T_max=epochs, eta_min=config.min_lr)
            case "plateau":
                self._scheduler = ReduceLROnPlateau(
                    optimizer, factor=config.gamma, patience=config.patience, min_lr=config.min_lr
                )

    @property
    def lr(self) -> float:
        """The learning rate in force."""
        return float(self._optimizer.param_groups[0]["lr"])

    def step(self, val_loss: float) -> None:
        """Called after each epoch with its validation loss, which only the plateau schedule looks at."""
        if isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(val_loss)
        elif self._scheduler is not None:
            self._scheduler.step()
