"""How long a run will still take, by what its epochs took so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .runview import RunView

RECENT = 5
"""Epochs whose pace is taken for that of those to come."""

EVALUATION = 1 / 3
"""What a row costs when it is only evaluated, in parts of what it costs when it is trained on: no backward pass, about twice
the work of the forward one."""


def seconds_left(view: RunView) -> float | None:
    """Seconds to the last planned epoch of the last planned trial; None when unknown.

    An epoch takes what the latest took, validation counted; the first one what those of finished trials took, or what the
    samples per second so far make of its rows. Trials that have not begun take what the finished ones took, or as long as the one in hand would with all its epochs.
    """
    if view.end or not view.model:
        return None
    over = [trial.ended for trial in view.trials if trial.ended and trial.ended.epochs]
    recent = view.seconds[-RECENT:] or [trial.seconds / trial.epochs for trial in over]
    if recent:
        pace = sum(recent) / len(recent)
    elif view.samples_per_second > 0 and view.data:
        pace = (view.data.train_rows + EVALUATION * view.data.validation_rows) / view.samples_per_second
    else:
        return None
    part = view.step / max(1, view.model.steps_per_epoch) if view.epoch > len(view.epochs) else 0.0
    here = max(0.0, view.total_epochs - len(view.epochs) - part) * pace
    if waiting := max(0, view.planned_trials - len(view.trials)):
        each = sum(trial.seconds for trial in over) / len(over) if over else view.total_epochs * pace
        here += math.ceil(waiting / (len(view.others) + 1)) * each
    return here if math.isfinite(here) else None
