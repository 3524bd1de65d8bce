"""The error-against-epoch graph of a run that has ended: its sides stand in the chart as words."""

from __future__ import annotations

import pytest
from support import script
from support.screens import SIZES, lines, see, text, watching

from engine.events import FindingRaised
from tui.chart import ChartOptions, Mark, Series, draw

NOTE = ("underfitting", "just right: epoch 12", "overfitting")


def drawn(note=NOTE, best=12.0, **options) -> list[str]:
    series = [Series("validation", range(1, 31), [abs(x - 12) for x in range(30)], "validation")]
    marks = [Mark(best, "best")] if best is not None else []
    options = ChartOptions(x_low=0, x_high=30, note=note, **options)
    return ["".join(segment.text for segment in strip) for strip in draw(series, options, marks)]


def test_the_sign_of_the_note_stands_over_the_best_epoch():
    rows = drawn()
    assert "underfitting ← ● just right: epoch 12 → overfitting" in rows[1]
    floor = next(row for row in rows if "└" in row)
    numbers = rows[rows.index(floor) + 1]
    ten, fifteen = numbers.index("10"), numbers.index("15")
    assert ten < rows[1].index("●") < fifteen


@pytest.mark.parametrize("charset", ["braille", "blocks", "ascii"])
@pytest.mark.parametrize("colour", [True, False])
def test_the_note_reads_without_colour_and_in_every_charset(charset, colour):
    row = drawn(charset=charset, colour=colour)[1]
    assert all(part in row for part in NOTE)
    assert charset != "ascii" or row.isascii()


def test_sides_that_are_not_there_are_left_out():
    assert drawn(("", "just right: epoch 1", "converged"), best=1)[1].strip() == "● just right: epoch 1 → converged"
    assert drawn(("underfitting", "just right: epoch 30", ""), best=30)[1].rstrip().endswith("just right: epoch 30")


@pytest.mark.parametrize("width", [20, 30, 36, 40, 52, 60, 80, 200])
@pytest.mark.parametrize("best", [1, 12, 30, 99, None])
def test_the_note_keeps_within_any_width(width, best):
    rows = drawn(width=width, best=best)
    assert {len(row) for row in rows} == {width}
    if width >= 36:
        assert "underfitting ←" in rows[1]
        assert "→ overfitting" in rows[1]


def test_a_low_chart_keeps_its_lines_for_the_curve():
    assert not any("underfitting" in row for row in drawn(height=6))
    assert "underfitting" in drawn(height=7)[1]


def test_a_chart_without_a_note_is_as_it_was():
    assert not any("right" in row for row in drawn(note=None))


@pytest.mark.parametrize("size", SIZES)
async def test_the_monitor_names_the_sides_once_they_are_known(size):
    """They are with the first finding of overfitting, whatever comes after it."""
    events = script.overfitting()
    found = next(place for place, event in enumerate(events) if isinstance(event, FindingRaised))
    async with watching(events, size) as (pilot, source):
        source.release(found)
        await see(pilot, f"epoch {events[found - 1].epoch}/40")
        assert "just right" not in text(pilot)
        source.release()
        await see(pilot, "underfitting ←", "→ overfitting")
        (row,) = [line for line in lines(pilot) if "just right: epoch 10" in line]
        assert row.index("underfitting") < row.index("●") < row.index("overfitting")


async def test_a_run_that_went_well_has_no_overfitting_side():
    async with watching(script.healthy()) as (pilot, source):
        source.release()
        await see(pilot, "best so far: epoch 20")
        assert "→ overfitting" not in text(pilot)
