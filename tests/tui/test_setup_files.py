"""Files of the setup screen: data with a target, settings opened and saved, samples and presets, the draft that comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import script
from support.previews import data_of
from support.screens import SIZES, Starts, form, go_to, opened, press, see, small, text, told, type_in, until

from engine.config import RunConfig
from engine.configfile import build_config, load_config
from engine.data.columns import Columns
from engine.errors import data_error
from engine.invocation import command_line
from engine.presets import presets
from engine.samples import samples
from tui.kept import Keeper, Memory, read
from tui.main import open_
from tui.paths import list_paths
from tui.savefile import open_config
from tui.screens.command import CommandScreen
from tui.screens.dialogs import ChangedScreen
from tui.screens.faultlist import FaultsScreen
from tui.screens.files import ColumnScreen, PathScreen, column_items
from tui.screens.pick import Item, Menu, PickList, matching
from tui.screens.setup import SetupScreen

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def config(pilot) -> RunConfig | None:
    return pilot.app.screen.draft.config


async def on(pilot, screen: type) -> None:
    """Wait for a screen that has the keys."""
    await until(pilot, lambda: isinstance(pilot.app.screen, screen) and pilot.app.focused is not None)


@pytest.fixture
def houses(tmp_path, monkeypatch) -> Path:
    """A folder, with a table in it, to be in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my data").mkdir()
    table = tmp_path / "my data" / "houses.tsv"
    table.write_text("area\tprice\tkind\n" + "".join(f"{i}\t{i * 2.5}\t{'ab'[i % 2]}\n" for i in range(40)))
    return table


# ----------------------------------------------------------------------------------------------------------- data files


@sizes
async def test_a_file_is_opened_with_completion_and_its_target_picked(size, houses):
    start = Starts(script.healthy())
    async with opened(size, start=start) as pilot:
        await press(pilot, "d", "end", "enter")
        await on(pilot, PathScreen)
        await see(pilot, "my data/")
        await type_in(pilot, "my")
        await press(pilot, "tab")
        await until(pilot, lambda: pilot.app.screen.text == "my data/")
        await see(pilot, "houses.tsv")
        await press(pilot, "tab")
        await until(pilot, lambda: pilot.app.screen.text == "my data/houses.tsv")
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await see(pilot, "area", "> price", "numbers", "kind", "text, 2 values")
        await press(pilot, "down")
        await see(pilot, "first values: a, b, a, b")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen) and config(pilot).data.target == "kind")
        assert form(pilot).cursor == "data.target"
        await press(pilot, "u")
        await until(pilot, lambda: config(pilot) == RunConfig())
        await press(pilot, "U", "r")
        await until(pilot, lambda: len(start.configs) == 1)
    assert start.configs == [build_config({"data": {"source": "my data/houses.tsv", "target": "kind"}})]


@small
async def test_the_target_of_a_file_that_cannot_be_read_is_typed(size):
    async with opened(size) as pilot:
        await go_to(pilot, "data.source")
        await press(pilot, "right", "ctrl+u")
        await type_in(pilot, "missing.csv")
        await press(pilot, "enter", "down")
        await see(pilot, "a file needs the column to predict")
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await see(pilot, "no such file")
        await type_in(pilot, "price")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert config(pilot) == build_config({"data": {"source": "missing.csv", "target": "price"}})
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert config(pilot).data.target == "price", "Esc leaves it"


async def test_files_used_before_are_in_the_list(houses, tmp_path):
    keeper = Keeper()
    keeper.used_table("my data/houses.tsv")
    keeper.used_config("a.toml")
    async with opened(keeper=keeper) as pilot:
        await press(pilot, "d", "slash")
        await type_in(pilot, "houses")
        await see(pilot, "houses.tsv", "file")
        await press(pilot, "escape", "end", "enter")
        await on(pilot, PathScreen)
        await see(pilot, "used before", "houses.tsv")
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await press(pilot, "escape")
        await on(pilot, PathScreen)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        await press(pilot, "O")
        await on(pilot, PathScreen)
        await see(pilot, "used before", "a.toml")


def test_a_column_says_what_it_holds():
    columns = Columns(("a\ufffd", "y"), ("text", "whole"), ",", (("x", "1"), ("z",)), (2, 1), (0, 1), 2)
    first, second = column_items(columns)
    assert first.value == "a\ufffd" and "x, z" in first.about
    assert "whole numbers" in second.note and "1" in second.about


