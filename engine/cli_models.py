"""The verbs about what a run has trained: predict, test, export."""

from __future__ import annotations

import contextlib
import json
import math
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from .errors import Fault, InputError
from .options import NEWEST, FolderOption, JsonOption, RunArgument
from .text import clean

if TYPE_CHECKING:
    from .testing import Tested

RUNS = "runs"
TrialOption = Annotated[
    int, typer.Option("--trial", metavar="N", min=0, help="The model of this fold or restart, from 1.")
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's name, a part of it, or its folder.", show_default=False)
]


def predict(
    run: RunName,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A file with the columns of the training data, or a folder of pictures.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="OUT.csv", help="Write to a file instead of printing.")
    ] = "",
    keep: Annotated[
        bool, typer.Option("--keep", help="Put the file's own columns in front of the predictions.")
    ] = False,
    trial: TrialOption = 0,
    folder: FolderOption = RUNS,
) -> None:
    """Predict every row of a file with a run's best weights, as CSV: the class and the probability of each, or the value.

    The file is treated as the training data were: columns are found by their names, in whatever order, categories, dates and
    missing values are read in the same way. What was left out or filled in is said on standard error.
    """
    from .runs import find_run

    source = Path(run).expanduser() if run.endswith(".safetensors") else find_run(_named(run), folder).path
    from .predicting import predict_file, write_csv
    from .trained import load_trained

    trained = load_trained(source, trial)
    predicted = predict_file(trained, file)
    for note in predicted.notes:
        typer.echo(f"nntui: note: {clean(note, 1000)}", err=True)
    with _output(out) as (stream, terminal):
        write_csv(predicted, trained, stream, keep, terminal)


def test(run: RunArgument = NEWEST, folder: FolderOption = RUNS, as_json: JsonOption = False) -> None:
    """Measure a run's test part once more, and say whether the figures are those of the run.

    With folds or restarts: of each of them. They differ when the data, the versions or the machine have changed.
    """
    from .runs import find_run

    found = find_run(run, folder)
    from .testing import test_again

    def figures(one: Tested) -> dict[str, float]:
        return {"loss": one.now.loss, one.metric: one.now.metric, **one.now.metrics}

    if as_json:
        body = [
            {
                "trial": one.label,
                "epoch": one.now.epoch,
                "rows": one.rows,
                "figures": {name: value if math.isfinite(value) else None for name, value in figures(one).items()},
                "same": one.same,
            }
            for one in test_again(found.path)
        ]
        typer.echo(json.dumps(body, indent=2))
        return
    typer.echo(f"run {clean(found.name)}")
    for one in test_again(found.path):
        name = f"{clean(one.label, 40)}: " if one.label else ""
        words = "   ".join(f"{clean(what, 40)} {value:.4f}" for what, value in _once(figures(one)).items())
        typer.echo(f"{name}weights of epoch {one.now.epoch}, {one.rows} test rows   {words}")
        typer.echo(f"{name}{_against(one)}")


def export(
    run: RunName,
    to: Annotated[
        Literal["safetensors", "torchscript", "onnx", "script"],
        typer.Option("--to", help="What to make of it.", show_default=False),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FILE", help="Where to write it; a name of its own, here, without this."),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    trial: TrialOption = 0,
    folder: FolderOption = RUNS,
) -> None:
    """Write a run's model, with the weights of its best epoch and its preprocessing, to a file for other programs.

    safetensors: the weights, preprocessing and settings as metadata; `nntui predict FILE.safetensors new.csv` works with it
    alone. torchscript, onnx: from raw inputs to probabilities or values, for torch or an ONNX runtime without nntui.
    script: a plain PyTorch program that trains what the run trained.
    """
    from .runs import find_run

    found = find_run(_named(run), folder)
    suffix = SUFFIXES[to]
    path = out or f"{_file_name(found.name)}{suffix}"
    if not force and Path(path).expanduser().exists():
        raise InputError([Fault("--out", "is there already", "--force writes over it", clean(path, 2000))])
    if to == "script":
        from .script import plain_script
        from .script.source import settings_of_folder, write_program

        write_program(path, plain_script(settings_of_folder(str(found.path))))
        typer.echo(f"written: {clean(path, 2000)}; run it with: python {shlex.quote(path)}")
        return
    from .exporting import export as write
    from .trained import load_trained

    trained = load_trained(found.path, trial)
    written = write(trained, to, path)
    typer.echo(f"written: {clean(path, 2000)}, {written.stat().st_size:,} bytes, the weights of {trained.words}")


SUFFIXES = {"safetensors": ".safetensors", "torchscript": ".pt", "onnx": ".onnx", "script": ".py"}
"""How a file of each kind is called."""


def _file_name(run: str) -> str:
    """A name for a file of a run, without the time at which it began."""
    return clean(re.sub(r"^\d{8}-\d{6}-", "", run), 100) or "model"


def _once(figures: dict[str, float]) -> dict[str, float]:
    """Without the primary metric's second name."""
    lower = {name.lower() for name in figures if name != name.lower()}
    return {name: value for name, value in figures.items() if name not in lower}


def _against(one: Tested) -> str:
    if one.before is None:
        return "the run has not measured it itself"
    if one.same:
        return "the same as the run measured"
    loss, metric = f"loss {one.before.loss:.6g}", f"{one.metric} {one.before.metric:.6g}"
    now = f"now {one.now.loss:.6g} and {one.now.metric:.6g}"
    return (
        f"not the same: the run measured {loss} and {metric}, {now}; the data, the versions or the machine have changed"
    )


@contextlib.contextmanager
def _output(path: str) -> Iterator[tuple[TextIO, bool]]:
    """Where to write to, and whether that is a terminal. A file appears when all of it is there."""
    if not path:
        yield sys.stdout, sys.stdout.isatty()
        return
    import io

    from .rundir import write_atomically

    text = io.StringIO()
    yield text, False
    try:
        write_atomically(Path(path).expanduser().resolve(), text.getvalue().encode())
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(
            [Fault("--out", f"cannot be written: {reason}", "choose another place", clean(path))]
        ) from None


def _named(run: str) -> str:
    if not run.strip():
        raise InputError([Fault("RUN", "is empty", "`nntui ls` lists the runs")])
    return run


VERBS = (predict, test, export)
