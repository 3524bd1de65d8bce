"""What a run has come to: which answers on the test part are wrong, and where on the curves it under- and overfits. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

import numpy as np

from .events import ReportMade
from .facts import Answer, ClassFigures
from .inputs import Inputs
from .ownloop.measured import measured
from .runview import RunView
from .text import clean

SHOWN = 12
"""How many of the worst mistakes, and how many ordinary rows, a report names."""

PAIRS = 200
"""Of how many rows at the most a regression's report has the truth and the answer."""

CLEARLY_WORSE = 0.05
"""By which share of its best value the validation loss must have risen to be called worse; the overfitting rule's figure."""


FEW_EPOCHS = 5
"""Fewer say nothing about which of them is just right."""


@dataclass(frozen=True, eq=False)
class Answers:
    """A model's answers to n rows; four arrays of shape (n,).

    truth and answer: class indices, or quantities in the units of the target. loss: for classes -log of the probability
    given to the true one, for quantities the absolute error. probability: of the class that was answered, else NaN.
    """

    truth: np.ndarray
    answer: np.ndarray
    loss: np.ndarray
    probability: np.ndarray


def make_report(answers: Answers, classes: int, epoch: int, inputs: Inputs | None = None) -> ReportMade:
    """The report on the test part. classes: how many there are, 0 for regression; epoch: of the weights that answered.

    inputs: of the same rows, which the mistakes then come with.
    """
    confusion = confusion_counts(answers.truth, answers.answer, classes) if classes else np.zeros((0, 0), np.int64)
    wrong = np.flatnonzero(answers.truth != answers.answer) if classes else np.arange(len(answers.truth))
    # A loss that is no number is the worst there is; of equal ones the first row comes first.
    badness = np.nan_to_num(answers.loss[wrong].astype(np.float64), nan=np.inf)
    worst = wrong[np.argsort(-badness, kind="stable")][:SHOWN]
    rows = len(answers.truth)
    means, scales = inputs.told_scales if inputs else ((), ())
    return ReportMade(
        epoch=epoch,
        rows=rows,
        wrong=len(wrong) if classes else 0,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        classes=class_figures(confusion),
        mistakes=tuple(_answer(answers, int(row), inputs) for row in worst),
        samples=tuple(_answer(answers, int(row)) for row in _spread(rows, SHOWN)),
        pairs=() if classes else tuple(_pair(answers, int(row)) for row in _spread(rows, PAIRS)),
        feature_names=inputs.told_names if inputs else (),
        features=inputs.x.shape[1] if inputs and not inputs.texts else 0,
        shape=inputs.told_shape if inputs else (),
        limits=inputs.limits if inputs else (0.0, 0.0),
        means=means,
        scales=scales,
    )


def _spread(rows: int, most: int) -> np.ndarray:
    """At most so many of the rows, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int)) if rows else np.zeros(0, int)


def _answer(answers: Answers, row: int, inputs: Inputs | None = None) -> Answer:
    return Answer(
        row=row,
        truth=float(answers.truth[row]),
        answer=float(answers.answer[row]),
        loss=float(answers.loss[row]),
        probability=float(answers.probability[row]),
        values=inputs.row(row) if inputs else (),
        text=inputs.text(row) if inputs else "",
    )


def _pair(answers: Answers, row: int) -> tuple[float, float]:
    return float(f"{answers.truth[row]:.6g}"), float(f"{answers.answer[row]:.6g}")


def confusion_counts(truth: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes), int64: the row is the true class, the column the answered one."""
    places = truth.astype(np.int64) * classes + answer.astype(np.int64)
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)


