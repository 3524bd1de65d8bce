"""A training loop written by hand, in which anything can be changed between two batches: what live edits are held against.

It shares nothing with the engine but the prepared arrays and the seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from engine import RunConfig
from engine.data.prepared import load_prepared


@dataclass
class Rates:
    """Learning rate and momentum from a torch scheduler that moves an optimizer of its own."""

    lr: float
    build: Callable[[Any], Any] | None = None
    warmup: int = 0  # steps
    per_batch: bool = False
    steps: int = 0

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=self.lr, momentum=0.9)
        self.scheduler: Any = self.build(self.optimizer) if self.build else None
        self.start = self.optimizer.param_groups[0]["lr"]

    def now(self) -> tuple[float, float]:
        group = self.optimizer.param_groups[0]
        share = min(1.0, (self.steps + 1) / (self.warmup + 1))
        return (group["lr"] if share == 1.0 else self.start * share), group["momentum"]

    def after_batch(self) -> None:
        self.steps += 1
        if self.per_batch and self.steps > self.warmup:
            self.optimizer.step()
            self.scheduler.step()

    def after_epoch(self, loss: float) -> None:
        if self.scheduler is None or self.per_batch or self.steps <= self.warmup - 1:
            return
        if self.steps == self.warmup and self.warmup:
            return
        self.optimizer.step()
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss)
        else:
            self.scheduler.step()


@dataclass
class ByHand:
    """The loop. at: what to do before batch number `b` + 1 of epoch `e`, by (e, b).

    rates: those whose turn it is; watched: others that run along, to take their place later.
    """

    config: RunConfig
    optimizer: Callable[[Any], Any] = lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    rates: Rates | None = None
    watched: list[Rates] = field(default_factory=list)
    width: int = 8

    l1: float = 0.0
    l2: float = 0.0
    decay: float = 0.0
    clip: float = 0.0
    dropout: float = 0.0
    input_dropout: float = 0.0

    val_loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)

    def fit(self, epochs: int, at: Mapping[tuple[int, int], Callable[[ByHand], object]]) -> ByHand:
        data = load_prepared(self.config.data)
        x_train, y_train = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
        x_val, y_val = torch.from_numpy(data.x_validation), torch.from_numpy(data.y_validation)
        torch.manual_seed(self.config.run.seed)
        first, last = nn.Linear(x_train.shape[1], self.width), nn.Linear(self.width, data.classes)
        weights = [first.weight, last.weight]
        self.inner = self.optimizer([*first.parameters(), *last.parameters()])
        order = torch.Generator()
        order.manual_seed(self.config.run.seed)
        self.batch_size = self.config.run.batch_size
        for epoch in range(1, epochs + 1):
            if change := at.get((epoch, 0)):
                change(self)
            self._move()
            self.lr.append(self.inner.param_groups[0]["lr"])
            rows = torch.randperm(len(x_train), generator=order)
            pairs = zip(x_train[rows].split(self.batch_size), y_train[rows].split(self.batch_size), strict=True)
            for batch, (x, y) in enumerate(pairs, 1):
                self._move()
                self.inner.zero_grad()
                hidden = first(nn.functional.dropout(x, self.input_dropout)).relu()
                loss = nn.functional.cross_entropy(last(nn.functional.dropout(hidden, self.dropout)), y)
                for weight in weights:
                    loss = loss + (self.l1 * weight.abs().sum() if self.l1 else 0.0)
                    loss = loss + (self.l2 * weight.square().sum() if self.l2 else 0.0)
                loss.backward()
                if self.clip:
                    nn.utils.clip_grad_norm_([*first.parameters(), *last.parameters()], self.clip)
                with torch.no_grad():
                    for weight in weights:
                        weight *= 1 - self.inner.param_groups[0]["lr"] * self.decay
                self.inner.step()
                for one in self._all_rates():
                    one.after_batch()
                if (change := at.get((epoch, batch))) is not None:
                    change(self)
            with torch.no_grad():
                self.val_loss.append(nn.functional.cross_entropy(last(first(x_val).relu()), y_val).item())
            for one in self._all_rates():
                one.after_epoch(self.val_loss[-1])
        return self

    def _all_rates(self) -> list[Rates]:
        return [*([self.rates] if self.rates else []), *self.watched]

    def _move(self) -> None:
        if self.rates is not None:
            lr, momentum = self.rates.now()
            self.inner.param_groups[0].update(lr=lr, momentum=momentum)
