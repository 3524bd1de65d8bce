"""Settings and scripts written to files that a person named. Slow disks make this slow: call it from a thread."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from engine.config import RunConfig
from engine.durable import NewFile
from engine.tomlfile import read_text


def save_config(path: str, config: RunConfig, overwrite: bool) -> None:
    """Write the settings as TOML. What a person wrote in the file, comments and order, stays.

    Raises FileExistsError when there is a file and it may not be written into, ConfigError when what is there is no TOML, OSError.
    """
    from engine.tomlupdate import to_toml, update_toml

    file = _place(path, overwrite)
    _replace(file, update_toml(read_text(file), config) if file.exists() else to_toml(config))


def save_script(path: str, config: RunConfig, overwrite: bool) -> None:
    """Write a script that trains the same with torch, numpy and scikit-learn alone.

    Raises FileExistsError as above, InputError when the settings hold something that has no place in a script, OSError.
    """
    from engine.script import plain_script

    text = plain_script(config)
    _replace(_place(path, overwrite), text)


def _place(path: str, overwrite: bool) -> Path:
    """The file meant, behind any link."""
    file = Path(path).expanduser().resolve()
    if file.is_dir():
        raise IsADirectoryError(0, "is a folder")
    if file.exists() and not overwrite:
        raise FileExistsError(path)
    return file


def _replace(file: Path, text: str) -> None:
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else None
    with NewFile(file) as new:
        new.write(text.encode())
        new.publish()
    if mode is not None:
        with contextlib.suppress(OSError):
            os.chmod(file, mode)
