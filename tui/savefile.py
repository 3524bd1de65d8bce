"""Settings and scripts written to files that a person named. Slow disks make this slow: call it from a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import saving
from engine.config import RunConfig
from engine.config.keywords import keywords_text
from engine.configfile import config_of
from engine.errors import ConfigError, Fault
from engine.knobs import knobs
from engine.rundir import write_atomically
from engine.tomlfile import parse_toml, read_text

from .draft import Draft


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


@dataclass(frozen=True, slots=True)
class Faulty:
    """What a TOML file with faults says all the same.

    texts: by knob, as a person would have typed them; a form shows what is wrong with them. left_out: what has no place there, or
    was read otherwise than it is written. file: as `open_config` gives it.
    """

    texts: dict[str, str]
    left_out: tuple[Fault, ...]
    file: OpenFile | None


def open_faulty(path: str) -> Faulty:
    """What can be made of a file that `open_config` refuses. Raises ConfigError when it is no TOML at all."""
    text = read_text(path)
    given = parse_toml(text, path)
    texts = {}
    for row in knobs():
        section = given.get(row.section)
        value = section.get(row.name) if isinstance(section, Mapping) else None
        if (written := _as_typed(value, row.kind)) is not None:
            texts[row.key] = written
    draft = Draft()
    draft.load_texts(texts)
    try:
        config_of(text, path)
        faults: tuple[Fault, ...] = ()  # it was mended a moment ago
    except ConfigError as error:
        faults = error.faults
    left_out = tuple(sorted((fault for fault in faults if fault.key not in draft.wrong), key=_line_of))
    return Faulty(texts, left_out, OpenFile(path, text) if Path(path).expanduser().is_file() else None)


def _line_of(fault: Fault) -> int:
    line = fault.where.rpartition(":")[2]
    return int(line) if line.isascii() and line.isdigit() else 0


def _as_typed(value: object, kind: str = "") -> str | None:
    """A value of TOML as it would be typed into a field of that kind; None when there is no way to type it."""
    if isinstance(value, bool):
        return ("on" if value else "off") if kind == "bool" else str(value).lower()
    if kind == "table" and isinstance(value, Mapping):
        with contextlib.suppress(ValueError):
            return keywords_text(value)
    if isinstance(value, list):
        parts = [_as_typed(one) for one in value]
        return None if None in parts else ", ".join(part for part in parts if part is not None)
    return repr(value) if isinstance(value, float) else str(value) if isinstance(value, int | str) else None


def save_config(
    path: str, config: RunConfig, overwrite: bool, known: str | None = None, base: str | None = None
) -> str:
    """Write the settings as TOML. What a person wrote in the file, comments and order, stays. Returns what it says now.

    known, base: as for engine.saving. Raises FileExistsError when there is a file and it may not be written into,
    ConfigError and FileChangedError as engine.saving does, OSError.
    """
    checked_path(path, overwrite)
    return saving.save_config(path, config, known=known, base=base)


def save_script(path: str, config: RunConfig, overwrite: bool) -> None:
    """Write a script that trains the same with torch, numpy and scikit-learn alone.

    Raises FileExistsError as above, InputError when the settings hold something that has no place in a script, OSError.
    """
    from engine.script import plain_script

    text = plain_script(config)
    write_atomically(checked_path(path, overwrite), text.encode())


def checked_path(path: str, overwrite: bool) -> Path:
    """The file meant, behind any link. Raises FileExistsError where one is there that may not be written over, OSError."""
    file = Path(path).expanduser().resolve()
    if file.is_dir():
        raise IsADirectoryError(0, "is a folder")
    if file.exists() and not overwrite:
        raise FileExistsError(path)
    return file
