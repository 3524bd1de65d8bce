"""Every optimizer and every schedule equals torch's own class in a hand-written loop, bit for bit.

The constructor calls below are written out by hand from torch's documentation. They share nothing with engine.optim or its
table: neither names nor defaults.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from test_loop_equals_textbook import Permutations
from torch import nn
from torch.optim import lr_scheduler as lrs
from torch.utils.data import DataLoader, TensorDataset

from engine import ConfigError, train
from engine.config import RunConfig
from engine.data.prepared import Prepared, load_prepared
from engine.optim import MuonWithAdamW, Schedule, build_optimizer, schedule_preview
from engine.torchtable import table

EPOCHS = 4
SEED = 5


@pytest.fixture(autouse=True)
def plain_kernels(monkeypatch):
    """Torch's plain optimizers, which the loops here use too: the fused ones differ from them in the last bits."""
    monkeypatch.setenv("NNTUI_FUSED", "0")


@dataclass
class Plain:
    """A textbook loop: the optimizer and the scheduler are made by the test, warm-up steps are set by hand."""

    data: Prepared
    optimizer: Any
    scheduler: Any = None
    per_batch: bool = False
    closure: bool = False
    batch_size: int = 48
    warmup_steps: int = 0
    val_loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(SEED)
        width = self.data.x_train.shape[1]
        self.model = nn.Sequential(nn.Linear(width, 12), nn.Tanh(), nn.Linear(12, self.data.classes))
        self.optimizer = self.optimizer(self.model)
        self.scheduler = self.scheduler(self.optimizer) if self.scheduler else None

    def fit(self, epochs: int = EPOCHS) -> Plain:
        loss_function = nn.CrossEntropyLoss()
        pairs = TensorDataset(torch.from_numpy(self.data.x_train), torch.from_numpy(self.data.y_train))
        size = self.batch_size or len(pairs)
        order = Permutations(len(pairs), SEED)
        loader = DataLoader(pairs, batch_size=size, sampler=order, generator=torch.Generator())
        x_val, y_val = torch.from_numpy(self.data.x_validation), torch.from_numpy(self.data.y_validation)
        peak = self.optimizer.param_groups[0]["lr"]
        done = 0
        for _ in range(epochs):
            warming = done < self.warmup_steps
            for step, (x, y) in enumerate(loader):
                if done < self.warmup_steps:
                    self.set_lr(peak * ((done + 1) / (self.warmup_steps + 1)))
                elif done == self.warmup_steps and self.warmup_steps:
                    self.set_lr(peak)
                if step == 0:
                    self.lr.append(self.optimizer.param_groups[0]["lr"])

                def closure(x=x, y=y):
                    self.optimizer.zero_grad()
                    loss = loss_function(self.model(x), y)
                    loss.backward()
                    return loss

                closure()
                if self.closure:
                    self.optimizer.step(closure)
                else:
                    self.optimizer.step()
                done += 1
                if self.scheduler and self.per_batch and done > self.warmup_steps:
                    self.scheduler.step()
            with torch.no_grad():
                val_loss = loss_function(self.model(x_val), y_val).item()
            self.val_loss.append(val_loss)
            if self.scheduler and not self.per_batch and not warming:
                if isinstance(self.scheduler, lrs.ReduceLROnPlateau):
                    self.scheduler.step(val_loss)
                else:
                    self.scheduler.step()
        return self

    def set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr


def config_of(make_config, epochs: int = EPOCHS, batch_size: int = 48, **sections):
    return make_config(
        data={"source": "wine"},
        model={"kind": "mlp", "hidden": [12], "activation": "tanh"},
        early_stopping={"enabled": False, "restore_best": False},
        run={"epochs": epochs, "batch_size": batch_size, "seed": SEED},
        **sections,
    )


def compare(config: RunConfig, optimizer, scheduler=None, rel=0.0, **options) -> Plain:
    """Train both ways and compare weights, losses and rates, bit for bit or, with `rel`, up to so much of each number."""
    result = train(config)
    data = load_prepared(config.data)
    plain = Plain(data, optimizer, scheduler, batch_size=config.run.batch_size, **options).fit(config.run.epochs)
    assert result.view.val_loss == (pytest.approx(plain.val_loss, rel=rel) if rel else plain.val_loss)
    assert result.view.lr == plain.lr
    for ours, theirs in zip(result.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rel, atol=rel)  # 0 and 0 are equality
    assert len(set(plain.val_loss)) >= 3, "nothing was learned, so nothing was compared"
    return plain


