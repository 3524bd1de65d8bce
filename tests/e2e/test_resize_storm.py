"""A window that is pulled about while a run trains: no exception, and the right picture at every size."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.forkedapps import arguments, forked, started
from support.stepped import Stepped
from support.terminal import Terminal, cells

from tui.widgets.chart import LONGEST_WAIT

SMALLEST, LARGEST = (20, 5), (300, 80)


def sizes(count: int, seed: int) -> list[tuple[int, int]]:
    """Random ones; the smallest, the largest and the common ones are among them."""
    dice = random.Random(seed)
    ends = [SMALLEST, LARGEST, (80, 24), (140, 45), (80, 5), (20, 80)]
    (low, least), (high, most) = SMALLEST, LARGEST
    small = lambda one, other: round(dice.triangular(one, other, one))  # noqa: E731  -- more of those: they are quick
    drawn = [(small(low, high), small(least, most)) for _ in range(count - len(ends))]
    found = ends + drawn
    dice.shuffle(found)
    return found


def difference(first: list[list[object]], second: list[list[object]]) -> list[str]:
    """Where two pictures differ."""
    both = (
        (y, x, a, b)
        for y, rows in enumerate(zip(first, second, strict=True))
        for x, (a, b) in enumerate(zip(*rows, strict=True))
    )
    return [f"row {y}, column {x}: {a} is {b} in a new picture" for y, x, a, b in both if a != b][:5]


def settled(program: Terminal, seconds: float = 0.15) -> list[list[object]]:
    """The picture once nothing more comes for so long."""
    before = -1
    while len(program.output) != before:
        before = len(program.output)
        program.read(seconds)
    return cells(program.screen)


@pytest.mark.parametrize("count", [8, pytest.param(200, marks=pytest.mark.soak)])
def test_the_picture_is_right_after_every_resize(tmp_path, count):
    dice = random.Random(count)
    program = Stepped(tmp_path, 4 * count)
    try:
        for size in sizes(count, count):
            before = program.screen.columns, program.screen.lines
            for other in dice.sample([size, before, (100, 30), (41, 17)], dice.randint(0, 2)):  # on the way there
                program.resize(*other)
            program.resize(*size)
            program.step()
            program.step("n")
            found, text = settled(program), program.text
            assert program.process.poll() is None, program.text
            assert any(word in program.text for word in ("nntui", "training")), f"{size}\n{program.text}"
            program.screen.erase_in_display(2)
            program.step("w")
            program.step("n")
            assert difference(found, settled(program)) == [], (
                f"from {before} to {size}\n{text}\nis to be\n{program.text}"
            )
    finally:
        program.close()


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_a_storm_over_a_run_that_trains(server, tmp_path: Path, count):
    """Without waiting for anything, back and forth; then the run is paused, and what stands there is compared."""
    with forked(server, arguments(100_000), tmp_path, (80, 24)) as program:
        started(program)
        for size in [*sizes(count, 1), (90, 30), (30, 9), (90, 30)]:
            program.resize(*size)
            program.read(0.03)
        program.see("training · epoch")
        program.send(" ")
        program.see("PAUSED")
        found = settled(program, LONGEST_WAIT + 0.3)
        assert len(program.lines) == 30 and any("┤" in line for line in program.lines), program.text
        program.screen.erase_in_display(2)
        program.send("\x0c")  # Ctrl-L
        program.see("PAUSED", "┤")
        assert difference(found, settled(program, 0.5)) == []
        program.send("q")
        program.see("stop and quit")
        program.send("y")
        assert program.wait() == 0
        program.see("ended       interrupted")
