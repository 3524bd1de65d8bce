"""Edits are taken back, outlive a stop, and are played again: the same numbers, in every bit."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.configs import config_in
from support.owners import until
from support.resuming import (
    LOOKS,
    assert_equal_runs,
    consistent,
    damage,
    events_of,
    folder_of,
    plan,
    refusals,
    script_token,
    small_config,
    stop,
    view_of,
)
from support.sinks import Acting

from engine import RunView, replay, resume, start, train
from engine import events as e
from engine.commands import Edit, MoreEpochs, Revert, Save, Stop

EPOCHS = 4


@pytest.fixture
def small(make_config):
    def make(**sections):
        run = {"epochs": EPOCHS, **sections.pop("run", {})}
        optimizer = sections.pop("optimizer", {"name": "sgd", "lr": 0.05, "momentum": 0.9})
        return small_config(make_config, optimizer=optimizer, run=run, **sections)

    return make


# -- taken back, and played again ---------------------------------------------------------------------------------------

_LR = {"optimizer.lr": "0.3"}
_DROPOUT = {"regularization.dropout": "0.4", "regularization.l2": "0.01"}
_SCHEDULE = {"schedule.name": "one_cycle"}
_BATCH = {"run.batch_size": "50"}


@pytest.mark.parametrize(
    "changes", [_LR, _DROPOUT, _SCHEDULE, _BATCH, {"run.epochs": "9"}, {"early_stopping.patience": "1"}], ids=str
)
def test_a_checkpoint_before_each_edit_and_back_to_it(small, changes):
    """As if the edit had never been, in every bit; the record says that it was."""
    config = small(regularization={"input_noise": 0.1}, schedule={"name": "cosine"})
    plain = train(config)
    result = train(config, (), plan(l12=Edit(changes), l22=Revert()))
    assert refusals(result.view) == []
    assert_equal_runs(plain.folder, result.folder)
    consistent(view_of(result.folder))
    (back,) = events_of(result.folder, e.Rewound)
    (made,) = events_of(result.folder, e.KnobsChanged)
    assert (back.why, back.edits, back.epochs + 1, back.batch) == ("reverted", 0, made.epoch, made.batch)
    assert result.view.edits == []


def test_two_edits_and_two_steps_back(small):
    config = small(regularization={"dropout": 0.1})
    plain = train(config)
    first = train(config, (), plan(l5=Edit(_LR)))
    one_back = train(config, (), plan(l5=Edit(_LR), l12=Edit(_DROPOUT), l15=Revert()))
    assert_equal_runs(first.folder, one_back.folder)
    both_back = train(config, (), plan(l5=Edit(_LR), l12=Edit(_DROPOUT), l15=Revert(), l16=Revert()))
    assert_equal_runs(plain.folder, both_back.folder)
    another = train(config, (), plan(l5=Edit(_DROPOUT), l12=Revert(), l14=Edit(_LR), l15=Revert()))
    assert_equal_runs(plain.folder, another.folder)


def test_nothing_to_take_back(small):
    result = train(small(), (), plan(l5=Revert()))
    assert refusals(result.view) == ["revert refused: there is no edit to take back"]
    without = train(small(run={"checkpoints": 0}), (), plan(l5=Edit(_LR), l9=Revert()))
    words = "revert refused: the checkpoint from before the last edit cannot be used: there is none"
    assert refusals(without.view) == [words]


def test_a_damaged_checkpoint_cannot_be_gone_back_to(small):
    def spoil(token):
        for file in (folder_of(told.seen) / "checkpoints").glob("*-edit-*.pt"):
            damage(file, 5000)
        token.obey(Revert())

    told = Acting()
    token = plan(l5=Edit(_LR))
    token._actions[9] = spoil
    result = train(small(), [told], token)
    assert len(refusals(result.view)) == 1
    assert refusals(result.view)[0].startswith(
        "revert refused: the checkpoint from before the last edit cannot be used: "
    )
    assert result.view.val_loss == train(small(), (), plan(l5=Edit(_LR))).view.val_loss


def test_what_waits_can_be_taken_back(small):
    result = train(small(), (), plan(l5=Edit(_BATCH), l7=Revert()))
    assert refusals(result.view) == []
    assert_equal_runs(train(small()).folder, result.folder)


_EVERY = [_LR, _DROPOUT, _SCHEDULE, _BATCH, _LR | _BATCH, {"regularization.input_dropout": "0.2"}, {"run.epochs": "6"}]


@pytest.mark.parametrize("stopped", [6, LOOKS + 1, LOOKS + 4])
@pytest.mark.parametrize("changes", _EVERY, ids=str)
def test_an_edit_outlives_a_stop(small, changes, stopped):
    """Asked for after the fourth batch; in force again in the process that goes on, or still waiting there."""
    config = small(schedule={"name": "cosine"})
    whole = train(config, (), plan(l5=Edit(changes)))
    token = plan(l5=Edit(changes))
    token._actions[stopped] = stop
    folder = train(config, (), token).folder
    result = resume(folder)
    assert_equal_runs(whole.folder, folder)
    assert [one.number for one in result.view.edits] == list(range(1, len(whole.view.edits) + 1))
    consistent(view_of(folder))


def test_an_edit_from_before_a_stop_is_taken_back_after_it(small):
    plain = train(small())
    folder = train(small(), (), plan(l5=Edit(_DROPOUT), l12=Edit(_LR), l13=Stop(reason="terminated"))).folder
    resume(folder, (), plan(l2=Revert(), l3=Revert()))
    assert_equal_runs(plain.folder, folder)


def test_killed_between_an_edit_and_the_next_checkpoint(small, tmp_path):
    """The record knows of it: it is made once more."""
    told = Acting()

    def copy(event):
        if isinstance(event, e.KnobsChanged):
            shutil.copytree(folder_of(told.seen), tmp_path / f"killed-{event.number}")

    told.act = copy
    whole = train(small(), [told], plan(l5=Edit(_LR), l12=Edit(_BATCH)))
    for number in (1, 2):
        killed = tmp_path / f"killed-{number}"
        resume(killed, (), plan(l10=Edit(_BATCH)) if number == 1 else None)
        assert view_of(killed).val_loss == whole.view.val_loss
        assert [edit.number for edit in view_of(killed).edits] == [1, 2]


@pytest.mark.parametrize("changes", _EVERY, ids=str)
def test_replay(small, changes):
    """From the beginning, in a folder of its own, with the edits that count at their places: the same numbers."""
    config = small(schedule={"name": "cosine"})
    token = plan(l5=Edit(changes), l12=Edit({"optimizer.clip_norm": "0.3"}), l14=Revert(), l19=Edit({"regularization.l1": "0.001"}), l21=MoreEpochs(2))  # fmt: skip
    first = train(config, (), token)
    again = replay(first.folder)
    assert again.folder != first.folder
    assert_equal_runs(first.folder, again.folder)


def test_replay_of_a_run_that_was_extended_after_its_end(small):
    folder = train(small(), (), plan(l5=Edit(_LR))).folder
    resume(folder, (), plan(l5=Edit(_DROPOUT)), more=2)
    assert_equal_runs(folder, replay(folder).folder)


# -- while paused, and by hand ------------------------------------------------------------------------------------------


def test_edits_while_it_waits(small):
    """They are made where it stands, and answered at once."""
    config = small()
    handle = start(config)
    handle.pause()
    view = RunView()
    until(lambda: view.apply_all(handle.drain()).phase == "paused")
    handle.send(Edit(_LR))
    until(lambda: view.apply_all(handle.drain()).edits)
    handle.send(Save())
    until(lambda: "asked" in str(view.apply_all(handle.drain()).saved))
    handle.send(Edit(_DROPOUT))
    until(lambda: len(view.apply_all(handle.drain()).edits) == 2)
    handle.send(Revert())
    until(lambda: len(view.apply_all(handle.drain()).edits) == 1)
    until(lambda: view.apply_all(handle.drain()).phase == "paused")
    handle.resume()
    result = handle.result()
    assert_equal_runs(result.folder, replay(result.folder).folder)


def test_saved_when_asked(small):
    folder = train(small(), (), plan(l12=Save())).folder
    saved = [one for one in events_of(folder, e.CheckpointSaved) if one.kind == "asked"]
    assert [(one.epochs, one.batch) for one in saved] == [(1, 3)]
    assert_equal_runs(folder, train(small()).folder)


# -- any script at all --------------------------------------------------------------------------------------------------

_COMMANDS = st.one_of(
    st.sampled_from([Edit(one) for one in _EVERY] + [Edit({"optimizer.lr": "0.05"}), Edit({"run.epochs": "2"})]),
    st.sampled_from([Revert(), Save(), MoreEpochs(1), Stop(reason="terminated"), Stop(reason="stopped")]),
)


def check_script(script):
    """Whatever is asked for whenever: the record holds together, and a replay gives the same state."""
    with tempfile.TemporaryDirectory() as folder:
        config = config_in(
            Path(folder),
            data={"source": "wine"},
            model={"hidden": [4]},
            optimizer={"name": "sgd", "lr": 0.05, "momentum": 0.9},
            schedule={"name": "cosine"},
            run={"epochs": 3, "batch_size": 25},
        )
        result = train(config, (), script_token(script))
        chapters = 0
        while result.reason in ("terminated", "stopped"):
            chapters += 1
            left = script[chapters:]
            result = resume(result.folder, (), script_token(left))
        view = view_of(result.folder)
        consistent(view)
        assert view == result.view
        assert view.epochs == list(range(1, view.total_epochs + 1))
        # What still waits for an epoch that does not come is no edit.
        assert_equal_runs(result.folder, replay(result.folder).folder, but=("waiting",))


_SCRIPTS = st.lists(st.tuples(st.integers(1, EPOCHS * LOOKS), _COMMANDS), max_size=5)


@settings(max_examples=12)
@given(script=_SCRIPTS)
def test_any_script(script):
    check_script(script)


@pytest.mark.soak
@settings(max_examples=400)
@given(script=_SCRIPTS)
def test_any_script_many_times(script):
    check_script(script)
