"""JSON lines (.jsonl, .ndjson) as a Table: an object in each line, whose names are the columns."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from ..config import DataConfig
from ..errors import DataError, Fault, data_error
from ..text import clean
from .delimited import Faults, display_name, read_head, read_text
from .files import read_table
from .header import Header
from .table import Table

_LINE_END = re.compile(r"\r\n?|\n")  # and no other: a text may have any of Unicode's inside

SUFFIXES = (".jsonl", ".ndjson")


class _Twice(ValueError):
    """A name that stands twice in one object."""


def load_jsonlines(config: DataConfig) -> Table:
    """The file `config.source`; what is said of engine.data.files.load_file holds here too.

    A name that an object lacks, and null, are missing values; true and false are booleans. Lists and objects inside are faults, as
    is every line that is not an object. Raises DataError with every fault found, each with its line.
    """
    name = display_name(config.source)
    if config.text:
        names, rows = objects_of(config.source, (config.text.strip(), config.target.strip()))
        return read_table(config, name, Header(names, name), lambda: iter(rows))
    names, rows, faults = _objects(name, read_text(config.source), config.ignore)
    if faults:
        raise DataError(faults)
    return read_table(config, name, Header(names, name), lambda: iter(rows))


def head_of(source: str, lines: int) -> tuple[list[str], list[tuple[int, list[str]]], bool]:
    """The names and the first rows of a file, and whether those are all. Raises DataError."""
    name = display_name(source)
    text, complete = read_head(source, lines)
    names, rows, faults = _objects(name, text, ())
    if faults:
        raise DataError(faults)
    return names, rows, complete


def objects_of(source: str, wanted: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names and all rows of a file; lists and objects count only in the columns `wanted`. Raises DataError."""
    name, text = display_name(source), read_text(source)
    names, rows, faults = _objects(name, text, ())
    if faults:
        names, rows, faults = _objects(name, text, tuple(own for own in names if own not in wanted))
    if faults:
        raise DataError(faults)
    return names, rows


def _objects(
    name: str, text: str, ignored: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, list[str]]], list[Fault]]:
    """The columns in the order in which they are first named, every row as (line, cells), and what is wrong."""
    faults = Faults("lines that are no objects", name)
    nested = Faults("values that are lists or objects", name)
    places: dict[str, int] = {}
    found: list[tuple[int, dict[str, str]]] = []
    for line, content in enumerate(_LINE_END.split(text), 1):
        if not content.strip():
            continue
        try:
            one: Any = json.loads(content, object_pairs_hook=_once)
        except json.JSONDecodeError as error:
            if line == 1 and content.lstrip()[:1] in "[{" and error.pos >= len(content.rstrip()):
                hint = "JSON lines has an object in each line, and no list around them"
            else:
                hint = 'an object in each line, such as {"size": 3.5, "kind": "a"}'
            where = f"{name}:{line}:{error.colno}"
            faults.add(Fault("data.source", f"not JSON: {clean(error.msg, 60)}", hint, where))
            continue
        except _Twice as error:
            problem = f"the name '{clean(error, 60)}' stands twice in this line"
            faults.add(Fault("data.source", problem, "keep one of them", f"{name}:{line}"))
            continue
        except (ValueError, RecursionError) as error:
            faults.add(Fault("data.source", f"not JSON: {clean(error, 80)}", "correct the line", f"{name}:{line}"))
            continue
        if not isinstance(one, dict):
            hint = 'an object in each line, such as {"size": 3.5, "kind": "a"}'
            faults.add(Fault("data.source", f"this line is {_kind(one)}, not an object", hint, f"{name}:{line}"))
            continue
        cells: dict[str, str] = {}
        for key, value in one.items():
            own = key.strip()
            places.setdefault(own, len(places))
            if isinstance(value, dict | list) and own not in ignored:
                problem = f"'{clean(own, 60)}' is {_kind(value)}, not a single value"
                hint = "give each of its values a name of its own, or leave it out with data.ignore"
                nested.add(Fault("data.source", problem, hint, f"{name}:{line}"))
            cells[own] = _cell(value)
        found.append((line, cells))
    rows = [(line, [cells.get(own, "") for own in places]) for line, cells in found]
    if not rows and not faults.total:
        raise data_error("data.source", "there is no object in it", "", name)
    return list(places), rows, [*faults.lines(), *nested.lines()]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return made


def _kind(value: Any) -> str:
    sorts = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return sorts.get(type(value), "a number")


def _cell(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def is_jsonlines(source: str) -> bool:
    """Whether a file is read as JSON lines, by its name."""
    return PurePath(source).suffix.lower() in SUFFIXES
