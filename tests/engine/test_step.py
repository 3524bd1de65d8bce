"""What a training step can be told to do, each against a plain PyTorch script that shares nothing with the engine's loop.

The scripts are the loops of the documentation: torch.amp, torch.optim.swa_utils, torch.nn.utils, torch.optim.LBFGS. The
prepared arrays, the seeds and the order of the batches are the same; weights must come out equal bit for bit unless said.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engine import ConfigError, StopToken, train
from engine.averaging import Average
from engine.config import RunConfig
from engine.data.prepared import load_prepared
from engine.events import EpochEnded
from engine.gradients import Accumulation
from engine.keeping import Keeper
from engine.loop import fit
from engine.precision import Precision
from engine.recipe import build_recipe
from engine.training import Training

EPOCHS, BATCH, SEED = 4, 32, 3
MLP = {"kind": "mlp", "hidden": [24, 16]}
SGD = {"name": "sgd", "lr": 0.05, "momentum": 0.9}


@pytest.fixture(autouse=True)
def plain_kernels(monkeypatch):
    """Torch's plain optimizers, which the loops here use too: the fused ones differ from them in the last bits."""
    monkeypatch.setenv("NNTUI_FUSED", "0")


class Script:
    """A plain loop over wine. Subclasses say what is different about the step."""

    source = "wine"

    def __init__(self, config: RunConfig) -> None:
        data = load_prepared(config.data)
        self.x, self.y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
        self.x_val, self.y_val = torch.from_numpy(data.x_validation), torch.from_numpy(data.y_validation)
        torch.manual_seed(SEED)
        layers = [nn.Linear(self.x.shape[1], 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, data.classes)]
        self.model = nn.Sequential(*layers)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        self.loss = nn.CrossEntropyLoss()
        self.val_loss: list[float] = []
        self.begin()
        order = torch.Generator()
        order.manual_seed(SEED)
        for epoch in range(1, EPOCHS + 1):
            self.model.train()
            for rows in torch.randperm(len(self.x), generator=order).split(config.run.batch_size or len(self.x)):
                self.step(self.x[rows], self.y[rows])
            self.epoch_ended(epoch)
            self.judged.eval()
            with torch.no_grad():
                self.val_loss.append(nn.functional.cross_entropy(self.judged(self.x_val), self.y_val).item())

    @property
    def judged(self) -> nn.Module:
        return self.model

    def begin(self) -> None:
        pass

    def step(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        self.loss(self.model(x), y).backward()
        self.optimizer.step()

    def epoch_ended(self, epoch: int) -> None:
        pass


def run(make_config, **sections):
    """The engine's run with these settings; the last weights are kept."""
    merged = {
        "data": {"source": "wine"},
        "model": MLP,
        "early_stopping": {"enabled": False, "restore_best": False},
        **{name: part for name, part in sections.items() if name not in ("run", "optimizer")},
        "optimizer": {**SGD, **sections.get("optimizer", {})},
    }
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "seed": SEED, **sections.get("run", {})}
    config = make_config(**merged, run=settings)
    return config, train(config)


def same(script: Script, result, exactly: bool = True) -> None:
    """The weights that are saved and the validation losses agree, and something was learned."""
    for ours, theirs in zip(result.model.parameters(), script.judged.parameters(), strict=True):
        if exactly:
            assert torch.equal(ours, theirs)
        else:
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert result.view.val_loss == (script.val_loss if exactly else pytest.approx(script.val_loss, rel=1e-5))
    assert len(set(script.val_loss)) == EPOCHS


def differs(make_config, result) -> None:
    """The setting made a difference: without it the weights are others."""
    _, plain = run(make_config)
    assert plain.view.val_loss != result.view.val_loss


def test_label_smoothing(make_config):
    class Smoothed(Script):
        def begin(self):
            self.loss = nn.CrossEntropyLoss(label_smoothing=0.2)

    config, result = run(make_config, regularization={"label_smoothing": 0.2})
    same(Smoothed(config), result)  # the script's validation loss is the plain one
    differs(make_config, result)


