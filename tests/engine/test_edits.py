"""Knobs changed while a run trains do what they say, from the next batch on, and can be taken back and played again."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.byhand import ByHand, Rates
from support.configs import config_in
from support.resuming import (
    Timed,
    assert_equal_runs,
    consistent,
    damage,
    events_of,
    folder_of,
    last_content,
    stop,
    view_of,
)
from support.sinks import Acting
from torch.optim import lr_scheduler as s

from engine import ConfigError, RunView, replay, resume, start, train
from engine import events as e
from engine.commands import Edit, MoreEpochs, Revert, Save, Stop

WAIT = 20.0  # seconds until a test gives up on a condition; never waited for in full when all is well
EPOCHS = 4
BATCHES = 6
LOOKS = BATCHES + 2  # of an epoch: one before its batches, one after each, one behind it
PLACE = (2, 3)  # in the second epoch after its third batch


def look(epoch, batch=0):
    """Which look at the token comes after so many batches of an epoch."""
    return (epoch - 1) * LOOKS + 1 + batch


def asking(changes, place=PLACE):
    """A token by which an edit is asked for at a place."""
    return Timed({look(*place): lambda token: token.obey(Edit(changes))})


@pytest.fixture
def small(make_config):
    def make(**sections):
        run = {"epochs": EPOCHS, "batch_size": 25, **sections.pop("run", {})}
        optimizer = sections.pop("optimizer", {"name": "sgd", "lr": 0.05, "momentum": 0.9})
        return make_config(
            **{"data": {"source": "wine"}, "model": {"hidden": [8]}, **sections}, optimizer=optimizer, run=run
        )

    return make


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def refusals(result):
    return [text for _, text in result.view.log if " refused: " in text]


# -- against a loop written by hand -------------------------------------------------------------------------------------

_ADAMW = {"name": "adamw", "lr": 0.01, "weight_decay": 0.1}


def _set(**values):
    return lambda loop: loop.__dict__.update(values)


def _group(**values):
    return lambda loop: loop.inner.param_groups[0].update(values)


@pytest.mark.parametrize(
    ("changes", "by_hand"),
    [
        ({"optimizer.lr": "0.5"}, _group(lr=0.5)),
        ({"optimizer.weight_decay": "0.3"}, _group(weight_decay=0.3)),
        ({"regularization.weight_decay": "0.7"}, _set(decay=0.7)),
        ({"regularization.l1": "0.02"}, _set(l1=0.02)),
        ({"regularization.l2": "0.1"}, _set(l2=0.1)),
        ({"regularization.dropout": "0.3"}, _set(dropout=0.3)),
        ({"regularization.input_dropout": "0.3"}, _set(input_dropout=0.3)),
        ({"optimizer.clip_norm": "0.05"}, _set(clip=0.05)),
        ({"regularization.l2": "0.1", "optimizer.lr": "0.01", "optimizer.clip_norm": "1"}, lambda loop: (_set(l2=0.1, clip=1.0)(loop), _group(lr=0.01)(loop))),
    ],
    ids=lambda one: "+".join(one) if isinstance(one, dict) else "",
)  # fmt: skip
@pytest.mark.parametrize("place", [PLACE, (3, 0), (2, BATCHES)], ids=str)
def test_an_edit_acts_from_the_next_batch_on(small, changes, by_hand, place):
    config = small()
    result = train(config, (), asking(changes, place))
    assert refusals(result) == []
    loop = ByHand(config).fit(EPOCHS, {place: by_hand})
    assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-6)
    assert result.view.val_loss != train(config).view.val_loss
    assert [(edit.number, edit.epoch, edit.batch) for edit in result.view.edits] == [(1, *place)]
    assert {change.key for change in result.view.edits[0].changes} == set(changes)


def test_weight_decay_of_adamw(small):
    config = small(optimizer=_ADAMW)
    result = train(config, (), asking({"optimizer.weight_decay": "5"}))
    build = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1)
    assert result.view.val_loss == pytest.approx(ByHand(config, build).fit(EPOCHS, {PLACE: _group(weight_decay=5.0)}).val_loss, rel=1e-6)  # fmt: skip


def test_dropout_and_back(small):
    """From a net that was built without it, and to one that has none again."""
    config = small()
    token = asking({"regularization.dropout": "0.3"})
    token._actions[look(4, 2)] = lambda token: token.obey(Edit({"regularization.dropout": "0"}))
    loop = ByHand(config).fit(EPOCHS, {PLACE: _set(dropout=0.3), (4, 2): _set(dropout=0.0)})
    assert train(config, (), token).view.val_loss == pytest.approx(loop.val_loss, rel=1e-6)


def test_dropout_that_was_there_from_the_beginning(small):
    config = small(regularization={"dropout": 0.5, "input_dropout": 0.2})
    loop = ByHand(config, dropout=0.5, input_dropout=0.2).fit(EPOCHS, {PLACE: _set(dropout=0.1, input_dropout=0.0)})
    changes = {"regularization.dropout": "0.1", "regularization.input_dropout": "0"}
    assert train(config, (), asking(changes)).view.val_loss == pytest.approx(loop.val_loss, rel=1e-6)


# A schedule is a shape times the learning rate: with another one, it goes on as if it had always been that.
_SHAPES = {
    "constant": ({}, lambda lr: Rates(lr)),
    "cosine": ({}, lambda lr: Rates(lr, lambda o: s.CosineAnnealingLR(o, EPOCHS))),
    "step": ({"step_size": 1, "gamma": 0.5}, lambda lr: Rates(lr, lambda o: s.StepLR(o, 1, 0.5))),
    "polynomial": ({}, lambda lr: Rates(lr, lambda o: s.PolynomialLR(o, EPOCHS))),
    "cosine_warm_restarts": ({"t_0": 2}, lambda lr: Rates(lr, lambda o: s.CosineAnnealingWarmRestarts(o, 2))),
    "plateau": (
        {"patience": 0, "threshold": 0.9, "gamma": 0.3},
        lambda lr: Rates(lr, lambda o: s.ReduceLROnPlateau(o, factor=0.3, patience=0, threshold=0.9)),
    ),
    "one_cycle": (
        {},
        lambda lr: Rates(lr, lambda o: s.OneCycleLR(o, lr, total_steps=EPOCHS * BATCHES), per_batch=True),
    ),
    "cyclic": (
        {"base_lr": 0.001, "step_size_up": 5},
        lambda lr: Rates(lr, lambda o: s.CyclicLR(o, 0.001, lr, step_size_up=5), per_batch=True),
    ),
}


@pytest.mark.parametrize("place", [PLACE, (3, 0)], ids=str)
@pytest.mark.parametrize("name", _SHAPES)
def test_another_learning_rate_scales_the_schedule(small, name, place):
    knobs, rates = _SHAPES[name]
    config = small(schedule={"name": name, **knobs})
    result = train(config, (), asking({"optimizer.lr": "0.2"}, place))
    loop = ByHand(config, rates=rates(0.05), watched=[rates(0.2)])
    loop.fit(EPOCHS, {place: lambda loop: setattr(loop, "rates", loop.watched[0]) or loop.watched.clear()})
    assert result.view.lr == pytest.approx(loop.lr, rel=1e-9)
    assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-5)


@pytest.mark.parametrize("place", [(1, 4), (2, 0), (3, 2)], ids=str)
@pytest.mark.parametrize("name", ["constant", "cosine", "one_cycle", "cyclic"])
def test_another_learning_rate_in_or_behind_the_warm_up(small, name, place):
    warm = 2 * BATCHES
    schedule, rates = {
        "constant": ({}, lambda lr: Rates(lr, warmup=warm)),
        "cosine": ({}, lambda lr: Rates(lr, lambda o: s.CosineAnnealingLR(o, EPOCHS - 2), warmup=warm)),
        "one_cycle": (
            {},
            lambda lr: Rates(lr, lambda o: s.OneCycleLR(o, lr, total_steps=2 * BATCHES), warm, per_batch=True),
        ),
        "cyclic": (
            {"base_lr": 0.001, "step_size_up": 5},
            lambda lr: Rates(lr, lambda o: s.CyclicLR(o, 0.001, lr, step_size_up=5), warm, per_batch=True),
        ),
    }[name]
    config = small(schedule={"name": name, "warmup": 2, **schedule})
    result = train(config, (), asking({"optimizer.lr": "0.2"}, place))
    loop = ByHand(config, rates=rates(0.05), watched=[rates(0.2)])
    loop.fit(EPOCHS, {place: _exchange})
    assert result.view.lr == pytest.approx(loop.lr, rel=1e-9)
    assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-5)


def _exchange(loop):
    loop.rates = loop.watched.pop()


_LEFT = EPOCHS - 1  # epochs that are left in the second one, itself among them


@pytest.mark.parametrize("before", ["plateau", "one_cycle", "cyclic"])
@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        ({"schedule.name": "cosine"}, lambda: Rates(0.05, lambda o: s.CosineAnnealingLR(o, _LEFT))),
        ({"schedule.name": "exponential", "schedule.gamma": "0.5"}, lambda: Rates(0.05, lambda o: s.ExponentialLR(o, 0.5))),
        ({"schedule.name": "constant", "optimizer.lr": "0.1"}, lambda: Rates(0.1)),
        ({"schedule.name": "one_cycle", "schedule.pct_start": "0.5", "schedule.base_momentum": "0.85", "schedule.max_momentum": "0.95"}, lambda: Rates(0.05, lambda o: s.OneCycleLR(o, 0.05, total_steps=_LEFT * BATCHES, pct_start=0.5), per_batch=True)),
        ({"schedule.name": "step", "schedule.step_size": "1", "schedule.gamma": "0.2", "schedule.warmup": "1"}, lambda: Rates(0.05, lambda o: s.StepLR(o, 1, 0.2), warmup=BATCHES)),
    ],
    ids=lambda one: one["schedule.name"] if isinstance(one, dict) else "",
)  # fmt: skip
def test_another_schedule_begins_here(small, before, changes, rates):
    """From the learning rate, over the epochs that are left, and with the optimizer's own momentum."""
    knobs, old = _SHAPES[before]
    config = small(schedule={"name": before, **knobs})
    result = train(config, (), asking(changes))
    assert refusals(result) == []
    loop = ByHand(config, rates=old(0.05)).fit(EPOCHS, {PLACE: lambda loop: setattr(loop, "rates", rates())})
    assert result.view.lr == pytest.approx(loop.lr, rel=1e-9)
    assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-5)


