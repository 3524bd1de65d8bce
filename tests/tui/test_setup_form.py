"""The form of the setup screen: groups that fold, a filter, marks, undo, wrong values of every kind."""

from __future__ import annotations

import pytest
from support.screens import SIZES, form, go_to, lines, opened, press, see, small, text, type_in, until
from textual import events

from engine.config import RunConfig
from engine.configfile import build_config
from engine.knobs import Knob, knob_by_key, knobs
from tui.draft import Draft
from tui.screens.pick import Menu
from tui.screens.setup import SetupScreen
from tui.widgets.form_lines import arrange, best_match, found_by, summary

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def headings(pilot) -> list[str]:
    """The signs and names of the groups in sight."""
    x = form(pilot).region.x
    return [
        line[x + 2 :].split("  ")[0].strip()
        for line in lines(pilot)
        if line[x + 2 : x + 3] in "+-" and line[x + 3 : x + 4].isalpha()
    ]


# ------------------------------------------------------------------------------------------------------------ folding


async def test_on_few_lines_only_the_group_in_hand_is_open():
    async with opened((80, 24)) as pilot:
        assert headings(pilot) == [
            "-Data", "+Model", "+Regularization", "+Loss", "+Optimizer", "+Schedule", "+Early stopping", "+Trials", "+Run",
        ]  # fmt: skip
        await see(pilot, "+Model              mlp", "+Run                epochs 50")
        await press(pilot, "pagedown", "pagedown")
        await until(pilot, lambda: form(pilot).cursor == "@Regularization")
        await see(pilot, "-Regularization", "+Data")
        await press(pilot, "up")
        await until(pilot, lambda: form(pilot).cursor == "model.weights")
        await see(pilot, "-Model", "+Regularization")
        await press(pilot, "pageup", "pageup", "enter")
        await until(pilot, lambda: form(pilot).cursor == "data.source")


async def test_on_many_lines_groups_fold_by_hand():
    async with opened((140, 45)) as pilot:
        assert "-Model" in text(pilot) and "+" not in [name[0] for name in headings(pilot)]
        await press(pilot, "pagedown", "left")
        await see(pilot, ">+Model")
        assert "hidden layers" not in text(pilot)
        await press(pilot, "down")
        await until(pilot, lambda: form(pilot).cursor == "@Regularization")
        await press(pilot, "up", "enter")
        await see(pilot, ">-Model", "hidden layers")
        await press(pilot, "space", "pagedown", "pagedown")
        await go_to(pilot, "model.hidden")
        await see(pilot, "-Model", "hidden layers")


async def test_on_few_lines_the_group_in_hand_folds_too():
    async with opened((80, 24)) as pilot:
        await press(pilot, "home", "left")
        await see(pilot, ">+Data               digits")
        assert all(name[0] == "+" for name in headings(pilot)), "all are folded"
        await press(pilot, "right")
        await see(pilot, ">-Data", "dataset")
        await press(pilot, "right", "right")
        assert form(pilot).cursor == "@Data", "it unfolds and does not go in"
        await press(pilot, "left", "down")
        await see(pilot, ">-Model", "+Data")
        await press(pilot, "up")
        await see(pilot, ">+Data", "+Model")
        await press(pilot, "enter")
        await see(pilot, ">-Data")
        await press(pilot, "left")
        form(pilot).go_to("data.test")
        await see(pilot, "-Data", "> test")


def test_a_folded_group_says_what_differs():
    draft = Draft(
        build_config({"optimizer": {"name": "sgd", "lr": 0.5}, "run": {"epochs": 7}, "regularization": {"l2": 0.1}})
    )
    assert summary(draft, "Optimizer") == "sgd, learning rate 0.5"
    assert summary(draft, "Run") == "epochs 7"
    assert summary(draft, "Regularization") == "dropout 0.0, L2 0.1"
    assert summary(draft, "no such group") == ""


