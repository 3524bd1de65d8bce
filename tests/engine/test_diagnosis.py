"""The overfitting rule at each of its edges, and its trend test against a definition written out in full."""

from __future__ import annotations

import math
import random
from itertools import combinations, groupby, pairwise
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from engine import diagnose
from engine.diagnosis import Doctor, OverfittingWatch, Setting
from engine.diagnosis.trend import MannKendall
from engine.events import EpochEnded, FindingCleared, FindingRaised


def trend(values) -> MannKendall:
    test = MannKendall()
    for value in values:
        test.add(value)
    return test


def z_by_definition(values) -> float:
    """Mann-Kendall as the books have it: every pair looked at, the variance with its term for ties."""
    score = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    n = len(values)
    ties = [len(list(group)) for _, group in groupby(sorted(values))]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    if score == 0 or variance <= 0:
        return 0.0
    return (score - (1 if score > 0 else -1)) / math.sqrt(variance)


SERIES = st.lists(st.sampled_from([0.0, -0.0, 0.1, 0.2, 0.3]) | st.floats(-1e6, 1e6), max_size=40)


@given(SERIES)
def test_mann_kendall_is_its_definition(values):
    test = trend(values)
    assert len(test) == len(values)
    assert test.z == pytest.approx(z_by_definition(values), rel=1e-12)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30, unique=True))
def test_mann_kendall_agrees_with_kendalls_tau(values):
    n = len(values)
    score = kendalltau(range(n), values).statistic * n * (n - 1) / 2
    expected = (score - math.copysign(1, score)) / math.sqrt(n * (n - 1) * (2 * n + 5) / 18) if round(score) else 0.0
    assert trend(values).z == pytest.approx(expected, abs=1e-9)


def test_a_value_from_the_literature():
    """Gilbert (1987), p. 217, without ties: S = 10 for five rising values, Var = 16.67."""
    assert trend([1, 2, 3, 4, 5]).z == pytest.approx(9 / math.sqrt(50 / 3))


def rising(epochs: int, best: float = 1.0, step: float = 0.02) -> list[float]:
    """A validation loss that falls to its best in epoch 5 and rises for `epochs` after it."""
    return [best + 0.4, best + 0.3, best + 0.2, best + 0.1, best] + [best + step * n for n in range(1, epochs + 1)]


def falling(epochs: int) -> list[float]:
    return [1.0 / n for n in range(1, epochs + 1)]


def found(val: list[float], train: list[float] | None = None, lr: list[float] | None = None):
    """The finding of overfitting at the end of a history whose end is not known to be one."""
    findings = diagnose(train_loss=train or falling(len(val)), val_loss=val, lr=lr, max_epochs=10 * len(val) + 1)
    return next((one for one in findings if one.kind == "overfitting"), None)


def verdict(val: list[float], train: list[float] | None = None, lr: list[float] | None = None) -> bool:
    """Whether the rule holds after the last epoch, whatever was said before."""
    watch, holds = OverfittingWatch(), False
    rates = lr or [0.1] * len(val)
    for epoch, row in enumerate(zip(train or falling(len(val)), val, rates, strict=True), 1):
        holds = watch.update(epoch, *row)
    return holds


def test_a_clear_case_names_the_epoch_it_began():
    finding = found(rising(20))
    assert finding is not None
    assert finding.kind == "overfitting"
    assert finding.began == 6
    assert "epoch 6" in finding.title
    assert "best 1 (epoch 5)" in finding.evidence
    assert finding.confidence == "certain"


def test_the_example_of_the_docstring():
    vals = [1 / n for n in range(1, 11)] + [0.1 + 0.01 * n for n in range(20)]
    assert [finding.began for finding in diagnose(train_loss=[1 / n for n in range(1, 31)], val_loss=vals)] == [11]


@pytest.mark.parametrize(("epochs", "fires"), [(7, False), (8, False), (10, False), (11, True)])
def test_how_many_rising_epochs_it_takes(epochs, fires):
    """Z of 10 values that only rise is 3.94, of 11 it is 4.20; so the least of 8 epochs never decides."""
    val = rising(epochs, step=0.01)
    assert verdict(val) == fires
    assert (trend(val[5:]).z > 4) == fires


@pytest.mark.parametrize(
    ("epochs", "step", "fires"), [(5, 0.1, False), (6, 0.1, True), (6, 0.03, False), (6, 0.0299, False)]
)
def test_a_steep_rise_takes_six_epochs(epochs, step, fires):
    """Z of 6 values that only rise is 2.63. The median of the last three of steps of 0.03 is 15 % above the best, not more."""
    assert verdict(rising(epochs, step=step)) == fires


def test_a_finding_is_told_when_the_rule_has_held_for_two_epochs():
    assert verdict(rising(11, step=0.01))
    assert found(rising(11, step=0.01)) is None
    assert found(rising(12, step=0.01)) is not None


