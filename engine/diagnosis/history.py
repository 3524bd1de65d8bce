"""What is known of a run when it is judged: its setting, and its epochs so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..events import EpochEnded
from .heldback import SEQUENTIAL
from .trend import median

KEPT = 16
"""Looks into the net that are kept: the latest ones."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a run beside its curves; anything may be missing.

    max_epochs: how many it can have, 0 when that is not known. baseline: the loss of a model that ignores its
    inputs (the entropy of the class shares, the variance of the target), NaN when unknown. layers: (name, parameters) of each
    layer that has any. schedule: the name of the learning-rate schedule. config: the value of each knob by key. classes: how many
    there are to tell apart, 0 where the target is a quantity or that is not known.
    """

    max_epochs: int = 0
    baseline: float = math.nan
    layers: tuple[tuple[str, int], ...] = ()
    schedule: str = ""
    config: Mapping[str, Any] | None = None
    classes: int = 0

    def knob(self, key: str, default: Any) -> Any:
        """The value of a knob, or `default` where it is not known."""
        return default if self.config is None else self.config.get(key, default)

    @property
    def linear(self) -> bool:
        """Whether the model is known to have no hidden layer: it cannot be stuck in a poor basin."""
        kind = self.knob("model.kind", "")
        return kind == "linear" or (kind == "mlp" and not self.knob("model.hidden", (1,)))

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of each hidden layer as far as they are known: of a model for sequences that is its width."""
        kind = self.knob("model.kind", "mlp")
        if kind in SEQUENTIAL:
            return (self.knob("model.width", 64),)
        return tuple(self.knob("model.hidden", ())) if kind in ("mlp", "cnn") else ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into the net found after an epoch, by layer; empty where nothing was looked at.

    dead and saturated: shares of units; rms: root mean square of the gradient's numbers; updates: size of a step relative to the
    weights. cosine: between the gradients of successive steps.
    """

    epoch: int
    dead: tuple[float, ...] = ()
    saturated: tuple[float, ...] = ()
    rms: tuple[float, ...] = ()
    updates: tuple[float, ...] = ()
    cosine: float = math.nan


class History:
    """The epochs of a run, as lists with one value for each. Only finite losses are taken in: others are told at once.

    Most epochs of a long run are not judged. So they are only kept when they come, and taken apart when somebody looks.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.epochs: list[int] = []
        self.train: list[float] = []
        self.running: list[float] = []
        self.val: list[float] = []
        self.lr: list[float] = []
        self.norms: list[float] = []
        self.penalty = 0.0
        self.rms: list[tuple[float, ...]] = []
        self.units: list[Look] = []
        self.updates: list[tuple[float, ...]] = []
        self.first_update = math.nan  # the median over layers in the first look
        self.cosines: list[float] = []
        self.best = math.inf
        self.best_at = 0  # index of the best validation loss
        self.best_train = math.inf
        self.best_train_at = 0
        self.top_rate = 0.0
        self._waiting: list[EpochEnded] = []

    def add(self, ended: EpochEnded) -> None:
        """Take in an epoch with finite losses."""
        self._waiting.append(ended)

    def catch_up(self) -> None:
        """Bring the lists and figures up to the last epoch that was taken in."""
        new, done = self._waiting, len(self.train)
        self._waiting = []
        self.epochs += [one.epoch for one in new]
        self.train += [one.train_loss for one in new]
        running = [one.train_loss_running for one in new]
        self.running += [own if own == own else loss for own, loss in zip(running, self.train[done:], strict=True)]
        self.val += [one.val_loss for one in new]
        self.lr += [one.lr for one in new]
        self.norms += [one.grad_norm for one in new]
        if not new:
            return
        self.penalty = new[-1].penalty
        if (low := min(self.val[done:])) < self.best:
            self.best, self.best_at = low, self.val.index(low, done)
        if (low := min(self.train[done:])) < self.best_train:
            self.best_train, self.best_train_at = low, self.train.index(low, done)
        self.top_rate = max(self.top_rate, *self.lr[done:])
        for one in new:
            if one.layer_grad_norms or one.dead_units or one.saturated_units or one.update_ratios:
                self._look_inside(one)
            if one.gradient_cosine == one.gradient_cosine:
                self.cosines.append(one.gradient_cosine)
        del self.cosines[:-KEPT]

    def _look_inside(self, ended: EpochEnded) -> None:
        """Take in what was seen in the net."""
        if ended.layer_grad_norms:
            self.rms.append(self._rms(ended.layer_grad_norms))
            del self.rms[:-KEPT]
        if ended.dead_units or ended.saturated_units:
            self.units.append(Look(ended.epoch, ended.dead_units, ended.saturated_units))
            del self.units[:-KEPT]
        if ended.update_ratios:
            if not self.updates:
                self.first_update = median([one for one in ended.update_ratios if one == one])
            self.updates.append(ended.update_ratios)
            del self.updates[:-KEPT]

    def _rms(self, norms: tuple[float, ...]) -> tuple[float, ...]:
        layers = self.setting.layers
        if len(layers) != len(norms):
            return norms
        return tuple(norm / math.sqrt(size) for norm, (_, size) in zip(norms, layers, strict=True))

    def __len__(self) -> int:
        return len(self.train)
