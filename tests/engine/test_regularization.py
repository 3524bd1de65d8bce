"""Penalties, decay, max-norm, noise and mixup against autograd, torch and scikit-learn."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from torch import nn

from engine import ConfigError, StopToken, train
from engine.data.prepared import load_prepared
from engine.keeping import Keeper
from engine.loop import fit
from engine.recipe import build_recipe
from engine.regularization import (
    Augmentation,
    MaxNorm,
    Mixed,
    Penalty,
    WeightDecay,
    loss_of,
    penalized,
    weight_figures,
    weight_matrices,
)
from engine.training import Training


def net(widths: list[int], seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten()]
    features = 12
    for width in widths:
        layers += [nn.Linear(features, width), nn.Tanh()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, 2))


FACTOR = st.one_of(st.just(0.0), st.floats(1e-6, 10.0))


@settings(max_examples=40)
@given(st.lists(st.integers(1, 9), max_size=3), FACTOR, FACTOR, st.sampled_from(["weights", "all"]), st.integers(0, 99))
def test_penalty_equals_autograd(widths, l1, l2, scope, seed):
    """Value and gradient, on random nets, with the data loss's own gradient in place."""
    model = net(widths, seed)
    x, y = torch.randn(8, 16), torch.randint(0, 2, (8,))
    names = [
        name for name, _ in model.named_parameters() if scope == "all" or (name.endswith("weight") and name[0] != "2")
    ]
    covered = [weight for name, weight in model.named_parameters() if name in names]
    expected = sum((l1 * w.abs().sum() + l2 * (w**2).sum() for w in covered), torch.tensor(0.0))
    wanted = torch.autograd.grad(
        nn.functional.cross_entropy(model(x), y) + expected, list(model.parameters()), materialize_grads=True
    )
    penalty = Penalty(penalized(model, scope), l1, l2)
    nn.functional.cross_entropy(model(x), y).backward()
    penalty.add_gradient()
    assert penalty.value() == pytest.approx(float(expected.detach()), rel=1e-5)
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-6)


# A linear model has one best answer, which scikit-learn finds by other ways.


def converged(config):
    """The linear model of `config` at the minimum of its loss: torch's LBFGS from here on, on all rows."""
    data = load_prepared(config.data)
    recipe = build_recipe(config, data)
    lbfgs = torch.optim.LBFGS(
        recipe.model.parameters(),
        max_iter=200,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )
    recipe = dataclasses.replace(recipe, optimizer=lbfgs)
    fit(Training(recipe, config), lambda event: None, Keeper(StopToken(), lambda event: None))
    return data, recipe.model[0].weight.detach().numpy(), recipe.model[0].bias.detach().numpy()


LINEAR = {
    "model": {"kind": "linear"},
    "early_stopping": {"enabled": False, "restore_best": False},
}


@pytest.mark.parametrize("l2", [0.01, 0.3])
def test_l2_on_a_linear_regression_is_ridge(make_config, l2):
    config = make_config(
        data={"source": "diabetes"}, regularization={"l2": l2}, run={"epochs": 5, "batch_size": 0}, **LINEAR
    )
    data, weight, bias = converged(config)
    oracle = Ridge(alpha=l2 * len(data.x_train), tol=1e-10).fit(data.x_train.astype(float), data.y_train.astype(float))
    assert np.linalg.norm(weight[0] - oracle.coef_) <= 1e-3 * np.linalg.norm(oracle.coef_)
    assert bias[0] == pytest.approx(oracle.intercept_, abs=1e-3)


