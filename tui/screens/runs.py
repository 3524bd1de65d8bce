"""The list of runs: what became of each, one key to open one and one to go on with it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.coordinate import Coordinate
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Static

from engine.comparing import MOST
from engine.errors import NntuiError
from engine.text import clean

from ..takeover import Takeover
from ..text import duration, plain

if TYPE_CHECKING:
    from engine.runs import RunSummary

ListRuns = Callable[[str], "list[RunSummary]"]

LOOK_SECONDS = 2.0  # how often the list is made anew
RESUMABLE = ("stopped", "lost", "finished", "failed")
COLUMNS = ("", "run", "status", "epoch", "best", "age")


def runs_in(folder: str) -> list[RunSummary]:
    """The runs in `folder`, the newest first."""
    from engine.runs import list_runs

    return list_runs(folder)


class RunsTable(DataTable[Text]):
    """Its key for opening a run is in the footer."""

    BINDINGS = [Binding("enter", "select_cursor", "open")]


class RunsScreen(ModalScreen["Path | list[Path] | None"]):
    """Closes with the folder of the run to open, with those of several to compare, or with None."""

    HELP_PART = "RUNS"
    BINDINGS = [
        Binding("r", "resume", "resume"),
        Binding("space", "mark", "mark", priority=True),
        Binding("C", "compare", "compare marked"),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("escape,q,o", "leave", "close", key_display="Esc"),
    ]

    def __init__(self, folder: str, list_runs: ListRuns, take_over: Takeover, marked: Sequence[Path] = ()) -> None:
        """marked: the runs that are chosen already, to be compared with others."""
        super().__init__()
        self._marked = {path.absolute(): None for path in marked}  # in the order in which they were marked
        self._folder = folder
        self._list_runs = list_runs
        self._take_over = take_over
        self._runs: list[RunSummary] = []
        self._busy = False
        self._pointed = 0  # the row with the sign of the cursor

    def compose(self) -> ComposeResult:
        with Vertical(id="runs-box"):
            yield Static(Text(f"Runs in {clean(self._folder, 200)}", style="bold"), id="runs-title")
            yield RunsTable(id="runs-table", cursor_type="row", zebra_stripes=False)
            yield Static("looking", id="runs-words", markup=False)
            yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        table = self.query_one(RunsTable)
        table.add_columns(*COLUMNS)
        table.focus()
        self._look()
        self.set_interval(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self.run_worker(self._list(), group="list", exclusive=True)

    async def _list(self) -> None:
        try:
            self._runs = await asyncio.to_thread(self._list_runs, self._folder)
        except OSError as error:
            self._say(f"the folder cannot be read: {clean(error.strerror or error)}")
            return
        table = self.query_one(RunsTable)
        at = table.cursor_row
        table.clear()
        now = time.time()
        for run in self._runs:
            table.add_row(Text(" "), *row_of(run, now, run.path in self._marked), key=str(run.path))
        if self._runs:
            table.move_cursor(row=min(at, len(self._runs) - 1), animate=False)
            self._point()
        if not self._busy:
            self._say(
                self._marked_words() if self._runs else "there are no runs here yet; r on the setup screen starts one"
            )
        self.refresh_bindings()

    def _say(self, words: str) -> None:
        self.query_one("#runs-words", Static).update(Text(words))

    def _marked_words(self) -> str:
        if not self._marked:
            return ""
        some = len(self._marked)
        return f"{some} marked with *; " + (
            "C compares them" if some > 1 else "space marks another one to compare it with"
        )

    @property
    def _run(self) -> RunSummary | None:
        """The run under the cursor."""
        at = self.query_one(RunsTable).cursor_row
        return self._runs[at] if 0 <= at < len(self._runs) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "resume":
            return self._run is not None and self._run.status in RESUMABLE and not self._run.own_loop and not self._busy
        if action == "mark":
            return self._run is not None and not self._busy
        if action == "compare":
            return len(self._marked) > 1
        return True

    def on_data_table_row_highlighted(self) -> None:
        self._point()
        self.refresh_bindings()

    def _point(self) -> None:
        """A sign in front of the run under the cursor: colours say it too, where there are any."""
        table = self.query_one(RunsTable)
        for row, sign in ((self._pointed, " "), (table.cursor_row, ">")):
            if 0 <= row < table.row_count:
                table.update_cell_at(Coordinate(row, 0), Text(sign))
        self._pointed = table.cursor_row

    def on_data_table_row_selected(self) -> None:
        if self._run is not None:
            self.dismiss(self._run.path)

    def action_resume(self) -> None:
        if self._run is not None and not self._busy:
            self._busy = True
            self._say(f"starting a process that goes on with {clean(self._run.name)}")
            self.run_worker(self._resume(self._run.path), group="resume", exclusive=True)

    async def _resume(self, folder: Path) -> None:
        """Have a process of its own go on with a run, and open it."""
        try:
            await asyncio.to_thread(self._take_over, folder, 0)
        except NntuiError as error:
            self._busy = False
            self._say(clean(error, 1000))
            return
        self.dismiss(folder)

    def action_mark(self) -> None:
        """Mark the run under the cursor to be compared, or no longer, and go on to the next."""
        run, table = self._run, self.query_one(RunsTable)
        if run is None:
            return
        if run.path in self._marked:
            del self._marked[run.path]
        elif len(self._marked) < MOST:
            self._marked[run.path] = None
        table.update_cell_at(Coordinate(table.cursor_row, 1), row_of(run, time.time(), run.path in self._marked)[0])
        table.move_cursor(row=min(table.cursor_row + 1, len(self._runs) - 1), animate=False)
        self._say(self._marked_words())
        self.refresh_bindings()

    def action_compare(self) -> None:
        self.dismiss(list(self._marked))

    def action_leave(self) -> None:
        self.dismiss(None)


def row_of(run: RunSummary, now: float, marked: bool = False) -> list[Text]:
    """A run as the cells of a row."""
    of = f" {run.trial}/{run.trials}" if run.trials else ""
    best = "-"
    if run.best_epoch and math.isfinite(run.best_loss):
        best = f"{run.best_loss:.4f} @ {run.best_epoch}"
    elif math.isfinite(run.best_loss):
        best = f"{run.best_loss:.4f}"
    return [
        plain(f"* {run.name}" if marked else run.name, limit=62),
        Text(run.status, style="bold" if run.status in ("running", "paused", "lost", "failed") else ""),
        Text(f"all {run.trials} trials" if run.reason == "trials_done" else f"{run.epochs}/{run.planned or '?'}{of}"),
        Text(best),
        Text(duration(now - run.updated)),
    ]
