"""Which charts a run has, and the curves in each of them. Pure: a view of the run in, series out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.measures import measure_label
from engine.runview import RunView
from engine.series import Floats, figure, smooth

from .chart import Mark, Series
from .machinepanels import MACHINE_PANELS, machine_panels, machine_series
from .panel import Panel
from .text import clean
from .xaxis import Course

SMOOTHINGS = ("auto", "off", "0.6", "0.9", "0.98")
"""How much of the past a smoothed curve is made of; auto goes by how many points there are, and how they waver."""

ITS_TRAIN = "its train"
"""What the training curve of a ghost is called beside its validation curve, which has the run's name."""

MOST_OTHERS = 6  # curves that a chart can tell apart by their signs; of more, only some are named
MOST_TRIALS = 30  # curves of single trials in one chart; the mean is over all of them

_FEW = 25  # points; fewer are never smoothed
_WAVERS = 3.0  # a curve that goes up and down so many times its own height is smoothed
_MANY_EPOCHS = 30  # from here on the epochs' own figures draw a curve, and the steps only stand behind it
_SHARES = frozenset(["accuracy", "top_k", "macro_f1", "auroc"])


def panels_of(view: RunView) -> list[Panel]:
    """The charts of this run, those that matter most first. The first four are there before the first epoch has ended."""
    if view.own_loop:
        from .scriptpanels import script_panels

        return [*script_panels(view), *machine_panels(view)]
    metric = clean(view.metric, 40)
    share = (0, 1) if metric in _SHARES or metric == "accuracy" else (None, None)
    found = [
        Panel("loss", "Loss: training and validation", "loss", (0, None)),
        Panel("metric", f"{metric}: training and validation", metric, share if metric != "metric" else (0, None)),
        Panel("lr", "Learning rate", "learning rate", (0, None)),
        Panel("grad", "Gradient norm, before and after clipping", "gradient norm", (0, None)),
    ]
    if view.planned_trials > 1:
        what = _kind_of_trials(view)
        found.insert(1, Panel("trials", f"Validation loss of all {what}, mean ± sd", f"{what}", (0, None)))
    classes = len(view.data.class_names) if view.data else 0
    for name in view.val_metrics[-1] if view.val_metrics else ():
        label = clean(measure_label(name, classes), 40)
        if name not in ("loss", view.metric) and label != metric:
            limits = (0, 1) if name in _SHARES else (None, 1) if name == "r2" else (None, None)
            found.append(Panel(f"val:{name}", f"Validation {label}", f"validation {label}", limits))
    differ = _differ(view.train_loss, view.train_loss_running)
    more = [
        (differ, Panel("running", "Training loss while the weights moved", "running training loss", (0, None))),
        (any(_ends(view.penalty)), Panel("penalty", "Penalty: L1 and L2 terms", "penalty", (0, None))),
        (_any(view.weight_norm), Panel("weights", "Norm of the weights", "weight norm", (0, None))),
        (_any(view.sparsity), Panel("sparsity", "Share of weights near zero", "sparsity", (0, 1))),
        (
            any(_ends(view.layer_grad_norms)),
            Panel("layers", "Gradient norm of each layer", "gradient by layer", (0, None)),
        ),
        (bool(view.seconds), Panel("seconds", "Seconds an epoch", "seconds/epoch", (0, None))),
    ]
    found += [panel for there, panel in more if there]
    return found + _of_all_trials(view, found) + machine_panels(view)


_TRIALS = (
    "trials"  # the validation loss; other curves of all trials are called trials:NAME, as engine.trialview names them
)
_CURVES_OF_PANELS = {
    "loss": "train_loss", "metric": "val_metric", "lr": "lr", "grad": "grad_norm", "running": "train_loss_running", "penalty": "penalty",
    "weights": "weight_norm", "sparsity": "sparsity", "seconds": "seconds",
}  # fmt: skip