async def test_a_file_that_breaks_its_reader_is_told():
    def broken(path: str) -> Columns:
        raise (
            data_error("data.source", "is \x1b[31mred", "", "x.csv")
            if path == "x"
            else RuntimeError("out of \x1b sorts")
        )

    async with opened() as pilot:
        for path, words in (("x", "[31mred"), ("y", "cannot be read: out of")):
            pilot.app.push_screen(ColumnScreen(path, peek=broken))
            await on(pilot, ColumnScreen)
            await see(pilot, words)
            assert "\x1b" not in text(pilot)
            await press(pilot, "enter", "escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))


# ----------------------------------------------------------------------------------------------------- presets, samples


@small
async def test_presets_and_samples_in_a_menu(size):
    async with opened(size) as pilot:
        await press(pilot, "p")
        await on(pilot, Menu)
        await see(pilot, "presets", "> quick look", "A first answer in seconds")
        await type_in(pilot, "overfit on")
        await see(pilot, "Few rows, a large net")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen) and config(pilot).data.train_rows == 60)
        assert config(pilot).early_stopping.enabled is False and config(pilot).model.hidden == (256, 256)
        await press(pilot, "u")
        await until(pilot, lambda: config(pilot) == RunConfig())
        await press(pilot, "p")
        await on(pilot, Menu)
        await type_in(pilot, "wine_kfold")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen) and config(pilot).trials.kind == "kfold")
        assert config(pilot) == load_config(samples()["wine_kfold"])
        assert pilot.app.screen.errands.path == "", "a sample is no file to save to"
        await press(pilot, "p", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))


async def test_a_rate_of_ones_own_goes_with_its_optimizer_and_it_is_said():
    async with opened(config=build_config({"optimizer": {"name": "adam", "lr": 0.1}}), toasts=True) as pilot:
        await go_to(pilot, "optimizer.name")
        await press(pilot, "right")
        await told(pilot, "adamw: learning rate 0.1 → 0.001; each optimizer keeps its own")
        await press(pilot, "left")
        await told(pilot, "adam: learning rate 0.001 → 0.1; each optimizer keeps its own")
        assert len(pilot.app._notifications) == 1, "what was said before makes room"
        await press(pilot, "p")
        await on(pilot, Menu)
        await type_in(pilot, "careful")
        await press(pilot, "enter")
        await told(pilot, "careful: optimizer adam → adamw, learning rate 0.1 → 0.001", "u takes it back")
        await press(pilot, "u")
        await told(pilot, "undone: optimizer adamw → adam, learning rate 0.001 → 0.1")


def test_presets_are_valid_with_every_dataset_and_take_each_others_place():
    from tui.draft import Draft

    for source in ("digits", "diabetes", "moons", "x.csv"):
        for kind in ("mlp", "linear"):
            for one in presets():
                draft = Draft()
                draft.put({"data.source": source, "data.target": "y", "model.kind": kind})
                draft.put(one.settings)
                assert draft.faults == {}, (one.name, source)
                alone = draft.config
                for other in presets():
                    draft.put(other.settings)
                draft.put(
                    {
                        "optimizer.name": draft.text("optimizer.name"),
                        "optimizer.lr": "0.1",
                        "optimizer.weight_decay": "3",
                    }
                )
                draft.put(one.settings)
                assert draft.config == alone, "whatever was tried before"


# -------------------------------------------------------------------------------------------------------- save and open

WRITTEN = """\
# my first net
[optimizer]
lr = 1e-2     # high on purpose

[run]
epochs = 7
"""


