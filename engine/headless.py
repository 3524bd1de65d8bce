"""Runs without a screen: what `nntui train` and `nntui resume` do once their input has proved usable."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from .alerts import TerminalAlerts
from .coderecord import CODE_FILE
from .data.catalogue import is_called
from .errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_TERMINATED
from .finaltext import final_text, terminal_width
from .signals import obey_signals, to_nowhere
from .sinks import ConsoleSink, Sink
from .spawn import ready_sinks, spawn
from .stopping import StopToken
from .strayoutput import StrayOutput
from .text import clean

if TYPE_CHECKING:
    from .config import RunConfig
    from .runner import RunResult


def train_plainly(config: RunConfig) -> int:
    """Train with plain lines on standard output; returns the exit code."""

    def begin(sinks: Sequence[Sink], token: StopToken) -> RunResult:
        from .runner import train

        return train(config, sinks, token)

    return _plainly(begin, config.model.kind == "custom" or is_called(config.data.source))


def resume_plainly(folder: Path, more: int) -> int:
    """Go on with the run in `folder`, `more` epochs beyond its plan, as `train_plainly` does; returns the exit code."""

    def begin(sinks: Sequence[Sink], token: StopToken) -> RunResult:
        from .runner import resume

        return resume(folder, sinks, token, more)

    return _plainly(begin, (folder / CODE_FILE).exists())


def replay_plainly(folder: Path) -> int:
    """Train the run in `folder` once more, as `train_plainly` does; returns the exit code."""

    def begin(sinks: Sequence[Sink], token: StopToken) -> RunResult:
        from .runner import replay

        return replay(folder, sinks, token)

    return _plainly(begin, (folder / CODE_FILE).exists())


def _plainly(begin: Callable[[Sequence[Sink], StopToken], RunResult], own_code: bool) -> int:
    """own_code: whether there is code of the user's in it, which may print."""
    token = StopToken()
    obey_signals(token)
    say("loading data and PyTorch")
    alerts = [TerminalAlerts(sys.stdout)] if sys.stdout.isatty() else []
    sinks: list[Sink] = [*ready_sinks(), ConsoleSink(sys.stdout), *alerts]
    if own_code:
        with StrayOutput() as stray:
            result = begin([stray, *sinks], token)
    else:
        result = begin(sinks, token)
    say(f"\n{final_text(result.view, terminal_width())}")
    return exit_code(result.reason)


def detach(arguments: Sequence[str]) -> int:
    """Start `nntui ARGUMENTS` in a process of its own session, and say how to find it; returns the exit code."""
    typer.echo("starting; it goes on when this terminal is closed")
    started = spawn(arguments)
    name = clean(started.run.name)
    typer.echo(f"run {name} is trained by process {started.pid}\nlook at it with: nntui attach {name}")
    return EXIT_OK


def exit_code(reason: str) -> int:
    """The exit code that goes with the reason a run ended for."""
    codes = {
        "interrupted": EXIT_INTERRUPTED,
        "terminated": EXIT_TERMINATED,
        "failed": EXIT_FAILED,
        "non_finite": EXIT_FAILED,
        "diverged": EXIT_FAILED,
    }
    return codes.get(reason, EXIT_OK)


def say(text: str) -> None:
    """Print a line of a run. When nobody can read it any more, all further output goes nowhere and the run goes on."""
    encoding = sys.stdout.encoding or "utf-8"
    try:  # a name that the terminal's encoding lacks must not end the output
        typer.echo(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except (OSError, ValueError):
        silence(sys.stdout)


def silence(stream: IO[str]) -> None:
    """Point a stream whose reader has gone at nothing, what is left in its buffer included."""
    with contextlib.suppress(OSError, ValueError):
        to_nowhere([stream.fileno()])
