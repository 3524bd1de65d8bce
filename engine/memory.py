"""How much memory a run will take on its device: an estimate from shapes alone, and what is free there.

With P bytes of parameters and B of buffers (float32), R rows in a batch, and T trainings of a plan, an estimate is the sum of

* weights: (P + B) * (1 + 1 if the best epoch's are kept + 1 if an average is), and (2 P + B) for each finished trial's model;
  P more for the mask of an L1 or L2 penalty;
* gradients: P. Parameters that lie in one vector (engine.flat) are rounded up to 64 bytes each;
* optimizer: its state after a step, found by letting the real optimizer step on tensors without memory (torch's meta device);
  that of ASGD, Adafactor and LBFGS, which look at values, by torch's documentation: an average; row and column means;
  2 history_size + 2 vectors of P;
* activations: the largest of what is never needed at the same time: a training step, which keeps what autograd saves for its
  backward pass (counted on the meta device), or every layer's output where the gradient is written out (engine.closedform),
  and the gradients around the widest layer; an evaluation, which holds the widest layer's input and output; 2 P for an
  optimizer without a fused kernel; P for a copy of the best weights, and in the host's memory 3 (P + B) for those written out;
* data: the three parts, float32 inputs and int64 or float32 targets, and the shuffled copy of an epoch with its order; in the
  host's memory also the table itself, what finished trials keep, and, when that is more than the shuffled copy, the doubles
  in which the training part is scaled;
* checkpoint: in the host's memory, the copy of weights, best weights, average and optimizer that is being written, and its bytes.

Not counted: Python and PyTorch themselves (about 0.4 GB, and as much again for a CUDA context), scratch space of
convolutions, and what the allocator rounds up. With reduced precision the activations are a part of what is said here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.optim import LBFGS, Optimizer

from .closedform import closed_form
from .config import RunConfig
from .data.stored import AHEAD, PIECE_BYTES, worker_count
from .flat import Flat, fits
from .optim import build_optimizer
from .ownmodel import OwnModel
from .preview import Memory
from .recipe import evaluation_rows, switched_on
from .regularization import Criterion
from .rehearsal import forward
from .text import clean

META = torch.device("meta")
NUMBER = 4
"""Bytes of a float32."""

FUSED = ("adam", "adamw", "sgd")
"""Optimizers that step over one vector with a kernel that needs no space of its own."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows there are of each part, and of the whole table. target: bytes of the target of a row."""

    train: int
    validation: int
    test: int
    table: int
    inputs: int
    target: int

    @property
    def wide(self) -> int:
        """Bytes of a row."""
        return self.inputs * NUMBER + self.target


