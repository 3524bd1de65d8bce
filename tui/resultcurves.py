"""The curves of runs that are over, as series for a chart: one run's, those of its trials, or those of several runs. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.ownloop.measured import measured
from engine.report import sides
from engine.runview import RunView, TrialView
from engine.series import HeldBounds

from .chart import ChartOptions, Mark, Series
from .marks import marks_of
from .scriptpanels import script_series
from .text import Charset, clean
from .xaxis import Course


@dataclass(frozen=True)
class Curves:
    """What a chart is given."""

    series: tuple[Series, ...]
    marks: tuple[Mark, ...]
    options: ChartOptions


def curves_of(view: RunView, metric: bool, charset: Charset, colour: bool) -> Curves:
    """The error against the epoch, with the just-right point; or the task's metric. Of trials the validation curves, each dim
    behind their mean and its spread."""
    label = clean(view.metric, 40) if metric else "loss"
    options = ChartOptions(
        x_low=0,
        x_high=max([1, *view.epochs]),
        charset=charset,
        colour=colour,
        y_label=label,
        gutter=7,
        bounds=HeldBounds(limits=(0, 1 if metric and view.metric == "accuracy" else None)),
    )
    if view.trials:
        return _of_trials(view.trials, options, "val_metric" if metric else "val_loss")
    if not metric and (found := sides(view)) is not None:
        options = _with(options, note=(found.left, f"{found.middle}: epoch {found.best}", found.right))
    if view.own_loop:
        series = tuple(script_series(view, "metric" if metric else "loss", Course(view, "epoch"), "off"))
    else:
        pairs = (view.train_metric, view.val_metric) if metric else (view.train_loss, view.val_loss)
        series = (
            Series("train", view.epochs, pairs[0], "train"),
            Series("validation", view.epochs, pairs[1], "validation"),
        )
    return Curves(series, tuple(marks_of(view, Course(view, "epoch"))), options)


def _with(options: ChartOptions, **changes: object) -> ChartOptions:
    return ChartOptions(**{**vars(options), **changes})  # type: ignore[arg-type]


def _of_trials(trials: Sequence[TrialView], options: ChartOptions, name: str) -> Curves:
    kept = [trial for trial in trials if trial.epochs]
    series = [Series(clean(one.label, 30), one.epochs, one.curve(name), "ghost", latest="") for one in kept]
    shared = min((len(one.curve(name)) for one in kept), default=0)  # epochs that every trial has reached
    if len(kept) > 1 and shared:
        values = np.array([one.curve(name)[:shared] for one in kept])
        mean = values.mean(axis=0)
        spread = values.std(axis=0, ddof=1)
        legend = f"mean of {len(kept)} ± sd"
        series.append(
            Series(legend, kept[0].epochs[:shared], mean, "validation", low=mean - spread, high=mean + spread)
        )
    longest = max((one.epochs[-1] for one in kept), default=1)
    return Curves(tuple(series), (), _with(options, x_high=max(1, longest), y_label=f"validation {options.y_label}"))


def overlaid(runs: Sequence[tuple[str, RunView]], charset: Charset, colour: bool) -> Curves:
    """The validation losses of several runs on one chart; of a run with trials that of its best one, or of the first.

    The names are those of the legend. The last values there are the best ones, which is what runs are compared by.
    """
    series = []
    longest = 1
    for name, view in runs:
        epochs, losses = _main_curve(view)
        longest = max([longest, *epochs[-1:]])
        finite = [loss for loss in losses if math.isfinite(loss)]
        latest = f"{min(finite):.4g}" if finite else ""
        series.append(Series(name, epochs, losses, "other", latest=latest))
    options = ChartOptions(x_low=0, x_high=longest, charset=charset, colour=colour, y_label="validation loss", gutter=7)
    return Curves(tuple(series), (), options)


def _main_curve(view: RunView) -> tuple[list[int], list[float]]:
    if not view.trials:
        epochs, losses = measured(view, "val_loss")
        return epochs, losses
    best = view.summary.best_trial if view.summary else 0
    one = next((trial for trial in view.trials if trial.number == best), view.trials[0])
    return one.epochs, one.val_loss
