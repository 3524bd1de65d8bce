"""Export from the results: which forms there are, the file asked for, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import script
from support.screens import press, see, told, until, watching

from engine import events as e
from engine.errors import InputError, TrainingError
from engine.rundir import RunDir
from tui.exporting import FORMS, Form, export_run, forms_of
from tui.screens.files import PathScreen
from tui.screens.pick import Menu
from tui.screens.results import ResultsScreen


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 50)
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


async def test_a_form_then_a_file(monkeypatch, tmp_path):
    run = RunDir(tmp_path / "20260101-120000-digits-mlp")
    run.path.mkdir()
    run.weights.write_bytes(b"")
    asked: list[tuple[str, str, str, bool]] = []

    def write(folder: str, form: Form, path: str, overwrite: bool) -> None:
        asked.append((folder, form.kind, path, overwrite))
        if len(asked) == 1:
            raise FileExistsError(path)
        if len(asked) == 3:
            raise TrainingError("\x1b[31mit ran out of memory")

    monkeypatch.setattr("tui.screens.exporting.export_run", write)
    monkeypatch.chdir(tmp_path)
    events = [replace(one, folder=str(run.path)) if isinstance(one, e.RunStarted) else one for one in script.healthy(3)]
    async with watching(events) as (pilot, source):
        source.release()
        await see(pilot, "all epochs done")
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await see(pilot, "e export")
        await press(pilot, "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu))
        await see(pilot, "script", "safetensors", "torchscript", "onnx")
        await press(pilot, "down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PathScreen))
        await see(pilot, "Export as torchscript", "20260101-120000-digits-mlp.pt")
        await press(pilot, "enter")
        await see(pilot, "is there already; write into it?")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: len(asked) == 2)
        assert [one[1] for one in asked] == ["torchscript"] * 2 and [one[3] for one in asked] == [False, True]
        assert asked[0][0] == str(run.path) and asked[0][2].endswith(".pt")
        await told(pilot, "written: ", ".pt")
        await press(pilot, "e", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PathScreen))
        await press(pilot, "enter")
        await told(pilot, "it ran out of memory")
        assert asked[2][1] == "safetensors" and all("\x1b" not in note.message for note in pilot.app._notifications)


def test_only_a_run_with_weights_has_a_choice(tmp_path):
    assert forms_of("") == forms_of(str(tmp_path)) == FORMS[:1]
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert forms_of(str(tmp_path)) == FORMS


def test_the_process_that_exports_says_what_stands_in_its_way(tmp_path):
    with pytest.raises(InputError, match="there are no runs") as raised:
        export_run(str(tmp_path / "none"), FORMS[1], str(tmp_path / "out.safetensors"), False)
    assert "\n" not in str(raised.value) and not (tmp_path / "out.safetensors").exists()
    Path(tmp_path / "out.pt").write_text("kept")
    with pytest.raises(FileExistsError):
        export_run(str(tmp_path), FORMS[2], str(tmp_path / "out.pt"), False)
