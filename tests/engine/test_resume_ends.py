"""What a run is taken up again with: more epochs, after a kill, on a bad disk, in the midst of trials, and what is refused."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from support.resuming import (
    LOOKS,
    Timed,
    assert_equal_runs,
    consistent,
    damage,
    difference,
    end_of,
    events_of,
    figures,
    folder_of,
    last_content,
    lines_of,
    newest_checkpoint,
    scalars_of,
    small_config,
    stop,
    stop_and_test,
    stopped_at,
    view_of,
)
from support.sinks import Acting

from engine import ConfigError, InputError, TrainingError, resume, start_again, train
from engine import events as e
from engine.commands import Edit, Revert
from engine.lock import RunLock
from engine.rundir import RunDir

EPOCHS = 3


@pytest.fixture
def small(make_config):
    return partial(small_config, make_config)


# -- early stopping and more epochs -------------------------------------------------------------------------------------

_HASTY = {"patience": 3, "min_delta": 0.0}
_RISING = {
    "data": {"source": "wine", "train_rows": 30},
    "optimizer": {"lr": 0.1},
    "run": {"epochs": 40, "batch_size": 5},
}
_LOOKS_RISING = 8


def test_patience_half_used_up(small):
    config = small(early_stopping=_HASTY, **_RISING)
    whole = train(config)
    assert whole.reason == "early_stopping"
    assert whole.epochs < 40
    look = (whole.epochs - 1) * _LOOKS_RISING + 3  # two of the three epochs have been waited
    folder = stopped_at(config, look)
    assert events_of(folder, e.EarlyStoppingChecked)[-1].waited == 2
    again = resume(folder)
    assert (again.reason, again.epochs) == ("early_stopping", whole.epochs)
    assert_equal_runs(whole.folder, folder)


def test_more_epochs_after_early_stopping_has_fired(small):
    """Exactly so many more, whatever it says; the best weights are kept, and tested in the end."""
    config = small(early_stopping=_HASTY, **_RISING)
    first = train(config)
    again = resume(first.folder, more=4)
    assert (again.reason, again.epochs) == ("epochs_done", first.epochs + 4)
    assert again.view.total_epochs == first.epochs + 4
    run = {"epochs": first.epochs + 4, "batch_size": 5}
    patient = train(small(early_stopping={"enabled": False}, **{**_RISING, "run": run}))
    assert again.view.val_loss == patient.view.val_loss
    assert again.best_epoch == patient.best_epoch
    assert again.test_loss == patient.test_loss
    assert events_of(again.folder, e.TestMeasured)[-1].epoch == again.best_epoch
    with pytest.raises(InputError, match="has ended: all epochs done"):
        resume(first.folder)
    assert resume(first.folder, more=1).epochs == first.epochs + 5


def test_more_epochs_after_all_are_done_equal_a_longer_run(small):
    first = train(small())
    again = resume(first.folder, more=2)
    assert again.reason == "epochs_done"
    longer = train(small(run={"epochs": EPOCHS + 2}))
    assert again.view.val_loss == longer.view.val_loss
    assert (again.view.extended, again.view.total_epochs) == (2, EPOCHS + 2)
    consistent(view_of(first.folder))


def test_more_epochs_for_a_run_that_was_stopped_are_added_to_its_plan(small):
    folder = stopped_at(small(), LOOKS + 3)
    again = resume(folder, more=2)
    assert again.view.epochs == list(range(1, EPOCHS + 3))


def test_more_epochs_outlive_the_next_stop(small):
    first = train(small())
    assert resume(first.folder, (), Timed({3: stop}), more=3).reason == "terminated"
    assert resume(first.folder).epochs == EPOCHS + 3


def test_cosine_stays_at_its_last_rate_beyond_its_planned_end(small):
    """The others go on as torch has them."""
    lowest = 1e-5
    cosine = train(small(schedule={"name": "cosine", "min_lr": lowest}))
    rates = resume(cosine.folder, more=4).view.lr
    assert rates[:EPOCHS] == cosine.view.lr
    assert rates[EPOCHS:] == pytest.approx([lowest] * 4)
    one_cycle = train(small(schedule={"name": "one_cycle"}))
    last = resume(one_cycle.folder, more=3).view.lr[EPOCHS:]
    assert last[0] == last[1] == last[2] < 1e-3
    for schedule in ({"name": "step", "step_size": 2}, {"name": "plateau", "patience": 0, "threshold": 0.9}):
        first = train(small(schedule=schedule))
        again = resume(first.folder, more=3)
        longer = train(small(schedule=schedule, run={"epochs": EPOCHS + 3}))
        assert again.view.lr == longer.view.lr
        assert len(set(again.view.lr)) > len(set(first.view.lr))


# -- what is refused ----------------------------------------------------------------------------------------------------


def test_a_run_that_has_ended(small):
    first = train(small())
    lines = lines_of(first.folder)
    with pytest.raises(InputError) as caught:
        resume(first.folder)
    assert str(caught.value) == f"{Path(first.folder).name} has ended: all epochs done; `--more N` adds N epochs"
    with pytest.raises(InputError):
        start_again(first.folder).result()
    assert lines_of(first.folder) == lines  # nothing was written


def test_after_a_loss_that_is_not_finite(small):
    diverging = small(
        loss={"name": "cross_entropy"},
        optimizer={"name": "sgd", "lr": 1000.0},
        model={"activation": "identity", "hidden": [8] * 12},
        run={"epochs": 9},
    )
    first = train(diverging)
    assert first.reason == "non_finite"
    for more in (0, 3):
        with pytest.raises(InputError, match=r"no longer a finite number; start a new run with model\.weights"):
            resume(first.folder, more=more)


def test_a_changed_setting_is_refused_by_its_key(small):
    folder = stopped_at(small(), LOOKS + 3)
    file = RunDir(Path(folder)).config
    text = file.read_text("utf-8")
    file.write_text(text.replace("batch_size = 25", "batch_size = 10").replace("lr = 0.001", "lr = 0.5"), "utf-8")
    with pytest.raises(ConfigError) as caught:
        resume(folder)
    assert [fault.key for fault in caught.value.faults] == ["optimizer.lr", "run.batch_size"]
    assert "was started with 25, not 10" in str(caught.value)


def test_a_second_process_is_told_the_first_ones_number(small):
    folder = stopped_at(small(), LOOKS + 3)
    with RunLock.take(RunDir(Path(folder))), pytest.raises(InputError, match=f"{os.getpid()}"):
        resume(folder)
    assert resume(folder).reason == "epochs_done"


# -- what a kill, or a bad disk, leaves ---------------------------------------------------------------------------------


def killed_when(config, tmp_path, moment):
    """A copy of the run's folder as it was on the disk when the n-th event of a kind was told: what a kill would leave."""
    kind, number = moment
    told = Acting()

    def copy(event):
        if isinstance(event, kind) and sum(isinstance(one, kind) for one in told.seen) == number:
            shutil.copytree(folder_of(told.seen), tmp_path / "killed")

    told.act = copy
    return train(config, [told]), tmp_path / "killed"


