"""The fold: any prefix of a run, and any disorder of events, gives a view that can be shown."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import events

from engine import RunView
from engine import events as e
from engine.console import epoch_line, final_table, notice_line
from engine.eventjson import from_json
from engine.finaltext import final_text
from engine.text import clean


def ended(epoch: int, **changes) -> e.EpochEnded:
    plain = {
        "train_loss": 1 / epoch, "val_loss": 1.5 / epoch, "train_metric": 0.9, "val_metric": 0.8, "lr": 0.1,
        "penalty": 0.0, "grad_norm": 1.0, "seconds": 2.0, "samples_per_second": 100.0, "best_epoch": epoch,
    }  # fmt: skip
    return e.EpochEnded(epoch=epoch, **{**plain, **changes})


def a_run() -> list[e.Event]:
    """A run with everything in it, the times of its events counting up."""
    finding = e.FindingRaised(
        epoch=3, kind="overfitting", confidence="likely", began=2, title="overfitting since epoch 2", evidence="it rises",
        actions=("stop",), knobs=(),
    )  # fmt: skip
    items = [
        e.RunStarted(run="r", folder="/runs/r", config={"run": {"epochs": 4}}, device="cpu"),
        e.DataPrepared(dataset="wine", task="classification", train_rows=10, validation_rows=2, test_rows=2, shape=(13,)),
        e.ModelBuilt(
            layers=(("0", 20),), parameters=20, epochs=4, steps_per_epoch=10, batch_size=1, metric="accuracy",
            metric_mode="max",
        ),
        e.EpochStarted(epoch=1),
        e.StepsDone(epoch=1, step=5, samples_per_second=50.0),
        ended(1),
        e.EarlyStoppingChecked(epoch=1, best=1.5, best_epoch=1, waited=0, patience=2, must_beat=1.4),
        e.EpochStarted(epoch=2),
        e.Paused(epoch=2),
        e.Resumed(epoch=2),
        ended(2, val_loss=0.5),
        e.EpochStarted(epoch=3),
        ended(3, val_loss=0.7, best_epoch=2),
        finding,
        dataclasses.replace(finding, confidence="certain"),
        e.SinkFailed(sink="TensorBoard", problem="disk full"),
        e.Noted(text="a note"),
        e.EpochStarted(epoch=4),
        e.FindingCleared(epoch=4, kind="overfitting"),
        e.StopAsked(reason="stopped"),
        e.BestRestored(epoch=2, val_loss=0.5),
        e.TestMeasured(epoch=2, loss=0.6, metric=0.85, baseline=0.4),
        e.RunEnded(reason="stopped", epochs=3, best_epoch=2, seconds=9.0),
    ]  # fmt: skip
    return [dataclasses.replace(item, time=float(n)) for n, item in enumerate(items)]


def show_all(view: RunView) -> str:
    """Everything a screen or the command line asks of a view."""
    for name in dir(type(view)):
        if isinstance(getattr(type(view), name), property):
            getattr(view, name)
    assert len({len(getattr(view, name)) for name in ("epochs", "train_loss", "val_loss", "lr", "seconds")}) == 1
    # Whatever room there is between the words.
    plain, printed = clean(final_table(view), 10**6).split(), final_text(view, 4000).split()
    assert any(printed[at : at + len(plain)] == plain for at in range(len(printed) + 1))
    return final_text(view)


@pytest.mark.parametrize("length", range(len(a_run()) + 1))
def test_any_prefix_renders(length):
    show_all(RunView().apply_all(a_run()[:length]))


@given(st.lists(st.sampled_from(list(e.TYPES.values())).flatmap(events), max_size=30))
def test_any_events_in_any_order_render(items):
    """A journal may come from a newer version, or lack its beginning."""
    view = RunView()
    for item in items:
        view.apply(item)
        if isinstance(item, e.EpochEnded):
            assert epoch_line(view, item)
        elif not isinstance(item, e.FindingRaised) or item.actions:
            notice_line(item)
    show_all(view)


def test_the_whole_run():
    view = RunView().apply_all(a_run())
    assert (view.run, view.folder, view.device, view.phase) == ("r", "/runs/r", "cpu", "ended")
    assert (view.epochs, view.val_loss) == ([1, 2, 3], [1.5, 0.5, 0.7])
    assert (view.best_epoch, view.best_loss) == (2, 0.5)
    assert (view.total_epochs, view.metric) == (4, "accuracy")
    assert not view.findings
    assert [text for _, text in view.log if "overfitting since" in text] == ["overfitting since epoch 2: it rises"]
    assert (view.started, view.now) == (0.0, len(a_run()) - 1)
    table = final_table(view)
    assert "best epoch  2 of 3" in table
    assert "validation  loss 0.5000   accuracy 0.8000" in table
    assert "test        loss 0.6000   accuracy 0.8500\n" in table
    assert "ended       stopped on request" in table
    assert "run folder  /runs/r" in table


def test_a_finding_that_holds_at_the_end_is_in_the_table():
    items = [item for item in a_run() if not isinstance(item, e.FindingCleared)]
    assert "warning     overfitting since epoch 2" in final_table(RunView().apply_all(items))


def test_the_phases_of_a_run():
    view, phases = RunView(), []
    for item in a_run():
        view.apply(item)
        if not phases or phases[-1] != view.phase:
            phases.append(view.phase)
    assert phases == ["preparing", "training", "paused", "training", "stopping", "ended"]


def test_figures_of_other_weights_are_marked():
    items = [
        e.TestMeasured(epoch=3, loss=1, metric=1, baseline=0) if isinstance(x, e.TestMeasured) else x for x in a_run()
    ]
    assert "(weights of epoch 3)" in final_table(RunView().apply_all(items))


def test_an_end_reason_of_a_newer_version_is_shown_as_it_is():
    newer = from_json('{"event":"RunEnded","reason":"out_of_time","epochs":1,"best_epoch":1,"seconds":1}')
    assert newer is not None
    view = RunView().apply_all([newer])
    assert "out_of_time" in final_table(view)
    assert "out_of_time" in view.log[-1][1]


def test_a_failure_shows_its_error():
    view = RunView().apply_all(
        [e.RunEnded(reason="failed", epochs=0, best_epoch=0, seconds=1, error="RuntimeError: no")]
    )
    assert "ended       RuntimeError: no" in final_table(view)


def test_the_final_table_is_safe_to_print_whoever_wrote_the_journal():
    line = (
        '{"event":"TrialEnded","number":1,"label":"\\u001b[2J","reason":"\\u001b]0;x","epochs":1,"best_epoch":1,"val_loss":1,'
        '"val_metric":1,"test_loss":1,"test_metric":1,"seconds":1,"trial":1}'
    )
    ended, start = from_json(line), e.TrialStarted(number=1, of=2, label="\x1b[2J", folder="", trial=1)
    assert ended is not None
    end = e.RunEnded(reason="failed", epochs=1, best_epoch=1, seconds=1, error="\x1b[31mno")
    table = final_table(RunView().apply_all([start, ended, end]))
    assert "[2J" in table and "]0;x" in table and "[31mno" in table and "\x1b" not in table


def test_time_left():
    run = a_run()
    assert RunView().seconds_left is None
    assert RunView().apply_all(run[:4]).seconds_left is None  # nothing is known of its pace
    # In the first epoch: 10 rows at 50 a second, 2 that are only evaluated, and half of it is done.
    assert RunView().apply_all(run[:5]).seconds_left == pytest.approx(3.5 * (10 + 2 / 3) / 50)
    view = RunView().apply_all(run[:6])
    assert view.seconds_left == 3 * 2.0
    view.apply(e.EpochStarted(epoch=2))
    assert view.seconds_left == 3 * 2.0
    view.apply(e.StepsDone(epoch=2, step=5, samples_per_second=1))
    assert view.seconds_left == 2.5 * 2.0
    for epoch in (2, 3, 4):
        view.apply(ended(epoch, seconds=4.0))
    assert view.seconds_left == 0.0
    assert RunView().apply_all(run).seconds_left is None  # ended


def test_time_left_follows_the_latest_epochs():
    view = RunView().apply_all(a_run()[:3])
    view.model = dataclasses.replace(view.model, epochs=100)  # pyright: ignore[reportArgumentType]
    for epoch in range(1, 11):
        view.apply(ended(epoch, seconds=60.0 if epoch == 1 else 1.0))
    assert view.seconds_left == 90.0


def trials(count: int, *done: tuple[int, float]) -> RunView:
    """A run of `count` folds, of which some are done, each with its epochs and seconds; the next has begun."""
    view = RunView().apply_all(a_run()[:3])
    for number, (epochs, seconds) in enumerate([*done, (0, 0.0)], 1):
        view.apply(e.TrialStarted(number=number, of=count, label=f"fold {number}", folder="", trial=number))
        view.apply(dataclasses.replace(a_run()[2], trial=number))
        if epochs:
            figures = dict.fromkeys(("val_loss", "val_metric", "test_loss", "test_metric"), 0.5)
            end = e.TrialEnded(
                number=number, label="", reason="early_stopping", epochs=epochs, best_epoch=1, seconds=seconds,
                trial=number, **figures,
            )  # fmt: skip
            view.apply(end)
    return view


def test_time_left_counts_the_trials_that_have_not_begun():
    view = trials(5)
    assert view.seconds_left is None
    view.apply(ended(1, seconds=3.0, trial=1))
    assert view.seconds_left == 3 * 3.0 + 4 * 4 * 3.0  # as long as this one could take with its 4 epochs
    view = trials(5, (2, 6.0), (4, 10.0))
    assert view.seconds_left == pytest.approx(4 * (3.0 + 2.5) / 2 + 2 * 8.0)  # an epoch as theirs, a trial as theirs
    view.apply(ended(1, seconds=1.0, trial=3))
    assert view.seconds_left == pytest.approx(3 * 1.0 + 2 * 8.0)


def test_time_left_of_trials_that_train_side_by_side():
    view = RunView().apply_all(a_run()[:3])
    for number in (1, 2, 3):
        view.apply(e.TrialStarted(number=number, of=7, label="", folder="", trial=number))
        view.apply(dataclasses.replace(a_run()[2], trial=number))
    view.apply(ended(1, seconds=3.0, trial=1))
    assert view.seconds_left == 3 * 3.0 + 2 * 4 * 3.0, "the other four are two more lots"


def test_the_samples_of_an_epoch_are_no_longer_counted_after_it():
    view = RunView().apply_all(a_run()[:6])
    assert (view.epoch, view.step) == (1, 10)
    view.apply(e.EpochStarted(epoch=2))
    assert (view.epoch, view.step) == (2, 0)
