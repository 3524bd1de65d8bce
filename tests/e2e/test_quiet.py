"""What a screen sends to its terminal: little with every epoch, nothing while nothing happens, and never half a picture."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

import pytest
from support.stepped import Stepped

EPOCHS = 200
SYNC_ON, SYNC_OFF, ASKED = b"\x1b[?2026h", b"\x1b[?2026l", b"\x1b[?2026$p"


@pytest.fixture
def stepped(tmp_path) -> Iterator[Stepped]:
    program = Stepped(tmp_path, EPOCHS, COLORTERM="truecolor")
    try:
        yield program
    finally:
        program.close()


def test_an_epoch_costs_a_few_hundred_bytes_and_idleness_none(stepped):
    for _ in range(8):  # the axes find their bounds
        stepped.step()
    new, plain = [], []
    for number in range(22):
        new.append(stepped.step())
        if number % 5 == 0:
            plain.append(stepped.step("f"))
    assert min(new) > 30, "every epoch is drawn"
    assert statistics.median(new) <= 400
    assert statistics.median(new) <= statistics.median(plain) / 10
    before = stepped.text
    stepped.step("f")
    assert stepped.text == before, "the terminal showed what it was to show"
    stepped.step("p")
    assert "PAUSED" in stepped.text
    stepped.settle()
    assert stepped.idle(2.0) == 0, stepped.output[-200:]
    stepped.step("g")
    stepped.step("x")
    assert "all epochs done" in stepped.text
    stepped.settle()
    assert stepped.idle(2.0) == 0, stepped.output[-200:]


def test_pictures_are_synchronized_where_the_terminal_says_that_it_can(stepped):
    assert ASKED in stepped.output
    stepped.step()
    assert SYNC_ON not in stepped.output and SYNC_OFF not in stepped.output, "the terminal has not said that it can"
    stepped.send("\x1b[?2026;0$y")  # it does not know what that is
    stepped.step()
    assert SYNC_ON not in stepped.output
    stepped.send("\x1b[?2026;2$y")
    at = len(stepped.output)
    stepped.until(lambda: stepped.step() and SYNC_ON in stepped.output, what="for a synchronized picture")
    stepped.step()
    pictures = re.findall(rb"\x1b\[\?2026[hl]", stepped.output[at:])
    assert pictures == [SYNC_ON, SYNC_OFF] * (len(pictures) // 2)
    outside = re.sub(
        rb"\x1b\[\?2026h.*?\x1b\[\?2026l", b"", stepped.output[stepped.output.index(SYNC_ON) :], flags=re.S
    )
    assert outside == b"", "all of a picture is inside"
    stepped.step("p")
    stepped.settle()
    assert stepped.idle(0.5) == 0, "no empty ones either"