async def test_a_fault_in_a_folded_group_is_told_and_found():
    async with opened((80, 24)) as pilot:
        pilot.app.screen.draft.set("run.epochs", "0")
        pilot.app.screen.draft.set("optimizer.lr", "fast")
        form(pilot).rebuild()
        await see(pilot, "+Optimizer          1 to mend", "+Run                1 to mend")
        await press(pilot, "r")
        await until(pilot, lambda: form(pilot).cursor == "optimizer.lr")
        await see(pilot, "^ must be a number, got 'fast'")


# ----------------------------------------------------------------------------------------------------------- filtering


@sizes
async def test_the_filter_finds_by_name_and_by_words_of_the_help(size):
    async with opened(size) as pilot:
        await press(pilot, "slash")
        await type_in(pilot, "patience")
        await until(pilot, lambda: form(pilot).cursor == "early_stopping.patience")
        await see(pilot, ">", "not with these choices", "plateau patience: when schedule.name is plateau")
        await press(pilot, "enter", "right")
        await see(pilot, ">*patience           11 epochs")
        await press(pilot, "slash", "ctrl+u")
        await type_in(pilot, "OUTLIERS abuse")  # of the help of the loss
        await until(pilot, lambda: form(pilot).cursor == "loss.name")
        assert [line.key for line in form(pilot)._lines if line.key] == ["@Loss", "loss.name"]
        await press(pilot, "ctrl+u")
        await type_in(pilot, "xyzzy")
        await see(pilot, "no setting by these words")
        await press(pilot, "down", "down", "enter", "x", "left", "escape")
        await see(pilot, "-Data" if size[1] > 30 else "+Data")
        assert pilot.app.screen.draft.changed_texts() == {"early_stopping.patience": "11"}, "nothing else happened"
        assert "find: xyzzy" not in text(pilot)


def test_every_knob_is_found_by_its_key_and_its_label():
    for row in knobs():
        assert found_by(row, row.key.split()) and found_by(row, row.label.split())
    rows = list(knobs())
    wanted = {
        "learning rate": "optimizer.lr",
        "dropout": "regularization.dropout",
        "epochs": "run.epochs",
        "lr": "optimizer.lr",
    }
    for words, key in wanted.items():
        found = best_match([row for row in rows if found_by(row, words.split())], words)
        assert found is not None and found.key == key, words
    assert best_match([], "x") is None


def test_what_the_filter_finds_is_open_wherever_it_is():
    draft = Draft()
    lines = arrange(draft, lambda group: False, "dropout")
    assert [line.key for line in lines if line.kind == "field"][:2] == [
        "regularization.dropout",
        "regularization.input_dropout",
    ]
    assert all(line.kind != "field" for line in arrange(draft, lambda group: False))


# ------------------------------------------------------------------------------------------- marks, resetting, undoing


@small
async def test_what_differs_is_marked_reset_and_undone(size):
    async with opened(size, build_config({"run": {"epochs": 7, "seed": 3}})) as pilot:
        draft = pilot.app.screen.draft
        await go_to(pilot, "run.epochs")
        await see(pilot, ">*epochs             7 epochs              not 50")
        await press(pilot, "x")
        await see(pilot, "> epochs             50 epochs")
        await press(pilot, "u")
        await see(pilot, ">*epochs             7 epochs")
        await press(pilot, "pageup", "pageup", "pagedown")
        await until(pilot, lambda: form(pilot).cursor == "@Run")
        await press(pilot, "x")
        await until(pilot, lambda: draft.config == RunConfig())
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: draft.changed_texts() == {"run.epochs": "7", "run.seed": "3"})
        await press(pilot, "ctrl+y")
        await until(pilot, lambda: draft.config == RunConfig())
        await press(pilot, "u", "u", "u", "u")
        assert draft.changed_texts() == {"run.epochs": "7", "run.seed": "3"}, "that is how it began"


