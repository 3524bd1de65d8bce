"""The setup screen with keys alone: every dataset, every field, every error where it belongs."""

from __future__ import annotations

import pytest
from support import script
from support.screens import SIZES, Starts, form, go_to, lines, opened, press, see, small, text, type_in, until

from engine.config import RunConfig
from engine.configfile import build_config
from engine.data.catalogue import catalogue
from engine.errors import Fault, InputError
from engine.knobs import knobs
from tui.screens.dialogs import ExplainScreen
from tui.screens.help import HelpScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.setup import SetupScreen

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def config(pilot) -> RunConfig | None:
    return pilot.app.screen.draft.config


@small
async def test_every_dataset_can_be_chosen_by_keyboard(size):
    async with opened(size) as pilot:
        await press(pilot, "d")
        for item in catalogue():
            await see(pilot, f"> {item.name}" if item.name != "digits" else ">*digits", item.title.split()[0])
            await press(pilot, "space")
            await until(pilot, lambda item=item: config(pilot) and config(pilot).data.source == item.name)
            await press(pilot, "down")
        await see(pilot, "> Open a file...", "A table (CSV, TSV")
        assert config(pilot).data.source == catalogue()[-1].name, "looking is not choosing"
        await press(pilot, "home", "enter")
        await until(pilot, lambda: config(pilot).data.source == "digits")
        assert form(pilot).has_focus and form(pilot).cursor == "data.source", "and on it goes in the form"


@small
async def test_every_knob_is_reached_with_the_down_key(size):
    async with opened(size) as pilot:
        await press(pilot, "home")
        for group in dict.fromkeys(row.group for row in pilot.app.screen.draft.visible()):
            await until(pilot, lambda group=group: form(pilot).cursor == f"@{group}")
            assert any(">-" + group in line for line in lines(pilot)), f"{group} is open and in sight"
            await press(pilot, "down")
            for row in [row for row in pilot.app.screen.draft.visible() if row.group == group]:
                await until(pilot, lambda row=row: form(pilot).cursor == row.key)
                here = next((line for line in lines(pilot) if f"{row.label:<18} " in line and ">" in line), "")
                assert here, f"{row.label} is not in sight\n{text(pilot)}"
                assert row.key in text(pilot), "and its help below it"
                await press(pilot, "down")
        assert form(pilot).cursor == pilot.app.screen.draft.visible()[-1].key, "the last one stays the last"


@sizes
async def test_help_texts_are_shown_whole(size):
    """F1 shows what may not fit beside or below the form; the longest ones are the hardest."""
    async with opened(size) as pilot:
        visible = pilot.app.screen.draft.visible()
        longest = sorted(visible, key=lambda row: len(row.help))[-4:]
        for row in [row for row in visible if row in longest]:  # from top to bottom, so that nothing is walked twice
            await go_to(pilot, row.key)
            await press(pilot, "f1")
            await until(pilot, lambda: isinstance(pilot.app.screen, ExplainScreen))
            box = pilot.app.screen.query_one("#explain-box").content_region
            shown = [line[box.x : box.right] for line in lines(pilot)[box.y : box.bottom]]
            words = " ".join(" ".join(shown).split())
            assert row.key in words and " ".join(row.help.split()) in words
            await press(pilot, "escape")
            await until(pilot, lambda: not isinstance(pilot.app.screen, ExplainScreen))


@small
async def test_type_a_dropout_and_step_a_learning_rate_then_run(size):
    start = Starts(script.healthy())
    async with opened(size, start=start) as pilot:
        await go_to(pilot, "regularization.dropout")
        await type_in(pilot, "0.35")
        await press(pilot, "enter")
        await see(pilot, ">*dropout            0.35")
        await go_to(pilot, "optimizer.lr")
        await press(pilot, "right", "right", "left")
        await see(pilot, ">*learning rate      0.002")
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
    assert start.configs == [build_config({"regularization": {"dropout": 0.35}, "optimizer": {"lr": 0.002}})]


