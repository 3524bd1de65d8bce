"""Arguments and options that several verbs of the command line share."""

from __future__ import annotations

from typing import Annotated

import typer

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
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="[RUN]", help="A run's name, a part of it, or its folder; the newest if left out.", show_default=False
    ),
]
FolderOption = Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Where the runs are.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
