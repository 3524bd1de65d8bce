"""`f`: what the diagnosis advises, tried in a run of its own with the curves of the first one behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import script
from support.screens import AppPilot, Starts, form, lines, opened, press, see, text, told, until
from test_panels import run_folder

from engine import RunConfig
from engine import events as e
from engine.configfile import to_nested
from engine.eventjson import to_json
from engine.whatnext import Advice
from tui.leftruns import LeftRuns
from tui.screens.dialogs import ConfirmQuit
from tui.screens.monitor import MonitorScreen
from tui.screens.pick import Menu
from tui.screens.results import ResultsScreen
from tui.screens.setup import SetupScreen
from tui.source import ScriptedSource
from tui.trying import Trying, texts_of, trying_lines
from tui.widgets.board import ChartBoard
from tui.widgets.chart import Chart

NAME = "20260101-120000-digits-mlp"
PARENT = RunConfig.model_validate(
    {"early_stopping": {"enabled": False}, "optimizer": {"lr": 0.01}, "run": {"epochs": 40}}
)
CLOSING = len(script.closing())


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 50)
    monkeypatch.setattr("tui.widgets.ghostkey.FOLLOW_SECONDS", 0.01)
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))
    monkeypatch.setattr("tui.widgets.chart.SHARE", float("inf"))


def overfitting(folder: Path, *more: e.Event) -> list[e.Event]:
    """A run with PARENT's settings that overfits, `more`, and an end that a test may leave waiting."""
    begin, *rest = script.overfitting()
    assert isinstance(begin, e.RunStarted)
    begin = replace(begin, run=folder.name, folder=str(folder), config=to_nested(PARENT))
    return [begin, *rest[:-CLOSING], *more, *rest[-CLOSING:]]


async def watched(pilot: AppPilot, starts: Starts) -> ScriptedSource:
    """A monitor over a run that was started by a key, all but its end told."""
    await press(pilot, "r")
    await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
    source = starts.sources[-1]
    source.release(len(source._waiting) - CLOSING)
    await see(pilot, "epoch 40/40", "f try it")
    return source


async def top(pilot: AppPilot, kind: type) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


def head(pilot: AppPilot) -> str:
    return pilot.app.screen.query_one("#chart-1", Chart).render_line(0).text


