"""What is trained in a comparison: the same arrays, the same net and the same optimizer for every contestant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import RunConfig, build_config
from engine.data.prepared import Prepared, prepare
from engine.data.splits import split
from engine.data.table import Table, load

PATIENCE = 100_000
"""Of early stopping: it looks at every epoch and never ends a run, so that all run equally long."""


@dataclass(frozen=True)
class Job:
    """A training. sections: of nntui's configuration. model and optimizer: the same, made by hand.

    table: what stands in for the data source, or None for the source that the sections name.
    """

    sections: dict[str, Any]
    model: Callable[[int, int], nn.Module]
    optimizer: Callable[[Any], torch.optim.Optimizer]
    fused: Callable[[Any], torch.optim.Optimizer]
    batch_size: int
    epochs: int
    schedule: Callable[[torch.optim.Optimizer, int], Any] | None = None
    table: Callable[[], Table] | None = None
    device: str = "cpu"
    more: dict[str, Any] = field(default_factory=dict)

    def config(self, folder: str) -> RunConfig:
        """The configuration, with everything on that is on by default."""
        run = {"epochs": self.epochs, "batch_size": self.batch_size, "device": self.device, "folder": folder}
        sections = {**self.sections, **self.more, "early_stopping": {"patience": PATIENCE}}
        return build_config({**sections, "run": {**run, **self.more.get("run", {})}})

    def source(self) -> Table:
        """The data as nntui loads it."""
        return self.table() if self.table else load(self.config(".").data)

    @functools.cached_property
    def data(self) -> Prepared:
        """The arrays that everybody trains on."""
        table, config = self.source(), self.config(".").data
        return prepare(table, split(table, config), config)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Training inputs and targets, validation inputs and targets, on the device."""
        data = self.data
        parts = (data.x_train, data.y_train, data.x_validation, data.y_validation)
        x, y, x_val, y_val = (torch.from_numpy(part).to(self.device) for part in parts)
        return x, y, x_val, y_val

    def fresh(self) -> nn.Module:
        """The net with its first weights."""
        torch.manual_seed(0)
        return self.model(self.data.x_train.shape[1], self.data.classes).to(self.device)


def digits(epochs: int, device: str = "cpu", **more: Any) -> Job:
    """scikit-learn's digits, 64-128-64-10, batches of 32, Adam: nntui's own defaults."""

    def model(features: int, classes: int) -> nn.Module:
        return nn.Sequential(
            *(nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, classes))
        )

    return Job(
        {"data": {"source": "digits"}, "model": {"kind": "mlp", "hidden": [128, 64]}},
        model,
        lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True),
        batch_size=32,
        epochs=epochs,
        device=device,
        more=more,
    )


@functools.cache
def _rows(rows: int) -> Table:
    """Five classes by the largest of five random directions, with noise."""
    chance = np.random.default_rng(0)
    x = chance.standard_normal((rows, 32), dtype=np.float32)
    scores = x @ chance.standard_normal((32, 5), dtype=np.float32) + 2 * chance.standard_normal((rows, 5))
    names = tuple(f"x{number}" for number in range(32))
    return Table("rows", "classification", x, scores.argmax(1).astype(np.int64), names, tuple("abcde"))


def table(epochs: int, rows: int = 100_000) -> Job:
    """Many rows: 32-256-256-5 with dropout, batches of 256, AdamW with a cosine."""

    def model(features: int, classes: int) -> nn.Module:
        return nn.Sequential(
            *(nn.Linear(features, 256), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.2)),
            nn.Linear(256, classes),
        )

    return Job(
        {
            "model": {"kind": "mlp", "hidden": [256, 256]},
            "regularization": {"dropout": 0.2},
            "optimizer": {"name": "adamw", "lr": 1e-3, "weight_decay": 0.01},
            "schedule": {"name": "cosine"},
        },
        model,
        lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01),
        lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, fused=True),
        batch_size=256,
        epochs=epochs,
        schedule=lambda optimizer, count: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, count),
        table=lambda: _rows(rows),
    )


@functools.cache
def _pictures(rows: int) -> Table:
    """Ten classes of pictures: a pattern each, under noise."""
    chance = np.random.default_rng(1)
    patterns = chance.standard_normal((10, 784), dtype=np.float32)
    y = chance.integers(0, 10, rows)
    x = patterns[y] + 3 * chance.standard_normal((rows, 784), dtype=np.float32)
    names = tuple(f"p{number}" for number in range(784))
    return Table("pictures", "classification", x, y, names, tuple("0123456789"), (1, 28, 28))


def pictures(epochs: int, rows: int = 12_000) -> Job:
    """Two convolutions and two dense layers on pictures of 28 by 28, batches of 128, SGD with momentum."""

    def model(features: int, classes: int) -> nn.Module:
        return nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
            *(nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, classes)),
        )

    return Job(
        {
            "model": {"kind": "cnn", "channels": [16, 32], "kernel": 3, "hidden": [128]},
            "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        },
        model,
        lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
        lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9, fused=True),
        batch_size=128,
        epochs=epochs,
        table=lambda: _pictures(rows),
    )
