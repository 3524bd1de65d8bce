"""Files that are opened from the setup screen: what is wrong with one is said where its path was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.screens import form, lines, opened, press, see, text, told, type_in, until

from engine.data.columns import peek_columns
from engine.errors import DataError
from tui.kept import Keeper
from tui.screens.faultlist import FaultsScreen
from tui.screens.files import ColumnScreen, PathScreen
from tui.screens.setup import SetupScreen
from tui.widgets.lineedit import LineEdit


async def on(pilot, screen: type) -> None:
    """Wait for a screen that has the keys."""
    await until(pilot, lambda: isinstance(pilot.app.screen, screen) and pilot.app.focused is not None)


async def typed_anew(pilot, path: str) -> None:
    await press(pilot, "ctrl+u")
    await type_in(pilot, path)


BAD = {
    "ragged.csv": ("a,b,y\n1,2,3\n1,2,3,4\n", "ragged.csv:3: too many fields: 4"),
    "twice.csv": ("a,a,y\n1,2,3\n", "twice.csv:1: 2 columns are called 'a'"),
    "nameless.csv": ("a,,y\n1,2,3\n", "nameless.csv:1: column 2 has no name"),
    "quote.csv": ('a,y\n1,2\n"3,4\n', "quote.csv:3: a quoted cell that is never closed"),
    "narrow.csv": ("a\n1\n", "narrow.csv:1: there is only one column"),
    "zip.csv": ("a,b\nPK\0\0\n", "zip.csv:2: a NUL byte"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder to be in: a good table, bad ones, and one without the usual ending."""
    monkeypatch.chdir(tmp_path)
    for name in ("good.csv", "good.txt"):
        (tmp_path / name).write_text("a,y\n" + "1,2\n" * 20)
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "sub.csv").mkdir()
    return tmp_path


