"""The final figures of a run."""

from __future__ import annotations

from rich.text import Text

from engine.console import final_rows
from engine.runview import RunView

from ..text import clean
from .status import Quiet

LESS_WANTED = ("train", "time", "warning", "mistakes", "units", "test scores", "run folder")
"""Rows that a low screen does without: the charts come first, and a key shows all of it."""


class Results(Quiet):
    """The same small table that the headless run prints; not there before the run has ended."""

    def show_view(self, view: RunView, low: bool = False) -> None:
        """low: the screen has few rows, so show only what matters most."""
        self.display = view.end is not None
        if view.end is not None:
            self.show(_table([row for row in final_rows(view) if not (low and row[0] in LESS_WANTED)]))


def _table(rows: list[tuple[str, str]]) -> Text:
    text = Text("\n").join(
        Text.assemble((f"{name:<11} ", "dim"), (clean(figures, 2000), "bold" if name in ("test", "warning") else ""))
        for name, figures in rows
    )
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