def test_batch_size_changes_with_the_next_epoch(small):
    config = small()
    result = train(config, (), asking({"run.batch_size": "50", "optimizer.lr": "0.1"}))
    changes = {PLACE: _group(lr=0.1), (3, 0): lambda loop: setattr(loop, "batch_size", 50)}
    assert result.view.val_loss == pytest.approx(ByHand(config).fit(EPOCHS, changes).val_loss, rel=1e-6)
    assert [(edit.number, edit.epoch, edit.batch) for edit in result.view.edits] == [(1, 2, 3), (2, 3, 0)]
    assert "with the next epoch: run.batch_size = 50" in [text for _, text in result.view.log]


@pytest.mark.parametrize(
    ("name", "warmup"), [("one_cycle", 0), ("constant", 2), ("cosine", 2), ("one_cycle", 1), ("one_cycle", 2)]
)
def test_batch_size_with_a_schedule_that_counts_batches(small, name, warmup):
    """From the third epoch on it goes on as one that was built for the larger batches."""

    def rates(batches):
        build = {
            "constant": None,
            "cosine": lambda o: s.CosineAnnealingLR(o, EPOCHS - warmup),
            "one_cycle": lambda o: s.OneCycleLR(o, 0.05, total_steps=(EPOCHS - warmup) * batches),
        }[name]
        return Rates(0.05, build, warmup=warmup * batches, per_batch=name == "one_cycle")

    def exchange(loop):
        loop.batch_size = 50
        loop.rates = rates(BATCHES // 2)
        for _ in range(place[0] - 1):
            for _ in range(BATCHES // 2):
                loop.rates.after_batch()
            loop.rates.after_epoch(1.0)

    config = small(schedule={"name": name, "warmup": warmup})
    for place in ((2, 0), (3, 0)):
        result = train(config, (), asking({"run.batch_size": "50"}, (place[0] - 1, 3)))
        loop = ByHand(config, rates=rates(BATCHES)).fit(EPOCHS, {place: exchange})
        assert result.view.lr == pytest.approx(loop.lr, rel=1e-9)
        assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-5)


def test_batch_size_with_a_schedule_that_goes_round_and_round(small):
    """cyclic counts batches and no epochs: it goes on from where it is."""
    schedule = {"name": "cyclic", "base_lr": 0.001, "step_size_up": 5, "warmup": 1}
    rates = Rates(0.05, lambda o: s.CyclicLR(o, 0.001, 0.05, step_size_up=5), BATCHES, per_batch=True)
    for size in (10, 50):
        config = small(schedule=schedule)
        result = train(config, (), asking({"run.batch_size": str(size)}))
        loop = ByHand(config, rates=replace(rates)).fit(EPOCHS, {(3, 0): _set(batch_size=size)})
        assert result.view.lr == pytest.approx(loop.lr, rel=1e-9)
        assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-5)


