"""A chart never fails, is always exactly as large as asked, and shows each thing at its place. How it looks is in test_chart_looks.py."""

from __future__ import annotations

import math
import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.strip import Strip

from engine.series import HeldBounds
from tui.chart import ChartOptions, Mark, Series, draw, nearest, read_out, x_of
from tui.chart_glyphs import GLYPHS, WORDS

CHARSETS = ["braille", "blocks", "ascii"]
ROLES = ["train", "raw", "validation", "test", "ghost", "other", "reference"]
QUADRANTS = set("▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")


def braille(text: str) -> set[str]:
    return {char for char in text if "\u2800" <= char <= "\u28ff"}


def rows(strips: list[Strip]) -> list[str]:
    return ["".join(segment.text for segment in strip) for strip in strips]


def canvas(strips: list[Strip]) -> list[str]:
    """The rows between legend and axis, without the gutter."""
    return [row[6:] for row in rows(strips)[1:-2]]


def run_of(epochs: int) -> tuple[list[Series], list[Mark]]:
    """A run that begins to overfit at epoch 12, with a little deterministic unrest."""
    x = np.arange(1.0, epochs + 1)
    train = 2.2 * np.exp(-x / 6) + 0.12 + 0.02 * np.sin(2.1 * x)
    validation = 2.0 * np.exp(-x / 5) + 0.38 + 0.015 * np.maximum(x - 12, 0) + 0.02 * np.sin(1.7 * x)
    marks = [Mark(12, "best", "best 0.572 @ 12"), Mark(20, "lr", "lr 1e-04 @ 20"), Mark(30, "stop", "stopped @ 30")]
    return [Series("train", x, train, "train"), Series("validation", x, validation, "validation")], marks


# ------------------------------------------------------------------------------------------------------ never fails

values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 0.5, 0.5, 1e308, -1e308, 1.7976931348623157e308, 5e-324, math.nan, math.inf, -math.inf]),
)
names = st.text(max_size=12) | st.sampled_from(["train", "loss[/foo]", "精度", "e\u0301", "👩\u200d🚀", "🇩🇪"])
ends = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 5.0, 50.0])


@st.composite
def a_series(pick: st.DrawFn) -> Series:
    role = pick(st.sampled_from(ROLES))
    ys = pick(st.lists(values, max_size=30) | st.lists(st.just(3.5), max_size=5))
    xs = pick(st.just([float(x) for x in range(len(ys))]) | st.lists(values, min_size=len(ys), max_size=len(ys)))
    band = [pick(st.lists(values, min_size=len(ys), max_size=len(ys))) if pick(st.booleans()) else None] * 2
    return Series(pick(names), xs, ys, role, low=band[0], high=band[1])


some_marks = st.lists(st.builds(Mark, values, st.sampled_from([*WORDS, "odd"]), names), max_size=4)


@st.composite
def some_options(pick: st.DrawFn) -> ChartOptions:
    return ChartOptions(
        width=pick(st.integers(1, 200)),
        height=pick(st.integers(1, 60)),
        x_low=pick(ends),
        x_high=pick(ends),
        x_label=pick(names),
        y_label=pick(names),
        log_y=pick(st.booleans()),
        log_x=pick(st.booleans()),
        y_low=pick(ends),
        y_high=pick(ends),
        cursor=pick(ends),
        x_format=pick(st.sampled_from(["number", "seconds"])),
        note=pick(st.none() | st.tuples(names, names, names)),
        shade=pick(st.none() | st.tuples(values, names, names)),
        charset=pick(st.sampled_from(CHARSETS)),
        colour=pick(st.booleans()),
        dark=pick(st.booleans()),
        bounds=pick(st.none() | st.builds(HeldBounds)),
    )


def assert_exact(strips: list[Strip], width: int, height: int) -> None:
    assert len(strips) == height
    for strip, row in zip(strips, rows(strips), strict=True):
        assert strip.cell_length == width
        assert sum(map(cell_len, row)) == width


def check_any(series: list[Series], options: ChartOptions, marks: list[Mark], column: int, step: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning of numpy's is a number that was not thought of
        strips = draw(series, options, marks)
    assert_exact(strips, options.width, options.height)
    if options.charset == "ascii":
        assert all(row.isascii() for row in rows(strips))
    if options.charset == "blocks":
        assert not braille("".join(rows(strips)))
    x = x_of(series, options, column)
    assert math.isfinite(x) and math.isfinite(nearest(series, options, x, step))
    assert len(read_out(series, x)) <= len(series)


anything = (st.lists(a_series(), max_size=5), some_options(), some_marks, st.integers(-5, 300), st.integers(-3, 3))


@given(*anything)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_values_at_any_size_give_exactly_that_size(
    series: list[Series], options: ChartOptions, marks: list[Mark], column: int, step: int
) -> None:
    check_any(series, options, marks, column, step)


@pytest.mark.soak
@given(*anything)
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_thousands_of_mixes_give_exactly_that_size(
    series: list[Series], options: ChartOptions, marks: list[Mark], column: int, step: int
) -> None:
    check_any(series, options, marks, column, step)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (19, 40), (200, 4), (20, 5), (300, 80), (0, 0)])
