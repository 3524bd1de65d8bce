"""The pages of the results as lines: heat map, classes, mistakes with their inputs, scatter, summary. No app."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from support import script
from support.strategies import events

from engine import RunView
from engine import events as e
from engine.facts import Answer
from engine.report import class_figures
from engine.subjects import Subject, subjects
from engine.whatnext import advice
from tui.drawing import Line, as_text
from tui.heatmap import heat_map
from tui.looks import Look
from tui.plane import plane
from tui.resultcurves import curves_of, overlaid
from tui.resultlines import distances
from tui.resultpages import ClassesPage, ConfusionPage, MistakesPage, ScatterPage, SummaryPage, TrialsPage

LOOK, PLAIN = Look(), Look("ascii", colour=False)
NAMES = ("ham", "spam")


def report(counts: list[list[int]], mistakes: tuple[Answer, ...] = (), **more: object) -> e.ReportMade:
    matrix = np.array(counts)
    return e.ReportMade(
        epoch=3,
        rows=int(matrix.sum()),
        wrong=int(matrix.sum() - np.trace(matrix)),
        confusion=tuple(tuple(row) for row in counts),
        classes=class_figures(matrix),
        mistakes=mistakes,
        samples=(),
        **more,  # type: ignore[arg-type]
    )


def mistake(row: int, *values: float) -> Answer:
    return Answer(row=row, truth=1.0, answer=0.0, loss=2.0, probability=0.75, values=values)


def shown(lines: list[Line]) -> str:
    return as_text(lines)


# ---- confusion ----


def test_a_heat_map_has_every_count_and_reads_the_cell_out():
    text = shown(heat_map([[17, 1], [3, 15]], NAMES, 60, 12, (1, 0), LOOK))
    assert "17" in text and "94%" in text and "83%" in text
    assert "[" in text.splitlines()[4] and text.splitlines()[4].startswith("spam")
    assert "true spam, answered ham: 3 of 18 rows, 16.7% of the true sp" in text


def test_right_and_wrong_are_shaded_apart_and_mistakes_by_their_share():
    lines = heat_map([[17, 1], [6, 12]], NAMES, 60, 12, (0, 0), LOOK)
    paints = {span.text.strip(" []"): span.paint for line in lines for span in line if span.text.strip(" []").isdigit()}
    red = {count: int(paints[count].rpartition("#")[2][:2], 16) for count in ("1", "6")}
    blue = int(paints["17"].rpartition("#")[2][4:], 16)
    assert red["6"] > red["1"] and blue > 150


def test_without_colours_shades_are_signs_and_all_is_ascii():
    lines = heat_map([[17, 1], [6, 12]], NAMES, 60, 12, (0, 1), PLAIN)
    assert shown(lines).isascii()
    assert not any("#" in span.paint for line in lines for span in line)
    rows = [line.split() for line in shown(lines).splitlines() if line.startswith(NAMES)]
    assert [row[1:3] for row in rows] == [["@", "17"], ["-", "6"]], "the darker, the larger its share"


def test_many_classes_are_a_window_around_the_cell():
    names = [f"class number {place}" for place in range(50)]
    counts = [[40 if row == column else 0 for column in range(50)] for row in range(50)]
    page = ConfusionPage(Subject("", report(counts)), tuple(names))
    assert page.at == (0, 0), "nothing is wrong"
    for _ in range(60):
        page.move(1, 1)
    text = shown(page.lines(80, 20, LOOK))
    assert page.at == (49, 49) and "of 50 classes" in text and "class number 49" in text
    assert "…49" in text, "names that begin alike are told apart by their ends"
    page.move(-49, -49)
    assert "class number 0" in shown(page.lines(80, 20, LOOK))


def test_the_worst_confusion_is_where_the_cursor_begins():
    assert ConfusionPage(Subject("", report([[5, 0, 1], [0, 5, 0], [4, 0, 5]])), ("a", "b", "c")).at == (2, 0)


@settings(max_examples=40)
@given(
    classes=st.integers(1, 30),
    width=st.integers(0, 150),
    height=st.integers(0, 40),
    at=st.tuples(st.integers(-5, 40), st.integers(-5, 40)),
    look=st.sampled_from([LOOK, PLAIN, Look("blocks"), Look("braille", greys=False)]),
    seed=st.integers(0, 9),
)
def test_a_heat_map_fits_whatever_its_size(classes, width, height, at, look, seed):
    chance = random.Random(seed)
    counts = [[chance.choice([0, 1, 12345]) for _ in range(classes)] for _ in range(classes)]
    names = [chance.choice(["a", "日本語 name", "\x1b[31mred", "long " * 20]) + str(place) for place in range(classes)]
    lines = heat_map(counts, names, width, height, at, look)
    assert len(lines) <= height
    assert all(cell_len("".join(span.text for span in line)) == width for line in lines)
    assert "\x1b" not in shown(lines)
    assert look.charset != "ascii" or shown(lines).isascii()


# ---- classes, mistakes ----


def test_classes_in_order_and_the_worst_first():
    page = ClassesPage(Subject("", report([[9, 1], [5, 5]])), NAMES)
    rows = shown(page.lines(80, 20, LOOK)).splitlines()
    assert [row.split()[0] for row in rows] == ["class", "ham", "spam", "mean", "accuracy"]
    page.toggle()
    rows = shown(page.lines(80, 20, LOOK)).splitlines()
    assert rows[1].startswith("spam") and page.toggles == "in order"


def test_a_picture_of_a_mistake_is_drawn_from_its_values():
    pixels = [0.0] * 8 + [16.0] * 8
    one = report([[1, 0], [1, 0]], (mistake(7, *pixels),), shape=(4, 4), limits=(0.0, 16.0), features=16)
    page = MistakesPage(Subject("", one), NAMES)
    text = shown(page.lines(80, 12, PLAIN))
    assert "row 7: true spam, answered ham, probability 0.75" in text
    drawn = [line.partition("|")[2].strip() for line in text.splitlines() if "@" in line]
    assert len(drawn) == 4 and all(set(line) == {"@"} for line in drawn), text
    lines = page.lines(80, 12, LOOK)
    assert any("on #ffffff" in span.paint for line in lines for span in line), "half-blocks in greys"


def wide(columns: int = 40) -> Subject:
    values = tuple(float(place) for place in range(columns))
    names = tuple(f"column {place}" for place in range(columns))
    more = {"shape": (columns,), "features": columns, "feature_names": names}
    scales = {"means": (0.0,) * columns, "scales": (10.0,) * columns}
    counts = [[1, 0], [3, 0]]
    return Subject("", report(counts, tuple(mistake(row, *values) for row in (4, 5, 6)), **more, **scales))


def test_values_of_a_mistake_stand_by_name_with_their_distance_from_the_mean():
    page = MistakesPage(wide(), NAMES)
    text = shown(page.lines(80, 14, LOOK))
    assert "column 3" in text and "+0.3 sd" in text and "1-10 of 40" in text
    page.move(0, 10)
    assert "column 10 " in shown(page.lines(80, 14, LOOK)), "PgDn scrolls the values"
    page.toggle()
    first = next(line for line in shown(page.lines(80, 14, LOOK)).splitlines() if "column" in line)
    assert "column 39" in first and "+3.9 sd !" in first, "the most unusual first"
    page.move(0, 1)
    assert "row 5:" in shown(page.lines(80, 14, LOOK)), "down goes to the next mistake"
    assert not distances(mistake(1, 2.0), report([[1, 0], [1, 0]]))


def test_a_report_without_inputs_says_so():
    page = MistakesPage(Subject("", report([[1, 0], [1, 0]], (mistake(7),))), NAMES)
    assert "has no inputs of this row" in shown(page.lines(80, 12, LOOK))
    assert "no mistakes" in shown(MistakesPage(Subject("", report([[1, 0], [0, 1]])), NAMES).lines(80, 12, LOOK))


def test_a_mistake_on_a_text_shows_the_text():
    text = "Nobody would call [the] \u05e9\u05dc\u05d5\u05dd soup dull \U0001f600. " * 8
    one = replace(mistake(7), text=text)
    page = MistakesPage(Subject("", report([[1, 0], [1, 0]], (one,))), NAMES)
    beside, below = shown(page.lines(120, 30, LOOK)), shown(page.lines(50, 9, LOOK))
    for lines in (beside, below):
        assert "Nobody would call [the] \u05e9\u05dc\u05d5\u05dd soup" in lines
    assert beside.count("dull") == 8 and below.rstrip().endswith("…") and len(below.splitlines()) <= 9
    for width, height, look in ((20, 5, LOOK), (80, 24, PLAIN)):
        lines = page.lines(width, height, look)
        assert all(sum(cell_len(span.text) for span in line) <= width for line in lines) and len(lines) <= height
    assert shown(page.lines(80, 24, PLAIN)).isascii()


# ---- scatter ----


def test_a_prediction_that_is_right_lies_on_the_line():
    rows = plane([(5.0, 5.0)], 40, 12, (0, 10), (0, 10), (1.0, 0.0), "ascii", ("true", "predicted"))
    text = shown(rows)
    assert "predicted" in text and "true" in text
    spot = next(line for line in text.splitlines() if "." in line.partition("|")[2])
    assert text.count("-") > 20 and spot


def test_residuals_and_predictions_side_by_side_where_there_is_room():
    pairs = tuple((float(place), place * 1.1) for place in range(50))
    empty = replace(report([[0]]), confusion=(), classes=(), rows=300, pairs=pairs)
    page = ScatterPage(Subject("", empty))
    narrow, broad = shown(page.lines(80, 20, LOOK)), shown(page.lines(140, 40, LOOK))
    assert "prediction, over the true value" in narrow and "residual" not in narrow
    assert "prediction, over the true value" in broad and "residual:" in broad
    assert "50 of 300 test rows" in narrow
    page.toggle()
    assert "residual:" in shown(page.lines(80, 20, LOOK))


# ---- whatever there is ----


@settings(max_examples=30)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([e.ReportMade, e.EpochEnded, e.DataPrepared, e.RunEnded, e.TrialStarted, e.TestMeasured]),
            st.sampled_from([e.TrialEnded, e.TrialsSummarized, e.FindingRaised, e.ModelBuilt, e.RunStarted]),
        ).flatmap(events),
        max_size=12,
    ),
    st.integers(1, 120),
    st.integers(1, 40),
)
def test_no_record_breaks_a_page(items, width, height):
    """It is a file, and may hold anything that has the form of an event."""
    view = RunView().apply_all(items)
    names = view.data.class_names if view.data else ()
    pages = [SummaryPage(view, advice(view)), TrialsPage(view)]
    for subject in subjects(view):
        pages += [MistakesPage(subject, names), ScatterPage(subject), ClassesPage(subject, names)]
        pages.append(ConfusionPage(subject, names))
    for page in pages:
        for _ in range(2):
            for look in (LOOK, PLAIN):
                lines = page.lines(width, height, look)
                assert len(lines) <= max(height, 3), page
            page.move(1, 10)
            page.toggle()
    curves_of(view, False, "braille", True)
    overlaid([("A", view)], "ascii", False)


def test_the_summary_names_keys_for_what_can_be_done():
    view = RunView().apply_all(script.overfitting())
    text = shown(SummaryPage(view, advice(view)).lines(80, 30, LOOK))
    assert "underfitting 1-9 · just right 10 · overfitting 11-40" in text
    for key in ("a", "+", "f", "F", "e", "C", "n"):
        assert f"\n {key}  " in text
    assert "\n a  overfitting since epoch 11" in text


def test_curves_of_folds_have_a_mean_with_its_spread():
    first, second = script.healthy(4), script.healthy(6)
    items: list[e.Event] = []
    for number, run in ((1, first), (2, second)):
        items.append(e.TrialStarted(number=number, of=2, label=f"fold {number}", folder="x", trial=number))
        items += [replace(item, trial=number) for item in run[1:-1]]
    found = curves_of(RunView().apply_all(items), False, "braille", True)
    *ghosts, mean = found.series
    assert [one.role for one in ghosts] == ["ghost", "ghost"] and len(mean.ys) == 4, "as far as all folds go"
    assert mean.low is not None and math.isclose(mean.ys[0] - mean.low[0], 0.0)
    metric = curves_of(RunView().apply_all(items), True, "braille", True)
    assert metric.options.y_label == "validation accuracy" and len(metric.series) == 3
    assert metric.series[0].ys.tolist() == [one.val_metric for one in first if isinstance(one, e.EpochEnded)]


def test_curves_of_compared_runs_are_told_apart_by_their_letters():
    views = [RunView().apply_all(script.healthy(3)), RunView().apply_all(script.overfitting())]
    found = overlaid([("A", views[0]), ("B", views[1])], "braille", True)
    assert [(one.name, one.role, one.latest) for one in found.series] == [
        ("A", "other", "0.7"),
        ("B", "other", "0.384"),
    ]
    assert found.options.x_high == 40


@pytest.mark.parametrize("look", [LOOK, PLAIN])
def test_pages_without_colours_or_unicode_say_the_same(look):
    page = ClassesPage(Subject("", report([[9, 1], [5, 5]])), NAMES)
    text = shown(page.lines(80, 20, look))
    assert "0.643" in text and (look is LOOK or text.isascii())
