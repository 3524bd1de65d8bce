"""The app: which screen is up, and how a person gets out. Screens and widgets do the rest.

Those are imported once there is something to be seen (`_load`): a person who starts the app over a slow link sees at once that
it is there, and can leave again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Static

from engine.commands import Save, Stop
from engine.errors import EXIT_FAILED, EXIT_OK, InputError

from . import looks, terminal
from .hangup import Watch
from .kept import Keeper
from .leftruns import LeftRuns
from .shell import Shell
from .text import clean

if TYPE_CHECKING:
    from engine.config import RunConfig

    from .previews import Previewer
    from .savefile import OpenFile
    from .screens.compare import CompareAsked, CompareScreen
    from .screens.dialogs import ConfirmQuit
    from .screens.help import HelpScreen
    from .screens.lr_find import FindRate, LrFindScreen
    from .screens.monitor import MonitorScreen
    from .screens.runs import ListRuns, RunsScreen, runs_in
    from .screens.setup import SetupScreen
    from .source import AttachedSource, RunSource
    from .takeover import Takeover, take_over
    from .workshop import Workshop

StartRun = Callable[["RunConfig"], "RunSource"]
OpenRun = Callable[[Path], "RunSource"]

KEEP_SECONDS = 1.0  # the last settings are waited for so long when the app ends


def _load() -> None:
    """Import the screens and all they need; takes most of a second."""
    from . import leaving, source, takeover, workshop
    from .screens import compare, dialogs, help, lr_find, monitor, runs, setup

    del leaving  # which is needed at the end, when it may be too late to find it
    here = globals()
    for module in (source, takeover, workshop, compare, dialogs, help, lr_find, monitor, runs, setup):
        here.update({name: vars(module)[name] for name in _LATER if name in vars(module)})


_LATER = frozenset(
    [
        "AttachedSource", "CompareScreen", "ConfirmQuit", "HelpScreen", "LrFindScreen", "MonitorScreen", "RunsScreen", "SetupScreen", "Workshop",
        "runs_in", "take_over",
    ]
)  # fmt: skip


class NntuiApp(Shell):
    """Setup, and a monitor over one run of its own at a time, or over any other run.

    `start_run` makes a run from settings (without one, `workshop` has a process ready for it), `open_run` attaches to one,
    `list_runs` looks for them, `take_over` has another process go on with one; tests pass their own. attach: the folder of a run to open at once.
    file: the one that the settings came from.
    """

    CSS_PATH = "app.tcss"
    TITLE = "nntui"
    BINDINGS = [
        Binding("ctrl+c,ctrl+q", "request_quit", "quit", show=False, priority=True),
        Binding("T", "next_theme", "theme", show=False),
        Binding("ctrl+l", "redraw", "draw the screen anew", show=False, priority=True),
    ]

    def __init__(
        self,
        config: RunConfig | None = None,
        start_run: StartRun | None = None,
        find_rate: FindRate | None = None,
        stray: terminal.StrayOutput | None = None,
        charset: terminal.Charset = "braille",
        colour: bool = True,
        watch: Watch | None = None,
        attach: Path | None = None,
        open_run: OpenRun | None = None,
        list_runs: ListRuns | None = None,
        take_over: Takeover | None = None,
        previewer: Previewer | None = None,
        keeper: Keeper | None = None,
        file: OpenFile | None = None,
    ) -> None:
        super().__init__(stray, watch, charset, colour)
        self._config, self._file = config, file
        self._given = (start_run, find_rate, open_run, list_runs, take_over, previewer)
        self._warms_up = start_run is None
        self._opened = False  # whether the screens are there
        self._opened_on = attach
        self._keeper = keeper or Keeper()  # which remembers nothing beyond this app
        self.left = LeftRuns()
        self.monitor: MonitorScreen | None = None  # over the run of this process, or the one it was opened with
        self.parting = ""  # what to leave on the terminal instead of the figures

    def on_mount(self) -> None:
        if self._stray is not None:
            # Textual points both at itself while it runs and drops what arrives there.
            sys.stdout = sys.stderr = self._stray.text
        self.set_class(not self._colour, "mono")
        self.theme = self._keeper.memory.theme if self._keeper.memory.theme in looks.THEMES else looks.THEMES[0]
        if not self._colour:
            self.theme = looks.MONO_THEME
        self._main = asyncio.current_task()
        if self._watch is not None:
            loop = asyncio.get_running_loop()

            def leave() -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: the screen is on its way out
                    loop.call_soon_threadsafe(self._leave)

            self._watch.screen_is_up(leave)

        self.call_after_refresh(self._open)

    def on_unmount(self) -> None:
        self._keeper.finish(KEEP_SECONDS)

    def compose(self) -> ComposeResult:
        yield Static(" nntui · opening", id="title", markup=False)

    async def _open(self) -> None:
        """The first screen, as soon as it can be imported."""
        await asyncio.to_thread(_load)
        start_run, find_rate, open_run, list_runs, take_over_, previewer = self._given
        self.workshop = Workshop()
        self._start_run = start_run or self.workshop.start
        self._find_rate = find_rate or self.workshop.find_rate
        self._previewer = previewer or self.workshop
        self._open_run = open_run or AttachedSource
        self._list_runs, self._take_over = list_runs or runs_in, take_over_ or take_over
        self._opened = True
        self.push_screen(SetupScreen(self._previewer, self._config, self._keeper, self._look, self._file))
        self.call_after_refresh(self.settle)
        if self._opened_on is None:
            self.call_after_refresh(self._warm)
            return
        try:
            self._watch_over(self._open_run(self._opened_on))
        except InputError as error:  # it was there a moment ago
            self.notify(clean(error), severity="error", markup=False)

    def _warm(self) -> None:
        """Have the next run's process get ready while a person looks at the form."""
        if self._warms_up:
            self.workshop.wake()

    # -- from screen to screen ----------------------------------------------------------------------------------------

    def _watch_over(self, source: RunSource, behind: str = "") -> None:
        """A monitor over what is the run of this app from now on. behind: the folder of the run to compare it with, or ""."""
        if self._watch is not None:
            self._watch.source = source
        self.monitor = MonitorScreen(source, self._charset, self._colour, keeper=self._keeper, behind=behind)
        self.push_screen(self.monitor)

    def on_setup_screen_run_asked(self, message: SetupScreen.RunAsked) -> None:
        if self.monitor is None:  # else r was pressed twice before the monitor was there
            self._watch_over(self._start_run(message.config), message.behind)

    def on_trying_screen_back_asked(self, message: SetupScreen.BackAsked) -> None:
        self._open_from_list(Path(message.folder))

    def on_setup_screen_rate_test_asked(self, message: SetupScreen.RateTestAsked) -> None:
        setup = self.screen
        if isinstance(setup, SetupScreen):
            dialog = LrFindScreen(message.config, self._find_rate, self._charset, self._colour)
            self.push_screen(dialog, lambda rate: setup.set_rate(rate) if rate is not None else None)

    def on_asking_started(self, message: MonitorScreen.Started) -> None:
        from engine.rundir import LOG_FILE

        if self._stray is not None and message.source.own:
            self._stray.move_to(Path(message.folder) / LOG_FILE)

    def on_asking_input_refused(self, message: MonitorScreen.InputRefused) -> None:
        self._back_to_setup()
        setup = self.screen
        assert isinstance(setup, SetupScreen)
        setup.show_faults(message.error.faults)

    def on_asking_new_run_asked(self, message: MonitorScreen.NewRunAsked) -> None:
        """To the setup screen; with settings, they are put into the form. This app's run goes on in its own process."""
        own, words = self._own_monitor, ""
        if own is not None and not own.view.folder:
            self.notify("the run has no folder yet; try again in a moment", markup=False)
            return
        if own is not None:
            words = self.left.leave(own)
        self._back_to_setup()
        if isinstance(self.screen, SetupScreen):
            message.put_into(self.screen)
        if words and message.trying is None:  # else the setup screen says it
            self.notify(words, markup=False, timeout=8)

    def on_compare_asked(self, message: CompareAsked) -> None:
        """The list of runs that the one asked about lies among, to mark others in."""
        run = Path(message.folder)
        dialog = RunsScreen(str(run.parent), self._list_runs, self._take_over, [run])
        self.push_screen(dialog, self._open_from_list)

    def _back_to_setup(self) -> None:
        self.monitor = None
        if self._watch is not None:
            self._watch.source = None
        self._warm()
        while not isinstance(self.screen, SetupScreen):  # help, or the question before quitting, may lie on top
            self.pop_screen()

    def action_next_theme(self) -> None:
        """The next of the themes, remembered for the next time; without colours there is only one."""
        if self._colour:
            self.theme = looks.next_theme(self.theme)
            self._keeper.keep(theme=self.theme)
            for screen in self.screen_stack:
                if isinstance(screen, SetupScreen):
                    screen.take_look(self._look)
            self.notify(f"theme: {looks.THEME_WORDS[self.theme]}", markup=False, timeout=2)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "request_quit":
            return True
        if self._opened and isinstance(self.screen, SetupScreen) and self.screen.small:
            return action == "help"
        return self._opened

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(getattr(self.screen, "HELP_PART", "")))

    def action_list_runs(self) -> None:
        folder = self._config.run.folder if self._config is not None else "runs"
        self.push_screen(RunsScreen(folder, self._list_runs, self._take_over), self._open_from_list)

    def _open_from_list(self, folder: Path | list[Path] | None) -> None:
        """Show a run that was chosen in the list, or several that are to be compared, over whatever is there."""
        if folder is None:
            return
        if isinstance(folder, list):
            self.push_screen(CompareScreen(folder, self._look))
            return
        if self.monitor is not None and Path(self.monitor.view.folder) == folder:
            while self.screen is not self.monitor:
                self.pop_screen()
            return
        try:
            again = self.left.take_back(folder) if self.monitor is None else None
            source = again or self._open_run(folder)
        except InputError as error:
            self.notify(clean(error), severity="error", markup=False)
            return
        if isinstance(self.screen, MonitorScreen) and self.screen is not self.monitor:
            self.pop_screen()
        if self.monitor is None:
            self._watch_over(source)
        else:
            self.push_screen(MonitorScreen(source, self._charset, self._colour, True, self._keeper))

    # -- leaving ------------------------------------------------------------------------------------------------------

    @property
    def _own_monitor(self) -> MonitorScreen | None:
        """The monitor of a run that this app has started and that is not over."""
        monitor = self.monitor
        return monitor if monitor is not None and monitor.source.own and (monitor.running or monitor.going_on) else None

    def action_request_quit(self) -> None:
        if not self._opened:
            self.exit(EXIT_OK)
        elif isinstance(self.screen, ConfirmQuit):
            self.screen.dismiss("stop")
        elif self._own_monitor is not None:
            self.push_screen(ConfirmQuit(), self._quit_by)
        else:
            self.exit(self._exit_code())

    def _quit_by(self, answer: str | None) -> None:
        if answer == "stop":
            self._stop_and_quit()
        elif answer == "detach":
            self.action_detach()

    def _stop_and_quit(self) -> None:
        """Stop the run and leave; its end is waited for after the screen is gone."""
        if (monitor := self._own_monitor) is None or monitor.send(Stop(reason="interrupted")):
            self.exit(self._exit_code())

    def action_detach(self) -> None:
        """Leave the run to itself, with a checkpoint for the road."""
        monitor = self._own_monitor
        if monitor is None:
            self.exit(self._exit_code())
        elif not monitor.view.folder:
            self.notify("the run has no folder yet; try again in a moment", markup=False)
        else:
            monitor.send(Save())
            name = clean(monitor.view.run)
            self.parting = f"nntui: {name} goes on without this screen\nlook at it with: nntui attach {name}\n"
            self.exit(EXIT_OK)

    def _exit_code(self) -> int:
        if self.monitor is None or not self.monitor.source.own or self.monitor.view.end is None:
            return EXIT_OK
        return EXIT_FAILED if self.monitor.view.end.reason in ("failed", "non_finite", "diverged") else EXIT_OK
