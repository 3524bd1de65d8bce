"""Every rule of the diagnosis at its edges, on histories that are written down; and what must hold for any history."""

from __future__ import annotations

import io
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.histories import B, decay, ended, kinds, knobs, looks, noisy

from engine import build_config, diagnose
from engine.diagnosis import ORDER, Doctor, Finding, Look, Setting, raised
from engine.diagnosis import doctor as at_work
from engine.diagnosis.advice import ADVICE, advised
from engine.diagnosis.trend import gain_ahead, level, median, slope, spread, thin
from engine.events import FindingCleared, FindingRaised
from engine.knobs import knob_by_key, parse, values
from engine.sinks import ConsoleSink

# --------------------------------------------------------------------------------------------------------- its statistics


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30))
@settings(max_examples=30)
def test_the_slope_is_scipys(numbers):
    from scipy.stats import theilslopes

    assert slope(numbers) == pytest.approx(theilslopes(numbers).slope, abs=1e-9)


def test_spread_and_level_are_not_moved_by_a_wild_value():
    assert spread([1, 2, 3, 4, 1e9]) == pytest.approx(1.4826)
    assert level([5, 5, 5, 5, 1e9]) == 5
    assert math.isnan(median([]))


def test_thin_keeps_short_series_and_halves_long_ones():
    assert thin([1, 2, 3], 3) == [1, 2, 3]
    assert thin([1, 3, 5, 7], 2) == [2, 6]
    assert len(thin(range(1000))) == 48


@pytest.mark.parametrize("rate", [10, 20, 40])
def test_the_forecast_of_an_exponential_fall(rate):
    seen, ahead = decay(40, rate, 0.5), decay(60, rate, 0.5)
    assert gain_ahead(seen) == pytest.approx(seen[-1] - ahead[-1], rel=0.35, abs=0.02)


def test_the_forecast_of_a_power_law():
    seen = [0.1 + n**-0.5 for n in range(1, 101)]
    assert gain_ahead(seen) == pytest.approx(100**-0.5 - 150**-0.5, rel=0.35)


@given(st.lists(st.floats(0.1, 10), max_size=40))
def test_a_forecast_is_finite_and_never_a_rise(losses):
    assert 0 <= gain_ahead(losses) < math.inf
    assert gain_ahead(sorted(losses)) == 0 or len(set(losses)) < len(losses)


# ------------------------------------------------------------------------------------------------------------- too short


def test_too_short_at_its_end():
    assert kinds(decay(20, 12)) == ["too_short"]
    assert kinds(decay(20, 3)) == []


@pytest.mark.parametrize(("most", "expected"), [(20, ["too_short"]), (22, ["too_short"]), (26, []), (60, [])])
def test_too_short_is_said_beyond_four_fifths_of_the_epochs(most, expected):
    """After 20 epochs: 22 x 0.8 is 17.6, and it has held since; 26 x 0.8 is 20.8."""
    found = diagnose(train_loss=decay(20, 12), val_loss=decay(20, 12), baseline=B, max_epochs=most)
    assert [one.kind for one in found] == expected
    assert all(one.confidence == ("watch" if most > 20 else "certain") for one in found)


def test_the_best_has_to_be_recent_for_too_short():
    losses = decay(20, 12)
    assert kinds([*losses, losses[-1] * 1.001, losses[-1] * 1.001]) == ["too_short"]
    assert kinds([*losses, *[losses[-1] * 1.001] * 4]) == []


def test_too_short_in_a_handful_of_epochs():
    assert kinds([2.0, 1.5, 1.1]) == ["too_short"]
    assert kinds([2.0, 1.5]) == []
    assert kinds([2.0, 1.5, 1.6]) == []


def test_what_is_next_to_nothing_is_no_reason_for_more_epochs():
    """The loss halves every few epochs, from one in a thousand of a constant answer's."""
    assert kinds([0.002 * 0.9**n for n in range(30)]) == []


