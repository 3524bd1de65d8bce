"""The app: which screen is up, and how a person gets out. Screens and widgets do the rest."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.binding import Binding

from engine.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_TERMINATED

from . import terminal
from .screens.dialogs import ConfirmQuit, HelpScreen
from .screens.lr_find import FindRate, LrFindScreen, range_test
from .screens.monitor import MonitorScreen
from .screens.setup import SetupScreen
from .source import LiveSource, RunSource

if TYPE_CHECKING:
    from engine.config import RunConfig

StartRun = Callable[["RunConfig"], RunSource]

QUIT_SECONDS = 0.7  # how long the screen waits for a stopped run before it gives the terminal back


class NntuiApp(App[int]):
    """Setup and monitor over one run at a time. `start_run` makes a run from settings; tests pass their own."""

    CSS_PATH = "app.tcss"
    TITLE = "nntui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c,ctrl+q", "request_quit", "quit", show=False, priority=True)]

    def __init__(
        self,
        config: RunConfig | None = None,
        start_run: StartRun = LiveSource,
        find_rate: FindRate = range_test,
        stray: terminal.StrayOutput | None = None,
        charset: terminal.Charset = "braille",
        colour: bool = True,
    ) -> None:
        super().__init__()
        self._config = config
        self._start_run = start_run
        self._find_rate = find_rate
        self._stray = stray
        self._charset: terminal.Charset = charset
        self._colour = colour
        self.monitor: MonitorScreen | None = None

    def on_mount(self) -> None:
        if self._stray is not None:
            # Textual points both at itself while it runs and drops what arrives there.
            sys.stdout = sys.stderr = self._stray.text
        if self._stray is not None and sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._terminated)
        self.push_screen(SetupScreen(self._config))

    # -- from screen to screen ----------------------------------------------------------------------------------------

    def on_setup_screen_run_asked(self, message: SetupScreen.RunAsked) -> None:
        if self.monitor is not None:
            return  # r was pressed twice before the monitor was there
        self.monitor = MonitorScreen(self._start_run(message.config), self._charset, self._colour)
        self.push_screen(self.monitor)

    def on_setup_screen_rate_test_asked(self, message: SetupScreen.RateTestAsked) -> None:
        setup = self.screen
        if isinstance(setup, SetupScreen):
            dialog = LrFindScreen(message.config, self._charset, self._colour, self._find_rate)
            self.push_screen(dialog, lambda rate: setup.set_rate(rate) if rate is not None else None)

    def on_monitor_screen_started(self, message: MonitorScreen.Started) -> None:
        if self._stray is not None:
            self._stray.move_to(Path(message.folder) / "run.log")

    def on_monitor_screen_input_refused(self, message: MonitorScreen.InputRefused) -> None:
        self._back_to_setup()
        setup = self.screen
        assert isinstance(setup, SetupScreen)
        setup.show_faults(message.error.faults)

    def on_monitor_screen_new_run_asked(self) -> None:
        self._back_to_setup()

    def _back_to_setup(self) -> None:
        self.monitor = None
        while not isinstance(self.screen, SetupScreen):  # help, or the question before quitting, may lie on top
            self.pop_screen()

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    # -- leaving ------------------------------------------------------------------------------------------------------

    def action_request_quit(self) -> None:
        if isinstance(self.screen, ConfirmQuit):
            self.screen.dismiss(True)
        elif self.monitor is not None and self.monitor.running:
            self.push_screen(ConfirmQuit(), self._quit_if)
        else:
            self.exit(self._exit_code())

    def _quit_if(self, wanted: bool | None) -> None:
        if wanted:
            self.run_worker(self._stop_and_quit(EXIT_OK), exclusive=True)

    def _terminated(self) -> None:
        self.run_worker(self._stop_and_quit(EXIT_TERMINATED), exclusive=True)

    async def _stop_and_quit(self, code: int) -> None:
        """Stop the run and leave; a run that needs longer than a moment is waited for after the screen is gone."""
        if self.monitor is not None and self.monitor.running:
            self.monitor.source.send("quit")
            await asyncio.to_thread(self.monitor.source.join, QUIT_SECONDS)
        self.exit(code or self._exit_code())

    def _exit_code(self) -> int:
        if self.monitor is None or self.monitor.view.end is None:
            return EXIT_OK
        return EXIT_FAILED if self.monitor.view.end.reason in ("failed", "non_finite", "diverged") else EXIT_OK


def run_app(config: RunConfig | None) -> int:
    """Open the app on this terminal; returns the exit code after the terminal is as it was."""
    with terminal.only_for_the_screen() as stray:
        app = NntuiApp(config, stray=stray, charset=terminal.charset(), colour=terminal.colour())
        code = app.run()
    return _farewell(app, EXIT_OK if code is None else code)


def _farewell(app: NntuiApp, code: int) -> int:
    """Leave the final figures on the terminal, and wait for a run that is still at its last batch."""
    from engine.console import final_table

    monitor = app.monitor
    if monitor is None:
        return code
    monitor.view.apply_all(monitor.source.drain())
    told = monitor.view.end is not None
    if told:
        sys.stdout.write(final_table(monitor.view) + "\n")
    if monitor.source.alive:
        what = "finishing the TensorBoard log" if told else "waiting for the batch in hand"
        sys.stdout.write(f"nntui: {what} (Ctrl-C leaves at once)\n")
        sys.stdout.flush()
        try:
            while not monitor.source.join(0.5):
                pass
        except KeyboardInterrupt:
            code = EXIT_INTERRUPTED
    if not told:
        monitor.view.apply_all(monitor.source.drain())
        sys.stdout.write(final_table(monitor.view) + "\n")
    return code


def leave_at_once(code: int) -> None:
    """End the process without waiting for daemon threads or for torch to take itself apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