@small
async def test_steps_in_one_field_are_undone_together_and_the_cursor_goes_there(size):
    async with opened(size) as pilot:
        draft = pilot.app.screen.draft
        await go_to(pilot, "optimizer.lr")
        await press(pilot, "right", "right", "right")
        await go_to(pilot, "run.batch_size")
        await press(pilot, "right")
        await go_to(pilot, "model.kind")
        await press(pilot, "u")
        await until(pilot, lambda: form(pilot).cursor == "run.batch_size" and draft.text("run.batch_size") == "32")
        await press(pilot, "u")
        await until(pilot, lambda: form(pilot).cursor == "optimizer.lr" and draft.text("optimizer.lr") == "0.001")
        await press(pilot, "U", "U")
        await until(pilot, lambda: draft.changed_texts() == {"optimizer.lr": "0.01", "run.batch_size": "64"})
        await go_to(pilot, "run.batch_size")
        await press(pilot, "right", "down", "up", "right", "u")
        await until(pilot, lambda: draft.text("run.batch_size") == "128")
        await press(pilot, "u")
        await see(pilot, "batch size         64 samples")


async def test_undo_while_typing_leaves_the_field_as_it_was():
    async with opened() as pilot:
        await go_to(pilot, "run.name")
        await press(pilot, "enter")
        await type_in(pilot, "uU")
        assert form(pilot).edit.text == "uU"
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: form(pilot).edit is None)
        assert pilot.app.screen.draft.config == RunConfig()


# -------------------------------------------------------------------------------- every knob: edited, wrong, reset, undone

WRONG = {
    "int": "x",
    "float": "1e",
    "bool": "perhaps",
    "choice": "neither",
    "ints": "64, many",
    "names": '"a',
    "table": "width",
}
OTHER_TEXTS = {"optimizer.extra": "other=1", "schedule.extra": "other=1", "model.path": "mypkg.nets:Net"}
"""What is typed into fields that do not take every text."""

OTHER = {"names": "a, b", "table": "width=64, name=b", "int": "7", "float": "0.25", "bool": "off", "ints": "8, 4"}


def making_visible(row: Knob) -> dict[str, str]:
    """Settings with which a knob means something."""
    draft = Draft()
    for source in ("digits", "moons", "reviews", "x.csv", "a/x", "mypkg.data:make"):
        for extra in ({}, {"regularization.l1": "0.1", "optimizer.momentum": "0.5", "optimizer.weight_decay": "0.1"}):
            for choices in _choices(row):
                draft.put({"data.source": source, "data.target": "y", **extra, **choices})
                if any(one.key == row.key for one in draft.visible()):
                    return draft.changed_texts()
                draft.undo()
    raise AssertionError(f"no settings show {row.key}")


def _choices(row: Knob) -> list[dict[str, str]]:
    """The values of each choice that the knob's conditions look at, one combination after the other."""
    found: list[dict[str, str]] = [{}]
    for key in dict.fromkeys(key for when in row.when for key in when.keys):
        other = knob_by_key()[key]
        values = other.choices or (("on", "off") if other.kind == "bool" else ())
        found = [{**one, key: value} for one in found for value in values] if values else found
    return found


@pytest.mark.parametrize("kind", ["int", "float", "bool", "choice", "ints", "names", "text", "table"])
async def test_every_knob_is_edited_reset_and_undone_by_keys(kind):
    """One app for all knobs of a kind; each is found by the filter, as a person who knows its name would."""
    async with opened((80, 24)) as pilot:
        screen = pilot.app.screen
        for row in [row for row in knobs() if row.kind == kind]:
            screen.load(RunConfig())
            screen.put(making_visible(row))
            draft = screen.draft
            before = draft.text(row.key)
            form(pilot).go_to(row.key)
            assert form(pilot).row.key == row.key
            if kind in ("bool", "choice"):
                form(pilot).action_step(1)
            else:
                form(pilot).begin_edit("")
                if kind in WRONG:
                    form(pilot).edit.insert(WRONG[kind])
                    form(pilot)._look_at_trial()
                    assert form(pilot).fault is not None and not form(pilot).commit(), row.key
                    form(pilot).edit.handle("ctrl+u", None)
                text_ = OTHER_TEXTS.get(row.key) or OTHER.get(kind, "some.csv")
                form(pilot).edit.insert(text_)
                form(pilot)._look_at_trial()
                if form(pilot).fault is not None:
                    form(pilot).action_cancel()
                    form(pilot).action_step(1)
                else:
                    form(pilot).commit()
            assert draft.text(row.key) != before, row.key
            draft.undo()
            assert draft.text(row.key) == before, row.key
            draft.redo()
            form(pilot).go_to(row.key) if any(one.key == row.key for one in draft.visible()) else None
            draft.reset(row.key)
            assert not draft.changed(row.key), row.key


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_value_is_told_while_one_types_and_refuses_the_run(kind):
    row = next(row for row in (*Draft().visible(), *knobs()) if row.kind == kind)
    async with opened((80, 24)) as pilot:
        if row.kind in ("names", "table"):  # of which none counts with the defaults
            pilot.app.screen.put(making_visible(row))
        await go_to(pilot, row.key)
        if kind in ("bool", "choice"):  # which keys cannot get wrong: a draft from elsewhere may
            pilot.app.screen.draft.set(row.key, WRONG[kind])
            form(pilot).rebuild()
        else:
            await press(pilot, "enter", "ctrl+u")
            await type_in(pilot, WRONG[kind])
        await see(pilot, "^ must be")
        at = next(i for i, line in enumerate(lines(pilot)) if "^ must be" in line)
        assert row.label in lines(pilot)[at - 1]
        await press(pilot, "enter") if kind not in ("bool", "choice") else None
        pilot.app.screen.action_run()
        await pilot.pause()
        assert pilot.app.screen.draft.config is None or form(pilot).edit is not None


