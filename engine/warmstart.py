"""Weights that a run begins with instead of fresh ones: those of another run's best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoint import CheckpointError, Checkpoints
from .errors import config_error
from .rundir import CHECKPOINTS_FOLDER, WEIGHTS_FILE
from .text import clean

KEY = "model.weights"


@torch.no_grad()
def begin_with(model: nn.Module, source: str) -> str:
    """Put the weights that lie at `source` into `model` where name and shape fit; a line that says how many did.

    source: a run's folder, whose best weights count, or a safetensors file. Raises ConfigError when there are none or none fit.
    """
    found, words = best_weights(Path(source).expanduser())
    own = model.state_dict()
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        problem = f"none of the weights in {clean(source)} fits this model"
        raise config_error(KEY, problem, "use the same kind of model with at least one layer of the same shape")
    model.load_state_dict({**own, **fitting})
    fresh = [clean(name) for name in own if name not in fitting]
    left = f"; fresh: {', '.join(fresh)}" if fresh else ""
    return f"begins with {len(fitting)} of {len(own)} weight tensors from {words}{left}"


def best_weights(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """The best weights in a run's folder or a safetensors file, and where they are from. Raises ConfigError (model.weights)."""
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if path.is_dir() and not file.exists():
        return _from_checkpoint(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file), clean(file, 2000)
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise config_error(KEY, f"cannot read {clean(file)}: {clean(reason)}", "name a run's folder") from None


def _from_checkpoint(folder: Path) -> tuple[Mapping[str, Tensor], str]:
    """Those of a run that has not come to its end: the best ones in its newest checkpoint, or the latest it has."""
    try:
        loaded = Checkpoints(folder / CHECKPOINTS_FOLDER, read_only=True).load_newest()
    except (OSError, CheckpointError):
        loaded = None
    if loaded is None:
        problem = f"{clean(folder)} has neither {WEIGHTS_FILE} nor a good checkpoint"
        raise config_error(KEY, problem, "name the folder of a run that has trained")
    content = loaded.content
    best, epoch = content["best_weights"], content["stopping"]["best_epoch"]
    words = f"{clean(folder, 2000)}, epoch"
    return (best, f"{words} {epoch}") if best else (content["model"], f"{words} {loaded.entry.epochs}")
