"""Arguments and options that several verbs of the command line share."""

from __future__ import annotations

from typing import Annotated

import typer

from .errors import config_error

FileArgument = Annotated[str, typer.Argument(metavar="[FILE]", help="A run's TOML file.", show_default=False)]
SampleOption = Annotated[
    str, typer.Option("--sample", metavar="NAME", help="Use a sample that comes with nntui: see `nntui samples`.")
]
SetOption = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Set a knob, for example --set optimizer.lr=0.01.")
]
DetachOption = Annotated[
    bool, typer.Option("--detach", help="Train in a process of its own, which goes on when this terminal is closed.")
]
DevicesOption = Annotated[
    int | None,
    typer.Option(
        "--devices", metavar="N", min=1, help="Train with N processes, each on a device of its own.", show_default=False
    ),
]
NodesOption = Annotated[
    int,
    typer.Option(
        "--nnodes", metavar="N", min=1, help="With --devices: how many machines train together.", show_default=False
    ),
]
EndpointOption = Annotated[
    str,
    typer.Option(
        "--rdzv-endpoint", metavar="HOST:PORT", help="Of several machines: where they meet.", show_default=False
    ),
]
MeetingOption = Annotated[
    str,
    typer.Option("--rdzv-id", metavar="NAME", help="Of several machines: a name for the meeting.", show_default=False),
]
NEWEST = "@newest"
"""What stands for the newest run where none is named. An empty name is a mistake: an unset variable of a script."""


def _named(run: str) -> str:
    if not run.strip():
        raise config_error("RUN", "is empty", "leave it out for the newest run, or name one")
    return "" if run == NEWEST else run


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="[RUN]",
        help="A run's name, a part of it, or its folder; the newest if left out.",
        show_default=False,
        callback=_named,
    ),
]
FolderOption = Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Where the runs are.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
