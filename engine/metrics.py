"""Losses and metrics summed on the device, so that an epoch costs one transfer to the host and not one per step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from .measures import measures_of, top_k

AT_ONCE = 1 << 20
"""Numbers of outputs that are kept at the most before they are added up."""

BATCHES_AT_ONCE = 1024
"""Batches that are kept at the most: each costs about a kilobyte beside its numbers."""

METRICS: dict[str, tuple[str, Literal["max", "min"]]] = {
    "classification": ("accuracy", "max"),
    "regression": ("RMSE", "min"),
}
"""The second curve of each task, and which direction is better."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on a part of the data. metric: the task's primary one; metrics: all, by the names in measures.

    NaN stands for what is not defined: AUROC with a single class, R² of one row, anything when an output is NaN.
    """

    loss: float
    metric: float
    metrics: dict[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """The loss, or one of the metrics."""
        return self.loss if name == "loss" else self.metrics[name]


class Tally:
    """Sums of loss and metric over batches.

    For classification the metric is the share of right answers; for regression the root of the mean squared error, times
    `scale` to give it in the target's own unit.
    """

    def __init__(self, task: str, scale: float, device: torch.device) -> None:
        self._task, self._scale = task, scale
        # Doubles keep the sum of many batches exact; Apple's GPU has none.
        self._kind = torch.float32 if device.type == "mps" else torch.float64
        self._sums = torch.zeros(2, dtype=self._kind, device=device)
        self._count = 0
        self._waiting: list[tuple[Tensor, Tensor, Tensor]] = []
        self._numbers = 0  # in the outputs that wait
        self._added: list[
            Tensor
        ] = []  # the losses of the batches that no longer wait, should somebody ask which was the first bad one

    def add(self, loss: Tensor, output: Tensor, target: Tensor) -> None:
        """Take in a batch: loss is the mean over its n rows, output (n, classes) or (n,), target (n,)."""
        self._waiting.append((loss.detach(), output.detach(), target))
        self._count += len(target)
        self._numbers += output.numel()
        if self._numbers > AT_ONCE or len(self._waiting) == BATCHES_AT_ONCE:
            self._sum_up()

    @torch.no_grad()
    def so_far(self) -> tuple[Tensor, int]:
        """The sum of the losses, 0-d and on the device, and over how many samples. What waits goes on waiting."""
        total = self._sums[0]
        if self._waiting:
            rows = torch.tensor([len(target) for _, _, target in self._waiting], dtype=self._kind)
            losses = torch.stack([loss for loss, _, _ in self._waiting]).to(self._kind)
            total = total + (losses * rows.to(total.device, non_blocking=True)).sum()
        return total, self._count

    @torch.no_grad()
    def _sum_up(self) -> None:
        """Add up the batches that wait: for many small ones together it takes a small part of the time."""
        if not self._waiting:
            return
        losses, outputs, targets = zip(*self._waiting, strict=True)
        self._waiting, self._numbers = [], 0
        rows = [len(target) for target in targets]
        self._added.append(torch.stack(losses))
        self._sums = self._sums + self._summed(self._added[-1], rows, torch.cat(outputs), torch.cat(targets))

    def _summed(self, losses: Tensor, rows: Sequence[int], output: Tensor, target: Tensor) -> Tensor:
        """(2,): the sums of loss and metric over batches with so many rows."""
        shares = torch.tensor(rows, dtype=self._kind).to(self._sums.device, non_blocking=True)
        if self._task == "classification":
            right = (predicted(output) == target).sum()
        else:
            right = (output - target).square().sum(dtype=self._kind)
        # Multiplied in the kind of the sums, hence without rounding.
        return torch.stack([(losses.to(self._kind) * shares).sum(), right.to(self._kind)])

    @torch.no_grad()
    def take(self, losses: Tensor, rows: Sequence[int], output: Tensor, target: Tensor, whole: bool) -> None:
        """Take in several batches at once: losses (batches,), the rows of each, and the outputs and targets of all.

        whole: they are all that an epoch has, so that they need not be kept apart for a checkpoint. The sums are those that
        `add` leads to.
        """
        if not whole or self._count or len(rows) > BATCHES_AT_ONCE or output.numel() > AT_ONCE:
            for loss, one, wanted in zip(losses, output.split(list(rows)), target.split(list(rows)), strict=True):
                self.add(loss, one, wanted)
            return
        self._count = len(target)
        self._added.append(losses)
        self._sums = self._summed(losses, rows, output, target)

    @torch.no_grad()
    def broken_for(self, in_a_row: bool = False) -> int:
        """For how many batches, up to the last one, there has been a loss that is no number; 0 when all known ones are numbers.

        in_a_row: only the batches since the last loss that was a number. Waits for the device. Batches that another process
        added are not known.
        """
        waiting = [torch.stack([loss for loss, _, _ in self._waiting])] if self._waiting else []
        losses = torch.cat([*self._added, *waiting]) if self._added or waiting else torch.zeros(0)
        fine = losses.isfinite()
        if in_a_row:
            numbers = fine.nonzero()
            return len(losses) - 1 - int(numbers[-1]) if len(numbers) else len(losses)
        broken = fine.logical_not().nonzero()
        return len(losses) - int(broken[0]) if len(broken) else 0

    def state_dict(self) -> dict[str, Any]:
        """What was added so far. Batches that wait go on waiting: the order of additions is that of an unbroken epoch."""
        losses, outputs, targets = zip(*self._waiting, strict=True) if self._waiting else ((), (), ())
        waiting = [torch.stack(losses), torch.cat(outputs), torch.cat(targets)] if self._waiting else []
        rows = [len(target) for target in targets]
        return {"sums": self._sums, "count": self._count, "waiting": waiting, "rows": rows}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._sums = state["sums"].to(self._sums)
        self._count, self._waiting = state["count"], []
        if rows := state["rows"]:
            losses, outputs, targets = (value.to(self._sums.device) for value in state["waiting"])
            self._waiting = list(zip(losses, outputs.split(rows), targets.split(rows), strict=True))
            self._numbers = outputs.numel()

    def merge(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Take in what several tallies had, the ranks of a run for example, as their `state_dict` gave it."""
        for state in states:
            other = Tally(self._task, self._scale, self._sums.device)
            other.load_state_dict(state)
            other._sum_up()
            self._sums, self._count = self._sums + other._sums, self._count + other._count

    def read(self) -> tuple[float, float]:
        """Mean loss and metric over everything added; the only place that waits for the device."""
        self._sum_up()
        return self._finished(*(self._sums / max(1, self._count)).tolist())

    def _finished(self, loss: float, metric: float) -> tuple[float, float]:
        if self._task == "regression":
            metric = math.sqrt(metric) * self._scale if metric >= 0 else math.nan
        return loss, metric


