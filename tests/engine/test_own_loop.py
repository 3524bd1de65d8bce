"""`engine.monitor`: a training loop of one's own becomes a run, with its findings, its end and what it is asked for."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest
import torch
from support.owners import until

import engine
from engine import events as e
from engine import read_journal
from engine.attached import attach
from engine.commands import Edit, MoreEpochs, Pause, Resume, Save
from engine.errors import ConfigError, InputError
from engine.history import view_of
from engine.lock import probe
from engine.ownloop.gathering import Gathering
from engine.ownloop.judging import judged
from engine.ownloop.naming import better_when, grouped, metric_of, part_of, tags
from engine.rundir import RunDir
from engine.runs import list_runs, summarize_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def watch(tmp_path):
    """`engine.monitor` with its runs in a folder of this test."""

    def begin(name: str = "mine", **options):
        return engine.monitor(name, **{"folder": tmp_path / "runs", "quiet": True, **options})

    return begin


def told(run, kind=e.Event) -> list:
    return [one for one in read_journal(run.folder / "events.jsonl") if isinstance(one, kind)]


def overfitting(run, epochs: int = 40, **more) -> int:
    """A loop that overfits from epoch 10 on; how many epochs it has done."""
    for epoch in range(1, epochs + 1):
        rising = 0.1 + 0.01 * (epoch - 10)
        run.log(epoch, train_loss=1 / epoch, val_loss=1.1 / epoch if epoch < 10 else rising, lr=0.01, **more)
        if run.should_stop:
            return epoch
    return epochs


# ------------------------------------------------------------------------------------------------------------- the record


def test_a_loop_leaves_the_record_of_a_run(watch):
    with watch(max_epochs=3, settings={"lr": 0.1, "net": {"width": 3}, "kind": Path("a")}) as run:
        assert probe(RunDir(run.folder)).pid == os.getpid()
        for epoch in (1, 2, 3):
            run.log(epoch, train_loss=2 / epoch, val_loss=3 / epoch, lr=0.1, val_accuracy=epoch / 4, extra=7)
    items = told(run)
    assert [type(one).__name__ for one in items if not isinstance(one, e.FindingRaised)] == [
        "RunStarted", "EpochStarted", "ModelBuilt", *["EpochEnded", "EpochStarted"] * 2, "EpochEnded", "RunEnded",
    ]  # fmt: skip
    begun = items[0]
    assert begun.own_loop and begun.epochs == 3 and begun.run == run.name
    assert begun.config["settings"] == {"lr": 0.1, "net.width": 3, "kind": "a"}
    last = told(run, e.EpochEnded)[-1]
    assert (last.epoch, last.train_loss, last.val_loss, last.lr, last.best_epoch) == (3, 2 / 3, 1.0, 0.1, 3)
    assert last.series == {"val_accuracy": 0.75, "extra": 7.0} and last.val_metric == 0.75
    assert math.isnan(last.train_metric) and last.missing == ("grad_norm",) and last.seconds >= 0
    assert (items[-1].reason, items[-1].epochs, items[-1].best_epoch) == ("epochs_done", 3, 3)
    assert probe(RunDir(run.folder)) is None
    view, damaged = view_of(RunDir(run.folder))
    assert view.own_loop and view.metric == "accuracy" and view.total_epochs == 3 and not damaged


def test_the_commands_about_runs_know_it(watch, tmp_path):
    with watch() as run:
        [summary] = list_runs(tmp_path / "runs")
        assert (summary.status, summary.own_loop, summary.planned) == ("running", True, 0)
        run.log(1, train_loss=1.0, val_loss=0.5)
    summary = summarize_run(run.folder)
    assert (summary.status, summary.reason, summary.epochs, summary.best_loss) == ("finished", "loop_ended", 1, 0.5)
    assert abs(summary.started - told(run)[0].time) < 1e-6
    for verb in (engine.resume, engine.replay):
        with pytest.raises(InputError, match="a script with a training loop of its own"):
            verb(run.folder)


def test_values_are_whatever_float_makes_a_number_of(watch):
    with watch() as run, pytest.warns(UserWarning, match="words is no number"):
        run.log(
            numpy.int64(1),
            train_loss=torch.tensor([0.5], requires_grad=True),
            val_loss=numpy.float32(0.25),
            lr=None,
            words="many",
            many=torch.zeros(3),
            flag=True,
        )
        run.log(2, train_loss=math.nan, val_loss=math.inf, words="many")
    first, second = told(run, e.EpochEnded)
    assert (first.train_loss, first.val_loss, first.series) == (0.5, 0.25, {"flag": 1.0}) and "lr" in first.missing
    assert math.isnan(second.train_loss) and second.val_loss == math.inf
    assert sum("no number" in one.text for one in told(run, e.Noted)) == 2  # each name once
    assert told(run, e.FindingRaised)[0].kind == "non_finite"


def test_arguments_that_cannot_be_are_all_named_before_anything_is_written(watch, tmp_path):
    with pytest.raises(ConfigError) as raised:
        watch(max_epochs=-1, patience=0, mode="up", watch=3, min_delta=math.nan, settings=None)
    keys = [fault.key for fault in raised.value.faults]
    assert keys == ["max_epochs", "patience", "min_delta", "watch", "mode"]
    with pytest.raises(ConfigError, match="settings"):
        watch(settings=3)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make a run folder"):
        watch(folder=tmp_path / "file").start()
    assert not (tmp_path / "runs").exists()
    run = watch()
    with pytest.raises(RuntimeError, match=r"with engine\.monitor"):
        run.log(1, train_loss=1.0)
    with run, pytest.raises(TypeError, match="epoch must be a number"):
        run.log("first", train_loss=1.0)


def test_switched_off_it_does_nothing(watch, tmp_path):
    with watch(enabled=False) as run:
        run.log(1, train_loss=1.0, val_loss=1.0)
        assert not run.should_stop and run.folder is None
    assert not (tmp_path / "runs").exists()


def test_a_model_is_only_counted(watch):
    class Foreign:
        layers = [type("Layer", (), {"name": "dense", "count_params": lambda self: 12})()]

    for model, parameters in ((torch.nn.Sequential(torch.nn.Linear(3, 2)), 8), (Foreign(), 12), (object(), 0)):
        with watch(model=model) as run:
            run.log(1, train_loss=1.0, val_loss=1.0)
        assert told(run, e.ModelBuilt)[0].parameters == parameters


def test_a_tensorboard_log_has_the_tags_of_our_own_runs(watch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with watch(tensorboard=True) as run:
        for epoch in (1, 2):
            run.log(
                epoch, train_loss=1.0, val_loss=0.5 / epoch, lr=0.1, train_accuracy=0.5, val_accuracy=0.25, extra=9.0
            )
    board = EventAccumulator(str(run.folder)).Reload()
    wanted = {
        "loss/train",
        "loss/validation",
        "learning_rate",
        "accuracy/train",
        "accuracy/validation",
        "extra",
        "seconds",
    }
    assert set(board.Tags()["scalars"]) == wanted
    assert [(one.step, one.value) for one in board.Scalars("loss/validation")] == [(1, 0.5), (2, 0.25)]


def test_steps_inside_an_epoch_are_told_now_and_then(watch, monkeypatch):
    class Costly:
        """A value whose reading waits for a GPU."""

        read = 0

        def __float__(self) -> float:
            self.read += 1
            return 0.5

    value = Costly()
    with watch(max_epochs=2) as run:
        for step in range(1, 101):
            run.step(step, 100, train_loss=value, lr=0.1)
        assert value.read == 1
        monkeypatch.setattr("engine.ownloop.monitoring.STEP_SECONDS", 0.0)
        run.step(50, 100)
        view = view_of(RunDir(run.folder))[0]
        assert view.model is not None and view.model.steps_per_epoch == 100 and view.total_epochs == 2
        run.log(1, train_loss=1.0, val_loss=1.0, val_f1=0.5)
        run.step(25, 100, train_loss=0.25)
    steps = told(run, e.StepsDone)
    assert [(one.epoch, one.step, one.loss) for one in steps[::2]] == [(1, 1, 0.5), (2, 25, 0.25)]
    assert math.isnan(steps[1].loss)
    built = told(run, e.ModelBuilt)
    assert [(one.steps_per_epoch, one.metric) for one in built] == [(100, ""), (100, "f1")]
    run.step(1, 1)  # when it is over, nothing at all
    with watch() as run:
        run.log(1, train_loss=1.0)  # which waits for more
        run.step(1, 10, train_loss=0.5)
    assert [one.epoch for one in told(run, e.StepsDone)] == [2]


# ---------------------------------------------------------------------------------------------- findings and early stopping


def test_findings_and_early_stopping_reach_the_loop(watch):
    with watch(max_epochs=40, patience=12) as run:
        assert overfitting(run) == 22
        assert run.stop_reason == "early stopping" and run.best_epoch == 10
        assert [one.kind for one in run.findings] == ["overfitting"]
    assert told(run, e.RunEnded)[0].reason == "early_stopping"
    state = told(run, e.EarlyStoppingChecked)[-1]
    assert (state.waited, state.patience, state.best_epoch, state.monitor) == (12, 12, 10, "loss")


def test_what_is_watched_may_be_any_series(watch):
    with watch(patience=2, watch="val_f1") as run:
        for epoch, f1 in enumerate((0.1, 0.4, 0.3, 0.2), 1):
            run.log(epoch, train_loss=1.0, val_loss=float(epoch), val_f1=f1)
    assert run.should_stop and run.best_epoch == 2
    assert told(run, e.EarlyStoppingChecked)[-1].mode == "max"
    with watch(patience=1) as run:  # the training loss, where there is nothing else
        for epoch in (1, 2, 3):
            run.log(epoch, train_loss=float(epoch))
    assert run.should_stop and run.best_epoch == 1
    assert any("no val_loss" in one.text for one in told(run, e.Noted))


def test_validation_now_and_then_is_neither_judged_nor_waited_for_in_between(watch):
    with watch(patience=3) as run:
        for epoch in range(1, 13):
            run.log(epoch, train_loss=1 / epoch)
            if epoch % 4 == 1:
                run.log(epoch, val_loss=1 / epoch)
    ended = told(run, e.EpochEnded)
    assert [one.epoch for one in ended] == list(range(1, 13))
    assert [one.epoch for one in ended if "val_loss" not in one.missing] == [1, 5, 9] and run.best_epoch == 9
    assert not told(run, e.FindingRaised) and not run.should_stop


def test_what_comes_too_late_is_said_once_and_waited_for_from_then_on(watch):
    with watch() as run:
        for epoch in range(1, 7):
            run.log(epoch, train_loss=1 / epoch)
            if epoch >= 3:
                run.log(epoch, val_loss=1 / epoch, val_f1=0.5)
    assert [one.epoch for one in told(run, e.EpochEnded) if "val_loss" not in one.missing] == [4, 5, 6]
    assert [one.text.startswith("val_f1, val_loss of epoch 3") for one in told(run, e.Noted)].count(True) == 1


def test_only_a_number_that_is_none_is_found_with_one_loss_alone():
    def shown(missing: tuple[str, ...], train: float, val: float):
        ended = e.EpochEnded(
            epoch=1, train_loss=train, val_loss=val, train_metric=0.0, val_metric=0.0, lr=math.nan, penalty=0.0,
            grad_norm=math.nan, seconds=0.0, samples_per_second=0.0, best_epoch=0, missing=missing,
        )  # fmt: skip
        return judged(ended)

    assert shown(("val_loss",), 1.0, math.nan) is None and shown(("train_loss", "val_loss"), math.nan, math.nan) is None
    only = shown(("val_loss", "lr"), math.inf, math.nan)
    assert only is not None and (only.train_loss, only.val_loss, only.lr) == (math.inf, 0.0, 0.0)
    assert shown((), 1.0, 2.0) is not None


# ------------------------------------------------------------------------------------------------- what it is asked for


def test_a_stop_from_elsewhere_reaches_the_loop_and_the_rest_is_refused(watch):
    with watch(max_epochs=100) as run:
        run.log(1, train_loss=1.0, val_loss=1.0)
        screen = attach(run.folder)
        for command in (Save(), MoreEpochs(3), Edit({"optimizer.lr": "1"})):
            screen.send(command)
        until(lambda: len(told(run, e.CommandRefused)) == 3)
        assert not run.should_stop
        screen.stop()
        until(lambda: run.should_stop)  # without a log in between
        assert run.stop_reason == "stopped on request"
    assert "only stop and pause reach it" in told(run, e.CommandRefused)[0].problem
    assert len(told(run, e.StopAsked)) == 1 and told(run, e.RunEnded)[0].reason == "stopped"


def test_a_paused_run_waits_in_log(watch):
    with watch() as run:
        screen, done = attach(run.folder), threading.Event()
        screen.pause()
        until(lambda: run._under_way.token.paused)
        worker = threading.Thread(target=lambda: (run.log(1, train_loss=1.0, val_loss=1.0), done.set()))
        worker.start()
        until(lambda: told(run, e.Paused))
        assert not done.is_set()
        screen.send(Resume())
        assert done.wait(60.0)
        worker.join()
        screen.send(Pause())
        until(lambda: run._under_way.token.paused)
        screen.stop()  # a stop ends every pause
        until(lambda: run.should_stop)
        run.log(2, train_loss=1.0, val_loss=1.0)
    assert len(told(run, e.Paused)) == len(told(run, e.Resumed)) == 1


# --------------------------------------------------------------------------------------------------------------- its end


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (ValueError("bad\nthing"), "failed", "ValueError: bad"),
        (KeyboardInterrupt(), "interrupted", ""),
        (SystemExit(0), "loop_ended", ""),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
    ids=["error", "ctrl-c", "exit", "exit 3"],
)
def test_what_ends_the_loop_ends_the_run_and_goes_on(watch, error, reason, words):
    with pytest.raises(type(error)) as raised, watch() as run:
        run.log(1, train_loss=1.0, val_loss=1.0)
        raise error
    assert raised.value is error
    end = told(run, e.RunEnded)[0]
    assert (end.reason, end.error, end.epochs) == (reason, words, 1)
    log = run.folder / "run.log"
    assert log.exists() == (reason == "failed")
    assert reason != "failed" or "test_own_loop.py" in log.read_text()
    assert probe(RunDir(run.folder)) is None


def test_a_forked_child_leaves_the_run_alone(watch):
    with watch() as run:
        run.log(1, train_loss=1.0, val_loss=1.0)
        pid = os.fork()
        if pid == 0:
            try:
                run.log(2, train_loss=9.0, val_loss=9.0)
                run.end()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        run.log(2, train_loss=0.5, val_loss=0.5)
    assert [one.train_loss for one in told(run, e.EpochEnded)] == [1.0, 0.5] and len(told(run, e.RunEnded)) == 1


def test_a_full_disk_raises_nothing_and_loses_nothing(tmp_path):
    """In a forked process that limits itself: its journal may grow no further for a while."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            with engine.monitor("full", folder=tmp_path, quiet=True) as run:
                run.log(1, train_loss=1.0, val_loss=1.0)
                resource.setrlimit(resource.RLIMIT_FSIZE, ((run.folder / "events.jsonl").stat().st_size + 300, hard))
                for epoch in range(2, 12):
                    run.log(epoch, train_loss=1.0, val_loss=1.0)
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
                run.log(12, train_loss=1.0, val_loss=1.0)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    items = list(read_journal(next(tmp_path.iterdir()) / "events.jsonl"))
    assert [one.epoch for one in items if isinstance(one, e.EpochEnded)] == list(range(1, 13))
    assert any(isinstance(one, e.SinkFailed) for one in items) and isinstance(items[-1], e.RunEnded)