async def test_the_advice_is_in_the_form_and_its_run_has_the_first_one_s_curves_behind(tmp_path):
    folder = run_folder(tmp_path, NAME, events := overfitting(tmp_path / NAME))
    told_so_far = "".join(to_json(one) + "\n" for one in events[: len(events) // 2])
    (folder / "events.jsonl").write_text(told_so_far)
    starts = Starts(events)
    async with opened(config=PARENT, start=starts) as pilot:
        source = await watched(pilot, starts)
        await press(pilot, "f")
        await top(pilot, SetupScreen)
        await see(pilot, "overfitting since epoch 11: stop here and keep", "try: early stopping off → on", "Esc back")
        await see(pilot, "12:00 digits-mlp trains on: Esc, o go back", "> early stopping     < on >")
        assert form(pilot).draft.config == PARENT.model_copy(
            update={"early_stopping": PARENT.early_stopping.model_copy(update={"enabled": True})}
        )
        await press(pilot, "left")
        await see(pilot, "try: no setting differs from that run yet")
        await press(pilot, "right")
        await see(pilot, "try: early stopping off → on")
        assert source.commands == [] and source.alive and source.closed, "only its screen is gone"

        await press(pilot, "r")
        await top(pilot, MonitorScreen)
        assert [config.early_stopping.enabled for config in starts.configs] == [False, True]
        board = pilot.app.screen.query_one(ChartBoard)
        await until(pilot, lambda: board.ghost is not None and "°° 12:00" in head(pilot))
        assert "¨¨ its train" in head(pilot), "both curves are named"
        picture = "\n".join(lines(pilot)[4:])
        assert "¨" in picture and "°" in picture, "and drawn"
        seen = len(board.ghost.view.epochs)
        assert 10 < seen < 30
        await pilot.resize_terminal(140, 45)
        await until(
            pilot, lambda: board.charts[-1].size.width == 70 and "▸" in head(pilot) and "its train" in head(pilot)
        )
        assert "▄▄ val  " in head(pilot) and "°° 12:00 0." in head(pilot), (
            "charts that stand side by side have short names"
        )
        with (folder / "events.jsonl").open("a") as journal:  # it trains on
            journal.writelines(to_json(one) + "\n" for one in events[len(events) // 2 :])
        await until(pilot, lambda: len(board.ghost.view.epochs) == 40)
        await press(pilot, "q")
        await top(pilot, ConfirmQuit)
        await press(pilot, "y")
        await until(pilot, lambda: not pilot.app.is_running)
        assert source.commands == [], "the first run was not asked for anything"
        assert pilot.app.left.farewell() == (
            f"nntui: {NAME} goes on without this screen\nlook at it with: nntui attach {NAME}\n"
        )
        source.release()
        source.drain()
        assert pilot.app.left.farewell() == ""


async def test_of_several_findings_one_is_picked_and_esc_goes_back_to_the_run_which_is_this_app_s_own_still(tmp_path):
    rate = replace(script.raised(39), kind="learning_rate_high", confidence="likely", title="rate too high")
    note = replace(script.raised(39), kind="could_stop", confidence="certain", title="nothing to gain")
    starts = Starts(overfitting(tmp_path / NAME, rate, note, e.Paused(epoch=40)))
    async with opened(config=PARENT, start=starts) as pilot:
        source = await watched(pilot, starts)
        before = form_texts(pilot)
        await press(pilot, "f")
        await top(pilot, Menu)
        shown = text(pilot)
        places = [shown.index(words) for words in ("overfitting since epoch 11", "rate too high", "nothing to gain")]
        assert places == sorted(places), shown
        await see(pilot, "> stop here and keep", "learning rate 0.01 → 0.001", "validation loss 0.42 is 9%")
        await press(pilot, "escape")
        await top(pilot, MonitorScreen)
        await press(pilot, "f")
        await top(pilot, Menu)
        await press(pilot, "down", "enter")
        await top(pilot, SetupScreen)
        await see(pilot, "rate too high: a tenth", "try: learning rate 0.01 → 0.001", "digits-mlp stays paused")
        await press(pilot, "slash", *"momentum")
        await press(pilot, "escape")
        await until(pilot, lambda: not form(pilot).words)
        assert isinstance(pilot.app.screen, SetupScreen), "out of the filter first"
        await press(pilot, "escape")
        await top(pilot, MonitorScreen)
        await see(pilot, "PAUSED · epoch 40/40", "overfitting")
        assert pilot.app.screen.source is source and not source.closed
        assert form_texts(pilot) == before, "what was not wanted is out of the form again"
        await press(pilot, "q")
        await top(pilot, ConfirmQuit)
        await press(pilot, "n")
        source.release()
        await see(pilot, "r results")
        await press(pilot, "r")
        await top(pilot, ResultsScreen)
        await press(pilot, "f")
        await top(pilot, Menu)
        await press(pilot, "enter")
        await top(pilot, SetupScreen)
        await see(pilot, "try: early stopping off → on", "Esc goes back to 12:00 digits-mlp")
        await press(pilot, "X")
        await until(pilot, lambda: "try:" not in text(pilot))  # something else is in the form now


def form_texts(pilot: AppPilot) -> dict[str, str]:
    setup = next(screen for screen in pilot.app.screen_stack if isinstance(screen, SetupScreen))
    return setup.draft.texts()


async def test_without_a_finding_it_says_so_and_forking_has_a_key_of_its_own(tmp_path):
    untreatable = replace(script.raised(3), kind="of another version", title="odd", knobs=())
    begin, *rest = script.opening()
    begin = replace(begin, config=to_nested(PARENT), folder=str(tmp_path / NAME))
    epochs = [one for number in (1, 2, 3) for one in script.epoch(number, 1 / number, 1.1 / number, number)]
    starts = Starts([begin, *rest, *epochs, untreatable, *script.closing(epochs=3, best_epoch=3)])
    async with opened(config=PARENT, start=starts) as pilot:
        await press(pilot, "r")
        await top(pilot, MonitorScreen)
        source = starts.sources[-1]
        source.release(len(source._waiting) - CLOSING - 1)
        await see(pilot, "epoch 3/")
        assert "try it" not in text(pilot)
        await press(pilot, "f")
        await told(pilot, "nothing to try: no finding stands")
        source.release(1)
        await see(pilot, "odd", "f try it")
        await press(pilot, "f")
        await told(pilot, "no setting does anything about this: odd")
        assert isinstance(pilot.app.screen, MonitorScreen)
        await press(pilot, "F")
        await top(pilot, SetupScreen)
        await told(pilot, f"{NAME} trains on in a process of its own; o lists it")
        assert form(pilot).draft.text("model.weights") == str(tmp_path / NAME)
        assert "try:" not in text(pilot) and source.commands == [] and source.alive


def test_what_is_said_of_it_at_every_size():
    before = texts_of(to_nested(PARENT))
    advice = Advice("overfitting", "dropout", "again", {"regularization.dropout": "0.3"}, (), "the loss rose by 9 %")
    trying = Trying("/runs/x", "a \x1b[31mname", advice, before, "trains on")
    now = {**before, "regularization.dropout": "0.3", "optimizer.lr": "0.1"}
    for width, height, count in ((60, 16, 3), (80, 24, 3), (140, 45, 4)):
        found = [line.plain for line in trying_lines(trying, now, width, height)]
        assert len(found) == count and all(len(line) <= width for line in found)
        assert "try: learning rate 0.01 → 0.1, dropout 0.0 → 0.3" in found
        assert all(line.isprintable() for line in found)
    assert "the loss rose by 9 %" in found
    assert texts_of({"written": {"by": "another version"}}) == {}


def test_other_runs_are_not_this_app_s_to_take_back():
    assert LeftRuns().take_back(Path("/runs/x")) is None
