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
from .remedies import (
    New,
    Settings,
    batch_norm,
    clip,
    deep,
    draw_weights,
    early_stopping,
    far_lower,
    fewer_layers,
    float32,
    larger,
    larger_batch,
    leaky,
    less_regularization,
    momentum,
    more_data,
    more_dropout,
    more_epochs,
    more_l2,
    relu,
    restarts,
    sane_weights,
    smaller,
    standardize,
    times,
    warm_restarts,
    warm_up,
)


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
    open_to = proposals(finding.kind, settings)
    if not open_to:
        return finding
    changes = open_to[0].changes
    return replace(
        finding,
        actions=tuple(one.text for one in open_to),
        knobs=tuple(change.key for change in changes),
        changes=changes,
    )


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action that is open to a run: in words, and what it comes to in the run's settings, if a knob does it."""

    text: str
    changes: tuple[Change, ...]


def proposals(kind: str, settings: Settings) -> tuple[Proposal, ...]:
    """What there is to do about a kind of finding in a run of these settings, best first; nothing for a kind not known here."""
    found: list[Proposal] = []
    for action in ADVICE.get(kind, ()):
        new = action.propose(settings)
        changes = tuple(
            Change(key, typed(settings.get(key)), typed(value))
            for key, value in (new or {}).items()
            if settings.get(key) != value
        )
        if new is not None and (changes or not new):  # else it has been done
            found.append(Proposal(action.text, changes))
    return tuple(found)


def typed(value: Any) -> str:
    """The value of a knob as a person would type it, as engine.knobs.show has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)


LR = ("optimizer.lr",)
_THIRD = Action("a third of the learning rate", LR, times("optimizer.lr", 1 / 3))
_TENTH = Action("a tenth of the learning rate", LR, times("optimizer.lr", 0.1))
_HUNDREDTH = Action("a hundredth of the learning rate", LR, far_lower, special=True)
_CLIP = Action("clip the gradient's norm at 1", ("optimizer.clip_norm",), clip)
_WARM_UP = Action("warm the learning rate up over the first epochs", ("schedule.warmup",), warm_up)
_STANDARDIZE = Action("standardize the inputs", ("data.standardize",), standardize, special=True)
_MOMENTUM = Action("momentum 0.9", ("optimizer.momentum",), momentum)
_SANE = Action("draw the initial weights smaller: the usual scheme", ("model.init",), sane_weights, special=True)
_WEIGHTS = Action(
    "initial weights that keep the size of the signal (he for ReLU, xavier for tanh)",
    ("model.init",),
    draw_weights,
    special=True,
)
_RELU = Action("ReLU or GELU in the hidden layers", ("model.activation",), relu)
_NORM = Action("batch norm", ("model.batch_norm",), batch_norm)
# In a deep net with plain weights ReLU alone does not get the signal through.
_NORM_FIRST = replace(_NORM, propose=lambda settings: batch_norm(settings) if deep(settings) else None, special=True)
_NORM_LATER = replace(_NORM, propose=lambda settings: None if deep(settings) else batch_norm(settings))
_FEATURES = Action("better features")
_MORE_EPOCHS = Action("three times as many epochs", ("run.epochs",), more_epochs)

ADVICE: dict[str, tuple[Action, ...]] = {
    "non_finite": (
        Action("full precision (float32)", ("run.precision",), float32, special=True),
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
        Action("leaky ReLU, whose units cannot die", ("model.activation",), leaky),
        Action("other initial weights and biases", ("model.init",), sane_weights),
        _WARM_UP,
    ),
    "saturated_units": (_STANDARDIZE, _SANE, _TENTH, _RELU, _NORM),
    "vanishing_gradients": (
        _WEIGHTS,
        _NORM_FIRST,
        _RELU,
        _NORM_LATER,
        Action("fewer layers", ("model.hidden",), fewer_layers),
        Action("a path around the layers: residual connections"),
    ),
    "diverging": (_HUNDREDTH, _TENTH, _CLIP, _WARM_UP, Action("a larger batch", ("run.batch_size",), larger_batch)),
    "learning_rate_high": (
        _HUNDREDTH,
        _TENTH,
        Action("warm up, then let the learning rate decay", ("schedule.warmup",), warm_up),
        _CLIP,
        Action("a larger batch", ("run.batch_size",), larger_batch),
    ),
    "learning_rate_low": (
        Action("ten times the learning rate", LR, times("optimizer.lr", 10, highest=1.0)),
        _MOMENTUM,
        _MORE_EPOCHS,
    ),
    "stuck": (
        Action("initial weights that differ: units that start equal stay equal", ("model.init",), draw_weights, True),
        Action("random restarts: other starting points", ("trials.kind", "trials.restarts"), restarts),
        Action("warm restarts of the learning rate", ("schedule.name",), warm_restarts),
        _MOMENTUM,
        Action("a larger net, which has fewer poor basins", ("model.hidden", "model.width"), larger),
    ),
    "overfitting": (
        Action(
            "stop here and keep the weights of the best epoch (early stopping does it for you)",
            ("early_stopping.enabled", "early_stopping.restore_best"),
            early_stopping,
        ),
        Action("more training data, or augmentation", ("data.train_rows",), more_data),
        Action("dropout 0.2 to 0.5", ("regularization.dropout",), more_dropout),
        Action("L2 1e-4 to 1e-2", ("regularization.l2",), more_l2),
        Action("a smaller net", ("model.hidden", "model.width"), smaller),
    ),
    "underfitting": (
        Action("less regularization", ("regularization.dropout", "regularization.l2"), less_regularization),
        Action("a larger net", ("model.kind", "model.hidden", "model.width"), larger),
        _FEATURES,
    ),
    "too_short": (
        _MORE_EPOCHS,
        Action("three times the learning rate", LR, times("optimizer.lr", 3, highest=1.0)),
        _MOMENTUM,
    ),
    "could_stop": (Action("stop here: early stopping does it for you", ("early_stopping.enabled",), early_stopping),),
}
