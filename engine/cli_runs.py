"""The verbs about runs that exist: ls, show, stop, resume."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_diagnose import diagnose
from .errors import EXIT_FAILED, Fault, InputError
from .options import (
    NEWEST,
    DetachOption,
    DevicesOption,
    EndpointOption,
    FolderOption,
    JsonOption,
    MeetingOption,
    NodesOption,
    RunArgument,
    SetOption,
)
from .text import clean

if TYPE_CHECKING:
    from .config import RunConfig
    from .rundir import RunDir
    from .runs import RunSummary
    from .runview import RunView

STOP_SECONDS = 30.0  # how long `stop` waits for the run to be let go
RUNS = "runs"
NO_RUNS_HINT = "--folder names another place, and `nntui train FILE` starts one"


def ls(folder: FolderOption = RUNS, as_json: JsonOption = False) -> None:
    """List the runs, the newest first."""
    from .runs import list_runs

    try:
        found = list_runs(folder)
    except OSError as error:
        raise InputError([Fault("--folder", f"cannot be read: {error.strerror}", "", clean(folder, 2000))]) from None
    if as_json:
        typer.echo(json.dumps([run.as_json() for run in found], indent=2))
    elif found:
        _print_table([("name", "status", "epoch", "best loss", "age"), *map(_row, found)])
    else:
        typer.echo(f"there are no runs in {clean(Path(folder).expanduser().absolute(), 2000)}; {NO_RUNS_HINT}")


def show(run: RunArgument = NEWEST, folder: FolderOption = RUNS, as_json: JsonOption = False) -> None:
    """Show what a run has come to: its figures, who trains it, its last checkpoint."""
    from .history import view_of
    from .runs import find_run, summarize_run

    found = find_run(run, folder)
    summary = summarize_run(found.path)
    view, damaged = view_of(found)
    if as_json:
        typer.echo(json.dumps(_as_json(summary, view, damaged), indent=2))
        return
    from .console import final_rows
    from .finaltext import next_block, report_blocks, rows_text, terminal_width

    rows = [("status", _status(summary)), *final_rows(view)]
    if view.saved is not None:
        saved = view.saved
        inside = f", batch {saved.batch} of the next" if saved.batch else ""
        rows.append(("checkpoint", f"after epoch {saved.epochs}{inside}, {_age(time.time() - saved.time)} ago"))
    if view.save_problem:
        rows.append(("warning", clean(view.save_problem)))
    if damaged:
        rows.append(("warning", f"{damaged} lines of the journal are damaged and were passed over"))
    if not view.folder:
        rows.append(("run folder", clean(found.path, 2000)))
    width = terminal_width()
    blocks = [*report_blocks(view, width), rows_text(rows, width), next_block(view, width)]
    typer.echo("\n\n".join(block for block in blocks if block))


def stop(
    run: RunArgument = NEWEST,
    now: Annotated[bool, typer.Option("--now", help="Leave out the test of the best weights.")] = False,
    folder: FolderOption = RUNS,
) -> None:
    """Stop a run that another process trains: after the batch in hand, with a checkpoint to go on from.

    Waits until it has stopped, half a minute at the most; without RUN it is the newest one under way.
    """
    from .attached import attach
    from .runs import find_run, is_own_loop, summarize_run

    found = find_run(run, folder, running=True)
    name = clean(found.name)
    asked = attach(found.path)
    asked.stop(now=now)
    if not asked.join(STOP_SECONDS):
        slow = "; its script stops when it looks at run.should_stop" if is_own_loop(found) else ""
        typer.echo(f"{name} was asked to stop and is still at it after {STOP_SECONDS:.0f} s{slow}", err=True)
        raise typer.Exit(EXIT_FAILED)
    summary = summarize_run(found.path)
    typer.echo(f"{name} {_status(summary)}; {_progress(summary)} epochs done")


def resume(
    run: RunArgument = NEWEST,
    more: Annotated[int, typer.Option("--more", metavar="N", min=0, help="Train N epochs beyond the plan.")] = 0,
    set_: SetOption = [],  # noqa: B006
    override: Annotated[
        bool, typer.Option("--override", help="With other settings: start a new run from the best weights of this one.")
    ] = False,
    devices: DevicesOption = None,
    nodes: NodesOption = 1,
    endpoint: EndpointOption = "",
    meeting: MeetingOption = "",
    detached: DetachOption = False,
    folder: FolderOption = RUNS,
) -> None:
    """Go on with a run as if it had never stopped: without a screen, with the settings it was started with.

    Prints and exits as `nntui train` does. --devices may be another number than before.
    """
    from .configfile import load_config
    from .headless import detach, meeting_of, resume_plainly, train_plainly
    from .record import own_loop_error
    from .runs import find_run, is_own_loop

    found = find_run(run, folder)
    if is_own_loop(found):
        raise own_loop_error(found)
    together = meeting_of(nodes, endpoint, meeting, detached)
    set_ = [*set_, *([f"run.devices={devices}"] if devices else [])]
    config = load_config(found.config, set_)
    changes = _changes(found, config, set_)
    if changes and not override:
        raise InputError(changes)
    if override and not changes:
        problem = "nothing differs from the settings that the run was started with"
        raise InputError([Fault("--override", problem, "name what to change with --set, or leave --override out")])
    if changes:
        begin_with = [*set_, f"model.weights={found.path}"]
        if detached:
            settings = [part for setting in begin_with for part in ("--set", setting)]
            raise typer.Exit(detach(["train", *settings, "--", str(found.config)]))
        raise typer.Exit(train_plainly(load_config(found.config, begin_with), together))
    many = config.run.devices
    if detached:
        options = [*(["--more", str(more)] if more else []), "--devices", str(many)]
        raise typer.Exit(detach(["resume", *options, "--", str(found.path)]))
    raise typer.Exit(resume_plainly(found.path, more, many, together))


def replay(run: RunArgument = NEWEST, folder: FolderOption = RUNS) -> None:
    """Train a run once more from its beginning, with every live edit at its place: the same numbers, in a folder of its own.

    Prints and exits as `nntui train` does.
    """
    from .configfile import load_config
    from .headless import replay_plainly
    from .record import own_loop_error
    from .runs import find_run, is_own_loop

    found = find_run(run, folder)
    if is_own_loop(found):
        raise own_loop_error(found)
    raise typer.Exit(replay_plainly(found.path, load_config(found.config).run.devices))


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Names of runs, parts of them, or their folders.")
    ],
    folder: FolderOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Compare runs: their figures side by side, the best marked, and the settings that differ."""
    from . import comparing
    from .finaltext import terminal_width
    from .runs import find_run

    if not 2 <= len(runs) <= comparing.MOST:
        problem = f"{len(runs)} given, and 2 to {comparing.MOST} can be compared"
        raise InputError([Fault("RUN", problem, "`nntui ls` lists the runs")])
    if any(not run.strip() for run in runs):
        raise InputError([Fault("RUN", "is empty", "name each run")])
    found = [find_run(run, folder) for run in runs]
    twice = next((run.name for place, run in enumerate(found) if run.path in [one.path for one in found[:place]]), None)
    if twice is not None:
        raise InputError([Fault("RUN", f"{clean(twice)} is named twice", "name different runs")])
    result = comparing.compare(found)
    if as_json:
        typer.echo(json.dumps(comparing.as_json(result), indent=2))
    else:
        typer.echo("\n".join(comparing.comparison_lines(result, terminal_width())))


