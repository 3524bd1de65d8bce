"""Calling a person: when a run has ended by itself, and when something is certain to be wrong with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from . import events as e
from .diagnosis import NOTES
from .text import clean
from .words import end_words

COMMAND_SECONDS = 30.0  # how long a command may take
CLOSE_SECONDS = 10.0  # how long the end of a run waits for it
MOST_AT_ONCE = 3  # commands under way; what calls for another one meanwhile is passed over

_ASKED_FOR = ("stopped", "interrupted", "terminated")  # whoever asked for it knows


@dataclass(frozen=True, slots=True)
class Alert:
    """Why a person is called: the reason a run ended for, or ``finding``; and a line that says it, safe to show."""

    reason: str
    message: str


def alert_of(event: e.Event, run: str) -> Alert | None:
    """What there is to call a person for in an event of the run of this name: its end, unless somebody asked for it, and a
    warning that the diagnosis is certain of.
    """
    name = clean(run, 80)
    match event:
        case e.RunEnded() if event.reason not in _ASKED_FOR:
            words = event.error or end_words(event.reason)
            best = f", best epoch {event.best_epoch}" if event.best_epoch else ""
            return Alert(event.reason, clean(f"{name}: {words}{best}"))
        case e.FindingRaised(confidence="certain") if event.kind not in NOTES:
            return Alert("finding", clean(f"{name}: {event.title}"))
    return None


def wanted(config: Mapping[str, Any]) -> str:
    """The knob run.alert of settings as an event has them; a journal of an older version lacks it."""
    section = config.get("run")
    return str(section.get("alert", "off")) if isinstance(section, Mapping) else "off"


def signal_text(kind: str, message: str, environment: Mapping[str, str] | None = None) -> str:
    """What makes a terminal call its person: BEL, or a notification by OSC 9; "" for ``off``.

    OSC 9 comes from iTerm2, and is known to kitty, WezTerm, ConEmu, Windows Terminal, Ghostty and foot. tmux hands it on with
    allow-passthrough. The console of Linux would print a part of it, so that it gets a BEL.
    """
    known = os.environ if environment is None else environment
    if kind not in ("bell", "osc9"):
        return ""
    if kind == "bell" or known.get("TERM", "") in ("linux", "dumb"):
        return "\a"
    text = f"\x1b]9;{clean(message, 200)}\a"
    return "\x1bPtmux;" + text.replace("\x1b", "\x1b\x1b") + "\x1b\\" if known.get("TMUX") else text


class TerminalAlerts:
    """Calls the person at the terminal of a run without a screen, if its settings say so."""

    name = "alert"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._kind, self._run = "off", ""

    def write(self, event: e.Event) -> None:
        if isinstance(event, e.RunStarted | e.RunResumed):
            self._kind, self._run = wanted(event.config), event.run
        if (alert := alert_of(event, self._run)) is not None and (text := signal_text(self._kind, alert.message)):
            self._out.write(text)
            self._out.flush()

    def close(self) -> None:
        pass


class AlertCommand:
    """Runs a shell command for each alert, with NNTUI_RUN, NNTUI_REASON and NNTUI_MESSAGE in its environment.

    It is a process of its own, in a session of its own, and what it prints goes to `log`. Whatever it does, the run goes on; one
    that takes longer than COMMAND_SECONDS is killed with all that it started.
    """

    name = "alert command"

    def __init__(self, command: str, folder: Path, log: Path) -> None:
        self._command, self._folder, self._log = command, folder, log
        self._under_way: list[threading.Thread] = []
        self._until = float("inf")  # of time.monotonic()

    def write(self, event: e.Event) -> None:
        if (alert := alert_of(event, self._folder.name)) is None:
            return
        self._under_way = [thread for thread in self._under_way if thread.is_alive()]
        if len(self._under_way) < MOST_AT_ONCE:
            thread = threading.Thread(target=self._run, args=(alert,), name="nntui-alert", daemon=True)
            self._under_way.append(thread)
            thread.start()

    def close(self) -> None:
        """Wait for what is under way, CLOSE_SECONDS at the most."""
        self._until = time.monotonic() + CLOSE_SECONDS
        for thread in self._under_way:
            thread.join(max(0.0, self._until - time.monotonic()) + 1.0)

    def _run(self, alert: Alert) -> None:
        words = {"NNTUI_RUN": str(self._folder), "NNTUI_REASON": alert.reason, "NNTUI_MESSAGE": alert.message}
        with contextlib.suppress(OSError), self._log.open("ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._folder,
                env={**os.environ, **words},
            )
            code = self._waited(process)
            if code:
                how = "took too long and was killed" if code < 0 else f"ended with exit code {code}"
                log.write(f"nntui: run.alert_command {how}\n".encode())

    def _waited(self, process: subprocess.Popen[bytes]) -> int:
        began = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(0.1)
            if time.monotonic() >= min(began + COMMAND_SECONDS, self._until):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return process.wait()