# -- what has no gradient in it -----------------------------------------------------------------------------------------


def test_more_and_fewer_epochs(small):
    config = small(schedule={"name": "cosine"})
    more = train(config, (), asking({"run.epochs": "6"}))
    assert more.view.epochs == [1, 2, 3, 4, 5, 6]
    assert more.view.total_epochs == 6
    plain = train(config).view
    assert more.view.lr[:4] == plain.lr  # the schedule is as it was planned
    assert more.view.val_loss[:4] == plain.val_loss
    fewer = train(config, (), asking({"run.epochs": "2"}))
    assert fewer.view.val_loss == plain.val_loss[:2]
    assert fewer.reason == "epochs_done"
    behind_the_last = train(config, (), asking({"run.epochs": "5"}, (EPOCHS, BATCHES + 1)))
    assert behind_the_last.view.epochs == [1, 2, 3, 4, 5]


def _waits(losses, patience, place=0):
    """After which epoch early stopping ends a run by hand, with another patience from epoch `place` on."""
    best, waited = float("inf"), 0
    for epoch, loss in enumerate(losses, 1):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited >= (patience[1] if epoch >= place else patience[0]):
            return epoch
    return len(losses)


@pytest.mark.parametrize("patience", [(6, 2), (3, 8)])
def test_patience(small, patience):
    sections = {"data": {"source": "wine", "train_rows": 30}, "optimizer": {"lr": 0.1}}
    run = {"epochs": 40, "batch_size": 5}
    losses = train(small(early_stopping={"enabled": False}, run=run, **sections)).view.val_loss
    config = small(early_stopping={"patience": patience[0], "min_delta": 0.0}, run=run, **sections)
    stops = train(config).epochs
    assert stops == _waits(losses, (patience[0],) * 2)
    result = train(config, (), asking({"early_stopping.patience": str(patience[1])}, (stops - 1, 2)))
    assert result.epochs == _waits(losses, patience, stops - 1) != stops
    assert result.view.val_loss == losses[: result.epochs]


