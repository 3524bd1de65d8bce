"""What the app is whatever it shows: keys that find their place, looks, and a way out when the screen is lost or breaks down."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.binding import Binding
from textual.filter import LineFilter
from textual.geometry import Size
from textual.screen import Screen

from engine.errors import EXIT_FAILED, EXIT_OK

from . import looks
from .garbage import LOOK_SECONDS, Garbage
from .hangup import Watch
from .terminal import StrayOutput
from .text import Charset
from .typeahead import Prompt
from .wire import Wire

if TYPE_CHECKING:
    from textual.command import Provider

INSIST_SECONDS = 1.5  # how long a screen that has to go may take, before what it is doing is cut short


def _commands() -> type[Provider]:
    """What Ctrl-P offers, imported once it is wanted."""
    from .palette import Commands

    return Commands


class Shell(App[int]):
    """An app on a terminal that may go away. Without `stray` and `watch` it is one under test."""

    COMMANDS = {_commands}

    def __init__(self, stray: StrayOutput | None, watch: Watch | None, charset: Charset, colour: bool) -> None:
        super().__init__()
        self._stray = stray
        self._watch = watch
        self._charset: Charset = charset
        self._colour = colour
        self._main: asyncio.Task[object] | None = None  # in which Textual runs the app
        self.wire = Wire()
        self.breakdown: BaseException | None = None  # what the screen broke down over
        self.garbage: Garbage | None = None  # when it is looked for; None: whenever Python likes

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Resize):
            event = self._resized(event)
        if self.garbage is not None and isinstance(event, events.InputEvent):
            self.garbage.key()
        prompt = self.focused if isinstance(event, events.Key) and self.screen_stack else None
        if not isinstance(event, events.Key) or event.is_forwarded or not isinstance(prompt, Prompt):
            await super().on_event(event)
            return
        self.app_focus = True
        if not await self._check_bindings(event.key, priority=True) and not prompt.take_key(event):
            await self._check_bindings(event.key)

    def settle(self) -> None:
        """The first screen is up: look for garbage in the pauses from now on."""
        if self.garbage is not None:
            self.garbage.settle()
            self.set_interval(LOOK_SECONDS, self.garbage.look)

    def _resized(self, event: events.Resize) -> events.Resize:
        """Comes with every size that the terminal takes, and when it is taken up again after it was another program's."""
        self.wire.forget()
        driver = self._driver
        if driver is not None and not driver.is_headless and not getattr(driver, "_in_band_window_resize", False):
            # The signal handlers that post these may interrupt each other, and then the last event is not the last size.
            size = Size(*shutil.get_terminal_size(event.size))
            if size != event.size:
                event = events.Resize(size, size)
        if self.screen_stack and event.size == self.screen.size:
            self.screen.refresh()  # which Textual does not do: the terminal had another size in between
        return event

    def call_person(self, text: str) -> None:
        """Send the terminal what makes it ring or show a notification; see engine.alerts.signal_text."""
        if text and self._driver is not None:
            self._driver.write(text)

    @property
    def _look(self) -> looks.Look:
        return looks.Look(self._charset, self._colour, greys=not self.native_ansi_color)

    def action_redraw(self) -> None:
        """Write everything anew: something else has written to this terminal."""
        self.wire.forget()
        self.screen.refresh()

    def _display(self, screen: Screen[object], renderable: RenderableType | CompositorUpdate | None) -> None:
        """Write what is new in a picture. What Textual would not write now does not pass over the wire either."""
        shown = self._driver is not None and not self._driver.is_headless and self._running and not self._batch_count
        if shown and isinstance(renderable, CompositorUpdate):
            renderable = self.wire.changes(renderable, self.console)
        super()._display(screen, renderable)  # type: ignore[arg-type]

    def get_line_filters(self) -> Sequence[LineFilter]:
        return looks.line_filters(super().get_line_filters(), self._colour, self._charset == "ascii")

    def get_key_display(self, binding: Binding) -> str:
        return looks.key_words(super().get_key_display(binding), self._charset == "ascii")

    # -- a screen that breaks down ------------------------------------------------------------------------------------

    def _handle_exception(self, error: Exception) -> None:
        """An error of the screen's own code, from wherever Textual caught it. It must not reach the terminal, nor the run."""
        if self._stray is None:
            super()._handle_exception(error)  # the pilot of a test raises it again
        else:
            self.break_down(error)

    def panic(self, *renderables: RenderableType) -> None:
        if self._stray is None or self._watch is None:
            super().panic(*renderables)
        elif self._stray.terminal.gone():
            self._watch.hang_up("the terminal went away")
        else:
            self.break_down(OSError("the terminal cannot be read"))

    def break_down(self, error: BaseException) -> None:
        """Leave without another look at the widgets. The first error is kept: those that follow come of it."""
        if self.breakdown is None:
            self.breakdown = error
        self._return_code = EXIT_FAILED
        self._close_messages_no_wait()
        self._insist()

    def _leave(self) -> None:
        """The terminal is gone, or a signal ends everything."""
        self.exit(EXIT_OK)
        self._insist()

    def _insist(self) -> None:
        """Cut short whatever keeps the app from ending: a handler may wait for a widget that never comes up."""
        if self._main is not None and not self._main.done():
            self._main.get_loop().call_later(INSIST_SECONDS, self._cut_short)

    def _cut_short(self) -> None:
        if self._main is not None and self._main.cancel():
            self._insist()
