"""What to do about each kind of finding, best first, and the knobs that doing it changes.

An action looks at the settings of the run, where they are known, and says what it would change in them; or that it is taken
already, and is then left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..facts import Change
from .findings import Finding
from .heldback import Settings, strong

New = dict[str, Any]
"""The knobs to change and their new values; empty when no knob does it."""


@dataclass(frozen=True, slots=True)
class Action:
    """text: for a person. propose: what it changes in these settings, or None when that has been done or means nothing here.

    knobs: those that it may change. special: not worth naming unless the settings are known to call for it.
    """

    text: str
    knobs: tuple[str, ...] = ()
    propose: Callable[[Settings], New | None] = lambda settings: {}
    special: bool = False


def advised(finding: Finding, settings: Settings | None) -> Finding:
    """The finding with what to do about it in a run of these settings, or of unknown ones (None)."""
    actions = ADVICE[finding.kind]
    if settings is None:
        usual = [one for one in actions if not one.special]
        return replace(finding, actions=tuple(one.text for one in usual), knobs=usual[0].knobs)
    open_to: list[tuple[Action, New]] = []
    for action in actions:
        new = action.propose(settings)
        if new is None or (new and all(settings.get(key) == value for key, value in new.items())):
            continue
        open_to.append((action, new))
    if not open_to:
        return finding
    new = open_to[0][1]
    changes = tuple(
        Change(key, typed(settings.get(key)), typed(value)) for key, value in new.items() if settings.get(key) != value
    )
    return replace(
        finding,
        actions=tuple(action.text for action, _ in open_to),
        knobs=tuple(change.key for change in changes),
        changes=changes,
    )


def typed(value: Any) -> str:
    """The value of a knob as a person would type it, as engine.knobs.show has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)


def _times(key: str, factor: float, lowest: float = 1e-12, highest: float = 1e12) -> Callable[[Settings], New | None]:
    """A number changed by a factor, to two digits."""

    def propose(settings: Settings) -> New | None:
        before = settings.get(key) or 0.0
        after = float(f"{min(highest, max(lowest, before * factor)):.2g}")
        return {key: after} if before and after != before else None

    return propose


def _early_stopping(settings: Settings) -> New | None:
    if not settings.get("early_stopping.enabled"):
        return {"early_stopping.enabled": True, "early_stopping.restore_best": True}
    if not settings.get("early_stopping.restore_best"):
        return {"early_stopping.restore_best": True}
    return {"early_stopping.patience": 10} if settings.get("early_stopping.patience", 10) > 20 else None


def _more_data(settings: Settings) -> New | None:
    return {"data.train_rows": 0} if settings.get("data.train_rows") else {}


def _more_dropout(settings: Settings) -> New | None:
    rate = settings.get("regularization.dropout", 0.0)
    if not _hidden(settings) or rate >= 0.5:
        return None
    return {"regularization.dropout": 0.3 if rate < 0.2 else 0.5}


def _more_l2(settings: Settings) -> New | None:
    now = settings.get("regularization.l2", 0.0)
    return {"regularization.l2": 0.001} if not now else {"regularization.l2": now * 10} if now < 0.01 else None


