"""A run that is stopped anywhere and taken up again equals one that never was, in every bit."""

from __future__ import annotations

from functools import partial

import pytest
from support.resuming import (
    LOOKS,
    Timed,
    assert_equal_runs,
    consistent,
    end_of,
    events_of,
    last_content,
    small_config,
    stop,
    stop_and_test,
    stopped_at,
    view_of,
)
from support.sinks import Acting

from engine import events as e
from engine import resume, train
from engine.torchtable import table

EPOCHS = 3
AFTER_THE_LAST_BATCH = LOOKS - 1


@pytest.fixture
def small(make_config):
    return partial(small_config, make_config)


def assert_resumes(config, look=LOOKS + 4, action=stop):
    """Stop in the middle of the second epoch, or elsewhere, and go on: all is as in the undisturbed run."""
    whole = train(config)
    folder = stopped_at(config, look, action)
    again = resume(folder)
    assert again.reason == whole.reason
    assert_equal_runs(whole.folder, folder)
    consistent(view_of(folder))
    return whole, again


def test_six_batches_an_epoch(small):
    token = Timed()
    result = train(small(), (), token)
    assert result.view.model is not None
    assert (result.view.model.steps_per_epoch, token.looks) == (LOOKS - 2, LOOKS * EPOCHS)


# -- anywhere -----------------------------------------------------------------------------------------------------------


def test_every_batch_of_a_run(small):
    """Before the first batch, after each one, at the end of each epoch: with all that draws random numbers."""
    config = small(regularization={"dropout": 0.2, "input_dropout": 0.1, "mixup": 0.3, "input_noise": 0.1})
    whole = train(config)
    for look in range(1, LOOKS * EPOCHS):
        folder = stopped_at(config, look)
        resume(folder)
        assert_equal_runs(whole.folder, folder)


@pytest.mark.parametrize("look", [1, 4, AFTER_THE_LAST_BATCH, LOOKS, LOOKS + AFTER_THE_LAST_BATCH])
def test_a_stop_that_tests_first(small, look):
    """Stopped as a person does it: after the last batch of an epoch, that epoch is brought to its end."""
    assert_resumes(small(regularization={"dropout": 0.3}), look, stop_and_test)


def test_the_test_of_a_stopped_run_is_of_its_best_epoch_and_is_unsaid_when_it_goes_on(small):
    folder = stopped_at(small(), 2 * LOOKS + 3, stop_and_test)
    before = view_of(folder)
    assert before.test is not None
    assert before.test.epoch == before.best_epoch
    result = resume(folder)
    assert result.view.test is not None
    assert result.view.epochs == [1, 2, 3]
    assert [one.after for one in result.view.chapters] == ["ended"]


@pytest.mark.parametrize("average", ["none", "ema", "swa"])
@pytest.mark.parametrize("glance", [1, 3])
def test_stopped_during_validation(small, average, glance):
    swa = {"swa_start": 0.3} if average == "swa" else {}
    config = small(run={"average": average, **swa}, regularization={"dropout": 0.2})
    whole = train(config)
    token = Timed(now={_validation(config, glance): stop})
    folder = train(config, (), token).folder
    assert view_of(folder).epochs == list(range(1, glance))
    content = last_content(folder)
    assert (content["done"], content["batch"]) == (glance - 1, LOOKS - 2)
    resume(folder)
    assert_equal_runs(whole.folder, folder)


def _validation(config, epoch):
    """At which glance at the token's hurry the validation of an epoch takes place; there is one in each."""
    token = Timed()
    ends = []
    train(
        config, [Acting(lambda event: ends.append(token.glances) if isinstance(event, e.EpochEnded) else None)], token
    )
    return ends[epoch - 1]


def test_stopped_in_a_hurry_during_the_test(small):
    """All epochs are done, and the figures are still to come: the run has not ended, and a resumed one has only to test."""
    config = small()
    token = Timed()
    whole = train(config, (), token)
    tested = token.glances
    folder = train(config, (), token := Timed(now={tested: stop})).folder
    assert token.glances == tested
    assert end_of(folder) == "terminated"
    assert view_of(folder).test is None
    result = resume(folder)
    assert result.reason == "epochs_done"
    assert_equal_runs(whole.folder, folder)
    assert len(events_of(folder, e.EpochEnded)) == EPOCHS


def test_stopped_behind_the_last_epoch(small):
    """A stop that comes when everything is done; in a hurry, so that the test is left."""
    whole = train(small())
    folder = stopped_at(small(), LOOKS * EPOCHS)
    assert view_of(folder).test is None
    resume(folder)
    assert_equal_runs(whole.folder, folder)


def test_again_and_again_in_the_same_epoch(small):
    config = small(regularization={"dropout": 0.2}, run={"accumulate": 4})
    whole = train(config)
    folder = stopped_at(config, LOOKS + 2)
    for look in (1, 2, 3, 2):  # of a process that goes on: 1 is before it has done anything
        assert resume(folder, (), Timed({look: stop})).reason == "terminated"
    resume(folder)
    assert_equal_runs(whole.folder, folder)
    assert len(view_of(folder).chapters) == 5