def test_a_schedule_at_its_end_gains_nothing_from_more_epochs():
    rates = [0.1 * (1 + math.cos(math.pi * n / 20)) / 2 for n in range(20)]
    assert "too_short" not in kinds(decay(20, 12), lr=rates)
    assert "too_short" in kinds(decay(20, 12), lr=[0.1] * 20)


# ---------------------------------------------------------------------------------------------------------- learning rate


def test_a_loss_that_swings_and_falls_no_more():
    swinging = noisy([1.0] * 30, 0.2, 1)
    assert kinds(swinging, [1.1] * 30) == ["learning_rate_high"]
    assert kinds(noisy([1.0] * 30, 0.01, 1), [1.1] * 30) == []


@pytest.mark.parametrize(("most", "expected"), [(60, []), (30, ["learning_rate_high"])])
def test_a_schedule_that_will_calm_the_swing_is_given_its_time(most, expected):
    swinging = noisy([1.0] * 30, 0.2, 1)
    assert kinds(swinging, [1.1] * 30, schedule="cosine", max_epochs=most) == expected


def test_a_rough_fall_is_progress():
    assert kinds(noisy(decay(30, 10), 0.1, 2), decay(30, 10), max_epochs=60) == []


def test_long_steps_make_a_smaller_swing_enough():
    swinging = noisy([1.0] * 30, 0.085, 3)
    looks = [Look(epoch, updates=(0.05, 0.05)) for epoch in range(1, 31)]
    assert kinds(swinging, [1.1] * 30) == []
    assert kinds(swinging, [1.1] * 30, probes=looks) == ["learning_rate_high"]


def test_a_validation_loss_that_swings_while_training_is_rough():
    rough, swinging = noisy([1.0] * 30, 0.04, 8), noisy([1.5] * 30, 0.25, 9)
    assert kinds(rough, swinging) == ["learning_rate_high"]
    assert kinds(decay(30, 4, 1.0), swinging) == [], "training is smooth: that is the validation part's own affair"
    long = looks(30, updates=(0.05,))
    assert kinds(decay(30, 4, 1.0), swinging, probes=long) == ["learning_rate_high"], "unless every step is a long one"
    waves = [1.5 + 0.6 * math.sin(0.9 * epoch) for epoch in range(30)]
    assert "learning_rate_high" not in kinds(decay(30, 4, 1.0), waves, probes=long), (
        "it goes up and down, but not from epoch to epoch"
    )
    assert kinds([0.01 * loss for loss in rough], [0.01 * loss for loss in swinging]) == [], "nearly all is learnt"


def test_worse_than_a_constant_answer():
    assert kinds(noisy([B * 1.2] * 12, 0.01)) == ["learning_rate_high"]
    assert "learning_rate_high" not in kinds(noisy([B * 1.001] * 12, 0.0001))
    assert kinds([B * 3 * 0.9**n for n in range(12)], max_epochs=50) == [], (
        "a start from large weights that gets better"
    )


def test_diverging_is_far_from_the_best_and_no_spike():
    fall = decay(10, 3)
    rise = [0.3 + 0.25 * n for n in range(1, 9)]
    assert kinds([*fall, *rise], [*fall, *rise]) == ["diverging"]
    spike = [*fall, 3.0, 0.3, 0.25, 0.24, *decay(8, 3, 0.2, 0.23)]
    assert "diverging" not in kinds(spike, max_epochs=50)


def test_a_rate_that_is_too_low():
    slow = decay(30, 150)
    assert kinds(slow) == ["learning_rate_low"]
    assert kinds(slow, probes=[Look(epoch, updates=(0.0001,)) for epoch in range(1, 31)]) == ["learning_rate_low"]
    assert "learning_rate_low" not in kinds(slow, probes=[Look(epoch, updates=(0.01,)) for epoch in range(1, 31)])
    assert kinds(slow, max_epochs=80) == [], "it is early yet"


