"""Trials side by side: each gives what it gives alone, whatever the settings, and the way that was taken is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.together import assert_alike, close, histories, several, words

from engine import RunView, read_journal, train, whichway
from engine import events as e
from engine.batchednet import Stack
from engine.data.table import load
from engine.recipe import build_recipe
from engine.training import Training
from engine.trials import plan_trials

SETTINGS = {
    "plain": {},
    "linear": {"model": {"kind": "linear"}},
    "dropout": {"regularization": {"dropout": 0.3, "input_dropout": 0.1}},
    "sgd": {"optimizer": {"name": "sgd", "lr": 0.05}},
    "momentum, cosine": {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9}, "schedule": {"name": "cosine"}},
    "adamw, one cycle": {"optimizer": {"name": "adamw", "lr": 0.01}, "schedule": {"name": "one_cycle"}},
    "rmsprop, warm-up": {"optimizer": {"name": "rmsprop"}, "schedule": {"name": "step", "step_size": 2, "warmup": 1}},
    "nadam": {"optimizer": {"name": "nadam"}},
    "penalties": {"regularization": {"l1": 0.001, "l2": 0.01, "weight_decay": 0.01, "max_norm": 1.0}},
    "clipping": {"optimizer": {"clip_norm": 0.3, "clip_value": 0.1}},
    "noise": {"regularization": {"input_noise": 0.2}},
    "smoothing": {"regularization": {"label_smoothing": 0.1}},
    "hinge": {"loss": {"name": "hinge"}},
    "one logit": {"data": {"source": "breast_cancer"}, "loss": {"name": "bce"}, "run": {"batch_size": 100}},
    "regression": {"data": {"source": "diabetes"}, "model": {"activation": "tanh"}, "run": {"batch_size": 64}},
    "huber": {"data": {"source": "diabetes"}, "loss": {"name": "huber"}, "run": {"batch_size": 64}},
    "one batch": {"run": {"batch_size": 0}},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_restart_is_what_it_is_alone(make_config, name):
    together = train(several(make_config, "on", **SETTINGS[name]))
    assert words(together.folder) == "4 trials side by side in one batched net"
    assert_alike(together, train(several(make_config, "off", **SETTINGS[name])))


@pytest.mark.parametrize("name", ["plain", "dropout", "regression"])
def test_each_fold_is_what_it_is_alone(make_config, name):
    """Folds differ in their rows and, where 178 rows do not divide evenly, in the size of their last batch."""
    settings = SETTINGS[name]
    together = train(several(make_config, "on", "kfold", 5, **settings))
    assert "side by side" in words(together.folder)
    assert_alike(together, train(several(make_config, "off", "kfold", 5, **settings)))


def test_folds_of_which_some_have_a_batch_more(make_config):
    """178 rows in 4 folds leave 88, 89 or 90 to train on: in batches of 44, two or three."""
    settings = {"run": {"batch_size": 44, "epochs": 5}, "regularization": {"dropout": 0.2}}
    table = load(several(make_config, "on", "kfold", 4, **settings).data)
    rows = {len(trial.split.train) for trial in plan_trials(several(make_config, "on", "kfold", 4, **settings), table)}
    assert min(rows) <= 88 < max(rows), "the case is gone: choose another batch size"
    together = train(several(make_config, "on", "kfold", 4, **settings))
    assert_alike(together, train(several(make_config, "off", "kfold", 4, **settings)))


def test_rates_that_a_plateau_has_cut_for_some_only(make_config):
    settings = {
        "optimizer": {"name": "adam", "lr": 0.05},
        "schedule": {"name": "plateau", "patience": 0, "gamma": 0.3, "threshold": 0.05},
        "run": {"epochs": 8},
    }
    together = train(several(make_config, "on", **settings))
    rates = [[one.lr for one in epochs.values()] for epochs in histories(together.folder).values()]
    assert len({tuple(one) for one in rates}) > 1, "all were cut alike: the case is gone"
    assert_alike(together, train(several(make_config, "off", **settings)), 2e-3)


def test_each_stops_early_by_itself_and_costs_nothing_afterwards(make_config, monkeypatch):
    sizes = []
    monkeypatch.setattr("engine.sidebyside.Stack", lambda trainings: sizes.append(len(trainings)) or Stack(trainings))
    settings = {"early_stopping": {"patience": 2}, "optimizer": {"lr": 0.03}, "run": {"epochs": 40}}
    together = train(several(make_config, "on", **settings))
    assert len({one.epochs for one in together.trials}) > 1, "all stopped together: the case is gone"
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 4 > sizes[-1]
    assert_alike(together, train(several(make_config, "off", **settings)), 2e-3)


def test_one_that_explodes_leaves_the_others_as_they_are(make_config):
    settings = {
        "data": {"source": "diabetes"},
        "optimizer": {"name": "sgd", "lr": 0.3},
        "run": {"batch_size": 64, "epochs": 6},
    }
    settings["model"] = {"hidden": [30]}
    together = train(several(make_config, "on", count=6, **settings))
    alone = train(several(make_config, "off", count=6, **settings))
    assert {one.reason for one in together.trials} == {"non_finite", "epochs_done"}, "the case is gone"
    assert_alike(together, alone, 1e-2)


def test_every_trial_has_its_own_record_log_checkpoints_and_weights(make_config):
    settings = {"run": {"tensorboard": True, "figures": False, "epochs": 3}}
    results = [train(several(make_config, way, **settings)) for way in ("on", "off")]
    together, alone = (Path(result.folder) for result in results)
    files = [sorted(path.relative_to(folder).as_posix().split("events.out")[0] for path in folder.rglob("*") if path.is_file()) for folder in (together, alone)]  # fmt: skip
    assert files[0] == files[1]
    for number in range(1, 5):
        one, other = (load_file(folder / f"restart-{number}" / "model.safetensors") for folder in (together, alone))
        assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)
    best = load_file(together / "model.safetensors")
    kept = load_file(together / f"restart-{results[0].summary.best_trial}" / "model.safetensors")
    assert all(torch.equal(best[name], kept[name]) for name in best)
    assert all(torch.equal(best[name], value) for name, value in results[0].model.state_dict().items())


def test_the_journal_tells_of_all_at_once_and_each_prefix_gives_a_view(make_config):
    result = train(several(make_config, "on"))
    items = list(read_journal(Path(result.folder) / "events.jsonl"))
    epochs = [(one.epoch, one.trial) for one in items if isinstance(one, e.EpochEnded)]
    assert epochs == [(epoch, trial) for epoch in range(1, 5) for trial in range(1, 5)]
    view, seen = RunView(), set()
    for item in items:
        view.apply(item)
        assert view.seconds_left is None or view.seconds_left >= 0
        seen.add(view.trial)
        assert len(view.val_loss) == len(view.epochs)
    assert seen == {0, 1}, "the chart stays with the first one while that goes on"
    mine = histories(result.folder)
    for trial in view.trials:
        assert trial.val_loss == [one.val_loss for one in mine[trial.number].values()]
        assert trial.ended is not None
        own = view.alone(trial.number)
        assert own.val_loss == trial.val_loss
        assert own.test is not None
        assert own.trial == trial.number


def test_more_trials_than_go_together_go_in_groups(make_config, monkeypatch):
    monkeypatch.setattr(whichway, "AT_ONCE", 3)
    together = train(several(make_config, "on", count=5))
    assert words(together.folder) == "5 trials side by side in one batched net, 3 at a time"
    assert_alike(together, train(several(make_config, "off", count=5)))


FORBIDDEN = {
    "convolutions": {"data": {"source": "digits"}, "model": {"kind": "cnn", "channels": [2], "hidden": [4]}, "run": {"epochs": 1, "batch_size": 400}},
    "batch norm": {"model": {"hidden": [9], "batch_norm": True}},
    "mixup": {"regularization": {"mixup": 0.2}},
    "averages of the weights": {"run": {"average": "ema"}},
    "accumulated gradients": {"run": {"accumulate": 2}},
    "class weights": {"loss": {"class_weights": "balanced"}},
    "bfloat16": {"run": {"precision": "bfloat16"}},
    "no closed form": {"loss": {"name": "nll"}},
    "lbfgs": {"optimizer": {"name": "lbfgs"}, "run": {"batch_size": 0}},
}  # fmt: skip


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_cannot_be_batched_goes_one_after_another_and_says_why(make_config, name):
    settings = {**FORBIDDEN[name], "run": {"epochs": 1, **FORBIDDEN[name].get("run", {})}}
    result = train(several(make_config, "on", count=2, **settings))
    assert words(result.folder).startswith("one after another: ")
    assert name in words(result.folder)
    assert result.reason == "trials_done"


@pytest.mark.parametrize("switch", ["NNTUI_SIDE_BY_SIDE", "NNTUI_FLAT", "NNTUI_CLOSED_FORM"])
def test_the_environment_switches_it_off(make_config, monkeypatch, switch):
    monkeypatch.setenv(switch, "0")
    result = train(several(make_config, "on", count=2))
    assert words(result.folder) == f"one after another: {switch} is 0"


def test_without_the_fused_kernels_it_is_the_same(make_config, monkeypatch):
    monkeypatch.setenv("NNTUI_FUSED", "0")
    together = train(several(make_config, "on"))
    assert "side by side" in words(together.folder)
    assert_alike(together, train(several(make_config, "off")))


@pytest.mark.parametrize(
    ("alone", "together", "expected"),
    [
        (0.001, 0.002, "4 trials side by side in one batched net: a step of 4 takes 2.00 ms, 4 steps of one 4.00 ms"),
        (0.001, 0.0039, "one after another: a step of 4 takes 3.90 ms, 4 steps of one 4.00 ms"),
        (0.02, 0.0, "one after another: a step takes 20.0 ms, of which batching would save nothing"),
    ],
)
def test_trying_decides_where_nobody_has_asked(make_config, monkeypatch, alone, together, expected):
    monkeypatch.setattr(whichway, "timed", lambda config, data, count: (alone, together))
    result = train(several(make_config, "auto", run={"epochs": 1}))
    assert words(result.folder) == expected
    started = [
        one.number for one in read_journal(Path(result.folder) / "events.jsonl") if isinstance(one, e.TrialStarted)
    ]
    assert started == [1, 2, 3, 4]


def test_trying_both_ways_gives_times_and_disturbs_nothing(make_config):
    config = several(make_config, "auto", count=3)
    trial, *_ = plan_trials(config, load(config.data))
    data = trial.prepare(load(config.data))
    alone, together = whichway.timed(config, data, 3)
    assert 0 < alone < 1
    assert 0 < together < 1
    assert_alike(train(config), train(several(make_config, "off", count=3)))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "nadam", "radam", "adamax", "adagrad", "adadelta", "rprop", "asgd"])  # fmt: skip
def test_a_stack_steps_as_each_optimizer_alone(make_config, name):
    """Ten steps with gradients of their own, then apart: weights and states are those of trainings that were never together."""
    momentum = {"momentum": 0.9} if name == "sgd" else {}
    config = several(make_config, "on", count=3, optimizer={"name": name, **momentum})
    plan = plan_trials(config, load(config.data))
    data = plan[0].prepare(load(config.data))
    one, other = ([Training(build_recipe(trial.config, data), trial.config) for trial in plan] for _ in range(2))
    stack = Stack(one)
    for number in range(10):
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            noise = torch.randn(
                mine.recipe.flat.gradient.shape, generator=torch.Generator().manual_seed(10 * number + place)
            )
            mine.recipe.flat.gradient.copy_(noise)
            theirs.recipe.flat.gradient.copy_(noise)
            theirs.recipe.optimizer.step()
        stack.step(range(3))
    stack.release()
    for mine, theirs in zip(one, other, strict=True):
        assert torch.equal(mine.recipe.flat.values, theirs.recipe.flat.values)
        states = [training.snapshot()["optimizer"]["state"] for training in (mine, theirs)]
        for parameter in states[0]:
            for key, value in states[0][parameter].items():
                assert torch.equal(torch.as_tensor(value), torch.as_tensor(states[1][parameter][key])), key
        mine.recipe.optimizer.step()
        theirs.recipe.optimizer.step()
        assert torch.equal(mine.recipe.flat.values, theirs.recipe.flat.values)


def test_nothing_is_shared_once_a_stack_is_released(make_config):
    config = several(make_config, "on", count=2)
    plan = plan_trials(config, load(config.data))
    data = plan[0].prepare(load(config.data))
    trainings = [Training(build_recipe(trial.config, data), trial.config) for trial in plan]
    stack = Stack(trainings)
    stack.step([0, 1])
    stack.step([0, 1])
    stack.release()
    before = trainings[1].snapshot()
    trainings[0].recipe.flat.gradient.fill_(1.0)
    trainings[0].recipe.optimizer.step()
    after = trainings[1].snapshot()
    assert all(torch.equal(before["model"][name], after["model"][name]) for name in before["model"])
    assert before["optimizer"]["state"][0]["step"] == after["optimizer"]["state"][0]["step"] == 2


def test_figures_are_close_only_when_they_are():
    assert close(1.0, 1.0001)
    assert not close(1.0, 1.01)
    assert not close(1.0, float("nan"))


def test_a_lane_of_a_view_with_findings_is_named(make_config):
    """A finding of a trial that is not shown is said with its name, in the log and in the final table."""
    from engine.console import final_table

    view = RunView()
    view.apply(e.TrialStarted(number=1, of=2, label="fold 1", folder="", trial=1))
    view.apply(e.TrialStarted(number=2, of=2, label="fold 2", folder="", trial=2))
    found = e.FindingRaised(
        epoch=3, kind="k", confidence="high", began=1, title="Too wild", evidence="x", actions=("a",)
    )
    view.apply(dataclasses.replace(found, trial=2))
    assert not view.findings
    assert any(text == "fold 2: Too wild: x" for _, text in view.log)
    assert "fold 2: Too wild" in final_table(view)


def test_the_table_ranks_those_under_way_behind_the_finished():
    from tui.widgets.trials import trials_text

    view = RunView()
    for number in range(1, 10):
        view.apply(e.TrialStarted(number=number, of=9, label=f"fold {number}", folder="", trial=number))
    same = {"train_loss": 0.5, "train_metric": 0.5, "val_metric": 0.5, "lr": 0.1, "penalty": 0.0, "grad_norm": 1.0}
    for number in range(1, 10):
        ended = e.EpochEnded(
            epoch=1, val_loss=1 / number, seconds=1.0, samples_per_second=1.0, best_epoch=1, trial=number, **same
        )
        view.apply(ended)
    lines = trials_text(view, 9).plain.splitlines()
    assert lines[0] == "0 of 9 done, 9 side by side"
    assert [line[:8] for line in lines[2:8]] == [f"> fold {number}" for number in (9, 8, 7, 6, 5, 4)]
    assert "3 more" in lines[8]
    figures = {"val_metric": 0.5, "test_loss": 0.4, "test_metric": 0.9, "seconds": 1.0}
    for number in (2, 9):
        end = e.TrialEnded(number=number, label=f"fold {number}", reason="early_stopping", epochs=1, best_epoch=1, val_loss=1 / number, trial=number, **figures)  # fmt: skip
        view.apply(end)
    lines = trials_text(view, 9).plain.splitlines()
    assert lines[0] == "2 of 9 done, 7 side by side"
    assert [line[:8] for line in lines[2:7]] == ["  fold 2", "  fold 9", "> fold 8", "> fold 7", "> fold 6"]
    assert lines[-1].startswith("  mean ± sd")
    assert (view.trial, view.shown.label) == (1, "fold 1"), "the chart stays with the first one"
    view.apply(
        e.TrialEnded(
            number=1, label="fold 1", reason="early_stopping", epochs=1, best_epoch=1, val_loss=1.0, trial=1, **figures
        )
    )
    view.apply(e.EpochEnded(epoch=2, val_loss=0.1, seconds=1.0, samples_per_second=1.0, best_epoch=2, trial=3, **same))
    assert view.trial == 3, "another one goes on, and is shown"
    assert view.val_loss == [1 / 3, 0.1]