OF = torch.optim
# What the configuration says, and torch's constructor call with the same meaning. Each is there twice: with torch's defaults,
# and with every option at a value of its own.
OPTIMIZERS: dict[str, tuple[dict[str, Any], Any]] = {
    "sgd": ({"momentum": 0.0}, lambda p: OF.SGD(p, lr=1e-3)),
    "sgd_all": (
        {"lr": 0.02, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01},
        lambda p: OF.SGD(p, lr=0.02, momentum=0.8, dampening=0.3, weight_decay=0.01),
    ),
    "sgd_nesterov": (
        {"lr": 0.02, "momentum": 0.8, "nesterov": True},
        lambda p: OF.SGD(p, lr=0.02, momentum=0.8, nesterov=True),
    ),
    "adam": ({}, lambda p: OF.Adam(p)),
    "adam_all": (
        {
            "lr": 0.01,
            "beta1": 0.8,
            "beta2": 0.9,
            "eps": 1e-4,
            "weight_decay": 0.1,
            "amsgrad": True,
            "decoupled_weight_decay": True,
        },
        lambda p: OF.Adam(
            p, lr=0.01, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1, amsgrad=True, decoupled_weight_decay=True
        ),
    ),
    "adam_coupled": ({"weight_decay": 0.1}, lambda p: OF.Adam(p, weight_decay=0.1)),
    "adamw": ({}, lambda p: OF.AdamW(p)),
    "adamw_all": (
        {"lr": 0.01, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.2, "amsgrad": True},
        lambda p: OF.AdamW(p, lr=0.01, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.2, amsgrad=True),
    ),
    "adamax": ({}, lambda p: OF.Adamax(p)),
    "adamax_all": (
        {"lr": 0.01, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1},
        lambda p: OF.Adamax(p, lr=0.01, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1),
    ),
    "nadam": ({}, lambda p: OF.NAdam(p)),
    "nadam_all": (
        {
            "lr": 0.01,
            "beta1": 0.8,
            "beta2": 0.9,
            "eps": 1e-4,
            "weight_decay": 0.1,
            "momentum_decay": 0.1,
            "decoupled_weight_decay": True,
        },
        lambda p: OF.NAdam(
            p, lr=0.01, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1, momentum_decay=0.1, decoupled_weight_decay=True
        ),
    ),
    "radam": ({}, lambda p: OF.RAdam(p)),
    "radam_all": (
        {"lr": 0.01, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1, "decoupled_weight_decay": True},
        lambda p: OF.RAdam(p, lr=0.01, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1, decoupled_weight_decay=True),
    ),
    "rmsprop": ({}, lambda p: OF.RMSprop(p)),
    "rmsprop_all": (
        {"lr": 0.005, "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1, "momentum": 0.5, "centered": True},
        lambda p: OF.RMSprop(p, lr=0.005, alpha=0.9, eps=1e-4, weight_decay=0.1, momentum=0.5, centered=True),
    ),
    "rprop": ({}, lambda p: OF.Rprop(p)),
    "rprop_all": (
        {"lr": 0.005, "eta_minus": 0.4, "eta_plus": 1.3, "step_min": 1e-4, "step_max": 0.05},
        lambda p: OF.Rprop(p, lr=0.005, etas=(0.4, 1.3), step_sizes=(1e-4, 0.05)),
    ),
    "adagrad": ({}, lambda p: OF.Adagrad(p)),
    "adagrad_all": (
        {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-4},
        lambda p: OF.Adagrad(p, lr=0.05, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.2, eps=1e-4),
    ),
    "adadelta": ({}, lambda p: OF.Adadelta(p)),
    "adadelta_all": (
        {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1},
        lambda p: OF.Adadelta(p, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1),
    ),
    "adafactor": ({}, lambda p: OF.Adafactor(p)),
    "adafactor_all": (
        {"lr": 0.05, "beta2_decay": -0.5, "eps1": 1e-5, "eps2": 0.01, "d": 2.0, "weight_decay": 0.1},
        lambda p: OF.Adafactor(p, lr=0.05, beta2_decay=-0.5, eps=(1e-5, 0.01), d=2.0, weight_decay=0.1),
    ),
    "asgd": ({}, lambda p: OF.ASGD(p)),
    "asgd_all": (
        {"lr": 0.05, "lambd": 0.01, "alpha": 0.5, "weight_decay": 0.1},
        lambda p: OF.ASGD(p, lr=0.05, lambd=0.01, alpha=0.5, weight_decay=0.1),
    ),
}


def settings_of(name: str) -> dict[str, Any]:
    return {"name": name.partition("_")[0], **OPTIMIZERS[name][0]}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_torchs(make_config, name):
    compare(config_of(make_config, optimizer=settings_of(name)), lambda model: OPTIMIZERS[name][1](model.parameters()))


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name.startswith(("sgd", "adam_", "adamw"))])
def test_with_torchs_fused_kernel_it_is_torchs_up_to_rounding(make_config, monkeypatch, name):
    monkeypatch.setenv("NNTUI_FUSED", "1")
    config = config_of(make_config, optimizer=settings_of(name))
    compare(config, lambda model: OPTIMIZERS[name][1](model.parameters()), rel=1e-5)


