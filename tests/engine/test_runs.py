"""What became of a run, read from its folder alone; and which run a person means."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import pytest
from support import script
from support.owners import a_run, owner

from engine import events as e
from engine.errors import InputError
from engine.eventjson import to_json
from engine.rundir import RunDir
from engine.runs import find_run, list_runs, summarize_run
from engine.runview import RunView


def write(run: RunDir, items, tail: str = "") -> None:
    run.journal.write_text("".join(to_json(item) + "\n" for item in items) + tail)


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path / "runs")


JUST_NOW = time.time() + 3600  # whenever in the suite the test runs


def resumed(after="lost", **changes) -> e.RunResumed:
    plain = {"run": "r", "folder": "/r", "config": {}, "device": "cpu", "pid": 1, "after": after}
    return e.RunResumed(**{**plain, **changes})


def rewound(epochs: int, best_epoch: int, best_loss: float, planned: int = 50, **changes) -> e.Rewound:
    return e.Rewound(
        epochs=epochs, batch=0, best_epoch=best_epoch, best_loss=best_loss, planned=planned, config={}, **changes
    )


# ------------------------------------------------------------------------------------------------------------- a run


@pytest.mark.parametrize(
    ("items", "free", "held"),
    [
        ([], "lost", "preparing"),
        (script.opening(), "lost", "preparing"),
        (script.healthy(5)[:-3], "lost", "running"),
        ([*script.opening(), *script.epoch(1, 1, 1, 1), e.EpochStarted(epoch=2), e.Paused(epoch=2)], "lost", "paused"),
        ([*script.opening(), e.EpochStarted(epoch=1), e.Paused(epoch=1), e.Resumed(epoch=1)], "lost", "running"),
        (script.healthy(5), "finished", "finished"),
        (script.counting_down(), "finished", "finished"),
        (script.paused(), "stopped", "stopped"),
        (script.failed(), "failed", "failed"),
        (script.diverging(), "failed", "failed"),
        ([*script.healthy(5), e.SinkFailed(sink="board", problem="full")], "finished", "finished"),
        ([*script.healthy(5), resumed("ended", more=5)], "lost", "preparing"),
    ],
    ids=[
        "nothing", "opening", "epochs", "paused", "resumed", "finished", "early stopping", "stopped", "failed", "diverged",
        "closing", "taken up",
    ],
)  # fmt: skip
def test_how_a_run_stands(run, items, free, held):
    write(run, items)
    assert summarize_run(run.path).status == free
    with owner(run) as pid:
        summary = summarize_run(run.path)
        assert summary.status == held
        assert summary.owner is not None and summary.owner.pid == pid
    assert summarize_run(run.path).status == free, "the owner was killed"


@pytest.mark.parametrize("name", list(script.ALL))
def test_it_agrees_with_the_whole_history_at_any_moment(run, name):
    """What is read from the end equals what folding everything gives."""
    items = script.ALL[name]()
    view = RunView()
    for count, item in enumerate(items, 1):
        view.apply(item)
        write(run, items[:count])
        agrees(run, view)
        if item.time:
            assert summarize_run(run.path).updated == item.time


def agrees(run: RunDir, view: RunView) -> None:
    summary = summarize_run(run.path)
    assert (summary.epochs, summary.planned) == (len(view.epochs), view.total_epochs)
    assert summary.best_epoch == view.best_epoch
    if view.best_epoch:
        assert summary.best_loss == view.best_loss
        assert summary.metric == view.val_metric[view.epochs.index(view.best_epoch)]
    else:
        assert math.isnan(summary.best_loss)
    assert summary.metric_name == (view.model.metric if view.model else "")
    assert summary.reason == (view.end.reason if view.end else "")
    assert summary.error == (view.end.error if view.end else "")


def test_it_agrees_through_chapters_edits_and_more_epochs(run):
    """Taken up at epoch 6 of 9, an edit, ended, ten epochs more."""
    first = script.healthy(9)[:-3]
    opening = script.opening(epochs=9)[1:]
    again = [resumed(), *opening, rewound(6, 6, 0.45, 9)]
    edited = e.KnobsChanged(number=1, epoch=7, batch=3, changes=(), planned=12, config={})
    rest = [item for number in range(7, 13) for item in script.epoch(number, 0.3, 0.5 - number / 100, number)]
    ended = e.RunEnded(reason="epochs_done", epochs=12, best_epoch=12, seconds=1.0)
    more = [resumed("ended", more=10), *opening, rewound(12, 12, 0.38, 12), e.EpochsAdded(epochs=10, planned=22)]
    items = [*first, *again, edited, *rest, ended, *more, *script.epoch(13, 0.2, 0.9, 12)]
    view = RunView()
    for count, item in enumerate(items, 1):
        view.apply(item)
        write(run, items[:count])
        # Between taking a run up and the checkpoint's being read, the old place is shown.
        if not isinstance(item, e.RunResumed | e.DataPrepared | e.ModelBuilt):
            agrees(run, view)


def test_epochs_that_were_unsaid_do_not_count(run):
    """Going back to before an edit trains the same epochs again, with other figures."""
    items = script.opening()
    for number in range(1, 8):
        items += script.epoch(number, 0.5, 0.9 - number / 10, number, 0.5)
    items.append(rewound(5, 5, 0.4, why="reverted"))
    for number in (6, 7):
        items += script.epoch(number, 0.5, 0.39 - number / 100, number, 0.7)
    view = RunView()
    for count, item in enumerate(items, 1):
        view.apply(item)
        write(run, items[:count])
        agrees(run, view)


def test_of_trials_the_one_in_hand_is_told(run):
    items: list[e.Event] = [script.opening()[0]]
    for number in (1, 2):
        items.append(e.TrialStarted(number=number, of=5, label=f"fold {number}", folder="f", trial=number))
        own = [*script.opening(epochs=7)[1:], *script.epoch(1, 1, 0.9 / number, 1), *script.epoch(2, 1, 1.0, 1)]
        items += [type(item)(**{name: getattr(item, name) for name in item.__slots__} | {"trial": number, "time": 1.0}) for item in own]  # fmt: skip
    write(run, items)
    summary = summarize_run(run.path)
    assert (summary.trial, summary.trials, summary.epochs, summary.planned) == (2, 5, 2, 7)
    assert (summary.best_epoch, summary.best_loss) == (1, 0.45)


@pytest.mark.parametrize("tail", ['{"event":"EpochEnded","epoch":99', "\0" * 100, "}\n", '{"event":"RunEnded"}\n', "x" * 600_000])  # fmt: skip
def test_a_torn_or_damaged_end_does_no_harm(run, tail):
    write(run, script.healthy(5)[:-3], tail)
    summary = summarize_run(run.path)
    assert (summary.epochs, summary.best_epoch) == (5, 5)


def test_a_journal_without_trials_in_its_events_is_read(run):
    """As the first version wrote them."""
    write(run, script.healthy(5))
    run.journal.write_text(run.journal.read_text().replace('"trial":0,', ""))
    assert summarize_run(run.path).epochs == 5


def test_a_long_journal_is_quick(run):
    """Thirty megabytes, most of it histograms, which are not parsed."""
    heavy = '{"event":"WeightsSampled","time":1.0,"trial":0,"epoch":1,"histograms":[' + "0," * 5000 + "0]}\n"
    with run.journal.open("w") as file:
        for item in script.opening(epochs=3000):
            file.write(to_json(item) + "\n")
        for number in range(1, 3001):
            file.writelines(to_json(item) + "\n" for item in script.epoch(number, 1.0, 1.0, 1))
            file.write(heavy)
    assert run.journal.stat().st_size > 30e6
    began = time.process_time()
    summary = summarize_run(run.path)
    took = time.process_time() - began
    print(f"{took:.3f} s of CPU for {run.journal.stat().st_size / 1e6:.0f} MB")
    assert (summary.epochs, summary.best_epoch, summary.best_loss, summary.planned) == (3000, 1, 1.0, 3000)
    assert took < 2


def test_json_has_no_figures_that_json_lacks(run):
    write(run, script.opening())
    body = json.loads(json.dumps(summarize_run(run.path).as_json(), allow_nan=False))
    assert body["best_loss"] is None and body["path"] == str(run.path) and body["owner"] is None


# -------------------------------------------------------------------------------------------------------- which run


@pytest.fixture
def several(tmp_path) -> Path:
    parent = tmp_path / "runs"
    for name in ("20260101-120000-digits-mlp", "20260301-120000-wine-linear", "20260201-120000-digits-cnn"):
        a_run(parent, name)
    (parent / "no run").mkdir()
    (parent / "a file").touch()
    return parent


def test_the_newest_comes_first(several):
    names = [run.name for run in list_runs(several)]
    assert names == ["20260301-120000-wine-linear", "20260201-120000-digits-cnn", "20260101-120000-digits-mlp"]
    mine = a_run(several, "mine")
    os.utime(mine.config, (0, time.mktime((2026, 2, 15, 0, 0, 0, 0, 0, -1))))
    assert [run.name for run in list_runs(several)].index("mine") == 1
    assert list_runs(several / "gone") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "20260301-120000-wine-linear"),
        ("20260101-120000-digits-mlp", "20260101-120000-digits-mlp"),
        ("20260101", "20260101-120000-digits-mlp"),
        ("wine", "20260301-120000-wine-linear"),
        ("cnn", "20260201-120000-digits-cnn"),
    ],
)
def test_a_run_is_found(several, text, name):
    assert find_run(text, several) == RunDir(several / name)


def test_a_run_is_found_by_its_path_from_anywhere(several, monkeypatch):
    monkeypatch.chdir(several.parent)
    expected = RunDir(several / "20260101-120000-digits-mlp")
    for text in (str(expected.path), "runs/20260101-120000-digits-mlp", "./runs/20260101-120000-digits-mlp/"):
        assert find_run(text, "elsewhere") == expected
    monkeypatch.chdir(several)
    assert find_run("20260101-120000-digits-mlp", "elsewhere") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("digits", ["'digits' fits 2 runs", "20260201-120000-digits-cnn, 20260101-120000-digits-mlp"]),
        ("2026", ["fits 3 runs"]),
        ("mnist", ["no run is called 'mnist'", "nntui ls"]),
        ("no run", ["no run is called"]),
        ("ev\x1bil", ["no run is called"]),
    ],
)
def test_a_run_that_is_not_clear_is_asked_about(several, text, words):
    with pytest.raises(InputError) as refused:
        find_run(text, several)
    line = str(refused.value)
    assert all(word in line for word in words) and "\n" not in line and "\x1b" not in line


def test_no_runs_at_all(tmp_path):
    for text in ("", "digits"):
        with pytest.raises(InputError, match="there are no runs"):
            find_run(text, tmp_path / "gone")


def test_the_newest_under_way(several):
    with pytest.raises(InputError, match="is under way"):
        find_run("", several, running=True)
    run = RunDir(several / "20260101-120000-digits-mlp")
    with owner(run):
        assert find_run("", several, running=True) == run
