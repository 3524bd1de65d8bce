"""The sample configurations: each loads, and the healthy one is healthy."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import events as e
from engine import load_config, read_journal, train
from engine.samples import about, samples

NAMES = {"digits", "overfit", "overfit_dropout", "overfit_l2", "overfit_early_stopping", "moons", "digits_cnn"}


def test_the_samples_of_the_readme_are_there():
    assert samples().keys() >= {*NAMES, "diabetes_regression"}


@pytest.mark.parametrize("name", samples())
def test_a_sample_loads_and_says_what_it_shows(name):
    load_config(samples()[name])
    assert len(about(samples()[name])) > 40


def test_the_digits_sample_learns_and_never_warns(tmp_path):
    settings = [f"run.folder={tmp_path}", "run.device=cpu", "run.tensorboard=off"]
    result = train(load_config(samples()["digits"], settings))
    assert result.test_metric is not None and result.test_metric >= 0.95
    assert not [
        item for item in read_journal(Path(result.folder) / "events.jsonl") if isinstance(item, e.FindingRaised)
    ]