@small
async def test_open_change_save_and_save_again(size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.toml"
    file.write_text(WRITTEN)
    async with opened(size) as pilot:
        await press(pilot, "ctrl+o")
        await on(pilot, PathScreen)
        await see(pilot, "net.toml")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen) and config(pilot).run.epochs == 7)
        assert config(pilot) == load_config(file)
        await see(pilot, "net.toml")
        before = file.stat().st_ino
        await press(pilot, "s")
        await until(pilot, lambda: file.stat().st_ino != before)
        assert file.read_text() == WRITTEN, "byte-equal where nothing changed"
        await go_to(pilot, "run.epochs")
        await press(pilot, "right", "ctrl+s")
        await until(pilot, lambda: file.read_text() == WRITTEN.replace("epochs = 7", "epochs = 8"))
        await press(pilot, "S", "ctrl+u")
        await on(pilot, PathScreen)
        await type_in(pilot, "other")
        await press(pilot, "enter")
        await until(pilot, (tmp_path / "other.toml").exists)
        assert load_config(tmp_path / "other.toml") == config(pilot)
        await until(pilot, lambda: pilot.app.screen.errands.path == "other.toml")
        await press(pilot, "S", "ctrl+u")
        await on(pilot, PathScreen)
        await type_in(pilot, "net.toml")
        await press(pilot, "enter")
        await on(pilot, Menu)
        await see(pilot, "net.toml is there already")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert pilot.app.screen.errands.path == "other.toml", "no was the first answer"


@small
async def test_a_file_named_on_the_command_line_is_the_open_one(size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tui.terminal.has_terminal", lambda: True)
    file = tmp_path / "net.toml"
    file.write_text(WRITTEN)
    opens: list[tuple] = []

    def run_app(config, attach=None, opened=None) -> int:
        opens.append((config, opened))
        return 0

    monkeypatch.setattr("tui.session.run_app", run_app)
    monkeypatch.setattr("engine.signals.leave_at_once", lambda code: None)
    open_("net.toml", "", ["run.epochs=9"])
    (settings, there) = opens[0]
    keeper = Keeper()
    async with opened(size, settings, keeper=keeper, file=there) as pilot:
        await see(pilot, "nntui · setup   net.toml")
        assert config(pilot).run.epochs == 9 and file.read_text() == WRITTEN
        await press(pilot, "s")
        await until(pilot, lambda: file.read_text() == WRITTEN.replace("epochs = 7", "epochs = 9"))
        assert isinstance(pilot.app.screen, SetupScreen)
    assert keeper.memory.configs == (str(file),)


def test_a_pipe_is_read_once_and_never_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(WRITTEN,))
    writer.start()
    settings, there = open_config(str(pipe))
    writer.join()
    assert settings.run.epochs == 7 and there is None


