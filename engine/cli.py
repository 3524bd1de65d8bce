"""The headless verbs: train, lr-find, datasets, samples, config, and those about runs that exist, from cli_runs.

Nothing here imports torch before training starts.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from . import __version__
from .errors import (
    EXIT_BAD_INPUT,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    CodeError,
    Fault,
    InputError,
    TrainingError,
    config_error,
)
from .options import (
    DetachOption,
    DevicesOption,
    EndpointOption,
    FileArgument,
    MeetingOption,
    NodesOption,
    SampleOption,
    SetOption,
)
from .signals import occupy_descriptors
from .text import clean

if TYPE_CHECKING:
    from .config import RunConfig
    from .preview import DataPreview

__all__ = ["app", "main", "resolve"]

app = typer.Typer(
    name="nntui",
    help="Train neural networks in a terminal and see what goes wrong while it can still be mended.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nntui {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def resolve(file: str, sample: str, settings: Sequence[str]) -> RunConfig:
    """The configuration that a file or a sample and the settings name, the defaults without either; ConfigError when no good."""
    from .configfile import build_config, load_config
    from .samples import sample_path

    if file and sample:
        raise config_error("--sample", "a FILE and a sample were both given", "give one of them")
    if not (file or sample):
        return build_config({}, settings)
    return load_config(sample_path(sample) if sample else file, settings)


@app.command()
def train(
    file: FileArgument = "",
    sample: SampleOption = "",
    set_: SetOption = [],  # noqa: B006
    devices: DevicesOption = None,
    nodes: NodesOption = 1,
    endpoint: EndpointOption = "",
    meeting: MeetingOption = "",
    detached: DetachOption = False,
) -> None:
    """Train without a screen: a line per epoch, then the final figures.

    Exit codes: 0 done, 1 training failed, 2 bad input, 130 after Ctrl-C, 143 after SIGTERM. Ctrl-C stops after the batch in
    hand and keeps the best weights; a second one stops at once. SIGTERM saves a checkpoint and leaves out the test, SIGUSR1
    saves one and goes on. When the terminal goes away, training goes on without it.

    --devices N trains with N processes by torchrun, and --devices N --nnodes M --rdzv-endpoint HOST:PORT, said on each of M
    machines, with N on each of them.
    """
    if not (file or sample or set_):
        raise config_error("", "nothing to train", "give a FILE, or try `nntui train --sample digits`")
    settings = [*set_, *([f"run.devices={devices}"] if devices else [])]
    config = resolve(file, sample, settings)
    from .headless import detach, meeting_of, train_plainly

    together = meeting_of(nodes, endpoint, meeting, detached)
    if not detached:
        raise typer.Exit(train_plainly(config, together))
    options = [part for setting in settings for part in ("--set", setting)]
    what = ["--sample", sample] if sample else ["--", file] if file else []
    raise typer.Exit(detach(["train", *options, *what]))


@app.command(name="lr-find")
def lr_find(
    file: FileArgument = "",
    sample: SampleOption = "",
    set_: SetOption = [],  # noqa: B006
    lowest: Annotated[float, typer.Option("--from", help="The learning rate to start from.")] = 1e-7,
    highest: Annotated[float, typer.Option("--to", help="The learning rate to end at.")] = 10.0,
    steps: Annotated[int, typer.Option("--steps", help="How many steps to take in between.")] = 100,
) -> None:
    """Look for a good learning rate: train a few steps while it grows, and show where the loss falls and where it explodes.

    Nothing is written, and no run is touched.
    """
    if not (file or sample or set_):
        raise config_error("", "nothing to try the rates on", "give a FILE, or try `nntui lr-find --sample digits`")
    config = resolve(file, sample, set_)
    typer.echo("loading data and PyTorch")
    from .lr_find import describe, find_lr

    typer.echo(describe(find_lr(config, lowest, highest, steps)))


@app.command()
def datasets(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="A dataset, a file or a folder of pictures to look at.", show_default=False
        ),
    ] = "",
    search: Annotated[str, typer.Option("--search", metavar="WORDS", help="List those that fit these words.")] = "",
    target: Annotated[str, typer.Option("--target", metavar="COLUMN", help="Of a file: the column to predict.")] = "",
    set_: SetOption = [],  # noqa: B006
) -> None:
    """List the built-in datasets, or look at one of them or at a file: its classes and a few of its rows."""
    from .data import catalogue
    from .data.describe import describe, list_cards, list_columns
    from .data.sources import peek_source

    if name:
        if search:
            raise config_error("--search", "a NAME and words to search by were both given", "give one of them")
        plain = "utf" not in (sys.stdout.encoding or "").lower()
        if catalogue.is_file(name) and not target and not set_:
            lines = list_columns(peek_source(name), _columns(), plain)
        else:
            lines = describe(catalogue.card(name), _looked_at(name, target, set_), _columns(), plain)
        typer.echo("\n".join(lines))
        return
    found = catalogue.search(search)
    if not found:
        raise config_error("--search", f"no dataset fits '{search}'", "`nntui datasets` lists them all")
    for line in list_cards(found, _columns()):
        typer.echo(line)
    typer.echo("\n`nntui datasets NAME` shows one of them, or a file of your own. To train on a file,")
    typer.echo("set data.source to its path and data.target to the column to predict.")


def _looked_at(name: str, target: str, settings: Sequence[str]) -> DataPreview:
    """A preview of the dataset; its faults are raised."""
    from .configfile import build_config
    from .errors import DataError
    from .previewing import preview_data

    named = {"source": name, **({"target": target} if target else {})}
    seen = preview_data(build_config({"data": named}, settings).data)
    if seen.faults:
        raise DataError(seen.faults)
    return seen


def _columns() -> int:
    """The width to print for: that of the terminal, 80 at the least and 100 at the most, and 80 where there is none."""
    return min(100, max(80, shutil.get_terminal_size().columns))


@app.command()
def samples() -> None:
    """List the sample configurations."""
    from . import samples as shelf

    for name, path in shelf.samples().items():
        text = textwrap.wrap(shelf.about(path), 74)
        typer.echo(f"{name:<24} {text[0] if text else ''}")
        for line in text[1:]:
            typer.echo(f"{'':<24} {line}")


@app.command()
def config(
    file: FileArgument = "",
    sample: SampleOption = "",
    set_: SetOption = [],  # noqa: B006
    template: Annotated[
        bool, typer.Option("--template", help="Print a TOML file with every knob, its default and what it does.")
    ] = False,
) -> None:
    """Print a configuration as TOML: a commented template, or FILE resolved with its settings."""
    from .configfile import dump_config
    from .configfile import template as full_template

    if template:
        if file or sample or set_:
            raise config_error("--template", "takes no file, sample or settings", "leave them out")
        typer.echo(full_template(), nl=False)
    else:
        typer.echo(dump_config(resolve(file, sample, set_)), nl=False)


@app.command()
def script(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A run's TOML file, or its folder.", show_default=False)
    ] = "",
    sample: SampleOption = "",
    set_: SetOption = [],  # noqa: B006
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT.py", help="Write it to a file instead of printing it.")
    ] = "",
) -> None:
    """Print a plain PyTorch program that trains what FILE says, number for number.

    It needs torch, numpy and scikit-learn, and holds only what the settings use. What a program cannot have is refused.
    """
    from .script import plain_script
    from .script.source import settings_of_folder, write_program

    folder = file != "" and not sample and Path(file).is_dir()
    text = plain_script(settings_of_folder(file, set_) if folder else resolve(file, sample, set_))
    if not output:
        typer.echo(text, nl=False)
        return
    write_program(output, text)
    typer.echo(f"run it with: python {shlex.quote(output)}")


def main(arguments: Sequence[str] | None = None, command: typer.Typer = app) -> int:
    """Run the command line and return the exit code. Every fault of the user is one line on standard error."""
    occupy_descriptors()
    group = typer.main.get_command(command)
    try:
        code = group.main(
            list(sys.argv[1:] if arguments is None else arguments), prog_name="nntui", standalone_mode=False
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else EXIT_OK
    except InputError as error:
        code = EXIT_FAILED if isinstance(error, CodeError) else EXIT_BAD_INPUT
        return _complain([fault.line() for fault in error.faults], code, error.faults[0].frames)
    except TrainingError as error:
        return _complain([f"training failed: {error}"], EXIT_FAILED, error.frames)
    except BrokenPipeError:
        # Nobody reads our output any more (`nntui train … | head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the whole help page
            typer.echo(str(error), err=True)
            return EXIT_BAD_INPUT
        usage = _usage_fault(error)
        if usage is None:
            raise
        return _complain([usage.line()], EXIT_BAD_INPUT)


def _usage_fault(error: Exception) -> Fault | None:
    """A fault for a wrong command line as the parser reports it, or None for anything else."""
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    return Fault("", message().strip().rstrip("."), "`nntui --help` shows the commands")


def _complain(lines: Sequence[str], code: int, frames: Sequence[str] = ()) -> int:
    """Say what is wrong, a line each, and the way to it through the user's own code."""
    with contextlib.suppress(OSError):  # nobody can read it any more
        for line in lines:
            typer.echo(f"nntui: {line}", err=True)
        for frame in frames:
            typer.echo(f"    {clean(frame)}", err=True)
    return code


class DefaultCommandGroup(TyperGroup):
    """A command group in which what is no command goes to a default one: ``nntui FILE`` is ``nntui open FILE``."""

    default = "open"

    def parse_args(self, ctx, args):
        if not args or (args[0] not in self.commands and args[0] not in _GROUP_OPTIONS):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


_GROUP_OPTIONS = frozenset(["-h", "--help", "--version", "--install-completion", "--show-completion"])


def known_file(path: str) -> bool:
    """Whether `path` exists; used to tell a mistyped command from a missing file."""
    return Path(path).expanduser().exists()


from . import cli_models, cli_processes, cli_runs  # noqa: E402  -- their verbs stand behind the others in the help

for _verb in (*cli_runs.VERBS, *cli_models.VERBS):
    app.command()(_verb)
for _verb in cli_processes.VERBS:
    app.command(hidden=True)(_verb)
