"""What can be read off a chart: spikes, bands, the sides of the best point, events, names of lines, the cursor, a zoom."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from support.charts import compared, folds, running

from engine.series import HeldBounds
from tui.chart import ChartOptions, Mark, Series, draw, nearest, read_out, x_of
from tui.chart_frame import Grid
from tui.chart_glyphs import palette

WIDE = ChartOptions(80, 16, x_low=0, x_high=50, y_label="loss")
LEFT = 6  # cells of the gutter and the wall, unless numbers need more
X = np.arange(1.0, 31)


def rows(series: list[Series], options: ChartOptions = WIDE, marks: list[Mark] | None = None) -> list[str]:
    return [strip.text for strip in draw(series, options, marks or [])]


def at(options: ChartOptions, x: float) -> int:
    """The column of the chart where x is, by its sign on the axis."""
    floor = next(row for row in rows([], options, [Mark(x, "stop")]) if "└" in row)
    return floor.index("■")


def styles_at(series: list[Series], options: ChartOptions, x: int) -> set[str]:
    """The backgrounds in a column of the canvas."""
    found = set()
    for strip in draw(series, options)[3:-2]:
        style = strip.crop(x, x + 1)._segments[0].style
        found.add(str(style.bgcolor.name) if style and style.bgcolor else "")
    return found


# ------------------------------------------------------------------------------------------------- nothing is lost


@pytest.mark.parametrize("charset", ["braille", "blocks", "ascii"])
@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("place", [17, 654_321, 999_998])
def test_one_spike_among_a_million_points_is_seen_at_its_place(charset: str, log_x: bool, place: int) -> None:
    xs, ys = np.arange(1.0, 10**6 + 1), np.ones(10**6)
    ys[place] = 9.0
    options = ChartOptions(120, 20, log_x=log_x, charset=charset)  # type: ignore[arg-type]
    series = [Series("raw", xs, ys, "raw")]
    picture = rows(series, options)
    column = rows(series, replace(options, charset="braille"), [Mark(place + 1, "stop")])[-2].index("■")
    assert sum(row[column] != " " for row in picture[2:-2]) > 12, "the spike is not drawn"
    if column > 10:
        assert sum(row[column - 3] != " " for row in picture[2:-2]) <= 2
    # And the cursor stops at it, though there are ten thousand points in its column.
    assert nearest(series, options, place + 1.4, 0) == xs[place]


def test_smoothing_in_front_hides_no_spike_behind() -> None:
    series, options, marks = running()
    picture = rows(series, replace(options, width=120, height=30), marks)
    column = at(replace(options, width=120, height=30), 38)
    assert sum(row[column] in "˙.:" for row in picture) > 6


@given(st.integers(0, 10**6), st.booleans(), st.integers(30, 200))
@settings(max_examples=40, deadline=None)
def test_the_thinned_line_fills_the_same_cells_as_the_whole_one(seed: int, log_x: bool, width: int) -> None:
    """Four points of each column of dots make the picture; a line through every point makes no other one."""
    rng = np.random.default_rng(seed)
    xs = np.sort(rng.uniform(1, 1000, 5000))
    ys = np.cumsum(rng.normal(size=5000))
    options = ChartOptions(width, 20, x_low=1, x_high=1000, y_low=-200, y_high=200, log_x=log_x)
    one = Series("train", xs, ys, "train", "")
    whole = Series("train", xs, ys, "train", "")
    for columns in range(2 * (width - 12), 2 * width):  # as if it had been thinned already, to all of its points
        whole._thinned[False, log_x, columns, 1.0, 1000.0] = (xs, ys)
    kept = rows([one], options)
    assert len(one.thinned(False, log_x, 100, 1.0, 1000.0)[0]) <= 400
    import tui.chart_series as module

    limit, module._KEPT = module._KEPT, 10**6
    try:
        assert rows([whole], options) == kept
    finally:
        module._KEPT = limit


def test_points_appended_to_a_long_series_are_seen() -> None:
    """What is kept for the next draw belongs to the series object, so a longer one is worked out anew."""
    store = np.ones(100_001)
    xs = np.arange(100_001.0)
    before = rows([Series("train", xs[:100_000], store[:100_000], "train")])
    store[100_000] = 5.0
    assert rows([Series("train", xs, store, "train")]) != before
    assert Series("train", xs, store, "train").latest == "5.000"


# ---------------------------------------------------------------------------------------------------- bands, ghosts


def test_a_band_lies_between_its_edges_and_behind_its_line() -> None:
    series = [Series("mean", X, X * 0 + 0.5, "validation", low=X * 0 + 0.25, high=X * 0 + 0.75)]
    picture = rows(series, replace(WIDE, y_low=0, y_high=1))
    filled = [row[LEFT:].count("░") for row in picture[1:-2]]
    assert filled.count(0) in (7, 8) and max(filled) == at(WIDE, 30) - at(WIDE, 1) + 1
    line = next(row for row in picture if "▄" in row[LEFT:] or "▀" in row[LEFT:])
    assert "░" not in line


def test_ghosts_lie_behind_and_share_one_entry_of_the_legend() -> None:
    series, options, _ = folds()
    legend = rows(series, replace(options, width=120))[0]
    assert "fold 1 .. fold 5" in legend and "fold 3" not in legend
    alone = rows([one for one in series if one.role != "ghost"], replace(options, width=120, height=24))
    both = rows(series, replace(options, width=120, height=24))
    line = [(y, x) for y, row in enumerate(alone[1:-2]) for x, char in enumerate(row) if char in "▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"]
    assert line and all(both[1 + y][x] == alone[1 + y][x] for y, x in line)


def test_ghosts_of_different_length_share_a_chart() -> None:
    series = [Series(f"fold {k}", X[: k * 3], X[: k * 3], "ghost") for k in range(5)]
    assert "fold 0 .. fold 4" in rows(series)[0]


def test_others_carry_their_names_at_their_ends() -> None:
    series, options, marks = compared()
    options = replace(options, width=120, height=30)
    picture = rows(series, options, marks)
    for one, sign in zip(series[:5], "+○#◇%", strict=True):
        (row,) = [row[LEFT:] for row in picture[3:-2] if f" {one.name} " in row[LEFT:]]
        before = row[: row.index(f" {one.name} ")].rstrip(" ┊┄")
        assert before.endswith(sign), "the name stands beside another line"
    assert any("△ a run with …" in row for row in picture[3:-2])


def test_names_at_the_right_wall_stand_above_or_below_and_never_over_a_line() -> None:
    x = np.arange(1.0, 51)
    series = [Series(name, x, x * 0 + y, "other") for name, y in (("low", 0.2), ("high", 0.8), ("higher", 0.9))]
    bare = rows([Series("", one.xs, one.ys, "other") for one in series], replace(WIDE, y_low=0, y_high=1))
    named = rows(series, replace(WIDE, y_low=0, y_high=1))
    drawn = "+○#"
    for before, after in zip(bare[1:-2], named[1:-2], strict=True):
        assert all(new == old for old, new in zip(before, after, strict=True) if old in drawn)
    for name, sign in (("low", "+"), ("high", "○"), ("higher", "#")):
        (at,) = [y for y, row in enumerate(named[1:-2]) if row.endswith(f" {name}")]
        (line,) = [y for y, row in enumerate(named[1:-2]) if sign * 9 in row]
        assert abs(at - line) == 1


def test_events_are_named_without_overlapping_and_the_weightier_one_first() -> None:
    marks = [Mark(x, "lr", f"lr 1e-{x:02}") for x in range(4, 50, 4)] + [
        Mark(14, "resume"),
        Mark(30, "stop", "stopped @ 30"),
    ]
    picture = rows([Series("train", X, X, "train")], WIDE, marks)
    lane, floor = picture[1], picture[-2]
    assert lane[at(WIDE, 30) :].startswith("■ stopped @ 30 ") and lane[at(WIDE, 14) :].startswith("▶ resumed ")
    labels = [mark.label for mark in marks if mark.label in lane and mark.label]
    assert 3 <= len(labels) < len(marks) - 1
    assert all(lane[k - 1] == " " and lane[k + len(label)] == " " for label in labels for k in [lane.index(label)])
    for mark in marks:  # named or not, each has its sign on the axis
        assert floor[at(WIDE, mark.x)] == {"lr": "▼", "resume": "▶", "stop": "■"}[mark.kind]


def test_the_best_epoch_moves_without_redrawing_a_column() -> None:
    series = [Series("validation", X, 1 / X, "validation")]
    one, other = (rows(series, WIDE, [Mark(best, "best")]) for best in (20, 21))
    assert sum(a != b for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)) <= 4


def test_values_that_are_not_finite_are_counted_and_marked() -> None:
    ys = np.ones(30)
    ys[[4, 20]] = math.nan, -math.inf
    picture = rows([Series("train", X, ys, "train"), Series("raw", X, ys, "raw")], WIDE)
    assert "! 2 NaN/inf" in picture[0]
    assert [x for x, char in enumerate(picture[1]) if char == "!"] == [at(WIDE, 5), at(WIDE, 21)]


# ------------------------------------------------------------------------------------------------------------ sides


def test_the_sides_of_the_just_right_point_are_named_and_shaded() -> None:
    series = [Series("validation", X, abs(X - 12), "validation")]
    options = replace(WIDE, shade=(12.0, "underfitting", "overfitting"), note=("", "just right: epoch 12", ""))
    row = rows(series, options)[1]
    assert "underfitting ← ● just right: epoch 12 → overfitting" in row
    middle = at(WIDE, 12)
    left, right = (styles_at(series, options, middle + k) for k in (-3, 3))
    assert len(left) == len(right) == 1 and left != right and "" not in left | right
    assert styles_at(series, replace(options, shade=(12.0, "", "overfitting")), middle - 3) == {""}
    assert styles_at(series, replace(options, colour=False), middle + 3) == {""}


# --------------------------------------------------------------------------------------------------- cursor and zoom


def test_the_cursor_shows_the_values_under_it_instead_of_the_latest() -> None:
    series = [Series("train", X, X / 10, "train"), Series("validation", X[4::5], X[4::5], "validation")]
    picture = rows(series, replace(WIDE, width=100, cursor=12))
    assert "loss at epoch 12" in picture[0]
    assert "train 1.200" in picture[0] and "validation 10.00 @10" in picture[0], "another x is told"
    column = at(replace(WIDE, width=100), 12)
    assert picture[-2][column] == "┴" and sum(row[column] == "│" for row in picture) > 8
    seconds = replace(WIDE, width=100, cursor=1200, x_high=3000, x_format="seconds", x_label="time")
    assert "at time 20m" in rows([Series("train", X * 100, X, "train")], seconds)[0]


def test_read_out_gives_the_nearest_point_of_each_series() -> None:
    series = [Series("a", [3, 1, 2], [30, 10, math.nan], "train"), Series("empty", [], [], "raw")]
    series.append(Series("no place", [math.nan], [1.0], "raw"))
    assert read_out(series, 2.9) == [("a", 3.0, 30.0)]
    (_, x, y), *_ = read_out(series, 2.1)
    assert x == 2.0 and math.isnan(y)


def test_the_cursor_goes_from_point_to_point_of_all_series() -> None:
    series = [Series("a", [10, 20, 30], [1, 2, 3], "train"), Series("b", [15, 20, 45], [1, math.nan, 3], "validation")]
    stops = [10, 15, 20, 30, 45]
    assert [nearest(series, WIDE, 10, k) for k in range(5)] == stops
    assert [nearest(series, WIDE, 45, -k) for k in range(5)] == stops[::-1]
    assert [nearest(series, WIDE, x, 1) for x in (-9, 14, 15, 44, 45, 99)] == [10, 15, 20, 45, 45, 45]
    assert nearest(series, WIDE, 24, 0) == 20 and nearest(series, WIDE, math.nan, 0) == 45
    assert nearest([], WIDE, 7.5, 1) == 7.5
    view = replace(WIDE, x_low=12, x_high=22)  # a step beyond the view is the next point there: the view can follow
    assert nearest(series, view, 20, 1) == 30 and nearest(series, view, 15, -1) == 10


def test_among_many_points_the_cursor_goes_a_column_at_a_time() -> None:
    series = [Series("train", np.linspace(0, 50, 20_000), np.sin(np.linspace(0, 9, 20_000)), "train")]
    x, steps = 0.0, 0
    while (after := nearest(series, WIDE, x, 1)) > x:
        x, steps = after, steps + 1
    assert x > 49 and 60 <= steps <= 80


@given(st.floats(0.001, 1e5), st.floats(1.5, 1e6), st.integers(25, 200), st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_x_under_a_column_is_drawn_in_that_column(low: float, times: float, width: int, log: bool, data) -> None:
    options = ChartOptions(width, 12, x_low=low, x_high=low * times, log_x=log, y_label="loss")
    series = [Series("train", [low, low * times], [0.001, 12345.0], "train")]
    column = data.draw(st.integers(10, width - 1))
    assert rows(series, options, [Mark(x_of(series, options, column), "stop")])[-2][column] == "■"
    assert x_of(series, options, -5) == pytest.approx(low, rel=0.2 * times)
    assert x_of(series, options, 999) <= low * times


def test_a_zoomed_line_runs_on_to_the_edges() -> None:
    """The points beside the view are out of sight, but the line to them is not."""
    series = [Series("train", [0, 50], [0, 1], "train")]
    assert not any("no values" in row for row in rows(series, replace(WIDE, x_low=20, x_high=30)))
    assert any("no values in view" in row for row in rows(series, replace(WIDE, x_low=60, x_high=70)))
    wide = rows(series, replace(WIDE, x_low=20, x_high=30, y_low=0.3, y_high=0.7))
    columns = {x for row in wide[1:-2] for x, char in enumerate(row[LEFT:]) if "\u2800" < char <= "\u28ff"}
    assert columns == set(range(80 - LEFT))


def test_a_zoom_in_y_holds_what_was_asked_for() -> None:
    held = HeldBounds()
    series = [Series("train", X, X, "train")]
    picture = rows(series, replace(WIDE, y_low=10, y_high=20, bounds=held))
    numbers = [float(row[:LEFT].strip(" ┤│")) for row in picture[1:-2] if "┤" in row]
    assert min(numbers) >= 10 and max(numbers) <= 20 and len(numbers) >= 3
    upside_down = rows(series, replace(WIDE, y_low=20, y_high=10))
    assert upside_down == rows(series, WIDE), "a range that is none is not taken"


def test_a_logarithmic_x_axis_spreads_the_start() -> None:
    series = [Series("train", np.arange(0, 10_001), np.arange(0, 10_001), "train")]
    options = replace(WIDE, x_low=0, x_high=10_000, log_x=True)
    marks = [Mark(x, "lr") for x in (1, 10, 100, 1000, 10_000)]
    floor = rows(series, options, marks)[-2]
    places = [x for x, char in enumerate(floor) if char == "▼"]
    assert np.ptp(np.diff(places)) <= 1 and places[-1] == 79
    assert rows(series, options)[-1].split() == ["epoch", "1", "10", "100", "1000", "10000"]


def test_a_band_on_logarithmic_axes_goes_down_to_the_floor_where_its_edge_has_no_place() -> None:
    x = np.array([-1.0, 0.0, 1.0, 10.0, 100.0])
    warnings.simplefilter("error")
    band = Series("mean", x, x * 0 + 1.0, "validation", low=[-1, -1, -1, -1, 0.1], high=[10] * 5)
    options = replace(WIDE, log_x=True, log_y=True, x_low=1, x_high=100, y_low=0.1, y_high=10)
    filled = [row[LEFT + 1 :].count("░") for row in rows([band], options)[1:-2]]
    assert min(filled[:3]) > 70 and filled[-1] > 60


def test_half_of_a_wide_character_is_never_left_over() -> None:
    for column in (2, 3):
        grid = Grid(8, 1)
        grid.put(2, 0, "精度", "text")
        grid.put(column, 0, "x", "text")
        (strip,) = grid.strips(palette(False, True))
        assert strip.cell_length == cell_len(strip.text) == 8 and "度" in strip.text
