"""How the setup screen looks: snapshots at three sizes, in ASCII and without colour; themes; NO_COLOR.

The snapshots are text files in golden/. NNTUI_GOLDEN=write writes them anew; look at the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.screens import form, go_to, lines, opened, press, see, strips, text, type_in, until
from textual import events
from textual.filter import Monochrome, NoColor

from tui import looks
from tui.kept import Keeper
from tui.screens.files import ColumnScreen
from tui.screens.pick import Menu
from tui.widgets.preview import PreviewPane

GOLDEN = Path(__file__).parent / "golden"


def same_as(pilot, name: str) -> None:
    path = GOLDEN / f"setup_{name}.txt"
    shown = "\n".join(line.rstrip() for line in lines(pilot)) + "\n"
    if os.environ.get("NNTUI_GOLDEN") == "write":
        path.write_text(shown)
    assert shown == path.read_text(), f"{path.name} differs; the screen shows\n{shown}"


async def settled(pilot) -> None:
    await until(pilot, lambda: not pilot.app.screen.query_one(PreviewPane).working)
    await until(pilot, lambda: pilot.app.screen.query_one("#left")._shown[1] is not None)
    await pilot.pause()


async def visited(pilot, name: str) -> None:
    """The form with something changed, something wrong and something typed; then the other pages and a filter."""
    await go_to(pilot, "regularization.dropout")
    await type_in(pilot, "0.3")
    await press(pilot, "enter")
    await until(pilot, lambda: pilot.app.screen.query_one(PreviewPane)._for.regularization.dropout == 0.3)
    await go_to(pilot, "optimizer.lr")
    await settled(pilot)
    await press(pilot, "enter", "ctrl+u")
    pilot.app.post_message(events.Paste("1e-"))  # at once: what stands there on the way to it has previews too
    await see(pilot, "^ must be a number, got '1e-'")
    await settled(pilot)
    same_as(pilot, f"{name}_typing")
    await press(pilot, "escape")
    await settled(pilot)
    same_as(pilot, f"{name}_form")


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (140, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_snapshots(size):
    async with opened(size) as pilot:
        name = f"{size[0]}x{size[1]}"
        await visited(pilot, name)
        await press(pilot, "d", "down", "down")
        await settled(pilot)
        same_as(pilot, f"{name}_data")
        if size[0] < 110:
            await press(pilot, "v")
            await pilot.pause()
            same_as(pilot, f"{name}_preview")
        await press(pilot, "f", "slash")
        await type_in(pilot, "momentum")
        await pilot.pause()
        same_as(pilot, f"{name}_filter")
        await press(pilot, "escape", "p")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu) and pilot.app.focused)
        await pilot.pause()
        same_as(pilot, f"{name}_menu")


@pytest.mark.parametrize("size", [(80, 24), (140, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_in_ascii_and_one_colour_everything_can_still_be_read(size):
    async with opened(size, charset="ascii", colour=False) as pilot:
        await visited(pilot, f"ascii_{size[0]}x{size[1]}")
        await press(pilot, "d", *["down"] * 5)
        await settled(pilot)
        same_as(pilot, f"ascii_{size[0]}x{size[1]}_data")
        await press(pilot, "p")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu) and pilot.app.focused)
        for screen in range(2):
            assert text(pilot).isascii(), [char for char in text(pilot) if not char.isascii()]
            colours = {
                (s.style.color, s.style.bgcolor) for strip in strips(pilot) for s in strip if s.style is not None
            }
            assert all(one is None or one.is_default for pair in colours for one in pair), colours
            if not screen:
                await press(pilot, "escape", "question_mark")
                await see(pilot, "Esc closes, arrows scroll")


async def test_a_key_goes_through_the_themes_and_the_choice_is_kept():
    keeper = Keeper()
    async with opened(keeper=keeper) as pilot:
        seen = []
        for _ in looks.THEMES:
            seen.append(pilot.app.theme)
            await press(pilot, "T")
        assert tuple(seen) == looks.THEMES and pilot.app.theme == looks.THEMES[0]
        await press(pilot, "T", "T")
        await until(pilot, lambda: keeper.memory.theme == "ansi-dark")
    async with opened(keeper=keeper) as pilot:
        assert pilot.app.theme == "ansi-dark"
        colours = {s.style.color for strip in strips(pilot) for s in strip if s.style is not None and s.style.color}
        assert all(colour.is_default or (colour.number is not None and colour.number < 16) for colour in colours), (
            colours
        )


async def test_one_colour_is_one_theme():
    async with opened(colour=False) as pilot:
        await press(pilot, "T")
        assert pilot.app.theme == looks.MONO_THEME
        await go_to(pilot, "run.epochs")
        here = next(strip for strip in strips(pilot) if "> epochs" in "".join(s.text for s in strip))
        assert all(segment.style is not None and segment.style.reverse for segment in here if segment.text.strip())


def test_an_empty_no_color_is_no_wish():
    own = [Monochrome()]
    assert looks.line_filters(own, colour=True, ascii_only=False) == []
    assert [type(one) for one in looks.line_filters(own, colour=False, ascii_only=True)] == [NoColor, looks.AsciiOnly]


@pytest.mark.parametrize(
    ("before", "after"),
    [("│╭─╮│", "|+-+|"), ("a·b…", "a-b~"), ("漢字", "????"), ("é", "e"), ("▁█", "_#"), ("⠿", "?"), ("plain", "plain")],
)
def test_ascii_takes_as_many_cells(before, after):
    assert looks.as_ascii(before) == after


async def test_the_palette_offers_keys_fields_and_datasets():
    async with opened((140, 45)) as pilot:
        await press(pilot, "ctrl+p")
        await until(pilot, lambda: "CommandPalette" in type(pilot.app.screen).__name__)
        await type_in(pilot, "Regularization: dropout")
        await see(pilot, "The chance that a hidden unit")
        await press(pilot, "enter")
        await until(
            pilot, lambda: pilot.app.screen.query(type(form(pilot))) and form(pilot).cursor == "regularization.dropout"
        )


async def test_the_column_picker_is_drawn_over_it(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    async with opened((60, 16), charset="ascii") as pilot:
        pilot.app.push_screen(ColumnScreen(str(tmp_path / "t.csv")))
        await see(pilot, "Which column", "> b", "first values: 2")
        assert text(pilot).isascii()
