"""What a run's folder tells the process that takes it up again: its settings, its history, and how it was left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from . import events as e
from .config import RunConfig
from .configfile import build_config, load_config
from .errors import ConfigError, Fault, InputError
from .journal import JournalTail
from .knobs import knob_by_key, show, values
from .rundir import RunDir
from .runview import RunView

STOPPED = ("stopped", "interrupted", "terminated", "detached")
"""Reasons to end that leave something to be done."""


@dataclass
class Record:
    """A run's journal, read. after: how the last process left it; "" when there is no journal: it never began.

    started: the settings it was started with, as the journal has them. epochs and tests: by trial (0 for a run without trials),
    those that still count. ended: the trials that are over.
    """

    after: Literal["", "ended", "detached", "lost"] = ""
    started: dict[str, Any] | None = None
    view: RunView = field(default_factory=RunView)
    epochs: dict[int, dict[int, e.EpochEnded]] = field(default_factory=dict)
    tests: dict[int, e.TestMeasured] = field(default_factory=dict)
    ended: dict[int, e.TrialEnded] = field(default_factory=dict)
    edits: list[e.KnobsChanged] = field(default_factory=list)
    damaged: int = 0

    def apply(self, event: e.Event) -> None:
        """Fold one event in."""
        self.view.apply(event)
        history = self.epochs.setdefault(event.trial, {})
        match event:
            case e.RunStarted():
                self.started, self.after = event.config, "lost"
            case e.RunResumed():
                self.started, self.after = self.started or event.config, "lost"
            case e.RunEnded():
                self.after = "ended"
            case e.HandedOver():
                self.after = "detached"
            case e.TrialStarted():
                self.epochs[event.number] = {}
                self.ended.pop(event.number, None)
            case e.EpochEnded():
                history[event.epoch] = event
            case e.Rewound():
                self.epochs[event.trial] = {epoch: one for epoch, one in history.items() if epoch <= event.epochs}
                self.edits = [edit for edit in self.edits if edit.number <= event.edits]
                self.ended.pop(event.trial, None)
            case e.KnobsChanged():
                self.edits.append(event)
            case e.TestMeasured():
                self.tests[event.trial] = event
            case e.TrialEnded():
                self.ended[event.number] = event

    @property
    def reason(self) -> e.EndReason | None:
        """Why the run ended, if it did."""
        return self.view.end.reason if self.view.end else None


def read_record(run: RunDir) -> Record:
    """The record of a run, as far as it can be read. Raises InputError when the journal cannot be opened."""
    record = Record()
    if not run.journal.exists():
        return record
    try:
        tail = JournalTail(run.journal, passing=("WeightsSampled", "StepsDone"))
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

    Raises ConfigError, naming each key, when its config.toml says something else by now.
    """
    config = load_config(str(run.config))
    if record.started is not None and (faults := changed_settings(record.started, config)):
        raise ConfigError(faults)
    return config


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
        if before[key] != after[key] and key != "run.folder"
    ]


def _text(row: Any, value: Any) -> str:
    return show(row, value) or "nothing"
