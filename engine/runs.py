"""The runs in a folder: what became of each, and how a person names one. Nothing here reads a whole journal."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from .errors import Fault, InputError
from .lock import Owner, probe
from .rundir import RunDir
from .spawn import Spawned, spawn
from .text import clean

__all__ = ["RunSummary", "Spawned", "Status", "find_run", "list_runs", "spawn", "summarize_run"]

Status = Literal["running", "paused", "preparing", "finished", "stopped", "failed", "lost"]

_BLOCK = 256 << 10
_STAMP = re.compile(r"\d{8}-\d{6}")
_KIND = re.compile(rb'\s*{"event":"(\w+)"')
_STOPPED = ("stopped", "interrupted", "terminated")
_FAILED = ("failed", "non_finite", "diverged")
_CANDIDATES = 5  # named when a name fits several runs


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run at a glance.

    epochs: completed ones, of `planned`; with trials, those of the trial in hand. best_epoch is 0 and best_loss NaN when no
    epoch was completed; metric is the best epoch's, metric_name its name. trial: the one in hand of `trials`, both 0 for a
    single run. reason: why it ended, or "". error: one line, when it failed. started and updated: seconds since 1970, the
    latter of the last event. lost: it has not ended, and nobody trains it. own_loop: a script of the person's own trains it.
    """

    name: str
    path: Path
    status: Status
    reason: str
    error: str
    epochs: int
    planned: int
    best_epoch: int
    best_loss: float
    metric: float
    metric_name: str
    trial: int
    trials: int
    started: float
    updated: float
    owner: Owner | None
    own_loop: bool = False

    def as_json(self) -> dict[str, Any]:
        """The summary for `json.dumps`; figures that are not finite are None."""
        body = asdict(self)
        body["path"] = str(self.path)
        for name in ("best_loss", "metric"):
            body[name] = body[name] if math.isfinite(body[name]) else None
        return body


def summarize_run(path: str | Path) -> RunSummary:
    """What became of the run in this folder. Never fails: of a journal that cannot be read nothing is known."""
    run = RunDir(Path(path).absolute())
    owner = probe(run)
    story = _Story()
    with contextlib.suppress(OSError):
        for kind, line in _backwards(run.journal):
            if story.take(kind, line):
                break
    status = story.status(owner)
    return RunSummary(
        name=run.name,
        path=run.path,
        status=status,
        reason=story.reason,
        error=story.error,
        epochs=story.epochs,
        planned=story.planned,
        best_epoch=story.best_epoch,
        best_loss=story.best_loss,
        metric=story.metric,
        metric_name=story.metric_name,
        trial=story.trial,
        trials=story.trials,
        started=_started(run),
        updated=story.updated or _changed(run),
        owner=owner,
        own_loop=is_own_loop(run),
    )


def is_own_loop(run: RunDir) -> bool:
    """Whether a script of the person's own trains the run: it has no settings of ours then, and its journal says so first."""
    return not run.config.exists() and bool(_first(run).get("own_loop"))


