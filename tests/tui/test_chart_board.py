"""The monitor's charts under a person's hands: every key, the mouse, the ghost, and what is remembered."""

from __future__ import annotations

import re

import pytest
from support import script
from support.screens import SIZES, AppPilot, lines, press, see, until, watching
from test_panels import BEGAN, folds, rich_epoch, run_folder
from textual.events import MouseScrollDown, MouseScrollUp

from engine import events as e
from tui.chart_keys import CHART_KEYS
from tui.kept import Keeper, read
from tui.screens.monitor import MonitorScreen
from tui.screens.pick import Menu, PickList
from tui.source import ScriptedSource
from tui.widgets.board import ChartBoard
from tui.widgets.chart import Chart

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def _undamped(monkeypatch):
    clock = iter(range(10**9))
    monkeypatch.setattr(Chart, "clock", staticmethod(lambda: 100.0 * next(clock)))
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


def board(pilot: AppPilot) -> ChartBoard:
    monitor = next(screen for screen in reversed(pilot.app.screen_stack) if isinstance(screen, MonitorScreen))
    return monitor.query_one(ChartBoard)


def chart_text(chart: Chart) -> str:
    return "\n".join("".join(part.text for part in chart.render_line(y)) for y in range(chart.size.height))


def heads(pilot: AppPilot) -> list[str]:
    """The first line of each chart in sight."""
    return [chart_text(chart).split("\n")[0].strip() for chart in board(pilot).charts]


def ticks(pilot: AppPilot) -> list[float]:
    """The numbers beside the first chart."""
    return [float(found) for found in re.findall(r"^ *(\S+)┤", chart_text(board(pilot).charts[0]), re.M)]


def axis(pilot: AppPilot) -> str:
    """The numbers under the first chart."""
    return chart_text(board(pilot).charts[0]).split("\n")[-1].strip()


async def drawn(pilot: AppPilot) -> None:
    """Until the charts have followed the last key."""
    await until(pilot, lambda: not board(pilot)._asked)


async def release(pilot: AppPilot, source: ScriptedSource, count: int | None = None) -> None:
    source.release(count)
    await until(pilot, lambda: not source._ready)
    await drawn(pilot)


async def hit(pilot: AppPilot, *keys: str) -> None:
    await press(pilot, *keys)
    await drawn(pilot)


def trained(epochs: int = 30, planned: int = 40) -> list[e.Event]:
    events = script.opening(epochs=planned)
    events += [rich_epoch(n, val_loss=0.2 + abs(n - 12) / 20, best_epoch=min(n, 12)) for n in range(1, epochs + 1)]
    return [*events, e.Noted(text="more to come")]


