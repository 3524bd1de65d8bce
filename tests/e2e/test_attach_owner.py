"""A real run in a process of its own, looked at by many screens: its process grows by nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from support.forkedapps import Piped

from engine import events as e
from engine.attached import attach
from engine.commands import Edit, Revert
from engine.runs import list_runs
from engine.runview import RunView

WAIT = 60.0


def until(condition, seconds: float = WAIT) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def command(folder: Path) -> list[str]:
    """A run that trains until it is stopped."""
    settings = [f"run.folder={folder}", "run.epochs=1000000", "early_stopping.enabled=off", "run.tensorboard=off"]
    settings.append(
        "run.batch_size=1"
    )  # longer epochs, so that the journal stays short enough to be read a thousand times
    words = ["train", "--sample", "wine_kfold", "--set", "trials.kind=single"]
    return [*words, *(part for setting in settings for part in ("--set", setting))]


def under_way(folder: Path) -> Path:
    """The folder of the run, once it has trained for a while."""
    until(lambda: list_runs(folder) and list_runs(folder)[0].epochs > 10)
    return list_runs(folder)[0].path


@pytest.fixture
def running(server, tmp_path) -> Iterator[tuple[Piped, Path]]:
    """Such a run, and its folder."""
    with contextlib.closing(Piped(server, command(tmp_path), tmp_path)) as program:
        yield program, under_way(tmp_path)


def own_memory(pid: int) -> float:
    """Memory of a process in MB, without that of files. What it was forked with is in it from the beginning."""
    resident, of_files = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
    return (resident - of_files) * 4096 / 1e6


def figures(pid: int) -> tuple[int, int]:
    """Its open descriptors and its threads."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), len(list(Path(f"/proc/{pid}/task").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the figures of a process from /proc")
@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.soak)])
def test_screens_cost_the_run_nothing(running, count):
    """Eight at once, coming and going. Epochs' times without and with them are printed."""
    program, folder = running
    process = program.process
    screens = [attach(folder) for _ in range(8)]
    seen: list[e.Event] = []

    def look(screen) -> None:
        while items := screen.drain():
            seen.extend(items)

    look(screens[0])
    alone = [item.seconds for item in seen if isinstance(item, e.EpochEnded)][-30:]
    before, memory = figures(process.pid), own_memory(process.pid)
    seen.clear()
    for number in range(count):
        screens[number % 8].close()
        screens[number % 8] = attach(folder)
        for screen in screens:
            assert screen.alive
            seen.extend(screen.drain())
        time.sleep(0.02)  # eight real screens look eighty times a second; here it is four hundred
    until(lambda: look(screens[1]) or any(isinstance(item, e.EpochEnded) for item in seen))
    watched = [item.seconds for item in seen if isinstance(item, e.EpochEnded)][-30:]
    words = f"epoch {median(alone) * 1e3:.2f} ms alone, {median(watched) * 1e3:.2f} ms with 8 screens"
    growth = own_memory(process.pid) - memory
    print(f"{words}; memory grew by {growth:.1f} MB")
    assert figures(process.pid)[0] <= before[0] + 1  # a checkpoint may be open just now
    assert figures(process.pid)[1] <= before[1] + 1
    # What the run itself remembers of every epoch is some kilobytes.
    assert growth < 16
    screens[0].stop(now=True)
    assert process.wait(WAIT) == 0


def test_an_edit_from_one_screen_is_made_and_seen_by_all(running):
    """And taken back from another one."""
    _, folder = running
    screens = [attach(folder) for _ in range(3)]
    views = [RunView() for _ in screens]

    def edits(count: int) -> bool:
        for view, screen in zip(views, screens, strict=True):
            view.apply_all(screen.drain())
        return all(len(view.edits) == count for view in views)

    screens[0].send(Edit({"optimizer.lr": "0.005", "regularization.l2": "0.01"}))
    until(lambda: edits(1))
    for view in views:
        assert [(one.key, one.after) for one in view.edits[0].changes] == [
            ("regularization.l2", "0.01"),
            ("optimizer.lr", "0.005"),
        ]
        assert view.config["optimizer"]["lr"] == 0.005
    until(lambda: edits(1) and all(view.lr and view.lr[-1] == 0.005 for view in views))
    screens[1].send(Revert())
    until(lambda: edits(0))
    assert all(view.config["optimizer"]["lr"] != 0.005 for view in views)
    screens[2].stop(now=True)
    until(lambda: edits(0) and all(view.end is not None for view in views))