def test_early_stopping_switched_off_and_on(small):
    sections = {"data": {"source": "wine", "train_rows": 30}, "optimizer": {"lr": 0.1}}
    config = small(early_stopping={"patience": 2, "min_delta": 0.0}, run={"epochs": 20, "batch_size": 5}, **sections)
    assert train(config).reason == "early_stopping"
    result = train(config, (), asking({"early_stopping.enabled": "off"}))
    assert (result.reason, result.epochs) == ("epochs_done", 20)


def test_epochs_added_while_it_trains(small):
    """Early stopping does not end the run before they are done."""
    sections = {"data": {"source": "wine", "train_rows": 30}, "optimizer": {"lr": 0.1}}
    config = small(early_stopping={"patience": 2, "min_delta": 0.0}, run={"epochs": 20, "batch_size": 5}, **sections)
    token = Timed({look(*PLACE): lambda token: token.obey(MoreEpochs(3))})
    result = train(config, (), token)
    assert (result.reason, result.epochs, result.view.total_epochs, result.view.extended) == ("epochs_done", 23, 23, 3)
    assert_equal_runs(result.folder, replay(result.folder).folder, but=("total_epochs", "edits"))


# -- what is refused ----------------------------------------------------------------------------------------------------

_REFUSED = {
    "model.hidden": ("16", "model.hidden: cannot change while a run trains; start a new run from this one's best weights: model.weights"),
    "data.seed": ("3", "data.seed: cannot change while a run trains"),
    "optimizer.rate": ("1", "optimizer.rate: unknown knob; `nntui config --template` lists every knob"),
    "optimizer.lr": ("-1", "optimizer.lr: must be more than 0, got -1.0; allowed: > 0, <= 1000"),
    "regularization.dropout": ("much", "regularization.dropout: must be a number, got 'much'"),
    "regularization.l1": ("0", "nothing would change"),
    "run.epochs": ("1", "run.epochs: 1 epochs are done already; use a larger number, or stop the run"),
    "run.batch_size": ("-5", "run.batch_size: must be at least 0, got -5"),
    "schedule.gamma": ("0.5", "schedule.gamma: "),
    "schedule.warmup": ("3", "schedule.warmup: leaves no epoch behind it: 3 are left for the new schedule; set schedule.warmup to 0 as well"),
    "schedule.name": ("none", "schedule.name: must be one of constant, step"),
    "optimizer.name": ("adam", "optimizer.name: cannot change while a run trains"),
}  # fmt: skip


