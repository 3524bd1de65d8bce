"""The monitor: the curves of a run while it trains, how near early stopping is, and what is going wrong."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding
from textual.screen import Screen

from engine.alerts import alert_of, signal_text, wanted
from engine.config import RunConfig
from engine.errors import InputError
from engine.events import CommandRefused, Event, RunResumed

from ..chart_keys import MonitorCommands
from ..kept import Keeper
from ..keys import KEYS, LESS_WANTED, makes_sense, unseen
from ..looks import Look
from ..shell import Shell
from ..source import RunSource
from ..text import Charset, clean
from ..widgets.board import TALL, WIDE, ChartBoard
from ..widgets.findings import FindingCards
from ..widgets.keyline import KeyLine
from ..widgets.logpane import LogFilter, LogPane
from ..widgets.outputpane import OutputPane
from ..widgets.results import Results
from ..widgets.status import EarlyStopStrip, Notice, StatusStrip, Title
from ..widgets.trials import TrialsTable
from .asking import Asking
from .compare import CompareAsked
from .panes import Panes
from .results import ResultsScreen

DRAINS_PER_SECOND = 10  # at the most
RECENT_SECONDS = 2.0  # what is told a moment before a screen opens still deserves a notification


class MonitorScreen(Asking, Panes):
    """Shows one run from a source of events, and sends it commands."""

    BINDINGS = KEYS
    HELP_PART = "MONITOR"
    COMMANDS = {MonitorCommands} | Screen.COMMANDS

    def __init__(
        self,
        source: RunSource,
        charset: Charset = "braille",
        colour: bool = True,
        guest: bool = False,
        keeper: Keeper | None = None,
        behind: str = "",
    ) -> None:
        """guest: it lies over another screen, to which Esc goes back. keeper: remembers how a person likes the charts. behind:
        the folder of a run whose curves are to stand behind those of this one."""
        super().__init__(source)
        self._keeper = keeper
        self._behind = behind
        self._guest = guest
        self._opened = time.time()
        self._ascii = charset == "ascii"
        self._charset: Charset = charset
        self._colour = colour
        self._keys: tuple[object, ...] = ()  # what the footer shows goes by

    def compose(self) -> ComposeResult:
        yield Title(id="title")
        yield StatusStrip(id="status")
        yield EarlyStopStrip(id="stopping")
        yield Notice(id="notice")
        yield ChartBoard(self._charset, self._colour, self._keeper, id="charts")
        yield TrialsTable(id="trials")
        yield FindingCards(id="findings")
        yield Results(id="results")
        yield LogPane(id="log")
        yield LogFilter(self.choose_lines, id="log-filter")
        yield OutputPane(id="output")
        yield KeyLine(LESS_WANTED, id="keys")

    def on_mount(self) -> None:
        self._arrange()
        self._show()
        if self._behind:
            self.query_one(ChartBoard).put_behind(Path(self._behind))
        self.set_interval(1 / DRAINS_PER_SECOND, self._drain)
        self.set_interval(1.0, self._show_clock)

    def on_unmount(self) -> None:
        self.source.close()

    # -- events in ----------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Take what has come since the last time and show it, once."""
        if not self._pace.due():
            return
        alive = self.source.alive  # asked first: what ends between the two lines is seen at the next tick
        events = self.source.drain()
        self._pace.came()
        had_folder = self.view.folder
        for event in events:
            self.view.apply(event)
            self._tell(event)
            self.going_on &= not isinstance(event, RunResumed)
        if self.view.folder != had_folder:
            self.post_message(self.Started(self.view.folder, self.source))
        if not alive and not events and not self._finished:
            self._finish()
        elif events:
            self._finished = False
            self._show()

    def _tell(self, event: Event) -> None:
        """What needs an answer at once, unless it is history that an attached screen reads up on."""
        if event.time <= self._opened - RECENT_SECONDS:
            return
        if (alert := alert_of(event, self.view.run)) is not None and isinstance(self.app, Shell):
            self.app.call_person(signal_text(wanted(self.view.config), alert.message))
        if isinstance(event, CommandRefused):
            words = f"{event.command} refused: {event.problem}"
            self.notify(clean(words, 1000), severity="warning", markup=False, timeout=10)

    def _finish(self) -> None:
        self._finished = True
        error = self.source.error
        if isinstance(error, InputError) and not self.view.run and self.source.own:
            self.post_message(self.InputRefused(error))
            return
        # A run that could not be taken up again has its old end still on record.
        if error is not None and (self.view.end is None or isinstance(error, InputError)):
            self.notify(clean(str(error) or type(error).__name__, 1000), severity="error", markup=False, timeout=30)
        self._show()

    # -- the picture --------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._show()

    def _arrange(self) -> None:
        """What is in sight at this size: the charts first, then what needs reading now, the log last."""
        wide, tall = self.size.width >= WIDE, self.size.height >= TALL
        self.set_class(wide, "wide")
        self.set_class(tall and not wide, "stacked")
        self.place_log(self.view)

    def _show(self) -> None:
        view = self.view
        self._show_clock()
        self.query_one(StatusStrip).show_view(view, self.size.width, self._ascii, self.lost)
        self.query_one(EarlyStopStrip).show_view(view, self.size.width, self._ascii)
        self.show_panes(view, self._ascii)
        self._arrange()
        self.query_one(ChartBoard).show_view(view)
        self._show_keys()

    def _show_keys(self) -> None:
        """Have the foot drawn anew only when it would be another one."""
        sensible = [key.action for key in KEYS if isinstance(key, Binding) and self.check_action(key.action, ())]
        keys = (self.view.phase == "paused", bool(self.view.findings), self.running, self.size.width < WIDE, *sensible)
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()

    def _show_clock(self) -> None:
        """The two lines that tell how long ago something was."""
        now = time.time()
        self.query_one(Title).show_view(self.view, self.size.width, now)
        self.query_one(Notice).show_view(self.view, now, self._opened, self.lost)

    # -- keys ---------------------------------------------------------------------------------------------------------

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """What the foot shows: a paused run can go on."""
        found = super().active_bindings
        if self.view.phase == "paused" and "space" in found:
            found["space"] = found["space"]._replace(binding=replace(found["space"].binding, description="go on"))
        if not self.view.findings:
            unseen(found, "f")
        return found

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing at the moment are not in the footer."""
        if action == "back":
            return self._guest or self.query_one(ChartBoard).cursor is not None
        return makes_sense(action, self.view, self.running)

    async def action_detach(self) -> None:
        await self.run_action("app.detach")

    def action_chart(self, what: str) -> None:
        self.query_one(ChartBoard).act(what)
        self._show_keys()

    @property
    def look(self) -> Look:
        """How screens over this one draw."""
        return Look(self._charset, self._colour, greys=not self.app.native_ansi_color)

    def ask_for_run(self, config: RunConfig, run: bool, fields: Sequence[str]) -> None:
        """To the setup screen with other settings; see NewRunAsked."""
        self.post_message(self.NewRunAsked(config, run, fields))

    def action_results(self) -> None:
        self.app.push_screen(ResultsScreen(self))

    def action_compare(self) -> None:
        self.post_message(CompareAsked(self.view.folder))

    def action_new_run(self) -> None:
        self.post_message(self.NewRunAsked())

    def action_back(self) -> None:
        """The cursor goes first, then the screen."""
        if self.query_one(ChartBoard).drop_cursor():
            self._show_keys()
        else:
            self.app.pop_screen()