# ------------------------------------------------------------------------------------------------- stuck and underfitting


def test_stuck_on_a_plateau():
    flat = noisy([B * 0.999] * 20, 1e-4)
    assert kinds(flat) == ["stuck"]
    assert kinds(flat[:9]) == []


def test_what_moves_in_tiny_steps_is_slow_and_not_stuck():
    creeping = [B - 0.0004 * n for n in range(20)]
    steps = [Look(epoch, updates=(1e-5, 1e-5)) for epoch in range(1, 21)]
    assert kinds(creeping, max_epochs=50) == ["stuck"]
    assert kinds(creeping, probes=steps, max_epochs=50) == []


def test_a_linear_model_is_never_stuck():
    flat = noisy([0.69] * 20, 1e-4)
    assert kinds(flat, baseline=0.693, config=knobs(model__kind="linear")) == ["underfitting"]
    assert kinds(flat, baseline=0.693, config=knobs(model__hidden=(2,))) == ["stuck"]


@pytest.mark.parametrize(("hidden", "expected"), [((2,), ["stuck"]), ((64,), [])])
def test_a_small_net_halfway_is_stuck_and_a_large_one_may_be_as_far_as_one_can_get(hidden, expected):
    halfway = [*decay(10, 2, 0.35, 0.69), *noisy([0.35] * 20, 1e-4)]
    assert kinds(halfway, baseline=0.693, config=knobs(model__hidden=hidden)) == expected


def test_strong_regularization_is_what_holds_a_net_back():
    flat = [*decay(10, 2, 1.2), *noisy([1.2] * 20, 1e-4)]
    found = diagnose(train_loss=flat, val_loss=flat, baseline=B, config=knobs(regularization__l2=0.1))
    assert [one.kind for one in found] == ["underfitting"]
    assert found[0].actions[0] == "less regularization"
    assert [(one.key, one.after) for one in found[0].changes] == [("regularization.l2", "0.001")]
    assert kinds(flat, config=knobs()) == []


def test_a_gap_is_no_underfitting():
    flat = [*decay(10, 2, 1.2), *noisy([1.2] * 20, 1e-4)]
    config = knobs(regularization__l2=0.1)
    assert kinds(flat, [1.15 * loss for loss in flat], config=config) == ["underfitting"]
    assert kinds(flat, [1.3 * loss for loss in flat], config=config) == []


@pytest.mark.parametrize(
    ("more", "expected"), [({}, ["could_stop"]), ({"schedule": "cosine"}, []), ({"config": knobs()}, [])]
)
def test_nothing_left_to_gain(more, expected):
    """A cosine has its gains ahead, and with early stopping (on by default) the run ends by itself."""
    flat = [*decay(15, 3), *noisy([0.2] * 25, 1e-4)]
    assert kinds(flat, max_epochs=100, **more) == expected
    assert kinds(flat[:26], max_epochs=29, **more) == [], "few epochs are left"


# ------------------------------------------------------------------------------------------------------- inside the net


NOT_LEARNING = noisy([B] * 12, 1e-3)


@pytest.mark.parametrize(
    ("weakest", "expected"), [(0.99e-3, "vanishing_gradients"), (1.01e-3, "stuck"), (0.5, "stuck")]
)
def test_vanishing_is_a_thousandth_of_the_largest_layer(weakest, expected):
    assert kinds(NOT_LEARNING, probes=looks(12, rms=(weakest, 0.1, 1.0))) == [expected]


def test_a_net_that_learns_has_no_vanishing_gradients():
    assert kinds(decay(12, 3), probes=looks(12, rms=(1e-6, 0.1, 1.0)), max_epochs=50) == []
    assert "vanishing_gradients" in kinds(NOT_LEARNING[:5], probes=looks(5, rms=(1e-6, 0.1, 1.0)), max_epochs=50)
    assert "vanishing_gradients" not in kinds(NOT_LEARNING[:3], probes=looks(3, rms=(1e-6, 0.1, 1.0)), max_epochs=50)


