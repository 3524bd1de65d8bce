"""Which reports on the test part a run has: one, or one of each trial and of all folds together. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .events import ReportMade
from .report import SHOWN, class_figures
from .runview import RunView
from .text import clean

_MOST = 10**12  # rows of a class that are taken for another; what is more is a damaged record


@dataclass(frozen=True, slots=True)
class Subject:
    """A report and what it is about. name: "" in a run without trials. trial: its number, 0 for a run or all folds together.

    places: for each of the report's mistakes the trial it was made in; empty where that is plain.
    """

    name: str
    report: ReportMade
    trial: int = 0
    places: tuple[str, ...] = ()


def subjects(view: RunView) -> tuple[Subject, ...]:
    """What there is a report on, the one to show first in front.

    Folds have one of all of them together first: each row was tested once, so their counts add up to a confusion matrix of all
    rows. Of restarts, which are all tested on the same rows, the best by validation stands first, the others in order.
    """
    if not view.planned_trials:
        report = _sound(view.report)
        return (Subject("", report),) if report else ()
    found = [(trial, _sound(trial.report)) for trial in view.trials]
    alone = [Subject(clean(trial.label, 40), report, trial.number) for trial, report in found if report is not None]
    if len(alone) < 2:
        return tuple(alone)
    best = view.summary.best_trial if view.summary else 0
    if view.summary is not None and view.summary.kind == "restarts":
        named = [replace(one, name=f"{one.name} (kept)") if one.trial == best else one for one in alone]
        return tuple(sorted(named, key=lambda one: one.trial != best))
    return (pooled(alone), *alone)


def _sound(report: ReportMade | None) -> ReportMade | None:
    """The report, or None when its counts do not fit its classes; without a shape that does not fit its rows.

    A record is a file, and anybody may have written it.
    """
    if report is None or [len(row) for row in report.confusion] != [len(report.classes)] * len(report.classes):
        return None
    if max((count for row in report.confusion for count in row), default=0) > _MOST or (
        report.shape and min(report.shape) < 1
    ):
        return None
    if any(one.values and math.prod(report.shape) != len(one.values) for one in report.mistakes):
        return replace(report, shape=())
    return report


def pooled(parts: Sequence[Subject]) -> Subject:
    """Several reports as one: counts added up, the worst mistakes of all."""
    reports = [part.report for part in parts]
    classes = len(reports[0].confusion)
    counts = np.zeros((classes, classes), np.int64)
    for report in reports:
        if len(report.confusion) == classes and classes:
            counts += np.array(report.confusion, np.int64)
    mistakes = [(part.name, one) for part in parts for one in part.report.mistakes]
    worst = sorted(mistakes, key=lambda each: -each[1].loss if math.isfinite(each[1].loss) else -math.inf)[:SHOWN]
    whole = replace(
        reports[0],
        rows=sum(report.rows for report in reports),
        wrong=sum(report.wrong for report in reports),
        confusion=tuple(tuple(row) for row in counts.tolist()),
        classes=class_figures(counts) if classes else (),
        mistakes=tuple(one for _, one in worst),
        pairs=tuple(pair for report in reports for pair in report.pairs),
        means=(),
        scales=(),
    )
    return Subject(f"all {len(parts)} folds", whole, 0, tuple(name for name, _ in worst))


@dataclass(frozen=True, slots=True)
class Confused:
    """Rows of one class that were taken for another: indices of both, how many rows, and their share of the true class."""

    truth: int
    answer: int
    rows: int
    share: float


def most_confused(report: ReportMade, most: int) -> list[Confused]:
    """The pairs of classes with most mistakes between them, the largest counts first."""
    found = [
        Confused(truth, answer, count, count / max(1, sum(row)))
        for truth, row in enumerate(report.confusion)
        for answer, count in enumerate(row)
        if truth != answer and count
    ]
    return sorted(found, key=lambda one: (-one.rows, -one.share))[:most]


def worst_first(report: ReportMade) -> list[int]:
    """The classes by F1 from the lowest up; those without rows in the test part last."""
    figures = report.classes
    return sorted(range(len(figures)), key=lambda one: (figures[one].support == 0, figures[one].f1, one))
