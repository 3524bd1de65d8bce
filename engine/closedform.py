"""Fully connected nets with their gradient written out: the operations that autograd would choose, in one node of its graph.

For a net of a few small layers most of a training step is not arithmetic but bookkeeping: a module call and a node of the
graph per operation. Here a whole net is one call forward and one backward. The operations and their order are those of torch's
own derivatives (tools/autograd/derivatives.yaml in PyTorch's source), so every number is the same to the last bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .flat import Flat

aten: Any = torch.ops.aten

Forward = Callable[[Tensor], Tensor]
Backward = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From the gradient of a layer's output, its input and its output to the gradient of its input."""


def activation(layer: nn.Module) -> tuple[Forward, Backward] | None:
    """An activation and its derivative as torch has them; None for one that is not known here."""
    if type(layer) is nn.LeakyReLU:
        slope = layer.negative_slope
        return lambda x: F.leaky_relu(x, slope), lambda g, x, y: aten.leaky_relu_backward(g, x, slope, False)
    if type(layer) is nn.ELU:
        alpha = layer.alpha
        return lambda x: F.elu(x, alpha), lambda g, x, y: aten.elu_backward(g, alpha, 1, 1, False, x)
    if type(layer) is nn.GELU:
        how = layer.approximate
        return lambda x: F.gelu(x, approximate=how), lambda g, x, y: aten.gelu_backward(g, x, approximate=how)
    if type(layer) is nn.Softplus:
        beta, threshold = layer.beta, layer.threshold
        return (
            lambda x: F.softplus(x, beta, threshold),
            lambda g, x, y: aten.softplus_backward(g, x, beta, threshold),
        )
    return _FIXED.get(type(layer))


_FIXED: dict[type[nn.Module], tuple[Forward, Backward]] = {
    nn.ReLU: (torch.relu, lambda g, x, y: aten.threshold_backward(g, y, 0)),
    nn.SiLU: (F.silu, lambda g, x, y: aten.silu_backward(g, x)),
    nn.Tanh: (torch.tanh, lambda g, x, y: aten.tanh_backward(g, y)),
    nn.Sigmoid: (torch.sigmoid, lambda g, x, y: aten.sigmoid_backward(g, y)),
    nn.Identity: (lambda x: x, lambda g, x, y: g),
}


class Dense:
    """A Linear layer; its gradients go straight into those of its parameters."""

    def __init__(self, layer: nn.Linear, flat: Flat) -> None:
        self._weight, self._bias, self._flat = layer.weight, layer.bias, flat

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return F.linear(x, self._weight, self._bias), x

    def backward(self, gradient: Tensor, x: Any, needed: bool) -> Tensor | None:
        weight, bias = self._weight.grad, self._bias.grad
        assert weight is not None and bias is not None
        if self._flat.stale:
            torch.mm(gradient.t(), x, out=weight)
            torch.sum(gradient, 0, out=bias)
        else:
            weight += gradient.t().mm(x)
            bias += gradient.sum(0)
        return gradient.mm(self._weight) if needed else None


class Elementwise:
    """An activation."""

    def __init__(self, pair: tuple[Forward, Backward]) -> None:
        self._forward, self._backward = pair

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        y = self._forward(x)
        return y, (x, y)

    def backward(self, gradient: Tensor, saved: Any, needed: bool) -> Tensor | None:
        return self._backward(gradient, *saved) if needed else None


BLOCK = 1 << 14
"""Random numbers drawn at a time: as doubles they stay in the processor's cache."""


@functools.cache
def _uniform_draws() -> bool:
    """Whether ``bernoulli_(p)`` on this CPU draws a double per number and compares it with p.

    Where it does, drawing the doubles at once is twice as fast, and the results and the generator's state are the same. Where
    torch has a quicker way of its own, such as MKL's on Intel's processors, it draws others.
    """
    one, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    drawn = torch.empty(1000).bernoulli_(0.7, generator=one)
    uniform = torch.empty(1000, dtype=torch.float64).uniform_(generator=other)
    return torch.equal(drawn, (uniform < 0.7).float()) and torch.equal(one.get_state(), other.get_state())


class Drop:
    """Dropout, with the very draws of torch's own."""

    def __init__(self, layer: nn.Dropout) -> None:
        self._layer = layer
        self._uniform = torch.empty(0, dtype=torch.float64)

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        rate = self._layer.p
        if rate == 0:
            return x, None
        if x.device.type != "cpu" and rate < 1:
            y, kept = torch.native_dropout(x, rate, True)
            return y, (kept, 1 / (1 - rate))
        mask = torch.zeros_like(x) if rate == 1 else self.drawn(torch.empty_like(x), 1 - rate)
        return x * mask, (mask, None)

    def drawn(self, mask: Tensor, keep: float, generator: torch.Generator | None = None) -> Tensor:
        """The mask, contiguous, filled: 1 / keep with a probability of `keep`, else 0."""
        if not _uniform_draws():
            return mask.bernoulli_(keep, generator=generator).div_(keep)
        for part in mask.view(-1).split(BLOCK):
            if len(self._uniform) < len(part):
                self._uniform = torch.empty(len(part), dtype=torch.float64)
            torch.lt(self._uniform[: len(part)].uniform_(generator=generator), keep, out=part)
        return mask.div_(keep)

    def backward(self, gradient: Tensor, saved: Any, needed: bool) -> Tensor | None:
        if saved is None or not needed:
            return gradient
        mask, scale = saved
        return gradient * mask if scale is None else aten.native_dropout_backward(gradient, mask, scale)


