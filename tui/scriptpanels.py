"""The charts of a run that a script with a loop of its own trains: the losses, and whatever else it logs. Pure."""

from __future__ import annotations

from engine.ownloop.measured import measured
from engine.ownloop.naming import Part, grouped
from engine.runview import RunView

from .chart import Series
from .panel import Panel
from .panels import smoothed
from .text import clean
from .xaxis import Course

MOST = 60
"""Charts of a script's own series at the most."""

_PREFIX = "series:"
_WORDS = {"train": "train", "validation": "validation", "test": "test"}


def script_panels(view: RunView) -> list[Panel]:
    """The charts of this run: losses, its metric, what else is known of every run, then its own series by their names."""
    metric = clean(view.metric, 40)
    found = [Panel("loss", "Loss: training and validation", "loss", (0, None) if _positive(view) else (None, None))]
    if view.model is not None and view.model.metric:
        found.append(Panel("metric", f"{metric}: training and validation", metric))
    if measured(view, "lr")[0]:
        found.append(Panel("lr", "Learning rate", "learning rate", (0, None)))
    if measured(view, "grad_norm")[0]:
        found.append(Panel("grad", "Gradient norm", "gradient norm", (0, None)))
    for what in list(_groups(view))[:MOST]:
        if what != view.metric:
            label = clean(what, 40)
            found.append(Panel(f"{_PREFIX}{what}", label, label))
    if view.seconds:
        found.append(Panel("seconds", "Seconds an epoch", "seconds/epoch", (0, None)))
    return found


def script_series(view: RunView, key: str, course: Course, smoothing: str) -> list[Series]:
    """The curves of the chart called `key`, each at the epochs in which it was logged."""
    match key:
        case "loss":
            train, validation = measured(view, "train_loss"), measured(view, "val_loss")
            curves = smoothed("train", course.of(train[0]), train[1], smoothing) if train[0] else []
            if view.steps.at:
                curves.insert(0, Series("steps", course.of(view.steps.at), view.steps.loss, "raw"))
            if validation[0]:
                curves.append(Series("validation", course.of(validation[0]), validation[1], "validation"))
            return curves
        case "lr" | "grad":
            epochs, values = measured(view, "lr" if key == "lr" else "grad_norm")
            return [Series("lr" if key == "lr" else "gradient", course.of(epochs), values, "train")]
        case "seconds":
            return [Series("seconds", course.of(view.epochs), view.seconds, "train")]
    what = view.metric if key == "metric" else key.removeprefix(_PREFIX)
    return _group(view, _groups(view).get(what, {}), course, smoothing)


def _groups(view: RunView) -> dict[str, dict[str, Part]]:
    return grouped(dict.fromkeys(name for figures in view.series for name in figures))


def _group(view: RunView, members: dict[str, Part], course: Course, smoothing: str) -> list[Series]:
    curves: list[Series] = []
    for name, part in members.items():
        pairs = [
            (epoch, figures[name]) for epoch, figures in zip(view.epochs, view.series, strict=True) if name in figures
        ]
        xs, ys = course.of([epoch for epoch, _ in pairs]), [value for _, value in pairs]
        label = _WORDS.get(part) or clean(name, 20)
        if part in ("", "train"):
            curves += smoothed(label, xs, ys, smoothing)
        else:
            curves.append(Series(label, xs, ys, "validation" if part == "validation" else "test"))
    return curves


def _positive(view: RunView) -> bool:
    """Whether no loss lies below zero, as one of a script's own may."""
    return not any(value < 0 for name in ("train_loss", "val_loss") for value in getattr(view, name))
