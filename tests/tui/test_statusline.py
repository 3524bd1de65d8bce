"""The status line: the most wanted first, at any width, and nothing in it moves when only figures change."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import script
from support.strategies import events

from engine import events as e
from engine.runview import RunView
from tui.statusline import status_text

GPU = e.MachineSampled(
    cpu_percent=104.0, ram_bytes=2.34e9, ram_share=0.4, gpu_percent=97.0, gpu_memory_bytes=7.3e9,
    gpu_memory_total=80e9, gpu_celsius=71.0, data_wait_share=0.01,
)  # fmt: skip
CPU = e.MachineSampled(cpu_percent=99.0, ram_bytes=0.5e9, ram_share=0.4, data_wait_share=0.0)


@pytest.fixture(autouse=True)
def _long_epochs(monkeypatch):
    """The epochs of the scripts count as long ones."""
    monkeypatch.setattr("tui.statusline.LONG_EPOCH", script.SECONDS)


def steps(epoch: int, step: int) -> e.StepsDone:
    return e.StepsDone(epoch=epoch, step=step, samples_per_second=12_300.0, loss=0.5, lr=0.1)


def under_way(*more: e.Event, epochs: int = 12) -> RunView:
    view = RunView().apply_all(script.opening(epochs=20))
    for number in range(1, epochs + 1):
        view.apply_all(script.epoch(number, 1 / number, 1.1 / number, number))
    return view.apply_all([e.EpochStarted(epoch=epochs + 1), *more])


def line(view: RunView, width: int = 140, **how: bool) -> str:
    return status_text(view, width, **how).plain


def squeezed(text: str) -> str:
    """Without the room that is left for wider figures."""
    return re.sub(" +", " ", text)


def test_all_there_is_to_say_on_a_wide_screen():
    view = under_way(GPU, steps(13, 5))
    expected = (
        " training · epoch 13/20 ━━━━━━──── · step 5/100 · ETA 0:16 · 12.3k samples/s · "
        "GPU 97% 7.3/80 GB 71°C · CPU 104% · RAM 2.3 GB · cpu · lr 0.001 · grad 0.5"
    )
    assert squeezed(line(view, 200)) == expected
    assert line(view, 200, ascii_only=True).isascii()
    assert "GPU  97%  7.3/80 GB 71C" in line(view, 200, ascii_only=True)


@pytest.mark.parametrize("width", [10, 24, 37, 60, 80, 100, 140, 200])
def test_the_most_wanted_fit_into_any_width(width):
    shown = line(under_way(GPU, steps(13, 5)), width)
    assert len(shown) <= width
    wanted = ["training", "epoch 13/20", "━", "step 5/100", "ETA 0:16", "12.3k samples/s", "GPU  97%", "CPU  104%"]
    there = [words in shown for words in wanted]
    assert there[0] and there[1] == (width >= 24) and there[2] == (width >= 37)
    assert there[4] == (width >= 60) and there[5] == (width >= 80) and there[6] == (width >= 100)


def test_nothing_moves_when_only_figures_change():
    first, later = under_way(GPU, steps(13, 5)), under_way(GPU, steps(13, 100))
    later.apply(dataclasses.replace(GPU, cpu_percent=7.0, gpu_percent=100.0, gpu_memory_bytes=70.1e9))
    later.apply(dataclasses.replace(steps(13, 100), samples_per_second=98.0))
    later.lr.append(1.25e-05)
    one, two = line(first, 170), line(later, 170)
    for words in ("ETA", "GPU", "CPU", "RAM", "cpu", "lr"):
        assert one.index(words) == two.index(words), words
    changed = sum(a != b for a, b in zip(one, two, strict=False))
    assert changed < 40


def test_a_run_without_a_gpu_has_no_figures_of_one():
    shown = line(under_way(CPU), 100)
    assert "GPU" not in shown and "CPU   99% · RAM 0.5 GB" in shown
    assert "CPU" not in line(under_way(e.MachineSampled()), 140) and "RAM" not in line(under_way(), 140)


def test_waiting_for_data_and_a_full_host_are_said_when_they_matter():
    assert "waits" not in line(under_way(CPU))
    waiting = dataclasses.replace(CPU, data_wait_share=0.31)
    assert " 31% waits for data" in line(under_way(waiting), 100) and "waits  31%" in line(under_way(waiting), 80)
    # Half a minute counts and not the last five seconds: the words do not come and go.
    assert " 7% waits for data" in line(under_way(*[dataclasses.replace(CPU, data_wait_share=0.4)] * 1, *[CPU] * 5))
    assert "host" not in line(under_way(CPU), 200)
    assert "RAM 0.5 GB, host 93% full" in line(under_way(dataclasses.replace(CPU, ram_share=0.93)), 200)


def test_what_stands_still_has_no_speed():
    view = under_way(GPU, steps(13, 5), e.Paused(epoch=13))
    assert squeezed(line(view)) == " PAUSED · epoch 13/20 ━━━━━━──── · cpu · lr 0.001 · grad 0.5"
    for words in ("ETA", "samples", "CPU", "step"):
        assert words not in line(under_way(GPU, steps(13, 5)), lost=True)
    ended = under_way(GPU).apply_all(script.closing(epochs=12, best_epoch=12))
    assert line(ended).startswith(" all epochs done · epoch 12/20 ━━━━━━──── · took 0:25 · cpu")


def test_steps_are_told_of_only_where_epochs_are_long(monkeypatch):
    view = under_way(steps(13, 5))
    assert "step 5/100" in line(view, 200) and "step" not in line(under_way(), 200)
    monkeypatch.setattr("tui.statusline.LONG_EPOCH", script.SECONDS + 0.1)
    assert "step" not in line(view, 200)
    view.seconds.clear()
    assert "step" in line(view, 200), "the first one may be long"


@given(st.lists(st.sampled_from(list(e.TYPES.values())).flatmap(events), max_size=20), st.integers(0, 200))
def test_any_events_give_a_line_that_fits(items, width):
    view = RunView().apply_all(items)
    assert status_text(view, width).cell_len <= width
