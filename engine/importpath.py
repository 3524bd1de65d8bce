"""Names by which a person's own code is found: ``mypkg.nets:Net``, ``path/to/nets.py:Net``. Light: nothing is imported here."""

from __future__ import annotations

import re

_PATTERN = re.compile(r"(?P<home>.+):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)", re.S)
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def is_import_path(text: str) -> bool:
    """Whether a text names an object in a module (``mypkg.data:make``) or in a Python file (``path/to/data.py:make``)."""
    return split_import_path(text) is not None


def split_import_path(text: str) -> tuple[str, str] | None:
    """Module or file, and the name of the object in it; None for a text of another shape."""
    found = _PATTERN.fullmatch(text.strip())
    if found is None or not (is_python_file(found["home"]) or _DOTTED.fullmatch(found["home"])):
        return None
    return found["home"], found["name"]


def is_python_file(home: str) -> bool:
    """Whether the first half of such a name is a file and not a module."""
    return home.lower().endswith(".py")
