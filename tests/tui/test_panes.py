"""The monitor's panes: findings in as many lines as there is room for, the log and its filter, the table of trials."""

from __future__ import annotations

import copy
import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import script
from support.screens import SIZES, AppPilot, lines, press, see, strips, text, type_in, until, watching
from support.strategies import events
from textual.color import Color

from engine import RunConfig
from engine import events as e
from engine.configfile import to_nested
from engine.logline import LogLine
from engine.runview import RunView
from tui.app import NntuiApp
from tui.screens.monitor import MonitorScreen
from tui.widgets.chart import Chart
from tui.widgets.findings import cards_text
from tui.widgets.logpane import LogFilter, LogPane, wanted
from tui.widgets.trials import trials_text

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 50)
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


def finding(kind: str, confidence: str = "likely", began: int = 3) -> e.FindingRaised:
    return e.FindingRaised(
        epoch=9, kind=kind, confidence=confidence, began=began, title=f"{kind} is wrong",
        evidence=f"the {kind} is 0.42, which is 9% above what it was " + "and that is more than chance " * 2,
        actions=(f"mend the {kind}", "or leave it"),
    )  # fmt: skip


# -- findings -----------------------------------------------------------------------------------------------------------


def cards(rows: int, *found: e.FindingRaised, everything: bool = False) -> list[str]:
    return cards_text(found, 78, rows, everything).plain.splitlines()


def test_a_card_has_its_evidence_its_first_action_and_its_epoch():
    assert cards(4, finding("rate")) == [
        "! rate is wrong since epoch 3  (likely)",
        "the rate is 0.42, which is 9% above what it was and that is more than chance",
        "and that is more than chance",
        "try: mend the rate",
    ]
    assert cards(1, finding("rate")) == ["! rate is wrong since epoch 3 (likely) · try: mend the rate"]
    assert cards(1, finding("rate"), everything=True)[-1] == "try: mend the rate; or leave it"


def test_the_surest_come_first_and_have_the_room_there_is():
    three = finding("a", "watch"), finding("b", "certain"), finding("c")
    shown = cards(6, *three)
    assert [line[:4] for line in shown if line.startswith(("!", "?"))] == ["!! b", "! c ", "? a "]
    assert len(shown) == 6 and sum(line.startswith("try:") for line in shown) == 1, "the surest in full"
    assert [line[:4] for line in cards(3, *three)] == ["!! b", "! c ", "? a "]
    note, stuck, wild = finding("could_stop", "certain"), finding("stuck"), finding("exploding_gradients", began=9)
    assert [line.split()[1] for line in cards(3, note, stuck, wild)] == ["exploding_gradients", "stuck", "could_stop"]
    assert cards(3, note, stuck, wild)[2].startswith("· ")
    assert cards(2, *three)[1:] == ["   and 2 more: i shows all"] and len(cards(1, *three)) == 1
    assert sum(line.startswith("try:") for line in cards(1, *three, everything=True)) == 3


async def test_what_is_only_worth_knowing_does_not_look_like_a_warning():
    items = script.healthy()[:30]
    note, wrong = finding("could_stop", "certain"), finding("stuck", "watch")
    async with watching([*items, note, wrong, e.FindingCleared(epoch=9, kind="stuck"), e.Noted(text="more")]) as (
        pilot,
        source,
    ):
        warning = pilot.app.theme_variables["warning"]

        def coloured() -> dict[str, bool]:
            """Whether each line of the cards and the rule above them have the colour of warnings."""
            rows = strips(pilot)
            at = next(y for y, row in enumerate(lines(pilot)) if "could_stop is wrong" in row)
            above = next(y for y in range(at, 0, -1) if lines(pilot)[y].startswith("───"))
            found = {}
            for y in range(above, at + 1):
                colours = [part.style.color for part in rows[y] if part.style and part.text.strip()]
                found[lines(pilot)[y].strip()[:12]] = any(
                    one and Color.parse(warning).rgb == tuple(one.triplet) for one in colours
                )
            return found

        source.release(len(items) + 1)
        await see(pilot, "· could_stop is wrong", "◆ could stop @ 3")
        assert set(coloured().values()) == {False}, coloured()
        source.release(1)
        await see(pilot, "? stuck is wrong", "▲ stuck @ 3")
        assert coloured() == {"─" * 12: True, "? stuck is w": True, "· could_stop": False}
        source.release(1)
        await until(pilot, lambda: "stuck" not in text(pilot) and set(coloured().values()) == {False})


