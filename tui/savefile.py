"""Settings and scripts written to files that a person named. Slow disks make this slow: call it from a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import saving
from engine.config import RunConfig
from engine.configfile import config_of
from engine.rundir import write_atomically
from engine.tomlfile import read_text


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A TOML file that settings came from, and what it said."""

    path: str
    text: str


def open_config(path: str, settings: Sequence[str] = ()) -> tuple[RunConfig, OpenFile | None]:
    """The settings in a TOML file, with others laid over them, and the file if it can be written back to: a pipe cannot.

    Raises ConfigError as engine.configfile.load_config does.
    """
    text = read_text(path)
    config = config_of(text, path, settings)
    return config, OpenFile(path, text) if Path(path).expanduser().is_file() else None


def save_config(
    path: str, config: RunConfig, overwrite: bool, known: str | None = None, base: str | None = None
) -> str:
    """Write the settings as TOML. What a person wrote in the file, comments and order, stays. Returns what it says now.

    known, base: as for engine.saving. Raises FileExistsError when there is a file and it may not be written into,
    ConfigError and FileChangedError as engine.saving does, OSError.
    """
    _check(path, overwrite)
    return saving.save_config(path, config, known=known, base=base)


def save_script(path: str, config: RunConfig, overwrite: bool) -> None:
    """Write a script that trains the same with torch, numpy and scikit-learn alone.

    Raises FileExistsError as above, InputError when the settings hold something that has no place in a script, OSError.
    """
    from engine.script import plain_script

    text = plain_script(config)
    write_atomically(_check(path, overwrite), text.encode())


def _check(path: str, overwrite: bool) -> Path:
    """The file meant, behind any link."""
    file = Path(path).expanduser().resolve()
    if file.is_dir():
        raise IsADirectoryError(0, "is a folder")
    if file.exists() and not overwrite:
        raise FileExistsError(path)
    return file