@pytest.mark.parametrize("key", _REFUSED)
def test_an_edit_that_cannot_be_made(small, key):
    """One clear line, no checkpoint, and the run is the one without it."""
    value, problem = _REFUSED[key]
    config = small()
    plain = train(config)
    result = train(config, (), asking({key: value}))
    said = refusals(result)
    assert len(said) == 1
    assert said[0].startswith(f"edit refused: {problem}")
    assert "\n" not in said[0]
    assert_equal_runs(plain.folder, result.folder)
    kinds = [event.kind for event in events_of(result.folder, e.CheckpointSaved)]
    assert "edit" not in kinds


def test_one_bad_knob_refuses_the_good_ones_with_it(small):
    config = small()
    changes = {"optimizer.lr": "0.5", "model.kind": "linear", "run.batch_size": "10"}
    result = train(config, (), asking(changes))
    assert len(refusals(result)) == 1
    assert_equal_runs(train(config).folder, result.folder)


def test_batch_size_that_batch_norm_cannot_take(small):
    """71 rows of a last batch of one: refused when it is asked for, not an epoch later."""
    config = small(model={"hidden": [8], "batch_norm": True})
    result = train(config, (), asking({"run.batch_size": "141"}))
    assert len(refusals(result)) == 1
    assert "leave one row alone" in refusals(result)[0]


def test_trials_cannot_be_edited(small):
    config = small(trials={"kind": "kfold", "folds": 3}, run={"epochs": 2})
    token = asking({"optimizer.lr": "0.5"})
    token._actions |= {2: lambda token: token.obey(MoreEpochs(3)), 3: lambda token: token.obey(Revert())}
    result = train(config, (), token)
    assert len(refusals(result)) == 3
    assert result.view.val_loss == train(config).view.val_loss


