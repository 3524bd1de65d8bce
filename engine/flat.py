"""A model's parameters and gradients as views of one buffer each, so that what treats every number alike takes one call."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ELEMENTWISE = frozenset(
    ["sgd", "adam", "adamw", "nadam", "radam", "adamax", "adagrad", "adadelta", "rmsprop", "rprop", "asgd"]
)
"""Optimizers that treat every number by itself: over one long vector they compute the same bits as over many tensors."""


ALIGNED = 64
"""Bytes at whose multiples each parameter begins, as torch's own allocations do: kernels round differently elsewhere."""


class Flat:
    """The parameters of `model`, which from now on lie one behind the other in `values`, and their gradients in its grad.

    values: a parameter (numbers,) for an optimizer to step; zeros fill the gaps between its parts, whose gradient is 0. The
    gradients are never None and must be emptied by `zero`, not replaced: autograd then adds to them in place. Parameters of
    one device and type; the model must not be moved afterwards. stale: what stands in the gradients is that of the last step.
    """

    def __init__(self, model: nn.Module) -> None:
        parameters = list(model.parameters())
        step = max(1, ALIGNED // parameters[0].element_size())
        starts = [0]
        for parameter in parameters:
            starts.append(starts[-1] + -(-parameter.numel() // step) * step)
        flat = torch.zeros(starts[-1], dtype=parameters[0].dtype, device=parameters[0].device)
        self.values = nn.Parameter(flat)
        self.gradient = torch.zeros_like(flat)
        self.values.grad = self.gradient
        self.stale = False
        self._places: dict[int, slice] = {}
        for parameter, start in zip(parameters, starts, strict=False):
            place = slice(start, start + parameter.numel())
            flat[place] = parameter.detach().flatten()
            parameter.data = flat[place].view_as(parameter)
            parameter.grad = self.gradient[place].view_as(parameter)
            self._places[id(parameter)] = place

    def zero(self, overwritten: bool = False) -> None:
        """Empty the gradients; or, when the next backward writes every one of them anew, only call them stale."""
        self.stale = overwritten
        if not overwritten:
            self.gradient.zero_()

    def mask(self, wanted: Sequence[Tensor]) -> Tensor:
        """1 at the numbers of the `wanted` parameters and 0 elsewhere, (numbers,)."""
        mask = torch.zeros_like(self.gradient)
        for parameter in wanted:
            mask[self._places[id(parameter)]] = 1
        return mask


def fits(model: nn.Module, optimizer: str) -> bool:
    """Whether a model's parameters can lie in one vector for the optimizer of this name."""
    parameters = list(model.parameters())
    kinds = {(parameter.device, parameter.dtype) for parameter in parameters}
    return optimizer in ELEMENTWISE and len(kinds) == 1 and all(parameter.requires_grad for parameter in parameters)
