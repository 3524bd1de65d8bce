"""`engine.monitor`: three lines that make a run of a person's own training loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .monitoring import Monitor
from .options import checked


def monitor(
    name: str = "",
    *,
    max_epochs: int = 0,
    patience: int | None = None,
    min_delta: float = 0.0,
    watch: str = "",
    mode: str = "",
    settings: Mapping[str, Any] | Any = None,
    model: Any = None,
    baseline: float = math.nan,
    folder: str | Path = "runs",
    tensorboard: bool = False,
    device: Any = "",
    enabled: bool = True,
    quiet: bool = False,
) -> Monitor:
    """Watch a training loop of your own, in any framework, as a run: `nntui attach` and the other commands work on it.

    name: a part of the folder's name; the script's own without one. max_epochs: how many are planned, 0 when that is not known.
    patience: early stopping, which only says so: after so many values of `watch` in a row that are not better than the best by
    more than min_delta, `should_stop` is true. watch: the series that tells which epoch is best, val_loss without one, or train_loss
    where that is all there is; mode: whether small (min) or large values (max) of it are good, by its name without one.

    settings: what the run was made with, a dict or argparse's namespace: `nntui compare` shows where runs differ. model: only
    looked at for its layers and parameters. baseline: the loss of always giving the same answer, which lets the diagnosis say more.
    folder: where the run's own folder is made. tensorboard: write a TensorBoard log into it. device: what it trains on, in words.
    enabled: false does nothing at all, for all but the first of several processes; `should_stop` is then the first one's to tell the
    others. quiet: do not say on standard error which run is watched.

    An exception that leaves the with block ends the run as failed, with the traceback in its run.log, and goes on; Ctrl-C ends it
    as interrupted. Raises ConfigError, before anything is written, for an argument that cannot be, or a folder that cannot be made.

    Example::

        import engine
        with engine.monitor("mine", max_epochs=3, quiet=True) as run:
            for epoch in range(1, 4):
                run.log(epoch, train_loss=1 / epoch, val_loss=1.1 / epoch, lr=0.01)
                if run.should_stop:
                    break
    """
    options = checked(
        max_epochs=max_epochs,
        patience=patience,
        min_delta=min_delta,
        watch=watch,
        mode=mode,
        settings=settings,
        model=model,
        baseline=baseline,
        folder=folder,
        tensorboard=tensorboard,
        device=device,
    )
    return Monitor(str(name), options, enabled, quiet)