class Scorecard(Tally):
    """A Tally that knows every metric of the task. It keeps the outputs on the device until the end: AUROC needs them all.

    classes is 0 for regression.
    """

    def __init__(self, task: str, classes: int, scale: float, device: torch.device) -> None:
        super().__init__(task, scale, device)
        self._classes = classes
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add(self, loss: Tensor, output: Tensor, target: Tensor) -> None:
        super().add(loss, output, target)
        self._outputs.append(output.detach())
        self._targets.append(target)

    def complete(self) -> None:
        """Everything has been added. On one of several ranks: take in what the others have."""

    def answers(self) -> tuple[Tensor, Tensor]:
        """The outputs and the targets of everything added (one row at least)."""
        return torch.cat(self._outputs), torch.cat(self._targets)

    def measure(self) -> Measured:
        """Loss and metrics over everything added (one row at least), in one transfer."""
        return measured([self])[0]

    def _named(self, loss: float, metric: float, others: Sequence[float]) -> Measured:
        """Figures as `measured` finds them, with their names."""
        loss, metric = self._finished(loss, metric)
        primary = METRICS[self._task][0].lower()
        names = (name for name in measures_of(self._task, self._classes) if name != primary)
        found = {primary: metric, **dict(zip(names, others, strict=True))}
        return Measured(loss, metric, {name: found[name] for name in measures_of(self._task, self._classes)})

    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """Counts of samples by true class (rows) and predicted class (columns); empty for regression."""
        if self._task == "regression":
            return ()
        counts = confusion_counts(predicted(torch.cat(self._outputs)), torch.cat(self._targets), self._classes)
        return tuple(map(tuple, counts.tolist()))


def predicted(output: Tensor) -> Tensor:
    """The predicted class of each row: the largest score, the first of equals; for one logit whether it is above 0."""
    return output.argmax(dim=1) if output.ndim == 2 else (output > 0).long()


@torch.no_grad()
def measured(cards: Sequence[Scorecard]) -> list[Measured]:
    """Loss and metrics of each of these cards of one task; those with equally many rows are worked out together."""
    found: dict[int, Measured] = {}
    for rows in dict.fromkeys(card._count for card in cards):
        same = [number for number, card in enumerate(cards) if card._count == rows]
        for number, (loss, metric, *others) in zip(same, _figures([cards[number] for number in same]), strict=True):
            found[number] = cards[number]._named(loss, metric, others)
    return [found[number] for number in range(len(cards))]


def _figures(cards: Sequence[Scorecard]) -> list[list[float]]:
    """Mean loss, mean of the primary metric and the other figures of each card; all with equally many rows."""
    for card in cards:
        card._sum_up()
    first = cards[0]
    output = torch.stack([torch.cat(card._outputs) for card in cards]).to(first._kind)
    target = torch.stack([torch.cat(card._targets) for card in cards])
    if first._task == "classification":
        figures = classification_figures(output, target, first._classes)
    else:
        scales = torch.tensor([card._scale for card in cards], dtype=first._kind, device=output.device)
        figures = regression_figures(output, target.to(first._kind), scales)
    sums = torch.stack([card._sums for card in cards]) / max(1, first._count)
    return torch.cat([sums, figures], dim=1).tolist()


