"""What comes into the form from outside: pasted text, mouse clicks, settings with escape sequences in them."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.style import Style
from support.screens import SIZES, form, lines, opened, press, safe, see, text, type_in, until
from textual import events

from engine.config import RunConfig
from engine.configfile import build_config
from engine.knobs import knobs
from tui.widgets.datasets import DatasetList
from tui.widgets.lineedit import LineEdit

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")

HOSTILE = {
    "an escape sequence": "\x1b]0;owned\x07\x1b[31mred",
    "markup": "[/foo][bold red]x[/]",
    "an action": "[@click=app.quit]x[/]",
    "8-bit controls": "\x9b31m\x9d0;owned\x9c",
    "right to left": "abc\u202egpj.exe",
    "wide and combining": "漢字e\u0301 \N{FAMILY}",
}


async def paste(pilot, content: str) -> None:
    pilot.app.post_message(events.Paste(content))  # as the terminal's driver does
    for _ in range(3):
        await pilot.pause(0)


@pytest.mark.parametrize(
    ("size", "content"),
    [*((SIZES[0], content) for content in HOSTILE.values()), (SIZES[1], "".join(HOSTILE.values()))],
    ids=[*HOSTILE, "all of it"],
)
async def test_hostile_settings_are_shown_and_not_obeyed(size, content):
    settings = build_config({"data": {"source": f"{content}.csv", "target": content}, "run": {"name": content[:60]}})
    async with opened(size, settings) as pilot:
        assert safe(pilot), lines(pilot)
        for row in pilot.app.screen.draft.visible():
            if row.kind == "text":
                form(pilot).go_to(row.key)
                await press(pilot, "right")
                await until(pilot, lambda: form(pilot).edit is not None)
                assert safe(pilot), f"while {row.key} is edited\n{text(pilot)}"
                await press(pilot, "left", "home", "right", "escape")
                assert safe(pilot)
        assert all(cell_len(line) == size[0] for line in lines(pilot))
        assert pilot.app.screen.draft.config == settings, "and looking at them changes nothing"


async def test_brackets_are_shown_as_they_are():
    async with opened(config=build_config({"run": {"name": "[/foo][bold]x[/]"}})) as pilot:
        await press(pilot, "end", "up", "up")
        await see(pilot, "[/foo][bold]x[/]")


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
async def test_a_hostile_paste_is_made_safe(content):
    async with opened() as pilot:
        form(pilot).go_to("run.name")
        await paste(pilot, content)
        assert safe(pilot)
        await press(pilot, "enter")
        assert pilot.app.screen.draft.config.run.name.isprintable()


async def test_of_a_pasted_text_the_first_line_counts():
    async with opened() as pilot:
        form(pilot).go_to("run.name")
        await press(pilot, "enter")
        await paste(pilot, "\n first\r\nq\nsecond\n")
        await press(pilot, "enter")
        assert pilot.app.screen.draft.config.run.name == "first"


async def test_a_paste_into_a_field_that_is_not_open_takes_its_place():
    async with opened() as pilot:
        form(pilot).go_to("data.source")
        await paste(pilot, "/data/houses.csv\n")
        await press(pilot, "enter")
        assert pilot.app.screen.draft.text("data.source") == "/data/houses.csv"


async def test_a_paste_over_a_choice_does_nothing():
    async with opened() as pilot:
        form(pilot).go_to("model.kind")
        await paste(pilot, "cnn")
        await paste(pilot, "")
        assert pilot.app.screen.draft.config == RunConfig()


async def test_a_field_stays_open_while_another_window_is_in_front():
    async with opened() as pilot:
        form(pilot).go_to("run.name")
        await press(pilot, "enter")
        await type_in(pilot, "half")
        pilot.app.post_message(events.AppBlur())
        await until(pilot, lambda: not form(pilot).has_focus)
        pilot.app.post_message(events.AppFocus())
        await until(pilot, lambda: form(pilot).has_focus)
        await type_in(pilot, "way")
        await press(pilot, "enter")
        assert pilot.app.screen.draft.config.run.name == "halfway"


@sizes
async def test_a_click_chooses_a_field_and_a_second_one_opens_it(size):
    async with opened(size) as pilot:
        at = next(i for i, line in enumerate(lines(pilot)) if "training rows" in line) - form(pilot).region.y
        await pilot.click(form(pilot), offset=(8, at))
        await until(pilot, lambda: form(pilot).cursor == "data.train_rows")
        assert form(pilot).edit is None
        await pilot.click(form(pilot), offset=(8, at))
        await until(pilot, lambda: form(pilot).edit is not None)


async def test_a_click_finds_the_right_field_after_scrolling():
    async with opened() as pilot:
        await press(pilot, "end")
        await until(pilot, lambda: form(pilot).cursor == knobs()[-1].key and form(pilot).scroll_offset.y > 5)
        await see(pilot, "runs folder")
        at = next(i for i, line in enumerate(lines(pilot)) if "runs folder" in line) - form(pilot).region.y
        await pilot.click(form(pilot), offset=(8, at))
        await until(pilot, lambda: form(pilot).cursor == "run.folder")


async def test_a_click_chooses_a_dataset():
    async with opened() as pilot:
        await press(pilot, "d")
        await pilot.click(DatasetList, offset=(5, 3))
        assert pilot.app.screen.draft.text("data.source") == "digits", "the first one looks at it"
        await pilot.click(DatasetList, offset=(5, 3))
        await until(pilot, lambda: pilot.app.screen.draft.text("data.source") == "iris")


@pytest.mark.parametrize("at", [0, 1, 5, 12])
@pytest.mark.parametrize("content", ["", "abc", "漢字漢字漢字", "a\x1b[31mb\x9bc\u202ed", "x" * 50], ids=repr)
@pytest.mark.parametrize("width", [1, 2, 5, 10])
def test_a_field_is_as_wide_as_it_should_be_and_its_cursor_in_sight(content, at, width):
    edit = LineEdit(content)
    edit.at = min(at, len(content))
    segments = edit.segments(width, Style())
    assert "".join(segment.text for segment in segments).isprintable()
    if width > 1:  # a wide character does not fit into one cell
        assert sum(segment.cell_length for segment in segments) == width
    assert segments[1].text and segments[1].style is not None and segments[1].style.reverse
