"""Torch's fused optimizers over one vector, called without what torch.optim does around them.

`torch.optim` prepares every step for any number of parameters, devices and hooks; for a small net that takes several times
as long as the arithmetic. These classes are the torch.optim ones in everything but that: the same state, the same kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

Closure = Callable[[], float]

_kernels: Any = torch


class _DirectAdam:
    """Mixed into Adam and AdamW built with ``fused=True`` over a single parameter whose gradient is never None."""

    param_groups: list[dict[str, Any]]
    state: dict[Tensor, Any]

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """One step; torch's own for the first one, which makes the state."""
        group = self.param_groups[0]
        values: Tensor = group["params"][0]
        state = self.state[values]
        if closure is not None or not state:
            return super().step(closure)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        state["step"] += 1
        beta1, beta2 = group["betas"]
        call = _kernels._fused_adamw_ if group["decoupled_weight_decay"] else _kernels._fused_adam_
        call(
            [values],
            [values.grad],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [state["max_exp_avg_sq"]] if group["amsgrad"] else [],
            [state["step"]],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
        )
        return None

    step.hooked = True  # type: ignore[attr-defined]  # keeps torch from wrapping it in a profiler's record


class DirectAdam(_DirectAdam, Adam):  # pyright: ignore[reportIncompatibleVariableOverride]
    """torch.optim.Adam, called directly."""


class DirectAdamW(_DirectAdam, AdamW):  # pyright: ignore[reportIncompatibleVariableOverride]
    """torch.optim.AdamW, called directly."""


class DirectSGD(SGD):
    """torch.optim.SGD, called directly."""

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step; torch's own for the first one, which makes the state."""
        group = self.param_groups[0]
        values: Tensor = group["params"][0]
        momentum = group["momentum"]
        buffer = self.state[values].get("momentum_buffer") if momentum else None
        if closure is not None or (momentum and buffer is None):
            return super().step(closure)
        _kernels._fused_sgd_(
            [values],
            [values.grad],
            [buffer] if momentum else [],
            weight_decay=group["weight_decay"],
            momentum=momentum,
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            is_first_step=False,
        )
        return None

    step.hooked = True  # type: ignore[attr-defined]  # as above


_DIRECT: dict[type[Optimizer], type[Optimizer]] = {Adam: DirectAdam, AdamW: DirectAdamW, SGD: DirectSGD}


def directly(known: type[Optimizer], values: nn.Parameter) -> tuple[type[Optimizer], dict[str, bool]]:
    """The class to build instead of `known` for one vector of `values`, and the arguments it needs beside the others."""
    able = values.is_floating_point() and values.device.type in ("cpu", "cuda")
    return (_DIRECT[known], {"fused": True}) if known in _DIRECT and able else (known, {})
