"""The rules at work on a live run: epochs in, findings raised and cleared out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from ..events import EpochEnded, Event, FindingCleared, FindingRaised
from .findings import Finding, Watch
from .overfitting import OverfittingWatch


class Doctor:
    """Shows each epoch to every rule and tells what changed: a finding is told when it begins, grows more certain or ends."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {"overfitting": OverfittingWatch()}
        self._held: dict[str, Finding] = {}

    def held(self) -> tuple[Finding, ...]:
        """The findings that hold now."""
        return tuple(self._held.values())

    def examine(self, ended: EpochEnded) -> Iterator[Event]:
        """The changes after an epoch, as events."""
        for kind, watch in self._watches.items():
            finding = watch.update(ended.epoch, ended.train_loss, ended.val_loss, ended.lr)
            held = self._held.get(kind)
            if finding is not None and (held is None or held.confidence != finding.confidence):
                self._held[kind] = finding
                yield FindingRaised(epoch=ended.epoch, **asdict(finding))
            elif finding is None and held is not None:
                del self._held[kind]
                yield FindingCleared(epoch=ended.epoch, kind=kind)
