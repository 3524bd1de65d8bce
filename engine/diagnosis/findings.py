"""What a rule of the diagnosis says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..facts import Change

Confidence = Literal["watch", "likely", "certain"]

RANK: dict[str, int] = {"watch": 1, "likely": 2, "certain": 3}
"""How sure each confidence is."""

ORDER = (
    "non_finite",
    "exploding_gradients",
    "dead_units",
    "saturated_units",
    "vanishing_gradients",
    "diverging",
    "learning_rate_high",
    "learning_rate_low",
    "stuck",
    "overfitting",
    "underfitting",
    "too_short",
    "could_stop",
)
"""Every kind, the one that explains most first."""

NOTES = frozenset({"could_stop"})
"""Kinds that are no warning: nothing is wrong, there is only something to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a run, or worth knowing about it.

    kind: a stable name, one of `ORDER`. confidence: ``watch``, ``likely`` or ``certain``. began: the epoch from which it holds,
    counting from 1. title: one short line for a person. evidence: the numbers behind it. actions: what to do, best first, without
    what the run does already. knobs: the keys that the first action changes; changes: the same with their values before and
    after, empty where the run's settings are not known or the first action is none of them. step: the step of that epoch at which it
    began, 0 where that is not known: only of a loss that is no number it is.
    """

    kind: str
    confidence: Confidence
    began: int
    title: str
    evidence: str
    actions: tuple[str, ...] = ()
    knobs: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    step: int = 0


def rank(kind: str, confidence: str, began: int) -> tuple[bool, int, int, int]:
    """For sorting findings: what is no warning comes last, the surest first, of equals the one that explains most.

    A kind or a confidence of a newer version comes before those that are known.
    """
    explains = ORDER.index(kind) if kind in ORDER else -1
    return kind in NOTES, -RANK.get(confidence, 3), explains, began
