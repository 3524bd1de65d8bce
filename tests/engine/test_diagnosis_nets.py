"""What the diagnosis makes of what is known of a net: how many units it has, for how many classes."""

from __future__ import annotations

import math

import pytest
from support.histories import B, decay, kinds, knobs, noisy

TEN = {"classes": 10}
"""exp(B) is 10 classes."""

NARROW, WIDE = knobs(model__hidden=(4,)), knobs(model__hidden=(16,))


def settled(rest: float) -> list[float]:
    """The losses of a run that has explained all but `rest`."""
    return [*decay(6, 2, rest * B), *noisy([rest * B] * 20, 0.002, 3)]


def test_a_layer_with_fewer_units_than_classes_creeps_as_well():
    creeping = decay(30, 12, 1.2)
    assert kinds(creeping, config=NARROW, **TEN) == ["underfitting"]
    assert kinds(creeping, config=WIDE, **TEN) == ["too_short"]
    assert kinds(creeping, config=NARROW) == ["too_short"], "a quantity has no classes to be told apart"


@pytest.mark.parametrize(("rest", "expected"), [(0.3, ["underfitting"]), (0.2, [])])
def test_what_is_too_narrow_for_its_classes_underfits_up_to_three_quarters(rest, expected):
    assert kinds(settled(rest), config=NARROW, **TEN) == expected
    assert kinds(settled(rest), config=WIDE, **TEN) == []


def test_shares_that_are_unequal_leave_fewer_classes():
    """Of ten classes of which most rows are in two, two units are enough."""
    two, entropy = knobs(model__hidden=(2,)), math.log(2.4)
    losses = [loss / B * entropy for loss in settled(0.3)]
    assert kinds(losses, config=two, baseline=entropy, **TEN) == []
    assert kinds(settled(0.3), config=two, **TEN) == ["underfitting"]


def test_a_narrow_net_that_has_learnt_nothing_began_badly():
    assert kinds([B] * 20, config=NARROW, **TEN) == ["stuck"]
    assert kinds(settled(0.9), config=NARROW, **TEN) == ["underfitting"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("gru", ["underfitting"]), ("transformer", ["underfitting"]), ("mlp", []), ("custom", [])]
)
def test_of_a_net_for_sequences_it_is_the_width(kind, expected):
    net = knobs(model__kind=kind, model__width=4, model__hidden=(4 if kind == "custom" else 64,))
    assert kinds(settled(0.3), config=net, **TEN) == expected


def test_a_fall_that_grows_from_epoch_to_epoch_is_not_stuck():
    """It leaves a plateau: slowly still, and in every epoch."""
    leaving = [B - 0.0006 * n - 0.00006 * n * n for n in range(16)]
    assert "stuck" not in kinds(leaving, max_epochs=60)
    assert kinds([B - 0.0006 * n for n in range(16)], max_epochs=60) == ["stuck"]
