"""What the monitor's keys ask of a run: stopping, more epochs, live edits, detaching, forking, and the list of runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support import script
from support.screens import SIZES, AppPilot, form, lines, press, safe, see, small, text, type_in, until, watching

from engine import RunConfig
from engine import events as e
from engine.commands import Edit, MoreEpochs, Pause, Revert, Save, Stop
from engine.configfile import to_nested
from engine.errors import config_error
from engine.facts import Change
from engine.lock import Owner
from engine.runs import RunSummary
from tui.screens.dialogs import AskEpochs, ConfirmQuit
from tui.screens.edit import EditScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.runs import RunsScreen
from tui.screens.setup import SetupScreen
from tui.source import ScriptedSource

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
FOLDER = "/runs/20260101-120000-digits-mlp"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 50)
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


def under_way(*more: e.Event) -> list[e.Event]:
    """Three epochs of a run with settings, then `more`, and an end that a test may leave waiting."""
    begin, *rest = script.opening()
    assert isinstance(begin, e.RunStarted)
    started = e.RunStarted(
        time=begin.time, run=begin.run, folder=begin.folder, config=to_nested(RunConfig()), device="cpu"
    )
    events: list[e.Event] = [started, *rest]
    for number in (1, 2, 3):
        events += script.epoch(number, 1 / number, 1.1 / number, number)
    return [*events, *more, *script.closing(epochs=3, best_epoch=3)]


CLOSING = len(script.closing())


async def training(pilot: AppPilot, source: ScriptedSource) -> None:
    """Everything but the end is told."""
    source.release(len(source._waiting) - CLOSING)
    await see(pilot, "epoch 3/")


async def told(pilot: AppPilot, *words: str) -> None:
    """Wait for a notification with all of these."""
    await until(pilot, lambda: any(all(word in note.message for word in words) for note in pilot.app._notifications))


async def top(pilot: AppPilot, kind: type) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


@small
@pytest.mark.parametrize(
    ("key", "command"),
    [("s", Stop()), ("S", Stop(now=True)), ("space", Pause()), ("w", Save())],
    ids=["s", "S", "space", "w"],
)
async def test_a_key_asks_the_run_for_something(size, key, command):
    async with watching(under_way(), size) as (pilot, source):
        await training(pilot, source)
        await press(pilot, key)
        assert source.commands == [command]
        source.release()
        await see(pilot, "all epochs done")
        await press(pilot, key)
        assert source.commands == [command], "afterwards there is nobody to ask"


@small
async def test_more_epochs_while_it_trains_and_after_the_end(size):
    async with watching(under_way(), size) as (pilot, source):
        await training(pilot, source)
        await press(pilot, "+")
        await top(pilot, AskEpochs)
        await see(pilot, "How many epochs more?", "Early stopping will not end the run before.")
        await press(pilot, "backspace", "backspace", "0", "enter")
        await see(pilot, "a whole number from 1")
        await press(pilot, "backspace", "2", "5", "enter")
        await top(pilot, MonitorScreen)
        assert source.commands == [MoreEpochs(25)]
        source.release()
        await see(pilot, "all epochs done", "+ more")
        await press(pilot, "+")
        await see(pilot, "The run goes on from where it ended.")
        await press(pilot, "enter")
        await until(pilot, lambda: source.more == [10])
        source.add(
            [
                e.RunResumed(run="r", folder=FOLDER, config={}, device="cpu", pid=1, after="ended", more=10),
                e.Rewound(epochs=3, batch=0, best_epoch=3, best_loss=1.1 / 3, planned=13, config={}),
                *script.epoch(4, 0.2, 0.3, 4),
                e.Paused(epoch=4),
            ]
        )
        source.release(len(source._waiting) - 1)
        await see(pilot, "training · epoch 4/13", "s stop")
        await press(pilot, "+")
        await top(pilot, AskEpochs)
        await press(pilot, "escape")
        await top(pilot, MonitorScreen)
        assert source.more == [10] and len(source.commands) == 1


async def test_a_run_that_cannot_go_on_says_why():
    async with watching(under_way()) as (pilot, source):
        source.release()
        await see(pilot, "all epochs done")
        source.refuses = config_error("", "there is no checkpoint to go on from")
        await press(pilot, "+", "enter")
        await told(pilot, "there is no checkpoint to go on from")


@sizes
async def test_live_edit(size):
    async with watching(under_way(), size) as (pilot, source):
        await training(pilot, source)
        await press(pilot, "e")
        await top(pilot, EditScreen)
        await see(pilot, "Change settings while it trains", "dropout", "a apply", "Needs a new run; F forks")
        assert "dataset  " not in "".join(row for row in lines(pilot) if ">" in row), "only what can change has a field"
        assert all(row.live for row in form(pilot).draft.visible())
        form(pilot).go_to("optimizer.lr")
        await see(pilot, "changes with the next batch", "optimizer.lr")
        await type_in(pilot, "-1")
        await see(pilot, "^ ")
        await press(pilot, "enter", "a")
        assert isinstance(pilot.app.screen, EditScreen), "a faulty field stays open"
        await press(pilot, *["backspace"] * 3)
        await type_in(pilot, "0.01")
        await press(pilot, "enter", "a")
        await top(pilot, MonitorScreen)
        assert source.commands == [Edit({"optimizer.lr": "0.01"})]
        await press(pilot, "e")
        await top(pilot, EditScreen)
        await press(pilot, "escape")
        await top(pilot, MonitorScreen)
        assert len(source.commands) == 1


async def test_an_edit_changes_only_what_differs_and_x_goes_back():
    async with watching(under_way()) as (pilot, source):
        await training(pilot, source)
        await press(pilot, "e")
        await top(pilot, EditScreen)
        form(pilot).go_to("regularization.l2")
        await type_in(pilot, "0.5")
        await press(pilot, "enter")
        await see(pilot, "*L2")
        await press(pilot, "x")
        await until(pilot, lambda: "*L2" not in text(pilot))
        await press(pilot, "a")
        await top(pilot, MonitorScreen)
        assert source.commands == []


@small
async def test_an_edit_is_a_tick_a_line_in_the_log_and_can_be_undone(size):
    changes = (Change("optimizer.lr", "0.001", "0.01"),)
    config = to_nested(RunConfig())
    edit = e.KnobsChanged(number=1, epoch=3, batch=40, changes=changes, planned=50, config=config)
    async with watching(under_way(edit), size) as (pilot, source):
        await training(pilot, source)
        await see(pilot, "▼ lr 0.01", "edit 1 in epoch 3, optimizer.lr from 0.001 to 0.01")
        await press(pilot, "u")
        assert source.commands == [Revert()]
        back = e.Rewound(epochs=2, batch=40, best_epoch=2, best_loss=0.55, planned=50, config=config, why="reverted")
        source._waiting.appendleft(back)
        source.release(1)
        await until(pilot, lambda: "▼ lr 0.01" not in text(pilot))
        await press(pilot, "u")
        assert source.commands == [Revert()], "there is none left to undo"


@small
async def test_fork_opens_the_settings_with_the_weights_to_begin_with(size):
    async with watching(under_way(), size, own=False) as (pilot, source):
        await training(pilot, source)
        await press(pilot, "F")
        await top(pilot, SetupScreen)
        assert form(pilot).draft.text("model.weights") == FOLDER
        assert form(pilot).draft.config is not None and form(pilot).draft.config.model.weights == FOLDER


async def test_fork_lets_the_run_of_this_app_train_on():
    async with watching(under_way()) as (pilot, source):
        await press(pilot, "o", "escape")
        pilot.app.post_message(MonitorScreen.NewRunAsked())  # as a screen on another run asks for it
        await told(pilot, "no folder yet")
        await training(pilot, source)
        await press(pilot, "e")
        await top(pilot, EditScreen)
        await press(pilot, "F")
        await top(pilot, SetupScreen)
        await told(pilot, "trains on in a process of its own; o lists it")
        assert source.commands == [] and source.alive


class Takes:
    """Stands in for the process that takes a run over."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[Path, int]] = []
        self._error = error

    def __call__(self, folder: Path, more: int) -> int:
        self.asked.append((folder, more))
        if self._error is not None:
            raise self._error
        return 4711


