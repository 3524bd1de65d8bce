"""The screens on a run that a script with a training loop of its own trains: its charts, and the keys that mean nothing there."""

from __future__ import annotations

import io
import math

import pytest
from support.screens import press, see, text, until, watching

from engine import events as e
from engine.commands import Pause, Stop
from engine.console import final_table
from engine.finaltext import final_text
from engine.report import sides
from engine.runview import RunView
from engine.sinks import ConsoleSink
from tui.panels import panels_of, series_of
from tui.screens.results import ResultsScreen
from tui.xaxis import Course

BEGAN = 1_767_225_600.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 50)
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


def of_script(epochs: int = 8) -> list[e.Event]:
    """A script's run: validation every other epoch, a metric, a series of its own, no gradient norm, and no learning rate."""
    config = {"monitor": {"max_epochs": 20}, "settings": {"width": 3}}
    name = "20260101-120000-mine"
    begun = e.RunStarted(
        time=BEGAN, run=name, folder=f"/runs/{name}", config=config, device="", own_loop=True, epochs=20
    )
    built = e.ModelBuilt(
        time=BEGAN, layers=(), parameters=0, epochs=20, steps_per_epoch=0, batch_size=0, metric="f1", metric_mode="max"
    )
    items: list[e.Event] = [begun, e.EpochStarted(time=BEGAN, epoch=1), built]
    for epoch in range(1, epochs + 1):
        with_val = epoch % 2 == 1
        series = {"train_f1": 0.5, "reward": float(epoch)} | ({"val_f1": 0.4} if with_val else {})
        items.append(
            e.EpochEnded(
                time=BEGAN + epoch,
                epoch=epoch,
                train_loss=1 / epoch,
                val_loss=2 / epoch if with_val else math.nan,
                train_metric=0.5,
                val_metric=0.4 if with_val else math.nan,
                lr=math.nan,
                penalty=0.0,
                grad_norm=math.nan,
                seconds=1.0,
                samples_per_second=0.0,
                best_epoch=epoch - (epoch + 1) % 2,
                series=series,
                missing=("lr", "grad_norm", *(() if with_val else ("val_loss",))),
            )
        )
    return [*items, e.RunEnded(time=BEGAN + 9, reason="loop_ended", epochs=epochs, best_epoch=7, seconds=9.0)]


def test_its_charts_are_those_that_it_logs_and_have_points_where_it_logged():
    view = RunView().apply_all(of_script())
    assert [one.key for one in panels_of(view)] == ["loss", "metric", "series:reward", "seconds"]
    course = Course(view, "epoch")
    train, validation = series_of(view, "loss", course)
    assert train.xs.tolist() == list(range(1, 9)) and validation.xs.tolist() == [1, 3, 5, 7]
    assert [(one.name, len(one.xs)) for one in series_of(view, "metric", course)] == [("train", 8), ("validation", 4)]
    assert series_of(view, "series:reward", course)[0].ys.tolist() == [float(one) for one in range(1, 9)]
    assert len(series_of(view, "seconds", course)[0].xs) == 8 and series_of(view, "nothing", course) == []
    found = sides(view)
    assert found is not None and found.words() == "underfitting 1-6 · best so far 7"
    assert view.best_loss == 2 / 7


def test_what_is_printed_at_its_end_names_only_what_there_is():
    view = RunView().apply_all(of_script())
    words = final_text(view)
    assert "f1 0.4000" in words and "the script left its loop" in words and "nan" not in words
    assert "nntui attach" in words and "resume" not in words and "tensorboard" not in words
    bare = RunView().apply_all([one for one in of_script() if not isinstance(one, e.ModelBuilt)])
    bare.train_metric, bare.val_metric = [math.nan] * 8, [math.nan] * 8
    assert "metric" not in final_table(bare)


def test_its_lines_without_a_screen_name_only_what_there_is():
    out = io.StringIO()
    sink = ConsoleSink(out)
    for item in of_script(2):
        sink.write(item)
    begun, first, second = out.getvalue().splitlines()
    assert begun == "run /runs/20260101-120000-mine"
    assert first == "epoch  1/20  train 1  val 2*  train_f1 0.5  reward 1  val_f1 0.4  1.00s"
    assert second == "epoch  2/20  train 0.5  train_f1 0.5  reward 2  1.00s"


async def test_keys_that_mean_nothing_for_it_say_so():
    events = of_script()
    async with watching(events, own=False) as (pilot, source):
        source.release(len(events) - 1)
        await see(pilot, "epoch 8/20", "space pause", "s stop")
        assert "e edit" not in text(pilot) and "nan" not in text(pilot)
        await press(pilot, "e", "+", "f", "u")
        notes = [note.message for note in pilot.app._notifications]
        assert [note.partition(":")[0] for note in notes] == ["edit", "more", "try it", "undo edit"]
        assert all("a script of its own trains this run" in note for note in notes) and not source.commands
        await press(pilot, "space", "s")
        assert source.commands == [Pause(), Stop()]
        words = [note.message for note in pilot.app._notifications][4:]
        assert "when it logs its next epoch" in words[0] and "run.should_stop" in words[1]
        source.release()
        await see(pilot, "the script left its loop")
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await see(pilot, "validation  loss 0.2857", "compare")
        assert "script" not in text(pilot).splitlines()[-1] and "fork" not in text(pilot).splitlines()[-1]
