"""The measures and losses of each task by name, without torch: what fits the task and how a person reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .data.catalogue import Task
from .errors import Fault

Mode = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of the validation or test part. task: None for both. mode: the better direction. See engine.metrics."""

    label: str
    task: Task | None
    mode: Mode


MEASURES: dict[str, Measure] = {
    "loss": Measure("loss", None, "min"),
    "accuracy": Measure("accuracy", "classification", "max"),
    "top_k": Measure("top-k", "classification", "max"),
    "macro_f1": Measure("macro-F1", "classification", "max"),
    "auroc": Measure("AUROC", "classification", "max"),
    "mae": Measure("MAE", "regression", "min"),
    "rmse": Measure("RMSE", "regression", "min"),
    "r2": Measure("R²", "regression", "max"),
}
"""Every figure by the name that it has in `early_stopping.monitor` and in the events."""

PRIMARY: dict[Task, str] = {"classification": "accuracy", "regression": "rmse"}
"""The figure that is each task's second curve."""


def top_k(classes: int) -> int:
    """How many answers count for the top-k accuracy: 5, or one fewer than there are classes."""
    return min(5, classes - 1)


def measures_of(task: str, classes: int) -> tuple[str, ...]:
    """The figures of a task besides the loss, in order. With two classes top-k would be the accuracy and is left out."""
    return tuple(
        name for name, measure in MEASURES.items() if measure.task == task and (name != "top_k" or classes > 2)
    )


def measure_label(name: str, classes: int = 0) -> str:
    """A measure's name for a person: ``top-5`` for top_k with ten classes. An unknown one is given as it is."""
    if name == "top_k" and classes > 2:
        return f"top-{top_k(classes)}"
    return MEASURES[name].label if name in MEASURES else name


_LOSSES: dict[Task, tuple[str, ...]] = {
    "classification": ("cross_entropy", "bce", "nll", "hinge"),
    "regression": ("mse", "l1", "huber", "smooth_l1"),
}


def loss_fault(name: str, task: str, classes: int | None) -> Fault | None:
    """What is wrong with the loss `name` for this task, or None. classes None: not known yet."""
    for fitting, losses in _LOSSES.items():
        if name in losses and fitting != task:
            hint = f"use auto, or one of {', '.join(_LOSSES[_task(task)])}"
            return Fault("loss.name", f"{name} is a loss for {fitting}, and this is {task}", hint)
    if name == "bce" and classes is not None and classes != 2:
        return Fault("loss.name", f"bce tells two classes apart, and here are {classes}", "use cross_entropy")
    return None


def monitor_fault(name: str, task: str, classes: int | None) -> Fault | None:
    """What is wrong with watching the measure `name` for this task, or None. classes None: not known yet."""
    wanted = MEASURES[name].task
    if wanted is not None and wanted != task:
        hint = f"use loss, or one of {', '.join(measures_of(task, classes or 3))}"
        return Fault("early_stopping.monitor", f"{name} is a measure for {wanted}, and this is {task}", hint)
    if name == "top_k" and classes == 2:
        return Fault("early_stopping.monitor", "top_k says nothing with two classes", "use accuracy")
    return None


def _task(name: str) -> Task:
    return "classification" if name == "classification" else "regression"