def _first(run: RunDir) -> dict[str, Any]:
    """The first event of a journal as it stands there; empty when that is none."""
    try:
        with run.journal.open("rb") as file:
            body = json.loads(file.readline(_BLOCK))
    except (OSError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def list_runs(folder: str | Path = "runs") -> list[RunSummary]:
    """The runs in a folder, the newest first; none when there is no such folder. Raises OSError when it cannot be read."""
    return [summarize_run(run.path) for run in _runs(Path(folder).expanduser())]


def find_run(text: str = "", folder: str | Path = "runs", running: bool = False) -> RunDir:
    """The run that a person means: a path, a name, a unique beginning or part of one, or "" for the newest.

    running: "" is the newest one that somebody trains. Raises InputError, with the candidates if there are several.
    """
    parent = Path(folder).expanduser()
    if text:
        path = Path(text).expanduser()
        if _is_run(path) and ("/" in text or not _is_run(parent / text)):
            return RunDir(path.resolve())
    try:
        runs = _runs(parent)
    except OSError as error:
        raise InputError([Fault("", f"cannot be read: {error.strerror}", "", clean(parent, 2000))]) from None
    if not runs:
        hint = "--folder names another place, and `nntui train FILE` starts one"
        raise InputError([Fault("", f"there are no runs in {clean(parent.absolute(), 2000)}", hint)])
    if not text:
        found = [run for run in runs if probe(run) is not None] if running else runs
        if not found:
            raise InputError([Fault("", f"no run in {clean(parent, 2000)} is under way", "`nntui ls` lists the runs")])
        return found[0]
    names = [run.name for run in runs]
    if text in names:
        return runs[names.index(text)]
    fitting = [run for run in runs if run.name.startswith(text)] or [run for run in runs if text in run.name]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise InputError([Fault("", f"no run is called {text!r}", "`nntui ls` lists the runs")])
    named = ", ".join(clean(run.name, 80) for run in fitting[:_CANDIDATES])
    more = f" and {len(fitting) - _CANDIDATES} more" if len(fitting) > _CANDIDATES else ""
    raise InputError([Fault("", f"{text!r} fits {len(fitting)} runs", f"which one: {named}{more}?")])


def _runs(parent: Path) -> list[RunDir]:
    """The run folders in `parent`, the newest first."""
    try:
        paths = [Path(entry.path).absolute() for entry in os.scandir(parent) if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((RunDir(path) for path in paths if _is_run(path)), key=_age, reverse=True)


def _is_run(path: Path) -> bool:
    return (path / "events.jsonl").is_file() or (path / "config.toml").is_file()


def _age(run: RunDir) -> tuple[str, float, str]:
    """Sorts runs by their start. A name says it to the second, and is copied with its folder; the settings' file says more."""
    stamp = _STAMP.match(run.name)
    when = _started(run)
    return stamp[0] if stamp else time.strftime("%Y%m%d-%H%M%S", time.localtime(when)), when, run.name


def _started(run: RunDir) -> float:
    """When the run began, in seconds since 1970: its settings are written then and never changed."""
    try:
        return run.config.stat().st_mtime
    except OSError:
        told = _first(run).get("time")
        return float(told) if isinstance(told, int | float) and math.isfinite(told) else _changed(run)


def _changed(run: RunDir) -> float:
    for path in (run.journal, run.path):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0


class _Story:
    """What a journal says of its run, read from the end: the first mention of a thing is the last word on it."""

    def __init__(self) -> None:
        self.last = ""  # the last event that says how the run stands
        self.reason = self.error = ""
        self.epochs = self.planned = self.best_epoch = self.trial = self.trials = 0
        self.best_loss = self.metric = math.nan
        self.metric_name = ""
        self.updated = 0.0
        self._positioned = False  # epochs and best_epoch are known

    def take(self, kind: str, line: bytes) -> bool:
        """Take an event in; whether nothing more is wanted. A damaged line says nothing.

        Figures come as numbers or as "NaN" and "Infinity", which is how the journal writes what JSON lacks.
        """
        if self.updated and kind not in _TELLING:
            return False
        if kind in ("EpochStarted", "StepsDone") and self._positioned:
            return False
        if kind == "EpochEnded" and self._positioned and b'"epoch":%d,' % self.best_epoch not in line:
            return False
        try:
            body = json.loads(line)
            self.updated = self.updated or float(body["time"])
            return self._take(kind, body)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return False

    def _take(self, kind: str, body: dict[str, Any]) -> bool:
        if kind in _STANDING and not self.last:
            self.last = kind
        match kind:
            case "RunEnded" if self.last == "RunEnded" and not self.reason:
                self.reason, self.error = str(body["reason"]), str(body.get("error", ""))
            case "EpochStarted" | "StepsDone":
                self.trial = self.trial or int(body.get("trial", 0))
            case "EpochEnded":
                self.trial = self.trial or int(body.get("trial", 0))
                if int(body.get("trial", 0)) != self.trial:
                    return False
                if not self._positioned:
                    self._positioned = True
                    self.epochs, self.best_epoch = int(body["epoch"]), int(body["best_epoch"])
                if int(body["epoch"]) == self.best_epoch and math.isnan(self.metric):
                    self.best_loss, self.metric = float(body["val_loss"]), float(body["val_metric"])
            case "Rewound":
                self.planned = self.planned or int(body["planned"])
                if not self._positioned:
                    self._positioned = True
                    self.epochs, self.best_epoch = int(body["epochs"]), int(body["best_epoch"])
                    self.trial = self.trial or int(body.get("trial", 0))
                if int(body["best_epoch"]) == self.best_epoch and math.isnan(self.best_loss):
                    self.best_loss = float(body["best_loss"])
            case "KnobsChanged" | "EpochsAdded":
                self.planned = self.planned or int(body["planned"])
            case "ModelBuilt":
                self.planned = self.planned or int(body["epochs"])
                self.metric_name = self.metric_name or str(body["metric"])
            case "TrialStarted":
                self.trials = self.trials or int(body["of"])
                self.trial = self.trial or int(body["number"])
                self._positioned = True  # what comes before is another trial's
            case "RunStarted":
                self.planned = self.planned or int(body.get("epochs", 0))
                return True
        best_known = not self.best_epoch or not math.isnan(self.metric)
        complete = self.trials > 0 if self.trial else best_known
        return bool(self._positioned and self.planned and self.metric_name and complete)

    def status(self, owner: Owner | None) -> Status:
        if self.last == "RunEnded":
            return "failed" if self.reason in _FAILED else "stopped" if self.reason in _STOPPED else "finished"
        if owner is None:
            return "lost"
        if self.last == "Paused":
            return "paused"
        return "running" if self.last in ("Resumed", "StepsDone", "EpochStarted", "EpochEnded") else "preparing"


_STANDING = frozenset(
    [
        "RunStarted",
        "RunResumed",
        "RunEnded",
        "Paused",
        "Resumed",
        "EpochStarted",
        "StepsDone",
        "EpochEnded",
    ]
)
_TELLING = _STANDING | {"Rewound", "KnobsChanged", "EpochsAdded", "ModelBuilt", "TrialStarted"}


def _backwards(path: Path) -> Iterator[tuple[str, bytes]]:
    """The whole lines of a journal from the last to the first, with the names of their events."""
    with path.open("rb", buffering=0) as file:
        at = os.fstat(file.fileno()).st_size
        rest = b""
        while at > 0:
            step = min(at, max(_BLOCK, len(rest)))
            at -= step
            lines = (os.pread(file.fileno(), step, at) + rest).split(b"\n")
            rest = lines[0]
            yield from _named(lines[:0:-1])
        yield from _named([rest])


def _named(lines: list[bytes]) -> Iterator[tuple[str, bytes]]:
    for line in lines:
        kind = _KIND.match(line)
        if kind is not None:
            yield kind[1].decode(), line