@given(st.lists(events(e.FindingRaised), min_size=1, max_size=8), st.integers(1, 200), st.integers(1, 12))
def test_any_findings_fit(found, width, rows):
    text = cards_text(found, width, rows)
    assert len(text.plain.splitlines()) <= rows
    cards_text(found, width, rows, everything=True)


# -- log ----------------------------------------------------------------------------------------------------------------


def test_the_level_of_a_line_is_that_of_what_it_tells():
    view = RunView().apply_all(script.opening())
    view.apply(finding("rate"))
    view.apply(e.Noted(text="a note"))
    view.apply(e.KnobsChanged(number=1, epoch=1, batch=0, changes=(), planned=1, config={}))
    view.apply(e.RunEnded(reason="failed", epochs=0, best_epoch=0, seconds=1.0, error="no"))
    assert [line.level for line in view.log[-4:]] == ["warning", "note", "edit", "warning"]
    again = copy.deepcopy(view.log[-1])
    assert (again, again.level) == (view.log[-1], "warning")


def test_which_lines_are_wanted():
    line = LogLine(0.0, "Checkpoint SAVED after epoch 3", "note")
    assert wanted(line, "", False) and wanted(line, " epoch  saved ", False)
    assert not wanted(line, "saved twice", False) and not wanted(line, "", True)
    assert wanted(LogLine(0.0, "x", "edit"), "", True)
    assert wanted(line, ":00:00", False) and not wanted(line, "00", False), "3 is no time of day"


def log_lines(pilot: AppPilot) -> list[str]:
    pane = pilot.app.screen.query_one(LogPane)
    return [strip.text for strip in pane.lines]


