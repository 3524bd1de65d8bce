"""Series on their way to a chart: nothing that matters is lost, and every axis holds its values."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.series import (
    LARGEST,
    HeldBounds,
    Smoother,
    clean,
    clock,
    columns_of,
    decimate,
    figure,
    round_bounds,
    second_ticks,
    smooth,
    ticks,
)

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


def ascending(values: np.ndarray) -> np.ndarray:
    return np.sort(values)


positive = arrays(np.float64, st.integers(1, 300), elements=st.floats(1e-6, 1e9)).map(ascending)
anywhere = arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e300, 1e300)).map(ascending)
regular = st.integers(1, 300).map(lambda count: np.arange(1.0, count + 1))


@given(st.data(), st.integers(1, 40), st.booleans())
@settings(max_examples=150)
def test_decimation_keeps_extremes_and_both_ends_of_each_column(data: st.DataObject, columns: int, log: bool) -> None:
    xs = data.draw(regular | (positive if log else anywhere))
    ys = data.draw(arrays(np.float64, len(xs), elements=finite))
    low, high = float(xs[0]), max(float(xs[-1]), float(xs[0]) + 1)
    thin_xs, thin_ys = decimate(xs, ys, columns, low, high, log)
    assert len(thin_xs) <= max(4 * columns, len(xs) if len(xs) <= 4 * columns else 0)
    left = list(zip(xs.tolist(), ys.tolist(), strict=True))
    for point in zip(thin_xs.tolist(), thin_ys.tolist(), strict=True):  # a part of the series, in its order
        while left.pop(0) != point:
            pass
    before, after = columns_of(xs, columns, low, high, log), columns_of(thin_xs, columns, low, high, log)
    for column in np.unique(before):
        whole, thin = ys[before == column], thin_ys[after == column]
        assert (whole.min(), whole.max(), whole[0], whole[-1]) == (thin.min(), thin.max(), thin[0], thin[-1])


@pytest.mark.parametrize("log", [False, True])
def test_columns_are_equal_parts_of_the_axis_with_its_ends_in_the_middle_of_the_outer_ones(log: bool) -> None:
    xs = np.geomspace(1, 1e4, 9) if log else np.linspace(0, 80, 9)
    assert columns_of(xs, 5, xs[0], xs[-1], log).tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert columns_of(np.array([xs[0] / 2 - 1e9 * (not log), xs[-1] * 9]), 5, xs[0], xs[-1], log).tolist() == [0, 4]


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
    assert len(thin_ys) <= 960
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


@given(
    st.lists(st.lists(st.floats(-1e300, 1e300) | st.sampled_from([math.nan, math.inf]), max_size=30), max_size=5),
    st.floats(0, 0.999),
)
@settings(max_examples=100)
def test_a_growing_curve_is_smoothed_as_the_whole_of_it(parts: list[list[float]], weight: float) -> None:
    smoother, so_far = Smoother(weight), []
    for part in parts:
        so_far += part
        expected = smooth(so_far, weight)
        scale = max((abs(y) for y in so_far if math.isfinite(y)), default=0.0)
        usable = np.isfinite(expected)
        grown = smoother.update(so_far)
        assert np.array_equal(grown[~usable], expected[~usable], equal_nan=True)
        assert np.allclose(grown[usable], expected[usable], rtol=1e-9, atol=1e-9 * scale)


def test_a_curve_that_was_changed_or_cut_back_is_smoothed_anew() -> None:
    smoother = Smoother(0.9)
    smoother.update([1.0, 2.0, 3.0])
    for ys in ([1.0, 2.5, 3.0], [1.0, 2.5], [1.0, 2.5, 7.0, 8.0], []):
        assert smoother.update(ys).tolist() == smooth(ys, 0.9).tolist()


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


@pytest.mark.parametrize(
    ("low", "high", "log", "labels"),
    [
        (0, 45, False, "0 10s 20s 30s 40s"),
        (0, 700, False, "0 2m 4m 6m 8m 10m"),
        (300, 9000, False, "30m 1h 1h30m 2h 2h30m"),
        (0, 86400 * 1.5, False, "0 12h 1d 1d12h"),
        (0, 86400 * 900, False, "0 200d 400d 600d 800d"),
        (12.2, 12.9, False, "12.2s 12.4s 12.6s 12.8s"),
        (5, 5, False, "5s"),
        (1, 4000, True, "1s 10s 1m 10m 1h"),
        (100, 500, True, "2m 4m 6m 8m"),
        (-1, 5, True, ""),
    ],
)
def test_ticks_of_seconds_are_round_on_a_clock(low: float, high: float, log: bool, labels: str) -> None:
    assert " ".join(label for _, label in second_ticks(low, high, 6, log)) == labels


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.integers(1, 12), st.booleans())
@settings(max_examples=150)
def test_ticks_of_seconds_are_few_and_inside(one: float, other: float, count: int, log: bool) -> None:
    low, high = min(one, other), max(one, other)
    marks = second_ticks(low, high, count, log)
    assert len(marks) <= count and marks == sorted(marks)
    slack = 1e-6 * (high - low)
    assert all(low - slack <= value <= high + slack and label for value, label in marks)


def test_seconds_are_told_in_their_two_largest_units() -> None:
    shown = [clock(s) for s in (0, 0.25, 30, 90, 3600, 5400, 90061, 2 * 86400, -30, 1e300)]
    assert shown == ["0", "0.25s", "30s", "1m30s", "1h", "1h30m", "1d1h", "2d", "-30s", "1.2e295d"]


def test_a_logarithmic_axis_zoomed_into_a_part_of_a_decade_has_ticks() -> None:
    assert [label for _, label in ticks(3.1, 4.9, 6, log=True)] == ["3.5", "4.0", "4.5"]


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
