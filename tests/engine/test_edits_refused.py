"""Edits of epochs and early stopping, and those that a run cannot make."""

from __future__ import annotations

import pytest
from support.resuming import BATCHES, LOOKS, Timed, assert_equal_runs, events_of, refusals, small_config

from engine import events as e
from engine import replay, train
from engine.commands import Edit, MoreEpochs, Revert

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
    said = refusals(result.view)
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
    assert len(refusals(result.view)) == 1
    assert_equal_runs(train(config).folder, result.folder)


def test_batch_size_that_batch_norm_cannot_take(small):
    """71 rows of a last batch of one: refused when it is asked for, not an epoch later."""
    config = small(model={"hidden": [8], "batch_norm": True})
    result = train(config, (), asking({"run.batch_size": "141"}))
    assert len(refusals(result.view)) == 1
    assert "leave one row alone" in refusals(result.view)[0]


@pytest.mark.parametrize("way", ["on", "off"])
def test_trials_cannot_be_edited(small, way):
    config = small(trials={"kind": "kfold", "folds": 3, "side_by_side": way}, run={"epochs": 2})
    token = asking({"optimizer.lr": "0.5"}, (1, 0))
    token._actions |= {2: lambda token: token.obey(MoreEpochs(3)), 3: lambda token: token.obey(Revert())}
    result = train(config, (), token)
    assert len(refusals(result.view)) == 3
    assert result.view.val_loss == train(config).view.val_loss
