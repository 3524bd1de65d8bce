"""The final figures of a run."""

from __future__ import annotations

from rich.text import Text

from engine.console import final_table
from engine.runview import RunView

from .status import Quiet


class Results(Quiet):
    """The same small table that the headless run prints; not there before the run has ended."""

    def show_view(self, view: RunView) -> None:
        self.display = view.end is not None
        if view.end is not None:
            self.show(_table(view))


def _table(view: RunView) -> Text:
    text = Text()
    for line in final_table(view).splitlines():
        name, figures = line[:12], line[12:]
        text.append(name, style="dim")
        text.append(figures + "\n", style="bold" if name.startswith(("test", "warning")) else "")
    text.rstrip()
    return text
