"""Where the rules of the diagnosis end: what they look like just on the one side and just on the other."""

from __future__ import annotations

import math

import pytest
from support.histories import B, decay, ended, kinds, knobs, looks, noisy

from engine import diagnose
from engine.diagnosis import Doctor, Finding, Look, OverfittingWatch, Setting
from engine.diagnosis.advice import advised
from engine.diagnosis.trend import gain_ahead
from engine.events import FindingCleared, FindingRaised

# ---------------------------------------------------------------------------------------------------- learnt and lost again

LOST = [2.2, 1.85, 1.9, 1.9, 1.95, 2.1, 2.25, *noisy([B * 1.005] * 14, 0.004, 3)]


def test_what_was_learnt_and_is_lost_again_is_the_learning_rate():
    assert kinds(LOST) == ["learning_rate_high"]
    never = [B, *noisy([B * 1.005] * 20, 0.004, 3)]
    assert kinds(never) == ["stuck"]


def test_a_net_that_had_learnt_has_no_vanishing_gradients():
    small = looks(21, rms=(1e-6, 0.1, 1.0))
    assert kinds(LOST, probes=small) == ["learning_rate_high"]
    assert kinds([B, *noisy([B * 1.005] * 20, 0.004, 3)], probes=small) == ["vanishing_gradients"]


def test_a_net_that_has_just_begun_to_learn_has_lost_nothing():
    """The latest epochs lag behind: their median still is a constant answer's loss."""
    begins = [*noisy([B] * 9, 0.001, 1), 2.23, 2.08, 1.96]
    assert kinds(begins, probes=looks(12, rms=(1e-6, 0.1, 1.0)), max_epochs=40) == ["vanishing_gradients"]


def test_the_lowest_of_many_noisy_values_was_never_learnt():
    for seed in range(8):
        assert "learning_rate_high" not in kinds(noisy([B] * 60, 0.03, seed), [B] * 60)


# ------------------------------------------------------------------------------------------------------- long and short steps

WANDERING = noisy([0.88 * B] * 30, 0.015, 4)


@pytest.mark.parametrize(
    ("size", "expected"), [(0.021, ["learning_rate_high"]), (0.019, []), (0.009, ["underfitting"])]
)
def test_long_steps_that_lead_nowhere(size, expected):
    assert kinds(WANDERING, probes=looks(30, updates=(size, size))) == expected


def test_long_steps_mean_nothing_when_the_weights_are_next_to_none():
    long = looks(30, updates=(0.05, 0.05))
    assert "learning_rate_high" not in kinds(WANDERING, probes=long, config=knobs(regularization__l2=0.1))
    assert "learning_rate_high" not in kinds(WANDERING, probes=looks(30, updates=(math.nan, 0.05)))
    assert kinds(noisy([0.5 * B] * 30, 0.015, 4), probes=long) == [], "half of it is learnt"


SLOWING = decay(30, 12, 1.2)
"""It falls and slows down, as training at a low rate does when what is easy has been learnt."""


@pytest.mark.parametrize(("size", "expected"), [(0.00039, "learning_rate_low"), (0.00041, "too_short")])
def test_a_slowing_fall_in_tiny_steps_is_a_low_rate(size, expected):
    assert kinds(SLOWING, probes=looks(30, updates=(size,))) == [expected]


@pytest.mark.parametrize(("size", "expected"), [(0.00058, "learning_rate_low"), (0.00062, "too_short")])
def test_a_fall_that_quickens_has_only_begun(size, expected):
    """Unless the steps are very short: then the rate is too low as well."""
    quickening = [B - 0.004 * n - 0.0012 * n * n for n in range(20)]
    assert kinds(quickening, probes=looks(20, updates=(size,))) == [expected]
    steady = [B - 0.03 * n for n in range(20)]
    assert kinds(steady, probes=looks(20, updates=(size,))) == ["learning_rate_low"]


def test_tiny_steps_that_a_schedule_made_small_are_no_low_rate():
    tiny = looks(30, updates=(0.0001,))
    rates = [0.1 * (1 - n / 60) for n in range(30)]
    assert kinds(SLOWING, probes=tiny, lr=rates) == ["learning_rate_low"]
    rates = [0.1 * (1 - n / 40) for n in range(30)]
    assert "learning_rate_low" not in kinds(SLOWING, probes=tiny, lr=rates)
    absurd = [10 * loss for loss in SLOWING]
    assert "learning_rate_low" not in kinds(absurd, probes=tiny), "far above a constant answer, something else is wrong"


