"""The optimizers that are called directly against torch's own fused ones, bit for bit."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as lrs

from engine.config import OptimizerConfig, RunConfig
from engine.direct import DirectAdam, DirectAdamW, DirectSGD, directly
from engine.optim import Schedule, build_optimizer

NUMBERS = 1013  # no multiple of a vector register
ADAM = [
    {"amsgrad": amsgrad, "weight_decay": decay, "maximize": maximize, "betas": betas}
    for amsgrad, decay, maximize, betas in itertools.product(
        [False, True], [0.0, 0.1], [False, True], [(0.9, 0.999), (0.5, 0.8)]
    )
]
SGD: list[dict[str, Any]] = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.05},
    {"weight_decay": 0.1},
    {"momentum": 0.9, "maximize": True, "weight_decay": 0.01},
]
CASES = [
    *(
        (DirectAdam, torch.optim.Adam, {**options, "decoupled_weight_decay": how})
        for options in ADAM
        for how in (False, True)
    ),
    *((DirectAdamW, torch.optim.AdamW, options) for options in ADAM),
    *((DirectSGD, torch.optim.SGD, options) for options in SGD),
]


def vector() -> nn.Parameter:
    torch.manual_seed(4)
    return nn.Parameter(torch.randn(NUMBERS))


def steps(optimizer: torch.optim.Optimizer, start: int, count: int) -> None:
    """Gradients that depend on the number of the step alone, large and tiny ones."""
    values = optimizer.param_groups[0]["params"][0]
    for step in range(start, start + count):
        torch.manual_seed(step)
        gradient = torch.randn(NUMBERS) * 10.0 ** torch.randint(-8, 3, (NUMBERS,))
        if values.grad is None:
            values.grad = gradient
        else:
            values.grad.copy_(gradient)
        optimizer.step()


def the_same(one: torch.optim.Optimizer, other: torch.optim.Optimizer) -> None:
    assert torch.equal(one.param_groups[0]["params"][0], other.param_groups[0]["params"][0])
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    assert ours["state"].keys() == theirs["state"].keys()
    for number, state in ours["state"].items():
        assert state.keys() == theirs["state"][number].keys()
        for name, value in state.items():
            again = theirs["state"][number][name]
            assert torch.equal(value, again) if isinstance(value, torch.Tensor) else value == again


@pytest.mark.parametrize(("ours", "theirs", "options"), CASES)
def test_a_step_is_torchs_own_fused_step(ours, theirs, options):
    one, other = (kind([vector()], lr=0.03, fused=True, **options) for kind in (ours, theirs))
    before = one.param_groups[0]["params"][0].detach().clone()
    steps(one, 0, 12)
    steps(other, 0, 12)
    the_same(one, other)
    assert not torch.equal(one.param_groups[0]["params"][0], before)


@pytest.mark.parametrize(("ours", "theirs", "options"), CASES[::5])
def test_the_state_goes_over_to_torchs_own_and_back(ours, theirs, options):
    for first, second in ((ours, theirs), (theirs, ours), (ours, ours)):
        whole = ours([vector()], lr=0.03, fused=True, **options)
        steps(whole, 0, 9)
        begun = first([vector()], lr=0.03, fused=True, **options)
        steps(begun, 0, 4)
        values = nn.Parameter(begun.param_groups[0]["params"][0].detach().clone())
        resumed = second([values], lr=0.5, fused=True)
        resumed.load_state_dict(copy.deepcopy(begun.state_dict()))
        steps(resumed, 4, 5)
        the_same(resumed, whole)


@pytest.mark.parametrize(
    "schedule", [lambda o: lrs.OneCycleLR(o, 0.1, total_steps=20), lambda o: lrs.StepLR(o, 2, 0.5)]
)
@pytest.mark.parametrize(("ours", "theirs", "options"), [CASES[3], CASES[-5]])
def test_schedules_move_it_as_they_move_torchs_own(ours, theirs, options, schedule):
    pair = [kind([vector()], lr=0.03, fused=True, **options) for kind in (ours, theirs)]
    schedules = [schedule(one) for one in pair]
    for step in range(8):
        for one, moved in zip(pair, schedules, strict=True):
            steps(one, step, 1)
            moved.step()
    the_same(*pair)
    assert pair[0].param_groups[0]["lr"] != 0.03


def test_an_edited_rate_and_decay_count_from_the_next_step_on():
    pair = [kind([vector()], lr=0.03, fused=True) for kind in (DirectAdamW, torch.optim.AdamW)]
    for one in pair:
        steps(one, 0, 3)
        one.param_groups[0].update(lr=0.5, weight_decay=0.3)
        steps(one, 3, 3)
    the_same(*pair)


def test_a_closure_is_evaluated_as_torch_does():
    pair = [kind([vector()], lr=0.03, fused=True) for kind in (DirectAdam, torch.optim.Adam)]
    for one in pair:
        values = one.param_groups[0]["params"][0]

        def closure(values=values):
            values.grad = values.detach().sign()
            return float(values.detach().sum())

        assert [one.step(closure), one.step(closure)][1] is not None
    the_same(*pair)


def test_which_optimizers_are_called_directly():
    def kind(name: str, fused: bool = True, **more: Any) -> str:
        return type(build_optimizer(OptimizerConfig(name=name, **more), [vector()], fused)).__name__

    assert [kind(name) for name in ("adam", "adamw", "sgd", "rmsprop")] == [
        "DirectAdam",
        "DirectAdamW",
        "DirectSGD",
        "RMSprop",
    ]
    assert [kind(name, False) for name in ("adam", "adamw", "sgd")] == ["Adam", "AdamW", "SGD"]
    assert kind("adam", extra="maximize=true") == "Adam", "an option that is not ours to know is torch's to obey"
    assert directly(torch.optim.Adam, nn.Parameter(torch.zeros(3, dtype=torch.complex64)))[1] == {}


def test_a_schedule_of_the_engine_moves_the_rate_that_is_read():
    config = RunConfig.model_validate({"schedule": {"name": "cosine"}, "run": {"epochs": 4}})
    optimizer = build_optimizer(config.optimizer, [vector()], True)
    schedule = Schedule(config, optimizer, 3)
    steps(optimizer, 0, 1)
    schedule.after_epoch(1.0)
    assert optimizer.param_groups[0]["lr"] == schedule.lr < config.optimizer.lr