def test_every_optimizer_of_the_table_is_compared_and_every_field_of_each_set():
    for name, entry in table().optimizers.items():
        variants = [settings_of(case) for case in OPTIMIZERS if settings_of(case)["name"] == name]
        if name not in ("lbfgs", "muon"):  # below, with a closure and with two optimizers
            assert len(variants) >= 2
            assert set(entry.knobs) == {knob for one in variants for knob in one} - {"name"}


LBFGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults": ({"lr": 0.1}, {"lr": 0.1}),
    "all": (
        {
            "lr": 0.5,
            "max_iter": 7,
            "max_eval": 8,
            "tolerance_grad": 1e-5,
            "tolerance_change": 1e-6,
            "history_size": 4,
            "line_search_fn": "strong_wolfe",
        },
        {
            "lr": 0.5,
            "max_iter": 7,
            "max_eval": 8,
            "tolerance_grad": 1e-5,
            "tolerance_change": 1e-6,
            "history_size": 4,
            "line_search_fn": "strong_wolfe",
        },
    ),
}


@pytest.mark.parametrize("case", LBFGS)
def test_lbfgs_with_a_closure_over_all_rows(make_config, case):
    ours, theirs = LBFGS[case]
    assert case == "defaults" or set(ours) == set(table().optimizers["lbfgs"].knobs)
    config = config_of(make_config, batch_size=0, optimizer={"name": "lbfgs", **ours})
    compare(config, lambda model: OF.LBFGS(model.parameters(), **theirs), closure=True)


def test_lbfgs_wants_all_rows(make_config):
    with pytest.raises(ConfigError, match=r"run\.batch_size: lbfgs .* set run\.batch_size to 0"):
        config_of(make_config, optimizer={"name": "lbfgs"})


class Both:
    """Muon for the matrices and AdamW for the biases, by hand."""

    def __init__(self, model: nn.Module, lr: float, weight_decay: float, **muon: Any) -> None:
        biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
        matrices = [p for name, p in model.named_parameters() if name.endswith("weight")]
        self.two = [
            OF.Muon(matrices, lr=lr, weight_decay=weight_decay, **muon),
            OF.AdamW(biases, lr=lr, weight_decay=weight_decay),
        ]
        self.param_groups = [*self.two[0].param_groups, *self.two[1].param_groups]

    def zero_grad(self) -> None:
        for one in self.two:
            one.zero_grad()

    def step(self) -> None:
        for one in self.two:
            one.step()


MUON: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults": ({}, {"lr": 1e-3, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}),
    "all": (
        {
            "lr": 0.02,
            "weight_decay": 0.05,
            "momentum": 0.8,
            "nesterov": False,
            "eps": 1e-5,
            "ns_steps": 4,
            "ns_a": 3.0,
            "ns_b": -4.0,
            "ns_c": 1.9,
            "adjust_lr_fn": "original",
        },
        {
            "lr": 0.02,
            "weight_decay": 0.05,
            "momentum": 0.8,
            "nesterov": False,
            "eps": 1e-5,
            "ns_steps": 4,
            "ns_coefficients": (3.0, -4.0, 1.9),
        },
    ),
}


