"""Trials side by side that are stopped, killed, paused and asked for things, and taken up again."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from support.resuming import (
    Timed,
    events_of,
    folder_of,
    last_content,
    newest_checkpoint,
    refusals,
    scalars_of,
    stop,
    stop_and_test,
    view_of,
)
from support.sinks import Acting
from support.together import assert_alike, histories, several

from engine import StopToken, keeping, resume, train
from engine import events as e
from engine.batchednet import Stack
from engine.checkpoint import Checkpoints
from engine.commands import Edit, MoreEpochs, Revert, Save
from engine.record import Record, read_record
from engine.rundir import RunDir

NEVER_SAVED = {"checkpoint_pause": 1000.0}
LOGGED = {"tensorboard": True, "figures": False}
ALMOST = 1e-6  # where trials were trained in other groups than before: sums of norms are added up in another order


def places(folder: str | Path, count: int = 4, label: str = "restart") -> list[tuple[int, int]]:
    """Where each trial's newest checkpoint stands."""
    found = [last_content(Path(folder) / f"{label}-{number}") for number in range(1, count + 1)]
    return [(one["done"], one["batch"]) for one in found]


@pytest.mark.parametrize("action", [stop, stop_and_test])
@pytest.mark.parametrize("kind", ["restarts", "kfold"])
def test_stopped_in_the_midst_of_an_epoch_and_taken_up_again(make_config, kind, action):
    """All stand at the same batch, each saved; what follows is what would have followed."""
    config = several(make_config, "on", kind, regularization={"dropout": 0.2}, run=LOGGED)
    whole = train(config)
    token = Timed({9: action})
    stopped = train(config, (), token)
    assert stopped.reason in ("terminated", "stopped")
    assert len(stopped.trials) == 4
    label = "fold" if kind == "kfold" else "restart"
    (place,) = set(places(stopped.folder, label=label))
    assert place[1] > 0, "not in the midst of an epoch: choose another look"
    assert len(events_of(stopped.folder, e.StopAsked)) == 1
    again = resume(stopped.folder)
    assert again.reason == "trials_done"
    assert_alike(again, whole, 0.0)
    assert [one.number for one in events_of(stopped.folder, e.TrialStarted)] == [1, 2, 3, 4]
    for number in range(1, 5):
        steps = [step for step, _ in scalars_of(Path(stopped.folder) / f"{label}-{number}")["loss/validation"]]
        assert steps == [1, 2, 3, 4]


def test_killed_while_the_trials_stand_at_different_epochs(make_config, tmp_path, monkeypatch):
    """Those that lag behind go first; the figures are those of a run that nothing has disturbed."""
    monkeypatch.setattr(keeping, "SHARE", 1e9)  # every epoch is saved, and at once
    monkeypatch.setattr(Checkpoints, "save_soon", lambda own, content, **about: own.save(content, **about))
    config = several(
        make_config, "on", regularization={"dropout": 0.2}, run={"epochs": 6, "checkpoint_pause": 0.0, "checkpoints": 9}
    )
    told = Acting()

    def copy(event: e.Event) -> None:
        if isinstance(event, e.EpochEnded) and (event.epoch, event.trial) == (5, 2):
            shutil.copytree(folder_of(told.seen), tmp_path / "killed")

    told.act = copy
    whole = train(config, [told])
    killed = tmp_path / "killed"
    for number, keep in ((1, 2), (3, 1)):  # as if the others had been quicker on the disk
        for path in sorted((killed / f"restart-{number}" / "checkpoints").glob("*.pt"))[keep:]:
            path.unlink()
    shutil.rmtree(killed / "restart-4" / "checkpoints")  # and one had nothing on it yet
    assert places(killed, 3) == [(2, 0), (4, 0), (1, 0)]
    sizes = []
    monkeypatch.setattr("engine.sidebyside.Stack", lambda trainings: sizes.append(len(trainings)) or Stack(trainings))
    again = resume(killed)
    assert sizes == [1, 2, 3, 4], "from the one that has nothing on, each waits for those behind it"
    assert again.view.chapters[0].after == "lost"
    assert_alike(again, whole, ALMOST)


def test_killed_before_the_first_checkpoint_all_begin_anew(make_config, tmp_path):
    config = several(make_config, "on", run={**NEVER_SAVED, **LOGGED})
    told = Acting()

    def copy(event: e.Event) -> None:
        if isinstance(event, e.EpochEnded) and (event.epoch, event.trial) == (3, 1):
            shutil.copytree(folder_of(told.seen), tmp_path / "killed")

    told.act = copy
    whole = train(config, [told])
    assert_alike(resume(tmp_path / "killed"), whole, 0.0)
    for number in range(1, 5):
        assert [step for step, _ in scalars_of(tmp_path / "killed" / f"restart-{number}")["loss/validation"]] == [
            1,
            2,
            3,
            4,
        ]


def test_a_damaged_checkpoint_takes_only_its_own_trial_back(make_config):
    config = several(make_config, "on", run={"epochs": 5, "checkpoint_pause": 0.0, "checkpoints": 5})
    whole = train(config)
    folder = train(config, (), Timed({20: stop})).folder
    path = newest_checkpoint(Path(folder) / "restart-2")
    path.write_bytes(path.read_bytes()[:-7])
    assert_alike(resume(folder), whole, ALMOST)
    assert any("restart 2" in text and "checkpoint" in text for _, text in view_of(folder).log)