@sizes
async def test_every_chart_key(size):
    events = trained()
    async with watching(events, size) as (pilot, source):
        await release(pilot, source, len(events) - 1)
        wide = size[0] > 100
        await until(pilot, lambda: len(heads(pilot)) == (2 if wide else 1))
        await until(pilot, lambda: "validation 1.100" in heads(pilot)[0])
        assert axis(pilot).startswith("epoch 0") and axis(pilot).endswith("40")

        await hit(pilot, "left")  # the newest point, then back from there
        assert "epoch 30" in heads(pilot)[0] and "validation 1.100" in heads(pilot)[0]
        await hit(pilot, "left", "left")
        assert "epoch 28" in heads(pilot)[0] and "validation 1.000" in heads(pilot)[0]
        assert not wide or "epoch 28" in heads(pilot)[1], "one cursor for all charts"
        await hit(pilot, "right")
        assert "epoch 29" in heads(pilot)[0]
        await hit(pilot, "home")
        assert "epoch 1 " in heads(pilot)[0] and "validation 0.7500" in heads(pilot)[0]
        await hit(pilot, "shift+right")
        jumped = board(pilot).cursor
        assert jumped is not None and 4 <= jumped <= 6, "a tenth of forty epochs"
        await hit(pilot, "shift+left")
        assert board(pilot).cursor == 1
        await hit(pilot, "end")
        assert board(pilot).cursor == 30

        await hit(pilot, "z", "z")
        window = board(pilot).window
        assert window is not None and (window.low, window.high) == (22.5, 32.5)
        assert not re.search(r"\b0\b|\b40\b", axis(pilot))
        await hit(pilot, "<")
        assert board(pilot).window.low == 20
        await hit(pilot, ">", ">")
        assert board(pilot).window.low == 25
        await hit(pilot, "home")
        assert board(pilot).window.low == 1, "what is in sight goes along with the cursor"
        await hit(pilot, "Z")
        assert board(pilot).window.width == 20
        await hit(pilot, "0")
        assert board(pilot).window is None and axis(pilot).endswith("40")

        await hit(pilot, "end", "h", "h")
        height = board(pilot).heights["loss"]
        assert "loss ×4" in heads(pilot)[0] and height.low < 1.1 < height.high, "towards validation at the cursor"
        assert (not wide or "×" not in heads(pilot)[1]) and len(ticks(pilot)) > 2
        assert all(height.low <= tick <= height.high for tick in ticks(pilot)), ticks(pilot)
        await hit(pilot, "H")
        assert "loss ×2" in heads(pilot)[0]
        await hit(pilot, "H")
        assert "×" not in heads(pilot)[0] and board(pilot).heights == {}
        await hit(pilot, "h", "0")
        assert "×" not in heads(pilot)[0]
        await hit(pilot, "h", "y", "h")
        assert "loss ×2, log" in heads(pilot)[0]
        await hit(pilot, "y")
        assert "×" not in heads(pilot)[0], "another axis"
        await hit(pilot, "escape")
        assert board(pilot).cursor is None and isinstance(pilot.app.screen, MonitorScreen)
        assert "epoch 30" not in heads(pilot)[0]

        await hit(pilot, "t")
        assert board(pilot).window.tail and board(pilot).window.high >= 30 and board(pilot).window.low >= 10
        await hit(pilot, "t")
        assert board(pilot).window is None

        await hit(pilot, "x")
        assert axis(pilot).startswith("step 0") and axis(pilot).endswith("4000")
        await hit(pilot, "end", "x")
        assert axis(pilot).startswith("time 0") and board(pilot).cursor == 60, "the same epoch on another axis"
        assert "1m" in axis(pilot)
        await hit(pilot, "x", "escape")
        assert axis(pilot).startswith("epoch 0")

        await hit(pilot, "y")
        assert "log" in heads(pilot)[0] and (not wide or "log" not in heads(pilot)[1])
        await hit(pilot, "X")
        assert axis(pilot).startswith("epoch 1") and axis(pilot).split()[2] in ("2", "3", "5")
        await hit(pilot, "X", "y")
        assert axis(pilot).startswith("epoch 0") and "log" not in heads(pilot)[0]

        await hit(pilot, "m")
        assert board(pilot).shown[0] == ("lr" if wide else "metric")
        if wide:
            await hit(pilot, "tab", "m")
            assert board(pilot).shown == ["lr", "grad"] and "▸" in heads(pilot)[1] and "▸" not in heads(pilot)[0]
            await hit(pilot, "up")
        else:
            await hit(pilot, "down")
            assert board(pilot).shown == ["lr"], "with one chart in sight Tab and the arrows go from chart to chart"
        await press(pilot, "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu) and pilot.app.focused)
        await see(pilot, "Show which chart?", "Validation top-k", "Gradient norm of each layer", "in sight")
        await press(pilot, *"layer")
        await see(pilot, "> Gradient norm of each layer")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await drawn(pilot)
        assert board(pilot).shown[0] == "layers" and "hidden 1" in heads(pilot)[0]

        await hit(pilot, "v")
        await until(pilot, lambda: len(heads(pilot)) == (4 if wide else 2) and all(c.size for c in board(pilot).charts))
        assert len(set(board(pilot).shown)) == len(board(pilot).shown)
        await hit(pilot, "v")
        await until(pilot, lambda: len(heads(pilot)) == 1)

        await hit(pilot, "a")
        assert board(pilot).taste.smoothing == "off"
        assert lines(pilot)[-1].rstrip().endswith("q quit"), "the foot keeps within its line"
        pressed = (
            "left right shift+left shift+right home end z Z h H less_than_sign greater_than_sign 0 t m c v x y X a"
        )
        others = {"tab,down", "shift+tab,up", "g"}  # above and below
        assert {one.keys for one in CHART_KEYS} == {*pressed.split(), *others}


async def test_every_chart_key_before_there_is_anything_to_show_and_while_it_comes():
    """Any order of keys at any moment of a run does no harm."""
    events = [*trained(3), *script.closing()]
    everything = [key for one in CHART_KEYS for key in one.keys.split(",") if one.what not in ("choose", "ghost")]
    async with watching(events) as (pilot, source):
        for count in (0, 1, 1, 2, 2, len(events) - 6):
            await release(pilot, source, count)
            for what in (everything, everything[::-1]):
                await hit(pilot, *what)
        await see(pilot, "all epochs done")
        assert pilot.app.is_running


async def test_the_mouse_zooms_pans_and_points():
    events = trained()
    async with watching(events, (140, 45)) as (pilot, source):
        await release(pilot, source, len(events) - 1)
        await until(pilot, lambda: "validation 1.100" in heads(pilot)[0])
        right = board(pilot).charts[1]
        middle = (8 + (right.size.width - 8) // 2, 5)
        await pilot.click(right, offset=middle)
        await drawn(pilot)
        assert board(pilot).cursor == 20 and board(pilot).hand == 1 and "epoch 20" in heads(pilot)[0]

        def wheel(kind: type[MouseScrollUp] | type[MouseScrollDown]) -> None:
            x, y = (right.region.x + middle[0], right.region.y + middle[1])
            pilot.app.screen._forward_event(kind(None, x, y, 0, 0, 0, False, False, False, x, y))

        for _ in range(3):
            wheel(MouseScrollUp)
        await until(
            pilot, lambda: board(pilot).window is not None and board(pilot).window.width == pytest.approx(20.48)
        )
        low = board(pilot).window.low
        assert low == pytest.approx(20 - 20.48 / 2, abs=0.5), "around the mouse"
        await pilot.mouse_down(right, offset=middle)
        await pilot.hover(right, offset=(middle[0] - 10, 5))
        await pilot.mouse_up(right, offset=(middle[0] - 10, 5))
        await drawn(pilot)
        per_column = 20.48 / (right.size.width - 8)
        assert board(pilot).window.low == pytest.approx(low + 10 * per_column), "ten columns to the left is later"
        assert board(pilot).cursor == 20, "dragging is not pointing"
        for _ in range(4):
            wheel(MouseScrollDown)
        await until(pilot, lambda: board(pilot).window is None)


async def test_layout_axes_and_choice_are_remembered(tmp_path):
    events, file = trained(5), tmp_path / "setup.json"
    async with watching(events, (140, 45), keeper=Keeper(file)) as (pilot, source):
        await release(pilot, source, 5)
        await hit(pilot, "v", "x", "y", "tab", "m")
        shown = board(pilot).shown
        assert len(shown) == 4 and shown[1] != "metric"
    assert read(file).charts["layout"] == "grid"
    async with watching(events, (140, 45), keeper=Keeper(file)) as (pilot, source):
        await release(pilot, source, len(events) - 1)
        await until(pilot, lambda: board(pilot).shown == shown and axis(pilot).startswith("step 0"))
        assert "log" in heads(pilot)[0]
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(board(pilot).charts) == 2 and board(pilot).charts[0].size.width == 40)
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: len(board(pilot).charts) == 1 and board(pilot).charts[0].size.width == 60)
        await pilot.resize_terminal(140, 45)
        await until(pilot, lambda: len(board(pilot).charts) == 4)


