"""Several trainings of one fully connected net as a single net: every operation is done for all of them at once.

The parameters of all trials lie below each other, a row of a matrix for each, and each trial's model, gradients and optimizer
state are views of its row: whatever looks at one trial alone finds it as it would be alone. A step is a batched matrix product
per layer and one step of an optimizer over the whole matrix. What a trial computes does not depend on how many others there are.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .closedform import Drop, Elementwise, activation
from .flat import Flat
from .optim import build_optimizer
from .training import Training

aten: Any = torch.ops.aten


class Stack:
    """The parameters of several trainings as rows of one matrix, from now until `release`.

    trainings: of nets of one shape with the same settings but for the seed; each has its parameters in one vector
    (engine.flat) and a closed form (engine.closedform).
    """

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.trainings = list(trainings)
        self._recipes = [training.recipe for training in trainings]
        self._flats = [_flat(training) for training in trainings]
        like = self._flats[0].gradient
        self.values = torch.empty(len(trainings), len(like), dtype=like.dtype, device=like.device)
        self.gradients = torch.zeros_like(self.values)
        for row, flat in enumerate(self._flats):
            flat.move(self.values[row], self.gradients[row])
            flat.stale = False
        self._nets: dict[tuple[int, int], BatchedNet] = {}
        self._joint: Optimizer | None = None
        self._apart = len({len(recipe.train) for recipe in self._recipes}) > 1  # their counts of steps differ
        self._stepped = False

    def net(self, first: int, last: int) -> BatchedNet:
        """The net of the trainings from number `first` to before `last`."""
        if (first, last) not in self._nets:
            self._nets[first, last] = BatchedNet(self, first, last)
        return self._nets[first, last]

    @torch.no_grad()
    def norms(self) -> Tensor:
        """(trainings, parameters): the norm of each parameter's gradient."""
        places = self._flats[0].places
        return torch.stack([torch.linalg.vector_norm(self.gradients[:, place], dim=1) for place in places], dim=1)

    def step(self, numbers: Sequence[int]) -> None:
        """A step of the optimizers of these trainings: all in one where they agree in their rate and have stepped equally often."""
        first = self._recipes[0].optimizer.param_groups[0]
        if not self._apart:
            rate = first["lr"]
            if any(recipe.optimizer.param_groups[0]["lr"] != rate for recipe in self._recipes):
                self._separate()
        if not self._apart and self._joint is None and self._stepped:
            self._join()
        if self._apart or self._joint is None:  # the first step makes the state
            for number in numbers:
                self._recipes[number].optimizer.step()
            self._stepped = True
            return
        group = self._joint.param_groups[0]
        whole = group["params"]
        group.update(first)
        group["params"] = whole
        self._joint.step()

    @torch.no_grad()
    def _join(self) -> None:
        """One optimizer over the whole matrix, of whose state that of each training is a view."""
        states = [recipe.optimizer.state[flat.values] for recipe, flat in zip(self._recipes, self._flats, strict=True)]
        first = self._recipes[0].optimizer
        shape = self._flats[0].values.shape
        if not all(_alike(state, states[0], shape) for state in states):
            self._apart = True
            return
        whole = nn.Parameter(self.values.view(-1))
        whole.grad = self.gradients.view(-1)
        fused = bool(first.param_groups[0].get("fused"))
        self._joint = build_optimizer(self.trainings[0].config.optimizer, [whole], fused)
        joint: dict[str, Any] = self._joint.state[whole]
        for name, value in states[0].items():
            if value.shape == shape:
                rows = torch.stack([state[name] for state in states])
                joint[name] = rows.view(-1)
                for state, row in zip(states, rows, strict=True):
                    state[name] = row
            else:  # a count of steps, the same for all: they share it
                joint[name] = value
                for state in states:
                    state[name] = value

    def _separate(self) -> None:
        """From now on each training steps by itself: what they shared, each has for itself."""
        self._apart, self._joint = True, None
        for recipe, flat in zip(self._recipes, self._flats, strict=True):
            state = recipe.optimizer.state[flat.values]
            state.update({name: value.clone() for name, value in state.items() if value.shape != flat.values.shape})

    def release(self) -> None:
        """Give each training a vector and an optimizer state of its own again."""
        for recipe, flat in zip(self._recipes, self._flats, strict=True):
            flat.move(torch.empty_like(flat.gradient), torch.empty_like(flat.gradient))
            state = recipe.optimizer.state[flat.values]
            state.update({name: one.clone() for name, one in state.items() if isinstance(one, Tensor)})


def _flat(training: Training) -> Flat:
    assert training.recipe.flat is not None, "only nets whose parameters lie in one vector are put together"
    return training.recipe.flat


def _alike(state: dict[str, Any], other: dict[str, Any], shape: torch.Size) -> bool:
    """Whether two optimizer states are of the same kind, and equal in all that is not one number for each parameter."""
    if state.keys() != other.keys():
        return False
    pairs = [(state[name], other[name]) for name in state]
    if not all(isinstance(one, Tensor) and isinstance(two, Tensor) for one, two in pairs):
        return False
    return all(one.shape == two.shape and (one.shape == shape or torch.equal(one, two)) for one, two in pairs)