# -- taken back, and played again ---------------------------------------------------------------------------------------

_LR = {"optimizer.lr": "0.3"}
_DROPOUT = {"regularization.dropout": "0.4", "regularization.l2": "0.01"}
_SCHEDULE = {"schedule.name": "one_cycle"}
_BATCH = {"run.batch_size": "50"}


def plan(**at):
    """A token that obeys commands at looks: plan(l5=Edit(...), l9=Revert())."""
    return Timed({int(name[1:]): partial(_obey, command) for name, command in at.items()})


def _obey(command, token):
    token.obey(command)


@pytest.mark.parametrize(
    "changes", [_LR, _DROPOUT, _SCHEDULE, _BATCH, {"run.epochs": "9"}, {"early_stopping.patience": "1"}], ids=str
)
def test_a_checkpoint_before_each_edit_and_back_to_it(small, changes):
    """As if the edit had never been, in every bit; the record says that it was."""
    config = small(regularization={"input_noise": 0.1}, schedule={"name": "cosine"})
    plain = train(config)
    result = train(config, (), plan(l12=Edit(changes), l22=Revert()))
    assert refusals(result) == []
    assert_equal_runs(plain.folder, result.folder)
    consistent(view_of(result.folder))
    (back,) = events_of(result.folder, e.Rewound)
    (made,) = events_of(result.folder, e.KnobsChanged)
    assert (back.why, back.edits, back.epochs + 1, back.batch) == ("reverted", 0, made.epoch, made.batch)
    assert result.view.edits == []


def test_two_edits_and_two_steps_back(small):
    config = small(regularization={"dropout": 0.1})
    plain = train(config)
    first = train(config, (), plan(l5=Edit(_LR)))
    one_back = train(config, (), plan(l5=Edit(_LR), l12=Edit(_DROPOUT), l15=Revert()))
    assert_equal_runs(first.folder, one_back.folder)
    both_back = train(config, (), plan(l5=Edit(_LR), l12=Edit(_DROPOUT), l15=Revert(), l16=Revert()))
    assert_equal_runs(plain.folder, both_back.folder)
    another = train(config, (), plan(l5=Edit(_DROPOUT), l12=Revert(), l14=Edit(_LR), l15=Revert()))
    assert_equal_runs(plain.folder, another.folder)


def test_nothing_to_take_back(small):
    result = train(small(), (), plan(l5=Revert()))
    assert refusals(result) == ["revert refused: there is no edit to take back"]
    without = train(small(run={"checkpoints": 0}), (), plan(l5=Edit(_LR), l9=Revert()))
    words = "revert refused: the checkpoint from before the last edit cannot be used: there is none"
    assert refusals(without) == [words]


def test_a_damaged_checkpoint_cannot_be_gone_back_to(small):
    def spoil(token):
        for file in (folder_of(told.seen) / "checkpoints").glob("*-edit-*.pt"):
            damage(file, 5000)
        token.obey(Revert())

    told = Acting()
    token = plan(l5=Edit(_LR))
    token._actions[9] = spoil
    result = train(small(), [told], token)
    assert len(refusals(result)) == 1
    assert refusals(result)[0].startswith("revert refused: the checkpoint from before the last edit cannot be used: ")
    assert result.view.val_loss == train(small(), (), plan(l5=Edit(_LR))).view.val_loss


def test_a_batch_size_asked_for_between_two_epochs_need_not_wait(small):
    config = small()
    for place in ((3, 0), (2, BATCHES + 1)):
        result = train(config, (), asking(_BATCH, place))
        loop = ByHand(config).fit(EPOCHS, {(3, 0): _set(batch_size=50)})
        assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-6)
        assert [(edit.epoch, edit.batch) for edit in result.view.edits] == [(3, 0)]


