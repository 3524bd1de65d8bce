"""A zoom of the y axis: towards a value, on the axis, whatever the values are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.series import HeldBounds
from tui.chart import ChartOptions, Series, draw
from tui.yaxis import Height, value_near, zoomed_y

ANY = st.floats(allow_nan=True, allow_infinity=True)


def test_it_goes_towards_the_value_and_back():
    half = zoomed_y(None, 0.0, 8.0, 0.5, 2.0)
    assert half == Height(1.0, 5.0, 2.0)
    assert zoomed_y(half, 0.0, 8.0, 0.5, 2.0) == Height(1.5, 3.5, 4.0)
    assert zoomed_y(half, 0.0, 8.0, 2.0, 2.0) is None
    assert zoomed_y(None, 0.0, 8.0, 0.5, 0.0) == Height(0.0, 4.0, 2.0), "it stays on the axis"
    assert zoomed_y(Height(0.0, 2.0, 4.0), 0.0, 8.0, 2.0, 1.0) == Height(0.0, 4.0, 2.0), "out again, too"
    assert zoomed_y(None, 0.0, 8.0, 0.5, math.nan) == Height(2.0, 6.0, 2.0)
    decades = zoomed_y(None, 1e-4, 1.0, 0.5, 1e-2, log=True)
    assert decades is not None and (decades.low, decades.high) == pytest.approx((1e-3, 1e-1))
    assert zoomed_y(None, 0.0, 1.0, 0.5, 0.5, log=True) is None


@given(ANY, ANY, ANY, st.sampled_from([0.25, 0.5, 0.8, 1.25, 2.0]), st.booleans(), st.integers(1, 40))
def test_it_is_a_part_of_the_axis_that_can_be_drawn(one, other, around, by, log, presses):
    bounds = HeldBounds()
    low, high = bounds.update(
        [np.array([abs(one), abs(other)] if log else [one, other])[np.isfinite([one, other])]], log
    )
    if log and low <= 0:  # no value was one
        return
    now = None
    for _ in range(presses):
        now = zoomed_y(now, low, high, by, around, log)
    if now is not None:
        slack = 1e-6 * max(abs(low), abs(high))
        assert low - slack <= now.low < now.high <= high + slack
    ends = (now.low, now.high) if now is not None else (None, None)
    series = [Series("train", [1.0, 2.0], [one, other], "train")]
    draw(series, ChartOptions(60, 12, log_y=log, y_low=ends[0], y_high=ends[1], bounds=bounds))


def test_the_value_is_that_of_validation_where_there_is_one():
    train, validation = Series("train", [1, 2], [5, 6], "train"), Series("val", [1, 2], [7, math.nan], "validation")
    assert value_near([train, validation], 1) == 7
    assert value_near([train, validation], 2) == 6, "and a number"
    assert math.isnan(value_near([], 1))