@sizes
async def test_the_log_is_filtered_and_scrolled_by_keys(size):
    notes = [e.Noted(time=script.BEGAN, text=f"note {number} of chapter {number % 3}") for number in range(40)]
    items = [*script.opening(), *notes, finding("rate"), e.FindingCleared(epoch=9, kind="rate"), e.Noted(text="end")]
    async with watching([*items, e.Noted(text="later"), e.Paused(epoch=1)], size) as (pilot, source):
        source.release(len(items))
        pane, line = pilot.app.screen.query_one(LogPane), pilot.app.screen.query_one(LogFilter)
        await see(pilot, "  end")
        await press(pilot, "pageup")
        await until(pilot, lambda: "  end" not in text(pilot) and "note 3" in text(pilot))
        source.release(1)
        await until(pilot, lambda: any("later" in one for one in log_lines(pilot)))
        assert "later" not in text(pilot), "what is being read stays where it is"
        await press(pilot, "pagedown", "pagedown")
        await see(pilot, "later")
        assert not line.display
        await press(pilot, "/")
        await type_in(pilot, "3 chapter")
        await until(pilot, lambda: len(log_lines(pilot)) == 13)  # 3, 13, 23, 30 to 39
        await see(pilot, "log (all, Tab): 3 chapter")
        await press(pilot, "s", "space", "backspace", "backspace", "enter")
        assert source.commands == [], "what is typed is no command"
        assert line.display and len(log_lines(pilot)) == 13, "Enter keeps the filter"
        await press(pilot, "/", "tab", "ctrl+u")
        await see(pilot, "log (warnings and edits, Tab):")
        await until(pilot, lambda: not any("note" in one for one in log_lines(pilot)))
        assert any("rate is wrong" in one for one in log_lines(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: len(log_lines(pilot)) >= 46 and not line.display)
        assert pilot.app.focused is None and pane.scroll_offset.y >= pane.max_scroll_y - 1
        await press(pilot, "space")
        assert len(source.commands) == 1, "the keys are the run's again"


# -- trials -------------------------------------------------------------------------------------------------------------


def folds(done: int, of: int = 20, beside: int = 1) -> list[e.Event]:
    """A run of folds, one after the other, or with the last `beside` of them side by side."""
    items = script.opening()
    for number in range(1, done + beside + 1):
        items.append(e.TrialStarted(number=number, of=of, label=f"fold {number}", folder="", trial=number))
        items += [dataclasses.replace(one, trial=number) for one in script.opening()[1:]]
        for epoch in (1, 2):
            items += [
                dataclasses.replace(one, trial=number) for one in script.epoch(epoch, 1, 1 / (epoch + number), epoch)
            ]
        if number <= done:
            items.append(
                e.TrialEnded(
                    number=number,
                    label=f"fold {number}",
                    reason="early_stopping",
                    epochs=2,
                    best_epoch=2,
                    trial=number,
                    val_loss=1 / (2 + number),
                    val_metric=0.88,
                    test_loss=0.4,
                    test_metric=0.8 + number / 100,
                    seconds=3.0,
                )
            )
    return items


def test_the_table_of_folds():
    view = RunView().apply_all(folds(2))
    assert trials_text(view, 9).plain.splitlines() == [
        "2 of 20 done",
        "             best epoch          val loss      val accuracy     test accuracy",
        "  fold 1              2            0.3333            0.8800            0.8100",
        "  fold 2              2            0.2500            0.8800            0.8200",
        "> fold 3              2            0.2000            0.8800        epoch 2/50",
        "  mean ± sd               0.2917 ± 0.0589   0.8800 ± 0.0000   0.8150 ± 0.0071",
    ]
    assert "+- sd" in trials_text(view, 9, ascii_only=True).plain


@pytest.mark.parametrize("done", [0, 1, 5, 19])
@pytest.mark.parametrize("beside", [1, 6])
@pytest.mark.parametrize("rows", [6, 9, 12])
def test_many_folds_have_no_more_lines_than_there_are(done, beside, rows):
    shown = trials_text(RunView().apply_all(folds(done, 30, beside)), rows).plain.splitlines()
    assert len(shown) <= rows and all(len(line) <= 78 for line in shown)
    assert any(line.startswith("> ") for line in shown)


@given(st.lists(st.sampled_from([e.TrialStarted, e.TrialEnded, e.EpochEnded]).flatmap(events), max_size=12))
def test_any_trials_make_a_table(items):
    trials_text(RunView().apply_all(items), 9)


async def test_the_folds_out_of_sight_are_scrolled_to():
    items = folds(12)
    async with watching([*items, e.Noted(text="more")]) as (pilot, source):
        source.release(len(items))
        await see(pilot, "12 of 20 done", "fold 12 ", "> fold 13", "mean ±")
        assert "  fold 2 " not in text(pilot)
        await press(pilot, *"[" * 5)
        await see(pilot, "  fold 2 ", "> fold 13")
        await press(pilot, *"]" * 6)
        await see(pilot, "fold 12 ")
        chart = pilot.app.screen.query_one("#chart-1", Chart)
        assert chart.size.height >= 8, "the chart is not pushed away"


# -- together -----------------------------------------------------------------------------------------------------------


@sizes
async def test_several_findings_leave_room_for_the_charts(size):
    found = [finding(kind, confidence) for kind, confidence in zip("abcdef", ["likely"] * 5 + ["certain"], strict=True)]
    items = [*script.healthy()[:30], *found]
    async with watching([*items, e.Noted(text="more")], size) as (pilot, source):
        source.release(len(items))
        await see(pilot, "!! f is wrong", "and 3 more: i shows all" if size[1] == 24 else "! e is wrong")
        screen = pilot.app.screen
        assert isinstance(screen, MonitorScreen)
        height = screen.query_one("#chart-1", Chart).size.height
        assert height >= (10 if size[1] == 24 else 16), "\n".join(lines(pilot))
        await press(pilot, "i")
        await see(pilot, "try: mend the f; or leave it", "try: mend the a; or leave it" if size[1] > 24 else "!! f")
        await press(pilot, "i")
        await until(pilot, lambda: screen.query_one("#chart-1", Chart).size.height == height)


# -- alerts -------------------------------------------------------------------------------------------------------------


async def test_the_terminal_is_rung_for_what_happens_now_and_not_for_history(monkeypatch):
    rung: list[str] = []
    monkeypatch.setattr(NntuiApp, "call_person", lambda app, text: rung.append(text))
    begin, *rest = script.opening()
    config = to_nested(RunConfig.model_validate({"run": {"alert": "bell"}}))
    old = [dataclasses.replace(begin, config=config), *rest, finding("old", "certain")]
    now = time.time() + 60.0
    new = [dataclasses.replace(finding("rate", sure), time=now) for sure in ("likely", "certain")]
    async with watching([*old, *new, *script.closing()]) as (pilot, source):
        source.release(len(old))
        await see(pilot, "old is wrong")
        assert rung == []
        source.release(2)
        await see(pilot, "rate is wrong")
        assert rung == ["\a"]
