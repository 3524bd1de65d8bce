"""Looks into a model: how its weights and gradients are spread, what it answers on the test part, where its classes lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .data.batches import Batches
from .data.prepared import Prepared
from .data.stored import streamed
from .events import Event, RegionsMapped, WeightsSampled
from .facts import Histogram
from .report import Answers
from .text import clean

if TYPE_CHECKING:
    from .recipe import Recipe

BINS = 30
GRID = 60
"""Points in each direction of the grid on which a model of two features is asked."""


class WeightsProbe:
    """Histograms of every parameter of a model and of its gradient, after the first epoch and every `every` epochs; 0: never.

    The gradient is what the last step of the epoch left: penalties included, and clipped if clipping is on.
    """

    def __init__(self, model: nn.Module, every: int) -> None:
        self._model, self._every = model, every

    def examine(self, epoch: int) -> Iterator[Event]:
        """The histograms after an epoch, if it is one of those."""
        if self._every and (epoch == 1 or epoch % self._every == 0):
            named = [(clean(name), value) for name, value in self._model.named_parameters()]
            tensors = [("weights", name, value.detach()) for name, value in named]
            tensors += [("gradients", name, value.grad) for name, value in named if value.grad is not None]
            yield WeightsSampled(epoch=epoch, histograms=tuple(histograms(tensors)))


@torch.no_grad()
def histograms(tensors: list[tuple[str, str, Tensor]]) -> list[Histogram]:
    """Histograms of (kind, name, values), counted on the device; two transfers for all of them together.

    A tensor without a single finite value has none. One whose values are all equal gets one full bin.
    """
    if not tensors:
        return []
    flat = [value.flatten().float() for _, _, value in tensors]
    finite = [values.isfinite() for values in flat]
    kept = [torch.where(good, values, 0.0) for values, good in zip(flat, finite, strict=True)]
    # Doubles, except on Apple's GPU, which has none: the sum of squares of many float32 values overflows and rounds.
    wide = torch.float32 if flat[0].device.type == "mps" else torch.float64
    figures = [
        torch.stack(
            [
                torch.where(good, values, torch.inf).amin().to(wide),
                torch.where(good, values, -torch.inf).amax().to(wide),
                values_or_zero.sum(dtype=wide),
                values_or_zero.to(wide).square().sum(),
            ]
        )
        for values, good, values_or_zero in zip(flat, finite, kept, strict=True)
    ]
    table = torch.stack(figures).tolist()
    chosen = [place for place, (low, high, _, _) in enumerate(table) if low <= high]
    # Bins over a range without width or with one beyond float32 are no bins: all values then go into the first one.
    counted = [_count(flat[place], finite[place], *table[place][:2]) for place in chosen]
    rows = torch.stack(counted).tolist() if counted else []
    found = []
    for place, counts in zip(chosen, rows, strict=True):
        kind, name, _ = tensors[place]
        low, high, total, squares = table[place]
        found.append(Histogram(kind, name, low, high, tuple(int(count) for count in counts), total, squares))
    return found


def _count(values: Tensor, good: Tensor, low: float, high: float) -> Tensor:
    """How many finite values lie in each of BINS equal bins from low to high, float32 (BINS,)."""
    if high > low and high - low < torch.finfo(torch.float32).max:
        # histc passes over what is not a number or lies outside the range.
        return torch.histc(values, BINS, low, high)
    counts = torch.zeros(BINS, device=values.device)
    counts[0] = good.sum()
    return counts


@torch.inference_mode()
def answers_to(recipe: Recipe, batches: Batches, mean: float = 0.0, scale: float = 1.0) -> Answers:
    """What the model answers to every row of `batches`, in evaluation mode; one transfer to the host.

    mean and scale: of a regression's target, to give quantities in its own units.
    """
    model = recipe.model
    model.eval()
    parts = []
    for x, y in batches.in_order():
        output = model(x).float()
        if recipe.task == "classification":
            chances = class_logits(output).log_softmax(dim=1)
            best, answer = chances.max(dim=1)
            true = chances.gather(1, y.long().view(-1, 1)).squeeze(1)
            parts.append(torch.stack([y.float(), answer.float(), -true, best.exp()]))
        else:
            error = (output.view(-1) - y).abs() * scale
            missing = torch.full_like(error, torch.nan)
            parts.append(torch.stack([y * scale + mean, output.view(-1) * scale + mean, error, missing]))
    truth, answer, loss, probability = torch.cat(parts, dim=1).cpu().numpy()
    return Answers(truth, answer, loss, probability)


def class_logits(output: Tensor) -> Tensor:
    """A model's output as one logit per class (n, classes): a single output z stands for the two classes 0 and z.

    Their softmax is the probability for outputs trained with cross-entropy, NLL or BCE; for those of a hinge loss it is no
    calibrated probability, but orders answers in the same way.
    """
    if output.ndim == 1 or output.shape[1] == 1:
        z = output.view(-1)
        return torch.stack([torch.zeros_like(z), z], dim=1)
    return output


@torch.inference_mode()
def map_regions(recipe: Recipe, data: Prepared, epoch: int) -> Iterator[Event]:
    """The classes that the model answers over the plane of the data; nothing unless it has two features and classes."""
    if data.task != "classification" or data.x_train.shape[1] != 2:
        return
    if data.vocabulary or streamed(data.x_train) is not None:
        return
    rows = np.concatenate([data.x_train, data.x_validation, data.x_test])
    low, high = rows.min(axis=0).astype(float), rows.max(axis=0).astype(float)
    room = np.maximum(high - low, 1e-6) * 0.05
    low, high = low - room, high + room
    across, up = (np.linspace(low[axis], high[axis], GRID, dtype=np.float32) for axis in (0, 1))
    grid = np.stack([np.tile(across, GRID), np.repeat(up, GRID)], axis=1)
    model = recipe.model
    model.eval()
    answers = class_logits(model(torch.from_numpy(grid).to(recipe.device)).float()).argmax(dim=1)
    corner, opposite = low * data.x_scale + data.x_mean, high * data.x_scale + data.x_mean
    yield RegionsMapped(
        epoch=epoch,
        low=(float(corner[0]), float(corner[1])),
        high=(float(opposite[0]), float(opposite[1])),
        columns=GRID,
        answers=tuple(answers.tolist()),
    )
