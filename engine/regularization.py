"""What keeps a net from learning its training rows by heart, beside dropout: penalties, decay, max-norm, noise and mixup.

Each is an object that does nothing when it is off, so that the loop can call them all in the order of the textbooks. The
penalties are exact additions to the gradient instead of terms that autograd has to walk through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .flat import Flat

Criterion = Callable[[Tensor, Tensor], Tensor]

SPARSE = 1e-3
"""A weight smaller than this counts as zero."""

_NOISE, _MIXUP, _MOVES = 1, 2, 3  # what tells the random streams of one run apart


def weight_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The matrices and filters of a model: everything but biases and the scales of normalization layers."""
    return [weight for weight in model.parameters() if weight.ndim >= 2]


def penalized(model: nn.Module, scope: str) -> list[nn.Parameter]:
    """What penalties and decay act on: ``weights`` (matrices and filters) or ``all`` parameters."""
    return list(model.parameters()) if scope == "all" else weight_matrices(model)


class Penalty:
    """l1 * sum |w| + l2 * sum w^2 over `weights`; both together are the elastic net (Zou and Hastie 2005).

    `add_gradient` adds l1 * sign(w) + 2 * l2 * w to each gradient, which is what autograd would add for the same terms, bit
    for bit: torch multiplies in the same order, and a factor of 2 is exact in floating point.
    """

    def __init__(self, weights: Sequence[nn.Parameter], l1: float, l2: float, flat: Flat | None = None) -> None:
        self.l1, self.l2 = l1, l2
        self._weights = list(weights)
        self._flat = flat
        self._mask: Tensor | None = None

    @torch.no_grad()
    def add_gradient(self) -> None:
        """Add the gradient of the penalty to the gradients that backward has left."""
        if self._flat is not None and (self.l1 or self.l2):
            if self._mask is None:  # made only when there is a penalty: it is as large as the model
                self._mask = self._flat.mask(self._weights)
            if self.l2:
                self._flat.gradient += self._flat.values * (self._mask * (2 * self.l2))
            if self.l1:
                self._flat.gradient += self._flat.values.sign() * (self._mask * self.l1)
        if self._flat is not None:
            return
        for weight in self._weights:
            if weight.grad is not None and self.l2:
                weight.grad += weight * (2 * self.l2)
            if weight.grad is not None and self.l1:
                weight.grad += weight.sign() * self.l1

    @torch.no_grad()
    def term(self) -> Tensor | float:
        """The penalty at the weights as they are now, left on the device; 0.0 when both factors are 0."""
        total: Tensor | float = 0.0
        for weight in self._weights if self.l1 or self.l2 else ():
            if self.l1:
                total = total + self.l1 * weight.abs().sum()
            if self.l2:
                total = total + self.l2 * weight.square().sum()
        return total

    def value(self) -> float:
        """The penalty as a number; waits for the device."""
        return float(self.term())


class WeightDecay:
    """Decoupled weight decay, w <- w - lr * rate * w at each step (Loshchilov and Hutter 2019, in the form of AdamW).

    Unlike L2 it never enters the gradient, so that an adaptive optimizer cannot rescale it. lr is that of each weight's own
    parameter group, as the schedule has it at this step.
    """

    def __init__(
        self, optimizer: Optimizer, weights: Sequence[nn.Parameter], rate: float, flat: Flat | None = None
    ) -> None:
        wanted = {id(weight) for weight in weights}
        self._optimizer, self.rate = optimizer, rate
        self._flat, self._wanted = flat, list(weights)
        self._mask: Tensor | None = None
        self._weights = [
            [weight for weight in group["params"] if id(weight) in wanted] for group in optimizer.param_groups
        ]

    @torch.no_grad()
    def apply(self) -> None:
        """Shrink the weights; called once before each step of the optimizer, as torch's AdamW does it."""
        if self.rate and self._flat is not None:
            if self._mask is None:
                self._mask = self._flat.mask(self._wanted) > 0
            keep = 1 - self._optimizer.param_groups[0]["lr"] * self.rate
            self._flat.values.mul_(torch.where(self._mask, keep, 1.0))
        elif self.rate:
            # The groups are asked for each time: an optimizer that takes over a saved state makes new ones.
            for group, weights in zip(self._optimizer.param_groups, self._weights, strict=True):
                keep = 1 - group["lr"] * self.rate
                for weight in weights:
                    weight.mul_(keep)


