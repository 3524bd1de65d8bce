"""Configuration and data turned into everything that the loop needs, built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .config import RunConfig
from .data.batches import Batches
from .data.prepared import Prepared
from .errors import config_error
from .metrics import METRICS, Tally
from .models import build_model
from .optim import Schedule, build_optimizer
from .regularization import Penalty

EVALUATION_ROWS = 8192
"""Rows per batch in evaluation: large enough to be fast, small enough for the activations to fit."""


@dataclass(frozen=True)
class Recipe:
    """What one run trains with. The loop reads this and nothing else."""

    model: nn.Module
    criterion: Callable[[Tensor, Tensor], Tensor]
    optimizer: Optimizer
    schedule: Schedule
    penalty: Penalty
    clip_norm: float
    train: Batches
    validation: Batches
    test: Batches
    order: torch.Generator
    task: str
    channels: int
    target_scale: float
    device: torch.device
    epochs: int
    patience: int | None
    min_delta: float
    restore_best: bool

    def tally(self) -> Tally:
        """A fresh sum of loss and metric for this task."""
        return Tally(self.task, self.target_scale, self.device)

    @property
    def metric(self) -> tuple[str, Literal["max", "min"]]:
        """Name of the metric and its better direction, ``max`` or ``min``."""
        return METRICS[self.task]


def build_recipe(config: RunConfig, data: Prepared) -> Recipe:
    """Seed torch, then build model, optimizer, schedule and batches on the device.

    The same configuration and data give the same recipe, weights included. Raises ConfigError when the device is not there.
    """
    device = resolve_device(config.run.device)
    torch.manual_seed(config.run.seed)
    outputs = data.classes if data.task == "classification" else 1
    net = build_model(config.model, config.regularization, data.x_train.shape[1], outputs, data.image_shape)
    model = net if data.task == "classification" else nn.Sequential(*net, nn.Flatten(0))
    model.to(device)
    optimizer = build_optimizer(config.optimizer, model.parameters())
    order = torch.Generator()
    order.manual_seed(config.run.seed)
    stopping = config.early_stopping
    return Recipe(
        model=model,
        criterion=nn.CrossEntropyLoss() if data.task == "classification" else nn.MSELoss(),
        optimizer=optimizer,
        schedule=Schedule(config.schedule, optimizer, config.run.epochs),
        penalty=Penalty(model, config.regularization.l1, config.regularization.l2),
        clip_norm=config.optimizer.clip_norm,
        train=Batches(data.x_train, data.y_train, config.run.batch_size, device),
        validation=Batches(data.x_validation, data.y_validation, EVALUATION_ROWS, device),
        test=Batches(data.x_test, data.y_test, EVALUATION_ROWS, device),
        order=order,
        task=data.task,
        channels=data.image_shape[0] if data.image_shape else 1,
        target_scale=data.y_scale,
        device=device,
        epochs=config.run.epochs,
        patience=stopping.patience if stopping.enabled else None,
        min_delta=stopping.min_delta if stopping.enabled else 0.0,
        restore_best=stopping.restore_best,
    )


def resolve_device(wanted: str) -> torch.device:
    """The torch device for ``auto``, ``cuda``, ``mps`` or ``cpu``; ConfigError when it is not available here."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[wanted]:
        raise config_error("run.device", f"no {wanted} device is available to PyTorch here", "use auto or cpu")
    return torch.device(wanted)