@small
async def test_what_another_program_wrote_is_asked_about(size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.toml"
    file.write_text(WRITTEN)
    theirs = WRITTEN.replace("1e-2", "3e-2") + "name = 'theirs'  # new\n"
    said: list[str] = []
    monkeypatch.setattr("tui.screens.errands.Errands._say", lambda self, words: said.append(words))
    async with opened(size) as pilot:
        pilot.app.screen.errands.open_config("net.toml")
        await until(pilot, lambda: config(pilot).run.epochs == 7)
        await press(pilot, "s", "s", "s")  # what it wrote itself is no change
        await until(pilot, lambda: said.count("saved in net.toml") == 3)
        assert isinstance(pilot.app.screen, SetupScreen) and file.read_text() == WRITTEN
        file.write_text(theirs)
        await press(pilot, "s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChangedScreen))
        await see(pilot, "net.toml was changed by another program", "y    writes over it", "Esc  leaves it")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert file.read_text() == theirs
        await press(pilot, "s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChangedScreen))
        file.write_text(broken := "no toml at all")  # while the question stands there
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChangedScreen))
        assert file.read_text() == broken, "what nobody has been asked about stays"
        await press(pilot, "y")
        await until(pilot, lambda: file.read_text() == WRITTEN)
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        file.unlink()
        await press(pilot, "s")
        await until(pilot, lambda: file.exists() and file.read_text() == WRITTEN)


async def test_under_another_name_the_comments_go_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.toml").write_text(WRITTEN)
    async with opened() as pilot:
        pilot.app.screen.errands.open_config("net.toml")
        await until(pilot, lambda: config(pilot).run.epochs == 7)
        await go_to(pilot, "run.epochs")
        await press(pilot, "right", "S", "ctrl+u")
        await on(pilot, PathScreen)
        await type_in(pilot, "other")
        await press(pilot, "enter")
        await until(pilot, (tmp_path / "other.toml").exists)
        assert (tmp_path / "other.toml").read_text() == WRITTEN.replace("epochs = 7", "epochs = 8")
        assert (tmp_path / "net.toml").read_text() == WRITTEN


async def test_the_path_dialog_tells_a_file_that_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net.toml", "notes.txt", "bare"):
        (tmp_path / name).write_text("")
    async with opened() as pilot:
        await press(pilot, "S", "ctrl+u")
        await on(pilot, PathScreen)
        await type_in(pilot, "notes.tx")
        await see(pilot, "a new file")
        await press(pilot, "t")
        await see(pilot, "notes.txt exists already")
        assert "a new file" not in text(pilot)
        await press(pilot, "ctrl+u")
        await type_in(pilot, "net")
        await see(pilot, "net.toml exists already")  # which is what it would be saved to
        await press(pilot, "ctrl+u")
        await type_in(pilot, "bare")
        await see(pilot, "a new file")  # bare.toml
    assert not list_paths(f"{tmp_path}/", (".toml",)).taken


async def test_settings_that_cannot_be_opened_or_saved_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text("[optimizer]\nlrr = 1\nname = 'adma'\n")
    (tmp_path / "no.toml").mkdir()
    async with opened(toasts=True) as pilot:
        pilot.app.screen.errands.open_config("bad.toml")
        await on(pilot, FaultsScreen)
        await see(pilot, "bad.toml: 1 line has no place in the form", "bad.toml:2")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert config(pilot) is None
        await press(pilot, "u")
        await until(pilot, lambda: config(pilot) == RunConfig())
        (tmp_path / "no toml.toml").write_text("= 3")
        pilot.app.screen.errands.open_config("no toml.toml")
        await on(pilot, FaultsScreen)
        await see(pilot, "no toml.toml cannot be used", "no toml.toml:1")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        pilot.app.screen.errands._save("no.toml", RunConfig(), True)
        await see(pilot, "is a folder")
        pilot.app.screen.errands._save("bad.toml", RunConfig(), True)
        await see(pilot, "bad.toml")
        pilot.app.screen.draft.set("run.epochs", "0")
        for key in ("s", "S", "c", "e"):
            await press(pilot, key)
            await until(pilot, lambda: form(pilot).cursor == "run.epochs")
            assert isinstance(pilot.app.screen, SetupScreen), "nothing is saved that is wrong"


@small
async def test_the_command_is_shown_and_copied_and_a_script_written(size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = build_config({"run": {"epochs": 3, "name": "it's [red]"}})
    async with opened(size, settings) as pilot:
        await press(pilot, "c")
        await on(pilot, CommandScreen) if False else await until(
            pilot, lambda: isinstance(pilot.app.screen, CommandScreen)
        )
        await see(pilot, "--set", "run.epochs=3")
        await press(pilot, "c")
        await see(pilot, "sent to the terminal's clipboard")
        assert pilot.app.clipboard == command_line(settings)
        await press(pilot, "e")
        await on(pilot, PathScreen)
        await press(pilot, "ctrl+u")
        await type_in(pilot, "net")
        await press(pilot, "enter")
        await until(pilot, (tmp_path / "net.py").exists)
        compile((tmp_path / "net.py").read_text(), "net.py", "exec")


# ------------------------------------------------------------------------------------------------- what is remembered


async def test_the_draft_comes_back_with_what_was_being_typed(tmp_path):
    file = tmp_path / "state" / "setup.json"
    async with opened(keeper=Keeper(file)) as pilot:
        await go_to(pilot, "run.epochs")
        await press(pilot, "right")
        await go_to(pilot, "optimizer.lr")
        await type_in(pilot, "5e")
        await see(pilot, "^ must be a number")
    keeper = Keeper(file)
    async with opened(keeper=keeper, toasts=True) as pilot:
        await until(pilot, lambda: form(pilot).edit is not None and form(pilot).edit.text == "5e")
        assert form(pilot).cursor == "optimizer.lr" and pilot.app.screen.draft.text("run.epochs") == "55"
        await told(pilot, "your last settings are back; X goes to the defaults")
        await press(pilot, "escape", "u")
        await told(pilot, "nothing to undo; X goes to the defaults")
        assert config(pilot).run.epochs == 55, "what was there at the start is the floor"
        await press(pilot, "X")
        await until(pilot, lambda: config(pilot) == RunConfig())
        await told(pilot, "all to the defaults: 1 changed; u takes it back")
        await press(pilot, "u")
        await told(pilot, "undone: epochs 50 → 55")
        await press(pilot, "U")
        await told(pilot, "done again: epochs 55 → 50")
        await press(pilot, "U")
        await told(pilot, "nothing to do again")
    async with opened(config=build_config({"run": {"seed": 1}}), keeper=Keeper(file)) as pilot:
        assert config(pilot) == build_config({"run": {"seed": 1}}), "what was asked for goes before what was there"


def test_the_draft_outlives_a_kill(tmp_path):
    """A whole process, killed in the middle of a change: the file is one whole state or the next, never half of one."""
    code = """
import sys
import threading
from pathlib import Path
from tui.kept import Keeper
keeper = Keeper(Path(sys.argv[1]))
for n in range(10**9):
    keeper.keep(texts={"run.epochs": str(n), "run.name": "x" * 5000})
    if n == 200:
        keeper.finish(20)
        print("going", flush=True)
"""
    file = tmp_path / "setup.json"
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, env={**os.environ}
        ) as child:
            assert child.stdout is not None and child.stdout.readline() == b"going\n"
            child.send_signal(signal.SIGKILL)
        assert int(read(file).texts["run.epochs"]) >= 200 and len(read(file).texts["run.name"]) == 5000


def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "setup.json"
    keeper = Keeper(file)
    keeper.keep(theme="textual-light")
    keeper.finish(10)
    written = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        written(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    keeper.keep(theme="ansi-dark")
    keeper.finish(10)
    assert read(file).theme == "textual-light"
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["setup.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1, "texts": [1], "typing": 3, "configs": "x"}', b"[" * 9999],
)
def test_a_broken_memory_is_no_memory(tmp_path, content):
    file = tmp_path / "setup.json"
    file.write_bytes(content)
    assert read(file) == Memory()
    assert read(tmp_path / "none") == read(tmp_path) == Memory()


async def test_strange_memories_do_no_harm(tmp_path):
    keeper = Keeper()
    keeper.keep(
        texts={"no.knob": "x", "run.epochs": "\x1b[31m", "data.source": ""}, typing=("no.knob", "y"), theme="none"
    )
    async with opened(keeper=keeper) as pilot:
        assert "\x1b" not in text(pilot) and form(pilot).edit is None
        assert pilot.app.screen.draft.text("run.epochs") == "\x1b[31m"


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    keeper = Keeper(tmp_path / "file" / "setup.json")
    keeper.keep(theme="textual-light")
    keeper.finish(10)
    assert keeper.memory.theme == "textual-light"
    for number in range(30):
        keeper.used_config(f"/x/{number % 15}.toml")
    assert len(keeper.memory.configs) == 10 and keeper.memory.configs[0] == "/x/14.toml"


def test_items_are_found_by_all_words():
    items = [Item("alpha", about="first letter"), Item("beta", note="second"), Item("letter")]
    assert [item.label for item in matching(items, "letter")] == ["letter", "alpha"]
    assert matching(items, "first x") == [] and len(matching(items, "")) == 3


async def test_a_picker_shows_what_it_holds_and_nothing_else():
    async with opened() as pilot:
        items = [Item(f"item {n} \x1b[31m[red]", "n\u202eote", "about\x1b", n, heading="ab"[n > 20]) for n in range(40)]
        got: list[object] = []
        pilot.app.push_screen(Menu("\u202enumbers"[1:], items), got.append)
        await on(pilot, Menu)
        assert all(line.isprintable() for line in text(pilot).splitlines())
        await press(pilot, "pagedown", "pagedown", "down")
        assert pilot.app.screen.query_one(PickList).item.value == 21
        await see(pilot, "> item 21")
        await pilot.click(PickList, offset=(3, pilot.app.screen.query_one(PickList).size.height // 2 + 1))
        await until(pilot, lambda: got == [22])
        pilot.app.push_screen(Menu("x", items), got.append)
        await on(pilot, Menu)
        await type_in(pilot, "no such thing")
        await press(pilot, "enter", "down", "pageup", "tab")
        await see(pilot, "nothing by these words")
        await press(pilot, "escape")
        await until(pilot, lambda: got == [22, None])


def test_made_up_previews_are_of_the_right_kind():
    assert data_of("x.csv").task == "regression" and len(data_of("iris").class_names) == 3
