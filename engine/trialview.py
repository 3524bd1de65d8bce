"""What a run knows of one of its folds or restarts."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import events as e

CURVES = (
    "train_metric", "val_metric", "lr", "penalty", "grad_norm", "grad_norm_clipped", "weight_norm", "sparsity", "train_loss_running",
    "seconds",
)  # fmt: skip
"""What is kept of a trial beside its losses: lists of RunView, by name."""

Curve = Sequence[float]


@dataclass(slots=True)
class TrialView:
    """A fold or a restart: its curves, one value per finished epoch, and its figures once it has ended.

    more: the curves named in `CURVES`, and ``val:NAME`` for each measure of the validation part once it has settled. While the
    trial is under way they are the lists of the view of the run, as are epochs and losses, and val_metrics has the measures.
    """

    number: int
    label: str
    epochs: list[int]
    train_loss: list[float]
    val_loss: list[float]
    ended: e.TrialEnded | None = None
    report: e.ReportMade | None = None
    more: Mapping[str, Curve] = field(default_factory=dict)
    val_metrics: list[dict[str, float]] = field(default_factory=list)

    def curve(self, name: str) -> Curve:
        """The curve that a view calls `name`, or ``val:NAME`` of a measure; shorter than epochs or empty where it is not known."""
        if name in ("train_loss", "val_loss"):
            return self.train_loss if name == "train_loss" else self.val_loss
        if name.startswith("val:") and name not in self.more:
            return [figures.get(name[4:], math.nan) for figures in self.val_metrics]
        return self.more.get(name, ())

    def settle(self) -> None:
        """Nothing more comes of it: keep in little room what may be many trials' curves."""
        if self.val_metrics or any(isinstance(curve, list) for curve in self.more.values()):
            names = dict.fromkeys(name for figures in self.val_metrics for name in figures)
            measures = {f"val:{name}": array("d", self.curve(f"val:{name}")) for name in names}
            kept: dict[str, Curve] = {name: array("d", curve) for name, curve in self.more.items()}
            self.more = {**kept, **measures}
            self.val_metrics = []
