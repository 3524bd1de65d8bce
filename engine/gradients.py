"""Gradients between backward and step: which batches make up a step, clipping, and the norms that the diagnosis reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm

from .flat import Flat
from .ownmodel import OwnModel
from .text import clean

NORM_SAMPLES = 10
"""Steps of an epoch whose gradient norms are measured."""

COMPARED = 5_000_000
"""Weights of a model up to which two successive steps are compared: for that long they are kept twice."""


@dataclass(frozen=True, slots=True)
class Accumulation:
    """Which batches of an epoch make up one step of the optimizer, and what each of them weighs in it.

    rows: of the training part. A step is the mean over the rows of `batches` batches in a row, so that n small batches give
    the gradient of one large one; the last step of an epoch has what is left.
    """

    rows: int
    batch_size: int
    batches: int = 1

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch."""
        return math.ceil(self.rows / (self.batch_size * self.batches))

    def step_of(self, batch: int) -> int:
        """Steps that have begun when `batch` batches of an epoch are done."""
        return math.ceil(batch / self.batches)

    def begins(self, batch: int) -> bool:
        """Whether batch number `batch` (from 1) is the first of a step."""
        return (batch - 1) % self.batches == 0

    def completes(self, batch: int) -> bool:
        """Whether batch number `batch` is the last of a step."""
        return batch % self.batches == 0 or batch * self.batch_size >= self.rows

    def share(self, batch: int) -> float:
        """The rows of batch number `batch` divided by those of its whole step."""
        if self.batches == 1:
            return 1.0
        first = (batch - 1) // self.batches * self.batches * self.batch_size  # row at which the step begins
        of_step = min(self.batch_size * self.batches, self.rows - first)
        return min(self.batch_size, self.rows - (batch - 1) * self.batch_size) / of_step


class Clipping:
    """Gradient clipping by value, then by norm; 0 switches either off. Pascanu et al. 2013; torch.nn.utils."""

    def __init__(self, parameters: Sequence[nn.Parameter], norm: float, value: float, flat: Flat | None = None) -> None:
        self._parameters, self._flat = list(parameters), flat
        self.norm, self.value = norm, value

    @property
    def on(self) -> bool:
        """Whether anything is clipped."""
        return bool(self.norm or self.value)

    def apply(self) -> None:
        """Clip the gradients in place."""
        if self._flat is not None:
            self._clip_flat(self._flat.gradient)
            return
        if self.value:
            clip_grad_value_(self._parameters, self.value)
        if self.norm:
            clip_grad_norm_(self._parameters, self.norm)

    @torch.no_grad()
    def _clip_flat(self, gradient: Tensor) -> None:
        """As above, with one multiplication for all of them; the same bits, since the norm is taken tensor by tensor."""
        if self.value:
            gradient.clamp_(-self.value, self.value)
        if self.norm:
            norm = get_total_norm([p.grad for p in self._parameters if p.grad is not None])
            gradient.mul_(torch.clamp(self.norm / (norm + 1e-6), max=1.0))


@dataclass(frozen=True, slots=True)
class GradientFigures:
    """What an epoch's gradients come to: mean norm before clipping, after it, and of each layer before it.

    updates: the norm of a step relative to that of the weights, for each layer; cosine: between the gradients of two successive
    steps. Empty and NaN in an epoch in which no two steps were compared.
    """

    norm: float
    clipped: float
    layers: tuple[float, ...]
    updates: tuple[float, ...] = ()
    cosine: float = math.nan


