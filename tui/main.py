"""The command ``nntui``: the engine's headless verbs, and opening the app. Textual is imported only for the latter."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from engine import cli, cli_models, cli_runs
from engine.errors import config_error
from engine.options import NEWEST, RunArgument

if TYPE_CHECKING:
    from engine.config import RunConfig

app = typer.Typer(
    name="nntui",
    cls=cli.DefaultCommandGroup,
    help="Train neural networks in a terminal and see what goes wrong while it can still be mended.\n\n"
    "`nntui` opens the app; `nntui FILE` or `nntui --sample digits` opens it with a configuration. Without a terminal the "
    "same command trains and prints plain lines.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.callback()(cli._root)
for _verb in (cli.train, cli.datasets, cli.samples, cli.config, cli.script, *cli_runs.VERBS, *cli_models.VERBS):
    app.command()(_verb)
app.command(name="lr-find")(cli.lr_find)


@app.command(name="open")
def open_(file: cli.FileArgument = "", sample: cli.SampleOption = "", set_: cli.SetOption = []) -> None:  # noqa: B006
    """Open the app, with a configuration if one is given. This is what `nntui` does when no command is named."""
    from .terminal import has_terminal

    if file and not cli.known_file(file) and "." not in file and "/" not in file:
        verbs = [verb.name or (verb.callback.__name__ if verb.callback else "") for verb in app.registered_commands]
        close = difflib.get_close_matches(file, verbs, n=1)
        hint = f"did you mean `nntui {close[0]}`?" if close else "`nntui --help` shows the commands"
        raise config_error("", f"no command and no file is called {file!r}", hint)
    config, opened = None, None
    if file and not sample:
        from .savefile import open_config

        config, opened = open_config(file, set_)
    elif sample:
        config = cli.resolve(file, sample, set_)
    if not has_terminal():
        raise typer.Exit(_headless(config))
    if config is None and set_:
        from engine.configfile import build_config

        config = build_config({}, set_)
    from engine.signals import leave_at_once

    from .session import run_app

    leave_at_once(run_app(config, opened=opened))


@app.command()
def attach(
    run: RunArgument = NEWEST,
    folder: Annotated[str, typer.Option("--folder", help="Where the runs are.")] = "runs",
) -> None:
    """Open the monitor on a run, live or over: its history, its findings, every key. Without RUN: on the newest.

    Leaving never stops the run. Without a terminal its lines are printed until it ends, or until Ctrl-C.
    """
    from engine.runs import find_run

    from .leaving import follow_plainly
    from .terminal import has_terminal

    found = find_run(run, folder)
    if not has_terminal():
        from .source import AttachedSource

        raise typer.Exit(follow_plainly(AttachedSource(found.path)))
    from engine.signals import leave_at_once

    from .session import run_app

    leave_at_once(run_app(None, found.path))


def _headless(config: RunConfig | None) -> int:
    if config is None:
        raise config_error(
            "",
            "no terminal here to open the app in",
            "train without one: nntui train FILE, or nntui train --sample digits",
        )
    from engine.headless import train_plainly

    return train_plainly(config)


def main() -> int:
    """Entry point of the console script; returns the exit code."""
    return cli.main(command=app)


if __name__ == "__main__":
    sys.exit(main())
