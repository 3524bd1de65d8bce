"""Data of every kind opened by keys: arrays by their names, a folder of pictures, a table with columns that are no inputs."""

from __future__ import annotations

import numpy as np
from PIL import Image
from support import script
from support.screens import Starts, opened, press, see, type_in, until

from engine.configfile import build_config
from engine.data.columns import Columns
from engine.preview import DataPreview
from tui.looks import Look
from tui.previewtext import data_drawing
from tui.screens.files import ColumnScreen, PathScreen, TextScreen, inputs_of
from tui.screens.setup import SetupScreen


async def on(pilot, screen: type) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, screen) and pilot.app.focused is not None)


async def open_data(pilot, path: str) -> None:
    await press(pilot, "d", "end", "enter")
    await on(pilot, PathScreen)
    await press(pilot, "ctrl+u")
    await type_in(pilot, path)
    await until(pilot, lambda: pilot.app.screen.text == path)


async def test_arrays_pictures_and_tables_are_opened_one_after_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "some.npz", x=rng.normal(size=(40, 3)), y=np.arange(40) % 2, z=np.arange(40) % 4)
    for number in range(20):
        (tmp_path / "shots" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (6, 6), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "shots" / "ab"[number % 2] / f"{number}.png")
    rows = "".join(f"person {i},{'xyz'[i % 3]},{i % 5}\n" for i in range(40))
    (tmp_path / "people.csv").write_text("name,kind,size\n" + rows)
    start = Starts(script.healthy())
    async with opened((80, 24), start=start) as pilot:

        def source() -> tuple[str, str, tuple[str, ...]]:
            draft = pilot.app.screen.draft
            return (draft.config.data.source, draft.config.data.target, draft.config.data.ignore)

        await open_data(pilot, "some.npz")
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await see(pilot, "> as the names say", "x is the input and y predicted", "float64 40x3")
        await press(pilot, "enter")
        await on(pilot, SetupScreen)
        await until(pilot, lambda: source() == ("./some.npz", "", ()) or source() == ("some.npz", "", ()))

        await open_data(pilot, "shots/")
        await see(pilot, "> this folder", "pictures in folders of classes", "a/")
        await press(pilot, "enter")
        await on(pilot, SetupScreen)
        await until(pilot, lambda: source() == ("shots/", "", ()))
        await see(pilot, "picture size")

        await open_data(pilot, "people.csv")
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await see(pilot, "text, too many values for an input")
        await press(pilot, "enter")
        await on(pilot, SetupScreen)
        await until(pilot, lambda: source() == ("people.csv", "size", ("name",)))
        await see(pilot, "leave out", "name")
        await press(pilot, "r")
        await until(pilot, lambda: len(start.configs) == 1)
    assert start.configs == [build_config({"data": {"source": "people.csv", "target": "size", "ignore": ["name"]}})]


async def test_texts_are_learned_from_where_there_is_little_else_and_are_picked_by_keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f'{i},"the {"good" if i % 2 else "bad"} soup was cold and late, {i}",{i % 2}\n' for i in range(40))
    (tmp_path / "notes.csv").write_text("id,remark,y\n" + rows)
    async with opened((140, 45), start=Starts(script.healthy())) as pilot:

        def data() -> tuple[str, str, str, tuple[str, ...]]:
            found = pilot.app.screen.draft.config.data
            return found.source, found.target, found.text, found.ignore

        await open_data(pilot, "notes.csv")
        await press(pilot, "enter")
        await on(pilot, ColumnScreen)
        await see(pilot, "texts of several words")
        await press(pilot, "enter")
        await on(pilot, SetupScreen)
        await until(pilot, lambda: data() == ("notes.csv", "y", "remark", ()))
        await see(pilot, "text column", "words of a text", "embedding")
        await press(pilot, "down", "enter")
        await on(pilot, TextScreen)
        await see(pilot, "Which column holds the texts", "> remark", "none")
        await press(pilot, "up", "up", "enter")
        await on(pilot, SetupScreen)
        await until(pilot, lambda: data()[2] == "")


def test_what_a_new_file_is_trained_on():
    def columns(*kinds) -> Columns:
        return Columns(tuple("abcde"[: len(kinds)]), kinds, ",", distinct=(40,) * len(kinds), looked_at=40)

    def chosen(target: str, *kinds: str) -> tuple[str, str, str]:
        found, words = inputs_of(columns(*kinds), target)
        return found["data.text"], found["data.ignore"], words

    assert chosen("c", "whole", "texts", "text")[:2] == ("b", "")
    text, ignored, words = chosen("d", "number", "texts", "number", "text")
    assert (text, ignored) == ("", "b") and "data.text learns from b instead" in words
    assert chosen("b", "free text", "text") == ("", "a", "left out: a (data.ignore)")
    assert chosen("a", "texts", "number") == ("", "", "")
    assert inputs_of(None, "y") == ({"data.ignore": "", "data.categorical": "", "data.text": ""}, "")
    screen = TextScreen("x.csv")
    assert screen.likely(columns("number", "texts")) == 2 and screen.likely(columns("number", "text")) == 0


def test_the_first_rows_of_texts_are_told_in_full():
    seen = DataPreview(
        task="classification",
        vocabulary=9,
        header=("text", "class"),
        sample_rows=(("so [good] a \x1b[31m soup " * 4, "p"),),
    )
    lines = data_drawing(seen, 30, Look()).plain
    assert lines.count("soup") == 4 and "\x1b" not in lines and max(map(len, lines.splitlines())) <= 30
