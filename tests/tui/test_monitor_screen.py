"""The monitor on scripted runs: what it shows of them, and what its keys ask for."""

from __future__ import annotations

import re

import pytest
from support import script
from support.screens import SIZES, AppPilot, lines, press, see, small, text, until, watching

from engine import events as e
from engine.commands import Pause, Resume, Stop
from tui.screens.dialogs import ConfirmQuit
from tui.screens.monitor import MonitorScreen
from tui.screens.setup import SetupScreen
from tui.source import ScriptedSource
from tui.widgets.chart import Chart

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def _undamped(monkeypatch):
    """Charts draw whenever they are told something, and the screen looks for events without a pause."""
    clock = iter(range(10**9))
    monkeypatch.setattr(Chart, "clock", staticmethod(lambda: 100.0 * next(clock)))
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 50)
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


def epochs(events: list[e.Event], count: int) -> int:
    """How many events there are up to the end of the last fact about epoch `count`."""
    return next(i for i, item in enumerate(events) if isinstance(item, e.EpochStarted) and item.epoch == count + 1)


def monitor(pilot: AppPilot) -> MonitorScreen:
    assert isinstance(pilot.app.screen, MonitorScreen)
    return pilot.app.screen


def strip(pilot: AppPilot) -> str:
    """The line about early stopping, without its bar."""
    return re.sub(r" [▮▯#-]+(?= [·|] must)", "", lines(pilot)[2]).strip()


async def release(pilot: AppPilot, source: ScriptedSource, count: int | None = None) -> None:
    source.release(count)
    await until(pilot, lambda: not source._ready)


@sizes
async def test_both_curves_and_the_status_of_a_run(size):
    events = script.healthy()
    async with watching(events, size) as (pilot, source):
        await see(pilot, "preparing", "no values yet")
        await release(pilot, source, epochs(events, 12))
        await see(pilot, "training · epoch 12/20", "12.3k samples/s", "cpu", "validation 0.3250", "train 0.2250")
        await see(pilot, "20260101-120000-digits-mlp", "ETA 0:16")
        assert re.search("[⠁-⣿]", text(pilot)), "training is drawn in braille"
        assert re.search("[▀▄▌▐▖▗▘▝▚▞█▛▜▙▟]", text(pilot)), "validation in blocks"
        assert "●" in text(pilot), "the best epoch has its mark"
        charts = sum("validation 0." in line and line.count("validation 0.") for line in lines(pilot))
        assert charts == (2 if size[0] > 100 else 1)


@small
async def test_the_chart_ends_at_the_planned_epochs_from_the_start(size):
    events = script.healthy()
    async with watching(events, size) as (pilot, source):
        await release(pilot, source, epochs(events, 1))
        await see(pilot, "epoch 1/20")
        axis = next(line for line in lines(pilot) if line.strip().startswith("epoch 0"))
        assert re.search(r"20\s*(epoch|$)", axis)


@small
async def test_early_stopping_counts_down(size):
    events = script.counting_down()
    async with watching(events, size) as (pilot, source):
        await see(pilot, "early stopping: waiting for the first epoch")
        done = 0
        for number in range(12, 22):
            await release(pilot, source, epochs(events, number) - done)
            done = epochs(events, number)
            left = 10 - (number - 12)
            expected = f"best 0.231 @ epoch 12 · patience {left}/10 left · must beat 0.2309"
            await until(pilot, lambda expected=expected: strip(pilot) == expected)
        await release(pilot, source)
        await see(pilot, "patience 0/10 left", "early stopping · epoch 22/50")
        assert "best epoch  12 of 22" in text(pilot)