@pytest.mark.parametrize(("share", "expected"), [(0.49, "stuck"), (0.5, "dead_units"), (1.0, "dead_units")])
def test_half_of_a_layer_has_to_be_dead(share, expected):
    assert kinds(NOT_LEARNING, probes=looks(12, dead=(0.1, share))) == [expected]


def test_dead_units_need_two_looks_and_a_net_that_does_not_learn():
    one = [Look(1, dead=(1.0,))]
    assert "dead_units" not in kinds(NOT_LEARNING, probes=one)
    assert "dead_units" in kinds(NOT_LEARNING, probes=[*one, Look(2, dead=(1.0,))])
    assert kinds(decay(12, 3), probes=looks(12, dead=(0.8,)), max_epochs=50) == []


def test_weights_of_zero_are_no_dead_units():
    """All units of a net whose weights are 0 answer 0. What is wrong is that they are equal."""
    nothing = looks(12, dead=(1.0,), updates=(math.nan, 0.01))
    assert kinds(NOT_LEARNING, probes=nothing) == ["stuck"]


def test_saturated_units():
    assert kinds(NOT_LEARNING, probes=looks(12, saturated=(0.6, 0.2))) == ["saturated_units"]
    assert kinds(NOT_LEARNING, probes=looks(12, saturated=(0.4, 0.2))) == ["stuck"]
    far_off = decay(12, 5, 10.0, 80.0)
    assert kinds(far_off, probes=looks(12, saturated=(0.6, 0.2))) == ["saturated_units"], "better, and still absurd"


def test_exploding_gradients():
    norms = [1.0] * 8 + [200.0] * 4
    assert kinds(NOT_LEARNING, grad_norm=norms) == ["exploding_gradients"]
    assert kinds(NOT_LEARNING, grad_norm=[1.0] * 8 + [90.0] * 4) == ["stuck"]
    assert kinds(NOT_LEARNING, grad_norm=[1.0] * 8 + [200.0, 1.0, 200.0, 1.0]) == ["stuck"], "two of the last five"
    assert kinds(decay(12, 3), grad_norm=norms, max_epochs=50) == [], "and yet it learns"


def test_gradients_that_were_too_large_from_the_start():
    losses = [1000 * 0.8**n for n in range(12)]
    assert kinds(losses, grad_norm=[50 * loss for loss in losses]) == ["exploding_gradients"]
    assert "exploding_gradients" not in kinds(losses, grad_norm=[1.0] * 12)


# ------------------------------------------------------------------------------------------------------------ not a number


def test_not_a_number_is_said_at_once_and_names_the_layer():
    doctor = Doctor(Setting(layers=(("0", 10), ("2", 10), ("4", 10))))
    assert list(doctor.examine(ended(1, 1.0, 1.0))) == []
    (said,) = doctor.examine(
        ended(2, math.nan, math.inf, layer_grad_norms=(1.0, math.inf, math.nan), grad_norm=math.nan)
    )
    assert isinstance(said, FindingRaised)
    assert (said.kind, said.confidence, said.began) == ("non_finite", "certain", 2)
    assert "the gradient of layer 2 is not finite (and of 1 more)" in said.evidence
    assert list(doctor.examine(ended(3, math.nan, math.nan))) == [], "once"


def test_gradients_that_overflow_in_float16_are_skipped_and_mean_nothing():
    overflown = ended(1, 1.0, 1.0, layer_grad_norms=(math.inf,), grad_norm=math.inf)
    assert list(Doctor(Setting(config=knobs(run__precision="float16"))).examine(overflown)) == []
    assert [fact.kind for fact in Doctor().examine(overflown) if isinstance(fact, FindingRaised)] == ["non_finite"]