def test_seven_epochs_are_too_few_for_a_gentle_rise_whatever_the_trend(monkeypatch):
    monkeypatch.setattr("engine.diagnosis.overfitting.MIN_Z", 1.0)
    assert not verdict(rising(7, step=0.02))
    assert verdict(rising(8, step=0.02))


@pytest.mark.parametrize(("rise", "fires"), [(0.049, False), (0.0499, False), (0.0501, True), (0.06, True)])
def test_the_rise_has_to_be_five_per_cent(rise, fires):
    # Rises by less than 1 % and then sits at the level in question for the last 3 epochs.
    val = [*rising(12, step=0.0005), 1 + rise - 2e-6, 1 + rise, 1 + rise + 2e-6]
    assert verdict(val) == fires


def test_one_wild_epoch_does_not_decide():
    """The median of the last 3 stands for the level, so a single jump is no rise and a single dip no recovery."""
    assert not verdict([*rising(12, step=0.0005), 9.0])
    assert verdict([*rising(20), 1.01])


def test_training_loss_that_rises_too_is_not_overfitting():
    val = rising(20)
    train = [1.0, 0.8, 0.6, 0.5, 0.4] + [0.4 + 0.01 * n for n in range(1, 21)]
    assert found(val, train) is None
    level = [1.0, 0.8, 0.6, 0.5, 0.4] + [0.4] * 20
    assert found(val, level) is not None


def test_noise_around_a_level_is_not_overfitting():
    fired = 0
    for seed in range(100):
        noise = random.Random(seed)
        val = [1.0, 0.6, 0.4, 0.3] + [0.25 * (1 + 0.1 * noise.gauss(0, 1)) for _ in range(60)]
        fired += found(val) is not None
    assert fired <= 1


def test_a_new_best_starts_again():
    assert not verdict([*rising(20), 0.9])
    again = [*rising(20), *rising(15, best=0.5)]
    assert verdict(again)
    assert found(again) is not None


def test_it_is_unsaid_when_it_has_not_held_for_four_epochs():
    lower = [0.9 - 0.01 * n for n in range(6)]
    assert found([*rising(20), *lower[:3]]) is not None
    assert found([*rising(20), *lower[:4]]) is None


def test_what_was_seen_holds_until_half_of_the_rise_is_gone():
    """The level of 1.03 alone would not have been called overfitting."""
    assert not verdict(rising(25, step=0.001))
    assert verdict([*rising(15), *[1.03] * 10])
    assert not verdict([*rising(15), *[1.02] * 3])


@pytest.mark.parametrize(("factor", "fires"), [(0.5, False), (0.1, False), (0.51, True)])
def test_a_drop_of_the_learning_rate_starts_again(factor, fires):
    before = 14  # 5 epochs that fall and 9 that rise: too few for a finding yet
    rates = [0.1] * before + [0.1 * factor] * 31
    assert verdict(rising(16, step=0.01), lr=rates[:21]) == fires
    longer = found(rising(40, step=0.01), lr=rates)
    assert longer is not None
    assert longer.began == (6 if fires else before + 1)


def test_a_finding_that_holds_outlives_drops():
    held = found(rising(20))
    assert held is not None
    # A cosine to zero falls by 2x and more in each of its last epochs.
    later = found(rising(20), lr=[0.1] * 22 + [0.04, 0.01, 0.0025])
    assert later is not None
    assert (later.began, later.confidence) == (held.began, held.confidence)
    # After the drop the loss settles on a level: far above the best still.
    assert found([*rising(20), *[rising(20)[-1]] * 20], lr=[0.1] * 25 + [0.01] * 20) is not None


def test_a_rise_of_the_learning_rate_changes_nothing():
    assert found(rising(20), lr=[0.1] * 18 + [1.0] * 7) == found(rising(20))


def test_epochs_that_are_not_finite_are_passed_over():
    val = rising(20)
    assert found([*val[:10], math.nan, *val[10:]], [*falling(25)[:10], 0.1, *falling(25)[10:]]) is not None
    assert found([math.nan] * 30, falling(30)) is None
    assert found([*val, math.inf]) == found(val)  # the explosion is another rule's; it does not unsay this one
    assert diagnose(train_loss=[], val_loss=[]) == []


def test_lengths_have_to_agree():
    with pytest.raises(ValueError, match="one value per epoch"):
        diagnose(train_loss=[1.0], val_loss=[])
    with pytest.raises(ValueError, match="one value per epoch"):
        diagnose(train_loss=[1.0], val_loss=[1.0], lr=[])


HISTORY = st.lists(st.tuples(st.floats(1e-3, 10), st.floats(1e-3, 10)), min_size=1, max_size=40)


