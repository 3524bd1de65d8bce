"""Mixed precision and compilation: how the forward and backward pass are computed, not what they compute."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from .errors import config_error
from .regularization import Criterion

Forward = Callable[[Tensor], Tensor]
TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Precision:
    """The number format of the training step; see the notes on torch.amp in PyTorch's documentation.

    `autocast()` goes around forward and loss. `scaler` scales the loss so that small gradients do not vanish in float16; for
    the other formats it hands everything through unchanged. Raises ConfigError for float16 where it cannot serve.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name == "float16" and device.type != "cuda":
            raise config_error("run.precision", f"float16 needs a CUDA device, not {device.type}", "use bfloat16")
        self._name, self._device = name, device
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")

    @property
    def exact(self) -> bool:
        """Whether everything is computed in float32, as it is."""
        return self._name == "float32" and not self.scaler.is_enabled()

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which torch chooses the format operation by operation; none for float32."""
        if self._name == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, TYPES[self._name])


def compiled(model: nn.Module, criterion: Criterion, precision: Precision, x: Tensor, y: Tensor) -> tuple[Forward, str]:
    """The model translated by torch.compile, and a sentence with the time that it took.

    Compiling happens at the first forward and backward pass, so one is made on the batch x (n, d), y (n,) here; weights,
    buffers, gradients and the random numbers to come are left as they were. Where compiling fails, for want of a C++
    compiler for example, the model itself is given back and the sentence says so.
    """
    began = time.perf_counter()
    forward: Forward = model
    buffers = copy.deepcopy(dict(model.named_buffers()))
    model.train()
    try:
        with torch.random.fork_rng():
            forward = torch.compile(model)
            with precision.autocast():
                loss = criterion(forward(x), y)
            loss.backward()
    except Exception as error:  # noqa: BLE001  -- the compiler may fail in any way; training goes on without it
        forward, outcome = model, f"not compiled, training goes on without: {type(error).__name__}"
    else:
        outcome = f"model compiled in {time.perf_counter() - began:.1f} s"
    model.zero_grad(set_to_none=False)
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    return forward, outcome