def _of_all_trials(view: RunView, own: Sequence[Panel]) -> list[Panel]:
    """What else there is of all trials: each of the charts of one of them that is a curve."""
    if view.planned_trials < 2:
        return []
    what, found = _kind_of_trials(view), []
    for panel in own:
        name = panel.key if panel.key.startswith("val:") else _CURVES_OF_PANELS.get(panel.key, "")
        if name:
            words = {"train_loss": "training loss", "val_metric": f"validation {panel.label}"}.get(name, panel.label)
            title = f"{words[:1].upper()}{words[1:]} of all {what}, mean ± sd"
            # The names of the curves say that it is about trials, and need the room.
            label = {"train_loss": "train loss", "lr": "lr"}.get(name, panel.label.removeprefix("validation "))
            found.append(Panel(f"{_TRIALS}:{name}", title, label, panel.limits))
    return found


def series_of(view: RunView, key: str, course: Course, smoothing: str = "auto") -> list[Series]:
    """The curves of the chart called `key`; none of one that this run does not have."""
    if view.own_loop and key not in MACHINE_PANELS:
        from .scriptpanels import script_series

        return script_series(view, key, course, smoothing)
    epochs = course.of(view.epochs)
    match key:
        case "loss":
            return _loss(view, course, smoothing)
        case "metric":
            return [
                *smoothed("train", epochs, view.train_metric, smoothing),
                Series("validation", epochs, view.val_metric, "validation"),
            ]
        case "lr":
            inside = view.steps.at and any(math.isfinite(rate) for rate in view.steps.lr)
            if inside and _many_steps(view):
                return [Series("lr", course.of(view.steps.at), view.steps.lr, "train")]
            return [Series("lr", epochs, view.lr, "train")]
        case "grad":
            clipped = [
                Series("clipped", epochs, view.grad_norm_clipped, "other")
            ] if _differ(view.grad_norm, view.grad_norm_clipped) else []  # fmt: skip
            return [*smoothed("gradient", epochs, view.grad_norm, smoothing), *clipped]
        case "layers":
            return _layers(view, epochs)
        case "running":
            return smoothed("running", epochs, view.train_loss_running, smoothing)
        case "penalty" | "seconds" | "sparsity":
            return [Series(key, epochs, getattr(view, key), "train")]
        case "weights":
            return [Series("norm", epochs, view.weight_norm, "train")]
    if key == _TRIALS or key.startswith(f"{_TRIALS}:"):
        return _trials(view, course, key.removeprefix(_TRIALS).removeprefix(":") or "val_loss")
    if key.startswith("val:"):
        name = key[4:]
        ys = [figures.get(name, math.nan) for figures in view.val_metrics]
        return [Series(clean(measure_label(name), 40), epochs, ys, "validation")]
    return machine_series(view, key, course) if key in MACHINE_PANELS else []


def ghost_series(name: str, view: RunView, key: str, course: Course, smoothing: str = "off") -> list[Series]:
    """Another run's curves in a chart, as ghosts: validation where it was measured, with training beside it where both are.

    The one that carries the name comes first; a chart without either has a ghost if it has but one curve.
    """
    found = [one for one in series_of(view, key, course, smoothing) if len(one.xs) and one.role != "raw"]
    validation = next((one for one in found if one.role == "validation"), None)
    train = next((one for one in found if one.role == "train"), None)
    first = validation or train or (found[0] if len(found) == 1 else None)
    ghosts = [Series(name, first.xs, first.ys, "ghost")] if first is not None else []
    if validation is not None and train is not None:
        ghosts.append(Series(ITS_TRAIN, train.xs, train.ys, "ghost_train", latest=""))
    return ghosts


# ------------------------------------------------------------------------------------------------------------ smoothing


