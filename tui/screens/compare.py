"""Several runs side by side: validation curves on one chart, figures with the best marked, the settings that differ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from engine.comparing import Comparison, compare, table_lines
from engine.errors import InputError
from engine.rundir import RunDir
from engine.text import clean

from ..drawing import Line, Span, fit
from ..looks import Look
from ..resultcurves import overlaid
from ..resultpages import Scrolled
from ..text import fit as fit_line
from ..widgets.chart import Chart
from ..widgets.keyline import KeyLine
from ..widgets.pagepane import PagePane

Compare = Callable[[Sequence[Path]], Comparison]

_COLUMN = 15  # cells of a run's column with the gap before it
_LABEL = 28


class CompareAsked(Message):
    """The person wants to compare a run with others, which they are yet to choose."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder


def compare_folders(folders: Sequence[Path]) -> Comparison:
    """Read the runs in these folders; may take as long as their journals are long. Raises InputError."""
    return compare([RunDir(folder) for folder in folders])


class ComparePage(Scrolled):
    """The runs by letter, then figures and settings. Runs that have no room for a column are a step to the right."""

    name = "comparison"

    def __init__(self, found: Comparison) -> None:
        super().__init__()
        self._found = found
        self._left = 0  # the first run with a column

    def all_lines(self, width: int, look: Look) -> list[Line]:
        found = self._found
        room = max(1, (width - _LABEL) // _COLUMN)
        self._left = max(0, min(self._left, len(found.runs) - room))
        places = range(self._left, min(len(found.runs), self._left + room))
        lines: list[Line] = []
        for one in found.runs:
            title = f"{one.letter}  {one.name}" + (f": {clean(one.view.data.dataset, 60)}" if one.view.data else "")
            lines.append([Span(fit(title, width, look.charset), "bold")])
        lines += [[Span(fit(f"note: {note}", width, look.charset))] for note in found.notes]
        if len(places) < len(found.runs):
            words = f"{found.runs[places[0]].letter} to {found.runs[places[-1]].letter} of {len(found.runs)} runs; left, right"
            lines.append([Span(fit(words, width, look.charset), "dim")])
        body = table_lines(found, places, width, look.ascii_only)
        lines.append([])
        starred = [[Span(text, "bold" if "*" in text or number == 0 else "")] for number, text in enumerate(body)]
        return [*lines, *starred]

    def move(self, across: int, down: int) -> None:
        super().move(across, down)
        self._left = max(0, self._left + across)


class CompareScreen(Screen[None]):
    """Reads the runs in a thread, then shows them."""

    BINDINGS = [
        Binding("escape", "back", "back", key_display="Esc"),
        Binding("up", "move(0, -1)", "scroll", key_display="↑↓"),
        Binding("down", "move(0, 1)", show=False),
        Binding("left", "move(-1, 0)", show=False),
        Binding("right", "move(1, 0)", "other runs", key_display="←→"),
        Binding("pageup", "move(0, -10)", show=False),
        Binding("pagedown", "move(0, 10)", show=False),
        Binding("w", "toggle_chart", "chart"),
        Binding("o", "app.list_runs", "runs"),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("q", "app.request_quit", "quit"),
    ]

    def __init__(self, folders: Sequence[Path], look: Look, read: Compare = compare_folders) -> None:
        super().__init__()
        self._folders, self._look, self._read = list(folders), look, read
        self._found: Comparison | None = None
        self._with_chart = True

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static("reading the runs", id="compare-words", markup=False)
        yield Chart(id="compare-chart")
        yield PagePane(self._look, id="compare-page")
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.query_one(Chart).display = False
        self.run_worker(self._load(), exclusive=True)

    async def _load(self) -> None:
        words = self.query_one("#compare-words", Static)
        try:
            self._found = await asyncio.to_thread(self._read, self._folders)
        except InputError as error:
            words.update(Text(clean(error, 1000)))
            return
        words.display = False
        self.query_one(PagePane).page = ComparePage(self._found)
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        title = f"nntui · {len(self._folders)} runs compared"
        self.query_one("#title", Static).update(Text(fit_line(title, max(0, self.size.width - 2))), layout=False)
        if self._found is None:
            return
        chart = self.query_one(Chart)
        chart.display = self._with_chart
        names = [(one.letter, one.view) for one in self._found.runs]
        curves = overlaid(names, self._look.charset, self._look.colour)
        chart.update_chart(curves.series, curves.marks, options=curves.options, force=True)
        pane = self.query_one(PagePane)
        pane.show(pane.page)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "move":
            return self._found is not None
        return True

    def action_move(self, across: int, down: int) -> None:
        pane = self.query_one(PagePane)
        if pane.page is not None:
            pane.page.move(across, down)
            pane.show(pane.page)

    def action_toggle_chart(self) -> None:
        """The chart, or all of the screen for the table."""
        self._with_chart = not self._with_chart
        self._show()

    def action_back(self) -> None:
        self.app.pop_screen()
