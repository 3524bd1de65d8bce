"""What in the settings of a run holds its model back: regularization that is strong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SEQUENTIAL = ("gru", "lstm", "transformer")  # as engine.config.model has it

Settings = Mapping[str, Any]
"""The value of each knob by key."""

STRONG: dict[str, float] = {
    "regularization.dropout": 0.5, "regularization.input_dropout": 0.3, "regularization.l1": 1e-3, "regularization.l2": 1e-2,
    "regularization.input_noise": 0.5, "regularization.mixup": 1.0, "regularization.label_smoothing": 0.3,
}  # fmt: skip
"""From where on each knob of regularization is strong."""

DECAYS = ("regularization.weight_decay", "optimizer.weight_decay")
STRONG_DECAY = 0.1
"""From where on a decay that is added to the gradient is strong."""

STRONG_PULL = 0.005
"""The share of the weights that a decay apart from the gradient takes in each step, from where on it is strong."""

USUAL_DECAY = 0.1
"""What is usual for these optimizers, and not strong at any rate: if it pulls hard, it is the rate that is too high."""

APART = frozenset({"adamw", "muon", "adafactor"})
"""Optimizers whose decay is apart from the gradient."""


def strong(settings: Settings | None) -> list[str]:
    """The knobs of regularization that are set to a strong value, and a limit on the weights that is a tight one."""
    if settings is None:
        return []
    found = [key for key, limit in STRONG.items() if (settings.get(key) or 0.0) >= limit]
    found += [key for key in DECAYS if _strong_decay(settings, key)]
    return found + (["regularization.max_norm"] if 0 < (settings.get("regularization.max_norm") or 0.0) < 0.5 else [])


def _strong_decay(settings: Settings, key: str) -> bool:
    decay = settings.get(key) or 0.0
    apart = key.startswith("regularization") or settings.get("optimizer.name") in APART
    if apart or settings.get("optimizer.decoupled_weight_decay"):
        return decay > USUAL_DECAY and decay * (settings.get("optimizer.lr") or 0.0) >= STRONG_PULL
    return decay >= STRONG_DECAY


def shrinking(settings: Settings | None) -> bool:
    """Whether a strong penalty makes the weights small."""
    names = ("regularization.l1", "regularization.l2", *DECAYS)
    return any(key in names for key in strong(settings))