async def test_what_must_be_beaten_is_never_cut_off():
    """The bar gives way, not the figures."""
    events = [*script.opening(), *script.epoch(1, 1, 1, 1)]
    state = {"epoch": 100_000, "best": 0.00012345, "best_epoch": 99_999, "waited": 1, "patience": 10_000}
    events.append(e.EarlyStoppingChecked(must_beat=0.00002345, **state))
    async with watching([*events, e.Noted(text="more to come")]) as (pilot, source):
        await release(pilot, source, len(events))
        await see(pilot, "patience 9999/10000 left", "must beat 2.345e-05")


@sizes
async def test_the_overfitting_card_names_the_epoch_it_began(size):
    events = script.overfitting()
    async with watching(events, size) as (pilot, source):
        await release(pilot, source, epochs(events, 25))
        await see(pilot, "epoch 25/40", "best 0.384 @ epoch 10 · early stopping is off")
        assert "overfitting" not in text(pilot)
        await release(pilot, source, epochs(events, 26) - epochs(events, 25))
        await see(pilot, "! overfitting since epoch 11", "(likely)", "Mann-Kendall Z 4.1", "try: stop here")
        await release(pilot, source, epochs(events, 31) - epochs(events, 26))
        await see(pilot, "(certain)")
        await release(pilot, source)
        await see(pilot, "! overfitting since epoch 11", "best epoch  10 of 40")


async def test_a_finding_that_no_longer_holds_goes_away():
    events = [*script.opening(), script.raised(20), e.FindingCleared(epoch=21, kind="overfitting"), e.Noted(text="x")]
    async with watching(events) as (pilot, source):
        await release(pilot, source, len(events) - 2)
        await see(pilot, "! overfitting")
        await release(pilot, source, 1)
        await until(pilot, lambda: "! overfitting" not in text(pilot))
        await see(pilot, "overfitting no longer holds")


@sizes
async def test_the_final_figures(size):
    async with watching(script.healthy(), size) as (pilot, source):
        await release(pilot, source)
        await see(pilot, "all epochs done · epoch 20/20", "took 0:41")
        for row in (
            "best epoch  20 of 20",
            "validation  loss 0.2750   accuracy 0.9550",
            "test        loss 0.1234   accuracy 0.9722",
            "baseline                  accuracy 0.1013",
            "ended       all epochs done",
        ):
            assert row in text(pilot), row
        assert re.search("[⠁-⣿]", text(pilot)), "the curves are still there"


@small
async def test_pause_resume_and_stop_are_asked_for_and_shown(size):
    events = script.paused()
    at = next(i for i, item in enumerate(events) if isinstance(item, e.Paused))
    async with watching(events, size) as (pilot, source):
        await release(pilot, source, at)
        await press(pilot, "space")
        assert source.commands == [Pause()]
        await release(pilot, source, 1)
        await see(pilot, "PAUSED")
        await press(pilot, "space")
        assert source.commands == [Pause(), Resume()]
        await release(pilot, source, 1)
        await see(pilot, "training · epoch 4/50")
        await press(pilot, "s")
        assert source.commands == [Pause(), Resume(), Stop()]
        await release(pilot, source, 1)
        await see(pilot, "stopping")
        await release(pilot, source)
        await see(pilot, "stopped on request")


@small
async def test_keys_are_offered_only_when_they_mean_something(size):
    async with watching(script.healthy(), size) as (pilot, source):
        await see(pilot, "space pause", "s stop", "d detach", "l log", "? help", "q quit")
        assert "n new run" not in text(pilot)
        assert "m chart" in text(pilot)
        assert lines(pilot)[-1].rstrip().endswith("q quit"), "the foot keeps within its line"
        await press(pilot, "n")
        assert isinstance(pilot.app.screen, MonitorScreen)
        await release(pilot, source)
        await see(pilot, "n new run")
        assert "space pause" not in text(pilot) and "s stop" not in text(pilot)
        await press(pilot, "space", "s")
        assert source.commands == []


