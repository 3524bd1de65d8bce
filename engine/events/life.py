"""What happens to a run from outside its training: asked of it, done to its process, written or not written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ..facts import Change
from .base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """Training waits between two batches."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """Training goes on after a pause."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked(Event):
    """Somebody asked the run to stop; it does so after the batch in hand."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFailed(Event):
    """A record (TensorBoard, journal, console) could not be written and is no longer; training goes on."""

    sink: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Event):
    """Something worth a line in the log."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSampled(Event):
    """What the machine has to do for the run, at most every few seconds: means since the last time it was told.

    cpu_percent: of the run's process, 100 for one core; ram_bytes: its resident memory; ram_share: of the host's memory that
    is in use. gpu_: of the whole device that the run is on, used by whom ever; None without one that can be asked.
    data_wait_share: of the time in which the loop waits for its next batch.
    """

    cpu_percent: float | None = None
    ram_bytes: float | None = None
    ram_share: float | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: float | None = None
    gpu_memory_total: float | None = None
    gpu_celsius: float | None = None
    data_wait_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """A process has taken the run up again. config: the settings as the run was started with, before any edit.

    after: how the process before left it: ``ended``, or ``lost`` when it was killed. more: epochs asked for
    beyond the plan.
    """

    run: str
    folder: str
    config: dict[str, Any]
    device: str
    pid: int
    after: Literal["ended", "lost"] = "ended"
    more: int = 0
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewound(Event):
    """Training stands where a checkpoint was made: after `epochs` whole epochs and `batch` batches of the next.

    What the record has of later epochs is unsaid, and so are the findings and the state of early stopping, which are told
    again if they held. planned: the epochs the run can have now. config: the settings in force, edits included. edits: how
    many of those are in force. why: ``resumed`` or ``reverted``.
    """

    epochs: int
    batch: int
    best_epoch: int
    best_loss: float
    planned: int
    config: dict[str, Any]
    edits: int = 0
    why: Literal["resumed", "reverted"] = "resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved(Event):
    """A checkpoint is on disk: written, synced and noted in the manifest. epochs and batch as in Rewound.

    kind: ``epoch`` (after one), ``minutes`` (in the middle of a long one), ``asked``, ``edit`` (before one), ``stop`` or ``end``.
    seconds: the writing took, beside the training.
    """

    epochs: int
    batch: int
    file: str
    kind: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed(Event):
    """A checkpoint could not be saved; the ones before it are untouched, and the next attempt comes with the next one due.

    Told once until a save succeeds again.
    """

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobsChanged(Event):
    """Knobs were changed while training. number: of the edit, from 1; epoch: under way; batch: batches done of it.

    planned: the epochs the run can have now; config: all settings in force now.
    """

    number: int
    epoch: int
    batch: int
    changes: tuple[Change, ...]
    planned: int
    config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRefused(Event):
    """Something was asked of the run that it cannot do. problem: one line, with what to do instead."""

    command: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochsAdded(Event):
    """The run may have `planned` epochs now; early stopping does not end it before."""

    epochs: int
    planned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenLost(Event):
    """The terminal went away or the screen broke down; training goes on without it. problem: one line."""

    problem: str
