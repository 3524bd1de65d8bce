"""The lesson's scenes: each sample configuration shows what the comment at its top says, with a margin to spare."""

from __future__ import annotations

import pytest

from engine import load_config, train
from engine.samples import samples

_results = {}


@pytest.fixture
def scene(tmp_path_factory):
    """`scene("stuck")`: the result of a sample's run; each is trained once."""

    def run(name, *settings):
        if (name, settings) not in _results:
            folder = tmp_path_factory.mktemp(name)
            fixed = [f"run.folder={folder}", "run.tensorboard=off", "run.device=cpu"]
            _results[name, settings] = train(load_config(samples()[name], [*fixed, *settings]))
        return _results[name, settings]

    return run


def largest_weight(result):
    return max(float(weight.detach().abs().max()) for weight in result.model.parameters() if weight.ndim >= 2)


def test_larger_weights_fit_two_points_better_and_l2_keeps_them_small(scene):
    free, held = scene("two_points"), scene("two_points_l2")
    assert largest_weight(free) > 1.5 * largest_weight(held)
    assert free.view.val_loss[-1] < 0.5 * held.view.val_loss[-1]
    assert free.view.grad_norm[-1] < 0.05 * free.view.grad_norm[0], "surer of itself: almost no gradient is left"
    assert free.test_metric == held.test_metric == 1.0


def test_a_small_net_gets_stuck_and_restarts_find_a_way(scene):
    stuck, several = scene("stuck"), scene("stuck_restarts")
    assert stuck.test_metric < 0.85
    assert several.test_metric >= 0.95
    assert sum(row.test_metric < 0.85 for row in several.trials) >= 2, "most starts end in a poor basin"


def test_more_epochs_do_not_free_the_stuck_net(scene):
    assert scene("stuck", "run.epochs=120").test_metric < 0.85


def test_momentum_gets_further_in_the_same_epochs(scene):
    assert scene("momentum").view.val_loss[-1] < 0.5 * scene("slow_descent").view.val_loss[-1]


def test_stopped_too_early_against_more_epochs(scene):
    short, longer = scene("too_short"), scene("too_short_cured")
    assert longer.view.best_loss < 0.3 * short.view.best_loss
    assert longer.test_metric > short.test_metric + 0.05


def test_deep_sigmoid_does_not_learn_and_relu_does(scene):
    assert scene("vanishing").test_metric < 0.4
    assert scene("vanishing_relu").test_metric > 0.7


def test_the_gradient_explodes_and_clipping_tames_it(scene):
    wild, tame = scene("exploding"), scene("exploding_clipped")
    assert wild.reason == "non_finite"
    assert tame.reason == "epochs_done"
    assert tame.test_metric < 0.6 * tame.baseline


def test_mini_batches_get_further_than_batch_descent_on_the_same_epochs(scene):
    batch, mini, single = (
        scene("descent_batch"),
        scene("descent_minibatch"),
        scene("descent_stochastic", "run.epochs=4"),
    )
    assert mini.view.val_loss[-1] < 0.3 * batch.view.val_loss[-1]
    assert single.view.val_loss[-1] < 0.3 * batch.view.val_loss[-1]
    assert batch.view.train_loss == sorted(batch.view.train_loss, reverse=True), (
        "exact steps: the loss falls every time"
    )


def test_large_small_and_decaying_learning_rates(scene):
    large, small, decay = scene("rate_large"), scene("rate_small"), scene("rate_decay")
    assert large.view.best_loss > 1.5
    assert small.view.best_loss > 3 * decay.view.best_loss
    assert decay.test_metric > 0.95


def test_l1_zeroes_the_useless_inputs_and_leaves_the_useful_ones(scene):
    free, sparse = (scene(name).model[0].weight[0].detach().abs() for name in ("sparse", "sparse_l1"))
    assert int((free[4:] < 1e-3).sum()) <= 4
    assert int((sparse[4:] < 1e-3).sum()) >= 14
    assert float(sparse[:4].min()) > 0.05


def test_a_recurrent_net_tells_waves_apart_and_a_dense_one_does_not(scene):
    reading, dense = scene("waves_lstm"), scene("waves_lstm", "model.kind=mlp")
    assert reading.test_metric > dense.test_metric + 0.1
    assert reading.view.best_loss < 0.6 * dense.view.best_loss


def test_a_recurrent_net_reads_what_a_bag_of_words_cannot(scene):
    few = ("data.rows=1000", "run.epochs=10")
    reading, bag = scene("reviews_gru", *few), scene("reviews_gru", *few, "model.kind=linear")
    assert bag.test_metric > 0.55
    assert reading.test_metric > bag.test_metric + 0.1


def test_folds_of_wine_agree_within_their_spread(scene):
    result = scene("wine_kfold")
    assert result.summary.count == 5
    assert result.summary.test_metric_mean > 0.93
    assert 0 < result.summary.test_metric_sd < 0.07


VERDICTS = {
    "overfit": {"overfitting"},
    "overfit_l2": set(),
    "overfit_early_stopping": set(),
    "stuck": {"stuck"},
    "too_short": {"too_short"},
    "slow_descent": {"too_short"},
    "vanishing": {"vanishing_gradients"},
    "exploding": {"non_finite"},
    "rate_large": {"dead_units"},
    "rate_small": {"learning_rate_low"},
    "descent_batch": {"learning_rate_low"},
    "momentum": set(),
    "too_short_cured": set(),
    "rate_decay": set(),
    "descent_minibatch": set(),
    "sparse_l1": set(),
    "two_points_l2": set(),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_diagnosis_says_of_a_scene_what_the_lesson_says(scene, name):
    assert set(scene(name).view.findings) == VERDICTS[name]


def test_every_sample_says_at_its_top_what_it_shows():
    from engine.samples import about

    for path in samples().values():
        assert len(about(path)) > 40, path.name
