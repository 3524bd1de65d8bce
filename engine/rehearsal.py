"""A user's model is tried on a few rows before it is trained: what does not fit is said with the layer, what it got and what it wants.

One forward pass in evaluation mode, and one training step's forward and backward, after which everything is as it was before.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from .errors import CodeError, code_error
from .ownmodel import PATH, OwnModel, chance_state, put_chance, tensors_of
from .text import clean
from .usercode import guarded, source_of
from .userframes import failure, what_happened

ROWS = 4
"""Rows that a model is tried on; fewer where there are fewer."""

SUMS_TO_ONE = 1e-4


@dataclass
class Trace:
    """What was seen of a forward pass.

    outputs: of every layer that was called, in order: its name, itself, and the shape of the first tensor that it gave, with the
    rows in front. within: the modules that were called and have not come back, with what they got.
    """

    outputs: list[tuple[str, nn.Module, torch.Size]] = field(default_factory=list)
    within: list[tuple[str, nn.Module, tuple[Any, ...]]] = field(default_factory=list)


@contextlib.contextmanager
def traced(net: nn.Module) -> Iterator[Trace]:
    """Watch the calls of all modules in `net`, itself excepted."""
    trace, hooks = Trace(), []
    for name, part in net.named_modules():
        if part is net:
            continue

        def before(module: nn.Module, inputs: tuple[Any, ...], name: str = name) -> None:
            trace.within.append((name, module, inputs))

        def after(module: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            if trace.within:
                trace.within.pop()
            first = next(tensors_of(output), None)
            if first is not None:
                trace.outputs.append((name, module, first.shape))

        hooks += [part.register_forward_pre_hook(before), part.register_forward_hook(after)]
    try:
        yield trace
    finally:
        for hook in hooks:
            hook.remove()


def rehearse(model: OwnModel, x: Tensor, y: Tensor, outputs: int, criterion: Any, batch_rows: int) -> list[str]:
    """Try `model` on the rows x (n, features) and their targets y (n,), and measure it.

    outputs: how many values it is to give for a row; batch_rows: of the smallest batch of an epoch. Returns what a person should know, a line each. Raises CodeError, with the layer that it happened in, when the model cannot be trained like
    this.
    """
    look_at_weights(model)
    x, y = x[:ROWS], y[:ROWS]
    trace, answer = forward(model, x)
    judge(model, answer, len(x), outputs, trace)
    measure(model, trace, len(x))
    look_at_weights(model)  # those of lazy layers are there now
    if not bool(torch.isfinite(answer).all()):
        problem = f"{_name(model)} gives numbers that are not finite before it has learnt anything"
        raise code_error(PATH, problem, "look at how its weights begin, and at divisions and logarithms", _where(model))
    if batch_rows == 1 and any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        problem = "the last batch of an epoch has a single row, and batch norm cannot train on one"
        raise code_error("run.batch_size", problem, "choose another run.batch_size")
    _try_step(model, x, y, outputs, criterion)
    notes = []
    if outputs > 1 and bool((answer >= 0).all()) and bool((answer.sum(1) - 1).abs().max() < SUMS_TO_ONE):
        notes.append(
            f"the outputs of {_name(model)} add up to 1 like those of a softmax; the loss wants scores without one"
        )
    return notes


def look_at_weights(model: OwnModel) -> None:
    """Raise CodeError for weights that cannot be trained or saved here."""
    parameters = dict(model.net.named_parameters())
    ready = {name: one for name, one in parameters.items() if not isinstance(one, nn.parameter.UninitializedParameter)}
    if not parameters:
        hint = "make its layers attributes of the module; a list of them has to be an nn.ModuleList"
        raise code_error(PATH, f"{_name(model)} has no weights to train", hint, _where(model))
    if not any(one.requires_grad for one in parameters.values()):
        raise code_error(
            PATH, f"all weights of {_name(model)} are frozen", "leave requires_grad on somewhere", _where(model)
        )
    for name, one in ready.items():
        if one.dtype != torch.float32:
            problem = (
                f"the weights {clean(name, 80)} of {_name(model)} are {_type(one)}, and nntui keeps them in float32"
            )
            raise code_error(PATH, problem, "leave out .double() and .half(); see run.precision", _where(model))
    if len(ready) == len(parameters):
        with guarded(PATH, "reading the state of the model"):
            state = model.state_dict()
        for name, value in state.items():
            if not isinstance(value, Tensor):
                problem = (
                    f"the state {clean(name, 80)} of {_name(model)} is no tensor, and cannot be saved with the weights"
                )
                raise code_error(PATH, problem, "make it a buffer, or leave out get_extra_state", _where(model))


def forward(model: OwnModel, x: Tensor) -> tuple[Trace, Any]:
    """The answer of the user's module to x (n, features) in evaluation mode, and what was seen. Raises CodeError."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), traced(model.net) as trace:
            return trace, _called(model, x, trace)
    finally:
        model.train(was_training)


