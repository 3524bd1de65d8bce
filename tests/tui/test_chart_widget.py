"""The chart widget repaints what changed and nothing else, and always ends up showing the last state."""

from __future__ import annotations

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from engine.series import HeldBounds
from tui.chart import ChartOptions, Mark, Series
from tui.widgets.chart import Chart

SIZES = [(80, 24), (140, 45)]


class Watched(Chart):
    """A chart that writes down what it asks to be repainted, under a clock that stands still until it is moved."""

    def __init__(self, options: ChartOptions | None = None) -> None:
        super().__init__(options)
        self.asked: list[tuple[Region, ...]] = []
        self.now, self.cost = 0.0, 0.0

    def clock(self) -> float:  # type: ignore[override]
        self.now += self.cost / 2  # it is read before and after a draw
        return self.now

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Watched:
        if hasattr(self, "asked"):
            self.asked.append(regions)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class Screenful(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.chart = Watched(ChartOptions(x_low=0, x_high=50, y_label="loss", bounds=HeldBounds((0.0, None))))

    def compose(self) -> ComposeResult:
        yield self.chart


def curves(epochs: int, name: str = "train") -> list[Series]:
    x = np.arange(1.0, epochs + 1)
    return [
        Series(name, x, 2 * np.exp(-x / 8) + 0.1, "train"),
        Series("validation", x, 2 * np.exp(-x / 8) + 0.3, "validation"),
    ]


def shown(chart: Chart) -> list[str]:
    return ["".join(segment.text for segment in chart.render_line(y)) for y in range(chart.size.height)]


async def settled(pilot: Pilot[None], chart: Watched) -> None:
    """Waits until the chart has been laid out and drawn, and forgets the repaints of that."""
    while not chart.draws or len(shown(chart)[0]) != chart.size.width:
        await pilot.pause()
    await pilot.pause()
    chart.asked.clear()


@pytest.mark.parametrize("size", SIZES)
async def test_unchanged_data_repaint_nothing(size: tuple[int, int]) -> None:
    app = Screenful()
    async with app.run_test(size=size) as pilot:
        app.chart.update_chart(curves(20), [Mark(12, "best", "best 0.7 @ 12")])
        await settled(pilot, app.chart)
        draws = app.chart.draws
        app.chart.update_chart(curves(20), [Mark(12, "best", "best 0.7 @ 12")])
        app.chart.update_chart(curves(20), [Mark(12, "best", "best 0.7 @ 12")], force=True)
        assert app.chart.asked == [] and app.chart.draws == draws
        assert [len(row) for row in shown(app.chart)] == [size[0]] * size[1]


@pytest.mark.parametrize("size", SIZES)
async def test_only_changed_cells_are_repainted(size: tuple[int, int]) -> None:
    app = Screenful()
    async with app.run_test(size=size) as pilot:
        app.chart.update_chart(curves(20))
        await settled(pilot, app.chart)
        before = shown(app.chart)
        app.chart.update_chart(curves(21))
        after = shown(app.chart)
        changed = {y for y in range(size[1]) if before[y] != after[y]}
        assert 0 < len(changed) <= 4
        (regions,) = app.chart.asked
        assert {region.y for region in regions} == changed
        for region in regions:
            same = before[region.y], after[region.y]
            assert same[0][: region.x] == same[1][: region.x] and same[0][region.right :] == same[1][region.right :]
        assert sum(region.width for region in regions) < 0.02 * size[0] * size[1] + 40


async def test_a_resize_redraws_at_the_new_size() -> None:
    app = Screenful()
    async with app.run_test(size=(80, 24)) as pilot:
        app.chart.update_chart(curves(20))
        await settled(pilot, app.chart)
        await pilot.resize_terminal(100, 30)
        while app.chart.size.width != 100:
            await pilot.pause()
        await settled(pilot, app.chart)
        rows = shown(app.chart)
        assert [len(row) for row in rows] == [100] * 30
        assert rows[-1].rstrip().endswith("50") and len(rows[-1].rstrip()) == 100


async def test_names_are_never_markup() -> None:
    app = Screenful()
    async with app.run_test(size=(80, 24)) as pilot:
        app.chart.update_chart(curves(5, "loss[/foo]"), [Mark(3, "best", "[@click=app.quit]here[/]")])
        await settled(pilot, app.chart)
        row = shown(app.chart)[0]
        assert "loss[/foo]" in row and "[@click=app.quit]here[/]" in row
        assert app.is_running


async def test_dear_draws_are_put_off_but_the_last_state_is_shown() -> None:
    app = Screenful()
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.chart
        chart.update_chart(curves(20))
        await settled(pilot, chart)
        chart.cost = 0.0001  # a draw of 0.1 ms: the next may come 3 ms later
        chart.update_chart(curves(21), force=True)
        draws = chart.draws
        for epochs in range(22, 30):
            chart.update_chart(curves(epochs))
        assert chart.draws == draws
        expected = curves(29)[0].latest
        while expected not in shown(chart)[0]:
            await pilot.pause()
        assert chart.draws == draws + 1  # one for all the updates that came too fast


async def test_force_draws_at_once_and_cancels_what_was_put_off() -> None:
    app = Screenful()
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.chart
        chart.update_chart(curves(20))
        await settled(pilot, chart)
        chart.cost = 1.0
        chart.update_chart(curves(21), force=True)
        chart.update_chart(curves(22))
        chart.update_chart(curves(23), force=True)
        assert curves(23)[0].latest in shown(chart)[0]
        draws = chart.draws
        chart.now += 10.0
        chart.update_chart(curves(24))
        assert chart.draws == draws + 1


async def test_a_hidden_chart_is_drawn_when_it_is_shown() -> None:
    app = Screenful()
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.chart
        await settled(pilot, chart)
        chart.display = False
        await pilot.pause()
        chart.update_chart(curves(20), force=True)
        chart.display = True
        while not chart.size or curves(20)[0].latest not in shown(chart)[0]:
            await pilot.pause()


async def test_the_chart_takes_no_focus_and_follows_the_theme() -> None:
    app = Screenful()
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.chart
        chart.update_chart(curves(20))
        await settled(pilot, chart)
        assert not chart.can_focus

        def paints() -> set[str]:
            return {
                str(part.style.color.name)
                for y in range(24)
                for part in chart.render_line(y)
                if part.style and part.style.color
            }

        assert "#56b4e9" in paints()
        app.theme = "textual-light"
        while "#0072b2" not in paints():
            await pilot.pause()
