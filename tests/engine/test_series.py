"""Series on their way to a chart: nothing that matters is lost, and every axis holds its values."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.series import LARGEST, HeldBounds, clean, columns_of, decimate, figure, round_bounds, smooth, ticks

any_float = st.floats(allow_nan=True, allow_infinity=True, width=64)
finite = st.floats(-1e300, 1e300)
finite_arrays = arrays(np.float64, st.integers(1, 300), elements=finite)
WEIRD = [0.0, -0.0, 5e-324, 1e-310, 1e308, -1e308, 1.7976931348623157e308, 1.0, 1.0 + 1e-15, 0.3, -2.5]


# ----------------------------------------------------------------------------------------------------------- clean


@given(st.lists(st.tuples(any_float, any_float), max_size=50), st.booleans())
def test_clean_leaves_only_finite_points_in_order(points: list[tuple[float, float]], log: bool) -> None:
    xs, ys, lost = clean([x for x, _ in points], [y for _, y in points], log)
    assert len(xs) == len(ys)
    assert np.isfinite(xs).all() and np.isfinite(ys).all() and np.isfinite(lost).all()
    assert (np.diff(xs) >= 0).all() and (np.diff(lost) >= 0).all()
    assert (np.abs(ys) <= LARGEST).all()
    assert not log or (ys > 0).all()
    placed = [(x, y) for x, y in points if math.isfinite(x)]
    assert len(lost) == sum(not math.isfinite(y) for _, y in placed)
    if not log:
        assert len(xs) + len(lost) == len(placed)


def test_clean_names_the_places_of_what_it_dropped() -> None:
    xs, ys, lost = clean([1, 2, 3, 4], [0.5, math.nan, math.inf, -1.0], log_y=True)
    assert (xs.tolist(), ys.tolist(), lost.tolist()) == ([1.0], [0.5], [2.0, 3.0])


def test_clean_takes_unequal_lengths_and_none() -> None:
    assert clean([], [])[0].size == 0
    assert clean([1, 2, 3], [5])[1].tolist() == [5.0]
    assert clean([1], np.array([None], dtype=object))[2].tolist() == [1.0]


# -------------------------------------------------------------------------------------------------------- decimate


@given(finite_arrays, st.integers(1, 40))
@settings(max_examples=200)
def test_decimation_keeps_the_extremes_of_each_column_and_the_ends(ys: np.ndarray, columns: int) -> None:
    xs = np.arange(len(ys), dtype=np.float64)
    low, high = 0.0, max(1.0, xs[-1])
    thin_xs, thin_ys = decimate(xs, ys, columns, low, high)
    assert len(thin_xs) <= 2 * columns + 2
    assert (thin_xs[0], thin_ys[0], thin_xs[-1], thin_ys[-1]) == (xs[0], ys[0], xs[-1], ys[-1])
    assert (np.diff(thin_xs) > 0).all()
    assert set(zip(thin_xs, thin_ys, strict=True)) <= set(zip(xs, ys, strict=True))
    before, after = columns_of(xs, columns, low, high), columns_of(thin_xs, columns, low, high)
    for column in np.unique(before):
        assert thin_ys[after == column].min() == ys[before == column].min()
        assert thin_ys[after == column].max() == ys[before == column].max()


def test_one_spike_in_a_million_points_survives_quickly() -> None:
    xs, ys = np.arange(1e6), np.ones(10**6)
    ys[654_321] = 9.0
    best = math.inf
    for _ in range(10):
        started = time.process_time()
        thin_xs, thin_ys = decimate(*clean(xs, ys)[:2], 240, 0.0, 1e6)
        if (best := min(best, time.process_time() - started)) < 0.05:
            break
    assert 9.0 in thin_ys and 654_321.0 in thin_xs
    assert len(thin_ys) <= 482
    assert best < 0.05


# ---------------------------------------------------------------------------------------------------------- smooth


@given(finite, st.integers(1, 200), st.floats(0, 0.999))
def test_smoothing_leaves_a_constant_alone(value: float, length: int, weight: float) -> None:
    assert (smooth([value] * length, weight) == value).all()


@given(finite_arrays, st.floats(0, 0.999))
def test_a_smoothed_value_lies_between_those_seen_so_far(ys: np.ndarray, weight: float) -> None:
    smoothed = smooth(ys, weight)
    assert len(smoothed) == len(ys) and smoothed[0] == ys[0]
    assert (smoothed >= np.minimum.accumulate(ys)).all() and (smoothed <= np.maximum.accumulate(ys)).all()


@given(arrays(np.float64, st.integers(1, 400), elements=st.floats(-1e3, 1e3)), st.floats(0.01, 0.995))
def test_smoothing_is_the_debiased_moving_average(ys: np.ndarray, weight: float) -> None:
    mean, expected = 0.0, []
    for count, y in enumerate(ys, start=1):
        mean = weight * mean + (1 - weight) * y
        expected.append(mean / (1 - weight**count))
    assert np.allclose(smooth(ys, weight), expected, rtol=1e-7, atol=1e-7)


@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6) | st.just(math.nan)))
def test_smoothing_steps_over_nan(ys: np.ndarray) -> None:
    smoothed, usable = smooth(ys, 0.6), np.isfinite(ys)
    assert np.isnan(smoothed[~usable]).all()
    assert np.array_equal(smoothed[usable], smooth(ys[usable], 0.6))


def test_smoothing_a_long_series_block_by_block_shows_no_seams() -> None:
    ys = np.linspace(0, 1, 20_000)
    smoothed = smooth(ys, 0.5)
    assert np.allclose(ys[100:] - smoothed[100:], ys[1], rtol=1e-6)


# ------------------------------------------------------------------------------------------------------------ axes


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
@settings(max_examples=400)
def test_bounds_hold_all_values(one: float, other: float, log: bool) -> None:
    low, high = min(one, other), max(one, other)
    bottom, top = round_bounds(low, high, log)
    assert math.isfinite(bottom) and math.isfinite(top) and bottom < top
    assert top >= high
    assert bottom > 0 and (bottom <= low or low <= 0) if log else bottom <= low


@pytest.mark.parametrize("low", WEIRD)
@pytest.mark.parametrize("high", WEIRD)
@pytest.mark.parametrize("log", [False, True])
def test_degenerate_ranges_get_an_axis_with_short_labels(low: float, high: float, log: bool) -> None:
    bottom, top = round_bounds(min(low, high), max(low, high), log)
    assert bottom < top
    marks = ticks(bottom, top, 6, log=log)
    assert len(marks) <= 6
    assert all(bottom <= value <= top and 0 < len(label) <= 7 for value, label in marks)
    assert marks == sorted(marks)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.integers(1, 12), st.booleans(), st.booleans())
@example(0.0, 0.1, 5, False, True)
@example(-9.999999999999998e299, -9.999999999999996e299, 9, False, False)
@settings(max_examples=400)
def test_ticks_are_few_inside_and_short(one: float, other: float, count: int, log: bool, whole: bool) -> None:
    low, high = min(one, other), max(one, other)
    marks = ticks(low, high, count, log=log, whole=whole)
    assert len(marks) <= count
    slack = 1e-6 * (high - low)
    assert all(low - slack <= value <= high + slack and 0 < len(label) <= 7 for value, label in marks)
    if whole and not log and low != high:
        assert all(value == round(value) for value, _ in marks)


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [(0.1, 2.3, (0, 2.5)), (0.3, 0.9, (0.2, 1.0)), (0, 0, (0, 1)), (-0.2, 0.9, (-0.25, 1)), (12, 97, (0, 100))],
)
def test_bounds_are_round(low: float, high: float, bounds: tuple[float, float]) -> None:
    assert round_bounds(low, high) == bounds


def test_ticks_read_well() -> None:
    assert [label for _, label in ticks(0, 1, 5)] == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    assert [label for _, label in ticks(0, 50, 6, whole=True)] == ["0", "10", "20", "30", "40", "50"]
    assert [label for _, label in ticks(0, 1.2e8, 4)] == ["0", "5e+07", "1e+08"]
    assert [label for _, label in ticks(1e-5, 1e-1, 5, log=True)] == ["1e-05", "1e-04", "0.001", "0.01", "0.1"]
    assert ticks(0.2, 0.8, 5, whole=True) == []


def test_figures_have_four_digits() -> None:
    shown = [figure(v) for v in (0.231, 12.345, 1234.5, 1234567, 0, -3e-9, math.nan, math.inf)]
    assert shown == ["0.2310", "12.35", "1234", "1.235e+06", "0", "-3.000e-09", "nan", "inf"]


# ----------------------------------------------------------------------------------------------------- held bounds


@given(st.lists(st.lists(finite, max_size=25), max_size=5), st.booleans())
def test_held_bounds_are_always_an_axis_that_holds_the_latest_values(batches: list[list[float]], log: bool) -> None:
    held = HeldBounds()
    for batch in batches:
        ys = clean(np.arange(len(batch)), batch, log)[1]
        low, high = held.update([ys], log)
        assert math.isfinite(low) and math.isfinite(high) and low < high
        latest = ys[max(1, len(ys) // 20) :] if len(ys) >= 10 else ys
        assert all(low <= y <= high for y in latest)


def test_a_learning_curve_moves_the_axis_only_a_few_times() -> None:
    held, seen = HeldBounds(), set()
    losses = 0.1 + 2.2 * np.exp(-np.arange(400) / 40)
    for count in range(1, 401):
        seen.add(held.update([losses[:count]]))
    assert len(seen) <= 6
    assert held.low == 0.0


def test_an_initial_spike_is_let_go_of_and_a_new_value_outside_is_held_at_once() -> None:
    held = HeldBounds()
    calm = np.concatenate([[1e6], np.linspace(1.0, 0.5, 30)])
    assert held.update([calm[:3]])[1] >= 1e6
    low, high = held.update([calm])
    assert low <= 0.5 and 1.0 <= high < 3
    assert held.update([np.append(calm, 40.0)])[1] >= 40.0


def test_no_room_is_spared_beyond_what_the_metric_can_reach() -> None:
    held = HeldBounds(limits=(0.0, 1.0))
    for accuracy in ([0.1], [0.1, 0.6], [0.1, 0.6, 0.99], [0.1, 0.6, 0.99, 1.0]):
        low, high = held.update([np.array(accuracy)])
        assert low >= 0 and high <= 1


def test_changing_to_a_logarithmic_axis_starts_afresh() -> None:
    held, ys = HeldBounds(), np.array([0.001, 0.5, 2.0])
    held.update([ys])
    low, high = held.update([ys], log=True)
    assert 0 < low <= 0.001 and high >= 2.0