@given(st.lists(st.floats(0.01, 10), max_size=30), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_nan_at_the_end_is_not_a_number(losses, end):
    found = kinds([*losses, end], [*losses, end])
    assert found[0] == "non_finite"
    assert set(found) <= {"non_finite", "overfitting"}


# ------------------------------------------------------------------------------------------------------- for any history

RISE = [*decay(15, 4), *(0.25 + 0.02 * n for n in range(25))]
SHAPES = {
    "healthy": (decay(40, 5), decay(40, 5, 0.25), []),
    "overfitting": (decay(40, 5, 0.01), RISE, ["overfitting"]),
    "too short": (decay(40, 25), decay(40, 25), ["too_short"]),
    "a low rate": (decay(40, 200), decay(40, 200), ["learning_rate_low"]),
    "stuck": ([B - 1e-4 * math.sin(n) for n in range(40)], [B] * 40, ["stuck"]),
    "diverging": ([*decay(15, 4), *(0.3 + 0.08 * n for n in range(25))],) * 2 + (["diverging"],),
}


@pytest.mark.parametrize("name", SHAPES)
@given(power=st.integers(-30, 30))
@settings(max_examples=10)
def test_the_unit_of_the_loss_does_not_matter(name, power):
    train, val, expected = SHAPES[name]
    by = 2.0**power
    assert kinds([by * loss for loss in train], [by * loss for loss in val], baseline=by * B) == expected


@pytest.mark.parametrize("name", SHAPES)
def test_how_often_the_loss_was_measured_does_not_matter(name):
    train, val, expected = SHAPES[name]
    assert kinds(train[1::2], val[1::2]) == expected
    twice = [
        [(a + b) / 2 if half else b for a, b in zip([row[0], *row], row, strict=False) for half in (1, 0)]
        for row in (train, val)
    ]
    assert kinds(*twice) == expected


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.lists(st.floats(0, 10), min_size=60, max_size=60))
def test_a_validation_loss_that_only_falls_never_overfits(val, train):
    assert "overfitting" not in kinds(train[: len(val)], sorted(val, reverse=True))


@given(
    st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 1e3)), max_size=60),
    st.sampled_from([math.nan, B]),
    st.integers(0, 80),
)
@settings(max_examples=150)
def test_any_history_has_a_verdict_and_no_contradiction(history, baseline, most):
    train, val = [t for t, _ in history], [v for _, v in history]
    found = kinds(train, val, baseline=baseline, max_epochs=max(most, len(history)))
    assert [kind for kind in ORDER if kind in found] == found
    for one in found:
        assert not at_work.MUTES.get(one, frozenset()) & {*found}


@pytest.mark.parametrize("scatter", [0.0, 1e-4, 1e-2, 0.05, 0.3])
@pytest.mark.parametrize("epochs", [12, 40, 200])
def test_a_run_that_learnt_nothing_is_never_all_right(scatter, epochs):
    flat = noisy([B] * epochs, scatter, 5)
    assert kinds(flat, noisy(flat, scatter / 4, 6))


@pytest.mark.parametrize("seed", range(6))
def test_long_runs_do_not_flap(seed):
    """Two thousand epochs that fall, overfit a little, swing and wander: what is said is said once or twice."""
    chance = random.Random(seed)
    told: dict[str, int] = {}
    doctor, wander = Doctor(Setting(max_epochs=2000, baseline=B)), 0.0
    for n in range(1, 2001):
        wander += 0.002 * chance.gauss(0, 1)
        val = (
            0.5 + 1.8 * math.exp(-n / 40) + 0.0001 * n * (seed % 3) + 0.02 * chance.gauss(0, 1) + 0.1 * math.sin(wander)
        )
        train = 0.3 + 2 * math.exp(-n / 50) + 0.02 * seed * abs(chance.gauss(0, 1))
        for fact in doctor.examine(ended(n, train, val)):
            assert isinstance(fact, FindingRaised | FindingCleared)
            told[fact.kind] = told.get(fact.kind, 0) + 1
    assert all(count <= 4 for count in told.values()), told


