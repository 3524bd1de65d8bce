"""The loss inside an epoch: right, told with a single wait for the device, and without a trace in the training."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from support.quickly import Snapping, config_of, data_of, recipe_of, same_weights, train_here
from support.sinks import Acting
from support.together import assert_alike, several
from torch import Tensor

from engine import events as e
from engine import read_journal, train
from engine.commands import Save
from engine.events import EpochEnded, StepsDone
from engine.keeping import Keeper
from engine.loop import fit
from engine.metrics import Tally
from engine.recipe import build_recipe
from engine.stopping import StopToken
from engine.training import Training


@pytest.fixture
def at_every_step(monkeypatch):
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", 0.0)


def told(sections, epochs: int = 2) -> list[e.Event]:
    """The events of a training in this process."""
    config = config_of(sections, epochs)
    seen: list[e.Event] = []
    fit(Training(build_recipe(config, data_of(sections)), config), seen.append, Keeper(StopToken(), seen.append))
    return seen


@pytest.mark.parametrize(
    "sections", [{"run": {"batch_size": 50}}, {"data": {"source": "diabetes"}, "run": {"accumulate": 2}}]
)
def test_the_steps_of_an_epoch_add_up_to_it(at_every_step, sections):
    seen = told(sections)
    rows, size = recipe_of(sections).train.rows, recipe_of(sections).train.batch_size
    for ended in [one for one in seen if isinstance(one, EpochEnded)]:
        steps = [one for one in seen if isinstance(one, StepsDone) and one.epoch == ended.epoch]
        assert [one.step for one in steps] == list(range(1, math.ceil(rows / size) + 1))
        shares = [min(size, rows - size * number) / rows for number in range(len(steps))]
        total = sum(one.loss * share for one, share in zip(steps, shares, strict=True))
        assert total == pytest.approx(ended.train_loss_running, rel=1e-6)
        assert {one.lr for one in steps} == {ended.lr}
        norms = [one.grad_norm for one in steps if not math.isnan(one.grad_norm)]
        assert sum(norms) / len(norms) == pytest.approx(ended.grad_norm, rel=1e-5)


def test_telling_leaves_the_training_as_it_is_to_the_last_bit(monkeypatch):
    sections = {"regularization": {"dropout": 0.2}, "run": {"batch_size": 16}}
    quiet = train_here(sections, 3)
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", 0.0)
    loud = train_here(sections, 3)
    assert loud.history == quiet.history and same_weights(loud, quiet)


def test_each_telling_waits_once_for_the_device(monkeypatch):
    """And an epoch that is over before one is due does not wait at all."""
    reads = []
    for name in ("tolist", "item", "__float__"):
        own = getattr(Tensor, name)
        monkeypatch.setattr(Tensor, name, lambda tensor, own=own: (reads.append(1), own(tensor))[1])
    counts = {}
    for seconds in (1e9, 0.0):
        monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", seconds)
        reads.clear()
        steps = [one for one in told({"run": {"batch_size": 10}}, 1) if isinstance(one, StepsDone)]
        counts[seconds] = len(reads), len(steps)
    assert counts[1e9][1] == 0 and counts[0.0][1] > 10
    assert counts[0.0][0] - counts[1e9][0] == counts[0.0][1]


def test_an_epoch_gone_on_with_tells_of_its_own_steps(at_every_step):
    """What the process before had summed up already is no loss of the first step of this one."""
    snapping = Snapping((0, 3))
    sections = {"run": {"batch_size": 25}}
    whole = told(sections, 1)
    train_here(sections, 1, snapping)
    config = config_of(sections, 1)
    training = Training(build_recipe(config, data_of(sections)), config)
    training.restore(snapping.content)
    seen: list[e.Event] = []
    fit(training, seen.append, Keeper(StopToken(), seen.append))
    expected = [one.loss for one in whole if isinstance(one, StepsDone) and one.step > 3]
    assert [one.loss for one in seen if isinstance(one, StepsDone)] == pytest.approx(expected, rel=1e-9)


def test_the_sum_so_far_counts_what_waits_and_leaves_it_waiting():
    tally, plain = (Tally("classification", 1.0, torch.device("cpu")) for _ in range(2))
    for rows, loss in ((3, 1.5), (2, 0.5)):
        for one in (tally, plain):
            one.add(torch.tensor(loss), torch.zeros(rows, 2), torch.zeros(rows, dtype=torch.long))
        total, count = tally.so_far()
    assert tally.state_dict()["rows"] == plain.state_dict()["rows"] == [3, 2], "what waits goes on waiting"
    assert (float(total), count) == (5.5, 5)
    assert tally.read() == plain.read()
    assert [float(tally.so_far()[0]), tally.so_far()[1]] == [5.5, 5]


@pytest.mark.parametrize("kind", ["restarts", "kfold", "restarts, saved in the middle"])
def test_side_by_side_the_first_of_those_under_way_tells(make_config, monkeypatch, kind):
    """Batches of 44 leave some folds one more than others: one that is through with its epoch has no loss to tell of."""
    kind, _, saved = kind.partition(", ")
    settings = {"run": {"batch_size": 44 if kind == "kfold" else 25, "epochs": 3}}
    quiet = train(several(make_config, "on", kind, 4, **settings))
    monkeypatch.setattr("engine.progress.PROGRESS_SECONDS", 0.0)
    token = StopToken()
    # To save, all that was kept for the end of the epoch is handed over in its middle.
    saving = Acting(lambda event: isinstance(event, StepsDone) and event.step == 2 and token.obey(Save()))
    loud = train(several(make_config, "on", kind, 4, **settings), [saving] if saved else [], token)
    assert_alike(loud, quiet, 1e-6 if saved else 0.0)
    seen = list(read_journal(Path(loud.folder) / "events.jsonl"))
    steps = [one for one in seen if isinstance(one, StepsDone)]
    assert {one.trial for one in steps} == {1}
    ended = [one for one in seen if isinstance(one, EpochEnded) and one.trial == 1]
    data = next(one for one in seen if isinstance(one, e.DataPrepared) and one.trial == 1)
    size = settings["run"]["batch_size"]
    for one in ended:
        own = [step for step in steps if step.epoch == one.epoch]
        shares = [min(size, data.train_rows - size * (step.step - 1)) / data.train_rows for step in own]
        assert sum(shares) == pytest.approx(1.0)
        total = sum(step.loss * share for step, share in zip(own, shares, strict=True))
        assert total == pytest.approx(one.train_loss_running, rel=1e-5)