async def test_the_error_stands_under_the_field_while_one_types():
    async with opened() as pilot:
        await go_to(pilot, "regularization.dropout")
        await type_in(pilot, "1.5")
        await see(pilot, "^ must be less than 1, got 1.5")
        at = next(i for i, line in enumerate(lines(pilot)) if "^ must be" in line)
        assert "dropout" in lines(pilot)[at - 1] and "1.5" in lines(pilot)[at - 1]
        await press(pilot, "enter")
        assert form(pilot).edit is not None, "Enter is refused"
        await press(pilot, "down")
        assert form(pilot).cursor == "regularization.dropout", "and so is moving on"
        await press(pilot, "r")
        assert "1.5r" in text(pilot), "letters belong to the field"
        await press(pilot, "escape")
        await until(pilot, lambda: "^ must be" not in text(pilot))
        assert config(pilot) == RunConfig()


async def test_the_footer_says_what_the_keys_do_while_one_types():
    async with opened() as pilot:
        await see(pilot, "←→ change", "r run", "q quit")
        await go_to(pilot, "run.epochs")
        await press(pilot, "enter")
        await see(pilot, "take it", "leave it as it was")
        await until(pilot, lambda: "r run" not in text(pilot) and "x reset" not in text(pilot))
        assert "/ find" not in text(pilot)
        await press(pilot, "escape")
        await see(pilot, "←→ change", "r run", "x reset")


async def test_letters_of_a_text_field_are_no_commands():
    start = Starts()
    async with opened(start=start) as pilot:
        await go_to(pilot, "run.name")
        await press(pilot, "enter")
        await type_in(pilot, "rqxdf?nmls")
        await press(pilot, "space", "h", "enter")
        assert config(pilot).run.name == "rqxdf?nmls h"
        assert form(pilot).edit is None, "Enter closes the field and does not open it again"
    assert start.configs == []


async def test_a_run_with_faults_is_refused_and_the_first_one_gets_the_cursor():
    start = Starts()
    async with opened(start=start) as pilot:
        draft = pilot.app.screen.draft
        draft.set("run.epochs", "0")
        draft.set("optimizer.lr", "fast")
        form(pilot).rebuild()
        await press(pilot, "d", "r")
        await until(pilot, lambda: form(pilot).cursor == "optimizer.lr" and form(pilot).has_focus)
        await see(pilot, "^ must be a number, got 'fast'")
    assert start.configs == []


async def test_x_goes_back_to_the_default():
    async with opened(config=build_config({"run": {"epochs": 7}})) as pilot:
        await go_to(pilot, "run.epochs")
        await see(pilot, ">*epochs")
        await press(pilot, "x")
        await see(pilot, "> epochs             50 epochs")
        assert config(pilot) == RunConfig()


@small
async def test_fields_come_and_go_with_a_choice_and_keep_what_was_typed(size):
    async with opened(size) as pilot:
        await go_to(pilot, "optimizer.name")
        await press(pilot, "left")
        await see(pilot, "< sgd >")
        await go_to(pilot, "optimizer.momentum")
        await press(pilot, "left")
        await see(pilot, ">*momentum", "0.85")
        assert config(pilot).optimizer.momentum == 0.85
        await go_to(pilot, "optimizer.name")
        await press(pilot, "right")
        await see(pilot, "< adam >")
        assert "optimizer.momentum" not in {row.key for row in pilot.app.screen.draft.visible()}
        await press(pilot, "left")
        await go_to(pilot, "optimizer.momentum")
        await see(pilot, ">*momentum", "0.85")


@small
async def test_what_the_data_refuses_comes_back_to_its_field(size):
    error = script.refused("data.target", "no column called 'label'", "x.csv:1")
    settings = build_config({"data": {"source": "x.csv", "target": "label"}})
    async with opened(size, settings, Starts(error=error)) as pilot:
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen) and form(pilot).cursor == "data.target")
        await see(pilot, "^ x.csv:1: no column called 'label'")
        await press(pilot, "enter", "ctrl+u")
        await type_in(pilot, "kind")
        await press(pilot, "enter")
        await until(pilot, lambda: "no column" not in text(pilot))


def errors_told(pilot):
    return [note.message for note in pilot.app._notifications if note.severity == "error"]