def test_in_the_first_epochs_a_rate_has_to_be_far_too_high():
    assert kinds(noisy([B * 1.1] * 7, 0.001, 5), max_epochs=40) == []
    assert kinds(noisy([B * 1.1] * 12, 0.001, 5), max_epochs=40) == ["learning_rate_high"]
    assert kinds(noisy([B * 1.25] * 7, 0.001, 5), max_epochs=40) == ["learning_rate_high"]


# ----------------------------------------------------------------------------------------------------------------- too short


@pytest.mark.parametrize(("last", "expected"), [(0.29, False), (0.31, True)])
def test_a_schedule_is_spent_at_three_tenths(last, expected):
    rates = [0.1 * (1 - (1 - last) * n / 19) for n in range(20)]
    assert ("too_short" in kinds(decay(20, 12), lr=rates)) == expected


def test_a_schedule_that_goes_up_and_down_says_nothing_of_more_epochs():
    assert kinds(decay(20, 12), schedule="plateau") == ["too_short"]
    assert kinds(decay(20, 12), schedule="cyclic") == []


@pytest.mark.parametrize(("share", "expected"), [(0.0082, ["too_short"]), (0.0078, [])])
def test_what_is_left_has_to_matter(share, expected):
    """The same shape twice: half as many epochs more take 0.8 % of a constant answer's loss away, or not quite."""
    losses = decay(20, 12)
    assert kinds([share * B / gain_ahead(losses) * loss for loss in losses]) == expected


def test_a_validation_loss_too_rough_to_foretell_follows_that_of_training():
    train = [0.529, 0.273, 0.204, 0.139, 0.102, 0.0995, 0.0893]
    rough = [0.280, 0.221, 0.164, 0.115, 0.124, 0.120, 0.0998]
    assert gain_ahead(rough) < 0.005 * rough[-1], "by itself it says nothing"
    assert kinds(train, rough, baseline=0.69) == ["too_short"]
    rising = [0.280, 0.221, 0.164, 0.115, 0.124, 0.130, 0.135]
    assert kinds(train, rising, baseline=0.69) == []


@pytest.mark.parametrize(
    ("average", "steps", "expected"),
    [("swa", "fall", True), ("swa", "rest", False), ("ema", "rest", True), ("none", "rest", True)],
)
def test_averaged_weights_gain_by_themselves(average, steps, expected):
    """The measured losses fall for as long as the mean takes in more weights; the loss of the steps says whether anything is learnt.
    A mean that forgets lags behind the weights, and catches up in more epochs."""
    setting = Setting(max_epochs=20, baseline=B, config=knobs(run__average=average))
    losses, doctor, told = decay(20, 12), Doctor(setting), []
    for epoch, loss in enumerate(losses, 1):
        running = loss if steps == "fall" else 1.5
        told += doctor.examine(ended(epoch, loss, loss, train_loss_running=running))
    assert ("too_short" in {one.kind for one in told}) == expected


def test_a_fall_that_grows_from_epoch_to_epoch_has_only_begun():
    """Half as many epochs more would give one and a half per cent: asked for is one of it, and two of a fall that grows no more."""
    quickening, even = [2.000, 1.991, 1.976, 1.952], [2.000, 1.984, 1.968, 1.952]
    assert 0.01 < gain_ahead(quickening) / 1.952 < 0.02
    assert 0.01 < gain_ahead(even) / 1.952 < 0.02
    assert kinds(quickening) == ["too_short"]
    assert kinds(even) == []
    assert kinds([2.000, 2.001, 1.976, 1.952], quickening) == [], "training did not fall in every epoch"


@pytest.mark.parametrize(("floor", "expected"), [(0.6, True), (1.9, False)])
def test_the_gain_has_to_be_worth_it(floor, expected):
    losses = decay(20, 8, floor)
    assert (gain_ahead(losses) / losses[-1] > 0.02) == expected
    assert ("too_short" in kinds(losses)) == expected


def test_a_handful_of_epochs_is_foretold_between_an_exponential_and_a_power_law():
    power = [0.8 + n**-0.7 for n in range(1, 6)]
    ahead = power[-1] - (0.8 + 7.5**-0.7)
    assert 0.4 * ahead < gain_ahead(power) < 1.2 * ahead
    assert gain_ahead([1.0, 1.0, 1.0, 1.0, 1.0]) == 0
    assert kinds([1.6, 1.11, 0.963, 0.895, 0.854], [1.28, 1.06, 0.977, 0.927, 0.905]) == ["too_short"]


# ------------------------------------------------------------------------------------------------------------------ overfitting


