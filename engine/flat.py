"""A model's parameters and gradients as views of one buffer each, so that what treats every number alike takes one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .ownmodel import OwnModel

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
    one device and type; the model must not be moved afterwards. places: of each parameter in the vector. stale: what stands in the gradients is that of the last step.
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
        self.stale = False
        self.parameters = parameters
        self.places = [slice(s, s + p.numel()) for p, s in zip(parameters, starts, strict=False)]
        self._places = {id(parameter): place for parameter, place in zip(parameters, self.places, strict=True)}
        for parameter, place in zip(parameters, self.places, strict=True):
            flat[place] = parameter.detach().flatten()
        self._lie_in(flat, self.gradient)

    @torch.no_grad()
    def move(self, values: Tensor, gradient: Tensor) -> None:
        """Lie in these vectors from now on, (numbers,) each, with what stands here: rows of a matrix, or of one's own again."""
        values.copy_(self.values)
        gradient.copy_(self.gradient)
        self._lie_in(values, gradient)

    def _lie_in(self, values: Tensor, gradient: Tensor) -> None:
        self.values.data = values
        self.gradient = self.values.grad = gradient
        for parameter, place in zip(self.parameters, self.places, strict=True):
            parameter.data = values[place].view_as(parameter)
            parameter.grad = gradient[place].view_as(parameter)

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

    def parts(self, numbers: Tensor) -> list[Tensor]:
        """Views of (numbers,), one for each parameter and in its shape."""
        return [numbers[self._places[id(one)]].view_as(one) for one in self.parameters]

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """One value for each number of each parameter as (numbers,): what `parts` takes apart."""
        numbers = torch.zeros_like(self.gradient)
        for place, part in zip(self.parts(numbers), parts, strict=True):
            place.copy_(part)
        return numbers


def fits(model: nn.Module, optimizer: str) -> bool:
    """Whether a model's parameters can lie in one vector for the optimizer of this name.

    Those of a model of the user's own stay where its code expects them.
    """
    if isinstance(model, OwnModel):
        return False
    parameters = list(model.parameters())
    # On a GPU cuDNN wants the weights of a recurrent layer in one piece of its own.
    if parameters and parameters[0].is_cuda and any(isinstance(part, nn.RNNBase) for part in model.modules()):
        return False
    kinds = {(parameter.device, parameter.dtype) for parameter in parameters}
    return optimizer in ELEMENTWISE and len(kinds) == 1 and all(parameter.requires_grad for parameter in parameters)


@torch.no_grad()
def optimizer_state(optimizer: Optimizer, flat: Flat | None) -> dict[str, Any]:
    """The optimizer's state, parameter by parameter as torch has it, whether they lie in one vector or not."""
    state = optimizer.state_dict()
    if flat is None:
        return state
    (group,), whole = state["param_groups"], state["state"].get(0, {})
    apart: list[dict[str, Any]] = [{} for _ in flat.parameters]
    for name, value in whole.items():
        if isinstance(value, Tensor):  # one for each parameter, or a number such as the count of steps, to each its own
            split = value.shape == flat.values.shape
            values: list[Any] = flat.parts(value) if split else [value.clone() for _ in apart]
        else:
            values = [value] * len(apart)
        for own, part in zip(apart, values, strict=True):
            own[name] = part
    group = {**group, "params": list(range(len(apart)))}
    return {"state": dict(enumerate(apart)) if whole else {}, "param_groups": [group]}


@torch.no_grad()
def load_optimizer_state(optimizer: Optimizer, state: Mapping[str, Any], flat: Flat | None) -> None:
    """Take over what `optimizer_state` gave, also from an optimizer that was flat when this one is not, or the other way.

    Which of torch's kernels computes the step stays as it was. Raises ValueError for the state of another model.
    """
    if "param_groups" in state:
        kernels = ("fused", "foreach")
        ours = [{name: own[name] for name in kernels if name in own} for own in optimizer.param_groups]
        groups = [{**group, **own} for group, own in zip(state["param_groups"], ours, strict=True)]
        state = {**state, "param_groups": groups}
    if flat is not None:
        apart = [state["state"].get(number, {}) for number in range(len(flat.parameters))]
        whole: dict[str, Any] = {}
        for name, value in apart[0].items():
            parts = [own[name] for own in apart]
            shapes = [own.shape for own in flat.parameters]
            split = isinstance(value, Tensor) and [part.shape for part in parts] == shapes
            whole[name] = flat.joined(parts) if split else value
        (group,) = state["param_groups"]
        state = {"state": {0: whole} if whole else {}, "param_groups": [{**group, "params": [0]}]}
    optimizer.load_state_dict(dict(state))
