"""Runs that fail, whose loss explodes, or whose records cannot be written."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from support.sinks import Acting

from engine import InputError, TrainingError, read_journal, start, train
from engine import events as e
from engine.sinks import Tee

WAIT = 60.0  # seconds until a test gives up on a condition; never waited for in full when all is well


@pytest.fixture
def small(make_config):
    def make(**sections):
        run = {"epochs": 5, **sections.pop("run", {})}
        return make_config(**{"data": {"source": "wine"}, "model": {"hidden": [8]}, **sections}, run=run)

    return make


class Failing(Acting):
    """Raises from the event number `after` on."""

    def __init__(self, name: str, after: int, error: Exception) -> None:
        self.name = name
        self.calls = 0

        def act(event):
            self.calls += 1
            if self.calls > after:
                raise error

        super().__init__(act)


@pytest.mark.parametrize("after", [0, 3, 9])
def test_a_failing_sink_is_told_once_and_dropped(small, after):
    bad, good = Failing("bad", after, OSError(28, "No space left on device")), Acting()
    result = train(small(), [bad, good])
    assert result.reason == "epochs_done"
    assert bad.calls == after + 1
    told = [event for event in journal(result) if isinstance(event, e.SinkFailed)]
    assert [(event.sink, event.problem) for event in told] == [("bad", "[Errno 28] No space left on device")]
    assert [event for event in good.seen if isinstance(event, e.SinkFailed)] == told


def journal(result) -> list[e.Event]:
    return list(read_journal(Path(result.folder) / "events.jsonl"))


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2])))
def test_sinks_that_fail_together_do_not_end_the_run(small, order):
    """A full disk fails several at once: one of them fails on the report of the other."""
    sinks = [Failing("a", 4, OSError("full")), Failing("b", 4, OSError("full")), Acting()]
    result = train(small(), [sinks[i] for i in order])
    assert result.reason == "epochs_done"
    assert sorted(event.sink for event in sinks[2].seen if isinstance(event, e.SinkFailed)) == ["a", "b"]
    assert [event for event in journal(result) if isinstance(event, e.EpochEnded)][-1].epoch == 5


def test_a_journal_that_fails_is_told_to_the_others(small, monkeypatch):
    from engine.journal import JournalSink

    def full(self, event):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(JournalSink, "write", full)
    good = Acting()
    result = train(small(), [good])
    assert result.reason == "epochs_done"
    assert [event.sink for event in good.seen if isinstance(event, e.SinkFailed)] == ["journal"]
    assert result.test_metric is not None


def test_closing_reaches_every_sink_whatever_one_does():
    class Unclosable(Acting):
        name = "unclosable"

        def close(self):
            raise OSError("gone")

    sinks = [Acting(), Unclosable(), Acting()]
    Tee(sinks).close()
    assert (sinks[0].closed, sinks[2].closed) == (1, 1)
    assert sinks[2].names() == ["SinkFailed"]


def test_bad_input_shows_in_the_handle(tmp_path):
    from engine import RunConfig

    handle = start(RunConfig.model_validate({"data": {"source": "nosuch"}, "run": {"folder": str(tmp_path / "runs")}}))
    assert handle.join(WAIT)
    assert isinstance(handle.error, InputError)
    with pytest.raises(InputError):
        handle.result()
    assert handle.drain() == []


@pytest.mark.parametrize("tensorboard", [False, True])
def test_a_loss_that_explodes_ends_the_run(small, tensorboard, capfd):
    config = small(
        data={"source": "diabetes"},
        optimizer={"name": "sgd", "lr": 1e3},
        run={"epochs": 50, "tensorboard": tensorboard},
    )
    result = train(config)
    assert result.reason == "non_finite"
    assert result.epochs < 50
    items = journal(result)
    assert isinstance(items[-1], e.RunEnded)
    assert not any(isinstance(item, e.SinkFailed) for item in items)
    assert (result.test_metric is None) == (result.best_epoch == 0), "figures of weights that are NaN would mislead"
    out, err = capfd.readouterr()
    assert (out, err) == ("", ""), "the terminal belongs to the screen"


def test_a_failure_inside_training(small, monkeypatch):
    def explode(*args):
        raise RuntimeError("CUDA error: \x1b[31mout of memory\nlong explanation")

    monkeypatch.setattr("engine.loop.measure", explode)
    good = Acting()
    with pytest.raises(TrainingError) as caught:
        train(small(), [good])
    line = "RuntimeError: CUDA error: \N{REPLACEMENT CHARACTER}[31mout of memory"
    assert re.fullmatch(rf"tests/engine/test_runner_failures\.py:\d+: {re.escape(line)}", str(caught.value)), (
        "where in their code"
    )
    end = good.seen[-1]
    assert isinstance(end, e.RunEnded)
    assert (end.reason, end.error, end.epochs) == ("failed", str(caught.value), 0)
    assert good.closed == 1
    folder = Path(good.seen[0].folder)  # pyright: ignore[reportAttributeAccessIssue]
    assert list(read_journal(folder / "events.jsonl"))[-1] == end
    log = (folder / "run.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert "explode" in log


def test_a_failure_in_a_thread_is_kept_for_the_caller(small, monkeypatch):
    def explode(*args):
        raise RuntimeError("no")

    monkeypatch.setattr("engine.loop.measure", explode)
    handle = start(small())
    with pytest.raises(TrainingError, match="RuntimeError: no"):
        handle.result()
    assert isinstance(handle.error, TrainingError)
    end = handle.drain()[-1]
    assert isinstance(end, e.RunEnded)
    assert end.reason == "failed"


def test_weights_that_cannot_be_written_do_not_take_the_figures_along(small, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.trials.write_atomically", full)
    result = train(small())
    assert result.test_metric is not None
    assert [event.sink for event in journal(result) if isinstance(event, e.SinkFailed)] == [
        "preprocess.json",
        "model.safetensors",
    ]
    assert sorted(path.name for path in Path(result.folder).iterdir()) == [
        "checkpoints",
        "config.toml",
        "events.jsonl",
        "lock",
    ]
