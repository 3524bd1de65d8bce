"""The losses: each is torch's own, trained as in a plain script; and those that do not fit the task are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.nn import functional as f

from engine import ConfigError, train
from engine.config import DataConfig, LossConfig
from engine.data.prepared import load_prepared, prepare
from engine.data.splits import split
from engine.data.table import load
from engine.losses import build_loss, class_scores, class_weights

CPU = torch.device("cpu")
EPOCHS = 3


def balanced(y: np.ndarray) -> torch.Tensor:
    """scikit-learn's weights of the classes."""
    return torch.tensor(compute_class_weight("balanced", classes=np.unique(y), y=y), dtype=torch.float32)


def margin(output: torch.Tensor, y: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """The multi-class hinge loss, written out: mean over classes and rows of max(0, 1 - right + other), without the right one."""
    gaps = (1 - output.gather(1, y[:, None]) + output).clamp(min=0)
    gaps = gaps * (torch.arange(output.shape[1]) != y[:, None])
    return (gaps.sum(1) / output.shape[1] * (1 if weights is None else weights[y])).mean()


# name: settings, data, the layer behind the last one, outputs, and the loss of (output, y, the training targets)
PLAIN = {
    "cross_entropy": ({}, "wine", None, 3, lambda o, y, t: f.cross_entropy(o, y)),
    "weighted": ({"class_weights": "balanced"}, "wine", None, 3, lambda o, y, t: f.cross_entropy(o, y, balanced(t))),
    "nll": ({"name": "nll"}, "wine", nn.LogSoftmax(1), 3, lambda o, y, t: f.nll_loss(o, y)),
    "bce": (
        {"name": "bce"},
        "breast_cancer",
        nn.Flatten(0),
        1,
        lambda o, y, t: f.binary_cross_entropy_with_logits(o, y.float()),
    ),
    "bce_weighted": (
        {"name": "bce", "class_weights": "balanced"},
        "breast_cancer",
        nn.Flatten(0),
        1,
        lambda o, y, t: f.binary_cross_entropy_with_logits(o, y.float(), pos_weight=balanced(t)[1] / balanced(t)[0]),
    ),
    "hinge": ({"name": "hinge"}, "wine", None, 3, lambda o, y, t: margin(o, y)),
    "hinge_weighted": (
        {"name": "hinge", "class_weights": "balanced"},
        "wine",
        None,
        3,
        lambda o, y, t: margin(o, y, balanced(t)),
    ),
    "mse": ({}, "diabetes", nn.Flatten(0), 1, lambda o, y, t: ((o - y) ** 2).mean()),
    "l1": ({"name": "l1"}, "diabetes", nn.Flatten(0), 1, lambda o, y, t: (o - y).abs().mean()),
    "huber": (
        {"name": "huber", "delta": 0.7},
        "diabetes",
        nn.Flatten(0),
        1,
        lambda o, y, t: torch.where((o - y).abs() <= 0.7, (o - y) ** 2 / 2, 0.7 * ((o - y).abs() - 0.35)).mean(),
    ),
    "smooth_l1": (
        {"name": "smooth_l1", "beta": 0.4},
        "diabetes",
        nn.Flatten(0),
        1,
        lambda o, y, t: torch.where((o - y).abs() < 0.4, (o - y) ** 2 / 0.8, (o - y).abs() - 0.2).mean(),
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_training_with_a_loss_equals_a_plain_script(make_config, name):
    settings, source, head, outputs, loss_of = PLAIN[name]
    config = make_config(
        data={"source": source},
        loss=settings,
        model={"hidden": [12]},
        optimizer={"name": "sgd", "lr": 0.05},
        run={"epochs": EPOCHS, "batch_size": 32, "seed": 1},
        early_stopping={"enabled": False, "restore_best": False},
    )
    result = train(config)

    data = load_prepared(config.data)
    x, y, x_val, y_val = map(torch.from_numpy, (data.x_train, data.y_train, data.x_validation, data.y_validation))
    torch.manual_seed(1)
    layers = [nn.Linear(x.shape[1], 12), nn.ReLU(), nn.Linear(12, outputs)]
    model = nn.Sequential(*layers, *([head] if head else []))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    order = torch.Generator().manual_seed(1)
    val_loss = []
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x), generator=order).split(32):
            optimizer.zero_grad()
            loss_of(model(x[rows]), y[rows], data.y_train).backward()
            optimizer.step()
        with torch.no_grad():
            val_loss.append(loss_of(model(x_val), y_val, data.y_train).item())
    assert result.view.val_loss == pytest.approx(val_loss, rel=1e-5)
    for ours, theirs in zip(result.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert len(set(val_loss)) == EPOCHS


def test_nll_is_cross_entropy(make_config):
    def losses(name):
        return train(make_config(data={"source": "wine"}, loss={"name": name}, run={"epochs": 2})).view

    one, other = losses("cross_entropy"), losses("nll")
    assert one.val_loss == pytest.approx(other.val_loss, rel=1e-5)
    assert one.val_metrics[-1] == pytest.approx(other.val_metrics[-1])


@pytest.mark.parametrize("name", ["auto", "hinge", "nll", "bce"])
def test_every_loss_for_classes_learns(make_config, name):
    data = {"source": "moons", "rows": 300}
    result = train(make_config(data=data, loss={"name": name}, optimizer={"lr": 0.02}, run={"epochs": 15}))
    assert result.test_metric is not None
    assert result.test_metric > 0.85


def test_scores_of_one_logit_are_its_two_probabilities():
    z = torch.tensor([-3.0, 0.0, 0.5])
    torch.testing.assert_close(class_scores(z).softmax(1)[:, 1], z.sigmoid())
    two = torch.randn(4, 3)
    assert class_scores(two) is two


# ---- class weights ----


@pytest.mark.parametrize("counts", [[5, 5], [1, 9, 40], [7], [3, 2, 1, 100]])
def test_class_weights_are_scikit_learns(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    assert class_weights(counts) == pytest.approx(compute_class_weight("balanced", classes=np.unique(y), y=y))


def test_a_class_that_training_lacks_weighs_one():
    assert class_weights([4, 0, 12]) == pytest.approx([2.0, 1.0, 16 / 24])


@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_class_weights_do_not_follow_rows_held_out(held_out):
    table = load(DataConfig(source="wine"))
    rows = split(table, DataConfig(source="wine"))

    def weights(part: str) -> list[float]:
        y = table.y.copy()
        y[getattr(rows, part)] = 2
        data = prepare(dataclasses.replace(table, y=y), rows, DataConfig(source="wine"))
        loss = build_loss(LossConfig(class_weights="balanced"), "classification", data.class_counts["train"], CPU)
        assert isinstance(loss, nn.CrossEntropyLoss)
        assert loss.weight is not None
        return loss.weight.tolist()

    plain = class_weights(prepare(table, rows, DataConfig(source="wine")).class_counts["train"])
    assert weights(held_out) == pytest.approx(plain)
    assert weights("train") != pytest.approx(plain)


def test_class_weights_help_a_rare_class(make_config, tmp_path: Path):
    rng = np.random.default_rng(0)
    rows = [f"{x:.4f},{int(rare)}" for rare in (0, 1) for x in rng.normal(1.2 * rare, 1, 30 if rare else 570)]
    path = tmp_path / "rare.csv"
    path.write_text("x,y\n" + "\n".join(rows) + "\n")

    def recall(weights: str) -> float:
        config = make_config(
            data={"source": str(path), "target": "y", "test": 0.4, "task": "classification"},
            model={"kind": "linear"},
            loss={"class_weights": weights},
            optimizer={"lr": 0.05},
            run={"epochs": 15},
        )
        view = train(config).view
        assert view.test is not None
        return view.test.confusion[1][1] / sum(view.test.confusion[1])

    assert recall("balanced") > recall("none") + 0.3


# ---- what does not fit ----


@pytest.mark.parametrize(
    ("source", "section", "key"),
    [
        ("wine", {"loss": {"name": "mse"}}, "loss.name"),
        ("wine", {"loss": {"name": "bce"}}, "loss.name"),
        ("diabetes", {"loss": {"name": "hinge"}}, "loss.name"),
        ("diabetes", {"loss": {"class_weights": "balanced"}}, "loss.class_weights"),
        ("diabetes", {"early_stopping": {"monitor": "accuracy"}}, "early_stopping.monitor"),
        ("wine", {"early_stopping": {"monitor": "rmse"}}, "early_stopping.monitor"),
        ("moons", {"early_stopping": {"monitor": "top_k"}}, "early_stopping.monitor"),
        ("wine", {"loss": {"delta": 2.0}}, "loss.delta"),
        ("wine", {"early_stopping": {"monitor": "accuracy", "diverged_above": 2.0}}, "early_stopping.diverged_above"),
    ],
)
def test_what_does_not_fit_a_known_set_is_refused_with_the_settings(make_config, source, section, key):
    with pytest.raises(ConfigError) as caught:
        make_config(data={"source": source}, **section)
    assert [fault.key for fault in caught.value.faults] == [key]
    assert all(fault.hint for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("target", "section", "key"),
    [
        ("number", {"loss": {"name": "nll"}}, "loss.name"),
        ("number", {"loss": {"class_weights": "balanced"}}, "loss.class_weights"),
        ("number", {"early_stopping": {"monitor": "auroc"}}, "early_stopping.monitor"),
        ("letter", {"loss": {"name": "huber"}}, "loss.name"),
        ("letter", {"loss": {"name": "bce"}}, "loss.name"),
        ("letter", {"early_stopping": {"monitor": "mae"}}, "early_stopping.monitor"),
        ("letter", {"loss": {"name": "hinge"}, "regularization": {"label_smoothing": 0.1}}, "regularization.label_smoothing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_file_is_refused_before_anything_is_written(make_config, tmp_path, target, section, key):
    path = tmp_path / "data.csv"
    values = {"number": lambda i: i * 0.37, "letter": lambda i: "abc"[i % 3]}[target]
    path.write_text(f"a,b,{target}\n" + "".join(f"{i},{i % 7},{values(i)}\n" for i in range(40)))
    with pytest.raises(ConfigError) as caught:
        train(make_config(data={"source": str(path), "target": target}, **section))
    assert [fault.key for fault in caught.value.faults] == [key]
    assert not (tmp_path / "runs").exists()