async def test_m_switches_the_chart_where_one_fits():
    async with watching(script.healthy()) as (pilot, source):
        await release(pilot, source)
        await see(pilot, " loss   ")
        assert " accuracy   ⠒" not in text(pilot)
        await press(pilot, "m")
        await see(pilot, " accuracy   ⠒")
        assert " loss   ⠒" not in text(pilot)
        await press(pilot, "up")
        await see(pilot, " loss   ⠒")


async def test_both_charts_where_both_fit():
    async with watching(script.healthy(), (140, 45)) as (pilot, source):
        await release(pilot, source)
        await see(pilot, " loss   ⠒", " accuracy   ⠒")
        await pilot.resize_terminal(80, 45)
        await until(pilot, lambda: " accuracy   ⠒" in text(pilot) and " loss   ⠒" in text(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: " accuracy   ⠒" not in text(pilot) and " loss   ⠒" in text(pilot))


@sizes
async def test_l_shows_and_hides_the_log(size):
    async with watching(script.healthy(), size) as (pilot, source):
        await release(pilot, source, 3)
        await see(pilot, "model with 8,970 parameters")
        await press(pilot, "l")
        await until(pilot, lambda: "model with" not in text(pilot))
        await press(pilot, "l")
        await see(pilot, "model with 8,970 parameters")


async def test_the_log_is_wrapped_anew_at_another_width():
    events = [*script.opening(), e.Noted(text="word " * 20 + "end"), e.Noted(text="x")]
    async with watching(events, (140, 45)) as (pilot, source):
        await release(pilot, source, len(events) - 1)
        await see(pilot, "word end")
        await pilot.resize_terminal(60, 45)
        await until(pilot, lambda: sum("word" in line for line in lines(pilot)) == 2 and "end" in text(pilot))


@small
async def test_n_sets_up_another_run(size):
    async with watching(script.healthy(), size) as (pilot, source):
        await release(pilot, source)
        await see(pilot, "n new run", "all epochs done")
        await press(pilot, "n", "n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SetupScreen))
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await see(pilot, "preparing")
        assert monitor(pilot).source is not source


@small
async def test_quit_asks_while_a_run_is_under_way(size):
    async with watching(script.healthy(), size) as (pilot, source):
        await release(pilot, source, 20)
        await press(pilot, "q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmQuit))
        await see(pilot, "Training is under way.", "y  stop and quit", "d  detach", "n  go on training")
        await press(pilot, "n")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        assert source.commands == [] and pilot.app.is_running
        await press(pilot, "ctrl+c")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmQuit))
        await press(pilot, "y")
        await until(pilot, lambda: not pilot.app.is_running)
        assert source.commands == [Stop(reason="interrupted")]
        assert pilot.app.return_value == 0


@pytest.mark.parametrize(("name", "code"), [("healthy", 0), ("counting_down", 0), ("failed", 1), ("diverging", 1)])
async def test_quit_asks_nothing_afterwards_and_tells_how_it_went(name, code):
    async with watching(script.ALL[name]()) as (pilot, source):
        await release(pilot, source)
        await see(pilot, "n new run")
        await press(pilot, "q")
        await until(pilot, lambda: not pilot.app.is_running)
        assert pilot.app.return_value == code


@small
async def test_a_failed_run_says_why(size):
    error = RuntimeError("CUDA out of memory")
    async with watching(script.failed(), size, error=error) as (pilot, source):
        await release(pilot, source)
        await see(pilot, "failed", "ended       RuntimeError: CUDA out of memory")


async def test_a_source_that_dies_without_a_word_is_not_waited_for():
    async with watching(script.opening(), error=RuntimeError("the thread is gone"), toasts=True) as (pilot, source):
        await release(pilot, source)
        await see(pilot, "the thread is gone", "n new run")


@small
async def test_a_loss_that_explodes_is_drawn_as_far_as_it_goes(size):
    async with watching(script.diverging(), size) as (pilot, source):
        await release(pilot, source)
        await see(pilot, "the loss is no longer a finite number", "RMSE" if size[0] > 100 else "loss")
