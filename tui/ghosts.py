"""Another run's or another fold's curves, to be seen behind those of a run. Reading is a thread's work; nothing here draws."""

from __future__ import annotations

import contextlib
import os
import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.events import TYPES, Event
from engine.journal import JournalTail
from engine.rundir import RunDir
from engine.runview import RunView, TrialView
from engine.series import figure
from engine.trialview import CURVES

from .text import clean

MOST_LISTED = 40  # runs to choose from, the newest ones
_LONGEST = 20.0  # seconds; what is read of a journal by then has to do
_BREATH = 0.001  # seconds after each portion, in which the screen has the interpreter to itself
_MAX_CONFIG = 1_000_000  # bytes

_WANTED = frozenset(
    ["RunStarted", "DataPrepared", "ModelBuilt", "EpochEnded", "Rewound", "TrialStarted", "TrialEnded", "TrialsSummarized",
     "RunResumed", "EpochsAdded", "RunEnded"]
)  # fmt: skip
_STAMPED = re.compile(r"\d{8}-(\d\d)(\d\d)\d\d-(.+)")


@dataclass(frozen=True, eq=False, slots=True)
class Ghost:
    """What is shown behind a run. name: of its curves in the legend; brief: where there is little room; title: in full. tail:
    of the journal of one that may go on.
    """

    name: str
    brief: str
    title: str
    view: RunView
    tail: JournalTail | None = None

    @property
    def goes_on(self) -> bool:
        """Whether there may be more of it."""
        return self.tail is not None and self.view.end is None

    def news(self) -> list[Event]:
        """What was written since the last time. In a thread. Raises OSError."""
        return self.tail.read() if self.tail is not None and self.tail.behind else []


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that could be a ghost. dataset: what its settings say; akin: whether that is the asking run's as well."""

    folder: Path
    dataset: str
    akin: bool


def short_name(run: str) -> str:
    """A run's name with the time of its stamp and without the date: ``18:09 digits-mlp``."""
    stamped = _STAMPED.fullmatch(run)
    return clean(f"{stamped[1]}:{stamped[2]} {stamped[3]}" if stamped else run, 30)


def brief_name(run: str) -> str:
    """A run's name in a few cells: the time of its stamp, or how it begins."""
    stamped = _STAMPED.fullmatch(run)
    return f"{stamped[1]}:{stamped[2]}" if stamped else clean(run, 8)


def neighbours(folder: Path) -> list[Candidate]:
    """The newest runs beside the one in `folder`, those of its dataset before the others. Raises OSError."""
    mine = _dataset(folder)
    datasets = [(path, _dataset(path)) for _, path in _beside(folder)[:MOST_LISTED]]
    found = [Candidate(path, dataset, dataset == mine) for path, dataset in datasets]
    return sorted(found, key=lambda one: not one.akin)


def previous_of(folder: Path) -> Path | None:
    """The last run of the same dataset that began before the one in `folder`. Raises OSError."""
    mine, this = _dataset(folder), (_began(folder), folder)
    return next((path for began, path in _beside(folder) if (began, path) < this and _dataset(path) == mine), None)


def _beside(folder: Path) -> list[tuple[float, Path]]:
    """When they began and where they are: the runs in the same folder, the newest first."""
    paths = [Path(entry.path) for entry in os.scandir(folder.parent) if entry.path != str(folder)]
    return sorted(((_began(path), path) for path in paths if (path / "events.jsonl").is_file()), reverse=True)


def _dataset(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError, RecursionError), (folder / "config.toml").open("rb") as file:
        section: Any = tomllib.loads(file.read(_MAX_CONFIG).decode()).get("data", {})
        return str(section.get("source", ""))
    return ""


def _began(folder: Path) -> float:
    """When a run began: its settings are written then and never again."""
    for path in (folder / "config.toml", folder / "events.jsonl"):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def read_ghost(folder: Path, given_up: Callable[[], bool] = lambda: False) -> Ghost | None:
    """The run in `folder` as far as it is written; of one with trials its best one. None when it has no epochs, or given up.

    Raises OSError. Takes some 20 microseconds an epoch, and lets other threads go first.
    """
    view = RunView()
    tail = JournalTail(RunDir(folder).journal, passing=TYPES.keys() - _WANTED)
    until = time.monotonic() + _LONGEST
    while tail.behind and time.monotonic() < until:
        if given_up():
            return None
        view.apply_all(tail.read())
        view.log.clear()
        time.sleep(_BREATH)
    name = clean(folder.name)
    if view.trials:
        best = view.summary.best_trial if view.summary else 0
        trial = next((one for one in view.trials if one.number == best), None) or best_trial(view)
        if trial is None:
            return None
        return Ghost(short_name(name), brief_name(name), f"{clean(trial.label, 40)} of {name}", of_trial(view, trial))
    return Ghost(short_name(name), brief_name(name), name, view, tail) if view.epochs else None


def best_trial(view: RunView, besides: int = 0) -> TrialView | None:
    """The finished trial with the lowest validation loss, other than number `besides`."""
    over = [one for one in view.trials if one.ended and one.epochs and one.number != besides]
    known = [one for one in over if one.ended and one.ended.val_loss == one.ended.val_loss]
    return (
        min(known, key=lambda one: one.ended.val_loss if one.ended else 0.0) if known else (over[-1] if over else None)
    )


def trial_ghost(view: RunView, trial: TrialView) -> Ghost:
    """A finished fold or restart of the run itself."""
    name = clean(trial.label, 30)
    return Ghost(name, clean(trial.label, 12), name, of_trial(view, trial))


def of_trial(view: RunView, trial: TrialView) -> RunView:
    """A view of one trial: its curves, and its epochs spread evenly over its time."""
    each = trial.ended.seconds / len(trial.epochs) if trial.ended and trial.epochs else 1.0
    count = len(trial.epochs)
    view = RunView(
        model=view.model,
        epochs=list(trial.epochs),
        train_loss=list(trial.train_loss),
        val_loss=list(trial.val_loss),
        seconds=[each] * count,
        times=[each * number for number in range(1, count + 1)],
        trial=trial.number,
        trials=[trial],
    )
    for name in CURVES:
        if name != "seconds":
            setattr(view, name, list(trial.curve(name)))
    return view


def told(ghost: Ghost) -> str:
    """What a ghost is, in a line."""
    losses = [loss for loss in ghost.view.val_loss if loss == loss]
    best = f", best validation loss {figure(min(losses))}" if losses else ""
    return f"behind it: {ghost.title}, {len(ghost.view.epochs)} epochs{best}"