def smoothing_weight(ys: Floats, wanted: str = "auto") -> float:
    """The weight of the past for smoothing `ys`; 0 leaves them alone.

    auto looks at 25, 50, 100, ... values from the beginning, never at those that came since: so the curve that is drawn
    already seldom changes.
    """
    if wanted != "auto":
        return float(wanted) if wanted != "off" and len(ys) > 2 else 0.0
    finite = ys[np.isfinite(ys)]
    if len(finite) < _FEW:
        return 0.0
    looked_at = _FEW * 2 ** int(math.log2(len(finite) / _FEW))
    low, high = np.quantile(finite[:looked_at], (0.02, 0.98))  # a start that towers over the rest says nothing of it
    if not 0 < high - low < math.inf or np.abs(np.diff(np.clip(finite[:looked_at], low, high))).sum() < _WAVERS * (
        high - low
    ):
        return 0.0
    return 1 - 1 / min(max(2.5, looked_at / 40), 100.0)


def smoothed(name: str, xs: npt.ArrayLike, ys: Sequence[float] | Floats, smoothing: str) -> list[Series]:
    """A curve of the training part: by itself, or smoothed with the raw one behind it."""
    values = np.array(ys, np.float64)
    weight = smoothing_weight(values, smoothing)
    if not weight:
        return [Series(name, xs, values, "train")]
    return [Series("raw", xs, values, "raw"), Series(name, xs, smooth(values, weight), "train")]


_MARKS_OF = {"loss": None, "grad": None, "trials": frozenset(["resume", "lr"])}
_ELSEWHERE = frozenset(["best", "stop", "resume", "lr"])


def marks_on(key: str, marks: Sequence[Mark]) -> list[Mark]:
    """Those that belong on the chart called `key`: findings are about losses and gradients, and no trial's best is that of all."""
    wanted = _MARKS_OF.get(key.partition(":")[0], _ELSEWHERE)
    return [mark for mark in marks if wanted is None or mark.kind in wanted]


# ----------------------------------------------------------------------------------------------------------- the charts


def _loss(view: RunView, course: Course, smoothing: str) -> list[Series]:
    """Training, from inside the epochs where those are long, and validation where it was measured."""
    epochs = course.of(view.epochs)
    validation = Series("validation", epochs, view.val_loss, "validation")
    if not _many_steps(view):
        return [*smoothed("train", epochs, view.train_loss, smoothing), validation]
    inside, losses = course.of(view.steps.at), view.steps.loss
    if len(view.epochs) < _MANY_EPOCHS:
        return [*smoothed("train", inside, losses, smoothing), validation]
    front = smoothed("train", epochs, view.train_loss, smoothing)[-1]
    return [Series("steps", inside, losses, "raw"), front, validation]


def _many_steps(view: RunView) -> bool:
    """Whether the steps tell more of the curve than the epochs do."""
    return len(view.steps.at) >= 3 * max(1, len(view.epochs))


def _layers(view: RunView, epochs: Floats) -> list[Series]:
    """The layers' gradient norms: of many layers the first, the last, and some evenly between."""
    norms = [row for row in view.layer_grad_norms if row]
    if not norms:
        return []
    count = len(norms[-1])
    names = [name for name, _ in view.model.layers] if view.model else []
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST_OTHERS)).round().astype(int)).tolist()
    rows = [row if len(row) == count else (math.nan,) * count for row in view.layer_grad_norms]
    return [
        Series(
            clean(names[at], 20) if at < len(names) else f"layer {at + 1}", epochs, [row[at] for row in rows], "other"
        )
        for at in shown
    ]


def _kind_of_trials(view: RunView) -> str:
    label = view.trials[0].label if view.trials else ""
    return next((f"{word}s" for word in ("fold", "pair", "restart") if label.startswith(word)), "trials")