def test_late_in_a_long_run_few_epochs_are_judged(monkeypatch):
    judged = 0

    def count(moment):
        nonlocal judged
        judged += 1

    monkeypatch.setattr(at_work, "RULES", {"stuck": count})
    doctor = Doctor(Setting(max_epochs=2000))
    for n in range(1, 1001):
        list(doctor.examine(ended(n, 1 / n, 1 / n)))
    assert judged < 70


# ----------------------------------------------------------------------------------------------------------------- advice

CONFIGS = [
    {},
    {"model": {"kind": "linear"}, "data": {"train_rows": 100}, "early_stopping": {"enabled": False}},
    {"model": {"hidden": [512, 512, 512], "activation": "sigmoid"}, "optimizer": {"name": "sgd", "lr": 5.0}, "run": {"epochs": 3}},
    {"model": {"init": "normal", "init_std": 3.0, "hidden": [2]}, "regularization": {"dropout": 0.9, "l2": 1.0, "l1": 0.1}},
    {"model": {"init": "zeros"}, "data": {"standardize": False}, "early_stopping": {"patience": 60, "restore_best": False}},
    {"model": {"batch_norm": True, "activation": "leaky_relu"}, "optimizer": {"clip_norm": 0.5}, "schedule": {"name": "cosine"}},
]  # fmt: skip


@pytest.mark.parametrize("kind", ORDER)
@pytest.mark.parametrize("nested", CONFIGS)
def test_what_is_advised_can_be_done_and_has_not_been_done(kind, nested):
    config = build_config(nested)
    finding = advised(Finding(kind, "likely", 1, "", ""), values(config))
    assert finding.actions or kind == "could_stop"
    assert finding.knobs == tuple(change.key for change in finding.changes)
    now = values(config)
    for change in finding.changes:
        row = knob_by_key()[change.key]
        assert parse(row, change.before) == now[change.key]
        assert parse(row, change.after) != now[change.key]
    build_config(nested, [f"{change.key}={change.after}" for change in finding.changes])


def test_advice_leaves_out_what_is_done_already():
    overfit = Finding("overfitting", "likely", 1, "", "")
    assert advised(overfit, None).actions[0].startswith("stop here")
    assert advised(overfit, knobs(early_stopping__enabled=False)).changes[0].key == "early_stopping.enabled"
    assert advised(overfit, knobs()).actions[0].startswith("more training data")
    assert advised(overfit, knobs()).changes == ()


def test_there_is_advice_for_every_kind_and_a_rank_for_each():
    assert set(ADVICE) == set(ORDER)
    for kind, explained in at_work.MUTES.items():
        assert all(ORDER.index(kind) < ORDER.index(one) for one in explained), kind


# ------------------------------------------------------------------------------------------------------------- in a terminal


def test_a_finding_is_told_whole_once_and_shortly_when_it_comes_again():
    out = io.StringIO()
    sink = ConsoleSink(out)

    def say(confidence: str) -> str:
        already = len(out.getvalue())
        finding = Finding("overfitting", confidence, 7, "overfitting since epoch 7", "its evidence", ("stop",))  # pyright: ignore
        sink.write(raised(20, finding))
        return out.getvalue()[already:]

    assert say("likely") == "warning: overfitting since epoch 7: its evidence; try: stop\n"
    assert say("certain") == "warning: overfitting since epoch 7 (certain now): its evidence\n"
    sink.write(FindingCleared(epoch=30, kind="overfitting"))
    assert say("likely") == "warning: overfitting since epoch 7 (again)\n"
    sink.write(raised(20, Finding("could_stop", "likely", 7, "nothing more to gain", "flat", ("stop",))))
    assert out.getvalue().endswith("note: nothing more to gain: flat; try: stop\n")