class Reshape:
    """The one value per row of a net with a single output, as (n,)."""

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return x.flatten(0), x.shape

    def backward(self, gradient: Tensor, shape: Any, needed: bool) -> Tensor | None:
        return gradient.view(shape)


Part = Dense | Elementwise | Drop | Reshape


class ClosedForm:
    """A net from `engine.models` whose gradient is written out. Called in training in place of the model itself."""

    def __init__(self, parts: list[Part], flat: Flat) -> None:
        self._parts, self._flat = parts, flat
        self._first = next(place for place, part in enumerate(parts) if isinstance(part, Dense))
        # Something for the graph to hang on: the parameters themselves are not part of it.
        self._anchor = torch.zeros((), requires_grad=True)

    def __call__(self, x: Tensor) -> Tensor:
        """As the model in training mode; backward leaves its gradients where autograd would."""
        return _Net.apply(self._anchor, self, x)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> tuple[Tensor, list[Any]]:
        """The output, and what `backward` needs to know."""
        saved = []
        for part in self._parts:
            x, kept = part.forward(x)
            saved.append(kept)
        return x, saved

    def backward(self, gradient: Tensor | None, saved: list[Any]) -> None:
        """Leave the gradients of the parameters, given that of the output."""
        for place in range(len(self._parts) - 1, self._first - 1, -1):
            assert gradient is not None
            gradient = self._parts[place].backward(gradient, saved[place], place > self._first)
        self._flat.stale = False


class _Net(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, anchor: Tensor, net: ClosedForm, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        output, saved = net.forward(x)
        ctx.net, ctx.saved = net, saved
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.net.backward(gradient, ctx.saved)
        return None, None, None


class WithLoss:
    """A closed-form net and its loss together, which then need no graph at all. Called like the net; `loss` is the criterion.

    One batch at a time: the loss belongs to the output of the latest call.
    """

    def __init__(self, net: ClosedForm, criterion: nn.CrossEntropyLoss | nn.MSELoss) -> None:
        self._net, self._criterion = net, criterion
        self._saved: list[Any] = []

    def __call__(self, x: Tensor) -> Tensor:
        """As the model in training mode."""
        with torch.inference_mode():
            output, self._saved = self._net.forward(x)
        return output

    def loss(self, output: Tensor, target: Tensor) -> ClosedLoss:
        """The mean loss of the batch whose output this is."""
        with torch.inference_mode():
            if isinstance(self._criterion, nn.MSELoss):
                return ClosedLoss(self, F.mse_loss(output, target), (output, target))
            chances = output.log_softmax(1)
            value, weight = aten.nll_loss_forward(chances, target, self._criterion.weight, 1, -100)
            return ClosedLoss(self, value, (chances, target, weight))

    def backward(self, kept: tuple[Tensor, ...], share: Tensor) -> None:
        """Leave the gradients of the parameters; share: by which the loss was multiplied."""
        with torch.inference_mode():
            if isinstance(self._criterion, nn.MSELoss):
                gradient = aten.mse_loss_backward(share, *kept, 1)
            else:
                chances, target, weight = kept
                gradient = aten.nll_loss_backward(share, chances, target, self._criterion.weight, 1, -100, weight)
                gradient = aten._log_softmax_backward_data(gradient, chances, 1, chances.dtype)
            saved, self._saved = self._saved, []  # not to lie beside those of the next batch
            self._net.backward(gradient, saved)


class ClosedLoss:
    """The loss of a batch, with as much of a tensor's ways as a training step uses."""

    __slots__ = ("_kept", "_share", "_value", "_whole")

    def __init__(self, whole: WithLoss, value: Tensor, kept: tuple[Tensor, ...], share: float = 1.0) -> None:
        self._whole, self._value, self._kept, self._share = whole, value, kept, share

    def detach(self) -> Tensor:
        """The loss as a number on the device."""
        return self._value

    def __mul__(self, share: float) -> ClosedLoss:
        return ClosedLoss(self._whole, self._value, self._kept, self._share * share)

    def backward(self) -> None:
        """Leave the gradients of the parameters."""
        self._whole.backward(self._kept, self._value.new_full((), self._share))


def with_loss(net: ClosedForm, criterion: Any) -> WithLoss | None:
    """The net with a loss whose gradient is known here too; None for any other."""
    plain = isinstance(criterion, nn.CrossEntropyLoss) and criterion.label_smoothing == 0
    return WithLoss(net, criterion) if plain or type(criterion) is nn.MSELoss else None


def closed_form(model: nn.Module, flat: Flat) -> ClosedForm | None:
    """`model`, whose parameters lie in `flat`, with its gradient written out; None when it has a layer or a hook that is not
    known here."""
    layers = list(model.children())
    if type(model) is not nn.Sequential or any(_altered(part) for part in (model, *layers)):
        return None
    parts: list[Part] = []
    for layer in layers:
        pair = activation(layer)
        if type(layer) is nn.Linear and layer.bias is not None:
            parts.append(Dense(layer, flat))
        elif type(layer) is nn.Dropout:
            parts.append(Drop(layer))
        elif type(layer) is nn.Flatten and layer.start_dim == 0:
            parts.append(Reshape())
        elif pair is not None:
            parts.append(Elementwise(pair))
        else:
            return None
    return ClosedForm(parts, flat) if any(isinstance(part, Dense) for part in parts) else None


def _altered(module: nn.Module) -> bool:
    """Whether a module does more than its class says: it has hooks, or works in place."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks) or bool(getattr(module, "inplace", False))