@pytest.mark.parametrize(
    ("rise", "error", "fires"),
    [(0.02, 0.2 / 1.2, False), (0.02, 0.2 / 1.3, True), (0.06, 0.6 / 0.9, False), (0.06, 0.6 / 1.1, True)],
)
def test_how_many_standard_errors_a_rise_takes(rise, error, fires):
    """One and a quarter, and one for a rise by more than half of the best. After 12 epochs the median of the last 3 is 11 rises."""
    watch, holds = OverfittingWatch(), False
    for epoch in range(1, 18):
        val = 2.0 - 0.2 * epoch if epoch <= 5 else 1 + rise * (epoch - 5)
        holds = watch.update(epoch, 1 / epoch, val, 0.1, error * 11 * rise / (10 * rise))
    assert holds == fires


def test_what_was_told_first_stays():
    """A training loss that is nearly nothing swings by much of itself: an overfitted net's rate is not too high for that."""
    fall = decay(12, 3, 0.25)
    val = [*decay(12, 3, 0.5), *(0.6 + 0.05 * n for n in range(20))]
    train = [*fall, *noisy([0.2] * 20, 0.3, 1)]
    doctor, told = Doctor(Setting(max_epochs=60, baseline=B)), []
    for epoch, (t, v) in enumerate(zip(train, val, strict=True), 1):
        told += [(type(fact), getattr(fact, "kind", "")) for fact in doctor.examine(ended(epoch, t, v))]
    assert (FindingRaised, "overfitting") in told
    assert (FindingCleared, "overfitting") not in told
    assert (FindingRaised, "learning_rate_high") not in told
    assert "learning_rate_high" in kinds(train, [1.0] * 32, max_epochs=60), "without it, it is"


# ------------------------------------------------------------------------------------------------- held back, dead, exploding


@pytest.mark.parametrize(
    ("config", "most", "expected"),
    [
        (knobs(regularization__l1=0.01), 30, ["underfitting"]),
        (knobs(regularization__l1=0.0001), 30, ["too_short"]),
        (knobs(regularization__l1=0.01), 60, []),
    ],
)
def test_what_a_penalty_holds_back_creeps_to_its_end(config, most, expected):
    """Late in a run it is not said to be too short, and early nobody knows yet."""
    creeping = decay(30, 12, 1.4)
    assert kinds(creeping, config=config, max_epochs=most) == expected


@pytest.mark.parametrize(
    ("name", "lr", "decay", "expected"),
    [
        ("muon", 0.02, 0.1, []), ("muon", 0.02, 0.3, ["underfitting"]), ("adamw", 0.001, 1.0, []), ("adam", 0.001, 0.1, ["underfitting"]),
        ("adamw", 0.5, 0.1, []), ("adamw", 0.5, 0.11, ["underfitting"]),
    ],
)  # fmt: skip
def test_a_decay_apart_from_the_gradient_is_as_strong_as_its_rate_makes_it(name, lr, decay, expected):
    """0.1 is what muon begins with, and takes a part in five hundred of the weights in each step. At a rate so high that it takes a
    twentieth it is the rate that is too high."""
    flat = [*fall(0.6 * B), *noisy([0.6 * B] * 20, 1e-4)]
    config = knobs(optimizer__name=name, optimizer__lr=lr, optimizer__weight_decay=decay)
    assert kinds(flat, config=config) == expected
    own = knobs(optimizer__lr=lr, regularization__weight_decay=decay)
    assert (kinds(flat, config=own) == ["underfitting"]) == (lr * decay >= 0.005 and decay > 0.1)


def fall(floor: float) -> list[float]:
    return decay(10, 2, floor)


def test_what_a_penalty_takes_back_is_not_lost_by_long_steps():
    assert "learning_rate_high" not in kinds(LOST, config=knobs(regularization__l2=0.1))


def test_inputs_that_were_not_standardized_and_flat_units():
    """A net that learns well has nothing to be told of; but where the cure is so plain it is told."""
    units, losses = looks(12, saturated=(1.0,)), decay(12, 2, 0.25 * B)
    assert kinds(losses, probes=units, max_epochs=40, config=knobs(data__standardize=True)) == []
    found = diagnose(
        train_loss=losses,
        val_loss=losses,
        baseline=B,
        probes=units,
        max_epochs=40,
        config=knobs(data__standardize=False),
    )
    assert [one.kind for one in found] == ["saturated_units"]
    assert [one.key for one in found[0].changes] == ["data.standardize"]


def test_a_start_that_is_absurd():
    """Far above a constant answer a quarter of the units is enough to be saturated, and no rate is too low."""
    absurd = [20 * B * 0.97**n for n in range(20)]
    tiny = {"updates": (1e-4,)}
    assert kinds(absurd, probes=looks(20, saturated=(0.3,), **tiny)) == ["saturated_units"]
    assert "saturated_units" not in kinds(absurd, probes=looks(20, saturated=(0.2,), **tiny))
    assert "learning_rate_low" not in kinds(absurd, probes=looks(20, **tiny))


