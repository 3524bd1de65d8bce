"""Writes the table of torch's optimizers and schedulers from their own signatures: `python -m engine.torchsignatures`."""

from __future__ import annotations

import inspect
import json
from typing import Any

import torch
from torch.optim import Optimizer, lr_scheduler

from .torchtable import FILE, reason_left_out

# Our names, which the configuration files of users hold; what is not listed is the lower-cased name of the class.
_NAMES = {
    "StepLR": "step",
    "MultiStepLR": "multistep",
    "ExponentialLR": "exponential",
    "LinearLR": "linear",
    "PolynomialLR": "polynomial",
    "CosineAnnealingLR": "cosine",
    "CosineAnnealingWarmRestarts": "cosine_warm_restarts",
    "CyclicLR": "cyclic",
    "OneCycleLR": "one_cycle",
    "ConstantLR": "constant_factor",
    "ReduceLROnPlateau": "plateau",
}
_KNOBS = {
    "betas": ("beta1", "beta2"),
    "etas": ("eta_minus", "eta_plus"),
    "step_sizes": ("step_min", "step_max"),
    "ns_coefficients": ("ns_a", "ns_b", "ns_c"),
    "Adafactor.eps": ("eps1", "eps2"),
    "eta_min": ("min_lr",),
    "T_max": ("t_max",),
    "T_0": ("t_0",),
    "T_mult": ("t_mult",),
    "ReduceLROnPlateau.factor": ("gamma",),
    "ReduceLROnPlateau.eps": ("min_change",),
    "CyclicLR.mode": ("cycle_mode",),
    "CyclicLR.gamma": ("cycle_gamma",),
}
_FROM_RUN = {
    "max_lr": "the highest rate of every schedule is optimizer.lr",
    "total_steps": "the steps of the run, less those of the warm-up",
}
_LEFT_OUT = {
    "params": "the weights of the model",
    "optimizer": "the optimizer of the run",
    "maximize": "a loss is minimized",
    "foreach": "torch picks the fast way by itself; it does not change what is computed",
    "fused": "torch picks the fast way by itself; it does not change what is computed",
    "capturable": "only for steps inside a CUDA graph, which the loop does not record",
    "differentiable": "only for gradients through the optimizer itself, which the loop does not take",
    "last_epoch": "where a resumed run stands is part of its checkpoint",
    "verbose": "the learning rate of each epoch is logged anyway",
    "epochs": "given as total_steps, which knows the warm-up",
    "steps_per_epoch": "given as total_steps, which knows the warm-up",
    "scale_fn": "needs a function, which a form cannot hold",
    "scale_mode": "counts only with scale_fn",
    "ASGD.t0": "only says when an average of the weights begins that torch keeps aside and never puts into the model",
    "ReduceLROnPlateau.mode": "the validation loss is watched, and lower is better",
}
_UNUSABLE = {
    "SparseAdam": "needs sparse gradients, and those of the models here are dense",
    "LambdaLR": "needs a function, which a form cannot hold",
    "MultiplicativeLR": "needs a function, which a form cannot hold",
    "ChainedScheduler": "needs other schedulers",
    "SequentialLR": "needs other schedulers; a warm-up in front of any schedule is schedule.warmup",
}


def read_torch() -> dict[str, Any]:
    """The table as the installed torch has it, ready for JSON."""
    version = str(torch.__version__).partition("+")[0]
    return {
        "about": "Written by `python -m engine.torchsignatures` from torch's own signatures; do not edit.",
        "torch": version,
        "optimizers": _read(torch.optim, Optimizer),
        "schedulers": _read(lr_scheduler, lr_scheduler.LRScheduler),
        "left_out": _LEFT_OUT,
        "unusable": _UNUSABLE,
    }


def _read(module: Any, base: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cls in sorted(vars(module).values(), key=lambda value: getattr(value, "__name__", "")):
        if not (isinstance(cls, type) and issubclass(cls, base)) or cls is base or cls.__name__.startswith("_"):
            continue
        if cls.__name__ in _UNUSABLE:
            continue
        row: dict[str, Any] = {"class": cls.__name__, "arguments": {}, "from_run": {}}
        for argument, parameter in inspect.signature(cls).parameters.items():
            if argument in _FROM_RUN:
                row["from_run"][argument] = _FROM_RUN[argument]
            elif reason_left_out(cls.__name__, argument, _LEFT_OUT) is None:
                names = _KNOBS.get(f"{cls.__name__}.{argument}") or _KNOBS.get(argument) or (argument,)
                default = None if parameter.default is parameter.empty else parameter.default
                parts = default if isinstance(default, tuple) else (default,)
                row["arguments"][argument] = dict(zip(names, parts, strict=True))
        found[_NAMES.get(cls.__name__, cls.__name__.lower())] = row
    return found


def main() -> None:
    """Write the table from the installed torch."""
    FILE.write_text(json.dumps(read_torch(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
