"""The results of a run and the comparison of several, in the app: every key at both sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import script
from support.owners import a_run
from support.screens import SIZES, AppPilot, form, lines, press, safe, see, small, text, type_in, until, watching

from engine import RunConfig
from engine import events as e
from engine.configfile import to_nested
from engine.eventjson import to_json
from engine.facts import Answer
from engine.report import class_figures
from tui.screens.compare import CompareScreen
from tui.screens.dialogs import AskEpochs
from tui.screens.files import PathScreen
from tui.screens.help import HelpScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.pick import Menu
from tui.screens.results import ResultsScreen
from tui.screens.runs import RunsScreen
from tui.screens.setup import SetupScreen
from tui.source import ScriptedSource

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
NAMES = ("ham", "spam\x1b[31m", "eggs")
COUNTS = ((17, 1, 0), (0, 18, 0), (4, 0, 14))


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 50)
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


def the_report() -> e.ReportMade:
    values = tuple(float(place) for place in range(30))
    mistakes = [
        Answer(row=row, truth=2.0, answer=0.0, loss=9.0 - row, probability=0.8, values=values) for row in range(4)
    ]
    return e.ReportMade(
        epoch=10,
        rows=54,
        wrong=5,
        confusion=COUNTS,
        classes=class_figures(np.array(COUNTS)),
        mistakes=tuple(mistakes),
        samples=(),
        feature_names=tuple(f"column {place}" for place in range(30)),
        features=30,
        shape=(30,),
        means=(0.0,) * 30,
        scales=(10.0,) * 30,
    )


def overfitted(folder: str = "/runs/20260101-120000-digits-mlp") -> list[e.Event]:
    """A run without early stopping that overfits, with settings and a report."""
    nested = to_nested(RunConfig.model_validate({"early_stopping": {"enabled": False}}))
    made: list[e.Event] = []
    for item in script.overfitting():
        if isinstance(item, e.RunStarted):
            item = replace(item, config=nested, folder=folder, run=Path(folder).name)
        if isinstance(item, e.DataPrepared):
            item = replace(item, class_names=NAMES)
        if isinstance(item, e.FindingRaised):
            item = replace(item, knobs=("early_stopping.enabled", "early_stopping.restore_best"))
        made += [the_report(), item] if isinstance(item, e.RunEnded) else [item]
    return made


async def to_results(pilot: AppPilot, source: ScriptedSource, key: str = "r") -> None:
    source.release()
    await see(pilot, "all epochs done", "r results")
    await press(pilot, key)
    await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
    await see(pilot, "What next", "best epoch  10 of 40")


async def again(pilot: AppPilot) -> None:
    """From the setup screen to the results of another run with the same events."""
    await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
    await press(pilot, "r")
    await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
    monitor = pilot.app.screen
    assert isinstance(monitor, MonitorScreen) and isinstance(monitor.source, ScriptedSource)
    await to_results(pilot, monitor.source)


@sizes
async def test_every_page_and_what_its_keys_do(size):
    wide = size[0] > 100
    async with watching(overfitted(), size) as (pilot, source):
        assert "r results" not in text(pilot), "there are none while it trains"
        await to_results(pilot, source, "enter")
        await see(pilot, "just right 10", "a  overfitting since epoch 11: again with early stopping on")
        assert "1 curve" in lines(pilot)[1] if wide else "[1 summary] 2 curve  3 confusion" in lines(pilot)[1]
        order = ["curve", "confusion", "classes", "mistakes"]
        for place, name in enumerate(order, 1 if wide else 2):
            await press(pilot, str(place))
            await see(pilot, f"[{place} {name}]")
        await press(pilot, "tab")
        await see(pilot, "[1 curve]" if wide else "[1 summary]")
        await press(pilot, "shift+tab")
        await see(pilot, "row 0: true eggs, answered ham, probability 0.80", "column 0 ", "+0.0 sd")
        await press(pilot, "down")
        await see(pilot, "row 1: true eggs")
        if not wide:
            await press(pilot, "pagedown")
            await until(pilot, lambda: "column 0 " not in text(pilot))
        await press(pilot, "w")
        await see(pilot, "column 29", "+2.9 sd !", "w: inputs in order")
        await press(pilot, "shift+tab", "w")
        await see(pilot, "classes]", "w: in order")
        rows = [line[line.index("eggs") :] for line in lines(pilot) if "eggs" in line]
        assert rows and rows[0].split()[1:4] == ["1.000", "0.778", "0.875"], "the worst class first"
        await press(pilot, "shift+tab")
        await see(pilot, "true eggs, answered ham: 4 of 18 rows", "[")
        await press(pilot, "right", "up")
        await see(pilot, "18 of 18 right")
        assert safe(pilot)
        await press(pilot, "shift+tab")
        await see(pilot, "curve]", "underfitting", "just right: epoch 10", "w: accuracy")
        await press(pilot, "w")
        await see(pilot, "w: loss", "train 0.95")
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await press(pilot, "escape", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))


@small
async def test_what_next_is_a_key_away(size, tmp_path):
    others = tmp_path / "runs"
    for number, name in enumerate(("20260101-120000-digits-mlp", "20260102-120000-other")):
        events = overfitted(str(others / name))
        a_run(others, name).journal.write_text(
            "".join(to_json(item) + "\n" for item in events[: None if number else -1])
        )
    async with watching(overfitted(str(others / "20260101-120000-digits-mlp")), size) as (pilot, source):
        await to_results(pilot, source)
        await press(pilot, "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu))
        await see(pilot, "run again with it", "early_stopping.enabled = on", "put it into the form")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert form(pilot).cursor == "early_stopping.enabled"
        assert pilot.app.screen.draft.config.early_stopping.enabled  # type: ignore[union-attr]

        await again(pilot)
        await press(pilot, "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Menu))
        before = len(pilot.app._start_run.configs)  # type: ignore[attr-defined]
        await press(pilot, "enter")
        await until(pilot, lambda: len(pilot.app._start_run.configs) == before + 1)  # type: ignore[attr-defined]
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        monitor = pilot.app.screen
        assert pilot.app._start_run.configs[-1].early_stopping.enabled  # type: ignore[attr-defined]

        await to_results(pilot, monitor.source)  # type: ignore[attr-defined]
        await press(pilot, "plus")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskEpochs))
        await press(pilot, "escape", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await press(pilot, "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, PathScreen))
        await press(pilot, "ctrl+u")
        await type_in(pilot, str(tmp_path / "plain"))
        await press(pilot, "enter")
        await until(pilot, lambda: (tmp_path / "plain.py").exists())
        assert "import torch" in (tmp_path / "plain.py").read_text()

        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await press(pilot, "C")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await see(pilot, "* 20260101-120000-digits-mlp", "1 marked with *")
        await press(pilot, "space")
        await see(pilot, "* 20260102-120000-other", "2 marked with *; C compares them")
        await press(pilot, "C")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await see(pilot, "2 runs compared", "A  20260101-120000-digits-mlp", "B  20260102", "validation loss", "0.384")
        await press(pilot, "w")
        await see(pilot, "no setting differs", "test accuracy")
        await press(pilot, "down", "up", "right", "left", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))

        await press(pilot, "F")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        assert pilot.app.screen.draft.config.model.weights.endswith("digits-mlp")  # type: ignore[union-attr]
        await again(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        await again(pilot)
        await press(pilot, "q")
        await until(pilot, lambda: not pilot.app.is_running)


async def test_folds_have_a_table_and_a_report_each():
    items: list[e.Event] = [overfitted()[0]]
    for number in (1, 2):
        own = [
            e.TrialStarted(number=number, of=2, label=f"fold {number}", folder="x"),
            *overfitted()[1:-2],
            the_report(),
        ]
        figures = {
            "val_loss": 0.3,
            "val_metric": 0.9,
            "test_loss": 0.2,
            "test_metric": 0.8 + number / 100,
            "seconds": 1.0,
        }
        own.append(
            e.TrialEnded(number=number, label=f"fold {number}", reason="epochs_done", epochs=9, best_epoch=4, **figures)
        )
        items += [replace(item, trial=number) for item in own]
    spread = {
        f"{part}_{what}_{of}": 0.5 for part in ("val", "test") for what in ("loss", "metric") for of in ("mean", "sd")
    }
    items.append(e.TrialsSummarized(kind="kfold", count=2, best_trial=1, **spread))
    items.append(e.RunEnded(reason="trials_done", epochs=18, best_epoch=4, seconds=2.0))
    async with watching(items) as (pilot, source):
        source.release()
        await see(pilot, "all trials done", "r results")
        await press(pilot, "r")
        await see(pilot, "[1 summary] 2 trials  3 curve  4 confusion")
        await see(pilot, "validation  loss 0.5000 ± 0.5000", "best by validation: fold 1")
        assert "+  go on" not in text(pilot) and "F  fork" not in text(pilot)
        await press(pilot, "2")
        await see(pilot, "fold 1           4    0.3000", "0.8100", "best", "mean", "sd")
        await press(pilot, "3")
        await see(pilot, "mean of 2")
        await press(pilot, "4")
        await see(pilot, "all 2 folds", "true eggs, answered ham: 8 of 36 rows")
        await press(pilot, "right_square_bracket")
        await see(pilot, "fold 1", "true eggs, answered ham: 4 of 18 rows")
        await press(pilot, "left_square_bracket", "left_square_bracket")
        await see(pilot, "fold 2")


async def test_results_close_when_the_run_goes_on():
    async with watching(overfitted()) as (pilot, source):
        await to_results(pilot, source)
        nested = to_nested(RunConfig())
        source.add([e.RunResumed(run="x", folder="/runs/x", config=nested, device="cpu", pid=1, more=5)])
        source.add([e.Noted(text="more to come")])
        source.release(1)
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))


async def test_a_run_that_failed_has_results_without_a_test():
    async with watching(script.failed()) as (pilot, source):
        source.release()
        await see(pilot, "CUDA out of memory", "r results")
        await press(pilot, "r")
        await see(pilot, "[1 summary] 2 curve ", "ended       RuntimeError: CUDA out of memory")
        assert "confusion" not in text(pilot)
        await press(pilot, "2")
        await see(pilot, "[2 curve]", "train")
