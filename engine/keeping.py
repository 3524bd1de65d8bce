"""Who looks after a run between its batches: saves it, lets it wait, changes it and takes it back, as it is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import commands as c
from . import events as e
from .checkpoint import CheckpointError, Checkpoints, Loaded, Saved, room
from .configfile import to_nested
from .edits import check_edit, differences, edited, make_edit, waits_for_epoch
from .errors import InputError
from .facts import MadeEdit
from .stopping import StopToken
from .text import clean
from .training import Training

Emit = Callable[[e.Event], None]

SHARE = 0.05
"""The most of the training time that copying its state for checkpoints may take: dearer copies are made less often."""


class Keeper:
    """Looks after one training. Without a folder it saves nothing, and waits and stops as asked all the same.

    folder: where checkpoints go; keep, pause, minutes: the knobs run.checkpoints, checkpoint_pause and checkpoint_minutes.
    script: edits to make at their places, from the record of another run. editable: whether edits make sense here, or the
    word for what forbids them. among: how many trainings, each with a keeper, share the time; their saves are so many times
    as far apart.
    """

    def __init__(
        self,
        token: StopToken,
        emit: Emit,
        folder: Path | None = None,
        keep: int = 2,
        pause: float = 1.0,
        minutes: float = 5.0,
        script: Sequence[MadeEdit] = (),
        not_editable: str = "",
        among: int = 1,
    ) -> None:
        self.token, self.emit = token, emit
        self.checkpoints = Checkpoints(folder, keep, self._told) if folder is not None and keep else None
        self._pause, self._minutes, self._among = pause * among, minutes * 60, among
        self._script = list(script)
        self._not_editable = not_editable
        self._failing = False
        self._saved_at = time.perf_counter()
        self._copying = 0.0

    def close(self) -> None:
        """Wait for what is still being written."""
        if self.checkpoints is not None:
            self.checkpoints.close()

    def newest(self, problems: list[str]) -> Loaded | None:
        """The newest good checkpoint, as Checkpoints.load_newest has it."""
        return self.checkpoints.load_newest(problems) if self.checkpoints is not None else None

    def room(self, training: Training) -> str:
        """A warning when fewer than three checkpoints fit on the disk, else ""."""
        if self.checkpoints is None:
            return ""
        return room(self.checkpoints.folder, training.expected_bytes())

    def make_again(self, training: Training, edits: Sequence[MadeEdit]) -> None:
        """Make edits at their places in what is to come, as those of the script."""
        again = {key for edit in edits for key in edit.changes}
        training.waiting = {key: text for key, text in training.waiting.items() if key not in again}
        self._script = [*edits, *self._script]

    # -- between two batches ------------------------------------------------------------------------------------------

    def wanted(self, training: Training, now: float) -> bool:
        """Whether `attend` has anything to do. now: of time.perf_counter()."""
        return self.token.attention or bool(self._script) or self.overdue(now)

    def attend(self, training: Training) -> bool:
        """Do what is asked of the run. Whether the epoch can go on: not after a stop, nor when training was taken back."""
        back = self._obey(training)
        if self.token.paused:
            self.emit(e.Paused(epoch=training.done + 1))
            while self.token.paused and not back:
                self.token.rest()
                back = self._obey(training)
            self.emit(e.Resumed(epoch=training.done + 1))
        if back or self.token.reason is not None:
            return False
        if self.overdue(time.perf_counter()) and training.batch:
            self.save_soon(training, "minutes")
        return True

    def overdue(self, now: float) -> bool:
        """Whether the last save is so long ago that the middle of an epoch is to be saved. now: of time.perf_counter()."""
        if self.checkpoints is None or not self._minutes:
            return False
        return now - self._saved_at >= max(self._minutes, self._least())

    def _obey(self, training: Training) -> bool:
        """Answer everything that was asked; whether training was taken back."""
        back = False
        while self.token.notices:
            self.emit(self.token.notices.popleft())
        while self._script and self._reached(training, self._script[0]):
            made = self._script.pop(0)
            self.more(training, made.more) if made.more else self._edit(training, made.changes)
        while self.token.asked and not back:
            back = self.answer(training, self.token.asked.popleft())
        return back

    def answer(self, training: Training, command: c.Command) -> bool:
        """Do what a command asks for; whether training was taken back by it."""
        match command:
            case c.Save():
                self.save(training, "asked")
            case c.MoreEpochs():
                self.more(training, command.epochs)
            case c.Edit():
                self._edit_asked(training, command.changes)
            case c.Revert():
                return self._revert(training)
        return False

    @staticmethod
    def _reached(training: Training, edit: MadeEdit) -> bool:
        return (training.done + 1, training.batch) >= (edit.epoch, edit.batch)

    def _refuse(self, command: str, problem: str) -> None:
        self.emit(e.CommandRefused(command=command, problem=problem))

    def more(self, training: Training, epochs: int) -> None:
        """Plan more epochs."""
        if self._not_editable:
            self._refuse("more", self._not_editable)
            return
        training.go_on(epochs)
        self.save(training, "more")  # first, so that who was told of them gets them even after a kill
        self.emit(e.EpochsAdded(epochs=epochs, planned=training.planned))

    # -- edits --------------------------------------------------------------------------------------------------------

    def begin_epoch(self, training: Training) -> None:
        """Make the changes that waited for this moment."""
        if training.waiting and training.batch == 0:
            self._edit(training, dict(training.waiting))

    def _edit_asked(self, training: Training, changes: Mapping[str, str]) -> None:
        """Make an edit, or the part of it that need not wait for the next epoch."""
        if self._not_editable:
            self._refuse("edit", self._not_editable)
            return
        later = waits_for_epoch(changes)
        if not later or training.batch == 0:
            self._edit(training, changes)
            return
        try:
            check_edit(training, changes)
            now = {key: text for key, text in changes.items() if key not in later}
            if now and differences(training.config, edited(training.config, now)):
                self._edit(training, now)
            training.waiting.update(later)
        except InputError as error:
            self._refuse("edit", _line(error))
            return
        self.save(training, "waiting")  # first, for a kill; and then who asked is told
        words = ", ".join(f"{key} = {clean(text)}" for key, text in training.waiting.items())
        self.emit(e.Noted(text=f"with the next epoch: {words}"))

    def _edit(self, training: Training, changes: Mapping[str, str]) -> None:
        try:
            check_edit(training, changes)
            # What waits is in the checkpoint until it is made: a run killed in between then makes it.
            self.save(training, "edit")
            made = make_edit(training, changes)
        except InputError as error:
            self._refuse("edit", _line(error))
            return
        finally:
            training.waiting = {key: text for key, text in training.waiting.items() if key not in changes}
        self.emit(
            e.KnobsChanged(
                number=len(training.edits),
                epoch=training.done + 1,
                batch=training.batch,
                changes=made,
                planned=training.planned,
                config=to_nested(training.config),
            )
        )

    def _revert(self, training: Training) -> bool:
        """Back to the checkpoint before the last edit; whether that was possible."""
        if training.waiting:
            keys, training.waiting = ", ".join(training.waiting), {}
            self.save(training, "waiting")
            self.emit(e.Noted(text=f"no longer waits for the next epoch: {keys}"))
            return False
        if not training.edits:
            self._refuse("revert", "there is no edit to take back")
            return False
        last = training.edits[-1]
        try:
            training.restore(self._before(last, len(training.edits)))
        except (OSError, CheckpointError) as error:
            self._refuse("revert", f"the checkpoint from before the last edit cannot be used: {_line(error)}")
            return False
        training.waiting = {}
        self.save(training, "revert")
        self.emit(training.rewound("reverted"))
        for fact in training.told():
            self.emit(fact)
        return True

    def _before(self, edit: MadeEdit, number: int) -> Any:
        """The content of the checkpoint from before an edit. Raises CheckpointError when there is no good one."""
        entry = self.checkpoints.before_edit(number) if self.checkpoints is not None else None
        # Its place tells it from one that an edit of the same number has left which was taken back.
        if self.checkpoints is None or entry is None or (entry.epochs + 1, entry.batch) != (edit.epoch, edit.batch):
            raise CheckpointError("there is none")
        return self.checkpoints.load(entry).content

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def after_epoch(self, training: Training) -> None:
        """Answer what was asked meanwhile, and save unless the last time was only a moment ago."""
        if self.token.attention or self._script:
            self._obey(training)
        if self.due():
            self.save_soon(training, "epoch")

    def due(self) -> bool:
        """Whether the last save is so long ago that a whole epoch is to be saved."""
        return time.perf_counter() - self._saved_at >= max(self._pause, self._least())

    def _least(self) -> float:
        """Seconds between two copies of the state that keep them below `SHARE` of the time."""
        return self._copying * self._among / SHARE

    def save_soon(self, training: Training, kind: str) -> None:
        """Copy the state and have it written beside the training."""
        if self.checkpoints is not None:
            began = time.perf_counter()
            self.checkpoints.save_soon(training.snapshot(), **_about(training, kind))
            self._saved_at = time.perf_counter()
            self._copying = self._saved_at - began

    def save(self, training: Training, kind: str) -> None:
        """Save, and come back when it is on disk or has failed."""
        if self.checkpoints is not None:
            try:
                self._told(self.checkpoints.save(training.snapshot(), **_about(training, kind)))
            except Exception as error:  # noqa: BLE001  -- no checkpoint is worth the training that it is to save
                self._told(error)
            self._saved_at = time.perf_counter()

    def _told(self, outcome: Saved | Exception) -> None:
        """What became of a save; may be called from the thread that writes."""
        if isinstance(outcome, Saved):
            self._failing = False
            self.emit(
                e.CheckpointSaved(
                    epochs=outcome.epochs,
                    batch=outcome.batch,
                    file=outcome.file,
                    kind=outcome.kind,
                    size=outcome.size,
                    seconds=outcome.seconds,
                )
            )
        elif not self._failing:
            self._failing = True
            self.emit(e.CheckpointFailed(problem=_line(outcome)))


def _about(training: Training, kind: str) -> dict[str, Any]:
    """What the manifest says of a checkpoint."""
    best = training.batch == 0 and training.done > 0 and training.stopping.best_epoch == training.done
    return {
        "epochs": training.done,
        "batch": training.batch,
        "kind": kind,
        "best": best,
        "edit": len(training.edits) + 1 if kind == "edit" else 0,
    }


def _line(error: BaseException) -> str:
    """What went wrong on one line."""
    if isinstance(error, InputError):
        return "; ".join(fault.line() for fault in error.faults)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().partition("\n")[0] or type(error).__name__
