"""What a run's view knows of each of its trials."""

from __future__ import annotations

from dataclasses import dataclass

from . import events as e


@dataclass(slots=True)
class TrialView:
    """A fold or a restart: its curves, one value per finished epoch, and its figures once it has ended."""

    number: int
    label: str
    epochs: list[int]
    train_loss: list[float]
    val_loss: list[float]
    ended: e.TrialEnded | None = None
    report: e.ReportMade | None = None