def test_with_torchs_fused_kernel_it_is_the_same_up_to_rounding(make_config, monkeypatch):
    monkeypatch.setenv("NNTUI_FUSED", "1")
    config, result = run(make_config)
    same(Script(config), result, exactly=False)


def test_input_noise(make_config):
    class Noisy(Script):
        def begin(self):
            self.noise = torch.Generator()
            self.noise.manual_seed((1 << 32) + SEED)

        def step(self, x, y):
            super().step(x + 0.3 * torch.randn(x.shape, generator=self.noise), y)

    config, result = run(make_config, regularization={"input_noise": 0.3})
    same(Noisy(config), result)
    differs(make_config, result)


def test_mixup(make_config):
    class MixedUp(Script):
        def begin(self):
            self.chance = np.random.default_rng([2, SEED])

        def step(self, x, y):
            share = self.chance.beta(0.5, 0.5)
            partner = torch.from_numpy(self.chance.permutation(len(y)))
            self.optimizer.zero_grad()
            output = self.model(share * x + (1 - share) * x[partner])
            (share * self.loss(output, y) + (1 - share) * self.loss(output, y[partner])).backward()
            self.optimizer.step()

    config, result = run(make_config, regularization={"mixup": 0.5})
    same(MixedUp(config), result)
    differs(make_config, result)


def test_max_norm(make_config):
    class Limited(Script):
        def step(self, x, y):
            super().step(x, y)
            with torch.no_grad():
                for layer in self.model:
                    if isinstance(layer, nn.Linear):
                        norms = layer.weight.norm(dim=1, keepdim=True)
                        layer.weight.mul_((0.7 / norms).clamp(max=1.0))

    config, result = run(make_config, regularization={"max_norm": 0.7})
    same(Limited(config), result, exactly=False)  # torch.renorm divides by the norm plus 1e-7
    differs(make_config, result)


def test_decoupled_decay_of_sgd(make_config):
    class Decayed(Script):
        def step(self, x, y):
            before = [layer.weight.detach().clone() for layer in self.model if isinstance(layer, nn.Linear)]
            super().step(x, y)
            with torch.no_grad():
                for layer, old in zip(
                    (part for part in self.model if isinstance(part, nn.Linear)), before, strict=True
                ):
                    layer.weight -= 0.05 * 0.1 * old

    config, result = run(make_config, regularization={"weight_decay": 0.1})
    same(Decayed(config), result, exactly=False)  # subtracted before or after the step: the last bit
    differs(make_config, result)


def test_decoupled_decay_of_adam_on_all_is_adamw(make_config):
    class AdamW(Script):
        def begin(self):
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01, weight_decay=0.2)

    data, keep = {"source": "wine"}, {"enabled": False, "restore_best": False}
    config = make_config(
        data=data, model=MLP, early_stopping=keep, optimizer={"name": "adam", "lr": 0.01},
        regularization={"weight_decay": 0.2, "penalty_on": "all"},
        run={"epochs": EPOCHS, "batch_size": BATCH, "seed": SEED},
    )  # fmt: skip
    same(AdamW(config), train(config))


def test_clipping_by_value(make_config):
    class Clipped(Script):
        def step(self, x, y):
            self.optimizer.zero_grad()
            self.loss(self.model(x), y).backward()
            nn.utils.clip_grad_value_(self.model.parameters(), 0.01)
            self.optimizer.step()

    config, result = run(make_config, optimizer={"clip_value": 0.01})
    same(Clipped(config), result)
    differs(make_config, result)


def test_clipping_by_value_comes_before_clipping_by_norm(make_config):
    class Clipped(Script):
        def step(self, x, y):
            self.optimizer.zero_grad()
            self.loss(self.model(x), y).backward()
            nn.utils.clip_grad_value_(self.model.parameters(), 0.02)
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            self.optimizer.step()

    config, result = run(make_config, optimizer={"clip_value": 0.02, "clip_norm": 0.1})
    same(Clipped(config), result)


# Accumulation: many small batches are one large one.


