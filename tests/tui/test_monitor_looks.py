"""How the monitor looks: snapshots at three sizes of a run that trains, overfits, was stopped, failed, has folds, is done.

The snapshots are text files in golden/. NNTUI_GOLDEN=write writes them anew; look at the difference before committing it.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import script
from support.screens import AppPilot, lines, until, watching
from test_panels import folds

from engine import events as e
from engine.facts import Change
from engine.report import Answers, make_report
from tui.widgets.board import ChartBoard
from tui.widgets.chart import Chart

GOLDEN = Path(__file__).parent / "golden"
SIZES = [(60, 16), (80, 24), (140, 45)]


def trained(events: list[e.Event], epochs: int) -> list[e.Event]:
    """The beginning of a run, up to the end of an epoch and what is said of it."""
    at = next(i for i, item in enumerate(events) if isinstance(item, e.EpochStarted) and item.epoch == epochs + 1)
    return [*events[:at], e.CheckpointSaved(
        time=events[at - 1].time, epochs=epochs, batch=0, file="last.pt", kind="epoch", size=1000, seconds=0.01
    )]  # fmt: skip


def edited(number: int) -> e.Event:
    """A learning rate lowered by hand in epoch `number`."""
    change = Change("optimizer.lr", "0.001", "0.0001")
    at = script.BEGAN + script.SECONDS * (number - 1)
    return e.KnobsChanged(time=at, number=1, epoch=number, batch=0, changes=(change,), planned=20, config={})


def stopped() -> list[e.Event]:
    events = trained(script.counting_down(), 15)
    asked = e.StopAsked(time=events[-1].time, reason="stopped")
    return [*events, asked, *script.closing("stopped", 15, 12)]


def done() -> list[e.Event]:
    """A finished run with all that its end tells: early stopping, and 5 of 180 answers wrong."""
    rows = np.arange(180)
    truth = (rows % 3 == 0).astype(np.int64)
    answer = np.where(rows % 40 == 7, 1 - truth, truth)
    loss = np.where(truth == answer, 0.02, 1.0 + rows / 100)
    report = make_report(Answers(truth, answer, loss, np.full(180, 0.9)), 2, 12)
    events = script.counting_down()
    at = next(i for i, item in enumerate(events) if isinstance(item, e.TestMeasured))
    return [*events[: at + 1], replace(report, time=events[at].time), *events[at + 1 :]]


SCENES = {
    "running": lambda: [*trained(script.healthy(), 12), edited(13)],
    "overfitting": lambda: trained(script.overfitting(), 32),
    "stopped": stopped,
    "kfold": lambda: folds(4, 20, running=True),
    "failed": script.failed,
    "results": done,
}


@pytest.fixture(autouse=True)
def _one_place_and_time(monkeypatch):
    """The clock stands a minute after the run began, in Greenwich; charts are drawn whenever they are told something."""
    clock = iter(range(10**9))
    monkeypatch.setattr(Chart, "clock", staticmethod(lambda: 100.0 * next(clock)))
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))
    monkeypatch.setattr("tui.screens.monitor.time", _Clock())
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class _Clock:
    """Stands in for the module `time`, with a clock that stands."""

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    @staticmethod
    def time() -> float:
        return script.BEGAN + 100.0


def shown(pilot: AppPilot) -> str:
    return "\n".join(line.rstrip() for line in lines(pilot)) + "\n"


async def still(pilot: AppPilot) -> str:
    """The screen once nothing on it changes any more."""
    last = ""
    while True:
        for _ in range(5):
            await pilot.pause()
        if (now := shown(pilot)) == last and not pilot.app.screen.query_one(ChartBoard)._asked:
            return now
        last = now


@pytest.mark.parametrize("scene", SCENES)
async def test_snapshots(scene):
    events = SCENES[scene]()
    more = [] if isinstance(events[-1], e.RunEnded) else [e.Noted(text="more to come")]
    different = []
    async with watching([*events, *more], SIZES[0]) as (pilot, source):
        source.release(len(events))
        await until(pilot, lambda: not source._ready)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            await until(pilot, lambda size=(width, height): tuple(pilot.app.screen.size) == size)
            path, now = GOLDEN / f"monitor_{width}x{height}_{scene}.txt", await still(pilot)
            if os.environ.get("NNTUI_GOLDEN") == "write":
                path.write_text(now, encoding="utf-8")
            if not path.exists():
                pytest.skip(f"there is no {path.name} yet; NNTUI_GOLDEN=write makes it")
            if now != path.read_text(encoding="utf-8"):
                different.append(f"{path.name} differs; the screen shows\n{now}")
    assert not different, "\n".join(different)
