"""What a rule of the diagnosis says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Confidence = Literal["watch", "likely", "certain"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a run.

    kind: a stable name (``overfitting``). began: the epoch from which it holds, counting from 1. title: one short line for a
    person. evidence: the numbers behind it. actions: what to do, best first. knobs: the keys that the first action changes.
    """

    kind: str
    confidence: Confidence
    began: int
    title: str
    evidence: str
    actions: tuple[str, ...]
    knobs: tuple[str, ...] = ()


class Watch(Protocol):
    """A rule that sees a run epoch by epoch and says after each one what holds now."""

    def update(self, epoch: int, train_loss: float, val_loss: float, lr: float) -> Finding | None: ...