def test_a_script_of_three_lines_is_stopped_from_another_process_and_a_killed_one_is_lost(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "import engine, sys, time\n"
        "with engine.monitor(max_epochs=10**6) as run:\n"
        "    epoch = 0\n"
        "    while not run.should_stop:\n"
        "        epoch += 1\n"
        "        run.log(epoch, train_loss=1 / epoch, val_loss=1 / epoch)\n"
        "        time.sleep(0.01)\n"
        "assert 'torch' not in sys.modules\n"
        "print('left the loop')\n"
    )

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(script)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def running():
        return [one for one in list_runs(tmp_path / "runs") if one.status == "running"]

    with begin() as stopped:
        until(running)
        [summary] = running()
        assert summary.name.endswith("-mine") and summary.owner.pid == stopped.pid
        attach(summary.path).stop()
        out, err = stopped.communicate(timeout=60)
        assert out == "left the loop\n" and stopped.returncode == 0
        assert err.startswith("nntui: watching ") and "nntui attach" in err and err.count("\n") == 1
    assert summarize_run(summary.path).status == "stopped"
    with begin() as killed:
        until(running)
        killed.kill()
    until(lambda: list_runs(tmp_path / "runs")[0].status == "lost")


# ---------------------------------------------------------------------------------------------- gathering and the names


