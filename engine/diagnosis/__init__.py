"""What is going wrong in a run, judged from its numbers alone. Pure: histories in, findings out; no torch.

Each family of causes has a file. Every rule asks for two things at once: the change is statistically real, and it is large
enough to matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..events import EpochEnded
from .doctor import Doctor, raised
from .findings import NOTES, ORDER, Finding, rank
from .history import Look, Setting
from .overfitting import OverfittingWatch

__all__ = ["NOTES", "ORDER", "Doctor", "Finding", "Look", "OverfittingWatch", "Setting", "diagnose", "raised", "rank"]


def diagnose(
    *,
    train_loss: Sequence[float],
    val_loss: Sequence[float],
    lr: Sequence[float] | None = None,
    grad_norm: Sequence[float] | None = None,
    probes: Sequence[Look] = (),
    max_epochs: int | None = None,
    schedule: str = "",
    baseline: float = math.nan,
    classes: int = 0,
    config: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """The findings that hold at the end of a history, the one that explains most first.

    train_loss, val_loss: one value per epoch, the first is epoch 1. lr, grad_norm: the learning rate and the mean norm of the
    gradient of each epoch, if known. probes: looks into the net. max_epochs: how many epochs the run can have; without it the
    history is taken for the whole run. schedule: the name of the learning-rate schedule. baseline: the loss of a model that
    ignores its inputs. classes: how many there are to tell apart, 0 of a quantity. config: the value of each knob by key, as engine.knobs.values has it, for advice that can be followed.
    Raises ValueError when the lengths differ.

    Example::

        from engine import diagnose
        falling = [1 / n for n in range(1, 31)]
        rising = [1 / n for n in range(1, 11)] + [0.1 + 0.01 * n for n in range(20)]
        [finding.began for finding in diagnose(train_loss=falling, val_loss=rising)]  # [11]
    """
    count = len(train_loss)
    rates, norms = lr if lr is not None else [0.0] * count, grad_norm if grad_norm is not None else [math.nan] * count
    if not count == len(val_loss) == len(rates) == len(norms):
        raise ValueError("train_loss, val_loss, lr and grad_norm need one value per epoch each")
    known = Setting(max_epochs or count, baseline, schedule=schedule, config=config, classes=classes)
    doctor = Doctor(known)
    looks = {look.epoch: look for look in probes}
    for epoch, (train, val, rate, norm) in enumerate(zip(train_loss, val_loss, rates, norms, strict=True), 1):
        look = looks.get(epoch, Look(epoch))
        ended = EpochEnded(
            epoch=epoch, train_loss=train, val_loss=val, train_metric=math.nan, val_metric=math.nan, lr=rate, penalty=0.0,
            grad_norm=norm, seconds=0.0, samples_per_second=0.0, best_epoch=0, layer_grad_norms=look.rms,
            dead_units=look.dead, saturated_units=look.saturated, update_ratios=look.updates, gradient_cosine=look.cosine,
        )  # fmt: skip
        for _ in doctor.examine(ended):
            pass
    return list(doctor.held())
