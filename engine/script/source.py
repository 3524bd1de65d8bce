"""Where a program's settings come from when it is a run that is to be repeated, and where the program goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..config import RunConfig
from ..configfile import load_config
from ..errors import ConfigError, Fault, config_error
from ..record import read_record
from ..rundir import RunDir, write_atomically
from ..text import clean


def settings_of_folder(folder: str, settings: Sequence[str] = ()) -> RunConfig:
    """The settings of the run in `folder`, with ``--set`` settings laid over them.

    Raises ConfigError when it was changed while it trained: a program of its settings would come to other numbers.
    """
    run = RunDir(Path(folder).expanduser().absolute())
    hint = "`nntui replay` repeats such a run; its config.toml has the settings that it began with"
    faults = []
    for edit in read_record(run).script():
        where = f"in epoch {edit.epoch}"
        for key in edit.changes:
            faults.append(Fault(key, f"was changed {where} while the run trained, which a script cannot do", hint))
        if edit.more:
            faults.append(Fault("run.epochs", f"{edit.more} more were added while the run trained", hint))
    if faults:
        raise ConfigError([Fault(one.key, one.problem, one.hint, clean(folder, 2000)) for one in faults])
    return load_config(run.config, settings)


def write_program(path: str, text: str) -> None:
    """Write a program to a file, whole or not at all. ConfigError when that cannot be done."""
    try:
        write_atomically(Path(path).expanduser().resolve(), text.encode())
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise config_error("--output", f"cannot be written: {reason}", "choose another place", clean(path)) from None