def classification_figures(output: Tensor, target: Tensor, classes: int) -> Tensor:
    """Top-k accuracy (with more than two classes), macro-F1 and AUROC (m, figures) of m models, in the kind of `output`.

    output: (m, n, classes), or (m, n) with one logit for two classes; target: (m, n).
    """
    logits = output.ndim == 2
    prediction = (output > 0).long() if logits else output.argmax(dim=2)
    scores = torch.stack([torch.zeros_like(output), output], dim=2) if logits else output
    confusion = confusion_counts(prediction, target, classes).to(output.dtype)
    figures = [macro_f1(confusion), auroc(scores, target)]
    if classes > 2:
        figures.insert(0, top_k_accuracy(scores, target, top_k(classes)))
    return torch.stack(figures, dim=1)


def confusion_counts(prediction: Tensor, target: Tensor, classes: int) -> Tensor:
    """Counts int64 (..., classes, classes), rows true, columns predicted, of classes (..., n)."""
    cell = target * classes + prediction
    shape = target.shape[:-1]
    counts = torch.zeros(*shape, classes * classes, dtype=torch.int64, device=target.device)
    counts.scatter_add_(-1, cell, torch.ones_like(cell))  # bincount would wait for the device
    return counts.view(*shape, classes, classes)


def macro_f1(confusion: Tensor) -> Tensor:
    """The mean over classes of F1 = 2 tp / (2 tp + fp + fn), from counts (..., classes, classes) as floats, as scikit-learn's
    f1_score(average="macro").

    A class that neither occurs nor is predicted does not count.
    """
    both = confusion.sum(-2) + confusion.sum(-1)
    right = confusion.diagonal(dim1=-2, dim2=-1)
    return (2 * right / both.clamp(min=1)).sum(-1) / (both > 0).sum(-1)


def top_k_accuracy(scores: Tensor, target: Tensor, k: int) -> Tensor:
    """The share of rows whose true class is among the k best of scores (..., n, classes); of equals the first class goes first.

    A score of NaN is beaten by every other and never among the best.
    """
    own = scores.gather(-1, target[..., None])
    ahead = (torch.arange(scores.shape[-1], device=scores.device) < target[..., None]) & (scores == own)
    beaten = (~(scores <= own) | ahead).sum(dim=-1)
    return (beaten < k).to(scores.dtype).mean(dim=-1)


def auroc(scores: Tensor, target: Tensor) -> Tensor:
    """Area under the ROC curve of scores (..., n, classes): of the second of two classes, else the mean of one against the rest.

    The chance that a sample of the class is ranked above another, ties counting half: the Mann-Whitney U over the product
    of the counts (Hanley and McNeil, 1982). Ranked by probability, that is by softmax. Classes that do not occur, or are
    all there is, do not count; NaN when none is left or an output is NaN.
    """
    if scores.shape[-1] == 2:  # the difference keeps the order where probabilities round to 1
        ranked, positive = (scores[..., 1] - scores[..., 0])[..., None, :], (target == 1)[..., None, :]
    else:
        classes = torch.arange(scores.shape[-1], device=scores.device)
        ranked, positive = (
            scores.log_softmax(-1).transpose(-1, -2).contiguous(),
            target[..., None, :] == classes[:, None],
        )
    ordered = ranked.sort(dim=-1).values
    # The mean rank of equal scores is half of the sum of the first and the last; twice of it is a whole number.
    twice = torch.searchsorted(ordered, ranked) + torch.searchsorted(ordered, ranked, right=True) + 1
    count = positive.sum(dim=-1)
    pairs = count * (target.shape[-1] - count)
    twice_u = (twice * positive).sum(dim=-1) - count * (count + 1)
    area = twice_u.to(scores.dtype) / (2 * pairs.clamp(min=1))
    defined = pairs > 0
    mean = (area * defined).sum(-1) / defined.sum(-1)
    return torch.where(scores.isnan().flatten(-2).any(-1), torch.full_like(mean, math.nan), mean)


def regression_figures(output: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    """MAE, in the target's own unit by `scale` (m,), and R² (m, 2) of outputs (m, n).

    R² is 1 - sum of squared errors / sum of squares about the mean. Of a target that does not vary it is 1 when every
    output is right and 0 otherwise, as scikit-learn's r2_score has it; of a single row it is NaN.
    """
    error = output - target
    squares = error.square().sum(-1)
    spread = (target - target.mean(-1, keepdim=True)).square().sum(-1)
    varies = spread > 0
    constant = torch.where(squares > 0, torch.zeros_like(squares), torch.ones_like(squares))
    r2 = torch.where(varies, 1 - squares / torch.where(varies, spread, torch.ones_like(spread)), constant)
    one_row = torch.full_like(squares, target.shape[-1]) < 2
    r2 = torch.where(squares.isnan() | one_row, torch.full_like(r2, math.nan), r2)
    return torch.stack([error.abs().mean(-1) * scale, r2], dim=1)