def _smaller(settings: Settings) -> New | None:
    hidden = _hidden(settings)
    return {"model.hidden": tuple(max(4, width // 2) for width in hidden)} if max(hidden, default=0) > 8 else None


def _hidden(settings: Settings) -> tuple[int, ...]:
    return () if settings.get("model.kind") == "linear" else tuple(settings.get("model.hidden") or ())


def _larger(settings: Settings) -> New | None:
    hidden = _hidden(settings)
    if settings.get("model.kind") == "linear" or (not hidden and settings.get("model.kind") == "mlp"):
        return {"model.kind": "mlp", "model.hidden": (64, 64)}
    if max(hidden, default=0) >= 512:
        return None
    return {"model.hidden": tuple(max(32, width * 4) for width in hidden) if hidden else (64,)}


def _less_regularization(settings: Settings) -> New | None:
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


def _more_epochs(settings: Settings) -> New | None:
    return {"run.epochs": max(10, int(settings.get("run.epochs", 10)) * 3)}


def _momentum(settings: Settings) -> New | None:
    if settings.get("optimizer.name") != "sgd" or settings.get("optimizer.momentum", 0.0) >= 0.9:
        return None
    return {"optimizer.momentum": 0.9}


def _restarts(settings: Settings) -> New | None:
    return {"trials.kind": "restarts", "trials.restarts": 8} if settings.get("trials.kind") == "single" else None


def _draw_weights(settings: Settings) -> New | None:
    tiny = settings.get("model.init") == "normal" and settings.get("model.init_std", 0.05) < 0.01
    return {"model.init": "default"} if settings.get("model.init") == "zeros" or tiny else None


def _sane_weights(settings: Settings) -> New | None:
    """The usual initial weights, where they were drawn far too large."""
    large = settings.get("model.init") == "normal" and settings.get("model.init_std", 0.05) > 0.3
    saturating = settings.get("model.activation") in ("tanh", "sigmoid")
    return {"model.init": "xavier" if saturating else "default"} if large else None


def _standardize(settings: Settings) -> New | None:
    return None if settings.get("data.standardize", True) else {"data.standardize": True}


def _warm_restarts(settings: Settings) -> New | None:
    if settings.get("schedule.name") != "constant":
        return None
    return {"schedule.name": "cosine_warm_restarts"}


def _clip(settings: Settings) -> New | None:
    now = settings.get("optimizer.clip_norm", 0.0)
    return {"optimizer.clip_norm": 1.0} if not now or now > 1.0 else None


def _warm_up(settings: Settings) -> New | None:
    epochs = int(settings.get("run.epochs", 0))
    return {"schedule.warmup": min(5, epochs // 5)} if not settings.get("schedule.warmup") and epochs >= 5 else None


def _larger_batch(settings: Settings) -> New | None:
    size = int(settings.get("run.batch_size", 0))
    return {"run.batch_size": size * 4} if 0 < size < 256 else None


def _far_lower(settings: Settings) -> New | None:
    """Beyond 1 a tenth of the learning rate is too much still."""
    return _times("optimizer.lr", 0.01)(settings) if settings.get("optimizer.lr", 0.0) > 1 else None


def _relu(settings: Settings) -> New | None:
    good = settings.get("model.activation") in ("relu", "leaky_relu", "gelu", "elu", "silu")
    return None if good or not _hidden(settings) else {"model.activation": "relu"}


def _leaky(settings: Settings) -> New | None:
    return {"model.activation": "leaky_relu"} if settings.get("model.activation") == "relu" else None


def _batch_norm(settings: Settings) -> New | None:
    if settings.get("model.batch_norm") or not _hidden(settings):
        return None
    return {"model.batch_norm": True}


def _deep(settings: Settings) -> bool:
    return len(_hidden(settings)) > 5


def _fewer_layers(settings: Settings) -> New | None:
    hidden = _hidden(settings)
    return {"model.hidden": hidden[: max(1, len(hidden) // 3)]} if len(hidden) > 2 else None


def _float32(settings: Settings) -> New | None:
    return None if settings.get("run.precision", "float32") == "float32" else {"run.precision": "float32"}


LR = ("optimizer.lr",)
_THIRD = Action("a third of the learning rate", LR, _times("optimizer.lr", 1 / 3))
_TENTH = Action("a tenth of the learning rate", LR, _times("optimizer.lr", 0.1))
_HUNDREDTH = Action("a hundredth of the learning rate", LR, _far_lower, special=True)
_CLIP = Action("clip the gradient's norm at 1", ("optimizer.clip_norm",), _clip)
_WARM_UP = Action("warm the learning rate up over the first epochs", ("schedule.warmup",), _warm_up)
_STANDARDIZE = Action("standardize the inputs", ("data.standardize",), _standardize, special=True)
_MOMENTUM = Action("momentum 0.9", ("optimizer.momentum",), _momentum)
_SANE = Action("draw the initial weights smaller: the usual scheme", ("model.init",), _sane_weights, special=True)
_WEIGHTS = Action(
    "initial weights that keep the size of the signal (he for ReLU, xavier for tanh)",
    ("model.init",),
    _draw_weights,
    special=True,
)
_RELU = Action("ReLU or GELU in the hidden layers", ("model.activation",), _relu)
_NORM = Action("batch norm", ("model.batch_norm",), _batch_norm)
# In a deep net with plain weights ReLU alone does not get the signal through.
_NORM_FIRST = replace(_NORM, propose=lambda settings: _batch_norm(settings) if _deep(settings) else None, special=True)
_NORM_LATER = replace(_NORM, propose=lambda settings: None if _deep(settings) else _batch_norm(settings))
_FEATURES = Action("better features")
_MORE_EPOCHS = Action("three times as many epochs", ("run.epochs",), _more_epochs)

ADVICE: dict[str, tuple[Action, ...]] = {
    "non_finite": (
        Action("full precision (float32)", ("run.precision",), _float32, special=True),
        _STANDARDIZE,
        _SANE,
        _HUNDREDTH,
        _TENTH,
        _CLIP,
        _WARM_UP,
        _NORM,
    ),
    "exploding_gradients": (_SANE, _CLIP, _TENTH, _NORM, _WARM_UP),
    "dead_units": (
        _STANDARDIZE,
        _HUNDREDTH,
        _TENTH,
        Action("leaky ReLU, whose units cannot die", ("model.activation",), _leaky),
        Action("other initial weights and biases", ("model.init",), _sane_weights),
        _WARM_UP,
    ),
    "saturated_units": (_STANDARDIZE, _SANE, _TENTH, _RELU, _NORM),
    "vanishing_gradients": (
        _WEIGHTS,
        _NORM_FIRST,
        _RELU,
        _NORM_LATER,
        Action("fewer layers", ("model.hidden",), _fewer_layers),
        Action("a path around the layers: residual connections"),
    ),
    "diverging": (_HUNDREDTH, _TENTH, _CLIP, _WARM_UP, Action("a larger batch", ("run.batch_size",), _larger_batch)),
    "learning_rate_high": (
        _HUNDREDTH,
        _TENTH,
        Action("warm up, then let the learning rate decay", ("schedule.warmup",), _warm_up),
        _CLIP,
        Action("a larger batch", ("run.batch_size",), _larger_batch),
    ),
    "learning_rate_low": (
        Action("ten times the learning rate", LR, _times("optimizer.lr", 10, highest=1.0)),
        _MOMENTUM,
        _MORE_EPOCHS,
    ),
    "stuck": (
        Action("initial weights that differ: units that start equal stay equal", ("model.init",), _draw_weights, True),
        Action("random restarts: other starting points", ("trials.kind", "trials.restarts"), _restarts),
        Action("warm restarts of the learning rate", ("schedule.name",), _warm_restarts),
        _MOMENTUM,
        Action("a larger net, which has fewer poor basins", ("model.hidden",), _larger),
    ),
    "overfitting": (
        Action(
            "stop here and keep the weights of the best epoch (early stopping does it for you)",
            ("early_stopping.enabled", "early_stopping.restore_best"),
            _early_stopping,
        ),
        Action("more training data, or augmentation", ("data.train_rows",), _more_data),
        Action("dropout 0.2 to 0.5", ("regularization.dropout",), _more_dropout),
        Action("L2 1e-4 to 1e-2", ("regularization.l2",), _more_l2),
        Action("a smaller net", ("model.hidden",), _smaller),
    ),
    "underfitting": (
        Action("less regularization", ("regularization.dropout", "regularization.l2"), _less_regularization),
        Action("a larger net", ("model.kind", "model.hidden"), _larger),
        _FEATURES,
    ),
    "too_short": (
        _MORE_EPOCHS,
        Action("three times the learning rate", LR, _times("optimizer.lr", 3, highest=1.0)),
        _MOMENTUM,
    ),
    "could_stop": (Action("stop here: early stopping does it for you", ("early_stopping.enabled",), _early_stopping),),
}
