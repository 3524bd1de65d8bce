"""What each remedy changes in the settings of a run: the knobs and their new values, or None where it is taken already or means nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .heldback import SEQUENTIAL, Settings, strong

New = dict[str, Any]
"""The knobs to change and their new values; empty when no knob does it."""


def times(key: str, factor: float, lowest: float = 1e-12, highest: float = 1e12) -> Callable[[Settings], New | None]:
    """A number changed by a factor, to two digits."""

    def propose(settings: Settings) -> New | None:
        before = settings.get(key) or 0.0
        after = float(f"{min(highest, max(lowest, before * factor)):.2g}")
        return {key: after} if before and after != before else None

    return propose


def early_stopping(settings: Settings) -> New | None:
    if not settings.get("early_stopping.enabled"):
        return {"early_stopping.enabled": True, "early_stopping.restore_best": True}
    if not settings.get("early_stopping.restore_best"):
        return {"early_stopping.restore_best": True}
    return {"early_stopping.patience": 10} if settings.get("early_stopping.patience", 10) > 20 else None


def more_data(settings: Settings) -> New | None:
    return {"data.train_rows": 0} if settings.get("data.train_rows") else {}


def more_dropout(settings: Settings) -> New | None:
    rate = settings.get("regularization.dropout", 0.0)
    if not (hidden_layers(settings) or settings.get("model.kind") in SEQUENTIAL) or rate >= 0.5:
        return None
    return {"regularization.dropout": 0.3 if rate < 0.2 else 0.5}


def more_l2(settings: Settings) -> New | None:
    now = settings.get("regularization.l2", 0.0)
    return {"regularization.l2": 0.001} if not now else {"regularization.l2": now * 10} if now < 0.01 else None


def smaller(settings: Settings) -> New | None:
    hidden = hidden_layers(settings)
    if settings.get("model.kind") in SEQUENTIAL:
        width, heads = settings.get("model.width", 64), settings.get("model.heads", 1)
        return {"model.width": width // 2} if width > 8 and (width // 2) % heads == 0 else None
    return {"model.hidden": tuple(max(4, width // 2) for width in hidden)} if max(hidden, default=0) > 8 else None


def hidden_layers(settings: Settings) -> tuple[int, ...]:
    dense = settings.get("model.kind", "mlp") in ("mlp", "cnn")
    return tuple(settings.get("model.hidden") or ()) if dense else ()


def larger(settings: Settings) -> New | None:
    hidden = hidden_layers(settings)
    if settings.get("model.kind") == "custom":
        return None
    if settings.get("model.kind") in SEQUENTIAL:
        width = settings.get("model.width", 64)
        return {"model.width": width * 2} if width < 512 else None
    if settings.get("model.kind") == "linear" or (not hidden and settings.get("model.kind") == "mlp"):
        return {"model.kind": "mlp", "model.hidden": (64, 64)}
    if max(hidden, default=0) >= 512:
        return None
    return {"model.hidden": tuple(max(32, width * 4) for width in hidden) if hidden else (64,)}


def less_regularization(settings: Settings) -> New | None:
    new: New = {}
    for key in strong(settings):
        rate = key in ("regularization.dropout", "regularization.input_dropout")
        new[key] = 0.1 if rate else 0.0 if key == "regularization.max_norm" else float(f"{settings[key] / 100:.2g}")
    if not new:  # none is strong by itself, but a penalty is on
        new = {
            key: 0.0
            for key in ("regularization.l1", "regularization.l2", "regularization.weight_decay")
            if settings.get(key)
        }
    return new or None


def more_epochs(settings: Settings) -> New | None:
    return {"run.epochs": max(10, int(settings.get("run.epochs", 10)) * 3)}


def momentum(settings: Settings) -> New | None:
    if settings.get("optimizer.name") != "sgd" or settings.get("optimizer.momentum", 0.0) >= 0.9:
        return None
    return {"optimizer.momentum": 0.9}


def restarts(settings: Settings) -> New | None:
    return {"trials.kind": "restarts", "trials.restarts": 8} if settings.get("trials.kind") == "single" else None


def draw_weights(settings: Settings) -> New | None:
    tiny = settings.get("model.init") == "normal" and settings.get("model.init_std", 0.05) < 0.01
    return {"model.init": "default"} if settings.get("model.init") == "zeros" or tiny else None


def sane_weights(settings: Settings) -> New | None:
    """The usual initial weights, where they were drawn far too large."""
    large = settings.get("model.init") == "normal" and settings.get("model.init_std", 0.05) > 0.3
    saturating = settings.get("model.activation") in ("tanh", "sigmoid")
    return {"model.init": "xavier" if saturating else "default"} if large else None


def standardize(settings: Settings) -> New | None:
    return None if settings.get("data.standardize", True) else {"data.standardize": True}


def warm_restarts(settings: Settings) -> New | None:
    if settings.get("schedule.name") != "constant":
        return None
    return {"schedule.name": "cosine_warm_restarts"}


def clip(settings: Settings) -> New | None:
    now = settings.get("optimizer.clip_norm", 0.0)
    return {"optimizer.clip_norm": 1.0} if not now or now > 1.0 else None


def warm_up(settings: Settings) -> New | None:
    epochs = int(settings.get("run.epochs", 0))
    return {"schedule.warmup": min(5, epochs // 5)} if not settings.get("schedule.warmup") and epochs >= 5 else None


def larger_batch(settings: Settings) -> New | None:
    size = int(settings.get("run.batch_size", 0))
    return {"run.batch_size": size * 4} if 0 < size < 256 else None


def far_lower(settings: Settings) -> New | None:
    """Beyond 1 a tenth of the learning rate is too much still."""
    return times("optimizer.lr", 0.01)(settings) if settings.get("optimizer.lr", 0.0) > 1 else None


def relu(settings: Settings) -> New | None:
    good = settings.get("model.activation") in ("relu", "leaky_relu", "gelu", "elu", "silu")
    return None if good or not hidden_layers(settings) else {"model.activation": "relu"}


def leaky(settings: Settings) -> New | None:
    return {"model.activation": "leaky_relu"} if settings.get("model.activation") == "relu" else None


def batch_norm(settings: Settings) -> New | None:
    if settings.get("model.batch_norm") or not hidden_layers(settings):
        return None
    return {"model.batch_norm": True}


def deep(settings: Settings) -> bool:
    return len(hidden_layers(settings)) > 5


def fewer_layers(settings: Settings) -> New | None:
    hidden = hidden_layers(settings)
    return {"model.hidden": hidden[: max(1, len(hidden) // 3)]} if len(hidden) > 2 else None


def float32(settings: Settings) -> New | None:
    return None if settings.get("run.precision", "float32") == "float32" else {"run.precision": "float32"}
