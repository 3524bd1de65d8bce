"""What a key costs on the setup screen: the lines that differ, and no pass of the garbage collector over everything."""

from __future__ import annotations

import gc

import pytest
from rich.text import Text
from support.previews import Answers
from support.screens import SIZES, go_to, lines, opened, press, see, type_in
from textual.geometry import Region
from textual.widget import Widget

from tui import garbage
from tui.garbage import Garbage
from tui.widgets.form import Form
from tui.widgets.textlines import SPARE, TextLines
from tui.widgets.words import Words

WIDE = SIZES[1]


async def test_a_key_paints_the_lines_that_differ(monkeypatch):
    asked: list[tuple[Widget, tuple[Region, ...], bool]] = []
    refresh = Widget.refresh

    def refreshing(self, *regions, repaint=True, layout=False, recompose=False):
        asked.append((self, regions, layout))
        return refresh(self, *regions, repaint=repaint, layout=layout, recompose=recompose)

    async with opened(WIDE, previewer=Answers(held=True)) as pilot:
        await go_to(pilot, "run.epochs")
        await press(pilot, "enter", "ctrl+u", "1")
        await see(pilot, "epochs")
        monkeypatch.setattr(Widget, "refresh", refreshing)
        await type_in(pilot, "2")
        row = next(line for line in lines(pilot) if "> epochs" in line)
        assert "12" in row, "which is on the screen"
        of_form = [regions for widget, regions, _ in asked if isinstance(widget, Form)]
        assert [len(regions) for regions in of_form] == [1] and of_form[0][0].height == 1
        assert not [widget for widget, _, layout in asked if layout]
        assert not [widget.id for widget, _, _ in asked if isinstance(widget, Words)], "they say what they said"


async def test_of_a_new_text_the_lines_that_differ_are_drawn(monkeypatch):
    asked: list[tuple[tuple[Region, ...], bool]] = []
    refresh = TextLines.refresh

    def refreshing(self, *regions, layout=False, **more):
        asked.append((regions, layout))
        return refresh(self, *regions, layout=layout, **more)

    async with opened(WIDE) as pilot:
        await see(pilot, "nntui train")
        shown = pilot.app.screen.query_one("#preview-text", TextLines)
        monkeypatch.setattr(TextLines, "refresh", refreshing)
        said = [f"line {number}" for number in range(20)]

        async def show(words: list[str], style: str = "") -> tuple[tuple[Region, ...], bool] | None:
            asked.clear()
            shown.show(Text("\n".join(words), style="").append("\n", style=style))
            await pilot.pause()
            present = [line[92:].split("│")[0].strip() for line in lines(pilot)]
            assert [line for line in present if line.startswith("line ")] == words[: len(words)]
            return asked[0] if asked else None

        assert await show(said) == ((), True), "another height"
        assert await show(said) is None
        said[3], said[5] = "line three", "line five"
        regions, layout = await show(said) or ((), True)
        assert [region.y for region in regions] == [3, 5] and not layout
        regions, layout = await show(said[:-SPARE]) or ((), True)
        assert len(regions) == SPARE and not layout, "it stays as high as it was"
        assert await show(said[: -SPARE - 1]) == ((), True)
        assert await show(said) == ((), True)


class Passes:
    """Stands in for the module gc, with a clock that goes on by `seconds` in every full pass."""

    def __init__(self) -> None:
        self.count, self.enabled, self.made, self.frozen = (0, 0, 0), True, 0, 0
        self.now, self.seconds = 100.0, 0.001
        self.threshold: tuple[int, ...] = ()

    def get_count(self):
        return self.count

    def isenabled(self):
        return self.enabled

    def enable(self):
        self.enabled = True

    def disable(self):
        self.enabled = False

    def freeze(self):
        self.frozen += 1

    def set_threshold(self, *numbers):
        self.threshold = numbers

    def collect(self):
        self.made += 1
        self.now += self.seconds

    def monotonic(self):
        return self.now

    perf_counter = monotonic


@pytest.fixture
def passes(monkeypatch):
    found = Passes()
    monkeypatch.setattr(garbage, "gc", found)
    monkeypatch.setattr(garbage, "time", found)
    return found


def test_garbage_is_looked_for_in_pauses(passes):
    watched = Garbage()
    assert not passes.enabled and not watched.look(), "nothing is looked for while the app opens"
    watched.settle()
    assert passes.enabled and passes.frozen == 1
    assert not watched.look(), "there is none"
    passes.count = (0, 9, 1)
    watched.key()
    passes.now += garbage.PAUSE_SECONDS / 2
    assert not watched.look(), "a person is typing"
    passes.now += garbage.PAUSE_SECONDS
    assert watched.look() and passes.made == 1 and passes.frozen == 1
    passes.seconds = 2 * garbage.DEAR_SECONDS
    for _ in range(2 * garbage.MOST_FREEZES):
        passes.now += 1
        assert watched.look()
    assert passes.frozen == 1 + garbage.MOST_FREEZES, "what is given away is bounded"


def test_without_a_pause_it_is_looked_for_all_the_same(passes):
    Garbage().settle()
    young, middle, old = passes.threshold
    assert 0 < young * middle * old <= 5_000_000


def test_the_collector_of_a_process_under_test_is_left_alone():
    assert gc.isenabled()