async def test_the_ghost_is_the_previous_run_then_one_from_the_list_then_none(tmp_path):
    old = [*script.opening(epochs=40), *(rich_epoch(n, val_loss=5.0, time=BEGAN + 3.0 * n) for n in range(1, 21))]
    run_folder(tmp_path, "20260101-100000-digits-mlp", old, began=1)
    run_folder(tmp_path, "20260101-110000-wine-mlp", old, source="wine", began=2)
    mine = run_folder(tmp_path, "20260101-120000-digits-mlp", [], began=3)
    events = [*script.opening(folder=str(mine), epochs=40), *trained()[3:]]
    async with watching(events) as (pilot, source):
        await release(pilot, source, len(events) - 1)
        await press(pilot, "g")
        await until(pilot, lambda: board(pilot).ghost is not None)
        await drawn(pilot)
        assert "°° 10:00 5.000  ¨¨ its train" in heads(pilot)[0]
        told = [one.message for one in pilot.app._notifications]
        assert "behind it: 20260101-100000-digits-mlp, 20 epochs, best validation loss 5.000" in told
        await hit(pilot, "x", "x", "end")
        assert board(pilot).cursor == 60
        await hit(pilot, "z", "z", "left")
        await hit(pilot, "left")
        assert board(pilot).cursor == 56, "the cursor goes along the run's own curves"
        await hit(pilot, "x", "0")
        await press(pilot, "g")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu) and pilot.app.focused)
        await see(pilot, "> off", "the same dataset: digits", "other datasets", "20260101-110000-wine-mlp")
        await press(pilot, *"wine")
        await until(pilot, lambda: len(pilot.app.screen.query_one(PickList).items) == 1)
        await press(pilot, "enter")
        await until(pilot, lambda: board(pilot).ghost is not None and board(pilot).ghost.name == "11:00 wine-mlp")
        await hit(pilot, "g")
        assert board(pilot).ghost is None
        await until(pilot, lambda: "wine" not in heads(pilot)[0])


