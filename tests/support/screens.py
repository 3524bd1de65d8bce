"""Looking at a Textual app under its pilot: what stands on the screen, and waiting until something does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from unittest import mock

import pytest
from support.previews import Answers
from textual import events
from textual.keys import _character_to_key
from textual.notifications import Notification
from textual.pilot import Pilot
from textual.strip import Strip

from engine.config import RunConfig
from engine.events import Event
from tui.app import NntuiApp
from tui.screens.monitor import MonitorScreen
from tui.screens.setup import SetupScreen
from tui.source import ScriptedSource
from tui.widgets.form import Form

SIZES = [(80, 24), (140, 45)]
# For what does not depend on the layout: both sizes only with -m soak.
small = pytest.mark.parametrize(
    "size", [SIZES[0], pytest.param(SIZES[1], marks=pytest.mark.soak)], ids=lambda size: f"{size[0]}x{size[1]}"
)
PATIENCE = 60.0  # seconds until a test gives up; nothing here takes one where the machine is not busy

AppPilot = Pilot[int]


class Starts:
    """Stands in for the engine: hands out sources of scripted events and remembers which settings were asked for."""

    def __init__(self, events: list[Event] | None = None, error: BaseException | None = None, own: bool = True) -> None:
        self.configs: list[RunConfig] = []
        self.sources: list[ScriptedSource] = []
        self._events, self._error, self._own = events or [], error, own

    def __call__(self, config: RunConfig) -> ScriptedSource:
        self.configs.append(config)
        self.sources.append(ScriptedSource(self._events, self._error, self._own))
        return self.sources[-1]


@contextlib.asynccontextmanager
async def opened(
    size: tuple[int, int] = (80, 24),
    config: RunConfig | None = None,
    start: Starts | None = None,
    toasts: bool = False,
    **options: object,
) -> AsyncIterator[AppPilot]:
    """The app on its setup screen. toasts: show notifications, which cover a part of the screen for seconds."""
    options.setdefault("previewer", Answers())
    app = NntuiApp(config, start_run=start or Starts(), **options)  # type: ignore[arg-type]
    # What is told stays told: where the machine is busy, seconds may go by before a test looks.
    with mock.patch.object(Notification, "time_left", 3600.0):
        async with app.run_test(size=size, notifications=toasts) as pilot:
            await until(pilot, lambda: isinstance(app.screen, SetupScreen) and app.focused and "setup" in text(pilot))
            yield pilot


@contextlib.asynccontextmanager
async def watching(
    events: list[Event],
    size: tuple[int, int] = (80, 24),
    error: BaseException | None = None,
    own: bool = True,
    **options: object,
) -> AsyncIterator[tuple[AppPilot, ScriptedSource]]:
    """The app on its monitor, on a run whose events wait to be released. own: whether it is this process's."""
    start = Starts(events, error, own)
    roomy = max(size[0], 80), max(size[1], 24)  # the setup screen has no keys on a terminal that is too small for it
    async with opened(roomy, start=start, **options) as pilot:
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        if roomy != size:
            await pilot.resize_terminal(*size)
        yield pilot, start.sources[-1]


def strips(pilot: AppPilot) -> list[Strip]:
    """The screen on top, line by line, as it would go to the terminal."""
    return pilot.app.screen._compositor.render_strips()


def lines(pilot: AppPilot) -> list[str]:
    return ["".join(segment.text for segment in strip) for strip in strips(pilot)]


def text(pilot: AppPilot) -> str:
    return "\n".join(lines(pilot))


async def until(pilot: AppPilot, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Let the app run until the condition holds; the screen stands in the failure's message."""
    deadline = time.monotonic() + seconds
    while True:
        await pilot.pause(0)
        if condition():
            return
        assert time.monotonic() < deadline, f"waited in vain; the screen shows\n{text(pilot)}"
        await asyncio.sleep(0.02)


async def see(pilot: AppPilot, *words: str) -> None:
    """Wait until all of these stand on the screen."""
    await until(pilot, lambda: all(word in text(pilot) for word in words))


async def go_to(pilot: AppPilot, key: str) -> None:
    """The cursor onto a field; that the keys can do it as well has tests of its own."""
    form(pilot).go_to(key)
    await until(pilot, lambda: form(pilot).cursor == key)


def form(pilot: AppPilot) -> Form:
    return pilot.app.screen.query_one(Form)


_CHARACTERS = {
    "space": " ",
    "question_mark": "?",
    "slash": "/",
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "backspace": "\x7f",
}


async def press(pilot: AppPilot, *keys: str) -> None:
    """Press keys as fast as a terminal sends them, and let the app work them off.

    `pilot.press` waits for an idle processor after each key, which takes a second where other tests run beside this one.
    """
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        pilot.app.post_message(events.Key(name, key if len(key) == 1 else _CHARACTERS.get(key)))
        for _ in range(3):  # from the app to the widget, its message to the screen, the answer
            await pilot.pause(0)


async def type_in(pilot: AppPilot, characters: str) -> None:
    """Press a key for every character."""
    await press(pilot, *characters)


def safe(pilot: AppPilot) -> bool:
    """Whether nothing on the screen would be obeyed by a terminal: no control characters, no links or actions."""
    segments = [segment for strip in strips(pilot) for segment in strip]
    printable = all(segment.text.isprintable() for segment in segments)
    plain = all(segment.style is None or segment.style.link is None for segment in segments)
    return printable and plain and not any("@click" in (s.style.meta if s.style else {}) for s in segments)


async def told(pilot: AppPilot, *words: str) -> None:
    """Wait until all of these are in the notifications: on the screen they may be wrapped."""
    await until(
        pilot, lambda: all(word in " | ".join(one.message for one in pilot.app._notifications) for word in words)
    )
