"""Knobs changed while a run trains do what they say from the next batch on: as in a loop written by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from support.byhand import ByHand, Rates
from support.resuming import BATCHES, LOOKS, Timed, refusals, small_config
from torch.optim import lr_scheduler as s

from engine import train
from engine.commands import Edit

EPOCHS = 4


@pytest.fixture
def small(make_config):
    def make(**sections):
        run = {"epochs": EPOCHS, **sections.pop("run", {})}
        optimizer = sections.pop("optimizer", {"name": "sgd", "lr": 0.05, "momentum": 0.9})
        return small_config(make_config, optimizer=optimizer, run=run, **sections)

    return make


PLACE = (2, 3)  # in the second epoch after its third batch


def look(epoch, batch=0):
    """Which look at the token comes after so many batches of an epoch."""
    return (epoch - 1) * LOOKS + 1 + batch


def asking(changes, place=PLACE):
    """A token by which an edit is asked for at a place."""
    return Timed({look(*place): lambda token: token.obey(Edit(changes))})


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
@pytest.mark.parametrize("place", [PLACE, (2, BATCHES)], ids=str)
def test_an_edit_acts_from_the_next_batch_on(small, changes, by_hand, place):
    config = small()
    result = train(config, (), asking(changes, place))
    assert refusals(result.view) == []
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
    assert refusals(result.view) == []
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


def test_a_batch_size_asked_for_between_two_epochs_need_not_wait(small):
    config = small()
    for place in ((3, 0), (2, BATCHES + 1)):
        result = train(config, (), asking({"run.batch_size": "50"}, place))
        loop = ByHand(config).fit(EPOCHS, {(3, 0): _set(batch_size=50)})
        assert result.view.val_loss == pytest.approx(loop.val_loss, rel=1e-6)
        assert [(edit.epoch, edit.batch) for edit in result.view.edits] == [(3, 0)]