class _Dense:
    """The Linear layers of all trainings: weight (trials, out, in), bias (trials, out)."""

    def __init__(self, weight: Tensor, bias: Tensor, weight_gradient: Tensor, bias_gradient: Tensor) -> None:
        self._weight, self._turned, self._bias = weight, weight.transpose(1, 2), bias.unsqueeze(1)
        self._weight_gradient, self._bias_gradient = weight_gradient, bias_gradient

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return torch.baddbmm(self._bias, x, self._turned), x

    def backward(self, gradient: Tensor, x: Any, needed: bool) -> Tensor | None:
        # Into a tensor of its own: straight into the rows of a matrix, torch would make one product after another of it.
        self._weight_gradient.copy_(torch.bmm(gradient.transpose(1, 2), x))
        torch.sum(gradient, 1, out=self._bias_gradient)
        return torch.bmm(gradient, self._weight) if needed else None


class _Drop:
    """Dropout, each training with the draws of its own generator: those that it would see alone."""

    def __init__(self, layer: nn.Dropout, generators: Sequence[torch.Generator]) -> None:
        self._layer, self._drop, self._generators = layer, Drop(layer), list(generators)

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        rate = self._layer.p
        if rate == 0:
            return x, None
        mask = torch.zeros_like(x) if rate == 1 else torch.empty_like(x)
        if rate < 1:
            for own, generator in zip(mask, self._generators, strict=True):
                self._drop.drawn(own, 1 - rate, generator)
        return x * mask, mask

    def backward(self, gradient: Tensor, mask: Any, needed: bool) -> Tensor | None:
        return gradient if mask is None or not needed else gradient * mask


class _Reshape:
    """The one value per row of nets with a single output, as (trials, n)."""

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return x.flatten(1), x.shape

    def backward(self, gradient: Tensor, shape: Any, needed: bool) -> Tensor | None:
        return gradient.view(shape)


class BatchedNet:
    """The nets of some trainings next to each other in a stack, with their gradients written out, and their loss."""

    def __init__(self, stack: Stack, first: int, last: int) -> None:
        trainings = stack.trainings[first:last]
        recipe, flat = trainings[0].recipe, _flat(trainings[0])
        place = iter(flat.places)

        def rows(matrix: Tensor, where: slice, shape: torch.Size) -> Tensor:
            return matrix[first:last, where].view(last - first, *shape)

        self._parts: list[_Dense | _Drop | _Reshape | Elementwise] = []
        for layer in recipe.model.children():
            pair = activation(layer)
            if isinstance(layer, nn.Linear):
                weight, bias = next(place), next(place)
                sides = [(weight, layer.weight.shape), (bias, layer.bias.shape)]
                tensors = [rows(one, *side) for one in (stack.values, stack.gradients) for side in sides]
                self._parts.append(_Dense(*tensors))
            elif isinstance(layer, nn.Dropout):
                self._parts.append(_Drop(layer, [training.chance for training in trainings]))
            elif isinstance(layer, nn.Flatten):
                self._parts.append(_Reshape())
            elif pair is not None:
                self._parts.append(Elementwise(pair))
        self._first = next(at for at, part in enumerate(self._parts) if isinstance(part, _Dense))
        self._saved: list[Any] = []
        self._criterion: Any = copy.copy(recipe.train_criterion)
        self._criterion.reduction = "none"

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Outputs (trials, n, classes) or (trials, n) of the models in training mode for inputs (trials, n, features)."""
        self._saved = []
        for part in self._parts:
            x, kept = part.forward(x)
            self._saved.append(kept)
        return x

    @torch.no_grad()
    def backward(self, gradient: Tensor | None) -> None:
        """Leave the gradients of the parameters of the latest batch, given that of its outputs."""
        for place in range(len(self._parts) - 1, self._first - 1, -1):
            assert gradient is not None
            gradient = self._parts[place].backward(gradient, self._saved[place], place > self._first)

    def loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Each training's mean loss (trials,), and the gradients of these means for the outputs. target: (trials, n)."""
        trials, rows = target.shape
        criterion = self._criterion
        if isinstance(criterion, nn.CrossEntropyLoss) and criterion.label_smoothing == 0:
            with torch.no_grad():
                # Classes first: torch takes several rows at a time then, which is ten times as fast and gives the same bits.
                chances, wanted = output.flatten(0, 1).t().contiguous().log_softmax(0), target.reshape(1, -1)
                losses = chances.gather(0, wanted).view(trials, rows).sum(1).mul_(-1 / rows)
                gradient = torch.zeros_like(chances).scatter_(0, wanted, -1 / rows)
                gradient = aten._log_softmax_backward_data(gradient, chances, 0, chances.dtype)
            return losses, gradient.t().contiguous().view_as(output)
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            losses = criterion(output.flatten(0, 1), target.flatten()).view(trials, rows).mean(1)
            (gradient,) = torch.autograd.grad(losses.sum(), output)
        return losses.detach(), gradient
