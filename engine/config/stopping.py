"""Knobs of early stopping."""

from __future__ import annotations

from typing import Literal

from .declare import Section, chosen, knob, switched_on


class EarlyStoppingConfig(Section):
    """Early stopping"""

    enabled: bool = knob(
        True,
        label="early stopping",
        help="End the run when the validation loss, or what else is monitored, has not improved for a while. Saves time and "
        "is the simplest cure for overfitting.",
        live="batch",
    )
    monitor: Literal["loss", "accuracy", "top_k", "macro_f1", "auroc", "mae", "rmse", "r2"] = knob(
        "loss",
        label="monitor",
        help="The figure of the validation part that tells which epoch is the best. loss is the finest gauge; accuracy moves in "
        "steps of one row. macro_f1 and auroc suit rare classes. mae, rmse and r2 are for regression, the others for "
        "classification.",
    )
    mode: Literal["auto", "min", "max"] = knob(
        "auto",
        label="better is",
        help="Whether a small or a large figure is good. auto knows it for each one: small for losses and errors, large for "
        "accuracy and the like. Set it against that only to see a run end early.",
    )
    patience: int = knob(
        10,
        label="patience",
        help="How many epochs in a row without improvement end the run. Too few stop on noise, too many only waste time; "
        "5 to 20 is usual.",
        unit="epochs",
        when=switched_on("early_stopping.enabled"),
        ge=1,
        live="batch",
    )
    min_delta: float = knob(
        1e-4,
        label="must improve by",
        help="A figure counts as better only when it beats the best by more than this. 0 counts any gain, and a large value "
        "ends the run while it still learns slowly.",
        when=switched_on("early_stopping.enabled"),
        log=True,
        ge=0.0,
        live="batch",
    )
    relative: bool = knob(
        False,
        label="relative",
        help="Take the improvement asked for as a share of the best figure: 0.01 then means one per cent. Useful when you do "
        "not know how large the loss will be.",
        when=switched_on("early_stopping.enabled"),
        live="batch",
    )
    start: int = knob(
        0,
        label="start after",
        help="Do not look at the first so many epochs: they use up no patience and cannot be the best. For runs that get worse "
        "before they get better, as with a warm-up of the learning rate. 0 to 10 is usual; too many, and the best epoch may "
        "be missed.",
        unit="epochs",
        when=switched_on("early_stopping.enabled"),
        ge=0,
        le=1_000_000,
    )
    target: float | None = knob(
        None,
        label="stop at",
        help="End the run as soon as the monitored figure is as good as this. Empty for no such goal. To compare how fast "
        "settings get there; a goal out of reach does nothing.",
        when=switched_on("early_stopping.enabled"),
        live="batch",
    )
    diverged_above: float = knob(
        0.0,
        label="diverged above",
        help="End the run when the monitored loss or error is more than this many times its first value, 0 for never. 2 to 10 "
        "catches a learning rate that is far too large; close to 1 it stops on noise.",
        unit="times",
        when=[switched_on("early_stopping.enabled"), chosen("early_stopping.monitor", "loss", "mae", "rmse")],
        ge=0.0,
        le=1e12,
        live="batch",
    )
    non_finite: bool = knob(
        True,
        label="stop on NaN",
        help="End the run when the training or validation loss is no longer a finite number. Leave it on: weights that are NaN "
        "stay so. Off, the run goes on to the end, which shows what such a run looks like.",
        live="batch",
    )
    restore_best: bool = knob(
        True,
        label="restore best",
        help="Go back to the weights of the best epoch when the run ends, and test those. Off, the last weights are "
        "kept.",
    )
