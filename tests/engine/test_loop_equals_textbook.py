"""The engine equals a textbook loop, bit for bit on the CPU.

The loop below is written from the textbook and shares nothing with engine.loop, engine.models, engine.optim or
engine.regularization: a DataLoader, modules written out by hand, penalties as terms of the loss that autograd walks through,
torch's own optimizers and schedulers. Only the prepared arrays and the seeds are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from engine import train
from engine.data.prepared import Prepared, load_prepared

EPOCHS = 4


@pytest.fixture(autouse=True)
def plain_kernels(monkeypatch):
    """Torch's plain optimizers, which the loops here use too: the fused ones differ from them in the last bits."""
    monkeypatch.setenv("NNTUI_FUSED", "0")


class Permutations(Sampler[int]):
    """A new random order each epoch, from a generator of its own."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows = rows
        self.generator = torch.Generator()
        self.generator.manual_seed(seed)

    def __iter__(self):
        return iter(torch.randperm(self.rows, generator=self.generator).tolist())

    def __len__(self) -> int:
        return self.rows


@dataclass
class Textbook:
    """A loop, its modules and what it measured."""

    model: nn.Module
    optimizer: Any
    scheduler: Any = None
    l1: float = 0.0
    l2: float = 0.0
    clip: float = 0.0
    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)

    def fit(self, data: Prepared, batch_size: int, seed: int) -> None:
        loss_function = nn.CrossEntropyLoss() if data.task == "classification" else nn.MSELoss()
        pairs = TensorDataset(torch.from_numpy(data.x_train), torch.from_numpy(data.y_train))
        # A DataLoader draws a seed for its workers each epoch, from the global generator unless it is given another: dropout
        # would then see other numbers.
        loader = DataLoader(
            pairs,
            batch_size=batch_size or len(pairs),
            sampler=Permutations(len(pairs), seed),
            generator=torch.Generator(),
        )
        x_val, y_val = torch.from_numpy(data.x_validation), torch.from_numpy(data.y_validation)
        for _ in range(EPOCHS):
            self.lr.append(self.optimizer.param_groups[0]["lr"])
            self.model.train()
            total = 0.0
            for x, y in loader:
                self.optimizer.zero_grad()
                loss = loss_function(self.model(x), y)
                total += loss.item() * len(y)
                (loss + self.penalty()).backward()
                if self.clip:
                    nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
                self.optimizer.step()
            self.model.eval()
            with torch.no_grad():
                val_loss = loss_function(self.model(x_val), y_val).item()
            if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                self.scheduler.step(val_loss)
            elif self.scheduler is not None:
                self.scheduler.step()
            self.train_loss.append(total / len(pairs))
            self.val_loss.append(val_loss)

    def penalty(self) -> torch.Tensor | float:
        total: torch.Tensor | float = 0.0
        for name, weight in self.model.named_parameters():
            if name.endswith("weight"):
                if self.l1:
                    total = total + self.l1 * weight.abs().sum()
                if self.l2:
                    total = total + self.l2 * (weight**2).sum()
        return total


def mlp(features: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(features, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, outputs)]


def mlp_with_dropout(features: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Dropout(0.1),
        *(nn.Linear(features, 24), nn.Tanh(), nn.Dropout(0.3)),
        *(nn.Linear(24, 16), nn.Tanh(), nn.Dropout(0.3)),
        nn.Linear(16, outputs),
    ]


def cnn(features: int, outputs: int) -> list[nn.Module]:
    """For 8x8 pictures: halved to 4x4, then to 2x2, and then left alone."""
    return [
        nn.Unflatten(1, (1, 8, 8)),
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 5, 3, padding=1), nn.ReLU()),
        nn.Flatten(),
        nn.Dropout(0.2),
        *(nn.Linear(5 * 2 * 2, 12), nn.ReLU(), nn.Dropout(0.2)),
        nn.Linear(12, outputs),
    ]


def linear(features: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(features, outputs)]


OPTIMIZERS = {
    "sgd": (
        {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    ),
    "nesterov": (
        {"name": "sgd", "lr": 0.02, "momentum": 0.8, "nesterov": True},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8, nesterov=True),
    ),
    "plain_sgd": (
        {"name": "sgd", "lr": 0.05, "momentum": 0.0},
        lambda p: torch.optim.SGD(p, lr=0.05),
    ),
    "adam": (
        {"name": "adam", "lr": 0.01, "beta1": 0.8, "beta2": 0.99},
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99)),
    ),
    "adamw": (
        {"name": "adamw", "lr": 0.01, "beta1": 0.85, "beta2": 0.98, "weight_decay": 0.05},
        lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.85, 0.98), weight_decay=0.05),
    ),
}

# What each variant adds to the settings of the engine, and to the textbook's.
VARIANTS: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Any]]] = {
    "plain": ({}, {}),
    "l2": ({"regularization": {"l2": 3e-3}}, {"l2": 3e-3}),
    "l1": ({"regularization": {"l1": 1e-3}}, {"l1": 1e-3}),
    "clip": ({"optimizer": {"clip_norm": 0.3}}, {"clip": 0.3}),
    "l2_clip": ({"optimizer": {"clip_norm": 0.3}, "regularization": {"l2": 0.1}}, {"clip": 0.3, "l2": 0.1}),
    "cosine": (
        {"schedule": {"name": "cosine", "min_lr": 1e-4}},
        {"scheduler": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=EPOCHS, eta_min=1e-4)},
    ),
    "step": (
        {"schedule": {"name": "step", "step_size": 2, "gamma": 0.3}},
        {"scheduler": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=2, gamma=0.3)},
    ),
    "plateau": (
        {"schedule": {"name": "plateau", "patience": 0, "gamma": 0.2, "min_lr": 1e-3}},
        {"scheduler": lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.2, patience=0, min_lr=1e-3)},
    ),
}


def compare(make_config, data, modules, optimizer="sgd", variant="plain", batch_size=32, seed=3, rel=0.0, **sections):
    """Train both ways and compare everything, bit for bit or, with `rel`, up to so much of each number; returns the textbook."""
    settings, make_optimizer = OPTIMIZERS[optimizer]
    changes, terms = VARIANTS[variant]
    # The textbook's training loss is the running one.
    run = {"epochs": EPOCHS, "batch_size": batch_size, "seed": seed, "train_eval": "off"}
    merged = {
        **sections,
        **{name: {**sections.get(name, {}), **change} for name, change in changes.items()},
        "data": data,
        "optimizer": {**settings, **changes.get("optimizer", {})},
        "early_stopping": {"enabled": False, "restore_best": False},
    }
    config = make_config(**merged, run=run)
    result = train(config)

    prepared = load_prepared(config.data)
    outputs = prepared.classes or 1
    torch.manual_seed(seed)
    net = modules(prepared.x_train.shape[1], outputs)
    model = nn.Sequential(*net) if prepared.classes else nn.Sequential(*net, nn.Flatten(0))
    textbook = Textbook(model, make_optimizer(model.parameters()))
    scheduler = terms.get("scheduler")
    textbook.scheduler = scheduler(textbook.optimizer) if scheduler else None
    textbook.l1, textbook.l2, textbook.clip = (terms.get(name, 0.0) for name in ("l1", "l2", "clip"))
    textbook.fit(prepared, batch_size, seed)

    ours, theirs = list(result.model.parameters()), list(model.parameters())
    assert [p.shape for p in ours] == [p.shape for p in theirs]
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=rel, atol=rel)  # 0 and 0 are equality
    assert result.view.val_loss == (pytest.approx(textbook.val_loss, rel=rel) if rel else textbook.val_loss)
    assert result.view.lr == textbook.lr
    # A sum of the batches' losses: equal up to the order in which doubles are added and divided.
    assert result.view.train_loss == pytest.approx(textbook.train_loss, rel=rel or 1e-12)
    assert len(set(result.view.val_loss)) == EPOCHS, "nothing was learned, so nothing was compared"
    return textbook


MLP = {"kind": "mlp", "hidden": [24, 16]}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_with_every_variant(make_config, optimizer, variant):
    compare(make_config, {"source": "wine"}, mlp, optimizer, variant, model=MLP)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_dropout_draws_the_same_numbers(make_config, optimizer):
    model = {**MLP, "activation": "tanh"}
    dropout = {"dropout": 0.3, "input_dropout": 0.1}
    compare(make_config, {"source": "wine"}, mlp_with_dropout, optimizer, "l2", model=model, regularization=dropout)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("variant", ["plain", "l2_clip", "cosine"])
def test_convolutions(make_config, optimizer, variant):
    model = {"kind": "cnn", "channels": [4, 6, 5], "hidden": [12]}
    data = {"source": "digits", "train_rows": 150}
    compare(make_config, data, cnn, optimizer, variant, model=model, regularization={"dropout": 0.2})


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("variant", ["plain", "l1", "l2", "clip"])
def test_regression(make_config, optimizer, variant):
    compare(make_config, {"source": "diabetes"}, mlp, optimizer, variant, model=MLP)


def test_a_linear_model(make_config):
    compare(make_config, {"source": "diabetes"}, linear, "sgd", model={"kind": "linear"})


@pytest.mark.parametrize("batch_size", [0, 1, 7, 142, 10_000])
def test_any_batch_size(make_config, batch_size):
    """All rows at once, one at a time, an uneven last batch, exactly all rows, and more than there are."""
    data = {"source": "wine"}
    assert len(load_prepared(make_config(data=data).data).x_train) == 142
    compare(make_config, data, mlp, "sgd", "l2_clip", batch_size, model=MLP)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_torchs_fused_kernels_it_is_the_textbook_up_to_rounding(make_config, monkeypatch, optimizer):
    monkeypatch.setenv("NNTUI_FUSED", "1")
    compare(make_config, {"source": "wine"}, mlp, optimizer, "l2_clip", model=MLP, rel=1e-5)


def test_plateau_really_cuts_the_rate_here(make_config):
    textbook = compare(make_config, {"source": "diabetes"}, mlp, "adam", "plateau", model=MLP)
    assert len(set(textbook.lr)) > 1


def test_another_seed_gives_other_weights(make_config):
    one = compare(make_config, {"source": "wine"}, mlp, seed=1, model=MLP)
    other = compare(make_config, {"source": "wine"}, mlp, seed=2, model=MLP)
    assert one.val_loss != other.val_loss
