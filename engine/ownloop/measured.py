"""The curves of a run without what was not measured, which only a script's own loop leaves out."""

from __future__ import annotations

from typing import Any

from ..runview import RunView


def measured(view: RunView, *names: str) -> list[list[Any]]:
    """The epochs in which all of these were measured, and their values, as parallel lists. names: of the view's curves."""
    columns = [view.epochs, *(getattr(view, name) for name in names)]
    if not view.own_loop:
        return columns
    kept = [at for at, missing in enumerate(view.missing) if not set(names) & set(missing)]
    return [[column[at] for at in kept] for column in columns]