@pytest.mark.parametrize("l2", [0.003, 0.1])
def test_l2_on_a_linear_classifier_is_logistic_regression(make_config, l2):
    config = make_config(
        data={"source": "wine"}, regularization={"l2": l2}, run={"epochs": 5, "batch_size": 0}, **LINEAR
    )
    data, weight, bias = converged(config)
    oracle = LogisticRegression(C=1 / (2 * l2 * len(data.x_train)), tol=1e-10, max_iter=10_000)
    oracle.fit(data.x_train.astype(float), data.y_train)
    assert np.linalg.norm(weight - oracle.coef_) <= 1e-3 * np.linalg.norm(oracle.coef_)
    # A constant added to all biases changes nothing, so each side may have its own.
    assert bias - bias.mean() == pytest.approx(oracle.intercept_ - oracle.intercept_.mean(), abs=1e-3)


def planted(path, rows: int = 200, features: int = 20, informative: int = 5) -> None:
    """A regression on the first few columns; the rest are noise."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, features))
    y = x[:, :informative] @ np.array([3.0, -2.0, 1.5, 2.5, -1.0]) + 0.5 * rng.normal(size=rows)
    header = ",".join([*(f"f{column}" for column in range(features)), "y"])
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", header=header, comments="", fmt="%.9g")


def test_l1_zeroes_the_features_that_lasso_zeroes(make_config, tmp_path):
    planted(tmp_path / "planted.csv")
    config = make_config(
        data={"source": str(tmp_path / "planted.csv"), "target": "y", "task": "regression"},
        regularization={"l1": 0.1},
        optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.0},
        schedule={"name": "cosine"},
        run={"epochs": 300, "batch_size": 0, "train_eval": "off"},
        **LINEAR,
    )
    result = train(config)
    data, weight = result.data, result.model[0].weight.detach().numpy()[0]
    oracle = Lasso(alpha=0.1 / 2, tol=1e-10).fit(data.x_train.astype(float), data.y_train.astype(float))
    assert set(np.flatnonzero(oracle.coef_ == 0)) == set(range(5, 20)), "the oracle must have found the planted ones"
    assert set(np.flatnonzero(np.abs(weight) < 1e-3)) == set(range(5, 20))
    assert np.linalg.norm(weight - oracle.coef_) <= 5e-3 * np.linalg.norm(oracle.coef_)
    assert result.view.sparsity[-1] == pytest.approx(15 / 20)
    assert result.view.weight_norm[-1] == pytest.approx(float(np.linalg.norm(weight)), rel=1e-5)


# Weight decay, max-norm, noise and mixup, one piece at a time.


@pytest.mark.parametrize("scope", ["weights", "all"])
def test_decay_follows_the_learning_rate_of_each_group(scope):
    model = net([5], 1)
    groups = [{"params": [p for p in model.parameters() if p.ndim > 1], "lr": 0.5}]
    groups.append({"params": [p for p in model.parameters() if p.ndim <= 1], "lr": 0.25})
    optimizer = torch.optim.SGD(groups, lr=9.0)
    before = [p.detach().clone() for p in model.parameters()]
    WeightDecay(optimizer, penalized(model, scope), 0.1).apply()
    for old, new in zip(before, model.parameters(), strict=True):
        rate = 0.5 if old.ndim > 1 else (0.25 if scope == "all" else 0.0)
        torch.testing.assert_close(new.detach(), old - rate * 0.1 * old)


def test_max_norm_limits_every_unit_and_leaves_small_ones_alone():
    model = net([6], 2)
    with torch.no_grad():
        for weight in weight_matrices(model):
            weight.mul_(3.0)
            weight[0].mul_(0.01)
    before = [weight.detach().clone() for weight in weight_matrices(model)]
    MaxNorm(weight_matrices(model), 0.8).apply()
    for old, new in zip(before, weight_matrices(model), strict=True):
        norms = old.flatten(1).norm(dim=1)
        expected = old * (0.8 / norms).clamp(max=1.0).view(-1, *[1] * (old.ndim - 1))
        torch.testing.assert_close(new.detach(), expected, rtol=1e-5, atol=1e-6)
        assert new.detach()[0].equal(old[0])
        assert new.detach().flatten(1).norm(dim=1).max() <= 0.8 * (1 + 1e-5)


def test_mixup_blends_rows_and_losses_as_one_hot_targets_would():
    x, y = torch.randn(16, 4), torch.randint(0, 3, (16,))
    augment = Augmentation(0.0, 0.4, seed=7, device=torch.device("cpu"))
    blended, target = augment(x, y)
    assert isinstance(target, Mixed)
    oracle = np.random.default_rng([2, 7])
    share, partner = oracle.beta(0.4, 0.4), oracle.permutation(16)
    assert target.share == share
    torch.testing.assert_close(blended, share * x + (1 - share) * x[partner])
    output = torch.randn(16, 3)
    one_hot = nn.functional.one_hot(y, 3).float()
    soft = nn.functional.cross_entropy(output, share * one_hot + (1 - share) * one_hot[partner])
    torch.testing.assert_close(loss_of(nn.functional.cross_entropy, output, target), soft)


def test_mixup_of_a_squared_error_has_the_gradient_of_the_blended_target():
    y = torch.randn(9)
    target = Mixed(y, y.flip(0), 0.3)
    output = torch.randn(9, requires_grad=True)
    (ours,) = torch.autograd.grad(loss_of(nn.functional.mse_loss, output, target), output)
    (theirs,) = torch.autograd.grad(nn.functional.mse_loss(output, 0.3 * y + 0.7 * y.flip(0)), output)
    torch.testing.assert_close(ours, theirs)


def test_noise_has_its_deviation_and_its_own_generator():
    x, y = torch.zeros(500, 40), torch.zeros(500)
    state = torch.get_rng_state()
    noise, _ = Augmentation(0.3, 0.0, seed=1, device=torch.device("cpu"))(x, y)
    assert torch.get_rng_state().equal(state)
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.01)
    other, _ = Augmentation(0.3, 0.0, seed=2, device=torch.device("cpu"))(x, y)
    both, _ = Augmentation(0.3, 0.5, seed=1, device=torch.device("cpu"))(x, y)
    assert not other.equal(noise)
    assert both.equal(noise), "mixup of zeros is zeros, and it must not use up the noise's numbers"


def test_what_is_off_hands_the_very_same_tensors_through():
    x, y = torch.randn(3, 2), torch.zeros(3)
    assert Augmentation(0.0, 0.0, 0, torch.device("cpu"))(x, y) == (x, y)


def test_weight_figures():
    weights = [torch.tensor([[3.0, 0.0], [1e-3, -9e-4]]), torch.tensor([[4.0]])]
    norm, sparsity = weight_figures(weights)
    assert norm == pytest.approx(5.0, rel=1e-6)
    assert sparsity == pytest.approx(2 / 5), "1e-3 itself is not below 1e-3"
    assert weight_figures([]) == (0.0, 0.0)
    assert all(map(math.isnan, weight_figures([torch.tensor([[math.nan]])])))


def test_label_smoothing_has_no_meaning_for_a_regression(make_config):
    with pytest.raises(ConfigError, match=r"label_smoothing"):
        make_config(data={"source": "diabetes"}, regularization={"label_smoothing": 0.1})


def test_label_smoothing_on_a_file_that_turns_out_to_be_a_regression(make_config, tmp_path):
    planted(tmp_path / "planted.csv")
    data = {"source": str(tmp_path / "planted.csv"), "target": "y"}
    with pytest.raises(ConfigError, match="regression"):
        train(make_config(data=data, regularization={"label_smoothing": 0.1}))
    assert not list(tmp_path.glob("runs/*")), "refused before anything is written"


@pytest.mark.parametrize("key", ["l1", "l2", "weight_decay"])
def test_what_is_penalized_counts_with_any_of_the_penalties(make_config, key):
    assert make_config(regularization={key: 0.1, "penalty_on": "all"}).regularization.penalty_on == "all"
    with pytest.raises(ConfigError, match=r"l1 > 0 or regularization\.l2 > 0 or regularization\.weight_decay > 0"):
        make_config(regularization={key: 0.0, "penalty_on": "all"})