@given(HISTORY, st.integers(-20, 20))
def test_the_unit_of_the_loss_does_not_matter(history, power):
    """A power of two, so that scaling itself rounds nothing away."""
    train, val = map(list, zip(*history, strict=True))
    scaled = found([v * 2.0**power for v in val], [t * 2.0**power for t in train])
    plain = found(val, train)
    assert (plain is None) == (scaled is None)
    if plain is not None and scaled is not None:
        assert (plain.began, plain.confidence) == (scaled.began, scaled.confidence)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), SERIES)
def test_a_validation_loss_that_only_falls_is_never_overfitting(val, train):
    val = sorted(val, reverse=True)
    assert found(val, [abs(t) for t in (train * 60 + [0.0] * 60)[: len(val)]]) is None


@given(HISTORY)
def test_it_looks_at_the_past_only(history):
    """What is said after n epochs does not depend on those that follow: a fold and a batch agree."""
    doctor, most = Doctor(Setting(max_epochs=1000)), 1000
    for n, (train, val) in enumerate(history, 1):
        list(doctor.examine(ended(n, train, val)))
        trains, vals = [t for t, _ in history[:n]], [v for _, v in history[:n]]
        assert list(doctor.held()) == diagnose(train_loss=trains, val_loss=vals, lr=[0.1] * n, max_epochs=most)


def begins_by_definition(val: list[float], train: list[float], lr: list[float]) -> bool:
    """The rule as its issue words it, looked up in the whole history at once."""
    best = val.index(min(val))
    drops = [n for n in range(1, len(lr)) if lr[n] * 2 <= lr[n - 1]]
    start = max([best + 1, *drops])
    since = val[start:]
    now = median(val[-3:]) / val[best]
    z = z_by_definition(since)
    steps = [b - a for a, b in pairwise(since[-24:])]
    noise = 1.4826 * median([abs(step - median(steps)) for step in steps]) / math.sqrt(2) if steps else 0.0
    clear = median(val[-3:]) - val[best] > 4 * noise
    real = (len(since) >= 8 and z > 4) or (6 <= len(since) <= 12 and z > 2.6 and now > 1.15 and clear)
    return real and now > 1.05 and median(train[-3:]) <= train[best]


@given(
    slope=st.sampled_from([-0.01, 0.0, 0.01, 0.03]),
    noise=st.lists(st.sampled_from([0.0, 0.01, -0.01, 0.05]), min_size=1, max_size=40),
    train_slope=st.sampled_from([-0.1, 0.0, 0.1]),
    drop=st.integers(1, 40),
)
@settings(max_examples=400)
def test_the_fold_is_the_rule(slope, noise, train_slope, drop):
    val = [1.0 + slope * n + jitter for n, jitter in enumerate(noise)]
    train = [1.0 + train_slope * n for n in range(len(val))]
    lr = [0.1 if n < drop else 0.04 for n in range(len(val))]
    watch = OverfittingWatch()
    held = False
    for n, row in enumerate(zip(train, val, lr, strict=True), 1):
        now = watch.update(n, *row)
        begins = begins_by_definition(val[:n], train[:n], lr[:n])
        assert now or not begins
        if not held:
            assert now == begins
        held = now


def ended(epoch: int, train: float, val: float) -> EpochEnded:
    return EpochEnded(
        epoch=epoch, train_loss=train, val_loss=val, train_metric=0, val_metric=0, lr=0.1, penalty=0, grad_norm=0,
        seconds=0, samples_per_second=0, best_epoch=0,
    )  # fmt: skip


def test_the_doctor_tells_what_changed_and_nothing_twice():
    doctor = Doctor()
    val = [*rising(30, step=0.01), 0.5, *rising(30, best=0.4, step=0.01)]
    told = [fact for n, v in enumerate(val, 1) for fact in doctor.examine(ended(n, 1 / n, v))]
    told = [fact for fact in told if getattr(fact, "kind", "") == "overfitting"]
    assert [type(fact) for fact in told] == [FindingRaised, FindingRaised, FindingCleared, FindingRaised, FindingRaised]
    raised = [fact for fact in told if isinstance(fact, FindingRaised)]
    assert [fact.confidence for fact in raised] == ["likely", "certain", "likely", "certain"]
    assert [fact.began for fact in raised] == [6, 6, 42, 42]
    assert told[2] == FindingCleared(epoch=39, kind="overfitting")


def test_a_thousand_epochs_of_a_wavering_validation_loss_do_not_flap():
    """It overfits and then wanders about a level: the finding comes, and does not come and go."""
    noise = random.Random(3)
    val = [
        *(1 / n for n in range(1, 12)),
        *(0.1 * (1 + 0.06 * noise.gauss(0, 1) + 0.06 * math.sin(n / 15)) for n in range(1000)),
    ]
    doctor = Doctor()
    told = [fact for n, v in enumerate(val, 1) for fact in doctor.examine(ended(n, 0.2 / n, v))]
    assert sum(fact.kind == "overfitting" for fact in told if isinstance(fact, FindingRaised | FindingCleared)) <= 3
