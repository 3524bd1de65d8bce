"""How weights start, against torch.nn.init with the same seed; batch norm against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine import ConfigError, train
from engine.config import ModelConfig, RegularizationConfig
from engine.models import build_model

INITS = {
    "he": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
    "normal": lambda w: nn.init.normal_(w, std=0.3),
    "zeros": nn.init.zeros_,
    "orthogonal": nn.init.orthogonal_,
}


def by_hand(kind: str) -> list[nn.Module]:
    """The layers with weights, in order, drawn as PyTorch does."""
    if kind == "linear":
        return [nn.Linear(64, 3)]
    if kind == "mlp":
        return [nn.Linear(64, 12), nn.Linear(12, 7), nn.Linear(7, 3)]
    return [nn.Conv2d(1, 4, 3), nn.Linear(4 * 4 * 4, 12), nn.Linear(12, 7), nn.Linear(7, 3)]


@pytest.mark.parametrize("kind", ["linear", "mlp", "cnn"])
@pytest.mark.parametrize("init", INITS)
def test_every_scheme_is_torchs_own(init, kind):
    torch.manual_seed(11)
    expected = by_hand(kind)
    for layer in expected:
        INITS[init](layer.weight)
    config = ModelConfig(kind=kind, hidden=(12, 7), channels=(4,), init=init, init_std=0.3)
    torch.manual_seed(11)
    model = build_model(config, RegularizationConfig(), 64, 3, (1, 8, 8))
    layers = [layer for layer in model if hasattr(layer, "weight")]
    assert len(layers) == len(expected)
    for layer, other in zip(layers, expected, strict=True):
        assert torch.equal(layer.weight, other.weight)
        assert not layer.bias.any()


def test_the_default_is_what_pytorch_draws():
    torch.manual_seed(5)
    expected = by_hand("mlp")
    torch.manual_seed(5)
    model = build_model(ModelConfig(hidden=(12, 7)), RegularizationConfig(), 64, 3)
    for layer, other in zip([part for part in model if isinstance(part, nn.Linear)], expected, strict=True):
        assert torch.equal(layer.weight, other.weight)
        assert torch.equal(layer.bias, other.bias)


def test_batch_norm_stands_before_the_activation():
    config = ModelConfig(kind="cnn", channels=(4,), hidden=(6,), batch_norm=True)
    model = build_model(config, RegularizationConfig(), 64, 3, (1, 8, 8))
    kinds = [type(layer).__name__ for layer in model]
    assert kinds == [
        "Unflatten", "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "BatchNorm1d", "ReLU", "Linear",
    ]  # fmt: skip


@pytest.mark.parametrize("batch_size", [1, 47])  # 142 rows: 3 * 47 + 1
def test_batch_norm_refuses_a_batch_of_one_row_before_it_begins(make_config, batch_size):
    config = make_config(
        data={"source": "wine"}, model={"hidden": [8], "batch_norm": True}, run={"batch_size": batch_size, "epochs": 1}
    )
    with pytest.raises(ConfigError, match=r"batch_norm.*one row"):
        train(config)


def test_zeros_learn_nothing_but_the_output_bias(make_config):
    """Why weights are drawn at random: every unit gets the same gradient, and with relu none at all."""
    result = train(make_config(data={"source": "wine"}, model={"hidden": [8], "init": "zeros"}, run={"epochs": 3}))
    assert all(norm == 0.0 for norm in result.view.weight_norm)
    assert result.view.sparsity == [1.0] * 3
    assert result.view.test.metric == pytest.approx(result.baseline)