def test_killed_before_the_first_checkpoint(small, tmp_path):
    """It begins anew, and the record says so: each epoch counts once, in TensorBoard as well."""
    config = small(run={"tensorboard": True, "figures": False, "checkpoint_pause": 1000.0})
    whole, folder = killed_when(config, tmp_path, (e.EpochEnded, 2))
    assert not list(folder.glob("checkpoints/*.pt"))
    result = resume(folder)
    assert result.view.chapters[0].after == "lost"
    assert_equal_runs(whole.folder, folder)
    consistent(view_of(folder))
    assert [step for step, _ in scalars_of(folder)["loss/validation"]] == [1, 2, 3]


def test_killed_when_an_epoch_was_saved(small, tmp_path):
    config = small(run={"checkpoint_pause": 0.0}, regularization={"dropout": 0.2})
    whole, folder = killed_when(config, tmp_path, (e.CheckpointSaved, 2))
    result = resume(folder)
    assert_equal_runs(whole.folder, folder)
    assert result.view.resumed_at[0] >= 1  # not anew; which one depends on how fast the disk is


def test_killed_in_the_middle_of_an_epoch_that_was_saved_there(small, tmp_path):
    config = small(run={"checkpoint_pause": 1000.0, "checkpoint_minutes": 1e-9}, regularization={"dropout": 0.2})
    whole, folder = killed_when(config, tmp_path, (e.EpochStarted, 3))
    resume(folder)
    assert_equal_runs(whole.folder, folder)


