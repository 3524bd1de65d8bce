"""What a person can ask of the run on the screen: to wait, to stop, to save, to change, to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.events import Key
from textual.message import Message
from textual.screen import Screen

from engine.commands import Command, Edit, MoreEpochs, Pause, Resume, Revert, Save, Stop
from engine.config import RunConfig
from engine.configfile import check
from engine.errors import InputError, NntuiError
from engine.runview import RunView
from engine.whatnext import Advice, advised, to_try

from ..keys import KEYS, NOT_WITH_A_SCRIPT
from ..pace import Pace
from ..source import RunSource
from ..text import clean
from ..trying import Trying, change_words, nothing_to_try, texts_of
from .dialogs import AskEpochs
from .edit import EditScreen, forked
from .pick import Item, Menu

if TYPE_CHECKING:
    from .setup import SetupScreen


class Asking(Screen[None]):
    """A screen with a run, by the keys' actions that ask something of it."""

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

        def __init__(
            self,
            config: RunConfig | None = None,
            run: bool = False,
            fields: Sequence[str] = (),
            trying: Trying | None = None,
        ) -> None:
            """run: train with it at once. fields: those to look at first. trying: what they try, and against which run."""
            super().__init__()
            self.config, self.run, self.fields, self.trying = config, run, tuple(fields), trying

        def put_into(self, setup: SetupScreen) -> None:
            """What the setup screen is to do with it."""
            setup.give_up_trying()
            if self.config is not None and self.trying is not None:
                setup.begin_trying(self.config, self.trying)
            elif self.config is not None:
                setup.set_config(self.config)
            if self.run:
                setup.action_run()
            elif self.fields:
                setup.show_field(self.fields[0])
                setup.notify(f"to look at: {', '.join(self.fields)}", markup=False, timeout=8)

    def __init__(self, source: RunSource) -> None:
        super().__init__()
        self.source = source
        self.view = RunView()
        self.going_on = False  # whether a run that had ended is being taken up again
        self._finished = False  # whether all that its source has is shown
        self._pace = Pace()

    @property
    def running(self) -> bool:
        """Whether there is something to pause or stop."""
        return self.view.end is None and self.source.alive

    @property
    def lost(self) -> bool:
        """Whether the run has not ended and nobody trains it."""
        return self._finished and self.view.end is None and bool(self.view.run)

    @property
    def stands(self) -> str:
        """What the run does when its screen goes away: ``trains on``, ``stays paused``, or "" when it has ended."""
        if not (self.running or self.going_on):
            return ""
        return "stays paused" if self.view.phase == "paused" else "trains on"

    def send(self, command: Command) -> bool:
        """Ask the run for something; a notification says when there is nobody to ask. Whether it was asked."""
        self._pace.hurry()
        try:
            self.source.send(command)
        except InputError as error:
            self.notify(clean(error), severity="error", markup=False, timeout=10)
            return False
        return True

    def on_key(self, event: Key) -> None:
        """A key that means nothing for the run of a script says so, and what does."""
        wanted = next((key for key in KEYS if isinstance(key, Binding) and event.key in key.key.split(",")), None)
        if self.view.own_loop and wanted is not None and wanted.action in NOT_WITH_A_SCRIPT:
            words = f"{wanted.description}: a script of its own trains this run; from here it can only be paused and stopped"
            self.notify(words, markup=False, timeout=5)

    def action_pause(self) -> None:
        paused = self.view.phase == "paused"
        if self.send(Resume() if paused else Pause()) and self.view.own_loop and not paused:
            self.notify("the script will wait when it logs its next epoch", markup=False, timeout=4)

    def action_stop(self) -> None:
        if self.send(Stop()) and self.view.own_loop:
            self.notify("asked: the script stops when it looks at run.should_stop", markup=False, timeout=4)
        elif not self.view.own_loop:
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

    def action_try_it(self) -> None:
        """To the setup screen, with what the diagnosis advises; of several findings the person picks one."""
        found = to_try(self.view)
        if not found:
            self.notify(nothing_to_try(self.view), markup=False, timeout=6)
            return
        if len(found) == 1:
            self.try_advice(found[0])
            return
        before = texts_of(self.view.config)
        items = [Item(one.words, change_words(before, one), one.evidence, one, heading=one.why) for one in found]
        menu = Menu("Try what, in a run of its own?", items)
        self.app.push_screen(menu, lambda one: self.try_advice(one) if one else None)

    def try_advice(self, one: Advice, run: bool = False) -> None:
        """To the setup screen with an advice's changes, to train beside this run. run: at once."""
        config, _ = check(self.view.config)
        better = advised(config, one) if config is not None else None
        if better is not None:
            trying = Trying(self.view.folder, self.view.run, one, texts_of(self.view.config), self.stands)
            self.post_message(self.NewRunAsked(better, run, trying=trying))

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