# -- detaching and leaving ----------------------------------------------------------------------------------------------


@small
@pytest.mark.parametrize("by", ["d", "q d"])
async def test_detach_saves_a_checkpoint_and_leaves_the_run_alone(size, by):
    async with watching(under_way(), size) as (pilot, source):
        await training(pilot, source)
        await press(pilot, by[0])
        if by != "d":
            await top(pilot, ConfirmQuit)
            await press(pilot, "d")
        await until(pilot, lambda: not pilot.app.is_running)
        assert source.commands == [Save()]
        assert "goes on without this screen" in pilot.app.parting
        assert "nntui attach 20260101-120000-digits-mlp" in pilot.app.parting
        assert pilot.app.return_value == 0


async def test_a_run_without_a_folder_yet_cannot_be_named_and_is_not_left():
    async with watching(under_way()) as (pilot, source):
        await press(pilot, "d")
        await told(pilot, "no folder yet")
        assert source.commands == [] and pilot.app.is_running


@small
@pytest.mark.parametrize("key", ["q", "d", "ctrl+c"])
async def test_an_attached_screen_just_leaves(size, key):
    async with watching(under_way(), size, own=False) as (pilot, source):
        await training(pilot, source)
        await press(pilot, key)
        await until(pilot, lambda: not pilot.app.is_running)
        assert source.commands == []
        assert pilot.app.return_value == 0
    assert source.closed