def test_no_checkpoints_at_all(small):
    """Switched off, a run that was stopped begins anew."""
    config = small(run={"checkpoints": 0})
    whole = train(config)
    folder = stopped_at(config, 2 * LOOKS + 3, stop_and_test)
    assert not (Path(folder) / "checkpoints").exists()
    result = resume(folder)
    assert figures(result.view) == figures(whole.view)
    consistent(view_of(folder))
    with pytest.raises(InputError, match="no checkpoint to go on from"):
        resume(folder, more=1)


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_used(small):
    config = small(run={"checkpoint_pause": 0.0}, regularization={"dropout": 0.2})
    whole = train(config)
    folder = stopped_at(config, 2 * LOOKS + 3)
    bad = newest_checkpoint(folder)
    damage(bad, 5000)
    result = resume(folder)
    notes = [text for _, text in result.view.log if text.startswith("checkpoint: ")]
    assert len(notes) == 1
    assert bad.name in notes[0]
    assert_equal_runs(whole.folder, folder)
    assert result.view.resumed_at in ([1], [2])


def test_all_checkpoints_damaged(small):
    """Nothing is begun anew over them: somebody may be able to save something. Each is named."""
    folder = stopped_at(small(), 2 * LOOKS + 3)
    bad = newest_checkpoint(folder)
    damage(bad, 5000)
    for more in (0, 2):
        with pytest.raises(TrainingError, match="no checkpoint of this run can be used: ") as caught:
            resume(folder, more=more)
        assert bad.name in str(caught.value)
        assert "\n" not in str(caught.value)
    damage(bad, 5000)  # the bit is flipped back
    resume(folder)
    assert_equal_runs(train(small()).folder, folder)


@pytest.mark.parametrize("line", ["", "{", "\0" * 100, '{"event":"EpochEnded"}'])
def test_a_journal_with_a_damaged_middle(small, line):
    """What is lost there is lost; the rest counts, and the training is the same."""
    whole = train(small())
    folder = stopped_at(small(), 2 * LOOKS + 3)
    journal = RunDir(Path(folder)).journal
    lines = journal.read_text("utf-8").splitlines()
    at = next(number for number, text in enumerate(lines) if '"EpochEnded"' in text)
    lines[at] = line
    journal.write_text("\n".join(lines) + "\n", "utf-8")
    result = resume(folder)
    assert result.view.epochs == [2, 3]
    assert result.view.val_loss == whole.view.val_loss[1:]
    assert not difference(last_content(folder), last_content(whole.folder))
    if line:
        assert "1 damaged lines of the journal were passed over" in [text for _, text in result.view.log]


