"""Starts the ranks of a run, follows its journal, and hands on what a person asks of it. Needs no torch."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..attached import AttachedRun
from ..commandfile import append_command
from ..commands import Command, Save, ScreenGone, Stop
from ..errors import TrainingError
from ..events import EndReason, Event, Noted, RunEnded, RunResumed, RunStarted, ScreenLost
from ..rundir import RunDir
from ..runview import RunView
from ..signals import obey_signals
from ..sinks import Sink
from ..spawn import modules_path, signal_name
from ..stopping import StopToken
from ..text import clean
from .job import Job, JobFolder, Nodes, as_refusal

_LOOK_SECONDS = 0.05
_LAST_SECONDS = 130.0  # how long ranks that have lost torchrun may take to end
_SHOWN = 20  # of what was printed before a run that never began, so many lines are shown


@dataclass(frozen=True, slots=True)
class Followed:
    """A run as its supervisor has seen it. reason: why it ended, as far as is known."""

    view: RunView
    reason: EndReason


def supervise(job: Job, nodes: Nodes, sinks: Sequence[Sink], token: StopToken) -> Followed:
    """Have ranks do the job and wait for its end, obeying signals: the second of a kind ends every process at once.

    To be called in the main thread. Raises InputError when the ranks refuse their input, TrainingError when the run fails.
    """
    started: list[Supervisor] = []

    def leave(code: int) -> None:
        for one in started:
            one.kill()
        os._exit(code)

    obey_signals(token, leave)
    started.append(Supervisor(job, nodes, sinks, token))
    return started[0].follow()


class Supervisor:
    """The ranks of one job, from their start to their end."""

    def __init__(self, job: Job, nodes: Nodes, sinks: Sequence[Sink], token: StopToken) -> None:
        """sinks: get every event of this chapter of the run. token: what is asked of the run."""
        self._token = token
        self._sinks = list(sinks)
        self._view = RunView()
        self._run: AttachedRun | None = None
        self._pid = 0  # of rank 0, when it is one of this machine
        self._began = 0.0  # the time of the event with which this chapter begins
        self._live = False
        self._end: RunEnded | None = None
        self._answers: list[dict[str, Any]] = []
        self._told: list[Stop] = []
        try:
            self._folder = JobFolder.made(job)
            self._agent = _start(self._folder, nodes)
        except OSError as error:
            raise TrainingError(f"no process can be started: {error.strerror or error}") from None

    def follow(self) -> Followed:
        """Wait for the end. Raises InputError when the ranks refuse their input, and TrainingError when the run fails."""
        last = float("inf")
        while True:
            ended = self._agent.poll() is not None
            if ended:
                last = min(last, time.monotonic() + _LAST_SECONDS)
            self._take_in()
            self._hand_on_requests()
            if ended and (self._run is None or not self._run.alive or time.monotonic() > last):
                break
            time.sleep(_LOOK_SECONDS)
        self._take_in()
        for sink in self._sinks:
            with contextlib.suppress(Exception):
                sink.close()
        try:
            return self._verdict()
        finally:
            self._folder.remove()

    def kill(self) -> None:
        """End every process at once."""
        import psutil

        with contextlib.suppress(psutil.Error):
            ranks = psutil.Process(self._agent.pid).children(recursive=True)
            for process in [*ranks, self._agent]:  # torchrun last: it would take its time over the others
                with contextlib.suppress(psutil.Error, OSError):
                    process.kill()
        self._folder.remove()

    # -- what comes from the run ----------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        for answer in self._folder.answers():
            self._answers.append(answer)
            if "part" in answer:
                self._hand_on(Noted(text=answer["part"]))
            if "folder" in answer:
                self._run = AttachedRun(RunDir(Path(answer["folder"])))
                self._pid, self._began = answer["pid"], answer["time"]
        while self._run is not None:
            for event in self._run.drain():
                self._apply(event)
            if not self._run.behind:
                break

    def _apply(self, event: Event) -> None:
        self._view.apply(event)
        if isinstance(event, RunStarted | RunResumed) and event.time == self._began:
            self._live = True
        if not self._live:
            return
        if isinstance(event, RunEnded):
            self._end = event
        self._hand_on(event)

    def _hand_on(self, event: Event) -> None:
        for sink in list(self._sinks):
            try:
                sink.write(event)
            except Exception:  # noqa: BLE001  -- a closed pipe must not end the following
                self._sinks.remove(sink)

    # -- what is asked of it ---------------------------------------------------------------------------------------------

    def _hand_on_requests(self) -> None:
        token = self._token
        if self._run is None:
            if token.reason is not None and not self._told:
                self._told.append(Stop(token.now, token.reason))
                self._agent.send_signal(signal.SIGTERM)  # there is no run yet that could be stopped
            return
        while token.asked:
            self._ask(self._run.run, token.asked.popleft())
        while token.notices:
            notice = token.notices.popleft()
            if isinstance(notice, ScreenLost):
                self._ask(self._run.run, ScreenGone(notice.problem))
        if token.reason is not None and (not self._told or token.now != self._told[-1].now):
            self._told.append(Stop(token.now, token.reason))
            self._ask(self._run.run, self._told[-1])

    def _ask(self, run: RunDir, command: Command) -> None:
        try:
            append_command(run, command)
        except OSError:  # a full disk, for example
            with contextlib.suppress(OSError):
                match command:
                    case Stop():
                        os.kill(self._pid, signal.SIGTERM if command.now else signal.SIGINT)
                    case Save():
                        os.kill(self._pid, signal.SIGUSR1)

    # -- how it ended ----------------------------------------------------------------------------------------------------

    def _verdict(self) -> Followed:
        said = {key: answer for answer in reversed(self._answers) for key in answer}
        if "faults" in said and self._end is None:
            raise as_refusal(said["faults"])
        if self._end is not None and self._end.reason != "failed":
            return Followed(self._view, self._end.reason)
        if self._run is None and self._token.reason is not None:
            return Followed(self._view, self._token.reason)
        if "part" in said and self._agent.returncode == 0:
            return Followed(self._view, "epochs_done")
        problem = said.get("problem", {})
        words = self._end.error if self._end is not None else problem.get("problem") or self._how(said)
        failed = TrainingError(words)
        failed.frames = tuple(problem.get("frames", ()))
        raise failed

    def _how(self, said: dict[str, dict[str, Any]]) -> str:
        if "lost" in said:
            return said["lost"]["lost"]
        code = self._agent.returncode or 0
        printed = b""
        with contextlib.suppress(OSError):
            printed = self._folder.output.read_bytes()[-(1 << 16) :]
        lines = [line for line in printed.decode(errors="replace").splitlines() if line.strip()]
        last = f": {clean(lines[-1], 500)}" if lines and self._run is None else ""
        how = f"was ended by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        return f"torchrun {how}{last}"


def _start(folder: JobFolder, nodes: Nodes) -> subprocess.Popen[bytes]:
    """torchrun in a process and a session of its own: a hang-up, which would end it, is none of its business."""
    options = ["--nnodes", str(nodes.count), "--rdzv-endpoint", nodes.endpoint, "--rdzv-id", nodes.name]
    with folder.output.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "engine", "ranks", *options, str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": modules_path()},
        )
