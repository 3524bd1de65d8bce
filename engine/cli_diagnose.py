"""`nntui diagnose`: what is wrong with a run, from its folder, from a CSV file or from the TensorBoard log of any framework."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import Fault, InputError
from .options import NEWEST, FolderOption, JsonOption
from .text import clean

if TYPE_CHECKING:
    from .diagnosis import Finding
    from .rundir import RunDir

TrainOption = Annotated[str, typer.Option("--train", metavar="NAME", help="The curve that is the training loss.")]
ValOption = Annotated[str, typer.Option("--val", metavar="NAME", help="The curve that is the validation loss.")]
RateOption = Annotated[str, typer.Option("--lr", metavar="NAME", help="The curve that is the learning rate.")]
EpochsOption = Annotated[
    int,
    typer.Option("--epochs", metavar="N", min=0, help="How many evaluations the run was to have, if it is not over."),
]
BaselineOption = Annotated[
    float,
    typer.Option("--baseline", metavar="LOSS", min=0.0, help="The loss of always giving the same answer, if known."),
]


def diagnose(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[FILE|RUN|LOGDIR]",
            help="A CSV file, a run, or a folder of TensorBoard logs; the newest run if left out.",
            show_default=False,
        ),
    ] = NEWEST,
    train: TrainOption = "",
    val: ValOption = "",
    lr: RateOption = "",
    epochs: EpochsOption = 0,
    baseline: BaselineOption = 0.0,
    folder: FolderOption = "runs",
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with a training run, with the evidence, and what to try.

    Reads a run of nntui, a CSV file with columns such as epoch, train_loss, val_loss and lr, or the TensorBoard logs of any
    framework: training and validation loss are found by their names, which --train and --val overrule.
    """
    from .runs import find_run

    path = Path(what).expanduser()
    name = "" if what == NEWEST else what
    from_run = name == "" or not path.exists() or (path.is_dir() and (path / "events.jsonl").exists())
    if from_run and not _looks_like_file(name):
        parts = list(_of_run(find_run(name, folder)))
    else:
        parts = [_of_curves(path, train, val, lr, epochs, baseline)]
    if as_json:
        typer.echo(json.dumps([_as_json(*part) for part in parts], indent=2))
        return
    for notes, findings, count in parts:
        _print(notes, findings, count)


def _looks_like_file(name: str) -> bool:
    """Whether what is not there was meant to be a file: the mistake is then said of the file, not of a run."""
    path = Path(name).expanduser()
    return bool(name) and (path.is_file() or (not path.exists() and path.suffix in (".csv", ".tsv", ".txt")))


Part = tuple[dict[str, str], "list[Finding]", int]
"""What to say of where the numbers come from, the findings, and how many epochs were looked at."""


def _of_run(run: RunDir) -> Iterator[Part]:
    """The findings at the end of a run, or of each of its trials."""
    from .config import RunConfig
    from .configfile import check
    from .diagnosis import Doctor, Setting
    from .knobs import values
    from .ownloop.judging import judged
    from .record import read_record

    record = read_record(run)
    view = record.view
    settings, _ = check(view.config) if view.config else (RunConfig(), [])
    knobs = values(settings) if settings is not None else None
    setting = Setting(
        max_epochs=view.total_epochs,
        baseline=view.data.baseline_loss if view.data else math.nan,
        layers=view.model.layers if view.model else (),
        schedule=str(view.config.get("schedule", {}).get("name", "")),
        config=knobs,
        classes=len(view.data.class_names) if view.data else 0,
    )
    labels = {trial.number: trial.label for trial in view.trials}
    shown = {number: history for number, history in record.epochs.items() if history}
    if not shown:
        raise InputError([Fault("", "no epoch of this run is done yet", "", clean(run.path, 2000))])
    for number, history in sorted(shown.items()):
        doctor = Doctor(setting)
        over = record.after == "ended" or number in record.ended
        rows = [history[epoch] for epoch in sorted(history)]
        for ended in rows:
            if (shown := judged(ended)) is not None:
                for _ in doctor.examine(shown, final=over and ended is rows[-1]):
                    pass
        notes = {"run": clean(run.name)} | ({"trial": clean(labels[number])} if number in labels else {})
        yield notes, list(doctor.held()), len(rows)


def _of_curves(path: Path, train: str, val: str, lr: str, epochs: int, baseline: float) -> Part:
    """The findings at the end of the curves in a file or folder."""
    from . import curves
    from .diagnosis import diagnose as judge

    paired = curves.pair(curves.read_curves(path), train, val, lr)
    findings = judge(
        train_loss=paired.train,
        val_loss=paired.val,
        lr=paired.lr,
        max_epochs=max(epochs, len(paired.val)) if epochs else None,
        baseline=baseline or math.nan,
    )
    notes = {role: clean(name, 200) for role, name in paired.names.items()}
    count = len(paired.at)
    if paired.at != list(range(1, count + 1)) and paired.at != list(range(count)):
        notes["epochs"] = f"evaluation 1 to {count}, at steps {paired.at[0]} to {paired.at[-1]}"
    return notes, findings, count


def _print(notes: dict[str, str], findings: list[Finding], count: int) -> None:
    from .diagnosis import NOTES

    for name, text in notes.items():
        typer.echo(f"{name:<16} {text}")
    if not findings:
        typer.echo(f"nothing wrong is seen in {count} epochs" + ("; that is too few to say much" if count < 8 else ""))
    for finding in findings:
        sign = "note" if finding.kind in NOTES else "warning"
        typer.echo(f"{sign}: {finding.title} ({finding.confidence}, began in epoch {finding.began})")
        typer.echo(f"  {finding.evidence}")
        for number, action in enumerate(finding.actions[:3]):
            typer.echo(f"  {'try' if number == 0 else 'or'}: {action}")
        for change in finding.changes:
            typer.echo(f"  {change.key}: {change.before or 'nothing'} -> {change.after}")


def _as_json(notes: dict[str, str], findings: list[Finding], count: int) -> dict[str, Any]:
    from dataclasses import asdict

    return {"source": notes, "epochs": count, "findings": [asdict(finding) for finding in findings]}
