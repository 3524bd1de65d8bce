"""A view in which nothing has changed has nothing painted, at whatever moment of a run."""

from __future__ import annotations

import pytest
from support import script
from support.screens import see, until, watching
from textual.widget import Widget

from tui.app import NntuiApp
from tui.screens.monitor import MonitorScreen

MOMENTS = {
    "before anything came": (0, "preparing"),
    "in training": (60, "training"),
    "with a finding": (None, "overfitting since epoch"),
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_unchanged_view_paints_nothing(monkeypatch, moment):
    painted: list[object] = []
    asked: list[str] = []
    display, refresh = NntuiApp._display, Widget.refresh

    def counting(self, screen, renderable):
        painted.extend([renderable] if renderable is not None else [])
        display(self, screen, renderable)

    def refreshing(self, *regions, **options):
        asked.append(f"{type(self).__name__} {options}")
        return refresh(self, *regions, **options)

    monkeypatch.setattr(NntuiApp, "_display", counting)
    count, words = MOMENTS[moment]
    async with watching(script.overfitting(), (120, 40)) as (pilot, source):
        monitor = pilot.app.screen
        assert isinstance(monitor, MonitorScreen)
        source.release(count)
        await see(pilot, words)

        async def quiet() -> bool:
            """Whether nothing is painted for a while."""
            painted.clear()
            await pilot.pause(0.3)
            return not painted

        for _ in range(20):
            if await quiet():
                break
        monkeypatch.setattr(Widget, "refresh", refreshing)
        asked.clear()
        painted.clear()
        for _ in range(3):
            monitor._show()
            monitor._drain()
            monitor._show_clock()
        await pilot.pause(0.3)
        assert asked == [] and painted == []

        source.add(script.epoch(41, 0.1, 0.5, 10))
        source.release()
        await until(pilot, lambda: painted and asked)
