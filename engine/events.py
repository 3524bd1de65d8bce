"""What happens in a run, as frozen facts in the past tense. They are the record; every state is a fold over them.

The order of a run's events::

    RunStarted  DataPrepared  ModelBuilt
        ( EpochStarted  StepsDone*  EpochEnded  EarlyStoppingChecked?  FindingRaised*  FindingCleared* )*
        with Paused, Resumed, StopAsked, SinkFailed and Noted anywhere between
    BestRestored?  TestMeasured?  RunEnded

A run that fails ends with RunEnded(reason="failed"); nothing follows RunEnded but a SinkFailed, when a record cannot be
closed. Any prefix of this order is a valid record.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

EndReason = Literal["epochs_done", "early_stopping", "stopped", "interrupted", "terminated", "non_finite", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. time: seconds since 1970-01-01 UTC, set by the one who emits."""

    time: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run folder exists and training is about to begin. config: the resolved settings by section."""

    run: str
    folder: str
    config: dict[str, Any]
    device: str
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPrepared(Event):
    """The data is loaded, split and scaled. Sizes in rows; shape is that of one sample."""

    dataset: str
    task: str
    train_rows: int
    validation_rows: int
    test_rows: int
    shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBuilt(Event):
    """The model exists. layers: (name, parameters) of each layer that has any. metric: the task's second curve."""

    layers: tuple[tuple[str, int], ...]
    parameters: int
    epochs: int
    steps_per_epoch: int
    batch_size: int
    metric: str
    metric_mode: Literal["max", "min"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStarted(Event):
    """epoch counts from 1."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsDone(Event):
    """Progress inside an epoch, at most about once a second. step: steps done in this epoch."""

    epoch: int
    step: int
    samples_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded(Event):
    """An epoch's figures. Losses are means per sample of the data loss, without penalties.

    train_loss and train_metric are averaged over the epoch's steps, while the weights moved and dropout was on;
    val_loss and val_metric are measured after it in evaluation mode. penalty: the L1 and L2 terms at the end of the epoch.
    grad_norm: mean norm of the gradient over a sample of the epoch's steps, before clipping. lr: learning rate used in
    this epoch. seconds: of training plus validation; samples_per_second: of training alone. best_epoch: the epoch with
    the best validation loss so far, 0 when none was finite.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_metric: float
    val_metric: float
    lr: float
    penalty: float
    grad_norm: float
    seconds: float
    samples_per_second: float
    best_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStoppingChecked(Event):
    """Where early stopping stands after an epoch. waited: epochs without improvement. must_beat: the bar, exclusive."""

    epoch: int
    best: float
    best_epoch: int
    waited: int
    patience: int
    must_beat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRaised(Event):
    """The diagnosis holds something to be wrong. See engine.diagnosis.Finding for the fields."""

    epoch: int
    kind: str
    confidence: str
    began: int
    title: str
    evidence: str
    actions: tuple[str, ...]
    knobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCleared(Event):
    """A finding no longer holds."""

    epoch: int
    kind: str


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
class BestRestored(Event):
    """The weights of this epoch were put back."""

    epoch: int
    val_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMeasured(Event):
    """The figures on the test part, measured once. baseline: the metric of always giving the same answer."""

    __test__: ClassVar[bool] = False  # the name starts with Test, but it is no test for pytest to collect

    epoch: int
    loss: float
    metric: float
    baseline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The last event of a run. best_epoch is 0 when no epoch was completed. error: one line, or "" when all went well."""

    reason: EndReason
    epochs: int
    best_epoch: int
    seconds: float
    error: str = ""


TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RunStarted, DataPrepared, ModelBuilt, EpochStarted, StepsDone, EpochEnded, EarlyStoppingChecked, FindingRaised,
        FindingCleared, Paused, Resumed, StopAsked, SinkFailed, Noted, BestRestored, TestMeasured, RunEnded,
    )
}  # fmt: skip

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_json(event: Event) -> str:
    """The event as one line of standard JSON; NaN and infinities, which JSON lacks, become strings."""
    body: dict[str, Any] = {"event": type(event).__name__}
    for item in fields(event):
        body[item.name] = _plain(getattr(event, item.name))
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(line: str) -> Event | None:
    """The event of a line of a journal. None for a kind this version does not know: a newer one may have written it.

    Raises ValueError when the line is not an event at all (torn, or not ours).
    """
    try:
        body = json.loads(line)
    except RecursionError:
        raise ValueError("not an event: nested too deeply") from None
    if not isinstance(body, dict) or not isinstance(name := body.pop("event", None), str):
        raise ValueError("not an event")
    kind = TYPES.get(name)
    if kind is None:
        return None
    hints = _hints(kind)
    try:
        return kind(**{name: _typed(value, hints[name]) for name, value in body.items() if name in hints})
    except (TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@cache
def _hints(kind: type[Event]) -> dict[str, Any]:
    return get_type_hints(kind)


def _typed(value: Any, hint: Any) -> Any:
    """A JSON value as the type that the field declares: tuples for lists, floats for ints and for our NaN strings."""
    if hint is float:
        return _NON_FINITE[value] if isinstance(value, str) else float(value)
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if len(inner) == 2 and inner[1] is ...:
            return tuple(_typed(item, inner[0]) for item in value)
        return tuple(_typed(item, each) for item, each in zip(value, inner, strict=True))
    return value
