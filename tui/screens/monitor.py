"""The monitor: the curves of a run while it trains, how near early stopping is, and what is going wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding
from textual.message import Message
from textual.screen import Screen

from engine.commands import Command, Edit, MoreEpochs, Pause, Resume, Revert, Save, Stop
from engine.config import RunConfig
from engine.configfile import check
from engine.errors import InputError, NntuiError
from engine.events import CommandRefused, Event, RunResumed
from engine.runview import RunView

from ..chart_keys import MonitorCommands
from ..kept import Keeper
from ..keys import KEYS, LESS_WANTED, makes_sense
from ..looks import Look
from ..pace import Pace
from ..source import RunSource
from ..text import Charset, clean
from ..widgets.board import TALL, WIDE, ChartBoard
from ..widgets.findings import FindingCards
from ..widgets.keyline import KeyLine
from ..widgets.logpane import LogPane
from ..widgets.outputpane import OutputPane
from ..widgets.results import Results
from ..widgets.status import EarlyStopStrip, Notice, StatusStrip, Title
from ..widgets.trials import TrialsTable
from .compare import CompareAsked
from .dialogs import AskEpochs
from .edit import EditScreen, forked
from .results import ResultsScreen

if TYPE_CHECKING:
    from .setup import SetupScreen

DRAINS_PER_SECOND = 10  # at the most
RECENT_SECONDS = 2.0  # what is told a moment before a screen opens still deserves a notification


class MonitorScreen(Screen[None]):
    """Shows one run from a source of events, and sends it commands."""

    BINDINGS = KEYS
    COMMANDS = {MonitorCommands} | Screen.COMMANDS

    class InputRefused(Message):
        """The run never began: what it was given cannot be used."""

        def __init__(self, error: InputError) -> None:
            super().__init__()
            self.error = error

    class Started(Message):
        """The run has a folder now."""

        def __init__(self, folder: str, source: RunSource) -> None:
            super().__init__()
            self.folder = folder
            self.source = source

    class NewRunAsked(Message):
        """The person wants to set up another run: with `config`, if that is given."""

        def __init__(self, config: RunConfig | None = None, run: bool = False, fields: Sequence[str] = ()) -> None:
            """run: train with it at once. fields: those to look at first."""
            super().__init__()
            self.config, self.run, self.fields = config, run, tuple(fields)

        def put_into(self, setup: SetupScreen) -> None:
            """What the setup screen is to do with it."""
            if self.config is not None:
                setup.set_config(self.config)
            if self.run:
                setup.action_run()
            elif self.fields:
                setup.show_field(self.fields[0])
                setup.notify(f"to look at: {', '.join(self.fields)}", markup=False, timeout=8)

    def __init__(
        self,
        source: RunSource,
        charset: Charset = "braille",
        colour: bool = True,
        guest: bool = False,
        keeper: Keeper | None = None,
    ) -> None:
        """guest: it lies over another screen, to which Esc goes back. keeper: remembers how a person likes the charts."""
        super().__init__()
        self._keeper = keeper
        self.source = source
        self.view = RunView()
        self.going_on = False  # whether a run that had ended is being taken up again
        self._guest = guest
        self._opened = time.time()
        self._ascii = charset == "ascii"
        self._charset: Charset = charset
        self._colour = colour
        self._log_wanted: bool | None = None  # None: there if there is room
        self._finished = False
        self._pace = Pace()
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
        yield OutputPane(id="output")
        yield KeyLine(LESS_WANTED, id="keys")

    def on_mount(self) -> None:
        self._arrange()
        self._show()
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
        if isinstance(event, CommandRefused) and event.time > self._opened - RECENT_SECONDS:
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
        crowded = not tall and (self.view.end is not None or bool(self.view.findings) or bool(self.view.planned_trials))
        log = not crowded if self._log_wanted is None else self._log_wanted
        self.query_one(LogPane).display = log and not self.query_one(OutputPane).display

    def _show(self) -> None:
        view = self.view
        self._show_clock()
        self.query_one(StatusStrip).show_view(view, self.size.width, self._ascii, self.lost)
        self.query_one(EarlyStopStrip).show_view(view, self.size.width, self._ascii)
        low = self.size.height < TALL
        self.query_one(TrialsTable).show_view(view)
        self.query_one(FindingCards).show_view(view, brief=low and view.end is not None)
        self.query_one(Results).show_view(view, low)
        self.query_one(LogPane).show_view(view)
        self.query_one(OutputPane).show_view(view)
        self._arrange()
        self.query_one(ChartBoard).show_view(view)
        self._show_keys()

    def _show_keys(self) -> None:
        """Have the foot drawn anew only when it would be another one."""
        sensible = [key.action for key in KEYS if isinstance(key, Binding) and self.check_action(key.action, ())]
        keys = (self.view.phase == "paused", self.running, self.size.width < WIDE, *sensible)
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
        return found

    @property
    def running(self) -> bool:
        """Whether there is something to pause or stop."""
        return self.view.end is None and self.source.alive

    @property
    def lost(self) -> bool:
        """Whether the run has not ended and nobody trains it."""
        return self._finished and self.view.end is None and bool(self.view.run)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing at the moment are not in the footer."""
        if action == "back":
            return self._guest or self.query_one(ChartBoard).cursor is not None
        return makes_sense(action, self.view, self.running)

    def send(self, command: Command) -> bool:
        """Ask the run for something; a notification says when there is nobody to ask. Whether it was asked."""
        self._pace.hurry()
        try:
            self.source.send(command)
        except InputError as error:
            self.notify(clean(error), severity="error", markup=False, timeout=10)
            return False
        return True

    def action_pause(self) -> None:
        self.send(Resume() if self.view.phase == "paused" else Pause())

    def action_stop(self) -> None:
        if self.send(Stop()):
            self.notify("stopping after this batch; the best weights are kept", markup=False, timeout=3)

    def action_stop_now(self) -> None:
        if self.send(Stop(now=True)):
            self.notify("stopping after this batch, with a checkpoint and no test", markup=False, timeout=3)

    def action_save(self) -> None:
        if self.send(Save()):
            self.notify("saving a checkpoint", markup=False, timeout=2)

    def action_revert(self) -> None:
        if self.send(Revert()):
            self.notify("going back to the checkpoint before the last edit", markup=False, timeout=3)

    def action_edit(self) -> None:
        config, _ = check(self.view.config)
        if config is None:
            self.notify("the settings of this run cannot be read", severity="error", markup=False)
        else:
            self.app.push_screen(EditScreen(config), self._edit)

    def _edit(self, changes: Mapping[str, str] | str | None) -> None:
        if changes == "fork":
            self.action_fork()
        elif isinstance(changes, Mapping) and changes:
            self.send(Edit(dict(changes)))

    def action_fork(self) -> None:
        """To the setup screen, with this run's settings and its best weights to begin with."""
        config, faults = check(forked(self.view))
        if config is None:
            self.notify(clean(faults[0].line()), severity="error", markup=False)
        else:
            self.post_message(self.NewRunAsked(config))

    def action_more(self) -> None:
        if self.going_on:
            return
        self.app.push_screen(AskEpochs(self.running), self._more)

    def _more(self, epochs: int | None) -> None:
        if not epochs:
            return
        if self.running:
            self.send(MoreEpochs(epochs))
        else:
            self.go_on(epochs)

    def go_on(self, more: int) -> None:
        """Take up a run that has ended, for `more` epochs."""
        self.going_on = True
        self.notify("taking the run up again", markup=False, timeout=3)
        self.run_worker(self._go_on(more), exclusive=True, group="go on")

    async def _go_on(self, more: int) -> None:
        try:
            self.source = await asyncio.to_thread(self.source.go_on, more)
            self._finished = False
        except NntuiError as error:
            self.going_on = False
            self.notify(clean(error, 1000), severity="error", markup=False, timeout=20)

    async def action_detach(self) -> None:
        await self.run_action("app.detach")

    def action_chart(self, what: str) -> None:
        self.query_one(ChartBoard).act(what)
        self._show_keys()

    def action_toggle_log(self) -> None:
        self._log_wanted = not self.query_one(LogPane).display
        self.query_one(OutputPane).display = False  # they share a place
        self._arrange()

    def action_toggle_output(self) -> None:
        self.query_one(OutputPane).toggle()
        self._arrange()

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
