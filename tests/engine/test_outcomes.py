"""What training comes to: real data is learned, overfitting is named, and its cures cure it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import events as e
from engine import load_config, train

SAMPLES = Path(__file__).parents[2] / "sample_configs"
QUIET = ("run.device=cpu", "run.tensorboard=off")


@pytest.fixture
def run_sample(tmp_path):
    def run(name: str, *settings: str):
        folder = f"run.folder={tmp_path / 'runs'}"
        return train(load_config(SAMPLES / f"{name}.toml", [*QUIET, folder, *settings]))

    return run


def warnings(result) -> list[e.FindingRaised]:
    from engine import read_journal

    return [item for item in read_journal(Path(result.folder) / "events.jsonl") if isinstance(item, e.FindingRaised)]


def test_digits_are_learned_with_everything_at_its_default(make_config):
    result = train(make_config())
    assert result.test_metric >= 0.95
    assert result.baseline < 0.15
    assert not warnings(result)


@pytest.mark.parametrize("source", ["wine", "breast_cancer", "iris"])
def test_small_tables_are_learned_with_everything_at_its_default(make_config, source):
    result = train(make_config(data={"source": source}, optimizer={"lr": 0.01}))
    assert result.test_metric >= 0.9
    assert result.baseline < 0.7


@pytest.mark.parametrize(("source", "linear", "net"), [("xor", 0.7, 0.9), ("circles", 0.7, 0.9), ("moons", 0.95, 0.95)])
def test_what_needs_a_hidden_layer_needs_one(make_config, source, linear, net):
    data = {"source": source, "noise": 0.1, "rows": 600}
    straight = train(make_config(data=data, model={"kind": "linear"}, optimizer={"lr": 0.03}, run={"epochs": 20}))
    bent = train(make_config(data=data, model={"hidden": [32]}, optimizer={"lr": 0.03}, run={"epochs": 20}))
    assert straight.test_metric <= linear
    assert bent.test_metric >= net


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("split", range(2))
def test_diabetes_beats_the_mean_predictor(run_sample, seed, split):
    result = run_sample("diabetes_regression", f"run.seed={seed}", f"data.seed={split}")
    assert result.test_metric <= 0.85 * result.baseline


def test_overfitting_is_named_after_the_best_epoch(run_sample):
    result = run_sample("overfit")
    raised = warnings(result)
    assert {item.kind for item in raised} == {"overfitting"}
    assert raised[0].began == result.best_epoch + 1
    assert raised[0].epoch > result.best_epoch
    assert "overfitting" in result.view.findings, "and it still holds at the end"


@pytest.mark.parametrize("cure", ["dropout", "l2", "early_stopping"])
def test_its_cures_raise_no_warning(run_sample, cure):
    assert not warnings(run_sample(f"overfit_{cure}"))
