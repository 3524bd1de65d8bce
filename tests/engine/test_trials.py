"""k-fold and restarts: what is trained on what, the figures summed up, the record."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
from safetensors.torch import load_file

from engine import ConfigError, RunView, StopToken, read_journal, train
from engine import events as e
from engine.console import final_table
from engine.data.prepared import prepare
from engine.data.table import Table, load
from engine.trials import plan_trials, summarize

SMALL = {"data": {"source": "wine"}, "model": {"hidden": [8]}}


def folds(make_config, count=3, epochs=4, **sections):
    return make_config(
        **SMALL, trials={"kind": "kfold", "folds": count, "side_by_side": "off", **sections}, run={"epochs": epochs}
    )


def restarts(make_config, count=3, epochs=4, **run):
    return make_config(
        **SMALL, trials={"kind": "restarts", "restarts": count, "side_by_side": "off"}, run={"epochs": epochs, **run}
    )


@pytest.fixture
def wine(make_config) -> Table:
    return load(make_config(**SMALL).data)


def test_every_row_is_in_the_test_part_of_one_fold_and_the_next_fold_watches(make_config, wine):
    plan = plan_trials(folds(make_config, 5), wine)
    assert [trial.label for trial in plan] == [f"fold {n}" for n in range(1, 6)]
    assert sorted(np.concatenate([trial.split.test for trial in plan])) == list(range(178))
    for trial, following in zip(plan, [*plan[1:], plan[0]], strict=True):
        assert set(trial.split.validation) == set(following.split.test)
        assert len(set(trial.split.train) | set(trial.split.validation) | set(trial.split.test)) == 178


def test_all_pairs_are_k_times_k_minus_one_different_ones(make_config, wine):
    plan = plan_trials(folds(make_config, 4, all_pairs=True), wine)
    pairs = {(frozenset(trial.split.test.tolist()), frozenset(trial.split.validation.tolist())) for trial in plan}
    assert len(plan) == len(pairs) == 12
    assert all(test.isdisjoint(validation) for test, validation in pairs)


def test_what_is_fitted_is_fitted_on_the_training_part_of_each_fold(make_config, wine):
    for trial in plan_trials(folds(make_config), wine):
        mine = trial.prepare(wine)
        expected = wine.x[trial.split.train].astype(np.float64).mean(axis=0)
        assert np.allclose(mine.x_mean, expected, rtol=1e-5)
        # Rows outside the training part may say what they like: nothing that is fitted moves.
        x = wine.x.copy()
        x[trial.split.test] *= 3
        x[trial.split.validation] += 5
        changed = Table(wine.name, wine.task, x, wine.y, wine.feature_names, wine.class_names)
        assert np.array_equal(prepare(changed, trial.split, trial.config.data).x_mean, mine.x_mean)


def test_a_fold_is_what_a_single_run_on_its_parts_would_be(make_config, wine):
    """The second fold, trained alone by hand with the same seeds, gives the same figures to the last bit."""
    from engine.keeping import Keeper
    from engine.loop import fit, measure_test
    from engine.recipe import build_recipe
    from engine.threads import suitable_threads
    from engine.training import Training

    config = folds(make_config)
    result = train(config)
    trial = plan_trials(config, wine)[1]
    data = trial.prepare(wine)
    recipe = build_recipe(config, data)
    with suitable_threads(recipe):
        training = Training(recipe, config)
        outcome = fit(training, lambda event: None, Keeper(StopToken(), lambda event: None))
        test = measure_test(recipe, outcome.best_epoch, data.baseline_metric)
    assert (result.trials[1].test_loss, result.trials[1].test_metric) == (test.loss, test.metric)
    assert result.trials[1].best_epoch == outcome.best_epoch


def test_the_mean_and_spread_are_those_of_the_trials(make_config):
    result = train(folds(make_config, 4))
    assert result.summary is not None
    assert result.summary.count == 4
    for name in ("val_loss", "val_metric", "test_loss", "test_metric"):
        numbers = [getattr(row, name) for row in result.trials]
        assert getattr(result.summary, f"{name}_mean") == pytest.approx(mean(numbers), rel=1e-12)
        assert getattr(result.summary, f"{name}_sd") == pytest.approx(stdev(numbers), rel=1e-12)


def test_restarts_share_the_data_and_differ_in_their_start(make_config, wine):
    plan = plan_trials(restarts(make_config, 4, seed=7), wine)
    assert [trial.config.run.seed for trial in plan] == [7, 8, 9, 10]
    assert all(np.array_equal(trial.split.train, plan[0].split.train) for trial in plan)
    result = train(restarts(make_config))
    assert len({row.val_loss for row in result.trials}) == 3
    assert result.reason == "trials_done"


def test_the_best_restart_by_validation_loss_is_kept(make_config):
    result = train(restarts(make_config, 4))
    best = min(result.trials, key=lambda row: row.val_loss)
    assert result.summary is not None
    assert result.summary.best_trial == best.number
    assert (result.test_loss, result.test_metric) == (best.test_loss, best.test_metric)
    folder = Path(result.folder)
    kept = load_file(folder / "model.safetensors")
    own = load_file(folder / f"restart-{best.number}" / "model.safetensors")
    state = result.model.state_dict()
    assert kept.keys() == own.keys() == state.keys()
    assert all((kept[name] == own[name]).all() and (kept[name] == state[name]).all() for name in kept)


def test_the_first_restart_equals_a_single_run(make_config):
    single = train(make_config(**SMALL, run={"epochs": 4}))
    first = train(restarts(make_config)).trials[0]
    assert (first.test_loss, first.best_epoch) == (single.test_loss, single.best_epoch)


def test_a_trial_that_explodes_is_a_row_without_figures(make_config):
    config = make_config(
        data={"source": "diabetes"},
        optimizer={"name": "sgd", "lr": 1000.0},
        trials={"kind": "restarts", "restarts": 2},
        run={"epochs": 6},
    )
    result = train(config)
    assert {row.reason for row in result.trials} == {"non_finite"}
    assert result.reason == "non_finite"
    assert "no longer a finite number" in final_table(result.view)


def test_summarize_leaves_out_what_is_not_finite():
    empty = summarize("restarts", [])
    assert (empty.count, empty.best_trial) == (0, 0)
    assert math.isnan(empty.val_loss_mean)


def test_the_record_has_every_trial_in_order(make_config):
    result = train(folds(make_config))
    items = list(read_journal(Path(result.folder) / "events.jsonl"))
    assert [item.number for item in items if isinstance(item, e.TrialStarted)] == [1, 2, 3]
    kinds = [type(item).__name__ for item in items]
    assert kinds[0] == "RunStarted"
    assert kinds[-2:] == ["TrialsSummarized", "RunEnded"]
    assert items[0].trial == items[-1].trial == 0
    assert [item.trial for item in items if isinstance(item, e.EpochEnded)] == [1] * 4 + [2] * 4 + [3] * 4
    view = RunView().apply_all(items)
    assert [trial.val_loss for trial in view.trials] == [trial.val_loss for trial in result.view.trials]
    assert all(len(trial.val_loss) == 4 and trial.ended for trial in view.trials)


def test_any_prefix_of_the_record_gives_a_view(make_config):
    result = train(folds(make_config, epochs=2))
    items = list(read_journal(Path(result.folder) / "events.jsonl"))
    view = RunView()
    for item in items:
        view.apply(item)
        assert view.seconds_left is None or view.seconds_left >= 0
        assert final_table(view) is not None
    assert "fold 3" in final_table(view)
    assert "mean" in final_table(view)


def test_each_trial_has_its_own_tensorboard_log(make_config):
    config = make_config(**SMALL, trials={"kind": "kfold", "folds": 3}, run={"epochs": 2, "tensorboard": True})
    folder = Path(train(config).folder)
    logs = sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob("events.out.tfevents.*"))
    assert logs == ["fold-1", "fold-2", "fold-3"]


def test_a_stop_ends_the_trial_in_hand_and_the_rest(make_config):
    token = StopToken()

    class StopInSecond:
        name = "stopper"

        def write(self, event: e.Event) -> None:
            if isinstance(event, e.EpochEnded) and event.trial == 2:
                token.stop("stopped")

        def close(self) -> None:
            pass

    result = train(folds(make_config, 5, epochs=50), [StopInSecond()], token)
    assert result.reason == "stopped"
    assert len(result.trials) == 2


def test_more_folds_than_the_rows_allow_are_refused_before_anything_is_written(make_config, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("a,y\n" + "\n".join(f"{n},{n * 0.37}" for n in range(12)) + "\n")
    config = make_config(
        data={"source": str(path), "target": "y", "task": "regression"}, trials={"kind": "kfold", "folds": 60}
    )
    with pytest.raises(ConfigError) as caught:
        train(config)
    assert caught.value.faults[0].key == "trials.folds"
    assert not (tmp_path / "runs").exists()