@pytest.mark.parametrize(("small", "count"), [(8, 4), (32, 3), (5, 7), (50, 100)])
def test_small_batches_added_up_are_one_large_batch(make_config, small, count):
    """142 rows: the last step has fewer batches, the last batch fewer rows, and in the last case all are one step."""
    _, large = run(make_config, run={"batch_size": min(142, small * count)}, regularization={"l2": 1e-3})
    _, added = run(make_config, run={"batch_size": small, "accumulate": count}, regularization={"l2": 1e-3})
    for ours, theirs in zip(added.model.parameters(), large.model.parameters(), strict=True):
        assert float((ours - theirs).detach().abs().max()) <= 1e-6
    assert added.view.val_loss == pytest.approx(large.view.val_loss, rel=1e-5)
    assert len(set(large.view.val_loss)) == EPOCHS


def test_accumulation_gives_each_row_the_same_weight():
    for rows, batch_size, batches in [(142, 8, 4), (10, 3, 2), (7, 7, 5), (100, 1, 100), (9, 4, 1)]:
        groups = Accumulation(rows, batch_size, batches)
        total, steps, weights = math.ceil(rows / batch_size), 0, []
        for batch in range(1, total + 1):
            if groups.begins(batch):
                weights.append(0.0)
            weights[-1] += groups.share(batch)
            steps += groups.completes(batch)
        if batches > 1:
            assert weights == pytest.approx([1.0] * len(weights))
        assert steps == len(weights) == groups.steps


# Mixed precision, averages, LBFGS and compiling.


def test_bfloat16(make_config):
    class Autocast(Script):
        def step(self, x, y):
            self.optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()

    config, result = run(make_config, run={"precision": "bfloat16"})
    same(Autocast(config), result)
    differs(make_config, result)


def test_float16_is_refused_on_the_cpu_before_anything_is_written(make_config, tmp_path):
    with pytest.raises(ConfigError, match=r"run\.precision: float16 needs a CUDA device"):
        run(make_config, run={"precision": "float16"})
    assert not (tmp_path / "runs").exists()


class Ema(Script):
    def begin(self):
        self.ema = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(0.9))

    @property
    def judged(self):
        return self.ema.module

    def step(self, x, y):
        super().step(x, y)
        self.ema.update_parameters(self.model)


def test_ema(make_config):
    config, result = run(make_config, run={"average": "ema", "ema_decay": 0.9})
    same(Ema(config), result)
    differs(make_config, result)


class Swa(Script):
    def begin(self):
        self.swa, self.started = AveragedModel(self.model), False

    @property
    def judged(self):
        return self.swa.module if self.started else self.model

    def epoch_ended(self, epoch):
        if epoch > 0.4 * EPOCHS:
            self.swa.update_parameters(self.model)
            self.started = True


