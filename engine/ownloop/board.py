"""The TensorBoard log of a script's own loop: its curves, by the tags that the runs of nntui have. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..events import EpochEnded, Event
from .naming import tags

_KNOWN = {
    "train_loss": "loss/train", "val_loss": "loss/validation", "lr": "learning_rate", "grad_norm": "gradient_norm", "seconds": "seconds",
}  # fmt: skip


class ScalarBoard:
    """Writes what each epoch has to an event file in `folder`; the step of everything is the epoch."""

    name = "TensorBoard"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None  # opened with the first epoch, so that a failure is the tee's to report

    def write(self, event: Event) -> None:
        if not isinstance(event, EpochEnded):
            return
        from tensorboard.compat.proto import summary_pb2

        from ..eventwriter import EventWriter, proto

        if self._writer is None:
            self._writer = EventWriter(self._folder)
        summary: Any = summary_pb2
        found = {tag: getattr(event, name) for name, tag in _KNOWN.items() if name not in event.missing} | tags(
            event.series
        )
        values = [summary.Summary.Value(tag=tag, simple_value=value) for tag, value in found.items()]
        content = summary.Summary(value=values)
        self._writer.add_event(proto.Event(wall_time=event.time, step=event.epoch, summary=content))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
