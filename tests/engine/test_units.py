"""What the engine measures for the diagnosis: dead and saturated units, the size of steps, the loss of a constant answer."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from engine import build_config
from engine import training as training_module
from engine import units as units_module
from engine.config import LossConfig
from engine.data.prepared import load_prepared
from engine.diagnosis import OverfittingWatch
from engine.events import EpochEnded
from engine.gradients import GradientNorms
from engine.keeping import Keeper
from engine.loop import fit
from engine.losses import baseline_loss, build_loss
from engine.recipe import build_recipe
from engine.rowlosses import RowLosses
from engine.stopping import StopToken
from engine.training import Training
from engine.units import UnitsProbe, looks


def net(kind: type[nn.Module], weight: float, biases: list[float]) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(3, len(biases)), kind(), nn.Dropout(0.5), nn.Linear(len(biases), 2))
    with torch.no_grad():
        model[0].weight.fill_(weight)
        model[0].bias.copy_(torch.tensor(biases))
    return model


X = torch.randn(700, 3, generator=torch.Generator().manual_seed(0))


def test_a_unit_is_dead_when_it_answers_nothing_to_any_row():
    probe = UnitsProbe(net(nn.ReLU, 1.0, [0.0, -1e3, -1e3, 1e3]), X, math.nan)
    assert probe.look(1, 1.0).dead == (0.5,)
    assert probe.look(1, 1.0).saturated == (0.0,)


@pytest.mark.parametrize("kind", [nn.Tanh, nn.Sigmoid])
def test_a_unit_is_saturated_when_it_is_flat_on_nearly_every_row(kind):
    found = UnitsProbe(net(kind, 0.1, [0.0, 50.0, -50.0, 1.0]), X, math.nan).look(1, 1.0)
    assert found.saturated == (0.5,)
    assert found.dead == (0.0,)


@pytest.mark.parametrize("kind", [nn.Tanh, nn.Sigmoid])
def test_flat_is_two_per_cent_of_the_steepest(kind):
    steepest = 1.0 if kind is nn.Tanh else 0.25
    for share, expected in ((0.019, 1.0), (0.021, 0.0)):
        slope = share * steepest
        answer = math.sqrt(1 - slope) if kind is nn.Tanh else 0.5 + math.sqrt(0.25 - slope)
        before = math.atanh(answer) if kind is nn.Tanh else math.log(answer / (1 - answer))
        assert UnitsProbe(net(kind, 0.0, [before] * 4), X, math.nan).look(1, 1.0).saturated == (expected,)


def test_filters_are_units():
    model = nn.Sequential(nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        model[1].bias.copy_(torch.tensor([-1e3, 0.0, 0.0, 0.0]))
    assert UnitsProbe(model, torch.randn(50, 16), math.nan).look(1, 1.0).dead == (0.25,)


def test_looking_draws_nothing_and_leaves_the_model_as_it_was():
    model = net(nn.ReLU, 1.0, [0.0] * 4).train()
    before = torch.get_rng_state()
    UnitsProbe(model, X, math.nan).look(1, 1.0)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert UnitsProbe(model.eval(), X, math.nan).look(1, 1.0).dead
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_net_that_learns_is_not_looked_at_and_neither_is_one_without_such_units():
    assert UnitsProbe(net(nn.ReLU, 1.0, [0.0]), X, 2.0).look(1, 0.69).dead == ()
    assert UnitsProbe(net(nn.ReLU, 1.0, [0.0]), X, 2.0).look(1, 0.71).dead == (0.0,)
    assert UnitsProbe(net(nn.GELU, 1.0, [0.0]), X, math.nan).look(1, 1.0).dead == ()


def test_looks_become_seldom():
    assert [epoch for epoch in range(1, 51) if looks(epoch)] == [1, 2, 3, 4, 5, 7, 9, 11, 14, 18, 24, 31, 40]


# -------------------------------------------------------------------------------------------------------------- the steps


def test_two_steps_are_compared_as_they_were():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    norms = GradientNorms(model, 4, compare=True)
    weights, gradients = {}, {}
    for step in range(1, 5):
        model.zero_grad()
        model(X[:20]).square().mean().backward()
        weights[step] = [[p.detach().clone() for p in part.parameters()] for part in (model[0], model[2])]
        gradients[step] = torch.cat([p.grad.flatten() for p in model.parameters()])
        norms.before(step)
        norms.after(step)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.3 * parameter.grad
    found = norms.read()

    def length(tensors):
        return math.sqrt(sum(float(one.square().sum()) for one in tensors))

    expected = [
        length([b - a for a, b in zip(was, now, strict=True)]) / length(was)
        for was, now in zip(weights[2], weights[3], strict=True)
    ]
    assert found.updates == pytest.approx(expected, rel=1e-5)
    assert found.cosine == pytest.approx(
        float(nn.functional.cosine_similarity(gradients[2], gradients[3], dim=0)), rel=1e-5
    )


@pytest.mark.parametrize(("steps", "compare"), [(4, False), (1, True)])
def test_nothing_is_compared_where_it_was_not_asked_for_or_there_is_one_step(steps, compare):
    model = nn.Linear(3, 2)
    model(X).sum().backward()
    norms = GradientNorms(nn.Sequential(model), steps, compare=compare)
    for step in range(1, steps + 1):
        norms.before(step)
        norms.after(step)
    assert norms.read().updates == ()
    assert math.isnan(norms.read().cosine)


def test_a_comparison_goes_on_from_a_checkpoint_between_its_steps():
    model = nn.Sequential(nn.Linear(3, 2))
    figures = []
    for broken in (False, True):
        torch.manual_seed(0)
        nn.init.ones_(model[0].weight)
        nn.init.zeros_(model[0].bias)
        norms = GradientNorms(model, 4, compare=True)
        for step in range(1, 5):
            model.zero_grad()
            model(X[step : step + 9]).square().mean().backward()
            norms.before(step)
            norms.after(step)
            if broken and step == 2:
                state, norms = norms.state_dict(), GradientNorms(model, 4, compare=True)
                norms.load_state_dict(state, torch.device("cpu"))
            with torch.no_grad():
                model[0].weight -= 0.1 * model[0].weight.grad
        figures.append(norms.read())
    assert figures[0].updates
    assert figures[0] == figures[1]


# ---------------------------------------------------------------------------------------------------- in a whole training


def trained(monkeypatch, looking: bool, **sections) -> list[EpochEnded]:
    if not looking:
        monkeypatch.setattr(training_module, "looks", lambda epoch: False)
        monkeypatch.setattr(units_module, "looks", lambda epoch: False)
    nested = {"data": {"source": "moons"}, "model": {"hidden": [8, 8]}, "run": {"epochs": 4, "device": "cpu"}}
    config = build_config({**nested, **sections})
    told: list = []
    fit(
        Training(build_recipe(config, load_prepared(config.data)), config),
        told.append,
        Keeper(StopToken(), told.append),
    )
    monkeypatch.undo()
    return [dataclasses.replace(one, seconds=0, samples_per_second=0) for one in told if isinstance(one, EpochEnded)]


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"regularization": {"dropout": 0.4}},
        {"optimizer": {"name": "lbfgs"}, "run": {"epochs": 3, "batch_size": 0, "device": "cpu"}},
    ],
)
def test_looking_changes_no_number_of_a_run(monkeypatch, sections):
    def bare(rows):
        nothing = {"update_ratios": (), "gradient_cosine": 0.0, "dead_units": (), "saturated_units": ()}
        return [dataclasses.replace(one, **nothing) for one in rows]

    seen, unseen = trained(monkeypatch, True, **sections), trained(monkeypatch, False, **sections)
    assert bare(seen) == bare(unseen)
    assert all(one.update_ratios == () for one in unseen)
    if "optimizer" not in sections:
        assert len(seen[0].update_ratios) == len(seen[0].layer_grad_norms) == 3
        assert -1 <= seen[0].gradient_cosine <= 1
        assert len(seen[0].dead_units) == 2


# ----------------------------------------------------------------------------------------------------------- the baseline


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "bce"])
def test_the_baseline_of_classes_is_the_loss_of_their_shares(loss):
    counts = (30, 10)
    target = torch.tensor([0] * 30 + [1] * 10)
    logits = torch.log(torch.tensor([0.75, 0.25])).expand(40, 2)
    answer = torch.full((40,), math.log(0.25 / 0.75)) if loss == "bce" else logits
    config = LossConfig(name=loss)
    found = baseline_loss(config, "classification", counts, np.array([]))
    assert found == pytest.approx(
        float(build_loss(config, "classification", counts, torch.device("cpu"))(answer, target))
    )
    assert found == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_the_baseline_with_balanced_weights_is_that_of_equal_shares():
    config = LossConfig(class_weights="balanced")
    assert baseline_loss(config, "classification", (30, 10), np.array([])) == pytest.approx(math.log(2))
    assert math.isnan(baseline_loss(LossConfig(name="hinge"), "classification", (30, 10), np.array([])))


def test_the_baseline_of_a_quantity():
    values = np.array([-1.0, 0.0, 0.0, 3.0], dtype=np.float32)
    assert baseline_loss(LossConfig(), "regression", (), values) == pytest.approx(values.var())
    assert baseline_loss(LossConfig(name="l1"), "regression", (), values) == pytest.approx(1.0)


# --------------------------------------------------------------------------------------------------- the rows' own losses


def test_the_error_of_a_rise_is_that_of_the_paired_rows():
    chance = torch.Generator().manual_seed(0)
    target = torch.randint(0, 3, (60,), generator=chance)
    best, later = torch.randn(60, 3, generator=chance), 2 * torch.randn(60, 3, generator=chance)
    rows = RowLosses(nn.CrossEntropyLoss())
    rows.see(best, target)
    assert math.isnan(rows.error(float(nn.functional.cross_entropy(best, target))))
    rows.see(later, target)
    found = rows.error(float(nn.functional.cross_entropy(later, target)))
    each = [nn.functional.cross_entropy(one, target, reduction="none") for one in (later, best)]
    difference = (each[0] - each[1]).numpy()
    assert found == pytest.approx(difference.std(ddof=1) / math.sqrt(60), rel=1e-5)
    taken = RowLosses(nn.CrossEntropyLoss())
    taken.load_state_dict(rows.state_dict(), torch.device("cpu"))
    taken.see(later, target)
    assert taken.error(float(nn.functional.cross_entropy(later, target))) == found


def test_rows_are_not_compared_without_a_rise_or_where_they_hang_together():
    target = torch.tensor([0, 1, 1, 0])
    rows = RowLosses(nn.CrossEntropyLoss())
    rows.see(torch.zeros(4, 2), target)
    rows.error(1.0)
    rows.see(torch.ones(4, 2), target)
    assert math.isnan(rows.error(1.019))
    assert rows.error(1.021) == 0.0
    assert math.isnan(rows.error(math.nan))
    weighted = RowLosses(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0])))
    weighted.see(torch.zeros(4, 2), target)
    assert math.isnan(weighted.error(1.0))


@pytest.mark.parametrize(("error", "fires"), [(math.nan, True), (0.04, True), (0.2, False)])
def test_a_rise_has_to_be_two_of_its_standard_errors(error, fires):
    """It has risen by 0.24 in the median of the last three."""
    watch, holds = OverfittingWatch(), False
    for epoch, loss in enumerate([1.2, 1.1, 1.0, *(1 + 0.02 * n for n in range(1, 14))], 1):
        holds = watch.update(epoch, 1 / epoch, loss, 0.1, error)
    assert holds == fires