async def test_what_a_run_was_refused_for_goes_with_the_next_change_and_is_told_once():
    faults = [Fault("data.source", "column 'b' is empty", "", f"x.csv:{line}") for line in range(2, 6)]
    settings = build_config({"data": {"source": "x.csv", "target": "label"}})
    async with opened(config=settings, start=Starts(error=InputError(faults)), toasts=True) as pilot:
        await press(pilot, "r")
        await see(pilot, "^ x.csv:2: column 'b' is empty (and 3 more)", "1 thing to mend")
        await until(pilot, lambda: bool(errors_told(pilot)))  # a notification takes a way of its own
        assert errors_told(pilot) == ["x.csv:2: data.source: column 'b' is empty\nand 3 more"]
        await go_to(pilot, "data.missing")
        await press(pilot, "right")
        await until(pilot, lambda: "^" not in text(pilot) and "to mend" not in text(pilot))


async def test_run_looks_again_at_a_file_that_was_refused():
    """It may have been mended on disk meanwhile, which no field shows."""
    start = Starts(error=script.refused("data.source", "column 'b': 'x' is not a number", "x.csv:7"))
    settings = build_config({"data": {"source": "x.csv", "target": "label"}})
    async with opened(config=settings, start=start) as pilot:
        await press(pilot, "r")
        await see(pilot, "^ x.csv:7: column 'b'")
        await press(pilot, "r")
        await until(pilot, lambda: len(start.configs) == 2)
    assert start.configs == [settings, settings]


async def test_f1_explains_a_field_while_one_types_in_it():
    async with opened() as pilot:
        await go_to(pilot, "optimizer.lr")
        await press(pilot, "enter")
        await type_in(pilot, "x")
        await press(pilot, "f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExplainScreen))
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert form(pilot).edit is not None and form(pilot).edit.text == "0.001x", "what was typed is still there"


@pytest.mark.parametrize("key", ["question_mark", "q"])
async def test_a_refusal_finds_its_way_past_a_dialog(key):
    settings = build_config({"data": {"source": "x.csv", "target": "label"}})
    start = Starts(script.opening(), error=script.refused())
    async with opened(config=settings, start=start) as pilot:
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await press(pilot, key)
        await until(pilot, lambda: not isinstance(pilot.app.screen, MonitorScreen))
        start.sources[0]._waiting.clear()  # it ends without a single event
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        await see(pilot, "no such file")


async def test_pressing_run_twice_starts_one_run():
    start = Starts(script.healthy())
    async with opened(start=start) as pilot:
        screen = pilot.app.screen
        screen.action_run()
        screen.action_run()
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await pilot.pause()
    assert len(start.configs) == 1


@sizes
async def test_the_help_screen_opens_scrolls_and_closes(size):
    async with opened(size) as pilot:
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await see(pilot, "SETUP")
        for at in range(60):
            if "early stopping ends the run" in text(pilot):
                break
            await press(pilot, "down" if at < 3 else "pagedown")
        await see(pilot, "early stopping ends the run")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))


async def test_panes_stand_side_by_side_where_there_is_room():
    async with opened((80, 24)) as pilot:
        data, preview = (pilot.app.screen.query_one(name) for name in ("#left", "#right"))
        assert not data.region and not preview.region and form(pilot).region
        await pilot.resize_terminal(140, 45)
        await until(pilot, lambda: data.region and preview.region and form(pilot).region)
        assert data.region.right <= form(pilot).region.x <= form(pilot).region.right <= preview.region.x
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not data.region and not preview.region)
        await press(pilot, "v")
        await until(pilot, lambda: preview.region.width == 80)


@sizes
async def test_tab_follows_the_eye(size):
    async with opened(size) as pilot:
        names = []
        for _ in range(4):
            names.append(pilot.app.focused.id)
            await press(pilot, "tab")
        assert names == ["form", "right", "datasets", "form"]
        await press(pilot, "shift+tab")
        await until(pilot, lambda: pilot.app.focused.id == "form")


async def test_too_small_a_terminal_is_told_politely():
    async with opened((80, 24)) as pilot:
        await pilot.resize_terminal(50, 12)
        await see(pilot, "50x12", "60x16", "q quits")
        assert not form(pilot).region
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: form(pilot).region)
        assert "are needed" not in text(pilot)


def test_every_knob_has_a_label_that_fits_its_column():
    from tui.widgets.form import LABEL_WIDTH

    assert [row.label for row in knobs() if len(row.label) > LABEL_WIDTH] == []