def test_what_waits_can_be_taken_back(small):
    result = train(small(), (), plan(l5=Edit(_BATCH), l7=Revert()))
    assert refusals(result) == []
    assert_equal_runs(train(small()).folder, result.folder)


_EVERY = [_LR, _DROPOUT, _SCHEDULE, _BATCH, _LR | _BATCH, {"regularization.input_dropout": "0.2"}, {"run.epochs": "6"}]


@pytest.mark.parametrize("stopped", [6, 7, LOOKS + 1, LOOKS + 4])
@pytest.mark.parametrize("changes", _EVERY, ids=str)
def test_an_edit_outlives_a_stop(small, changes, stopped):
    """Asked for after the fourth batch; in force again in the process that goes on, or still waiting there."""
    config = small(schedule={"name": "cosine"})
    whole = train(config, (), plan(l5=Edit(changes)))
    token = plan(l5=Edit(changes))
    token._actions[stopped] = stop
    folder = train(config, (), token).folder
    result = resume(folder)
    assert_equal_runs(whole.folder, folder)
    assert [one.number for one in result.view.edits] == list(range(1, len(whole.view.edits) + 1))
    consistent(view_of(folder))


def test_an_edit_from_before_a_stop_is_taken_back_after_it(small):
    plain = train(small())
    folder = train(small(), (), plan(l5=Edit(_DROPOUT), l12=Edit(_LR), l13=Stop(reason="terminated"))).folder
    resume(folder, (), plan(l2=Revert(), l3=Revert()))
    assert_equal_runs(plain.folder, folder)


def test_killed_between_an_edit_and_the_next_checkpoint(small, tmp_path):
    """The record knows of it: it is made once more."""
    told = Acting()

    def copy(event):
        if isinstance(event, e.KnobsChanged):
            shutil.copytree(folder_of(told.seen), tmp_path / f"killed-{event.number}")

    told.act = copy
    whole = train(small(), [told], plan(l5=Edit(_LR), l12=Edit(_BATCH)))
    for number in (1, 2):
        killed = tmp_path / f"killed-{number}"
        resume(killed, (), plan(l10=Edit(_BATCH)) if number == 1 else None)
        assert view_of(killed).val_loss == whole.view.val_loss
        assert [edit.number for edit in view_of(killed).edits] == [1, 2]


@pytest.mark.parametrize("changes", _EVERY, ids=str)
def test_replay(small, changes):
    """From the beginning, in a folder of its own, with the edits that count at their places: the same numbers."""
    config = small(schedule={"name": "cosine"})
    token = plan(l5=Edit(changes), l12=Edit({"optimizer.clip_norm": "0.3"}), l14=Revert(), l19=Edit({"regularization.l1": "0.001"}), l21=MoreEpochs(2))  # fmt: skip
    first = train(config, (), token)
    again = replay(first.folder)
    assert again.folder != first.folder
    assert_equal_runs(first.folder, again.folder)


def test_replay_of_a_run_that_was_extended_after_its_end(small):
    folder = train(small(), (), plan(l5=Edit(_LR))).folder
    resume(folder, (), plan(l5=Edit(_DROPOUT)), more=2)
    assert_equal_runs(folder, replay(folder).folder)


# -- while paused, and by hand ------------------------------------------------------------------------------------------


def test_edits_while_it_waits(small):
    """They are made where it stands, and answered at once."""
    config = small()
    handle = start(config)
    handle.pause()
    view = RunView()
    until(lambda: view.apply_all(handle.drain()).phase == "paused")
    handle.send(Edit(_LR))
    until(lambda: view.apply_all(handle.drain()).edits)
    handle.send(Save())
    until(lambda: "asked" in str(view.apply_all(handle.drain()).saved))
    handle.send(Edit(_DROPOUT))
    until(lambda: len(view.apply_all(handle.drain()).edits) == 2)
    handle.send(Revert())
    until(lambda: len(view.apply_all(handle.drain()).edits) == 1)
    until(lambda: view.apply_all(handle.drain()).phase == "paused")
    handle.resume()
    result = handle.result()
    assert_equal_runs(result.folder, replay(result.folder).folder)


