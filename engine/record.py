"""What a run's folder tells the process that takes it up again: its settings, its history, and how it was left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from . import events as e
from .config import RunConfig
from .configfile import build_config, load_config
from .errors import ConfigError, Fault, InputError
from .facts import MadeEdit
from .journal import JournalTail
from .knobs import knob_by_key, show, values
from .rundir import RunDir
from .runview import RunView
from .text import clean

STOPPED = ("stopped", "interrupted", "terminated")
"""Reasons to end that leave something to be done."""

FREE = ("run.folder", "run.devices")
"""Settings that say where a run is trained and nothing of what: it can be gone on with by others."""


@dataclass
class Record:
    """A run's journal, read. after: how the last process left it; "" when there is no journal: it never began.

    started: the settings it was started with, as the journal has them. epochs and tests: by trial (0 for a run without trials),
    those that still count. ended: the trials that are over. edits and added: those that count, in order (added: with
    the epochs planned then); spent: seconds in which some process had the run; a chapter that begins at a checkpoint from before some of the edits makes those once more.
    """

    after: Literal["", "ended", "lost"] = ""
    started: dict[str, Any] | None = None
    view: RunView = field(default_factory=RunView)
    epochs: dict[int, dict[int, e.EpochEnded]] = field(default_factory=dict)
    tests: dict[int, e.TestMeasured] = field(default_factory=dict)
    ended: dict[int, e.TrialEnded] = field(default_factory=dict)
    edits: list[e.KnobsChanged] = field(default_factory=list)
    added: list[tuple[MadeEdit, int]] = field(default_factory=list)
    damaged: int = 0
    spent: float = 0.0
    _told: float = 0.0

    def apply(self, event: e.Event) -> None:
        """Fold one event in."""
        tested = self.view.of(event.trial).test
        if self._told and not isinstance(event, e.RunStarted | e.RunResumed):
            self.spent += max(0.0, event.time - self._told)
        self._told = event.time
        self.view.apply(event)
        history = self.epochs.setdefault(event.trial, {})
        match event:
            case e.RunStarted():
                self.started, self.after = event.config, "lost"
            case e.RunResumed():
                self.started, self.after = self.started or event.config, "lost"
            case e.RunEnded():
                self.after = "ended"
            case e.TrialStarted():
                self.epochs[event.number] = {}
                self.ended.pop(event.number, None)
            case e.EpochEnded():
                history[event.epoch] = event
            case e.Rewound():
                self.epochs[event.trial] = {epoch: one for epoch, one in history.items() if epoch <= event.epochs}
                if event.why == "reverted":
                    self.edits = [edit for edit in self.edits if edit.number <= event.edits]
                # Added epochs stand in the checkpoint from the moment they are told: what is planned there says which.
                here = (event.epochs + 1, event.batch)
                kept = ((one, planned) for one, planned in self.added if (one.epoch, one.batch) <= here)
                self.added = [(one, planned) for one, planned in kept if planned <= event.planned]
                self.ended.pop(event.trial, None)
                if tested is not None and tested.epoch <= event.epochs:
                    self.view.of(
                        event.trial
                    ).test = tested  # the TensorBoard log has its figures, and is to have them once
            case e.KnobsChanged():
                at = event.number - 1
                again = at < len(self.edits) and _same_edit(self.edits[at], event)
                self.edits[at:] = [event, *(self.edits[at + 1 :] if again else ())]
            case e.EpochsAdded():
                place = max([(max(history, default=0) + 1, 0), *((edit.epoch, edit.batch) for edit in self.edits)])
                self.added.append((MadeEdit(*place, {}, event.epochs), event.planned))
            case e.TestMeasured():
                self.tests[event.trial] = event
            case e.TrialEnded():
                self.ended[event.number] = event

    def to_make(self, made: int = 0) -> list[MadeEdit]:
        """The edits that count, without the first `made`."""
        return [
            MadeEdit(one.epoch, one.batch, {each.key: each.after for each in one.changes}) for one in self.edits[made:]
        ]

    def script(self) -> list[MadeEdit]:
        """All that was done to the run from outside and counts: edits, and epochs that were added."""
        return sorted([*self.to_make(), *(one for one, _ in self.added)], key=lambda one: (one.epoch, one.batch))

    @property
    def reason(self) -> e.EndReason | None:
        """Why the run ended, if it did."""
        return self.view.end.reason if self.view.end else None


def _same_edit(one: e.KnobsChanged, other: e.KnobsChanged) -> bool:
    """Whether one of them is the other, made once more by a later process: those behind it then still count."""
    return (one.number, one.epoch, one.batch, one.changes) == (other.number, other.epoch, other.batch, other.changes)


def read_record(run: RunDir) -> Record:
    """The record of a run, as far as it can be read. Raises InputError when the journal cannot be opened."""
    record = Record()
    if not run.journal.exists():
        return record
    try:
        tail = JournalTail(run.journal, passing=("WeightsSampled", "StepsDone", "MachineSampled"))
        while True:
            for event in tail.read():
                record.apply(event)
            if not tail.behind:
                break
    except OSError as error:
        raise InputError(
            [Fault("", f"the run's journal cannot be read: {error.strerror}", "", str(run.journal))]
        ) from None
    record.damaged = tail.damaged
    return record


def settings_of(run: RunDir, record: Record) -> RunConfig:
    """The settings that a run goes on with: those it was started with.

    Raises ConfigError, naming each key, when its config.toml says something else by now, and InputError for a run that a script
    of the person's own trains.
    """
    if record.view.own_loop:
        raise own_loop_error(run)
    config = load_config(str(run.config))
    if record.started is not None and (faults := changed_settings(record.started, config)):
        raise ConfigError(faults)
    return config


def own_loop_error(run: RunDir) -> InputError:
    """What is said of a run that only its own script could do something for."""
    problem = f"{clean(run.name)} is the run of a script with a training loop of its own, which nntui has neither settings nor model of"
    return InputError([Fault("", problem, "`nntui show`, `attach`, `diagnose` and `compare` work on it")])


def changed_settings(started: dict[str, Any], config: RunConfig) -> list[Fault]:
    """A fault for each knob that a run was started with another value of."""
    try:
        before = values(build_config(started))
    except ConfigError:  # written by another version, whose knobs differ: config.toml is then all there is
        return []
    after, rows = values(config), knob_by_key()
    hint = "--override starts a new run with it, from this one's best weights"
    return [
        Fault(
            key, f"this run was started with {_text(rows[key], before[key])}, not {_text(rows[key], after[key])}", hint
        )
        for key in before
        if before[key] != after[key] and key not in FREE
    ]


def _text(row: Any, value: Any) -> str:
    return show(row, value) or "nothing"
