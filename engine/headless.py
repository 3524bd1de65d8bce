"""Runs without a screen: what `nntui train` and `nntui resume` do once their input has proved usable."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from .alerts import TerminalAlerts
from .coderecord import CODE_FILE
from .data.catalogue import is_called
from .errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_TERMINATED, config_error
from .finaltext import final_text, terminal_width
from .ranks.job import ALONE, Job, Nodes, training_job
from .ranks.rank import obey_as_rank, take_part, under_torchrun
from .signals import to_nowhere
from .sinks import ConsoleSink, Sink
from .spawn import ready_sinks, spawn
from .stopping import StopToken
from .strayoutput import StrayOutput
from .text import clean
from .world import current_world

if TYPE_CHECKING:
    from .config import RunConfig
    from .runner import RunResult


def train_plainly(config: RunConfig, nodes: Nodes = ALONE) -> int:
    """Train with plain lines on standard output; returns the exit code."""
    if starts_ranks(config.run.devices, nodes):
        return _supervise(training_job(config), nodes)

    def begin(sinks: Sequence[Sink], token: StopToken) -> RunResult:
        from .runner import train

        return train(config, sinks, token)

    return _plainly(begin, config.model.kind == "custom" or is_called(config.data.source))


def resume_plainly(folder: Path, more: int, devices: int = 1, nodes: Nodes = ALONE) -> int:
    """Go on with the run in `folder`, `more` epochs beyond its plan, as `train_plainly` does; returns the exit code."""
    if starts_ranks(devices, nodes):
        return _supervise(Job("resume", devices, folder=str(folder), more=more), nodes)

    def begin(sinks: Sequence[Sink], token: StopToken) -> RunResult:
        from .runner import resume

        return resume(folder, sinks, token, more, devices)

    return _plainly(begin, (folder / CODE_FILE).exists())


def replay_plainly(folder: Path, devices: int = 1) -> int:
    """Train the run in `folder` once more, as `train_plainly` does; returns the exit code."""
    if starts_ranks(devices):
        return _supervise(Job("replay", devices, folder=str(folder)), ALONE)

    def begin(sinks: Sequence[Sink], token: StopToken) -> RunResult:
        from .runner import replay

        return replay(folder, sinks, token)

    return _plainly(begin, (folder / CODE_FILE).exists())


def starts_ranks(devices: int, nodes: Nodes = ALONE) -> bool:
    """Whether this process is to start others that train, and not to train itself: torchrun has not done so already."""
    return (devices > 1 or nodes.count > 1) and not under_torchrun()


def meeting_of(count: int, endpoint: str, name: str, detached: bool) -> Nodes:
    """The machines that train together. Raises ConfigError when what is said of them does not fit."""
    if count == 1 and (endpoint or name):
        raise config_error(
            "--nnodes", "the machines' meeting place was given, but there is only one machine", "say how many"
        )
    if count > 1 and under_torchrun():
        raise config_error("--nnodes", "torchrun has started this process already", "give torchrun its --nnodes")
    if count > 1 and not re.fullmatch(r"[^\s:]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", endpoint):
        hint = "for example --rdzv-endpoint host1:29500, the same on every machine"
        raise config_error("--rdzv-endpoint", "several machines need a place to meet, HOST:PORT", hint)
    if count > 1 and detached:
        hint = "leave it out: training goes on when the terminal is closed"
        raise config_error("--detach", "is for a run of one machine", hint)
    return Nodes(count, endpoint, name)


def _supervise(job: Job, nodes: Nodes) -> int:
    """Have ranks do the job, with plain lines on standard output; returns the exit code."""
    from .ranks.supervisor import supervise

    token = StopToken()
    count = f"{job.devices} process{'' if job.devices == 1 else 'es'}"
    say(f"starting {count}" + (f" here, on one of {nodes.count} machines" if nodes.count > 1 else ""))
    followed = supervise(job, nodes, _sinks(), token)
    if followed.view.folder:
        say(f"\n{final_text(followed.view, terminal_width())}")
    return exit_code(followed.reason)


def _sinks() -> list[Sink]:
    alerts = [TerminalAlerts(sys.stdout)] if sys.stdout.isatty() else []
    return [*ready_sinks(), ConsoleSink(sys.stdout), *alerts]


def _plainly(begin: Callable[[Sequence[Sink], StopToken], RunResult], own_code: bool) -> int:
    """own_code: whether there is code of the user's in it, which may print."""
    token, world = StopToken(), current_world()
    obey_as_rank(token, world)
    if not world.first:
        return take_part(lambda: begin([], token), world)
    say("loading data and PyTorch")
    sinks = _sinks()
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
