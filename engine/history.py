"""A run's whole record, folded."""

from __future__ import annotations

from .errors import Fault, InputError
from .journal import JournalTail
from .rundir import RunDir
from .runview import RunView
from .text import clean


def view_of(run: RunDir) -> tuple[RunView, int]:
    """The run's history folded, and how many lines of it are damaged. Raises InputError when it cannot be read."""
    view, tail = RunView(), JournalTail(run.journal, passing=("WeightsSampled", "StepsDone"))
    try:
        while tail.behind:
            view.apply_all(tail.read())
    except OSError as error:
        problem = f"the run cannot be read: {error.strerror}"
        raise InputError([Fault("", problem, "", clean(run.journal, 2000))]) from None
    return view, tail.damaged