def class_figures(confusion: np.ndarray) -> tuple[ClassFigures, ...]:
    """Precision, recall and F1 of each class, 0 where the quotient has no denominator, from counts (classes, classes)."""
    right, support, answered = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = right / np.maximum(answered, 1), right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(support + answered, 1)
    return tuple(
        ClassFigures(precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for p, r, f, n in zip(precision, recall, f1, support, strict=True)
    )


def label_of(value: float, class_names: tuple[str, ...]) -> str:
    """A class's name, or a quantity as a short number."""
    if class_names and 0 <= value < len(class_names):
        return clean(class_names[int(value)])
    return f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class Sides:
    """The error-against-epoch graph in words.

    best: the epoch that is just right, and loss its validation loss. last: the last epoch. left: what the epochs before the
    best one are ("underfitting", or "" when there are none); right: what those after it are: "overfitting" when the
    diagnosis says so, "rising" when validation is higher but not for long enough to say that, "diverging" when training got
    worse as well, "converged" when neither did, "" when there are none. learned: whether training came to anything.
    """

    best: int
    loss: float
    last: int
    left: str
    right: str
    learned: bool = True

    @property
    def middle(self) -> str:
        """What the best epoch is: "just right", or only "best so far" when nothing came after it or the epochs are too few to
        tell, or the best of a run that learned nothing.
        """
        if not self.learned and self.last >= FEW_EPOCHS:
            return "nothing learned, best"
        return "just right" if self.right and self.last >= FEW_EPOCHS else "best so far"

    def words(self) -> str:
        """All of it on one line, such as ``underfitting 1-11 · just right 12 · overfitting 13-22``."""
        parts = [f"{self.left} {_span(1, self.best - 1)}"] if self.left else []
        parts.append(f"{self.middle} {self.best}")
        parts += [f"{self.right} {_span(self.best + 1, self.last)}"] if self.right else []
        return " · ".join(parts)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def sides(view: RunView) -> Sides | None:
    """Where the run under- and overfits, seen from its best epoch; None when no epoch had a finite validation loss.

    Validation got worse when the median of its last three values (of those after the best, if there are fewer) lies more than
    5 % above the best one, or is not finite. One bad epoch does not decide.
    """
    epochs, train_loss, val_loss = measured(view, "train_loss", "val_loss")
    if not view.best_epoch or view.best_epoch not in epochs:
        return None
    at = epochs.index(view.best_epoch)
    loss = val_loss[at]
    after, train = val_loss[at + 1 :][-3:], train_loss[at + 1 :][-3:]
    right = ""
    if after:
        worse = _clearly_above(_middle(after), loss)
        train_worse = _clearly_above(_middle(train), train_loss[at])
        if not worse:
            right = "converged"
        elif train_worse:
            right = "diverging"
        else:
            right = "overfitting" if "overfitting" in view.findings else "rising"
    return Sides(
        view.best_epoch, loss, epochs[-1], "underfitting" if at else "", right, _learned(view, at, train_loss, val_loss)
    )


def _learned(view: RunView, at: int, train_loss: list[float], val_loss: list[float]) -> bool:
    """Whether training came to anything by epoch number `at` (from 0).

    The test part decides where it can: its figure against that of always giving the same answer. Without one, the validation loss
    or the training loss must have fallen by 5 % since the first epoch that had a finite one.
    """
    test = view.test
    if test is not None and math.isfinite(test.metric) and math.isfinite(test.baseline):
        lower_is_better = view.model is not None and view.model.metric_mode == "min"
        return test.metric < test.baseline if lower_is_better else test.metric > test.baseline
    return any(_fell(losses, at) for losses in (val_loss, train_loss))


def _fell(losses: list[float], at: int) -> bool:
    finite = [loss for loss in losses if math.isfinite(loss)]
    lowest = min((loss for loss in losses[at:] if math.isfinite(loss)), default=math.inf)
    return bool(finite) and _clearly_above(finite[0], lowest)


def _middle(values: list[float]) -> float:
    return median(value if math.isfinite(value) else math.inf for value in values)


def _clearly_above(value: float, best: float) -> bool:
    # A loss can be negative in principle, hence the absolute value of the best as the yardstick.
    return value > best + CLEARLY_WORSE * max(abs(best), 1e-12)
