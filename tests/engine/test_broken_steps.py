"""A loss that is no number is told inside the epoch, at the step at which it began, with the layer: and only then does anybody wait."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from support.quickly import config_of, data_of
from support.together import several

from engine import events as e
from engine import read_journal, train
from engine.diagnosis import Doctor
from engine.gradients import GradientNorms
from engine.keeping import Keeper
from engine.loop import fit
from engine.metrics import Tally
from engine.recipe import build_recipe
from engine.runview import RunView
from engine.stopping import StopToken
from engine.training import HALF_PATIENCE, Training

WILD = {
    "data": {"source": "diabetes"},
    "model": {"hidden": [16, 16]},
    "optimizer": {"name": "sgd", "lr": 30.0},
    "run": {"batch_size": 10},
}


def told(sections, epochs: int) -> list[e.Event]:
    config = config_of(sections, epochs)
    seen: list[e.Event] = []
    fit(Training(build_recipe(config, data_of(sections)), config), seen.append, Keeper(StopToken(), seen.append))
    return seen


def broken(events) -> list[e.FindingRaised]:
    return [one for one in events if isinstance(one, e.FindingRaised) and one.kind == "non_finite"]


def test_a_loss_that_is_no_number_is_told_at_its_step(monkeypatch):
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", 0.0)
    seen = told(WILD, 3)
    first = next(one for one in seen if isinstance(one, e.StepsDone) and not math.isfinite(one.loss))
    after = seen[seen.index(first) + 1]
    assert isinstance(after, e.FindingRaised)
    assert (after.kind, after.confidence, after.epoch) == ("non_finite", "certain", first.epoch)
    assert after.step == first.step > 1, "the corpus of this test is to break in the middle of an epoch"
    assert after.title == f"not a number since epoch {first.epoch}, step {first.step}"
    assert f"from step {first.step} of epoch {first.epoch} on; the gradient of layer 0 is not finite" in after.evidence
    assert after.actions
    assert len(broken(seen)) == 1, "once"
    view = RunView().apply_all(seen)
    assert view.findings["non_finite"] == after


def test_an_epoch_that_is_over_before_progress_is_due_names_the_same_step(monkeypatch):
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", 0.0)
    (at_once,) = broken(told(WILD, 3))
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", 1e9)
    seen = told(WILD, 3)
    (late,) = broken(seen)
    assert (late.epoch, late.step, late.title) == (at_once.epoch, at_once.step, at_once.title)
    assert isinstance(seen[seen.index(late) + 1], e.EpochEnded)


def test_a_reading_that_comes_later_finds_the_step_at_which_it_began():
    tally = Tally("regression", 1.0, torch.device("cpu"))
    assert tally.broken_for() == 0
    for loss in (1.0, 2.0, math.inf, math.nan, math.nan):
        tally.add(torch.tensor(loss), torch.zeros(2), torch.zeros(2))
    assert tally.broken_for() == 3
    tally.read()
    assert tally.broken_for() == 3, "what is summed up is still known"
    tally.add(torch.tensor(math.nan), torch.zeros(2), torch.zeros(2))
    assert tally.broken_for() == 4
    other = Tally("regression", 1.0, torch.device("cpu"))
    other.take(torch.tensor([1.0, math.nan]), [2, 2], torch.zeros(4), torch.zeros(4), whole=True)
    assert other.broken_for() == 1
    for loss in (1.0, math.nan, math.inf):
        other.add(torch.tensor(loss), torch.zeros(2), torch.zeros(2))
    assert other.broken_for() == 4
    assert other.broken_for(in_a_row=True) == 2


def test_the_layer_is_the_first_of_those_that_broke_first():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 3), torch.nn.Linear(3, 1))
    norms = GradientNorms(model, 4)
    assert norms.broken_layer() is None
    fine, bad = torch.ones(6), torch.tensor([1.0, 1.0, 1.0, math.inf, math.nan, math.nan])
    norms.take(fine, fine)
    assert norms.broken_layer() is None
    norms.take(bad, bad)
    norms.take(bad * math.nan, bad)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, math.nan)
    assert norms.broken_layer() == 1, "by now they all are"
    model.zero_grad()
    alone = GradientNorms(model, 4)
    for parameter in model[3].parameters():
        parameter.grad = torch.full_like(parameter, math.nan)
    assert alone.broken_layer() == 2, "what was not measured is looked at now"


def test_gradients_that_overflow_in_float16_are_left_to_the_scaler():
    config = config_of(WILD, 1)
    training = Training(build_recipe(config, data_of(WILD)), config)
    training.begin_epoch()
    assert len(list(training.examine_steps(3, math.nan))) == 1
    half = config.model_copy(update={"run": config.run.model_copy(update={"precision": "float16"})})
    other = Training(build_recipe(config, data_of(WILD)), config)
    other.begin_epoch()
    other.config = half
    assert list(other.examine_steps(3, math.nan)) == []
    assert list(other.examine_steps(3, 0.5)) == []
    assert other.partial is not None
    losses = [1.0, math.nan, 1.0, *[math.nan] * HALF_PATIENCE]
    for batch, loss in enumerate(losses, 1):
        assert list(other.examine_steps(batch, math.nan)) == [], "one that the scaler gets over is none"
        other.partial.tally.add(torch.tensor(loss), torch.zeros(2), torch.zeros(2))
    (told,) = other.examine_steps(len(losses), math.nan)
    assert isinstance(told, e.FindingRaised)
    assert told.step == 4, "where the row of them began"


def test_what_was_told_inside_an_epoch_is_not_told_again_at_its_end():
    doctor = Doctor()
    (said,) = doctor.broke(2, 17, math.nan, "4")
    assert isinstance(said, e.FindingRaised) and said.step == 17
    assert list(doctor.broke(2, 18, math.nan, "4")) == []
    ended = e.EpochEnded(
        epoch=2, train_loss=math.nan, val_loss=math.nan, train_metric=0, val_metric=0, lr=0.1, penalty=0.0,
        grad_norm=math.nan, seconds=0.0, samples_per_second=0.0, best_epoch=0,
    )  # fmt: skip
    assert list(doctor.examine(ended)) == []
    assert [one.step for one in doctor.held()] == [17]
    (by,) = Doctor().broke(2, 17, math.nan, "", known=False)
    assert isinstance(by, e.FindingRaised) and by.evidence == "the loss of the steps is nan by step 17 of epoch 2"


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_side_by_side_each_tells_of_its_own(make_config, monkeypatch, seconds):
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", seconds)
    config = several(make_config, "on", "restarts", 3, **{**WILD, "run": {"batch_size": 10, "epochs": 2}})
    seen = list(read_journal(Path(train(config).folder) / "events.jsonl"))
    said = broken(seen)
    assert sorted(one.trial for one in said) == [1, 2, 3]
    assert all(one.step > 0 for one in said)
    assert all("from step" in one.evidence for one in said), "the very step, not only the one by which it was seen"
    ended = {one.trial: seen.index(one) for one in seen if isinstance(one, e.EpochEnded) and one.epoch == said[0].epoch}
    at_once = [seen.index(one) < min(ended.values()) for one in said if one.epoch == said[0].epoch]
    assert all(at_once) if seconds == 0 else not all(at_once)
