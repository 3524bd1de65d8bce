"""The graph that is printed when a screen has gone, whatever the losses were."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.runview import RunView
from tui.plot import loss_graph


def view(train, validation, best=0) -> RunView:
    epochs = list(range(1, len(train) + 1))
    return RunView(epochs=epochs, train_loss=list(train), val_loss=list(validation), best_epoch=best)


FALLING = [1 / n for n in range(1, 41)]
TURNING = [1 / n + 0.01 * n for n in range(1, 41)]


@pytest.mark.parametrize("charset", ["braille", "blocks", "ascii"])
def test_both_losses_are_drawn_and_named(charset):
    text = loss_graph(view(FALLING, TURNING, best=10), 72, 14, charset)
    lines = text.split("\n")
    assert len(lines) <= 14
    assert max(map(len, lines)) <= 72
    assert "train" in text
    assert "validation" in text
    assert "epoch (best: 10)" in text
    assert " 40" in lines[-2]
    assert "\x1b" not in text
    assert charset != "ascii" or text.isascii()
    assert charset == "braille" or not any(0x2800 <= ord(char) < 0x2900 for char in text)


def test_the_curves_are_where_the_values_are():
    """The training loss is low on the right, the validation loss high."""
    lines = loss_graph(view([1.0] + [0.0] * 39, [0.0] * 20 + [1.0] * 20), 60, 12, "ascii").split("\n")
    right = [line[-8:-1] for line in lines[1:-3]]
    assert right[0] == "ooooooo"
    assert right[-1] == "......."
    assert not any(line.strip() for line in right[1:-1])


@pytest.mark.parametrize(
    ("train", "validation", "size"),
    [([], [], (72, 14)), ([1.0], [1.0], (72, 14)), ([math.nan] * 9, [math.inf] * 9, (72, 14)), (FALLING, TURNING, (39, 14)), (FALLING, TURNING, (72, 7))],
)  # fmt: skip
def test_nothing_where_there_is_nothing_to_draw_or_no_room(train, validation, size):
    assert loss_graph(view(train, validation), *size) == ""


odd = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, 1e308, -1e308, 1e-308])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(odd, odd), max_size=60),
    st.integers(30, 120),
    st.integers(5, 30),
    st.sampled_from(["braille", "blocks", "ascii"]),
)
def test_any_losses_make_a_graph_or_none(losses, width, height, charset):
    text = loss_graph(view([one for one, _ in losses], [two for _, two in losses]), width, height, charset)
    assert all(len(line) <= width for line in text.split("\n"))
    assert text.count("\n") < height