def estimate(
    config: RunConfig,
    model: nn.Module,
    criterion: Criterion,
    rows: Rows,
    device: torch.device,
    pixels: int,
    trials: int,
    streamed: bool = False,
) -> Memory:
    """What training `model`, which lies on the meta device and is changed by this, takes on `device`, in bytes.

    criterion: for training. pixels: of a picture, else 1. trials: how many models the plan trains, one after another. streamed: the
    rows are not kept, but read batch by batch.
    """
    host = device.type == "cpu"
    batch = min(config.run.batch_size, rows.train) or rows.train
    saved, widest, outputs = training_step(model, criterion, rows.inputs, batch, rows.target)
    if any(getattr(config.regularization, name) for name in ("input_noise", "mixup", "flip", "shift")):
        saved += 2 * batch * rows.inputs * NUMBER  # the batch is no longer a part of the epoch's copy
    at_once = evaluation_rows(model, criterion, pixels, device)
    judged = min(at_once, max(rows.validation, rows.test))
    buffers = sum(nbytes(buffer) for buffer in model.buffers())
    flat = Flat(model) if fits(model, config.optimizer.name) and switched_on("NNTUI_FLAT") else None
    if flat and config.run.precision == "float32" and not config.run.compile and closed_form(model, flat) is not None:
        saved = max(saved, outputs)
    optimizer, weights = _stepped(config, model, flat)
    fused = flat is not None and config.optimizer.name in FUSED and config.run.precision != "float16"
    state = optimizer_state_bytes(optimizer, config)
    reg = config.regularization
    averages = config.run.average != "none"
    copies = 1 + config.early_stopping.restore_best + averages
    own = (weights + buffers) * copies + (weights if reg.l1 or reg.l2 else 0)
    kept = (trials - 1) * (2 * weights + buffers)
    parts = (rows.train + rows.validation + rows.test) * rows.wide
    shuffled, doubles = rows.train * (rows.wide + 8), 2 * rows.train * rows.inputs * 8
    data = (
        max(shuffled, doubles) + parts * (trials + (trials > 1)) + rows.table * rows.wide if host else shuffled + parts
    )
    if streamed:
        ahead = AHEAD * PIECE_BYTES * max(1, worker_count()) if host else 0
        data = rows.table * (rows.target + 16) + (batch + judged) * rows.wide + ahead
    return Memory(
        weights=own + kept,
        gradients=weights,
        optimizer=state,
        activations=max(
            saved + widest,
            judged * (widest // max(1, batch)),
            (1 if fused else 2) * weights,
            3 * (weights + buffers) if host else 0,
        ),
        data=data,
        checkpoint=2 * ((weights + buffers) * copies + state) if host and config.run.checkpoints else 0,
        available=available(device),
    )


def nbytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def training_step(model: nn.Module, criterion: Criterion, inputs: int, batch: int, target: int) -> tuple[int, int, int]:
    """Bytes that autograd keeps of a forward pass for the backward one, of the widest layer's input and output, and of all outputs.

    The model lies on the meta device, where tensors have shapes and no memory. The batch itself and the parameters are left
    out. inputs: of a row; target: bytes of a row's target, 8 for a class and 4 for a quantity.
    """
    x = torch.empty((batch, inputs), device=META)
    y = torch.zeros(batch, device=META, dtype=torch.int64 if target == 8 else torch.float32)
    ours = {part.untyped_storage()._cdata for part in (x, y, *model.parameters(), *model.buffers())}
    found: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        found.setdefault(
            tensor.untyped_storage()._cdata, tensor
        )  # which also keeps the storage's place from being reused
        return tensor

    model.train()
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = criterion(model(x), y)
    del loss
    saved = sum(tensor.untyped_storage().nbytes() for place, tensor in found.items() if place not in ours)
    outputs = [shape.numel() for _, shape in layer_shapes(model, inputs, batch)]
    widest = max(before + after for before, after in pairwise([batch * inputs, *outputs]))
    return saved, widest * NUMBER, sum(outputs) * NUMBER


def layer_shapes(model: nn.Module, inputs: int, batch: int) -> Iterator[tuple[nn.Module, torch.Size]]:
    """Each layer of a model on the meta device, and the shape of what it makes of a batch."""
    if isinstance(model, OwnModel):
        seen, _ = forward(model, torch.empty((batch, inputs), device=META))
        yield from ((layer, shape) for _, layer, shape in seen.outputs)
        return
    value = torch.empty((batch, inputs), device=META)
    with torch.no_grad():
        for layer in model.children():
            value = layer(value)
            yield layer, value.shape


def _stepped(config: RunConfig, model: nn.Module, flat: Flat | None) -> tuple[Optimizer, int]:
    """The optimizer of a run after a step, if it can make one without memory, and the bytes of all parameters."""
    parameters = [flat.values] if flat else list(model.parameters())
    optimizer = build_optimizer(config.optimizer, parameters)
    if config.optimizer.name not in ("asgd", "adafactor", "lbfgs"):
        for parameter in parameters:
            parameter.grad = torch.empty_like(parameter)
        with contextlib.suppress(RuntimeError, AssertionError):  # an extra option that is only for a GPU
            optimizer.step()
    return optimizer, sum(map(nbytes, parameters))


def optimizer_state_bytes(optimizer: Optimizer, config: RunConfig) -> int:
    """Bytes of an optimizer's state after its first step (LBFGS: when its history is full), all tensors counted."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = sum(parameter.numel() for parameter in parameters)
    if isinstance(optimizer, LBFGS):
        return (2 * int(optimizer.param_groups[0]["history_size"]) + 2) * numbers * NUMBER
    if config.optimizer.name == "asgd":
        return NUMBER * sum(3 + parameter.numel() for parameter in parameters)
    if config.optimizer.name == "adafactor":
        return NUMBER * sum(1 + _factored(parameter.shape) for parameter in parameters)
    states = [state for part in getattr(optimizer, "_parts", [optimizer]) for state in part.state.values()]
    return sum(nbytes(value) for state in states for value in state.values() if isinstance(value, Tensor))


def _factored(shape: torch.Size) -> int:
    """Numbers that Adafactor keeps for a parameter: means over rows and columns, or all of a vector."""
    if len(shape) < 2:
        return shape.numel()
    return shape[:-1].numel() + shape[:-2].numel() * shape[-1]


# ---- the device ----


def device_words(device: torch.device) -> str:
    """The device as it is told to a person: ``cpu``, ``cuda (NVIDIA H200)``."""
    if device.type == "cuda":
        return clean(f"cuda ({torch.cuda.get_device_name(device)})")
    return device.type


def available(device: torch.device) -> int:
    """Bytes that are free on the device now, 0 when that cannot be found out."""
    try:
        if device.type == "cuda":
            return int(torch.cuda.mem_get_info(device)[0])
        if device.type == "mps":
            return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    except (RuntimeError, AttributeError):  # the GPU is lost, or exclusively another's
        return 0
    return free_memory()


def free_memory(proc: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that a new process can have without swapping: the kernel's own estimate, or what a container is allowed.

    Where neither is told (macOS), all memory that the machine has; 0 when nothing is.
    """
    found: list[int] = []
    try:
        lines = proc.read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        most, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        if most.isdigit():
            stat = dict(line.split(maxsplit=1) for line in (group / "memory.stat").read_text().splitlines())
            found.append(max(0, int(most) - int(used) + int(stat.get("inactive_file", 0))))  # a cache can be let go
    except (OSError, ValueError, IndexError):
        pass
    if found:
        return min(found)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 0
