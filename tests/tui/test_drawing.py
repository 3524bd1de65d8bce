"""Small drawings of data: what they look like, and that they are made whatever comes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.preview import Histogram, Picture, Point
from engine.text import clean
from tui.drawing import Charset, Line, Span, as_text, class_bars, curve, histogram, scatter
from tui.pictures import gallery, picture

CHARSETS: tuple[Charset, ...] = ("braille", "blocks", "ascii")

NUMBERS = st.floats() | st.sampled_from([0.0, 1e308, -1e308, math.inf, -math.inf, math.nan, 5e-324])
SIZES = st.integers(0, 60)
SETS = st.sampled_from(CHARSETS)
NAMES = st.lists(st.text(max_size=30), max_size=14)


def shown(lines: Sequence[Line]) -> list[str]:
    return as_text(lines).split("\n")


def check(lines: Sequence[Line], width: int, height: int, charset: Charset, exact: bool = True) -> None:
    assert len(lines) <= height
    for line in lines:
        text = "".join(span.text for span in line)
        assert clean(text, 10_000) == text
        size = sum(cell_len(span.text) for span in line)
        assert size == width if exact else size <= width
        assert charset != "ascii" or text.isascii()


# ---- what they look like ----


def test_class_bars():
    lines = class_bars(["malignant", "benign"], [212, 357], 40, 5)
    assert shown(lines) == [
        "malignant 212 ███████████▉          37% ",
        "benign    357 ████████████████████  63% ",
    ]


def test_class_bars_in_ascii_and_too_many_of_them():
    assert shown(class_bars(["a", "b", "c", "d"], [4, 2, 1, 0], 24, 3, "ascii")) == [
        "a 4 ####################",
        "b 2 ##########          ",
        "and 2 classes more      ",
    ]


def test_a_class_without_rows_has_no_bar_and_a_rare_one_has_a_trace():
    texts = shown(class_bars(["much", "none", "rare"], [10_000, 0, 1], 40, 5))
    assert "▏" in texts[2]
    assert "█" not in texts[1] + texts[2]


CORNERS = [Point(0, 0, 0), Point(1, 1, 0), Point(0, 1, 1), Point(1, 0, 1)]


def test_points_in_ascii():
    assert shown(scatter(CORNERS, 30, 7, ["low", "high"], ["a", "b"], "ascii")) == [
        "o" + " " * 28 + ".",
        " " * 30,
        " " * 30,
        " " * 30,
        "." + " " * 28 + "o",
        "across a 0..1, up b 0..1      ",
        ". low  o high                 ",
    ]


def test_points_in_braille_lie_on_its_dots():
    points = [Point(x, 0, 0) for x in range(6)]
    assert shown(scatter(points, 3, 1)) == ["⠤⠤⠤"]  # what has no height lies in the middle
    assert shown(scatter([Point(0, 0, 0), Point(1, 1, 0)], 1, 1)) == ["⡈"]


def test_groups_are_told_apart_without_colour():
    """In every charset no two groups share a character."""
    for charset in CHARSETS:
        seen = []
        for group in range(10):
            lines = scatter([Point(0, 0, group), Point(1, 1, group), Point(0.3, 0.9, group)], 8, 4, charset=charset)
            seen.append(set(as_text(lines)) - {" ", "\n"})
        for index, signs in enumerate(seen):
            assert signs
            assert not any(signs & other for other in seen[:index])


def test_groups_have_their_own_paint():
    spans = [span for line in scatter(CORNERS, 9, 3) for span in line if span.text.strip()]
    assert {span.paint for span in spans} == {"series0", "series1"}


def test_the_commonest_group_of_a_cell_shows():
    points = [Point(0, 0, 0), Point(0, 0, 1), Point(0, 0, 1), Point(9, 9, 2)]
    assert shown(scatter(points, 5, 2, charset="ascii"))[1][0] == "o"


def test_braille_has_the_dots_of_the_first_group_alone():
    points = [Point(0, 0, 0), Point(0, 0, 0), Point(1, 1, 1)]
    assert shown(scatter(points, 1, 1)) == ["⡀"]


def test_what_is_no_number_is_dark():
    assert shown(picture([[math.nan, math.inf, -math.inf]], 3, 1, "ascii")) == [" @ "]


def test_a_picture_in_half_blocks():
    lines = picture([[0.0, 1.0], [0.5, 0.0]], 2, 1)
    assert lines == [[Span("▀", "#000000 on #808080"), Span("▀", "#ffffff on #000000")]]


def test_a_picture_without_colour():
    rows = [[0.0, 0.5, 1.0]]
    assert shown(picture(rows, 6, 1, "ascii")) == ["  ==@@"]
    assert shown(picture(rows, 6, 1, "braille", colour=False)) == ["  ▒▒██"]
    assert shown(picture(rows, 3, 1, "ascii", colour=False)) == [" =@"]


def test_a_picture_grows_by_whole_numbers_and_shrinks_to_fit():
    assert shown(picture([[1.0, 0.0], [0.0, 1.0]], 9, 5, "ascii")) == ["@@@@    "] * 2 + ["    @@@@"] * 2
    large = [[float(x == y) for x in range(64)] for y in range(64)]
    check(picture(large, 10, 10, "ascii"), 10, 10, "ascii", exact=False)
    assert len(picture(large, 10, 10, "ascii")) >= 5


def test_a_gallery_labels_its_pictures():
    pictures = [Picture(str(index), ((1.0, 0.0), (0.0, 1.0))) for index in range(3)]
    lines = shown(gallery(pictures, 20, 4, "ascii"))
    assert lines[-1].split() == ["0", "1", "2"]
    assert shown(gallery(pictures, 5, 4, "ascii"))[-1] == "0    "


def test_a_histogram():
    data = Histogram(0.0, 10.0, (1, 2, 4, 0))
    assert shown(histogram(data, 8, 3)) == ["    ██  ", "▄▄████  ", "0     10"]
    assert shown(histogram(data, 9, 3, "ascii")) == ["    ##   ", "######   ", "0     10 "]
    assert shown(histogram(Histogram(0, 1, (1, 1, 1, 1)), 2, 1)) == ["██"]  # neighbours together


def test_a_curve():
    falling = [(0, 1.0), (1, 0.5), (2, 0.0)]
    assert shown(curve(falling, 3, 3, "ascii")) == ["*  ", " * ", "  *"]
    labelled = shown(curve([(0, 0.1), (999, 0.001)], 30, 5, "ascii"))
    assert labelled[0].startswith("  0.1 *")
    assert labelled[3].startswith("0.001 ")
    assert labelled[4].split() == ["step", "0", "999"]


def test_a_curve_that_stays_at_one_value_is_a_line():
    lines = shown(curve([(step, 0.01) for step in range(50)], 30, 5, "ascii"))
    assert [line for line in lines if "*" in line] == ["0.01 " + "*" * 25]


# ---- whatever comes ----


@settings(max_examples=80)
@given(st.lists(st.builds(Point, NUMBERS, NUMBERS, st.integers(-3, 10**12)), max_size=20), SIZES, SIZES, NAMES, SETS)
def test_points_are_always_drawn(points, width, height, names, charset):
    lines = scatter(points, width, height, names, ["a\x1b[31m", "b"], charset)
    check(lines, width, height, charset)


@settings(max_examples=80)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20), SIZES, SIZES, SETS)
def test_a_curve_is_always_drawn(points, width, height, charset):
    check(curve(points, width, height, charset), width, height, charset)


@settings(max_examples=80)
@given(NUMBERS, NUMBERS, st.lists(st.integers(-5, 10**12), max_size=40), SIZES, SIZES, SETS)
def test_a_histogram_is_always_drawn(low, high, counts, width, height, charset):
    check(histogram(Histogram(low, high, tuple(counts)), width, height, charset), width, height, charset)


@settings(max_examples=80)
@given(NAMES, st.lists(st.integers(-5, 10**12), max_size=14), SIZES, SIZES, SETS)
def test_class_bars_are_always_drawn(names, counts, width, height, charset):
    check(class_bars(names, counts, width, height, charset), width, height, charset)


PIXELS = st.lists(st.lists(NUMBERS, max_size=12), max_size=12)


@settings(max_examples=80)
@given(PIXELS, SIZES, SIZES, SETS, st.booleans())
def test_a_picture_is_always_drawn(rows, width, height, charset, colour):
    check(picture(rows, width, height, charset, colour), width, height, charset, exact=False)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.text(max_size=20), PIXELS), max_size=4), SIZES, SIZES, SETS, st.booleans())
def test_a_gallery_is_always_drawn(pictures, width, height, charset, colour):
    made = [Picture(label, tuple(map(tuple, rows))) for label, rows in pictures]
    check(gallery(made, width, height, charset, colour), width, height, charset)


@pytest.mark.parametrize("draw", [scatter, curve, histogram], ids=lambda one: one.__name__)
def test_nothing_to_draw_is_said(draw):
    nothing = Histogram() if draw is histogram else []
    assert "no " in as_text(draw(nothing, 40, 5))
