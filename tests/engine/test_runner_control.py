"""Runs that are paused, resumed and stopped, by a handle or by a token."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.sinks import Acting

from engine import RunView, StopToken, commands, read_journal, start, train
from engine import events as e

WAIT = 60.0  # seconds until a test gives up on a condition; never waited for in full when all is well


@pytest.fixture
def small(make_config):
    def make(**sections):
        run = {"epochs": 5, **sections.pop("run", {})}
        return make_config(**{"data": {"source": "wine"}, "model": {"hidden": [8]}, **sections}, run=run)

    return make


@pytest.fixture
def endless(small):
    """A run in a thread that ends only when it is told to: by the test, or after it."""
    handle = start(small(early_stopping={"enabled": False}, run={"epochs": 1_000_000}))
    yield handle
    handle.stop()
    assert handle.join(WAIT)


def until(condition) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def test_a_handle_gives_the_run_and_its_result(small):
    handle = start(small())
    result = handle.result()
    assert handle.join(WAIT)
    assert not handle.alive
    assert handle.error is None
    items = handle.drain()
    assert handle.drain() == []
    assert RunView().apply_all(items) == result.view
    assert items == list(read_journal(Path(result.folder) / "events.jsonl"))


def test_a_run_in_a_thread_equals_one_in_the_caller(small):
    config = small(regularization={"dropout": 0.2})
    assert start(config).result().view.val_loss == train(config).view.val_loss


def test_stop_from_another_thread(endless):
    handle = endless
    view = RunView()
    until(lambda: view.apply_all(handle.drain()).epochs)
    handle.stop("interrupted")
    handle.stop("stopped")
    assert handle.join(WAIT), "it does not train its million epochs"
    result = handle.result()
    assert result.reason == "interrupted"
    assert result.test_metric is not None
    view.apply_all(handle.drain())
    assert ("stop asked: interrupted") in [text for _, text in view.log]
    assert view.end is not None
    assert view.end.reason == "interrupted"


def test_a_program_that_ends_while_a_run_trains_ends_cleanly(tmp_path):
    """Python stops daemon threads wherever they are; inside torch that is an abort, with a message on the terminal."""
    program = (
        "import engine, sys\n"
        "config = engine.build_config({'data': {'source': 'moons'}, 'early_stopping': {'enabled': False},\n"
        "    'run': {'folder': sys.argv[1], 'epochs': 1_000_000, 'device': 'cpu', 'tensorboard': False}})\n"
        "handle = engine.start(config)\n"
        "while 'EpochEnded' not in {type(event).__name__ for event in handle.drain()}: handle.join(0.01)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (folder,) = tmp_path.iterdir()
    end = list(read_journal(folder / "events.jsonl"))[-1]
    assert isinstance(end, e.RunEnded)
    assert end.reason == "terminated"
    assert list((folder / "checkpoints").glob("*.pt")), "nothing is lost: the run can be resumed"


def test_pause_and_resume(endless):
    handle = endless
    view = RunView()
    until(lambda: view.apply_all(handle.drain()).epochs)
    handle.pause()
    until(lambda: view.apply_all(handle.drain()).phase == "paused")
    assert not handle.join(0.2)
    assert handle.drain() == [], "nothing happens in a paused run"
    handle.resume()
    done = len(view.epochs)
    until(lambda: len(view.apply_all(handle.drain()).epochs) > done)
    assert view.phase == "training"
    handle.pause()
    until(lambda: view.apply_all(handle.drain()).phase == "paused")
    handle.stop()
    assert handle.join(WAIT), "a stop ends a pause"
    assert handle.result().reason == "stopped"


def test_a_pause_changes_no_number(small):
    config = small(regularization={"dropout": 0.3})
    token, release = StopToken(), queue.SimpleQueue()

    def act(event):
        if isinstance(event, e.EpochStarted):
            token.pause()
        if isinstance(event, e.Paused):
            release.put(event.epoch)

    def let_go():
        for _ in range(5):
            release.get(timeout=WAIT)
            token.resume()

    helper = threading.Thread(target=let_go, daemon=True)
    helper.start()
    sink = Acting(act)
    paused = train(config, [sink], token)
    assert sink.names().count("Paused") == sink.names().count("Resumed") == 5
    assert paused.view.val_loss == train(config).view.val_loss
    # The pause does not count as training time for the speed of the epoch.
    assert all(event.samples_per_second > 0 for event in sink.seen if isinstance(event, e.EpochEnded))


@pytest.fixture
def stopped_in(monkeypatch):
    """`stopped_in(config, epoch)`: a run that is asked to stop in the first batch of `epoch`."""
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", 0.0)  # every batch is told of

    def run(config, epoch: int):
        token = StopToken()
        sink = Acting(lambda event: isinstance(event, e.StepsDone) and event.epoch == epoch and token.stop())
        return train(config, [sink], token), sink

    return run


def test_stopped_inside_an_epoch_the_best_weights_are_restored(small, stopped_in):
    config = small()
    whole = train(small(run={"epochs": 3}))
    result, sink = stopped_in(config, 4)
    assert (result.reason, result.epochs, result.best_epoch) == ("stopped", 3, 3)
    # The batch of epoch 4 moved the weights; what is tested is epoch 3, as if the run had had 3 epochs.
    assert result.view.val_loss == whole.view.val_loss
    assert (result.test_loss, result.test_metric) == (whole.test_loss, whole.test_metric)
    end = ["StepsDone", "StopAsked", "CheckpointSaved", "BestRestored", "TestMeasured", "ReportMade", "RunEnded"]
    assert sink.names()[-7:] == end


def test_stopped_before_the_first_epoch_is_done_nothing_is_tested(small, stopped_in):
    result, sink = stopped_in(small(), 1)
    assert (result.epochs, result.best_epoch, result.test_metric) == (0, 0, None)
    assert sink.names()[-4:] == ["StepsDone", "StopAsked", "CheckpointSaved", "RunEnded"]
    assert not (Path(result.folder) / "model.safetensors").exists()


def test_a_stop_at_the_last_batch_lets_the_epoch_end(small, stopped_in):
    """With the whole set as one batch there is no inside of an epoch."""
    result, _ = stopped_in(small(run={"batch_size": 0}), 2)
    assert (result.reason, result.epochs) == ("stopped", 2)


def test_what_is_asked_during_the_test_is_answered(small):
    token = StopToken()

    def ask(event: e.Event) -> None:
        if isinstance(event, e.TestMeasured):
            token.obey(commands.MoreEpochs(3))
            token.obey(commands.Save())
            token.obey(commands.ScreenGone("the terminal went away"))

    sink = Acting(ask)
    result = train(small(), [sink], token)
    assert result.epochs == 5 and sink.names()[-1] == "RunEnded"
    refused = [event for event in sink.seen if isinstance(event, e.CommandRefused)]
    assert [(event.command, event.problem) for event in refused] == [("more", "training is over")]
    assert [event.problem for event in sink.seen if isinstance(event, e.ScreenLost)] == ["the terminal went away"]
