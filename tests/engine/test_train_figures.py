"""What an epoch reports beside its losses: the training loss both ways, norms of weights and gradients, sparsity."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engine import RunConfig, train
from engine.recipe import measures_train_loss

NET = {"hidden": [16, 8]}
KEEP_LAST = {"enabled": False, "restore_best": False}


def one_epoch(make_config, **sections):
    run = {"epochs": 1, "batch_size": 32, **sections.pop("run", {})}
    merged = {"data": {"source": "wine"}, "model": NET, "early_stopping": KEEP_LAST, **sections}
    return train(make_config(**merged, run=run))


def loss_in_evaluation_mode(result) -> float:
    result.model.eval()
    with torch.no_grad():
        output = result.model(torch.from_numpy(result.data.x_train))
        return float(nn.functional.cross_entropy(output, torch.from_numpy(result.data.y_train)))


@pytest.mark.parametrize(
    ("regularization", "run"),
    [
        ({"dropout": 0.5}, {}),
        ({"input_dropout": 0.3}, {}),
        ({"input_noise": 0.5}, {}),
        ({"mixup": 0.4}, {}),
        ({"label_smoothing": 0.3}, {}),
        ({"l1": 1e-4}, {}),
        ({"l2": 1e-3}, {}),
        ({}, {"average": "ema", "ema_decay": 0.5}),
        ({}, {"train_eval": "on"}),
    ],
)
def test_train_loss_is_measured_as_validation_is(make_config, regularization, run):
    """After the epoch, with dropout off, and the plain loss of the weights that are judged and saved."""
    result = one_epoch(make_config, regularization=regularization, run=run)
    assert result.view.train_loss[0] == pytest.approx(loss_in_evaluation_mode(result), rel=1e-6)
    assert result.view.train_loss_running[0] > result.view.train_loss[0], "in the first epoch the weights get better"
    right = result.model(torch.from_numpy(result.data.x_train)).argmax(1) == torch.from_numpy(result.data.y_train)
    assert result.view.train_metric[0] == pytest.approx(float(right.float().mean()), rel=1e-6)


def test_switched_off_it_is_the_running_mean_and_costs_nothing(make_config):
    off = one_epoch(make_config, regularization={"dropout": 0.5}, run={"train_eval": "off"})
    auto = one_epoch(make_config, regularization={"dropout": 0.5})
    assert off.view.train_loss == off.view.train_loss_running == auto.view.train_loss_running
    assert off.view.val_loss == auto.view.val_loss, "measuring must not draw random numbers"
    plain = one_epoch(make_config)
    assert plain.view.train_loss == plain.view.train_loss_running


def test_dropout_that_a_linear_model_has_not_does_not_count():
    linear = {"model": {"kind": "linear"}, "regularization": {"dropout": 0.5}}
    assert not measures_train_loss(RunConfig.model_validate(linear))
    assert measures_train_loss(RunConfig.model_validate({"regularization": {"dropout": 0.5}}))


def gradient_by_hand(result, seed: int, l2: float = 0.0) -> list[torch.Tensor]:
    """The gradients at the initial weights on the whole training part, by layer."""
    torch.manual_seed(seed)
    layers = [nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)]
    model = nn.Sequential(*layers)
    x, y = torch.from_numpy(result.data.x_train), torch.from_numpy(result.data.y_train)
    loss = nn.functional.cross_entropy(model(x), y)
    loss = loss + l2 * sum((layer.weight**2).sum() for layer in model if isinstance(layer, nn.Linear))
    loss.backward()
    return [torch.cat([p.grad.flatten() for p in layer.parameters()]) for layer in model if list(layer.parameters())]


@pytest.mark.parametrize(
    ("clip", "after"),
    [
        ({}, lambda g: g),
        ({"clip_norm": 0.1}, lambda g: g * 0.1 / (g.norm() + 1e-6)),
        ({"clip_value": 0.01}, lambda g: g.clamp(-0.01, 0.01)),
    ],
)
def test_gradient_norms_before_and_after_clipping(make_config, clip, after):
    result = one_epoch(
        make_config,
        optimizer={"name": "sgd", "lr": 0.1, **clip},
        regularization={"l2": 0.01},
        run={"batch_size": 0, "seed": 5},
    )
    layers = gradient_by_hand(result, 5, l2=0.01)
    whole = torch.cat(layers)
    assert result.view.grad_norm[0] == pytest.approx(float(whole.norm()), rel=1e-5)
    assert result.view.grad_norm_clipped[0] == pytest.approx(float(after(whole).norm()), rel=1e-5)
    assert result.view.layer_grad_norms[0] == pytest.approx([float(layer.norm()) for layer in layers], rel=1e-5)
    assert len(result.view.layer_grad_norms[0]) == len(result.view.model.layers)


def test_weight_norm_and_sparsity(make_config):
    result = one_epoch(make_config, model={**NET, "batch_norm": True})
    matrices = [p.detach() for p in result.model.parameters() if p.ndim >= 2]
    everything = torch.cat([weight.flatten() for weight in matrices])
    assert result.view.weight_norm[0] == pytest.approx(float(everything.norm()), rel=1e-5)
    assert result.view.sparsity[0] == pytest.approx(float((everything.abs() < 1e-3).float().mean()), abs=1e-7)
    assert 0 <= result.view.sparsity[0] < 0.1


def test_the_penalty_is_told_apart_from_the_loss(make_config):
    result = one_epoch(make_config, regularization={"l1": 1e-3, "l2": 1e-2, "penalty_on": "all"})
    expected = sum(1e-3 * p.abs().sum() + 1e-2 * p.square().sum() for p in result.model.parameters())
    assert result.view.penalty[0] == pytest.approx(float(expected.detach()), rel=1e-5)
    assert result.view.train_loss[0] == pytest.approx(loss_in_evaluation_mode(result), rel=1e-6)


def test_a_diverging_run_reports_what_it_can(make_config):
    result = one_epoch(make_config, optimizer={"name": "sgd", "lr": 1e3, "momentum": 0.9}, run={"epochs": 5})
    assert result.reason == "non_finite"
    assert all(isinstance(norm, float) for norm in result.view.weight_norm)
    assert not math.isfinite(result.view.train_loss_running[-1])
