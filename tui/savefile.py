"""Settings and scripts written to files that a person named. Slow disks make this slow: call it from a thread."""

from __future__ import annotations

from pathlib import Path

from engine import saving
from engine.config import RunConfig
from engine.rundir import write_atomically


def save_config(path: str, config: RunConfig, overwrite: bool) -> None:
    """Write the settings as TOML. What a person wrote in the file, comments and order, stays.

    Raises FileExistsError when there is a file and it may not be written into, ConfigError as engine.saving does, OSError.
    """
    _check(path, overwrite)
    saving.save_config(path, config)


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