def test_swa(make_config):
    config, result = run(make_config, run={"average": "swa", "swa_start": 0.4})
    script = Swa(config)
    assert int(script.swa.n_averaged) == 3
    same(script, result)
    differs(make_config, result)


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_the_averaged_weights_are_tested_and_saved_with_their_batch_statistics(make_config, average):
    from safetensors.torch import load_file

    keep = {"enabled": False, "restore_best": True}
    _, result = run(make_config, run={"average": average}, model={**MLP, "batch_norm": True}, early_stopping=keep)
    best = result.view.epochs.index(result.best_epoch)
    with torch.no_grad():
        x, y = torch.from_numpy(result.data.x_validation), torch.from_numpy(result.data.y_validation)
        loss = float(nn.functional.cross_entropy(result.model(x), y))
    assert loss == pytest.approx(result.view.val_loss[best], rel=1e-6)
    saved = load_file(f"{result.folder}/model.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in result.model.state_dict().items())


def test_lbfgs(make_config):
    """The closure's value includes the penalty, or the line search would look at another function than the gradient."""
    options = {"lr": 0.8, "max_iter": 6, "line_search_fn": "strong_wolfe"}

    class Lbfgs(Script):
        def begin(self):
            self.optimizer = torch.optim.LBFGS(self.model.parameters(), **options)

        def step(self, x, y):
            def closure():
                self.optimizer.zero_grad()
                matrices = [layer.weight for layer in self.model if isinstance(layer, nn.Linear)]
                loss = self.loss(self.model(x), y) + sum(0.01 * (weight**2).sum() for weight in matrices)
                loss.backward()
                return loss

            self.optimizer.step(closure)

    config = make_config(
        data={"source": "wine"}, model=MLP, regularization={"l2": 0.01},
        early_stopping={"enabled": False, "restore_best": False}, run={"epochs": EPOCHS, "batch_size": 0, "seed": SEED},
    )  # fmt: skip
    recipe = build_recipe(config, load_prepared(config.data))
    recipe = dataclasses.replace(recipe, optimizer=torch.optim.LBFGS(recipe.model.parameters(), **options))
    seen = []
    fit(Training(recipe, config), seen.append, Keeper(StopToken(), seen.append))
    script = Lbfgs(config)
    losses = [event.val_loss for event in seen if isinstance(event, EpochEnded)]
    for ours, theirs in zip(recipe.model.parameters(), script.model.parameters(), strict=True):
        assert torch.equal(
            ours, theirs
        )  # nothing less will do: a line search makes a last bit's difference a large one
    assert losses == script.val_loss


def test_compiling_is_told_and_changes_nothing_else(make_config, monkeypatch):
    """With torch's compiler stood in for by the model itself: what is left to see is what the warming up leaves behind."""
    monkeypatch.setattr(torch, "compile", lambda model: model)
    sections = {"model": {**MLP, "batch_norm": True}, "regularization": {"dropout": 0.3}}
    _, plain = run(make_config, **sections)
    _, compiled = run(make_config, run={"compile": True}, **sections)
    assert compiled.view.val_loss == plain.view.val_loss
    assert any("model compiled in" in text for _, text in compiled.view.log)
    assert not any("compiled" in text for _, text in plain.view.log)


def test_where_compiling_fails_training_goes_on_without(make_config, monkeypatch):
    def refuse(model):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", refuse)
    _, plain = run(make_config)
    _, result = run(make_config, run={"compile": True})
    assert result.view.val_loss == plain.view.val_loss
    assert any("not compiled" in text for _, text in result.view.log)


@pytest.mark.parametrize(("kind", "expected"), [("swa", 2.0), ("ema", 1.0 + 0.25 * 2.0)])
def test_the_statistics_of_batch_norm_are_averaged_along(kind, expected):
    """Weights of an average with statistics of the last step would not belong together."""
    model = nn.Sequential(nn.BatchNorm1d(2))
    average = Average(model, kind, ema_decay=0.75, swa_start=0.0, epochs=2)
    for epoch, value in enumerate([1.0, 3.0], 1):
        model[0].running_mean.fill_(value)
        average.after_step()
        average.after_epoch(epoch)
    assert average.model[0].running_mean.tolist() == pytest.approx([expected] * 2)
    average.settle()
    assert model[0].running_mean.tolist() == pytest.approx([expected] * 2)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_scaled_loss_leaves_penalty_clipping_and_norms_as_they_were(make_config, accumulate):
    """What float16 does on a GPU, here in float32: a scale that is a power of two must cancel out to the last bit."""

    def fitted(precision):
        config = make_config(
            data={"source": "wine"}, model=MLP, regularization={"l2": 1e-2, "l1": 1e-3},
            optimizer={**SGD, "clip_norm": 0.5}, run={"epochs": EPOCHS, "seed": SEED, "accumulate": accumulate},
        )  # fmt: skip
        recipe = build_recipe(config, load_prepared(config.data))
        seen = []
        recipe = dataclasses.replace(recipe, precision=precision or recipe.precision)
        fit(Training(recipe, config), seen.append, Keeper(StopToken(), seen.append))
        return [(e.val_loss, e.grad_norm, e.grad_norm_clipped) for e in seen if isinstance(e, EpochEnded)]

    scaling = Precision("float32", torch.device("cpu"))
    scaling.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    assert fitted(scaling) == fitted(None)
