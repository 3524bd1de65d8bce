"""Manners of the setup screen and its dialogs: what was looked for does not stick, what is cut says so, keys do what is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from support import script
from support.screens import Starts, form, go_to, lines, opened, press, see, text, told, type_in, until
from textual.strip import Strip

from engine.config import RunConfig
from engine.knobs import knob_by_key, parse
from engine.preview import DataPreview, Layer, ModelPreview, Part
from engine.runs import RunSummary
from tui.app import NntuiApp
from tui.kept import Keeper
from tui.looks import Look
from tui.previewtext import Known, brief, preview_text
from tui.screens.files import PathScreen
from tui.screens.help import HelpScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.pick import Item, Menu
from tui.screens.runs import RunsScreen
from tui.screens.setup import SetupScreen
from tui.source import ScriptedSource
from tui.widgets.more import with_more


async def test_what_was_looked_for_does_not_stick():
    start = Starts(script.healthy())
    async with opened((140, 45), start=start) as pilot:
        screen = pilot.app.screen
        await press(pilot, "slash")
        await type_in(pilot, "epochs")
        await press(pilot, "enter", "right")
        assert form(pilot).words == "epochs", "as long as one is at it"
        await press(pilot, "tab")
        await until(pilot, lambda: not form(pilot).words and "find: epochs" not in text(pilot))
        await press(pilot, "d", "slash")
        await type_in(pilot, "iris")
        await press(pilot, "enter")
        await until(pilot, lambda: screen.draft.text("data.source") == "iris" and form(pilot).has_focus)
        await press(pilot, "d")
        await see(pilot, ">*iris", "wine", "find: / finds a dataset")
        await press(pilot, "slash")
        await type_in(pilot, "/no/such.csv")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PathScreen) and pilot.app.screen.text == "/no/such.csv")
        await press(pilot, "escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        await press(pilot, "f", "slash")
        await type_in(pilot, "seed")
        await press(pilot, "enter", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        assert not screen.form.words


def test_a_list_that_goes_on_says_so():
    strip, bold = Strip([Segment("0123456789abcdefghij")]), Style(bold=True)

    def shown(y: int, above: int, below: int) -> str:
        return with_more(strip, y, 3, above, below, bold).text

    assert [shown(y, 0, 12) for y in range(3)] == [strip.text, strip.text, "01234567… ↓ 12 more "]
    assert [shown(y, 4, 0) for y in (1, 2)] == [strip.text] * 2
    assert shown(0, 4, 0).endswith(" ↑ 4 more ") and len(shown(0, 4, 0)) == 20
    assert with_more(Strip([Segment("abc")]), 0, 1, 0, 5, bold).text == "abc", "where there is no room it stays away"


async def test_lists_longer_than_their_place_have_a_sign():
    keeper = Keeper()
    for number in range(10):
        keeper.used_table(f"/x/{number}.csv")
    async with opened((60, 16), charset="ascii", keeper=keeper) as pilot:
        await press(pilot, "d")
        await see(pilot, "v 12 more")
        await press(pilot, "end")
        await see(pilot, "^ 12 more")
        pilot.app.push_screen(Menu("many", [Item(f"item {n}") for n in range(40)]))
        await see(pilot, " more", "> item 0")
        (row,) = [line for line in lines(pilot) if " more " in line and " v " in line]
        hidden = int(row.split(" v ")[1].split()[0])
        last = int(row.split("item ")[1].split()[0])
        assert last + hidden == 39
        await press(pilot, *["pagedown"] * 4)
        await see(pilot, "> item 39", "^ ")
        assert " v " not in text(pilot)


@pytest.mark.parametrize("typed", ["128,,64", ",128", "128,64,,", ",", "128 , , 64"])
def test_a_list_with_a_gap_is_refused(typed):
    with pytest.raises(ValueError, match="whole numbers such as 128, 64"):
        parse(knob_by_key()["model.hidden"], typed)


async def test_a_list_stands_in_its_field_in_one_way():
    async with opened() as pilot:
        await go_to(pilot, "model.hidden")
        for typed, shown in (("[64 32]", "64, 32"), ("16,8,", "16, 8"), ("", "")):
            await press(pilot, "enter", "ctrl+u")
            await type_in(pilot, typed)
            await press(pilot, "enter")
            await until(pilot, lambda shown=shown: pilot.app.screen.draft.text("model.hidden") == shown)


def test_one_of_a_thing_and_none_of_it_in_words():
    data = DataPreview(task="regression", rows=10, parts=(Part("train", 10),))
    model = ModelPreview((Layer("0", "linear", "", (1,), 1),), 1, steps_per_epoch=1, batch_size=1, total_steps=1)
    known = Known(data, model, RunConfig())
    assert "1 step of 1 row an epoch, 1 in all" in preview_text(known, 60, Look()).plain
    assert "1 parameter  1 step/epoch" in brief(known)
    nothing = Known(data, ModelPreview(model.layers, 1), RunConfig())
    assert " 0 " not in preview_text(nothing, 60, Look()).plain.partition("Training")[2].partition("about")[0]
    assert "step" not in brief(nothing)


async def test_nothing_is_said_over_a_run_that_is_watched(tmp_path):
    keeper = Keeper()
    keeper.keep(texts={"run.epochs": "7"})
    source = ScriptedSource(script.healthy(), None, False)
    app = NntuiApp(attach=tmp_path, open_run=lambda path: source, keeper=keeper, start_run=Starts())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        source.release()
        await until(pilot, lambda: app.screen.view.end is not None)
        assert not [one for one in app._notifications if "settings" in one.message]
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "MONITOR" in text(pilot))
        assert "SETUP" not in text(pilot), "the help begins where one is"
        await press(pilot, "escape", "ctrl+p")
        await type_in(pilot, "new run")
        await see(pilot, "New run", "To the settings, when this one has ended")
        await press(pilot, "escape", "n")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await told(pilot, "your last settings are back")


async def test_where_nothing_can_be_seen_only_help_and_quitting_work():
    start = Starts()
    async with opened(start=start) as pilot:
        screen = pilot.app.screen
        await go_to(pilot, "run.epochs")
        await press(pilot, "enter", "x")
        await see(pilot, "^ must be")
        await pilot.resize_terminal(50, 12)
        await see(pilot, "60x16")
        theme = pilot.app.theme
        for key in (
            "r",
            "x",
            "5",
            "right",
            "down",
            "p",
            "u",
            "X",
            "O",
            "t",
            "d",
            "slash",
            "T",
            "ctrl+p",
            "enter",
            "tab",
            "o",
        ):
            await press(pilot, key)
            assert pilot.app.screen is screen, key
        assert pilot.app.theme == theme and screen.draft.config == RunConfig() and not start.configs
        assert "r run" not in text(pilot) and "q quit" in text(pilot)
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await press(pilot, "escape")
        await pilot.resize_terminal(80, 24)
        await see(pilot, "> epochs", "50x", "^ must be")
        assert form(pilot).edit is not None and form(pilot).edit.text == "50x", "what was being typed is still there"
        await press(pilot, "backspace", "backspace", "enter")
        await until(pilot, lambda: screen.draft.config.run.epochs == 5)


async def test_the_palette_begins_with_our_own():
    async with opened((140, 45)) as pilot:
        await press(pilot, "ctrl+p")
        await see(pilot, "Train with these settings", "Find a setting")
        named = [line.strip(" │▊▎") for line in lines(pilot)]
        first = next(
            i for i, line in enumerate(named) if line.split("  ")[0].strip() == "Run" or line.startswith("Run")
        )
        assert not any("Screenshot" in line or "SVG" in line for line in named)
        assert first < next(i for i, line in enumerate(named) if "Find a setting" in line)


def summary(n: int) -> RunSummary:
    return RunSummary(
        f"run-{n}", Path(f"/r/{n}"), "finished", "", "", n + 1, 5, 1, 0.5, 0.5, "accuracy", 0, 0, 0.0, 0.0, None
    )


async def test_the_list_of_runs_shows_its_cursor_and_its_keys_without_colour():
    got: list[object] = []
    async with opened(colour=False) as pilot:
        pilot.app.push_screen(
            RunsScreen("runs", lambda folder: [summary(n) for n in range(3)], lambda *_: 0), got.append
        )
        await see(pilot, "> ", "run-2", "open", "resume")

        def pointed() -> list[str]:
            return [line for line in lines(pilot) if ">" in line]

        await until(pilot, lambda: len(pointed()) == 1 and "run-0" in pointed()[0])
        await press(pilot, "down")
        await until(pilot, lambda: len(pointed()) == 1 and "run-1" in pointed()[0])
        pilot.app.screen._look()
        await until(pilot, lambda: len(pointed()) == 1 and "run-1" in pointed()[0])
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen) and "RUNS (o)" in text(pilot))
        await press(pilot, "escape", "enter")
        await until(pilot, lambda: got == [Path("/r/1")])