async def test_what_is_refused_is_shown():
    refused = e.CommandRefused(time=time.time() + 60, command="edit", problem="no knob is called [lr]")
    old = e.CommandRefused(time=1.0, command="more", problem="an old story")
    async with watching(under_way(old, refused), own=False, toasts=True) as (pilot, source):
        await training(pilot, source)
        await told(pilot, "edit refused: no knob is called [lr]")
        assert safe(pilot)
        source.refuses = config_error("", "the run is not running", "`nntui resume` goes on with it")
        await press(pilot, "s")
        await told(pilot, "the run is not running")


# -- notices ------------------------------------------------------------------------------------------------------------


@small
@pytest.mark.parametrize(
    ("event", "words"),
    [
        (e.CheckpointFailed(problem="No space left on device"), "! no checkpoint: No space left on device"),
        (e.ScreenLost(time=script.BEGAN, problem="the terminal went away"), "; training went on"),
        (
            e.RunResumed(time=time.time(), run="r", folder=FOLDER, config={}, device="cpu", pid=7, after="lost"),
            "after its process was lost",
        ),
    ],
    ids=["no checkpoint", "screen lost", "resumed"],
)
async def test_a_notice(size, event, words):
    async with watching(under_way(event), size, own=False) as (pilot, source):
        await training(pilot, source)
        await see(pilot, words)
        assert words in lines(pilot)[3]


@sizes
async def test_the_last_checkpoint_is_in_the_title(size):
    saved = e.CheckpointSaved(
        time=time.time(), epochs=3, batch=0, file="000003-a.pt", kind="epoch", size=1000, seconds=0.1
    )
    async with watching(under_way(saved), size) as (pilot, source):
        await training(pilot, source)
        await see(pilot, "saved epoch 3, just now")
        assert "saved epoch 3, just now" in lines(pilot)[0]
        source.release()
        await until(pilot, lambda: "now" not in lines(pilot)[0] and "saved epoch 3" in lines(pilot)[0])


# -- the list of runs ---------------------------------------------------------------------------------------------------


