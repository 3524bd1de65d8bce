"""The learning-rate range test: what it measures, what it suggests, and that it leaves everything else alone."""

from __future__ import annotations

import math

import pytest
import torch
from typer.testing import CliRunner

from engine import ConfigError, train
from engine.cli import app
from engine.lr_find import RangeTest, describe, find_lr, suggestions


def sweep(start: float = 1e-6, end: float = 1.0, steps: int = 61) -> list[float]:
    return [start * (end / start) ** (step / (steps - 1)) for step in range(steps)]


def test_the_suggestions_for_a_curve_drawn_by_hand():
    """Level, then a smooth fall around 1e-3 that ends at 1e-2, then an explosion."""
    rates = sweep()
    losses = [2 - 1 / (1 + math.exp(-3 * math.log(rate / 1e-3))) + (0 if rate < 0.02 else rate * 50) for rate in rates]
    steepest, tenth = suggestions(rates, losses)
    assert steepest is not None and tenth is not None
    assert 0.8e-3 < steepest < 1.25e-3
    assert tenth == pytest.approx(rates[losses.index(min(losses))] / 10)


def test_noise_on_the_level_part_is_no_fall():
    rates = sweep()
    losses = [2 + 0.2 * math.sin(12 * step) - 1 / (1 + (1e-2 / rate) ** 2) for step, rate in enumerate(rates)]
    steepest, _ = suggestions(rates, losses)
    assert steepest is not None
    assert 2e-3 < steepest < 5e-2


@pytest.mark.parametrize("losses", [[1.0] * 61, [1.0 + 0.01 * step for step in range(61)], [1.0, 0.5]])
def test_no_suggestion_when_the_loss_does_not_fall(losses):
    assert suggestions(sweep()[: len(losses)], losses) == (None, None)


def test_a_step_of_the_sweep_is_a_textbook_step(make_config):
    """Against a loop written out by hand: the losses are those before each step, the rates grow by one factor."""
    config = make_config(
        data={"source": "wine"},
        model={"kind": "linear"},
        optimizer={"name": "sgd", "momentum": 0.0},
        run={"batch_size": 0, "seed": 3},
    )
    found = find_lr(config, 1e-4, 1.0, 12)
    from engine.data.prepared import load_prepared

    data = load_prepared(config.data)
    torch.manual_seed(3)
    model = torch.nn.Linear(data.x_train.shape[1], data.classes)
    order = torch.randperm(len(data.x_train), generator=torch.Generator().manual_seed(3))
    x, y = torch.from_numpy(data.x_train)[order], torch.from_numpy(data.y_train)[order]
    losses = []
    for step in range(12):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        losses.append(loss.item())
        for weight, grad in zip(
            list(model.parameters()), torch.autograd.grad(loss, list(model.parameters())), strict=True
        ):
            weight.data -= 1e-4 * 10 ** (4 * step / 11) * grad
    assert found.rates == pytest.approx([1e-4 * 10 ** (4 * step / 11) for step in range(12)])
    assert found.losses == pytest.approx(losses, rel=1e-5)
    mean = [0.1 * losses[0], 0.9 * 0.1 * losses[0] + 0.1 * losses[1]]
    assert found.smoothed[:2] == pytest.approx([mean[0] / 0.1, mean[1] / (1 - 0.81)], rel=1e-5)


def test_it_stops_where_the_loss_explodes(make_config):
    config = make_config(data={"source": "diabetes"}, optimizer={"name": "sgd"})
    found = find_lr(config, 1e-5, 1e3, 120)
    assert found.diverged
    assert found.rates[-1] < 1e3
    assert all(map(math.isfinite, found.losses))
    assert max(found.smoothed[:-1]) <= 4 * min(found.smoothed)
    assert found.tenth is not None and found.steepest is not None
    assert 1e-4 < found.tenth < found.rates[-1]


def test_a_later_run_does_not_notice(make_config, tmp_path):
    config = make_config(data={"source": "wine"}, regularization={"dropout": 0.2}, run={"epochs": 2})
    before = train(config)
    files = sorted(tmp_path.rglob("*"))
    torch.manual_seed(11)
    state = torch.random.get_rng_state()
    one = find_lr(config, steps=20)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert sorted(tmp_path.rglob("*")) == files, "a range test writes nothing"
    after = train(config)
    assert after.view.val_loss == before.view.val_loss
    assert find_lr(config, steps=20) == one


def test_a_schedule_does_not_bend_the_sweep(make_config):
    plain = make_config(data={"source": "wine"})
    bent = make_config(data={"source": "wine"}, schedule={"name": "one_cycle", "warmup": 2})
    assert find_lr(plain, steps=20) == find_lr(bent, steps=20)


@pytest.mark.parametrize(
    ("optimizer", "limits", "problem"),
    [
        ("lbfgs", (1e-5, 1.0, 20), "finds the size of its steps by itself"),
        ("rprop", (1e-5, 1.0, 20), "finds the size of its steps by itself"),
        ("adam", (1.0, 0.1, 20), "no sweep goes from 1 to 0.1"),
        ("adam", (0.0, 0.1, 20), "no sweep goes from 0"),
        ("adam", (0.1, math.inf, 20), "no sweep goes"),
        ("adam", (math.nan, 1.0, 20), "no sweep goes"),
        ("adam", (1e-5, 1.0, 9), "9 steps are too few"),
    ],
)
def test_what_cannot_be_swept_is_refused(make_config, optimizer, limits, problem):
    config = make_config(data={"source": "wine"}, optimizer={"name": optimizer}, run={"batch_size": 0})
    with pytest.raises(ConfigError, match=problem):
        find_lr(config, *limits)


def test_the_command_prints_a_table_and_a_suggestion():
    done = CliRunner().invoke(app, ["lr-find", "--sample", "digits", "--steps", "40", "--set", "run.device=cpu"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[1].split() == ["learning", "rate", "loss"]
    assert lines[2].split()[0] == "1.00e-07"
    assert "Suggestion: optimizer.lr = " in done.output
    assert all(len(line) <= 80 for line in lines)


def test_a_sweep_without_a_fall_says_so():
    text = describe(RangeTest((0.1, 0.2), (1.0, 1.0), (1.0, 1.0), None, None, False))
    assert "did not diverge" in text
    assert "No suggestion" in text
    assert describe(RangeTest((), (), (), None, None, True))