@pytest.mark.parametrize("charset", CHARSETS)
def test_extreme_sizes(size: tuple[int, int], charset: str) -> None:
    series, marks = run_of(30)
    strips = draw(series, ChartOptions(*size, charset=charset, y_label="loss"), marks)  # type: ignore[arg-type]
    assert_exact(strips, *size)
    if size == (300, 80):  # all of it is used
        assert len({row for row, line in enumerate(canvas(strips)) if set(line) - {" ", "┊", ":"}}) > 50


def test_too_small_a_chart_says_so() -> None:
    assert "chart needs 20x5" in "".join(rows(draw(*run_of(5)[:1], ChartOptions(19, 5))))


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    draw(*run_of(30)[:1], ChartOptions(80, 12))
    assert capfd.readouterr() == ("", "")


# ------------------------------------------------------------------------------------------------------------ looks


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("epoch", [0, 1, 7, 13, 29, 50])
@pytest.mark.parametrize("width", [37, 80, 120, 173])
def test_one_epoch_is_one_column(charset: str, epoch: int, width: int) -> None:
    columns = set()
    for role, y in (("train", 0.2), ("validation", 0.8), ("reference", 0.5), ("train", math.nan)):
        one = Series("s", [epoch], [y], role)  # type: ignore[arg-type]
        frame = Series("", [0], [0.0], "train")
        options = ChartOptions(width, 12, x_low=0, x_high=50, charset=charset, bounds=HeldBounds())  # type: ignore[arg-type]
        picture = canvas(draw([one] if math.isfinite(y) else [frame, one], options))
        if not math.isfinite(y):
            columns.add(picture[0].index("!"))
        else:
            found = {x for row in picture for x, char in enumerate(row) if char != " "}
            assert len(found) == 1
            columns |= found
    marked = rows(draw([], ChartOptions(width, 12, x_low=0, x_high=50), [Mark(epoch, "stop")]))[-2]
    assert columns == {marked.index("■") - 6}


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_single_point_is_seen(charset: str) -> None:
    for role in ROLES:
        strips = draw([Series("", [3], [0.5], role)], ChartOptions(40, 8, charset=charset))  # type: ignore[arg-type]
        assert sum(char != " " for row in canvas(strips) for char in row) == 1


@pytest.mark.parametrize("charset", CHARSETS)
def test_markers_alone_tell_series_apart(charset: str) -> None:
    x = np.linspace(0, 50, 200)
    options = ChartOptions(80, 12, charset=charset, colour=False)  # type: ignore[arg-type]

    def drawn(series: list[Series]) -> set[str]:
        return {char for row in canvas(draw(series, options)) for char in row} - {" "}

    alone = [drawn([Series("", x, np.sin(x / 9), role)]) for role in ROLES if role != "other"]  # type: ignore[arg-type]
    for count in range(8):  # the marker of the second series is what a second one has that one alone has not
        flat = [Series("", x, np.full(200, float(k)), "other") for k in range(count)]
        alone.append(
            drawn([*flat, Series("", x, np.full(200, 8.0), "other")]) - drawn(flat or [Series("", [], [], "raw")])
        )
    band = drawn([Series("", x, x * math.nan, "train", low=x * 0, high=x * 0 + 1)])
    glyphs = GLYPHS[charset]
    alone += [band - {"!"} - set("no finite values yet"), {glyphs.upright[0], *glyphs.marks.values()}]
    assert all(alone)
    assert not any(one & other for k, one in enumerate(alone) for other in alone[:k])
    assert braille("".join(alone[0])) == (alone[0] if charset == "braille" else set())


def test_colour_off_means_no_styles_and_colour_on_three_of_them() -> None:
    series, marks = run_of(30)
    plain = draw(series, ChartOptions(80, 12, colour=False), marks)
    assert not any(segment.style for strip in plain for segment in strip)
    styles = {
        str(segment.style.color.name)
        for strip in draw(series, ChartOptions(80, 12), marks)
        for segment in strip
        if segment.style and segment.style.color
    }
    assert {"#56b4e9", "#e69f00"} <= styles
    assert rows(plain) == rows(draw(series, ChartOptions(80, 12), marks))


def test_validation_lies_on_top() -> None:
    x = np.arange(20.0)
    both = [Series("validation", x, x, "validation"), Series("train", x, x, "train")]
    over = "".join(canvas(draw(both, ChartOptions(60, 12))))
    alone = "".join(canvas(draw(both[:1], ChartOptions(60, 12))))
    assert all(char == shown for char, shown in zip(alone, over, strict=True) if char != " ")