def test_epochs_are_gathered_from_one_call_or_several():
    one = Gathering()
    both = {"train_loss": 1.0, "val_loss": 2.0}
    assert one.add(0, both) == [(1, both)] and one.shift == 1
    assert one.add(1, {"train_loss": 1.0}) == []
    assert one.add(1, {"val_loss": 2.0}) == [(2, both)]
    assert one.add(1, {"late": 1.0}) == []  # told already: waited for from now on
    assert one.add(2, both) == []
    assert one.add(2, {"late": 3.0}) == [(3, {**both, "late": 3.0})]
    assert one.add(3, {"train_loss": 5.0}) == [] and one.add(4, {"train_loss": 6.0}) == [(4, {"train_loss": 5.0})]
    assert one.add(2, {"val_loss": 1.0}) == []  # of an epoch long gone
    assert one.rest() == [(5, {"train_loss": 6.0})] and one.rest() == []
    assert one.add(0, {**both, "late": 1.0})[0][0] == 6  # begun to count anew


def test_names_say_what_they_are_of():
    assert part_of("val_accuracy") == ("accuracy", "validation") == part_of("val/accuracy")
    assert part_of("train_") == ("train_", "") and part_of("lr") == ("lr", "")
    keras = grouped(["accuracy", "val_accuracy", "extra"])
    assert keras == {"accuracy": {"accuracy": "train", "val_accuracy": "validation"}, "extra": {"extra": ""}}
    assert metric_of(["val_bleu", "train_f1", "val_f1"]) == ("f1", {"train": "train_f1", "validation": "val_f1"})
    assert metric_of(["extra", "train_f1"]) == ("", {})
    assert better_when("val_accuracy") == "max" and better_when("val_char_error") == better_when("valid/loss") == "min"
    assert tags({"val_f1": 1.0, "extra": 2.0}) == {"f1/validation": 1.0, "extra": 2.0}


# ------------------------------------------------------------------------------------------------------------- its cost


def test_a_log_call_costs_less_than_a_millisecond(watch, record_property):
    def seconds(call) -> float:
        began = time.process_time()
        call()
        return time.process_time() - began

    with watch(max_epochs=400, patience=399) as run:
        costs = [
            seconds(
                lambda epoch=epoch: run.log(epoch, train_loss=1 / epoch, val_loss=1.1 / epoch, lr=0.1, val_accuracy=0.5)
            )
            for epoch in range(1, 401)
        ]
        asked = seconds(lambda: [run.should_stop for _ in range(1000)]) / 1000
    mean = sum(costs) / len(costs)
    record_property("log", f"{1e6 * mean:.0f} us a call, should_stop {1e9 * asked:.0f} ns")
    print(f"a log call {1e6 * mean:.0f} us, should_stop {1e9 * asked:.0f} ns")
    assert mean < 1e-3 and asked < 1e-5