class MaxNorm:
    """Max-norm constraint: the incoming weights of every unit have a Euclidean norm of `limit` at most (0: no limit).

    A unit's incoming weights are a row of a matrix (out, in) or a whole filter (in, height, width). Srivastava et al. 2014,
    "Dropout", section 5.1.
    """

    def __init__(self, weights: Sequence[nn.Parameter], limit: float) -> None:
        self._weights, self.limit = list(weights), limit

    @torch.no_grad()
    def apply(self) -> None:
        """Scale back every unit that the last step took beyond the limit."""
        if self.limit:
            for weight in self._weights:
                weight.renorm_(2, 0, self.limit)


@dataclass(frozen=True, slots=True)
class Mixed:
    """The targets of blended rows: `share` of `first`, the rest of `second`; both are (n,)."""

    first: Tensor
    second: Tensor
    share: float


class Augmentation:
    """What a training batch goes through: flips and shifts of pictures, mixup (Zhang et al. 2018), Gaussian noise (Bishop 1995).

    noise: standard deviation. mixup: both parameters of the Beta distribution that the share of each batch is drawn from. flip and
    shift: see `moved`. shape: (channels, height, width) of pictures. Each draws from a generator of its own, so that switching one
    on changes neither the order of the batches, nor dropout, nor the others.
    """

    def __init__(
        self,
        noise: float,
        mixup: float,
        seed: int,
        device: torch.device,
        flip: bool = False,
        shift: int = 0,
        shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.noise, self.mixup = noise, mixup
        self.flip, self.shift, self.shape = flip, shift, shape
        self.noise_generator = torch.Generator(device)
        self.noise_generator.manual_seed((_NOISE << 32) + seed)
        self.moves_generator = torch.Generator(device)
        self.moves_generator.manual_seed((_MOVES << 32) + seed)
        # On the host: one number and one permutation a batch, and torch's Beta distribution takes no generator.
        self.mixup_generator = np.random.default_rng([_MIXUP, seed])

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor | Mixed]:
        """A batch x (n, d), y (n,) as the net is to see it in this step; the very same tensors when all are off."""
        target: Tensor | Mixed = y
        if self.shape is not None and (self.flip or self.shift):
            x = moved(x.view(len(x), *self.shape), self.flip, self.shift, self.moves_generator).reshape(len(x), -1)
        if self.mixup:
            share = float(self.mixup_generator.beta(self.mixup, self.mixup))
            partner = torch.from_numpy(self.mixup_generator.permutation(len(y))).to(x.device)
            x, target = share * x + (1 - share) * x[partner], Mixed(y, y[partner], share)
        if self.noise:
            x = x + self.noise * torch.randn(x.shape, generator=self.noise_generator, device=x.device, dtype=x.dtype)
        return x, target


def moved(
    x: Tensor, flip: bool, shift: int, generator: torch.Generator, of: int = 0, part: slice = slice(None)
) -> Tensor:
    """Pictures x (n, channels, height, width), each mirrored left to right with a chance of one half (flip), and moved by up to
    `shift` pixels in both directions, every distance as likely as any other; what comes in at an edge repeats it.

    of, part: x is a part of so many pictures, and it is drawn for all of them.
    """
    n, _, height, width = x.shape
    columns = torch.arange(width, device=x.device).expand(n, width)
    rows = torch.arange(height, device=x.device).expand(n, height)
    if flip:
        mirrored = torch.rand((of or n, 1), generator=generator, device=x.device)[part] < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    if shift:
        by = torch.randint(-shift, shift + 1, (2, of or n, 1), generator=generator, device=x.device)[:, part]
        rows, columns = (rows + by[0]).clamp(0, height - 1), (columns + by[1]).clamp(0, width - 1)
    x = x.gather(2, rows[:, None, :, None].expand(x.shape))
    return x.gather(3, columns[:, None, None, :].expand(x.shape))


def loss_of(criterion: Criterion, output: Tensor, target: Tensor | Mixed) -> Tensor:
    """The loss of a batch. For blended rows it is blended too, as in the mixup paper's own form for one-hot targets."""
    if isinstance(target, Mixed):
        return target.share * criterion(output, target.first) + (1 - target.share) * criterion(output, target.second)
    return criterion(output, target)


@torch.no_grad()
def weight_figures(weights: Sequence[Tensor]) -> tuple[float, float]:
    """Euclidean norm of all `weights` taken together, and the share of them below `SPARSE`; one transfer to the host."""
    count = sum(weight.numel() for weight in weights)
    if not count:
        return 0.0, 0.0
    norm = torch.stack([weight.square().sum() for weight in weights]).sum().sqrt()
    small = torch.stack([(weight.abs() < SPARSE).sum() for weight in weights]).sum()
    figures = torch.stack([norm, small.to(norm.dtype) / count]).tolist()
    return figures[0], figures[1] if math.isfinite(figures[0]) else math.nan