def summary(name: str, status: str) -> RunSummary:
    owner = Owner(pid=1, host="here", since=0.0, beat=0.0) if status == "running" else None
    return RunSummary(
        name=name, path=Path("/runs") / name, status=status, reason="", error="", epochs=7, planned=50, best_epoch=5,
        best_loss=0.25, metric=0.9, metric_name="accuracy", trial=0, trials=0, started=0.0, updated=time.time(),
        owner=owner,
    )  # type: ignore[arg-type]  # fmt: skip


RUNS = [summary("newest [b]run", "running"), summary("stopped-run", "stopped"), summary("lost-run", "lost")]


class Opens:
    """Stands in for attaching to a run."""

    def __init__(self) -> None:
        self.sources: dict[Path, ScriptedSource] = {}

    def __call__(self, folder: Path) -> ScriptedSource:
        self.sources[folder] = ScriptedSource(under_way(), own=False)
        return self.sources[folder]


@small
async def test_the_list_opens_a_run_and_esc_goes_back_to_one_s_own(size):
    opens = Opens()
    options = {"open_run": opens, "list_runs": lambda folder: RUNS}
    async with watching(under_way(), size, **options) as (pilot, source):
        await training(pilot, source)
        own = pilot.app.screen
        await press(pilot, "o")
        await top(pilot, RunsScreen)
        await see(pilot, "newest [b]run", "running", "stopped-run", "lost", "7/50", "0.2500 @ 5")
        assert safe(pilot)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen) and pilot.app.screen is not own)
        other = opens.sources[Path("/runs/stopped-run")]
        await training(pilot, other)
        await press(pilot, "s")
        assert len(other.commands) == 1 and source.commands == []
        await press(pilot, "escape")
        await until(pilot, lambda: pilot.app.screen is own)
        assert other.closed and not source.closed


@small
async def test_r_in_the_list_resumes_a_run_in_its_own_process(size):
    takes, opens = Takes(), Opens()
    options = {"open_run": opens, "list_runs": lambda folder: RUNS, "take_over": takes}
    async with watching(under_way(), size, **options) as (pilot, source):
        source.release()
        await see(pilot, "all epochs done", "o runs")
        await press(pilot, "o")
        await see(pilot, "lost-run")
        await press(pilot, "r")
        assert takes.asked == [], "the first one is running"
        await press(pilot, "down", "down")
        await see(pilot, "r resume")
        await press(pilot, "r")
        await until(pilot, lambda: Path("/runs/lost-run") in opens.sources)
        await top(pilot, MonitorScreen)
        assert takes.asked == [(Path("/runs/lost-run"), 0)]


async def test_a_run_that_cannot_be_resumed_says_why_in_the_list():
    takes = Takes(config_error("", "there is nothing to go on from"))
    async with watching(under_way(), list_runs=lambda folder: RUNS[2:], take_over=takes) as (pilot, source):
        await training(pilot, source)
        await press(pilot, "o")
        await see(pilot, "lost-run")
        await press(pilot, "r")
        await see(pilot, "there is nothing to go on from")
        assert isinstance(pilot.app.screen, RunsScreen)
        await press(pilot, "escape")
        await top(pilot, MonitorScreen)


async def test_an_empty_list_and_a_folder_that_cannot_be_read():
    def unreadable(folder: str) -> list[RunSummary]:
        raise PermissionError(13, "Permission denied")

    async with watching(under_way(), list_runs=lambda folder: []) as (pilot, _):
        await press(pilot, "o")
        await see(pilot, "there are no runs here yet")
    async with watching(under_way(), list_runs=unreadable) as (pilot, _):
        await press(pilot, "o")
        await see(pilot, "the folder cannot be read: Permission denied")


@sizes
async def test_the_help_names_every_key(size):
    from tui.screens.help import HELP

    for key in ("space", "s", "S", "+", "e", "u", "w", "d", "f", "F", "n", "o", "m", "l", "r", "h,"):
        assert any(line.split()[:1] == [key] or f" {key} " in line[:18] for line in HELP.splitlines()), key
    async with watching(under_way(), size) as (pilot, _):
        await press(pilot, "?")
        await see(pilot, "MONITOR")