def _called(model: OwnModel, x: Tensor, trace: Trace) -> Any:
    shaped = model.shaped(x)
    try:
        with guarded(PATH, f"{_name(model)} on a batch {_shape(shaped.shape)}", keeps_chance=False):
            return model.net(shaped)
    except CodeError as error:
        cause = error.__cause__
        if cause is None:
            raise
        raise _explained(model, error, cause, shaped, trace) from cause


def _explained(model: OwnModel, error: CodeError, cause: BaseException, given: Tensor, trace: Trace) -> CodeError:
    """The failure with the layer that it came from, what that got and what it wants."""
    fault, hint = error.faults[0], error.faults[0].hint
    batch = f"a batch of this data is {_shape(given.shape)}"
    if not trace.within:
        return code_error(PATH, fault.problem, hint, fault.where or _where(model), fault.frames)
    name, layer, inputs = trace.within[-1]
    got = next(tensors_of(inputs), None)
    who = f"{clean(name, 80)} ({clean(type(layer).__name__, 40)})"
    if got is None:
        problem = f"{who}: {what_happened(cause)}"
    elif isinstance(layer, nn.Embedding | nn.EmbeddingBag) and got.is_floating_point():
        problem = f"{who} got {_type(got)} and wants whole numbers"
        hint = "set model.inputs to tokens and data.standardize to off"
    elif (wanted := wanted_shape(layer, got)) is not None:
        problem = f"{who} got {_shape(got.shape)} and wants {wanted}"
        hint = batch
    else:
        problem = f"{who} got {_shape(got.shape)}: {what_happened(cause)}"
        hint = hint or batch
    return code_error(PATH, f"{_name(model)}: {problem}", hint, fault.where or _where(model), fault.frames)


def wanted_shape(layer: nn.Module, got: Tensor) -> str | None:
    """The shape that a layer of torch's wants, in words, if `got` does not have it; None where it has, or nobody can tell."""
    shape = got.shape
    if isinstance(layer, LazyModuleMixin):
        return None
    if isinstance(layer, nn.Linear):
        return None if shape[-1:] == (layer.in_features,) else f"(n, {layer.in_features})"
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        axes = {nn.Conv1d: ("length",), nn.Conv2d: ("height", "width"), nn.Conv3d: ("depth", "height", "width")}
        names = next(words for kind, words in axes.items() if isinstance(layer, kind))
        fits = len(shape) == len(names) + 2 and shape[1] == layer.in_channels
        return None if fits else f"({', '.join(('n', str(layer.in_channels), *names))})"
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        fits = len(shape) >= 2 and shape[1] == layer.num_features
        return None if fits else f"(n, {layer.num_features}, ...)"
    if isinstance(layer, nn.RNNBase):
        fits = len(shape) in (2, 3) and shape[-1] == layer.input_size
        order = "n, time" if layer.batch_first else "time, n"
        return None if fits else f"({order}, {layer.input_size})"
    if isinstance(layer, nn.LayerNorm):
        wanted = tuple(layer.normalized_shape)
        return None if tuple(shape[-len(wanted) :]) == wanted else f"(n, ..., {', '.join(map(str, wanted))})"
    if isinstance(layer, nn.MultiheadAttention | nn.TransformerEncoderLayer):
        attention = layer if isinstance(layer, nn.MultiheadAttention) else layer.self_attn
        return None if shape[-1] == attention.embed_dim else f"(n, time, {attention.embed_dim})"
    if isinstance(layer, nn.Embedding | nn.EmbeddingBag) and not got.is_meta and got.numel():
        low, high = int(got.min()), int(got.max())
        return (
            None
            if low >= 0 and high < layer.num_embeddings
            else f"numbers from 0 to {layer.num_embeddings - 1}, not {low} to {high}"
        )
    return None