class GradientNorms:
    """Norms of the gradient over an epoch, measured at some of its steps and left on the device until the end.

    `before` and `after` are called in front of and behind the clipping of step number `step`, from 1 to `steps`. clipping:
    asked at each of them whether it changes anything; without it the two are the same. compare: look at two successive steps in
    the middle as well, at what the first of them changed and whether the second goes the same way.
    """

    def __init__(self, model: nn.Module, steps: int, clipping: Clipping | None = None, compare: bool = False) -> None:
        layers = layers_of(model)
        self._parameters = [parameter for layer in layers for parameter in layer]
        self._layers = len(layers)
        owners = [number for number, layer in enumerate(layers) for _ in layer]
        self._owner = torch.tensor(owners, device=self._parameters[0].device)  # (parameters,): each one's layer
        self._clipping = clipping
        self._every = max(1, steps // NORM_SAMPLES)
        self._before: list[Tensor] = []
        self._after: list[Tensor] = []
        small = sum(parameter.numel() for parameter in self._parameters) <= COMPARED
        self._compared = max(1, steps // 2) if compare and small and steps > 1 else 0
        self._kept: list[Tensor] = []  # the weights before the first of two steps, and the gradients of it
        self._steps: list[Tensor] = []  # what came of it: see `_compare`

    def before(self, step: int) -> None:
        if self.measures(step):
            self._before.append(self._norms())
        if step - self._compared in (0, 1):
            self.compare(step)

    @torch.no_grad()
    def compare(self, step: int) -> None:
        """Keep what the first of the two steps that are compared begins with, or look what has come of it at the second."""
        if self._compared == 0 or step - self._compared not in (0, 1):
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters]
        if step == self._compared:
            self._kept = [one.detach().clone() for one in (*self._parameters, *gradients)]
        elif self._kept:
            count = len(self._parameters)
            weights, last = self._kept[:count], self._kept[count:]
            moved = [now.detach() - was for now, was in zip(self._parameters, weights, strict=True)]
            norms = [torch.stack(torch._foreach_norm(of)) for of in (moved, weights, last, gradients)]  # pyright: ignore[reportPrivateImportUsage]
            dots = torch.stack([(a * b).sum() for a, b in zip(last, gradients, strict=True)])
            self._steps, self._kept = [torch.stack([*norms, dots])], []

    def after(self, step: int) -> None:
        if self.measures(step):
            self._after.append(self._norms() if self._clipping and self._clipping.on else self._before[-1])

    def measures(self, step: int) -> bool:
        """Whether step number `step` is one of those."""
        return step % self._every == 0

    def take(self, before: Tensor, after: Tensor) -> None:
        """Take in what was measured elsewhere at such a step: (parameters,), the norm of each, before and after clipping."""
        self._before.append(before)
        self._after.append(after)

    def latest(self) -> Tensor | None:
        """(parameters,): the norms measured last, before clipping; None when none was."""
        return self._before[-1] if self._before else None

    def broken_layer(self) -> int | None:
        """The number of the first layer, from 0, whose gradient was no number when it first was measured so, or is none now.

        None when all are numbers. Waits for the device.
        """
        for norms in [*self._before, self._norms()]:
            broken = norms.isfinite().logical_not().nonzero()
            if len(broken):
                return int(self._owner[int(broken[0])])
        return None

    def state_dict(self) -> dict[str, Any]:
        """What was measured so far."""
        return {
            "before": list(self._before),
            "after": list(self._after),
            "kept": list(self._kept),
            "steps": list(self._steps),
        }

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take over what `state_dict` gave."""
        self._before = [one.to(device) for one in state["before"]]
        self._after = [one.to(device) for one in state["after"]]
        self._kept = [one.to(device) for one in state.get("kept", [])]
        self._steps = [one.to(device) for one in state.get("steps", [])]

    def _norms(self) -> Tensor:
        """(parameters,): the norm of each parameter's gradient."""
        gradients = [p.new_zeros(()) if p.grad is None else p.grad for p in self._parameters]
        return torch.stack(torch._foreach_norm(gradients))  # pyright: ignore[reportPrivateImportUsage]

    def read(self) -> GradientFigures:
        """What was measured; one transfer to the host."""
        if not self._before:
            return GradientFigures(math.nan, math.nan, (math.nan,) * self._layers)
        norms = torch.stack([torch.stack(self._before), torch.stack(self._after)])
        # Doubles, except on Apple's GPU, which has none: the squares of large norms go beyond float32.
        wide = torch.float32 if norms.device.type == "mps" else torch.float64
        squares = norms.to(wide).square()
        # (before or after, samples, layers). Not as a product with zeros and ones: what is not finite stays in its layer.
        layers = squares.new_zeros(*squares.shape[:2], self._layers).index_add_(2, self._owner, squares)
        whole = layers.sum(2).sqrt().mean(1)
        parts = [whole, layers[0].sqrt().mean(0)]
        if self._steps:
            compared = self._steps[0].to(wide)
            squares = compared[:4].square()
            of_layers = squares.new_zeros(4, self._layers).index_add_(1, self._owner, squares)
            moved, weights = of_layers[0].sqrt(), of_layers[1].sqrt()
            length = (squares[2].sum() * squares[3].sum()).sqrt()
            parts += [moved / weights, (compared[4].sum() / length).view(1)]
        figures = torch.cat(parts).tolist()
        layered, rest = figures[2 : 2 + self._layers], figures[2 + self._layers :]
        return GradientFigures(figures[0], figures[1], tuple(layered), tuple(rest[:-1]), rest[-1] if rest else math.nan)


def layers_of(model: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each layer that has any, in the order of events.ModelBuilt.layers."""
    layers = [own for _, own in _parameters_by_layer(model)]
    return [layer for layer in layers if layer]


def named_layers(model: nn.Module) -> tuple[tuple[str, int], ...]:
    """Name and number of parameters of each layer that has any: events.ModelBuilt.layers. Names are safe to show."""
    layers = [(clean(name), sum(p.numel() for p in own)) for name, own in _parameters_by_layer(model)]
    return tuple((name, size) for name, size in layers if size)


def _parameters_by_layer(model: nn.Module) -> list[tuple[str, list[nn.Parameter]]]:
    """The parameters of each layer; of a model of the user's own those that are trained, each once."""
    if not isinstance(model, OwnModel):
        return [(name, list(part.parameters())) for name, part in model.named_children()]
    seen: set[int] = set()
    found = []
    for name, part in model.layers():
        parameters = [part] if isinstance(part, nn.Parameter) else list(part.parameters())
        found.append((name, [one for one in parameters if one.requires_grad and id(one) not in seen]))
        seen |= {id(one) for one in parameters}
    return found