async def test_a_bad_path_or_file_is_refused_under_the_path(folder):
    async with opened() as pilot:
        screen = pilot.app.screen
        await press(pilot, "d", "end", "enter")
        await on(pilot, PathScreen)
        cases = {"nosuch.csv": "nosuch.csv: no such file", **{name: words for name, (_, words) in BAD.items()}}
        for name, words in cases.items():
            await typed_anew(pilot, name)
            await press(pilot, "enter")
            await see(pilot, words)
            assert isinstance(pilot.app.screen, PathScreen) and pilot.app.screen.text == name
        await press(pilot, "backspace")
        await until(pilot, lambda: "a NUL byte" not in text(pilot))
        await typed_anew(pilot, "good.csv")
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await press(pilot, "escape")
        await on(pilot, PathScreen)
        assert pilot.app.screen.text == "good.csv", "Esc goes back to the path"
        await press(pilot, "backspace", "backspace", "backspace", "t", "x", "t", "enter")
        await on(pilot, ColumnScreen)
        await see(pilot, "> y")
        await press(pilot, "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.draft.config is not None and screen.draft.config.data.source == "./good.txt"
        await press(pilot, "d", "end", "enter")
        await on(pilot, PathScreen)
        assert pilot.app.screen.text == "./good.txt"
        await type_in(pilot, "go")
        assert pilot.app.screen.text == "go", "what is typed takes the place of what stood there"
        await press(pilot, "escape")
        (folder / "bad.toml").write_text("[run]\nepochs = = 3\n")
        await press(pilot, "O")
        await on(pilot, PathScreen)
        for name, words in (("none.toml", "none.toml: no such file"), ("bad.toml", "bad.toml:2: is not valid TOML")):
            await typed_anew(pilot, name)
            await press(pilot, "enter")
            await see(pilot, words)
            assert isinstance(pilot.app.screen, PathScreen)


@pytest.mark.parametrize("name", BAD)
def test_a_look_at_the_columns_finds_what_no_run_could_use(folder, name):
    with pytest.raises(DataError) as error:
        peek_columns(name)
    assert error.value.faults[0].line().replace("data.source: ", "").startswith(BAD[name][1])


def test_a_prefilled_text_is_replaced_edited_or_left():
    for keys, text_ in {
        ("a", "b"): "ab",
        ("left", "a"): "ol" + "a" + "d",
        ("end", "a"): "olda",
        ("backspace",): "",
        ("delete", "x"): "x",
        ("ctrl+w",): "",
        ("home", "x"): "xold",
    }.items():
        edit = LineEdit("old", selected=True)
        for key in keys:
            assert edit.handle(key, key if len(key) == 1 else None)
        assert edit.text == text_, keys
    edit = LineEdit("old", selected=True)
    assert not edit.handle("enter", None) and edit.selected, "a key that means nothing here leaves it"
    edit.insert("pasted")
    assert edit.text == "pasted"


async def test_a_file_that_is_gone_is_marked_and_not_chosen(folder):
    keeper = Keeper()
    for name in ("good.csv", "sub/gone.csv"):
        keeper.used_table(name)
    keeper.used_config("gone.toml")
    async with opened(keeper=keeper, toasts=True) as pilot:
        screen = pilot.app.screen
        await press(pilot, "d", "slash")
        await type_in(pilot, "gone.csv")
        await see(pilot, "> gone.csv", "gone")
        await until(pilot, lambda: any("gone.csv" in line and " gone " in line for line in text(pilot).splitlines()))
        await press(pilot, "down", "space")
        await see(pilot, "no such file")
        assert screen.draft.text("data.source") == "digits"
        await press(pilot, "slash", "ctrl+u")
        await type_in(pilot, "good.csv")
        await press(pilot, "down", "space")
        await until(pilot, lambda: screen.draft.text("data.source") == str(folder / "good.csv"))
        await press(pilot, "slash", "ctrl+u", "down", "end", "enter")
        await on(pilot, PathScreen)
        await press(pilot, "ctrl+u")
        await until(pilot, lambda: sum("gone: " in line for line in text(pilot).splitlines()) == 1)
        await press(pilot, "escape", "O")
        await on(pilot, PathScreen)
        await see(pilot, "gone.toml", "gone: ")
        await press(pilot, "enter")
        await see(pilot, "no such file")
        assert isinstance(pilot.app.screen, PathScreen) and not isinstance(pilot.app.screen, SetupScreen)


FAULTY = """\
# by hand
[optimizer]
name = "sgd"
lr = "fast"
lrr = 0.5

[model]
hidden = [32, 0]

[run]
epochs = 7
seed = true
accumulate = "2"
[schedule]
gamma = 0.5
[modle]
x = 1
"""


@pytest.mark.parametrize("size", [(80, 24), (140, 45)], ids=str)
async def test_what_a_faulty_file_says_is_loaded_and_the_rest_told(size, folder):
    (folder / "faulty.toml").write_text(FAULTY)
    async with opened(size, toasts=True) as pilot:
        screen = pilot.app.screen
        screen.errands.open_config("faulty.toml")
        await on(pilot, FaultsScreen)
        await see(pilot, "faulty.toml: 4 lines have no place in the form")
        await see(pilot, "! faulty.toml:5: optimizer.lrr: unknown knob; did you mean optimizer.lr?")
        box = pilot.app.screen.query_one("#faults-box").content_region
        words = " ".join(" ".join(line[box.x : box.right] for line in lines(pilot)[box.y : box.bottom]).split())
        assert "schedule.gamma: has no effect here: it counts only when schedule.name is" in words
        assert "run.accumulate: must be a whole number, got '2'" in words, "taken as 2, and said"
        assert "once the unknown names are out of it" in words
        assert words.index("optimizer.lrr") < words.index("schedule.gamma") < words.index("modle: unknown section")
        await press(pilot, "escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        draft = screen.draft
        shown = {"optimizer.name": "sgd", "optimizer.lr": "fast", "model.hidden": "32, 0", "run.epochs": "7"}
        assert {key: draft.text(key) for key in shown} == shown
        assert draft.text("run.accumulate") == "2" and draft.text("run.seed") == "true"
        assert set(draft.wrong) == {"optimizer.lr", "model.hidden", "run.seed"}
        assert form(pilot).cursor == "model.hidden", "the first that is wrong"
        await told(pilot, "faulty.toml is open, 3 things to mend, u takes it back")
        await see(pilot, "^ must be at least 1")
        for key, value in (("optimizer.lr", "0.1"), ("model.hidden", "32"), ("run.seed", "1")):
            draft.set(key, value)
        await press(pilot, "s")
        await told(pilot, "faulty.toml: optimizer.lrr: unknown knob")
        assert (folder / "faulty.toml").read_text() == FAULTY
        (folder / "faulty.toml").write_text("[run]\nepochs = 7\n")
        screen.errands.open_config("faulty.toml")
        await until(pilot, lambda: draft.config is not None and draft.config.run.epochs == 7)