VERBS = (ls, show, diagnose, compare, stop, resume, replay)


# ------------------------------------------------------------------------------------------------- settings that differ


def _changes(run: RunDir, config: RunConfig, settings: list[str]) -> list[Fault]:
    """A fault for each knob whose value is not the one that the run was started with, and where it was changed."""
    from .record import changed_settings, read_record
    from .tomlfile import lines_of_keys, read_text

    started = read_record(run).started
    if started is None:
        return []
    lines = lines_of_keys(read_text(run.config))
    places = {key: f"{run.config.name}:{line}" for key, line in lines.items()}
    places |= {setting.partition("=")[0].strip(): "--set" for setting in settings}
    return [replace(fault, where=places.get(fault.key, run.config.name)) for fault in changed_settings(started, config)]


# ------------------------------------------------------------------------------------------------------------ in words


def _row(run: RunSummary) -> tuple[str, ...]:
    best = f"{run.best_loss:.4g}" if math.isfinite(run.best_loss) else "-"
    return clean(run.name, 100), run.status, _progress(run), best, _age(time.time() - run.updated)


def _progress(run: RunSummary) -> str:
    done = f"{run.epochs}/{run.planned}" if run.planned else "-"
    if run.trials and run.reason == "trials_done":
        return f"all {run.trials} trials"
    return f"{done} ({run.trial} of {run.trials})" if run.trials else done


def _status(run: RunSummary) -> str:
    """How the run stands, as the end of a sentence that begins with its name."""
    from .words import end_words

    words: str = run.status
    if run.error or run.reason:
        words += f": {clean(run.error or end_words(run.reason))}"
    if run.owner is not None:
        words += f", {run.owner.words}"
        words += f", silent for {_age(run.owner.beat)}" if run.owner.beat > _SILENT_SECONDS else ""
    elif run.status == "lost" and not run.own_loop:
        words += f"; `nntui resume {clean(run.name)}` goes on with it"
    return words


_SILENT_SECONDS = 15.0


def _age(seconds: float) -> str:
    """A time span as a person says it: 40 s, 12 min, 3 h, 5 d."""
    seconds = max(0.0, seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _as_json(summary: RunSummary, view: RunView, damaged: int) -> dict[str, Any]:
    from .longcurves import FIGURES

    body = summary.as_json()
    body["test"] = None
    if view.test is not None:
        figures = {"loss": view.test.loss, "metric": view.test.metric, **view.test.metrics}
        body["test"] = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    body["machine"] = None
    if view.machine is not None:
        body["machine"] = {name: getattr(view.machine, name) for name in FIGURES}
    body["checkpoint"] = None
    if view.saved is not None:
        body["checkpoint"] = {"epochs": view.saved.epochs, "batch": view.saved.batch, "time": view.saved.time}
    body["findings"] = sorted(view.findings)
    body["edits"] = len(view.edits)
    body["damaged_lines"] = damaged
    return body
