"""What the ghost key does: the run before this one behind the curves, then any other from a list, then none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widget import Widget

from engine.runview import RunView, TrialView
from engine.series import figure
from engine.text import clean

from ..ghosts import Ghost, best_trial, neighbours, previous_of, read_ghost, told, trial_ghost
from ..screens.pick import Item, Menu

if TYPE_CHECKING:
    from engine.runs import RunSummary

OFF = "off"
FOLLOW_SECONDS = 2.0  # how often it is looked whether a ghost that is being trained has got further


class GhostKey:
    """Chooses the ghost of a board. Other runs' journals are read in threads; the screen never waits for them."""

    def __init__(self, board: Widget, show: Callable[[Ghost | None], None]) -> None:
        """show: called with the ghost, or None for none."""
        self._board, self._show = board, show
        self._ghost: Ghost | None = None
        self._picked = False  # whether it came from the list
        self._given_up = threading.Event()  # set for what is read and wanted no longer

    def press(self, view: RunView) -> None:
        """From none to the previous one, to the list, to none."""
        if self._ghost is not None and self._picked:
            self.close()
            self._take(None)
        elif self._ghost is not None:
            self._work(self._list(view))
        elif (fold := best_trial(view, view.trial if view.end is None else 0)) is not None:
            self._take(trial_ghost(view, fold))
        elif view.folder:
            self._work(self._previous(view))
        else:
            self._say("the run has no folder yet; try again in a moment")

    def open(self, folder: Path) -> None:
        """Show the run in `folder`, as if it had been the previous one."""
        self._work(self._read(folder, False))

    def close(self) -> None:
        """What is being read is no longer wanted."""
        self._given_up.set()

    def _work(self, work: object) -> None:
        self.close()
        self._given_up = threading.Event()
        self._board.run_worker(work, group="ghost", exclusive=True)  # type: ignore[arg-type]

    def _take(self, ghost: Ghost | None, picked: bool = False) -> None:
        self._ghost, self._picked = ghost, picked
        self._show(ghost)
        self._say(told(ghost) if ghost is not None else "nothing behind it")

    def _say(self, words: str) -> None:
        self._board.app.notify(clean(words, 300), markup=False, timeout=4)

    async def _previous(self, view: RunView) -> None:
        try:
            found = await asyncio.to_thread(previous_of, Path(view.folder))
        except OSError as error:
            self._say(f"the folder of this run cannot be read: {error.strerror}")
            return
        if found is None:
            self._say("no earlier run of this dataset in this folder")
            await self._list(view)
        else:
            await self._read(found, False)

    async def _read(self, folder: Path, picked: bool) -> None:
        given_up = self._given_up
        try:
            ghost = await asyncio.to_thread(read_ghost, folder, given_up.is_set)
        except OSError as error:
            self._say(f"{folder.name} cannot be read: {error.strerror}")
            return
        if given_up.is_set():
            return
        if ghost is None:
            self._say(f"{folder.name} has no finished epoch")
            return
        self._take(ghost, picked)
        while ghost.goes_on:  # it is being trained: its curves grow along
            await asyncio.sleep(FOLLOW_SECONDS)
            try:
                news = await asyncio.to_thread(ghost.news)
            except OSError:  # a moment's trouble of a network's file system
                continue
            if given_up.is_set():
                return
            if news:
                ghost.view.apply_all(news)
                ghost.view.log.clear()
                self._show(ghost)

    async def _list(self, view: RunView) -> None:
        items = [Item("off", "nothing behind the curves", value=OFF)]
        items += [
            Item(one.label, _figures(one), value=one, heading="this run")
            for one in view.trials
            if one.epochs and one.ended and one.number != view.trial
        ]
        if view.folder:
            try:
                items += await asyncio.to_thread(_runs_beside, Path(view.folder))
            except OSError as error:
                self._say(f"the folder of this run cannot be read: {error.strerror}")
        if not self._given_up.is_set():
            self._board.app.push_screen(Menu("Behind the curves", items), lambda value: self._pick(view, value))

    def _pick(self, view: RunView, value: object) -> None:
        if value == OFF:
            self._take(None)
        elif isinstance(value, TrialView):
            self._take(trial_ghost(view, value), True)
        elif isinstance(value, Path):
            self._work(self._read(value, True))


def _runs_beside(folder: Path) -> list[Item]:
    """The runs to choose from. Raises OSError."""
    from engine.runs import summarize_run

    return [
        Item(
            one.folder.name,
            _summary(summarize_run(one.folder)),
            value=one.folder,
            words=one.dataset,
            heading=f"the same dataset: {clean(one.dataset, 60)}" if one.akin else "other datasets",
        )
        for one in neighbours(folder)
    ]


def _summary(run: RunSummary) -> str:
    best = f"best {figure(run.best_loss)} @ {run.best_epoch}, " if run.best_epoch else ""
    return f"{best}{run.epochs} epochs, {run.status}"


def _figures(trial: TrialView) -> str:
    return f"best {figure(trial.ended.val_loss)} @ {trial.ended.best_epoch}" if trial.ended else ""
