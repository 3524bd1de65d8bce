"""What the app remembers from one start to the next: the draft, the files used last, the theme.

One small JSON file, replaced whole each time, so that a crash in the middle of a write leaves the one before. It is a
convenience: what cannot be read is as good as nothing remembered, and what cannot be written is forgotten.

Each app that is open has a file of its own, held by a lock that the system takes back however the app ends: ``setup.json`` the
first, ``setup-2.json`` one beside it. An app begins with what any of them has written last.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .latest import Latest

MOST_RECENT = 10
MOST_AT_ONCE = 9  # apps that remember something beyond their end
_MAX_BYTES = 1_000_000
_VERSION = 1


def state_file() -> Path:
    """Where it is kept: in the folder that the system has for this, or in ``NNTUI_STATE`` if that is set."""
    from platformdirs import user_state_path

    folder = os.environ.get("NNTUI_STATE", "")
    return (Path(folder) if folder else user_state_path("nntui")) / "setup.json"


@dataclass(frozen=True)
class Memory:
    """What was remembered.

    texts: the draft, what differs from the defaults, by knob. typing: the field that was open and what stood in it.
    configs, tables: paths of the TOML and the data files used last, the newest first. theme: the theme's name, or "". charts: how a person likes them, see tui.taste.
    """

    texts: dict[str, str] = field(default_factory=dict)
    typing: tuple[str, str] | None = None
    configs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    theme: str = ""
    charts: dict[str, Any] = field(default_factory=dict)


class Keeper:
    """Remembers what it is told, in a thread of its own; without a file, for as long as the app runs.

    beside: another app has the file, and this one keeps one of its own beside it.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file, self._lock = _take_place(file) if file is not None else (None, -1)
        self._writer = Latest("nntui-keeper")
        self.beside = self._file != file
        self.memory = _newest(_places(file)) if file is not None else Memory()

    def keep(self, **changes: Any) -> None:
        """Remember other values of `Memory`'s fields from now on."""
        new = Memory(**{**vars(self.memory), **changes})
        if new != self.memory:
            self.memory = new
            if self._file is not None:
                content, file = _dumped(new), self._file
                self._writer.ask(lambda: _write(file, content))

    def used_config(self, path: str) -> None:
        """A TOML file was opened or saved."""
        self.keep(configs=_with(self.memory.configs, path))

    def used_table(self, path: str) -> None:
        """A data file was chosen."""
        self.keep(tables=_with(self.memory.tables, path))

    def finish(self, seconds: float = 1.0) -> None:
        """Wait until all of it is written, and leave the file to others."""
        self._writer.finish(seconds)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _places(file: Path) -> list[Path]:
    """Where the apps that are open at once keep what they remember."""
    return [file, *(file.with_stem(f"{file.stem}-{number}") for number in range(2, MOST_AT_ONCE + 1))]


def _take_place(file: Path) -> tuple[Path | None, int]:
    """A place that no other app has, and the lock on it; no place when all are taken, no lock where there are none."""
    for place in _places(file):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return file, -1
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return place, lock
        except OSError as error:
            os.close(lock)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN):
                return file, -1
    return None, -1


def _newest(places: Sequence[Path]) -> Memory:
    """What was written last, with the files used in any of the apps."""
    times = {}
    for place in places:
        with contextlib.suppress(OSError):
            times[place] = place.stat().st_mtime_ns
    found = [read(place) for place in sorted(times, key=lambda one: -times[one])]
    if not found:
        return Memory()
    configs = dict.fromkeys(path for one in found for path in one.configs)
    tables = dict.fromkeys(path for one in found for path in one.tables)
    return replace(found[0], configs=tuple(configs)[:MOST_RECENT], tables=tuple(tables)[:MOST_RECENT])


def _with(paths: tuple[str, ...], path: str) -> tuple[str, ...]:
    full = str(Path(path).expanduser().absolute())
    return (full, *(one for one in paths if one != full))[:MOST_RECENT]


def read(file: Path) -> Memory:
    """What stands in the file; nothing at all when there is none, or something else in it."""
    try:
        with file.open("rb") as source:
            content: Any = json.loads(source.read(_MAX_BYTES))
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            return Memory()
        typing = content.get("typing")
        return Memory(
            _texts(content.get("texts")),
            (str(typing[0]), str(typing[1])) if isinstance(typing, list) and len(typing) == 2 else None,
            _paths(content.get("configs")),
            _paths(content.get("tables")),
            str(content.get("theme", "")),
            dict(charts) if isinstance(charts := content.get("charts"), dict) else {},
        )
    except (OSError, ValueError, RecursionError):
        return Memory()


def _texts(found: Any) -> dict[str, str]:
    return {str(key): str(text) for key, text in found.items()} if isinstance(found, Mapping) else {}


def _paths(found: Any) -> tuple[str, ...]:
    return tuple(str(path) for path in found)[:MOST_RECENT] if isinstance(found, list) else ()


def _dumped(memory: Memory) -> bytes:
    # Escaped to ASCII: a path may hold bytes that are no text, which Python keeps as lone surrogates.
    return json.dumps({"version": _VERSION, **vars(memory)}, indent=1).encode("ascii")


def _write(file: Path, content: bytes) -> None:
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        # Not synced: a killed process loses nothing by that, and a draft is not worth waiting for a disk at every key.
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(content)
            os.replace(temporary, file)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