def judge(model: OwnModel, answer: Any, rows: int, outputs: int, trace: Trace) -> None:
    """Raise CodeError unless the answer of the user's module is one tensor with `outputs` values for each row."""
    if not isinstance(answer, Tensor):
        kind = clean(type(answer).__name__, 40)
        hint = "return it alone" if next(tensors_of(answer), None) is not None else "return the scores"
        raise code_error(PATH, f"{_name(model)} gives a {kind}, and one tensor is wanted", hint, _where(model))
    if outputs == 1:
        fits, wanted, what = answer.shape in ((rows,), (rows, 1)), (rows, 1), "one value for each row"
    else:
        fits, wanted, what = (
            answer.shape == (rows, outputs),
            (rows, outputs),
            f"a score for each of the {outputs} classes",
        )
    if not fits:
        last = trace.outputs[-1] if trace.outputs else None
        by = f" (the last layer is {clean(last[0], 60)}, {clean(type(last[1]).__name__, 40)})" if last else ""
        problem = (
            f"{_name(model)} gives {_shape(answer.shape)} for {rows} rows and {_shape(wanted)} is wanted, {what}{by}"
        )
        raise code_error(PATH, problem, f"give it {outputs} output{'s' if outputs > 1 else ''}", _where(model))
    if not answer.is_floating_point():
        problem = f"{_name(model)} gives {_type(answer)}, and numbers that can be differentiated are wanted"
        raise code_error(PATH, problem, "return the scores, not the classes", _where(model))


def measure(model: OwnModel, trace: Trace, rows: int) -> None:
    """Keep how wide the widest layer is, and how much a row is to compute."""
    model.widest, model.work = math.prod(model.shape), 0
    for _, layer, shape in trace.outputs:
        numbers = max(1, shape.numel() // max(1, rows))
        model.widest = max(model.widest, numbers)
        weights = [one for one in layer.parameters(recurse=False) if one.ndim >= 2]
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag) or not weights:
            continue
        if isinstance(layer, nn.RNNBase):
            places = shape[1] if len(shape) == 3 and layer.batch_first else shape[0]
            model.work += places * sum(one.numel() for one in weights)
        else:
            model.work += sum(max(1, numbers // one.shape[0]) * one.numel() for one in weights)


def _try_step(model: OwnModel, x: Tensor, y: Tensor, outputs: int, criterion: Any) -> None:
    """Forward, loss and backward in training mode; weights, statistics, gradients and chance are then as they were."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    chance, torch_chance = chance_state(), torch.get_rng_state()
    device = x.device
    device_chance = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    was_training = model.training
    model.train()
    try:
        with traced(model.net) as trace:
            answer = _called(model, x, trace)
        judge(model, answer, len(x), outputs, trace)
        with guarded(PATH, f"the backward pass of {_name(model)}", keeps_chance=False):
            loss = criterion(model.head(answer), y)
            if not loss.requires_grad:
                hint = "leave out .detach(), .data, .numpy() and torch.no_grad() between its inputs and its outputs"
                raise code_error(
                    PATH, f"the outputs of {_name(model)} do not depend on its weights", hint, _where(model)
                )
            loss.backward()
        model.unused = any(one.grad is None and one.requires_grad for one in model.parameters())
        if all(one.grad is None for one in model.parameters()):
            raise code_error(PATH, f"no weight of {_name(model)} gets a gradient", "", _where(model))
    except RuntimeError as error:
        raise failure(error, PATH, f"the backward pass of {_name(model)}") from error
    finally:
        model.zero_grad(set_to_none=True)
        model.load_state_dict(state)
        model.train(was_training)
        put_chance(chance)
        torch.set_rng_state(torch_chance)
        if device_chance is not None:
            torch.cuda.set_rng_state(device_chance, device)


def _name(model: OwnModel) -> str:
    return clean(type(model.net).__name__, 60)


def _where(model: OwnModel) -> str:
    return source_of(type(model.net).forward)


def _shape(shape: Any) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