@pytest.mark.parametrize("case", MUON)
def test_muon_takes_the_matrices_and_adamw_the_rest(make_config, case):
    ours, theirs = MUON[case]
    assert case == "defaults" or set(ours) == set(table().optimizers["muon"].knobs)
    compare(config_of(make_config, optimizer={"name": "muon", **ours}), lambda model: Both(model, **theirs))


def test_muon_on_a_net_with_convolutions(make_config):
    config = make_config(
        data={"source": "digits", "train_rows": 60},
        model={"kind": "cnn", "channels": [4], "hidden": [8]},
        optimizer={"name": "muon", "lr": 0.01},
        run={"epochs": 2},
    )
    assert len(train(config).view.val_loss) == 2


def test_the_state_of_muon_goes_out_and_in():
    def setup() -> tuple[nn.Module, MuonWithAdamW]:
        torch.manual_seed(1)
        model = nn.Linear(3, 2)
        return model, MuonWithAdamW(model.parameters(), lr=0.1, weight_decay=0.1, momentum=0.9)

    def steps(model: nn.Module, optimizer: MuonWithAdamW, count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            model(torch.ones(4, 3)).square().mean().backward()
            optimizer.step()

    straight, one = setup()
    steps(straight, one, 5)
    model, first = setup()
    steps(model, first, 2)
    resumed, again = setup()
    resumed.load_state_dict(model.state_dict())
    again.load_state_dict(first.state_dict())
    assert again._parts[0].param_groups[0] is again.param_groups[0], "a schedule must reach the rate that is read"
    steps(resumed, again, 3)
    assert all(torch.equal(p, q) for p, q in zip(straight.parameters(), resumed.parameters(), strict=True))


# ------------------------------------------------------------------------------------------------------------- schedules

SGD = {"name": "sgd", "lr": 0.1, "momentum": 0.9}
STEPS = 3  # of an epoch: 142 rows in batches of 48
# What the configuration says, torch's constructor call, and whether it steps per batch.
SCHEDULES: dict[str, tuple[dict[str, Any], Any, bool]] = {
    "constant": ({}, None, False),
    "step": ({"step_size": 2, "gamma": 0.3}, lambda o: lrs.StepLR(o, step_size=2, gamma=0.3), False),
    "multistep": ({"milestones": [1, 3], "gamma": 0.3}, lambda o: lrs.MultiStepLR(o, [1, 3], gamma=0.3), False),
    "multistep_defaults": ({"milestones": [2]}, lambda o: lrs.MultiStepLR(o, [2]), False),
    "exponential": ({"gamma": 0.7}, lambda o: lrs.ExponentialLR(o, gamma=0.7), False),
    "linear": ({}, lambda o: lrs.LinearLR(o), False),
    "linear_all": (
        {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 3},
        lambda o: lrs.LinearLR(o, start_factor=0.9, end_factor=0.1, total_iters=3),
        False,
    ),
    "linear_whole": (
        {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 0},
        lambda o: lrs.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=EPOCHS),
        False,
    ),
    "polynomial": ({"total_iters": 3, "power": 2.0}, lambda o: lrs.PolynomialLR(o, total_iters=3, power=2.0), False),
    "polynomial_whole": ({}, lambda o: lrs.PolynomialLR(o, total_iters=EPOCHS), False),
    "cosine": ({"min_lr": 1e-3}, lambda o: lrs.CosineAnnealingLR(o, EPOCHS, eta_min=1e-3), False),
    "cosine_all": ({"t_max": 2, "min_lr": 1e-3}, lambda o: lrs.CosineAnnealingLR(o, 2, eta_min=1e-3), False),
    "cosine_warm_restarts": (
        {"t_0": 1, "t_mult": 2, "min_lr": 1e-3},
        lambda o: lrs.CosineAnnealingWarmRestarts(o, 1, T_mult=2, eta_min=1e-3),
        False,
    ),
    "cyclic": ({}, lambda o: lrs.CyclicLR(o, base_lr=0.0, max_lr=0.1), True),
    "cyclic_all": (
        {
            "base_lr": 0.01,
            "step_size_up": 4,
            "step_size_down": 2,
            "cycle_mode": "exp_range",
            "cycle_gamma": 0.99,
            "base_momentum": 0.7,
            "max_momentum": 0.85,
        },
        lambda o: lrs.CyclicLR(
            o, 0.01, 0.1, step_size_up=4, step_size_down=2, mode="exp_range", gamma=0.99, base_momentum=0.7,
            max_momentum=0.85,
        ),
        True,
    ),
    "cyclic_halving": (
        {"base_lr": 0.02, "step_size_up": 2, "cycle_mode": "triangular2", "cycle_momentum": False},
        lambda o: lrs.CyclicLR(o, 0.02, 0.1, step_size_up=2, mode="triangular2", cycle_momentum=False),
        True,
    ),
    "one_cycle": ({}, lambda o: lrs.OneCycleLR(o, max_lr=0.1, epochs=EPOCHS, steps_per_epoch=STEPS), True),
    "one_cycle_all": (
        {
            "pct_start": 0.4,
            "anneal_strategy": "linear",
            "base_momentum": 0.7,
            "max_momentum": 0.8,
            "div_factor": 5.0,
            "final_div_factor": 50.0,
            "three_phase": True,
        },
        lambda o: lrs.OneCycleLR(
            o, 0.1, total_steps=EPOCHS * STEPS, pct_start=0.4, anneal_strategy="linear", base_momentum=0.7,
            max_momentum=0.8, div_factor=5.0, final_div_factor=50.0, three_phase=True,
        ),
        True,
    ),
    "one_cycle_steady": (
        {"cycle_momentum": False},
        lambda o: lrs.OneCycleLR(o, 0.1, total_steps=EPOCHS * STEPS, cycle_momentum=False),
        True,
    ),
    "constant_factor": ({"total_iters": 2}, lambda o: lrs.ConstantLR(o, total_iters=2), False),
    "constant_factor_all": (
        {"factor": 0.5, "total_iters": 3},
        lambda o: lrs.ConstantLR(o, factor=0.5, total_iters=3),
        False,
    ),
    "plateau": (
        {
            "gamma": 0.2,
            "patience": 0,
            "threshold": 0.5,
            "threshold_mode": "abs",
            "cooldown": 1,
            "min_lr": 1e-3,
            "min_change": 1e-7,
        },
        lambda o: lrs.ReduceLROnPlateau(
            o, factor=0.2, patience=0, threshold=0.5, threshold_mode="abs", cooldown=1, min_lr=1e-3, eps=1e-7
        ),
        False,
    ),
    "plateau_relative": (
        {"gamma": 0.5, "patience": 0, "threshold": 0.9},
        lambda o: lrs.ReduceLROnPlateau(o, factor=0.5, patience=0, threshold=0.9),
        False,
    ),
}  # fmt: skip


