"""Which code of the user's a run was trained with: copies and hashes in its folder, and whether it has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .config import RunConfig
from .data.catalogue import is_called
from .data.stored import streamed
from .data.table import Table
from .rundir import RunDir, write_atomically
from .text import clean
from .usercode import CodeFile
from .userframes import shown_path

CODE_FILE = "code.json"
CODE_FOLDER = "code"
LARGEST = 1 << 20
"""Bytes of a source file that is copied at the most."""


def keep_code(folder: RunDir, files: Sequence[CodeFile], config: RunConfig, table: Table) -> list[str]:
    """Put the user's code on record, or, where a run is taken up again, hold it against the record; lines for a person.

    files: as they were loaded. A run without code of the user's has no record. What cannot be written is told and does no harm.
    """
    if config.model.kind != "custom" and not is_called(config.data.source):
        return []
    own = {"files": {one.module: [one.path, one.sha256] for one in files}}
    if is_called(config.data.source):
        own["data"] = {"sha256": [_digest(table), ""]}
    path = folder.path / CODE_FILE
    try:
        if path.exists():
            return _changes(json.loads(path.read_text("utf-8")), own)
        for one in files:
            _copy(folder.path / CODE_FOLDER, one)
        write_atomically(path, (json.dumps(own, indent=1) + "\n").encode())
    except (OSError, ValueError) as error:
        return [f"your code cannot be put on record: {clean(error)}"]
    return []


def _digest(table: Table) -> str:
    """A hash of all the numbers of a dataset."""
    found = hashlib.sha256()
    for part in (table.x if (x := streamed(table.x)) is None else x.figures, table.y):
        found.update(f"{part.dtype}{part.shape}".encode())
        found.update(part.reshape(-1).data)
    return found.hexdigest()


def _copy(folder: Path, one: CodeFile) -> None:
    content = Path(one.path).read_bytes()
    if len(content) <= LARGEST:
        place = folder / Path(*one.module.split(".")).with_suffix(".py")
        if Path(one.path).name == "__init__.py":
            place = folder / Path(*one.module.split(".")) / "__init__.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, content)


def _changes(before: Any, now: Any) -> list[str]:
    """What has changed, a line each. Records of a shape that this version does not know say nothing."""
    found = []
    try:
        known = before["files"]
        changed = [path for module, (path, digest) in now["files"].items() if known.get(module, ["", ""])[1] != digest]
        if changed:
            listed = ", ".join(shown_path(path) for path in changed[:4]) + (" and more" if len(changed) > 4 else "")
            found.append(
                f"your code has changed since this run began: {listed}; what it was is in {CODE_FOLDER}/ of the run"
            )
        if "data" in now and before.get("data") != now["data"]:
            found.append("your data is not what this run began with: the figures before and after do not compare")
    except (KeyError, TypeError, AttributeError, IndexError):
        pass
    return found
