"""Settings that the data, each other, or the number of ranks leave without meaning: found when a recipe is built, and refused."""

from __future__ import annotations

from torch.optim import LBFGS, Optimizer

from .config import RunConfig
from .data.batches import Batches
from .errors import config_error
from .world import World

ONE = World()


def smallest_share(train: Batches, world: World) -> int:
    """The fewest rows that a rank takes of a batch of an epoch, 1 at least."""
    return min(
        max(1, size // world.size) for size in (train.batch_size, train.rows % train.batch_size or train.batch_size)
    )


def refuse_misfits(config: RunConfig, task: str, train: Batches, optimizer: Optimizer, world: World = ONE) -> None:
    """Raise ConfigError for settings that the data, each other, or the number of ranks leave without meaning."""
    if config.regularization.label_smoothing and task == "regression":
        raise config_error("regularization.label_smoothing", "has no meaning for a regression", "remove it")
    if config.model.batch_norm and min(train.batch_size, train.rows % train.batch_size or 2) == 1:
        problem = f"{train.rows} rows in batches of {train.batch_size} leave one row alone, and one row has no variance"
        raise config_error("model.batch_norm", problem, "choose another run.batch_size")
    if world.several:
        _refuse_several(config, train, optimizer, world)
    if isinstance(optimizer, LBFGS) and config.run.precision == "float16":
        problem = "float16 does not go with lbfgs, whose steps cannot be skipped"
        raise config_error("run.precision", problem, "use bfloat16")


def _refuse_several(config: RunConfig, train: Batches, optimizer: Optimizer, world: World) -> None:
    """Raise ConfigError for what several ranks cannot train."""
    if isinstance(optimizer, LBFGS):
        problem = f"lbfgs evaluates the loss as often as it likes, which {world.size} devices cannot do in step"
        raise config_error("optimizer.name", problem, "use one device, or another optimizer")
    if train.batch_size < world.size:
        rows = f"{train.batch_size} row{'s' if train.batch_size > 1 else ''}"
        problem = f"a batch of {rows} cannot be shared by {world.size} devices"
        raise config_error("run.batch_size", problem, f"use {world.size} at least, or fewer devices")
    if config.model.batch_norm and smallest_share(train, world) == 1:
        problem = f"{train.rows} rows in batches of {train.batch_size} leave one of {world.size} devices a single row"
        raise config_error(
            "model.batch_norm", f"{problem}, and one row has no variance", "choose another run.batch_size"
        )


def refuse_for_texts(config: RunConfig, vocabulary: int) -> None:
    """Raise ConfigError for what would change the numbers of words as if they were quantities."""
    for name in ("input_noise", "mixup", "input_dropout"):
        if vocabulary and getattr(config.regularization, name):
            raise config_error(f"regularization.{name}", "has no meaning for the words of a text", "remove it")