def test_missing_values_are_marked_and_break_the_line() -> None:
    ys = [1.0, 1.0, math.nan, math.inf, 1.0, 1.0]
    picture = canvas(draw([Series("train", range(6), ys, "train")], ChartOptions(66, 12)))
    assert picture[0].count("!") == 2
    flat = next(row for row in picture[1:] if braille(row))
    assert " " * 20 in flat.strip()


def test_a_logarithmic_axis_drops_what_has_no_place() -> None:
    strips = draw([Series("train", range(4), [1.0, 0.0, -3.0, 100.0], "train")], ChartOptions(60, 12, log_y=True))
    assert "!" not in "".join(rows(strips))
    assert any(row.strip().startswith("100") for row in rows(strips))


def test_a_curve_leaves_a_held_axis_at_its_edge() -> None:
    """An old spike outside of the axis is a line to the edge, not a flat line along it."""
    ys = np.concatenate([[1e9], np.full(40, 0.5), [0.3, 0.7]])
    picture = canvas(draw([Series("train", range(43), ys, "train")], ChartOptions(86, 14, bounds=HeldBounds())))
    assert sum(char != " " for char in picture[0]) <= 2


def test_legend_shortens_in_steps() -> None:
    series, marks = run_of(30)
    shown = {w: rows(draw(series, ChartOptions(w, 10, y_label="loss"), marks))[0] for w in (130, 80, 50, 40, 24)}
    assert all(word in shown[130] for word in ("loss", "train", "validation", "best 0.572 @ 12"))
    assert "best" in shown[80]
    assert "validation" in shown[50] and "best" not in shown[50]
    assert series[0].latest in shown[40] and series[1].latest in shown[40]
    assert "⠒⠒" in shown[24] and "▄▄" in shown[24]


def test_empty_charts_say_so() -> None:
    assert "no values yet" in "\n".join(rows(draw([], ChartOptions(60, 10))))
    lost = draw([Series("train", [1, 2], [math.nan, math.inf], "train")], ChartOptions(60, 10))
    assert "no finite values yet" in "\n".join(rows(lost)) and "!" in rows(lost)[1]


def test_the_best_epoch_is_marked_on_the_validation_curve() -> None:
    series, marks = run_of(30)
    assert sum(row.count("●") for row in canvas(draw(series, ChartOptions(80, 12), marks))) == 1


def test_a_series_keeps_what_it_was_given() -> None:
    ys = [1.0, 2.0]
    series = Series("train", [0, 1], ys, "train")
    same = Series("train", [0, 1], [1.0, 2.0], "train")
    ys.append(9.0)
    assert series == same and series != Series("train", [0, 1], [1.0, 2.5], "train")
    assert series.latest == "2.000"


# ------------------------------------------------------------------------------------------------------------ cost


def test_successive_draws_of_held_axes_differ_in_few_cells() -> None:
    """Epoch by epoch of a run the axes stay, so that little has to be sent: on average a few dozen cells of 2160."""
    bounds, before, changed = HeldBounds((0.0, None)), [], []
    for epochs in range(5, 46):
        series, _ = run_of(epochs)
        after = "".join(rows(draw(series, ChartOptions(120, 18, x_low=0, x_high=50, bounds=bounds))))
        if before:
            changed.append(sum(a != b for a, b in zip(before, after, strict=True)))
        before = after
    assert np.mean(changed) < 60 and np.median(changed) < 25


def test_draws_are_cheap() -> None:
    """Generous bounds, for busy machines; typical are 2 ms for the first and 5 ms for the second."""
    rng, x = np.random.default_rng(0), np.linspace(0, 50, 1000)
    usual = [Series(role, x, np.exp(-x / 9) + rng.normal(0, 0.02, 1000), role) for role in ("train", "validation")]  # type: ignore[arg-type]
    long = [Series("train", np.linspace(0, 50, 10**6), rng.normal(1, 0.01, 10**6), "train")]
    for series, limit in ((usual, 0.01), (long, 0.04)):
        best = math.inf
        for _ in range(10):
            started = time.process_time()
            draw([Series(one.name, one.xs, one.ys, one.role) for one in series], ChartOptions(120, 18))
            if (best := min(best, time.process_time() - started)) < limit:
                break
        assert best < limit


def test_a_level_line_stays_whole_when_another_part_of_it_leaves_the_axes():
    bounds = HeldBounds(limits=(0, 1))
    level = [0.1, 0.8, *[1.0] * 48]  # the first value is let go of, below the axis
    options = ChartOptions(width=80, height=12, x_low=0, x_high=50, bounds=bounds)
    for length in range(2, 51):  # as it grows, epoch by epoch
        strips = draw([Series("train", list(range(1, length + 1)), level[:length], "train")], options)
    text = [strip.text for strip in strips]
    assert bounds.low is not None and bounds.low > 0.1, "nothing has left the axes: this would test nothing"
    top = next(line for line in text if "┤" in line)
    drawn = top.split("┤")[1].rstrip()
    line = drawn[drawn.index("⠉") :]
    assert len(line) > 60 and set(line) == {"⠉"}
