"""RunView: the one fold over a run's events that the live screen, an attached one, a replay, the CLI and the tests share."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Literal

from . import events as e
from .logline import LogLine, level_of
from .longcurves import MachineLog, StepCurve
from .timeleft import seconds_left
from .trialview import CURVES, TrialView
from .words import AFTER_WORDS, change_words, end_words, place_words

__all__ = ["Phase", "RunView", "TrialView"]

Phase = Literal["preparing", "training", "paused", "stopping", "ended"]


@dataclass(slots=True)
class RunView:
    """The state of a run after the events applied so far. Any prefix of a run's events gives a valid view.

    Lists hold one value per finished epoch; `epochs` has their numbers, from 1. With trials, everything but `trials`,
    `log` and what concerns the whole run is about one of them, number `trial`: the one under way, and of several that train side
    by side the first that began, until it has ended and another goes on. `others` has the views of those beside it.

    times: seconds since 1970 at which each of them ended. steps: the loss inside the epochs. machine: what the machine had to do the last time that it
    was told, machine_log: all along. planned: the epochs the run can have now if that is not what it was built for, else 0; `extended`: how many were added. edits: the live edits in force. resumed_at: the
    whole epochs that were done where a chapter began. saved: the last checkpoint; save_problem: why the latest could not be
    saved, or "". chapters: every time a process took the run up again. screen_lost: the last time it lost its terminal.
    own_loop: a script of the person's own trains, series has what it logged, by name, and missing the names of what it did not.
    """

    run: str = ""
    folder: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    device: str = ""
    own_loop: bool = False
    phase: Phase = "preparing"
    started: float = 0.0
    now: float = 0.0

    data: e.DataPrepared | None = None
    model: e.ModelBuilt | None = None

    epoch: int = 0
    step: int = 0
    samples_per_second: float = 0.0

    epochs: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    train_metric: list[float] = field(default_factory=list)
    val_metric: list[float] = field(default_factory=list)
    val_metrics: list[dict[str, float]] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    penalty: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    grad_norm_clipped: list[float] = field(default_factory=list)
    layer_grad_norms: list[tuple[float, ...]] = field(default_factory=list)
    weight_norm: list[float] = field(default_factory=list)
    sparsity: list[float] = field(default_factory=list)
    train_loss_running: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    series: list[dict[str, float]] = field(default_factory=list)
    missing: list[tuple[str, ...]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    steps: StepCurve = field(default_factory=StepCurve)
    machine: e.MachineSampled | None = None
    machine_log: MachineLog = field(default_factory=MachineLog)

    best_epoch: int = 0
    best_loss: float = float("inf")
    stopping: e.EarlyStoppingChecked | None = None
    findings: dict[str, e.FindingRaised] = field(default_factory=dict)
    log: list[LogLine] = field(default_factory=list)

    trials: list[TrialView] = field(default_factory=list)
    trial: int = 0
    others: dict[int, RunView] = field(default_factory=dict)
    planned_trials: int = 0
    summary: e.TrialsSummarized | None = None

    planned: int = 0
    edits: list[e.KnobsChanged] = field(default_factory=list)
    resumed_at: list[int] = field(default_factory=list)
    extended: int = 0
    saved: e.CheckpointSaved | None = None
    save_problem: str = ""
    chapters: list[e.RunResumed] = field(default_factory=list)
    screen_lost: e.ScreenLost | None = None

    restored: e.BestRestored | None = None
    test: e.TestMeasured | None = None
    report: e.ReportMade | None = None
    end: e.RunEnded | None = None

    @property
    def shown(self) -> TrialView | None:
        """The trial that this view is about, or None in a run without trials."""
        return next((trial for trial in self.trials if trial.number == self.trial), None)

    def label(self, event: e.Event) -> str:
        """The name of the trial of an event, where several are under way and it needs saying; else ""."""
        return next((one.label for one in self.trials if one.number == event.trial), "") if self.others else ""

    def of(self, trial: int) -> RunView:
        """The view of a trial that is under way beside the shown one, or this one."""
        return self.others.get(trial, self)

    def alone(self, trial: int) -> RunView:
        """A copy that knows of this one trial only, or of the whole run with 0."""
        view = copy.copy(self)
        view.others = {number: other for number, other in self.others.items() if number == trial}
        view.look_at(trial)
        view.others = {}
        view.trials = [one for one in self.trials if one.number == trial]
        return copy.deepcopy(view)

    def look_at(self, trial: int) -> None:
        """Show another of the trials under way."""
        if (other := self.others.pop(trial, None)) is None:
            return
        mine = RunView(trial=self.trial, trials=[self.shown] if self.shown else [], started=self.started)
        for name in _PER_TRIAL:
            setattr(mine, name, getattr(self, name))
            setattr(self, name, getattr(other, name))
        self.others = {**self.others, self.trial: mine}
        self.trial = trial

    @property
    def total_epochs(self) -> int:
        """The most epochs the run can have; 0 before it is known."""
        return self.planned or (self.model.epochs if self.model else 0)

    @property
    def metric(self) -> str:
        return self.model.metric if self.model else "metric"

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end of the run if nothing ends it earlier; None when unknown. See engine.timeleft."""
        return seconds_left(self)

    def apply_all(self, items: Iterable[e.Event]) -> RunView:
        """Apply events in order; returns the view itself."""
        for item in items:
            self.apply(item)
        return self

    def apply(self, event: e.Event) -> None:
        """Fold one event in."""
        self.now = max(self.now, event.time)
        if isinstance(event, e.EpochEnded) and self.shown and self.shown.ended:
            self.look_at(event.trial)  # what was shown stands still, and this one goes on
        if event.trial in self.others and not isinstance(event, e.TrialStarted):
            self._apply_beside(self.others[event.trial], event)
            return
        match event:
            case e.RunStarted():
                self.run, self.folder, self.config = event.run, event.folder, event.config
                self.device, self.own_loop = event.device, event.own_loop
                self.started, self.planned = event.time, event.epochs
                self._say(event, f"run {event.run}" + (f" on {event.device}" if event.device else ""))
            case e.DataPrepared():
                self.data = event
                parts = f"{event.train_rows} train, {event.validation_rows} validation, {event.test_rows} test rows"
                self._say(event, f"{event.dataset}: {parts}")
            case e.ModelBuilt():
                self.model, self.planned = event, 0
                if event.parameters:
                    steps = f", {event.steps_per_epoch} steps per epoch" if event.steps_per_epoch else ""
                    self._say(event, f"model with {event.parameters:,} parameters{steps}")
            case e.EpochStarted():
                self.phase = "training" if self.phase == "preparing" else self.phase
                self.epoch, self.step = event.epoch, 0
            case e.StepsDone():
                self.epoch, self.step = event.epoch, event.step
                self.samples_per_second = event.samples_per_second
                self.steps.add(event, self.model.steps_per_epoch if self.model else 0, self.started)
            case e.MachineSampled():
                self.machine = event
                self.machine_log.add(event)
            case e.EpochEnded():
                self._end_epoch(event)
            case e.EarlyStoppingChecked():
                self.stopping = event
            case e.FindingRaised():
                if event.kind not in self.findings:
                    self._say(event, f"{event.title}: {event.evidence}")
                self.findings[event.kind] = event
            case e.FindingCleared():
                self.findings.pop(event.kind, None)
                self._say(event, f"{event.kind} no longer holds at epoch {event.epoch}")
            case e.Paused():
                self.phase = "paused"
                self._say(event, f"paused in epoch {event.epoch}")
            case e.Resumed():
                self.phase = "training"
                self._say(event, "training goes on")
            case e.StopAsked():
                self.phase = "stopping"
                self._say(event, f"stop asked: {end_words(event.reason)}")
            case e.SinkFailed():
                self._say(event, f"{event.sink} is no longer written: {event.problem}")
            case e.Noted():
                self._say(event, event.text)
            case e.RunResumed():
                self._begin_chapter(event)
            case e.Rewound():
                self._rewind(event)
            case e.CheckpointSaved():
                self.saved, self.save_problem = event, ""
                if event.kind in ("asked", "stop", "edit"):
                    self._say(event, f"checkpoint saved after {place_words(event.epochs, event.batch)}")
            case e.CheckpointFailed():
                self.save_problem = event.problem
                self._say(event, f"the checkpoint could not be saved: {event.problem}; the ones before it are good")
            case e.KnobsChanged():
                self.edits.append(event)
                self.config, self.planned = event.config, event.planned
                self._say(event, f"edit {event.number} in epoch {event.epoch}, {change_words(event.changes)}")
            case e.CommandRefused():
                self._say(event, f"{event.command} refused: {event.problem}")
            case e.EpochsAdded():
                self.planned, self.extended = event.planned, self.extended + event.epochs
                self._say(event, f"{event.epochs} epochs added: up to {event.planned}")
            case e.ScreenLost():
                self.screen_lost = event
                self._say(event, f"the screen was lost: {event.problem}; training goes on without it")
            case e.BestRestored():
                self.restored = event
                self._say(event, f"weights of epoch {event.epoch} restored")
            case e.TestMeasured():
                self.test = event
                self._say(event, f"test loss {event.loss:.4g}, {self.metric} {event.metric:.4g}")
            case e.ReportMade():
                self.report = event
                if self.shown:
                    self.shown.report = event
            case e.TrialStarted():
                self._begin_trial(event)
            case e.TrialEnded():
                if self.shown:  # a journal may lack its beginning
                    self.shown.ended = event
                figures = f"validation loss {event.val_loss:.4g}, {self.metric} {event.val_metric:.4g}"
                self._say(event, f"{event.label}: {figures}, test {self.metric} {event.test_metric:.4g}")
            case e.TrialsSummarized():
                self.summary = event
            case e.RunEnded():
                self.end, self.phase = event, "ended"
                self._say(event, f"ended: {event.error or end_words(event.reason)}")
            case _:  # an event of a newer version: nothing this view knows to show
                pass

    def _apply_beside(self, other: RunView, event: e.Event) -> None:
        """Apply an event to the view of a trial that is not shown; what it has to say is said here."""
        other.apply(event)
        name = f"{other.trials[0].label}: " if other.trials else ""
        self.log += [LogLine(line[0], f"{name}{line[1]}", line.level) for line in other.log]
        other.log.clear()
        if isinstance(event, e.CheckpointSaved | e.CheckpointFailed):
            self.save_problem = other.save_problem

    def _begin_trial(self, event: e.TrialStarted) -> None:
        """Empty what belongs to one trial; the finished ones keep their curves in `trials`."""
        shown = self.shown
        self.planned_trials = event.of
        self.trials = [trial for trial in self.trials if trial.number != event.number]  # one that is trained once more
        self._say(event, f"{event.label} of {event.of}")
        if shown is not None and shown.number != event.number and shown.ended is None:
            beside = RunView(trial=event.number, planned_trials=event.of, started=self.started)
            self.others[event.number] = beside
        else:
            beside, fresh = self, RunView()
            for one in self.trials:
                if one.ended is not None:
                    one.settle()
            for name in _PER_TRIAL:
                setattr(self, name, getattr(fresh, name))
            self.trial = event.number
            self.others = {
                number: one for number, one in self.others.items() if one.trials and one.trials[0].ended is None
            }
        more = {name: getattr(beside, name) for name in CURVES}
        curves = (beside.epochs, beside.train_loss, beside.val_loss)
        self.trials.append(TrialView(event.number, event.label, *curves, more=more, val_metrics=beside.val_metrics))
        if beside is not self:
            beside.trials.append(self.trials[-1])

    def _begin_chapter(self, event: e.RunResumed) -> None:
        """A process has taken the run up: what was said of its end no longer holds."""
        self.run, self.folder, self.device = event.run, event.folder, event.device
        self.config = self.config or event.config
        self.chapters.append(event)
        self.phase, self.save_problem = "preparing", ""
        self.end = self.summary = None
        self._say(event, f"{AFTER_WORDS.get(event.after, 'taken up again')}; on {event.device}, process {event.pid}")

    def _rewind(self, event: e.Rewound) -> None:
        """Forget what is beyond the point where training stands now."""
        keep = sum(epoch <= event.epochs for epoch in self.epochs)
        for column in (self.epochs, self.times, *_CURVES(self)):
            del column[keep:]
        self.steps.cut(event.epochs + event.batch / (self.model.steps_per_epoch if self.model else 1))
        self.epoch, self.step = event.epochs + (event.batch > 0), event.batch
        known = event.best_epoch in self.epochs  # a journal may lack its beginning
        self.best_epoch, self.best_loss = (event.best_epoch, event.best_loss) if known else (0, float("inf"))
        self.config = self.config if event.trial else event.config  # that of a restart has a seed of its own
        self.planned = event.planned
        self.edits = [edit for edit in self.edits if edit.number <= event.edits]
        self.stopping = self.restored = self.test = self.report = None
        self.findings.clear()
        if event.trial and self.shown:
            self.shown.ended = self.shown.report = None
        if event.why == "resumed":
            self.resumed_at.append(event.epochs)
        self.resumed_at = [at for at in self.resumed_at if at <= event.epochs]
        words = "goes on after" if event.why == "resumed" else "back to where it was after"
        self._say(event, f"{words} {place_words(event.epochs, event.batch)}")

    def _end_epoch(self, event: e.EpochEnded) -> None:
        self.epoch, self.step = event.epoch, self.model.steps_per_epoch if self.model else self.step
        self.samples_per_second = event.samples_per_second
        self.epochs.append(event.epoch)
        for curve, value in zip(_CURVES(self), _CURVES(event), strict=True):
            curve.append(value)
        self.times.append(event.time)
        if event.best_epoch == event.epoch:
            self.best_loss = event.train_loss if "val_loss" in event.missing else event.val_loss
            self.best_epoch = event.epoch

    def _say(self, event: e.Event, text: str) -> None:
        name = self.label(event)
        text = f"{name}: {text}" if name and event.trial == self.trial else text
        self.log.append(LogLine(event.time, text, level_of(event)))


_WHOLE_RUN = frozenset([
    "run", "folder", "config", "device", "own_loop", "phase", "started", "now", "trials", "trial", "others", "planned_trials", "summary",
    "log", "end", "chapters", "screen_lost", "save_problem", "machine", "machine_log",
])  # fmt: skip
_PER_TRIAL = tuple(item.name for item in fields(RunView) if item.name not in _WHOLE_RUN)

_PER_EPOCH = (
    "train_loss", "train_loss_running", "val_loss", "train_metric", "val_metric", "val_metrics", "lr", "penalty", "weight_norm", "sparsity",
    "grad_norm", "grad_norm_clipped", "layer_grad_norms", "seconds", "series", "missing",
)  # fmt: skip
_CURVES = attrgetter(*_PER_EPOCH)
