"""What happened in a run, as marks on its charts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.diagnosis import NOTES
from engine.facts import Change
from engine.ownloop.measured import measured
from engine.runview import RunView

from .chart import Mark
from .text import clean
from .xaxis import Course


def marks_of(view: RunView, course: Course) -> list[Mark]:
    """Where a process took the run up again, settings were changed, a figure was no number, a finding began, early stopping
    struck, and the best epoch. What is no warning has another sign than what is."""
    marks = [Mark(course.at(at), "resume") for at in view.resumed_at] + edit_marks(view, course)
    epochs, losses = measured(view, "val_loss")
    lost = np.flatnonzero(~np.isfinite(np.array(losses, np.float64)))
    if len(lost):
        epoch = epochs[int(lost[0])]
        marks.append(Mark(course.at(epoch), "non_finite", f"no number @ {epoch}"))
    for finding in view.findings.values():
        label = f"{clean(finding.kind, 20).replace('_', ' ')} @ {finding.began}"
        kind = "other" if finding.kind in NOTES else "finding"
        marks += [Mark(course.at(finding.began), kind, label)] if finding.began else []
    if view.end is not None and view.end.reason == "early_stopping":
        marks.append(Mark(course.at(len(view.epochs)), "stop"))
    if view.best_epoch:
        marks.append(Mark(course.at(view.best_epoch), "best", f"best @ {view.best_epoch}"))
    return marks


def edit_marks(view: RunView, course: Course) -> list[Mark]:
    """A tick for each edit in force, where it was made, with the new values."""
    return [
        Mark(
            course.at(edit.epoch - 1 + edit.batch / course.steps_per_epoch), "lr", clean(change_label(edit.changes), 60)
        )
        for edit in view.edits
    ]


def change_label(changes: Sequence[Change]) -> str:
    """Changes as they stand beside a tick: the knobs' own names and their new values."""
    return ", ".join(f"{one.key.rpartition('.')[2]} {one.after or 'none'}" for one in changes)
