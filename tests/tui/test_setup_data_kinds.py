"""Data of every kind opened by keys: arrays by their names, a folder of pictures, a table with columns that are no inputs."""

from __future__ import annotations

import numpy as np
from PIL import Image
from support import script
from support.screens import Starts, opened, press, see, type_in, until

from engine.configfile import build_config
from tui.screens.files import ColumnScreen, PathScreen
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