async def test_numbers_are_typed_as_people_write_them():
    async with opened() as pilot:
        draft = pilot.app.screen.draft
        for key, typed, value in [
            ("optimizer.lr", "1e-3", 0.001),
            ("run.epochs", "1e2", 100),
            ("model.hidden", "[64 32]", (64, 32)),
            ("regularization.dropout", ".5", 0.5),
        ]:
            await go_to(pilot, key)
            await type_in(pilot, typed if typed[0] != "[" else "6")
            if typed[0] == "[":
                await press(pilot, "ctrl+u")
                await type_in(pilot, typed)
            await press(pilot, "enter")
            section, name = key.split(".")
            assert getattr(getattr(draft.config, section), name) == value


async def test_tab_in_a_field_takes_it_and_goes_to_the_next():
    async with opened() as pilot:
        await go_to(pilot, "data.validation")
        await type_in(pilot, "0.2")
        await press(pilot, "tab")
        await until(pilot, lambda: form(pilot).cursor == "data.test" and form(pilot).edit is None)
        await type_in(pilot, "0.3")
        await press(pilot, "shift+tab")
        await until(pilot, lambda: form(pilot).cursor == "data.validation")
        assert pilot.app.screen.draft.changed_texts() == {"data.validation": "0.2", "data.test": "0.3"}


async def test_keys_sent_in_one_go_reach_what_they_are_meant_for():
    """As a terminal sends what is typed while the app is busy, or what a script sends: no letter becomes a command."""
    async with opened(SIZES[1]) as pilot:

        def send(keys: str) -> None:
            for key in keys:
                name = {"/": "slash", "\r": "enter", " ": "space"}.get(key, key)
                pilot.app.post_message(events.Key(name, key))

        send("/epochs\r\r")
        await until(pilot, lambda: form(pilot).cursor == "run.epochs" and form(pilot).has_focus)
        await pilot.pause()
        assert form(pilot).edit is not None, "late news of the focus that it lost do not close the field"
        await press(pilot, "escape", "escape")
        send("/learning rate\r0.02\r")
        await until(pilot, lambda: pilot.app.screen.draft.text("optimizer.lr") == "0.02")
        await press(pilot, "escape")
        send("d/iris\r")
        await until(pilot, lambda: pilot.app.screen.draft.text("data.source") == "iris" and form(pilot).has_focus)
        send("pwine_k")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu) and pilot.app.screen.text == "wine_k")
        send("\r")
        await until(pilot, lambda: pilot.app.screen.draft.text("trials.kind") == "kfold")
        send("/lr\r" + "x")
        await until(pilot, lambda: form(pilot).cursor == "optimizer.lr" and form(pilot).has_focus)
        assert isinstance(pilot.app.screen, SetupScreen)