def test_saved_when_asked(small):
    folder = train(small(), (), plan(l12=Save())).folder
    saved = [one for one in events_of(folder, e.CheckpointSaved) if one.kind == "asked"]
    assert [(one.epochs, one.batch) for one in saved] == [(1, 3)]
    assert_equal_runs(folder, train(small()).folder)


# -- a new run from an old one's weights --------------------------------------------------------------------------------


def test_fork_from_a_run_that_has_ended_or_was_stopped(small):
    ended, stopped = train(small()), train(small(), (), Timed({12: stop}))
    for folder in (ended.folder, stopped.folder):
        config = small(model={"hidden": [8], "weights": folder})
        result = train(config, (), Timed({1: stop}))
        note = next(text for _, text in result.view.log if text.startswith("begins with"))
        assert note.startswith("begins with 4 of 4 weight tensors from ")
        weights = last_content(result.folder)["model"]
        best = last_content(folder)["best_weights"]
        assert all(torch.equal(weights[name], best[name]) for name in best)
        resume(result.folder)
        assert_equal_runs(train(config).folder, result.folder)


def test_fork_into_another_architecture(small):
    """What fits is taken, and what does not is named."""
    folder = train(small()).folder
    result = train(small(model={"hidden": [8, 4], "weights": folder}), (), Timed({1: stop}))
    note = next(text for _, text in result.view.log if text.startswith("begins with"))
    assert note.startswith("begins with 2 of 6 weight tensors from ")
    assert note.endswith("; fresh: 2.weight, 2.bias, 4.weight, 4.bias")
    for source, problem in (
        (folder, "fits this model"),
        ("nowhere", "cannot read"),
        (str(Path(folder).parent), "neither"),
    ):
        with pytest.raises(ConfigError) as caught:
            train(small(model={"hidden": [99], "weights": source}, data={"source": "iris"}))
        assert caught.value.faults[0].key == "model.weights"
        assert problem in str(caught.value)
        assert "\n" not in str(caught.value)


# -- any script at all --------------------------------------------------------------------------------------------------

_COMMANDS = st.one_of(
    st.sampled_from([Edit(one) for one in _EVERY] + [Edit({"optimizer.lr": "0.05"}), Edit({"run.epochs": "2"})]),
    st.sampled_from([Revert(), Save(), MoreEpochs(1), Stop(reason="terminated"), Stop(reason="stopped")]),
)


def check_script(script):
    """Whatever is asked for whenever: the record holds together, and a replay gives the same state."""
    with tempfile.TemporaryDirectory() as folder:
        config = config_in(
            Path(folder),
            data={"source": "wine"},
            model={"hidden": [4]},
            optimizer={"name": "sgd", "lr": 0.05, "momentum": 0.9},
            schedule={"name": "cosine"},
            run={"epochs": 3, "batch_size": 25},
        )
        result = train(config, (), Timed({at: partial(_obey, command) for at, command in script}))
        chapters = 0
        while result.reason in ("terminated", "stopped"):
            chapters += 1
            left = script[chapters:]
            result = resume(result.folder, (), Timed({at: partial(_obey, command) for at, command in left}))
        view = view_of(result.folder)
        consistent(view)
        assert view == result.view
        assert view.epochs == list(range(1, view.total_epochs + 1))
        # What still waits for an epoch that does not come is no edit.
        assert_equal_runs(result.folder, replay(result.folder).folder, but=("waiting",))


_SCRIPTS = st.lists(st.tuples(st.integers(1, EPOCHS * LOOKS), _COMMANDS), max_size=5)


@settings(max_examples=12)
@given(script=_SCRIPTS)
def test_any_script(script):
    check_script(script)


@pytest.mark.soak
@settings(max_examples=400)
@given(script=_SCRIPTS)
def test_any_script_many_times(script):
    check_script(script)
