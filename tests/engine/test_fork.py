"""A new run that begins with the weights of an old one."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from support.resuming import Timed, assert_equal_runs, last_content, small_config, stop

from engine import ConfigError, TrainingError, resume, train

EPOCHS = 3


@pytest.fixture
def small(make_config):
    return partial(small_config, make_config)


# -- a new run from an old one's weights --------------------------------------------------------------------------------


def test_fork_from_a_run_that_has_ended_or_was_stopped(small):
    ended, stopped = train(small()), train(small(), (), Timed({12: stop}))
    for folder in (ended.folder, stopped.folder):
        config = small(model={"hidden": [8], "weights": folder})
        result = train(config, (), Timed({1: stop}))
        note = next(text for _, text in result.view.log if text.startswith("begins with"))
        assert note.startswith("begins with 4 of 4 weight tensors from ")
        weights = last_content(result.folder)["model"]
        best = last_content(folder)["best_weights"]
        assert all(torch.equal(weights[name], best[name]) for name in best)
        resume(result.folder)
        assert_equal_runs(train(config).folder, result.folder)


def test_fork_into_another_architecture(small):
    """What fits is taken, and what does not is named."""
    folder = train(small()).folder
    result = train(small(model={"hidden": [8, 4], "weights": folder}), (), Timed({1: stop}))
    note = next(text for _, text in result.view.log if text.startswith("begins with"))
    assert note.startswith("begins with 2 of 6 weight tensors from ")
    assert note.endswith("; fresh: 2.weight, 2.bias, 4.weight, 4.bias")
    for source, problem in (
        (folder, "fits this model"),
        ("nowhere", "cannot read"),
        (str(Path(folder).parent), "neither"),
    ):
        with pytest.raises(ConfigError) as caught:
            train(small(model={"hidden": [99], "weights": source}, data={"source": "breast_cancer"}))
        assert caught.value.faults[0].key == "model.weights"
        assert problem in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("trials", [{}, {"kind": "kfold", "folds": 3, "side_by_side": "off"}], ids=str)
def test_a_fork_is_taken_up_again_when_the_old_run_is_gone(small, trials):
    old = train(small()).folder
    config = small(model={"hidden": [8], "weights": old}, trials=trials)
    whole = train(config)
    folder = train(config, (), Timed({12: stop})).folder
    unborn = train(config, (), Timed({1: stop})).folder
    shutil.rmtree(old)
    for file in (Path(unborn)).rglob("*.pt"):
        file.unlink()
        (file.parent / "manifest.json").unlink(missing_ok=True)
    if trials:  # a trial that has not begun needs them
        with pytest.raises(TrainingError, match=r"model\.weights: cannot read"):
            resume(folder)
    else:
        resume(folder)
        assert_equal_runs(whole.folder, folder)
    with pytest.raises(ConfigError, match="cannot read"):
        resume(unborn)