def test_one_that_has_ended_is_not_trained_again(make_config):
    config = several(make_config, "on", early_stopping={"patience": 2}, optimizer={"lr": 0.03}, run={"epochs": 40})
    whole = train(config)
    lengths = sorted(one.epochs for one in whole.trials)
    assert lengths[0] < lengths[-1]
    token = StopToken()
    first = Acting(lambda event: token.stop("stopped") if isinstance(event, e.TrialEnded) else None)
    folder = train(config, [first], token).folder
    over = [one.number for one in events_of(folder, e.TrialEnded) if one.reason == "early_stopping"]
    assert 0 < len(over) < 4
    again = resume(folder)
    assert_alike(again, whole, 0.0)
    ends = [one.number for one in events_of(folder, e.TrialEnded) if one.reason == "early_stopping"]
    assert sorted(ends) == [1, 2, 3, 4], "each ends once"


def test_the_record_of_a_stopped_run_knows_where_each_trial_stands(make_config):
    folder = train(several(make_config, "on", run=LOGGED), (), Timed({9: stop})).folder
    record = read_record(RunDir(Path(folder)))
    mine = histories(folder)
    assert {trial: list(epochs) for trial, epochs in record.epochs.items() if trial} == {n: list(mine[n]) for n in mine}
    for number in range(1, 5):
        assert record.view.alone(number).val_loss == [one.val_loss for one in mine[number].values()]


def test_what_was_stopped_side_by_side_can_go_on_one_by_one(make_config, monkeypatch):
    config = several(make_config, "on", regularization={"dropout": 0.2})
    whole = train(config)
    folder = train(config, (), Timed({9: stop})).folder
    monkeypatch.setenv("NNTUI_SIDE_BY_SIDE", "0")
    assert_alike(resume(folder), whole)


def test_what_was_stopped_one_by_one_can_go_on_side_by_side(make_config, monkeypatch):
    config = several(make_config, "on", regularization={"dropout": 0.2})
    whole = train(config)
    monkeypatch.setenv("NNTUI_SIDE_BY_SIDE", "0")
    folder = train(config, (), Timed({14: stop})).folder
    monkeypatch.delenv("NNTUI_SIDE_BY_SIDE")
    assert_alike(resume(folder), whole)


def test_paused_and_asked_for_things_in_the_midst(make_config):
    """All are saved when it is asked for; what a run with trials cannot do is refused once, and nothing changes."""
    config = several(make_config, "on")
    token = Timed(
        {
            5: lambda own: (own.pause(), own.obey(Save())),
            6: lambda own: own.obey(Edit({"optimizer.lr": "0.5"})),
            7: lambda own: (own.obey(MoreEpochs(3)), own.obey(Revert())),
        }
    )
    rests = []
    token.rest = lambda: (rests.append(1), token.resume())
    result = train(config, (), token)
    assert rests == [1]
    assert (len(events_of(result.folder, e.Paused)), len(events_of(result.folder, e.Resumed))) == (1, 1)
    asked = [one.trial for one in events_of(result.folder, e.CheckpointSaved) if one.kind == "asked"]
    assert asked == [1, 2, 3, 4]
    assert len(refusals(view_of(result.folder))) == 3
    assert_alike(result, train(several(make_config, "on")), 0.0)


def test_a_stop_in_the_midst_of_validation_leaves_the_epoch_uncounted(make_config):
    config = several(make_config, "on")
    whole = train(config)
    stopped = train(config, (), Timed(now={6: stop}))
    assert stopped.reason == "terminated"
    assert {len(epochs) for epochs in histories(stopped.folder).values()} == {1}
    assert_alike(resume(stopped.folder), whole, 0.0)


def test_checkpoints_of_all_are_as_rare_as_those_of_one():
    """Four that share the time save each a fourth as often."""
    alone, among = (keeping.Keeper(StopToken(), print, pause=10.0, among=count) for count in (1, 4))
    for since, due in ((5, (False, False)), (15, (True, False)), (45, (True, True))):
        alone._saved_at = among._saved_at = time.perf_counter() - since
        assert (alone.due(), among.due()) == due


def test_all_are_saved_before_the_first_is_tested(make_config):
    result = train(several(make_config, "on", run=NEVER_SAVED))
    kinds = (e.CheckpointSaved, e.TestMeasured)
    told = [(one.trial, type(one) is e.TestMeasured) for one in events_of(result.folder, *kinds)]
    assert told == [(number, tested) for tested in (False, True) for number in range(1, 5)]


def test_what_was_tested_of_a_trial_is_known_to_its_log_when_it_goes_on():
    """Also of one that the view does not show: the same figures are not logged twice."""
    record = Record()
    for number in (1, 2):
        record.apply(e.TrialStarted(number=number, of=2, label=f"fold {number}", folder="", trial=number))
    record.apply(e.TestMeasured(epoch=3, loss=0.5, metric=0.9, baseline=0.1, trial=2))
    record.apply(e.Rewound(epochs=3, batch=2, best_epoch=3, best_loss=0.4, planned=9, config={}, trial=2))
    assert record.view.alone(2).test is not None
    assert record.view.alone(1).test is None
