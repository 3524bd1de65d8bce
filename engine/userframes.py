"""The part of a traceback that is the user's own code, and a failure in it as one line."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from pathlib import Path

from .errors import CodeError, InputError, TrainingError, code_error
from .text import clean

MOST_FRAMES = 8
"""Of a longer way, as of an endless recursion, the first ones and the last ones are told."""

_OWN = tuple(str(Path(__file__).resolve().parents[1] / name) + os.sep for name in ("engine", "tui"))
_STANDARD = tuple({sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib")})


def is_users(file: str) -> bool:
    """Whether a source file is neither ours nor Python's nor of an installed package."""
    if file.startswith("<") or not file:
        return False
    path = os.path.abspath(file)
    if "site-packages" in path.split(os.sep) or "dist-packages" in path.split(os.sep):
        return False
    return not path.startswith(_OWN) and not path.startswith(_STANDARD)


def shown_path(file: str) -> str:
    """A path as a person would write it: from the current folder where it lies below that."""
    path = os.path.abspath(file)
    try:
        here = os.path.relpath(path)
    except (OSError, ValueError):
        here = path
    return clean(path if here.startswith("..") else here, 200)


def frames_of(error: BaseException) -> tuple[tuple[str, ...], str]:
    """The user's own frames of an exception, a line each, and the place of the innermost one as ``nets.py:12``, "" without any."""
    found = [one for one in traceback.extract_tb(error.__traceback__) if is_users(one.filename)]
    lines = [
        f"{shown_path(one.filename)}:{one.lineno} in {clean(one.name, 60)}: {clean(one.line or '', 160)}"
        for one in found
    ]
    where = f"{shown_path(found[-1].filename)}:{found[-1].lineno}" if found else ""
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        where = f"{shown_path(error.filename)}:{error.lineno}"
        lines.append(f"{where}: {clean((error.text or '').strip(), 160)}")
    if len(lines) > MOST_FRAMES:
        half = MOST_FRAMES // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} more", *lines[-half:]]
    return tuple(lines), where


def what_happened(error: BaseException) -> str:
    """An exception in a few words: its type and the first line of what it says."""
    if isinstance(error, SystemExit):
        return f"calls sys.exit({clean(repr(error.code), 40) if error.code is not None else ''})"
    if isinstance(error, SyntaxError):
        return clean(f"{type(error).__name__}: {error.msg}")
    try:
        told = str(error)
    except BaseException:  # noqa: BLE001  -- of a stranger's class, whose words may fail as well
        told = ""
    first = next((line.strip() for line in told.splitlines() if line.strip()), "")
    return clean(f"{type(error).__name__}: {first}" if first else type(error).__name__)


def failure(error: BaseException, key: str, doing: str) -> CodeError:
    """The CodeError for an exception that the user's code has raised. doing: what was done then, such as ``loading nets.py``."""
    frames, where = frames_of(error)
    hint = ""
    name = getattr(error, "name", None)
    if isinstance(error, ImportError) and isinstance(name, str) and name.partition(".")[0] in ("engine", "tui"):
        hint = f"'{name.partition('.')[0]}' is a package of nntui's own: rename yours, or import it relatively"
    elif isinstance(error, ModuleNotFoundError) and name:
        hint = f"install it into this environment: {sys.prefix}"
    return code_error(key, f"{doing}: {what_happened(error)}", hint, where, frames)


def training_error(error: BaseException) -> TrainingError:
    """The TrainingError for an exception that has ended a run: where in the user's code it was, if it was there, and what it says."""
    if isinstance(error, InputError):
        failed = TrainingError(error.faults[0].line())
        failed.frames = error.faults[0].frames
        return failed
    frames, where = frames_of(error)
    words = what_happened(error)
    failed = TrainingError(f"{where}: {words}" if where else words)
    failed.frames = frames
    return failed
