"""Every kind of file from its choice in the app to the test figures: as good as the built-in set that it was made from.

Folders are chosen by keys in tests/tui/test_setup_data_kinds.py.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from support.screens import opened, press, see, type_in, until

from engine import RunConfig, train
from engine.configfile import build_config, to_nested
from tui.screens.files import ColumnScreen, PathScreen
from tui.screens.setup import SetupScreen

ROWS = 600
DIGITS = load_digits()
NUMBERS, LABELS = DIGITS.data[:ROWS].astype(int), DIGITS.target[:ROWS]
NAMES = [f"p{number}" for number in range(64)]


def make(folder: Path) -> dict[str, str]:
    """The digits as files of every kind in `folder`: what a person types to open each."""
    for name, mark in (("digits.csv", ","), ("semicolons.csv", ";"), ("digits.tsv", "\t")):
        rows = [mark.join(map(str, [*row, label])) for row, label in zip(NUMBERS, LABELS, strict=True)]
        (folder / name).write_text("\n".join([mark.join([*NAMES, "target"]), *rows]) + "\n")
    objects = [
        dict(zip([*NAMES, "target"], [*row.tolist(), int(label)], strict=True))
        for row, label in zip(NUMBERS, LABELS, strict=True)
    ]
    (folder / "digits.jsonl").write_text("".join(json.dumps(one) + "\n" for one in objects))
    np.savez(folder / "digits.npz", x=DIGITS.images[:ROWS], y=LABELS)
    np.save(folder / "digits.npy", np.column_stack([NUMBERS, LABELS]).astype(float))
    for row, (picture, label) in enumerate(zip(DIGITS.images[:ROWS], LABELS, strict=True)):
        place = folder / "pictures" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture * 15).astype(np.uint8)).save(place / f"{row}.png")
    (folder / "idx").mkdir()
    for what, array in (("images-idx3", DIGITS.images[:ROWS]), ("labels-idx1", LABELS)):
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / "idx" / f"train-{what}-ubyte").write_bytes(head + array.astype(np.uint8).tobytes())
    made = {
        name: name
        for name in ("digits.csv", "semicolons.csv", "digits.tsv", "digits.jsonl", "digits.npz", "digits.npy")
    }
    made |= {"pictures": "pictures/", "idx": "idx/"}
    if importlib.util.find_spec("pyarrow"):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(objects), folder / "digits.parquet")
        made["parquet"] = "digits.parquet"
    return made


def _place(data: RunConfig | str) -> Path:
    return Path(data if isinstance(data, str) else data.data.source)


async def chosen(paths: dict[str, str]) -> dict[str, RunConfig]:
    """What the form holds after each of these was opened in the app, by keys alone."""
    found: dict[str, RunConfig] = {}
    async with opened((80, 24)) as pilot:
        for name, path in paths.items():

            def at(screen: type) -> bool:
                return isinstance(pilot.app.screen, screen) and pilot.app.focused is not None

            def opens(path: str = path) -> bool:
                return at(SetupScreen) and _place(pilot.app.screen.draft.config) == _place(path)

            await press(pilot, "d", "end", "enter")
            await until(pilot, lambda: at(PathScreen))
            await press(pilot, "ctrl+u")
            await type_in(pilot, path)
            await until(pilot, lambda path=path: pilot.app.screen.text == path)
            await press(pilot, "enter")
            await until(pilot, lambda: at(ColumnScreen) or opens())
            if at(ColumnScreen):  # the last column is the one to predict unless another is called so
                await see(pilot, "│   > ")
                await press(pilot, "enter")
            await until(pilot, opens)
            found[name] = pilot.app.screen.draft.config
    return found


def trained(data: dict[str, Any], folder: Path) -> float:
    """The test accuracy after some epochs."""
    run = {"epochs": 8, "device": "cpu", "folder": str(folder), "tensorboard": False}
    result = train(build_config({"data": data, "model": {"hidden": [48]}, "run": run}))
    assert result.test_metric is not None
    return result.test_metric


async def test_every_kind_is_opened_and_trained_as_well_as_the_built_in_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = make(tmp_path)
    folders = {name: build_config({"data": {"source": path}}) for name, path in paths.items() if path.endswith("/")}
    configs = folders | await chosen({name: path for name, path in paths.items() if name not in folders})
    original = trained({"source": "digits", "train_rows": 480}, tmp_path / "runs")
    assert original > 0.9
    accuracies = {name: trained(to_nested(config)["data"], tmp_path / "runs") for name, config in configs.items()}
    assert min(accuracies.values()) > original - 0.06, f"{accuracies}, and {original} with the built-in set"