def test_what_the_first_steps_threw_off_is_the_learning_rate():
    losses = [1000 * 0.6**n + 1.1 * B for n in range(14)]
    norms = [50 * loss for loss in losses]
    assert "exploding_gradients" in kinds(losses, grad_norm=norms, probes=looks(14, updates=(0.001,)), max_epochs=40)
    assert kinds(losses, grad_norm=norms, probes=looks(14, updates=(0.05,)), max_epochs=40) == ["learning_rate_high"]


def test_exploding_gradients_explain_dead_units():
    losses = [1000 * 0.8**n for n in range(14)]
    norms = [50 * loss for loss in losses]
    for share, expected in ((0.45, ["exploding_gradients"]), (0.55, ["dead_units"])):
        found = looks(14, dead=(0.1, share), updates=(0.001,))
        assert kinds(losses, grad_norm=norms, probes=found, max_epochs=40) == expected, (
            "through half of a layer a signal grows"
        )
    later = [Look(epoch, dead=(0.1 if epoch < 10 else 0.6,), updates=(0.001,)) for epoch in range(1, 13)]
    found = kinds(losses[:12], grad_norm=norms[:12], probes=later, max_epochs=40)
    assert found == ["exploding_gradients"], "they were there before"
    assert kinds([3 * B] * 12, probes=later, max_epochs=40) == ["dead_units"], "without them that is told"


def test_units_that_a_penalty_has_killed_are_underfitting():
    flat, dead = noisy([B] * 14, 1e-3, 2), looks(14, dead=(0.6,))
    far = noisy([5 * B] * 14, 1e-3, 2)
    assert kinds(far, probes=dead, config=knobs(regularization__l2=0.1)) == ["dead_units"], (
        "weights of 0 answer a constant"
    )
    assert kinds(flat, probes=dead) == ["dead_units"]
    assert kinds(flat, probes=dead, config=knobs(regularization__l2=0.1)) == ["underfitting"]
    assert kinds(flat, probes=dead, config=knobs(regularization__dropout=0.6)) == ["dead_units"], "that kills no units"


@pytest.mark.parametrize(("times", "expected"), [(49, False), (51, True)])
def test_a_gradient_that_is_too_large_from_the_start(times, expected):
    losses = [1000 * 0.8**n for n in range(12)]
    found = kinds(losses, grad_norm=[times * B] * 12, max_epochs=40)
    assert ("exploding_gradients" in found) == expected


def test_a_model_that_is_neither_weak_nor_held_back_does_not_underfit_in_long_steps():
    flat = [*decay(6, 2, 0.95 * B), *noisy([0.95 * B] * 20, 0.002, 3)]
    assert kinds(flat) == ["underfitting"] or kinds(flat) == ["stuck"]
    some = [*decay(6, 2, 0.9 * B), *noisy([0.9 * B] * 20, 0.002, 3)]
    assert kinds(some) == ["underfitting"]
    assert "underfitting" not in kinds(some, probes=looks(26, updates=(0.011,)))
    assert kinds(some, probes=looks(26, updates=(0.011,)), config=knobs(model__kind="linear")) == ["underfitting"]


@pytest.mark.parametrize(
    ("kind", "config", "first"),
    [
        (
            "vanishing_gradients",
            {"model__hidden": (32,) * 6, "model__activation": "sigmoid"},
            {"model.batch_norm": "on"},
        ),
        (
            "vanishing_gradients",
            {"model__hidden": (32,) * 5, "model__activation": "sigmoid"},
            {"model.activation": "relu"},
        ),
        ("vanishing_gradients", {"model__init": "normal", "model__init_std": 0.001}, {"model.init": "default"}),
        ("learning_rate_high", {"optimizer__lr": 1.0}, {"optimizer.lr": "0.1"}),
        ("learning_rate_high", {"optimizer__lr": 3.0}, {"optimizer.lr": "0.03"}),
        ("non_finite", {"optimizer__lr": 3.0, "data__standardize": False}, {"data.standardize": "on"}),
    ],
)
def test_what_is_tried_first_depends_on_the_settings(kind, config, first):
    finding = advised(Finding(kind, "likely", 1, "", ""), knobs(**config))
    assert {change.key: change.after for change in finding.changes} == first
    assert len(finding.actions) == len(set(finding.actions))


def test_a_finding_has_the_step_only_where_it_is_known():
    assert all(one.step == 0 for one in diagnose(train_loss=LOST, val_loss=LOST, baseline=B))