def schedule_of(case: str) -> dict[str, Any]:
    name = max((name for name in ("constant", *table().schedulers) if case.startswith(name)), key=len)
    return {"name": name, **SCHEDULES[case][0]}


@pytest.mark.parametrize("case", SCHEDULES)
def test_a_schedule_is_torchs(make_config, case):
    _, scheduler, per_batch = SCHEDULES[case]
    config = config_of(make_config, optimizer=SGD, schedule=schedule_of(case))
    plain = compare(
        config, lambda model: OF.SGD(model.parameters(), lr=0.1, momentum=0.9), scheduler, per_batch=per_batch
    )
    assert case == "constant" or len(set(plain.lr)) > 1, "the rate never moved"
    if not case.startswith("plateau"):
        assert schedule_preview(config, STEPS) == plain.lr


def test_every_schedule_of_the_table_is_compared_and_every_field_of_each_set():
    for name, entry in table().schedulers.items():
        variants = [schedule_of(case) for case in SCHEDULES if schedule_of(case)["name"] == name]
        assert set(entry.knobs) == {knob for one in variants for knob in one} - {"name"}


# From a rate of 0, where cyclic starts by default, there is nothing to warm up to: refused.
@pytest.mark.parametrize("case", [case for case in SCHEDULES if case != "cyclic"])
def test_a_warm_up_goes_in_front_of_any_schedule(make_config, case):
    _, scheduler, per_batch = SCHEDULES[case]
    config = config_of(make_config, epochs=EPOCHS + 2, optimizer=SGD, schedule={**schedule_of(case), "warmup": 2})
    plain = compare(
        config,
        lambda model: OF.SGD(model.parameters(), lr=0.1, momentum=0.9),
        scheduler,
        per_batch=per_batch,
        warmup_steps=2 * STEPS,
    )
    assert plain.lr[0] < plain.lr[1] < plain.lr[2]
    if not case.startswith("plateau"):
        assert schedule_preview(config, STEPS) == plain.lr


