"""Reading TOML: the text of a file, its content, and the line of every key; every way that can fail is a ConfigError."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import config_error

_MAX_BYTES = 1_000_000  # a configuration is a page of text; more is a wrong file


def read_text(path: str | Path) -> str:
    """The text of a file, read once: a pipe has no second time. ConfigError when it is missing or cannot be read."""
    where = str(path)
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise config_error("", "is too large for a configuration", "give the path of a run's TOML file", where)
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise config_error("", "no such file", "check the path, or try `nntui --sample digits`", where) from None
    except IsADirectoryError:
        raise config_error("", "is a folder, not a TOML file", "give the path of a run's TOML file", where) from None
    except UnicodeDecodeError:
        raise config_error("", "is not UTF-8 text", "save the file as UTF-8", where) from None
    except OSError as error:
        raise config_error("", f"cannot be read: {error.strerror or error}", "", where) from None
    except (ValueError, RuntimeError) as error:  # a null byte in the path; a ~user that does not exist
        raise config_error("", f"cannot be read: {error}", "check the path", where) from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The content of TOML text that came from `where`."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise config_error("", "is not valid TOML: nested too deeply", "", where) from None
    except ValueError as error:  # TOMLDecodeError, and Python's own for a number of thousands of digits
        # tomllib words the place as "(at line 3, column 5)"; the rest of its message says what is wrong.
        found = re.search(r" \(at line (\d+), column \d+\)", str(error))
        place = f"{where}:{found[1]}" if found else where
        problem = str(error).replace(found[0], "") if found else str(error)
        raise config_error(
            "", f"is not valid TOML: {problem}", 'text values need quotes: name = "sgd"', place
        ) from None


_MAX_KEY = 200  # no key of ours is longer; keeps the patterns below from toiling through long lines of values
_HEADER = re.compile(r"\[([A-Za-z0-9_.\-\s\"']+)\]\s*(#.*)?$")
_KEY = re.compile(r"([A-Za-z0-9_.\-\"']+(?:\s*\.\s*[A-Za-z0-9_\-\"']+)*)\s*=")


def lines_of_keys(text: str) -> dict[str, int]:
    """The line of every ``section`` and ``section.key``, for error messages (tomllib does not keep them)."""
    lines: dict[str, int] = {}
    section = ""
    for number, raw in enumerate(text.split("\n"), 1):  # as TOML counts lines: splitlines() knows other separators too
        line = raw.strip()[:_MAX_KEY]
        if header := _HEADER.match(line):
            section = _bare(header[1])
            lines.setdefault(section, number)
        elif key := _KEY.match(line):
            name = _bare(key[1])
            lines.setdefault(f"{section}.{name}" if section else name, number)
    return lines


def _bare(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
