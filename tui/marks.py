"""What happened in a run, as marks on its charts."""

from __future__ import annotations

from collections.abc import Sequence

from engine.facts import Change
from engine.runview import RunView

from .chart import Mark
from .text import clean


def marks_of(view: RunView) -> list[Mark]:
    """Where a process took the run up again, where settings were changed, the best epoch, and where early stopping struck."""
    marks = [Mark(at, "resume") for at in view.resumed_at] + edit_marks(view)
    marks += [Mark(view.best_epoch, "best")] if view.best_epoch else []
    if view.end is not None and view.end.reason == "early_stopping":
        marks.append(Mark(len(view.epochs), "stop"))
    return marks


def edit_marks(view: RunView) -> list[Mark]:
    """A tick for each edit in force, where it was made, with the new values."""
    steps = view.model.steps_per_epoch if view.model else 1
    return [
        Mark(edit.epoch - 1 + edit.batch / max(1, steps), "lr", clean(change_label(edit.changes), 60))
        for edit in view.edits
    ]


def change_label(changes: Sequence[Change]) -> str:
    """Changes as they stand beside a tick: the knobs' own names and their new values."""
    return ", ".join(f"{one.key.rpartition('.')[2]} {one.after or 'none'}" for one in changes)