def _trials(view: RunView, course: Course, what: str) -> list[Series]:
    """Each trial's curve of this name, and their mean with a band of a standard deviation where at least half of them are."""
    few = len(view.trials) <= MOST_OTHERS
    curves = []
    for one in [trial for trial in view.trials if trial.epochs][-MOST_TRIALS:]:
        named = few or (one.number == view.trial and view.end is None)
        name, role = (clean(one.label, 20), "other") if named else ("", "ghost")
        curves.append(Series(name, course.of(one.epochs), one.curve(what), role, None if named and not few else ""))
    pairs = [(one.epochs, one.curve(what)) for one in view.trials]
    epochs, mean, sd = mean_and_sd(pairs)
    if not len(epochs):
        return curves
    latest = f"{figure(mean[-1])} ± {figure(sd[-1])}"
    # What is never negative is not drawn as if it were.
    never = all(min(curve, default=0.0) >= 0 for _, curve in pairs)
    low = np.maximum(mean - sd, 0) if never else mean - sd
    return [Series("mean", course.of(epochs), mean, "validation", latest, low, mean + sd), *curves]


def mean_and_sd(curves: Sequence[tuple[Sequence[int], Sequence[float]]]) -> tuple[Floats, Floats, Floats]:
    """Epochs, mean and standard deviation (n - 1) at each at which half of these curves, and at least two, are finite.

    A curve is its epochs and as many values.
    """
    last = max((max(epochs) for epochs, _ in curves if epochs), default=0)
    values = np.full((len(curves), last), np.nan)
    for row, (epochs, ys) in zip(values, curves, strict=True):
        count = min(len(epochs), len(ys))
        row[np.array(epochs[:count], int) - 1] = ys[:count]
    values[~(np.abs(values) < 1e150)] = np.nan
    there = np.isfinite(values).sum(axis=0)
    begun = sum(bool(epochs) for epochs, _ in curves)
    wanted = np.flatnonzero(there >= max(2, math.ceil(begun / 2)))
    if not len(wanted):
        return np.zeros(0), np.zeros(0), np.zeros(0)
    some = values[:, wanted]
    mean: Floats = np.asarray(np.nanmean(some, axis=0), np.float64)
    sd: Floats = np.asarray(np.nanstd(some, axis=0, ddof=1), np.float64)
    return (wanted + 1).astype(np.float64), mean, sd


# ------------------------------------------------------------------------------------------------------------- in sight


def in_sight(chosen: Sequence[str], there: Sequence[str], count: int) -> list[str]:
    """The keys of the charts in `count` places: those that were chosen where this run has them, else the next of its own."""
    kept = [key if key in there and key not in chosen[:place] else "" for place, key in enumerate(chosen[:count])]
    kept += [""] * (count - len(kept))
    spare = iter([key for key in there if key not in kept])
    return [found for found in (key or next(spare, "") for key in kept) if found]


def next_panel(shown: Sequence[str], place: int, there: Sequence[str], by: int) -> str:
    """What the chart at `place` shows next: of all there are, the one `by` further on that is not in sight already."""
    free = [key for key in there if key not in shown or key == shown[place]]
    return free[(free.index(shown[place]) + by) % len(free)]


def fingerprint(view: RunView) -> tuple[object, ...]:
    """What differs whenever a chart of the view does."""
    return (
        len(view.epochs), view.times[-1:], view.best_epoch, len(view.steps.at), view.steps.time[-1:], view.total_epochs,
        view.machine, view.model, view.trial, len(view.trials), sum(len(one.epochs) for one in view.trials), len(view.edits),
        len(view.resumed_at), [(one.kind, one.began) for one in view.findings.values()], len(view.chapters), view.end,
    )  # fmt: skip


def _ends(values: Sequence[Any]) -> Sequence[Any]:
    """The first and the last of these: what a run logs it logs all along, and a long one is looked at often."""
    return values if len(values) <= 200 else [*values[:100], *values[-100:]]


def _any(values: Sequence[float]) -> bool:
    return any(math.isfinite(value) for value in _ends(values))


def _differ(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = zip(_ends(one), _ends(other), strict=False)
    return any(math.isfinite(b) and abs(a - b) > 1e-6 * abs(a) for a, b in pairs)
