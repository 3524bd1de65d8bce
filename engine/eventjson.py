"""Events as lines of standard JSON, and back."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from .events import TYPES, Event

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def to_json(event: Event) -> str:
    """The event as one line of standard JSON; NaN and infinities, which JSON lacks, become strings."""
    body: dict[str, Any] = {"event": type(event).__name__}
    for name in _names(type(event)):
        body[name] = plain(getattr(event, name))
    return _ENCODER.encode(body)


def from_json(line: str) -> Event | None:
    """The event of a line of a journal. None for a kind this version does not know: a newer one may have written it.

    Raises ValueError when the line is not an event at all (torn, or not ours).
    """
    try:
        body = json.loads(line)
    except RecursionError:
        raise ValueError("not an event: nested too deeply") from None
    if not isinstance(body, dict) or not isinstance(name := body.pop("event", None), str):
        raise ValueError("not an event")
    kind = TYPES.get(name)
    if kind is None:
        return None
    hints = _hints(kind)
    try:
        return kind(**{name: typed(value, hints[name]) for name, value in body.items() if name in hints})
    except (TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from None


def plain(value: Any) -> Any:
    """A record or value as what JSON has: lists for tuples, objects for records, strings for NaN and infinities."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_dataclass(kind):
        return {name: plain(getattr(value, name)) for name in _names(kind)}
    return value


_AS_THEY_ARE = frozenset((str, int, bool, type(None)))
"""Kinds that JSON has, asked for first: an epoch has hundreds of values."""


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a record; to ask dataclasses each time takes longer than to write them."""
    return tuple(item.name for item in fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def typed(value: Any, hint: Any) -> Any:
    """What `plain` gave, as the type that the field declares.

    Tuples for lists, floats for ints and for our NaN strings, records for objects; what a newer version's record has more
    is passed over.
    """
    if hint is float:
        return _NON_FINITE[value] if isinstance(value, str) else float(value)
    if get_origin(hint) is UnionType:  # a figure, or None
        return None if value is None else typed(value, get_args(hint)[0])
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if len(inner) == 2 and inner[1] is ...:
            return tuple(typed(item, inner[0]) for item in value)
        return tuple(typed(item, each) for item, each in zip(value, inner, strict=True))
    if get_origin(hint) is dict and isinstance(value, dict):
        return {key: typed(item, get_args(hint)[1]) for key, item in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        hints = _hints(hint)
        return hint(**{name: typed(item, hints[name]) for name, item in dict(value).items() if name in hints})
    return value