def test_a_journal_that_is_gone(small):
    """The checkpoint alone is enough to go on, and knows by itself what it was trained with."""
    whole = train(small())
    folder = stopped_at(small(), 2 * LOOKS + 3)
    run = RunDir(Path(folder))
    run.journal.unlink()
    text = run.config.read_text("utf-8")
    run.config.write_text(text.replace("seed = 0", "seed = 1"), "utf-8")
    with pytest.raises(TrainingError, match=r"run\.seed: this run was started with 0, not 1"):
        resume(folder)
    run.config.write_text(text, "utf-8")
    result = resume(folder)
    assert result.view.val_loss == whole.view.val_loss[2:]
    assert not difference(last_content(folder), last_content(whole.folder))


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError):
        resume(tmp_path / "nothing")
    with pytest.raises(InputError):
        start_again(tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- trials -------------------------------------------------------------------------------------------------------------

_TRIALS = {
    "kfold": {"kind": "kfold", "folds": 3, "side_by_side": "off"},
    "restarts": {"kind": "restarts", "restarts": 3, "side_by_side": "off"},
}


@pytest.mark.parametrize("action", [stop, stop_and_test])
@pytest.mark.parametrize("kind", _TRIALS)
def test_trials_stopped_in_the_second(small, kind, action):
    """The first is not trained again; figures and summary are those of a run that was never stopped."""
    config = small(trials=_TRIALS[kind], run={"epochs": 2}, regularization={"dropout": 0.2})
    whole = train(config)
    token = Timed()
    looks = []
    train(config, [Acting(lambda event: looks.append(token.looks) if isinstance(event, e.TrialEnded) else None)], token)
    folder = stopped_at(config, looks[0] + LOOKS + 3, action)
    result = resume(folder)
    assert result.reason == "trials_done"
    assert figures(view_of(folder)) == figures(view_of(whole.folder))
    started = events_of(folder, e.TrialStarted)
    assert [one.number for one in started] == [1, 2, 3]
    assert_equal_runs(whole.folder, folder)
    assert (result.epochs, result.best_epoch) == (whole.epochs, whole.best_epoch)
    assert (result.test_loss, result.summary and result.summary.test_loss_sd) == (
        whole.test_loss,
        whole.summary and whole.summary.test_loss_sd,
    )
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, result.model.state_dict()[name])


def test_trials_stopped_between_two(small):
    """The stop comes while the first one is tested: the others are still to come."""
    config = small(trials=_TRIALS["kfold"], run={"epochs": 2})
    whole = train(config)
    handle = Acting()
    token = Timed()
    handle.act = lambda event: token.stop() if isinstance(event, e.TestMeasured) else None
    folder = train(config, [handle], token).folder
    assert end_of(folder) == "stopped"
    resume(folder)
    assert_equal_runs(whole.folder, folder)


def test_a_trial_killed_before_its_first_checkpoint(small, tmp_path):
    config = small(trials=_TRIALS["kfold"], run={"epochs": 2, "tensorboard": True, "figures": False})
    whole, folder = killed_when(config, tmp_path, (e.EpochEnded, 3))
    resume(folder)
    assert_equal_runs(whole.folder, folder)
    for fold in ("fold-1", "fold-2", "fold-3"):
        assert [step for step, _ in scalars_of(folder / fold)["loss/validation"]] == [1, 2]


def test_trials_have_no_epochs_to_add(small):
    folder = train(small(trials=_TRIALS["kfold"], run={"epochs": 1})).folder
    with pytest.raises(InputError, match="a run with trials has no epochs to add"):
        resume(folder, more=1)


# -- TensorBoard --------------------------------------------------------------------------------------------------------


def test_tensorboard_has_one_value_a_step(small):
    """After a stop, a chapter, more epochs and an edit that was taken back."""
    config = small(run={"tensorboard": True, "figures": False, "checkpoint_pause": 0.0})
    folder = stopped_at(config, 2 * LOOKS + 3, stop_and_test)
    edits = {
        LOOKS + 3: lambda token: token.obey(Edit({"optimizer.lr": "0.5"})),
        3 * LOOKS: lambda token: token.obey(Revert()),
    }
    resume(folder, (), Timed(edits), more=3)
    view = view_of(folder)
    assert [one.why for one in events_of(folder, e.Rewound)] == ["resumed", "reverted"]
    assert view.epochs == [1, 2, 3, 4, 5, 6]
    scalars = scalars_of(folder)
    for tag, values in {
        "loss/validation": view.val_loss,
        "loss/train": view.train_loss,
        "learning_rate": view.lr,
    }.items():
        assert scalars[tag] == [(step, float(torch.tensor(value))) for step, value in enumerate(values, 1)]
    tests = dict(scalars["loss/test"])  # what the stop had tested stays: those were other weights, at another step
    assert len(tests) == len(scalars["loss/test"])
    assert tests[view.best_epoch] == float(torch.tensor(events_of(folder, e.TestMeasured)[-1].loss))