def test_the_warm_up_is_torchs_linear_one(make_config):
    """What LinearLR multiplies up step by step is the same line, to the last digits."""
    config = config_of(make_config, optimizer=SGD, schedule={"warmup": 3})
    weight = nn.Parameter(torch.zeros(1))
    optimizer = OF.SGD([weight], lr=0.1)
    schedule = Schedule(config, optimizer, STEPS)
    other = OF.SGD([weight], lr=0.1)
    line = lrs.LinearLR(other, start_factor=1 / 10, total_iters=9)
    for _ in range(12):
        assert schedule.lr == pytest.approx(other.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        other.step()
        schedule.after_step()
        line.step()
    assert schedule.lr == 0.1


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop", "adagrad", "muon", "adafactor", "rprop"])
@pytest.mark.parametrize("schedule", ["one_cycle", "cyclic", "cosine"])
def test_schedules_go_with_every_optimizer(make_config, name, schedule):
    settings = {"base_lr": 1e-4, "step_size_up": 4} if schedule == "cyclic" else {}
    config = config_of(
        make_config, epochs=2, optimizer={"name": name, "lr": 0.01}, schedule={"name": schedule, **settings}
    )
    assert train(config).view.lr == schedule_preview(config, STEPS)


def test_one_cycle_moves_beta1_where_there_is_one(make_config):
    config = config_of(make_config, optimizer={"name": "adam", "lr": 0.02}, schedule={"name": "one_cycle"})
    compare(
        config,
        lambda model: OF.Adam(model.parameters(), lr=0.02),
        lambda o: lrs.OneCycleLR(o, 0.02, total_steps=EPOCHS * STEPS),
        per_batch=True,
    )


def through_a_file(state: Any) -> Any:
    """Saved and loaded as a checkpoint is, without pickled code."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("case", SCHEDULES)
def test_a_schedule_goes_on_from_its_state(make_config, case):
    """Saved and loaded after any number of epochs, it gives the rates that it would have given."""
    warmup = 0 if case == "cyclic" else 1
    config = config_of(make_config, optimizer=SGD, schedule={**schedule_of(case), "warmup": warmup})

    def started() -> tuple[Any, Schedule]:
        optimizer = build_optimizer(config.optimizer, [nn.Parameter(torch.zeros(1))])
        schedule = Schedule(config, optimizer, STEPS)
        optimizer.step()
        return optimizer, schedule

    def epoch(schedule: Schedule) -> list[float]:
        rates = []
        for _ in range(STEPS):
            rates.append(schedule.lr)
            schedule.after_step()
        schedule.after_epoch(1.0)
        return rates

    _, straight = started()
    expected = [epoch(straight) for _ in range(EPOCHS)]
    for split in range(1, EPOCHS):
        optimizer, first = started()
        for _ in range(split):
            epoch(first)
        again, second = started()
        again.load_state_dict(through_a_file(optimizer.state_dict()))
        second.load_state_dict(through_a_file(first.state_dict()))
        assert [epoch(second) for _ in range(EPOCHS - split)] == expected[split:]


def test_behind_its_planned_end_one_cycle_stays_low(make_config):
    config = config_of(make_config, optimizer=SGD, schedule={"name": "one_cycle"})
    optimizer = build_optimizer(config.optimizer, [nn.Parameter(torch.zeros(1))])
    schedule = Schedule(config, optimizer, STEPS)
    optimizer.step()
    for _ in range(EPOCHS * STEPS):
        schedule.after_step()
    lowest = schedule.lr
    for _ in range(10):
        schedule.after_step()
    assert schedule.lr == lowest < 1e-6


def test_the_preview_of_many_epochs_is_quick(make_config):
    config = config_of(make_config, epochs=3000, optimizer=SGD, schedule={"name": "one_cycle", "warmup": 100})
    rates = schedule_preview(config, 100_000)
    assert len(rates) == 3000
    assert max(rates) <= 0.1