# -- everything that moves ----------------------------------------------------------------------------------------------

_OPTIMIZERS = sorted(table().optimizers)


@pytest.mark.parametrize("name", _OPTIMIZERS)
def test_every_optimizer(small, name):
    whole_set = {"batch_size": 0} if name == "lbfgs" else {}
    look = 4 if name == "lbfgs" else LOOKS + 4
    assert_resumes(small(optimizer={"name": name}, run=whole_set), look)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"name": "adam", "amsgrad": True},
        {"name": "rmsprop", "centered": True, "momentum": 0.5},
        {"name": "lbfgs", "line_search_fn": "strong_wolfe"},
    ],
    ids=str,
)
def test_options_of_optimizers(small, optimizer):
    lbfgs = optimizer["name"] == "lbfgs"
    assert_resumes(small(optimizer=optimizer, run={"batch_size": 0 if lbfgs else 25}), 4 if lbfgs else LOOKS + 4)


_SCHEDULES = {
    "step": {"step_size": 1},
    "multistep": {"milestones": [1, 2]},
    "linear": {"total_iters": 2},
    "constant_factor": {"total_iters": 2},
    "cosine_warm_restarts": {"t_0": 2},
    "cyclic": {"base_lr": 1e-4, "step_size_up": 5},
    "plateau": {"patience": 0, "threshold": 0.5},
}


@pytest.mark.parametrize("warmup", [0, 1])
@pytest.mark.parametrize("name", ["constant", *sorted(table().schedulers)])
def test_every_schedule(small, name, warmup):
    schedule = {"name": name, "warmup": warmup, **_SCHEDULES.get(name, {})}
    optimizer = {"name": "sgd" if warmup else "adam", "lr": 0.02}
    assert_resumes(small(schedule=schedule, optimizer=optimizer, run={"epochs": 4}), 2 * LOOKS - (3 if warmup else 0))


@pytest.mark.parametrize("schedule", [{"name": "cyclic", "cycle_mode": "exp_range", "step_size_up": 4}], ids=str)
def test_options_of_schedules(small, schedule):
    assert_resumes(small(schedule={"base_lr": 1e-4, **schedule}, optimizer={"name": "sgd", "momentum": 0.8}))


def test_in_the_middle_of_the_warm_up(small):
    assert_resumes(small(schedule={"name": "one_cycle", "warmup": 2}, run={"epochs": 5}), LOOKS + 3)


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"batch_norm": True, "hidden": [8, 8]}, "regularization": {"dropout": 0.2}},
        {"run": {"accumulate": 4}, "regularization": {"dropout": 0.2}},
        {"run": {"accumulate": 100}},
        {"run": {"average": "ema", "ema_decay": 0.9}, "model": {"batch_norm": True}},
        {"run": {"average": "swa", "swa_start": 0.0}, "model": {"batch_norm": True}},
        {"optimizer": {"clip_norm": 0.1, "clip_value": 0.05, "lr": 0.1}},
        {"run": {"precision": "bfloat16"}, "regularization": {"dropout": 0.2}},
        {"run": {"train_eval": "on"}, "regularization": {"label_smoothing": 0.1}},
        {"regularization": {"l1": 1e-3, "l2": 1e-3, "weight_decay": 0.05, "max_norm": 0.5}},
        {"data": {"source": "diabetes"}, "run": {"batch_size": 45}},
        {"data": {"source": "diabetes"}, "loss": {"name": "huber"}, "run": {"batch_size": 45}},
        {"loss": {"class_weights": "balanced"}},
        {"loss": {"name": "nll"}, "regularization": {"mixup": 0.4, "input_noise": 0.2}},
        {"early_stopping": {"restore_best": False}},
        {"early_stopping": {"enabled": False}},
        {"model": {"init": "orthogonal", "activation": "tanh"}, "early_stopping": {"monitor": "accuracy"}},
    ],
    ids=str,
)
def test_everything_else(small, sections):
    assert_resumes(small(**sections))


def test_convolutions(small):
    model = {"kind": "cnn", "channels": [4], "hidden": [8], "batch_norm": True}
    data = {"source": "digits", "train_rows": 114}
    assert_resumes(small(data=data, model=model, regularization={"dropout": 0.2}))


def test_histograms_of_weights_and_gradients(small):
    config = small(run={"histograms": 1, "tensorboard": True, "figures": False, "accumulate": 2})
    whole, again = assert_resumes(config, LOOKS + AFTER_THE_LAST_BATCH)  # the gradients of the last step come along
    samples = [events_of(one.folder, e.WeightsSampled) for one in (whole, again)]
    assert len(samples[0]) == EPOCHS
    assert [one.histograms for one in samples[0]] == [one.histograms for one in samples[1]]
