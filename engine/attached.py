"""Looking at a run of another process, or at one that is over: its journal is followed, commands go into its folder."""

from __future__ import annotations

import time
from pathlib import Path

from .commandfile import append_command
from .commands import Command, Pause, Resume, Stop
from .errors import Fault, InputError
from .events import EndReason, Event
from .journal import JournalTail
from .lock import Owner, probe
from .rundir import RunDir
from .text import clean

DRAIN_SECONDS = 0.05  # how long one `drain` reads at the most: a long history comes in portions
OWNER_SECONDS = 0.5  # how often it is looked who trains the run
_LOOK_SECONDS = 0.05


class AttachedRun:
    """A run seen through its folder, with the interface of engine.RunHandle. Any number may look at one run at once.

    Nothing stays open between two calls and no thread runs, so one that is killed or frozen disturbs nobody. Histograms are
    left out: nothing but the TensorBoard log has a use for them.
    """

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self._tail = JournalTail(run.journal, passing=("WeightsSampled",))
        self._error: InputError | None = None
        self._owner: Owner | None = None
        self._looked = -OWNER_SECONDS

    @property
    def folder(self) -> Path:
        return self.run.path

    @property
    def behind(self) -> bool:
        """Whether `drain` has not given all there is."""
        return self._error is None and self._tail.behind

    @property
    def damaged(self) -> int:
        """Lines of the journal that could not be read and were passed over."""
        return self._tail.damaged

    @property
    def owner(self) -> Owner | None:
        """Who trains the run; as it was at most OWNER_SECONDS ago."""
        now = time.monotonic()
        if now - self._looked >= OWNER_SECONDS:
            self._owner, self._looked = probe(self.run, gently=True), now
        return self._owner

    @property
    def alive(self) -> bool:
        """Whether more events may come: somebody trains the run, or `drain` has not given all there are."""
        # In this order: an owner that has just gone has written all it had to say.
        return self._error is None and (self.owner is not None or self._tail.behind)

    @property
    def error(self) -> BaseException | None:
        """Why the run can be looked at no longer, or None."""
        return self._error

    def drain(self) -> list[Event]:
        """The events since the last call, oldest first; never waits, and reads for DRAIN_SECONDS at the most."""
        items: list[Event] = []
        until = time.monotonic() + DRAIN_SECONDS
        try:
            while self._tail.behind:
                items += self._tail.read()
                if time.monotonic() >= until:
                    break
        except OSError as error:
            problem = f"the run can be read no longer: {error.strerror}"
            self._error = InputError([Fault("", problem, "", clean(self.run.journal, 2000))])
        return items

    def send(self, command: Command) -> None:
        """Ask the run for something; it answers with events. Raises InputError when nobody trains it."""
        name = clean(self.run.name)
        if probe(self.run, gently=True) is None:
            hint = f"`nntui resume {name}` goes on with it" if self.run.config.exists() else ""
            raise InputError([Fault("", f"{name} is not running", hint)])
        try:
            append_command(self.run, command)
        except OSError as error:
            problem = f"the command cannot be written: {error.strerror or error}"
            raise InputError([Fault("", problem, "", clean(self.run.commands, 2000))]) from None

    def stop(self, reason: EndReason = "stopped", now: bool = False) -> None:
        self.send(Stop(now, reason))

    def pause(self) -> None:
        self.send(Pause())

    def resume(self) -> None:
        self.send(Resume())

    def join(self, timeout: float | None = None) -> bool:
        """Wait until nobody trains the run, `timeout` seconds at most; whether that is so."""
        until = None if timeout is None else time.monotonic() + timeout
        while probe(self.run, gently=True) is not None:
            if until is not None and time.monotonic() >= until:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def close(self) -> None:
        """Nothing to give back; here because other sources have something."""


def attach(folder: str | Path) -> AttachedRun:
    """Look at the run in `folder`. Raises InputError when there is none.

    Example::

        from engine.attached import attach
        run = attach("runs/20260101-120000-digits-mlp")
        while run.alive:
            for event in run.drain():
                ...  # for example view.apply(event)
            run.join(0.1)
    """
    run = RunDir(Path(folder).expanduser().absolute())
    if not (run.journal.exists() or run.config.exists()):
        raise InputError([Fault("", "there is no run here", "`nntui ls` lists the runs", clean(run.path, 2000))])
    return AttachedRun(run)