async def test_behind_a_fold_stands_the_best_one_so_far():
    events = [*folds(3, running=True), e.Noted(text="more")]
    async with watching(events, (140, 45)) as (pilot, source):
        await release(pilot, source, len(events) - 1)
        await until(pilot, lambda: board(pilot).shown == ["loss", "trials"])
        await until(pilot, lambda: "mean" in heads(pilot)[1] and "±" in heads(pilot)[1])
        await hit(pilot, "g")
        assert "fold 1 1.400" in heads(pilot)[0]


async def test_nothing_is_drawn_when_nothing_changed_and_a_late_ghost_comes_to_nobody(tmp_path):
    mine = run_folder(tmp_path, "a", [], began=3)
    events = [
        *script.opening(folder=str(mine)),
        *trained()[3:],
        *[e.StepsDone(epoch=31, step=1, samples_per_second=1.0)] * 3,
    ]
    async with watching(events, (140, 45)) as (pilot, source):
        await release(pilot, source, len(events) - 3)
        await until(pilot, lambda: "validation 1.100" in heads(pilot)[0])
        await pilot.pause()
        draws = [chart.draws for chart in board(pilot).charts]
        await release(pilot, source, 2)
        await until(pilot, lambda: pilot.app.screen.view.epoch == 31)
        assert [chart.draws for chart in board(pilot).charts] == draws
        await hit(pilot, "0", "escape")
        assert [chart.draws for chart in board(pilot).charts] == draws
        await press(pilot, "g")  # there is no earlier run: the list comes by itself
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu))
        await press(pilot, "escape")
        assert board(pilot).ghost is None


async def test_the_palette_has_the_charts_keys():
    async with watching(trained()) as (pilot, source):
        await release(pilot, source, 10)
        await press(pilot, "ctrl+p")
        await press(pilot, *"logarithmic")
        await see(pilot, "Chart: Logarithmic y axis", "Chart: Logarithmic x axis")
