"""Many faults in few words: the first one, and how many more there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from engine.errors import Fault

MOST_TOLD = 3  # faults of one preview that are written out

_REST = re.compile(r"(\d+) more .+")  # how the engine ends a long list: see engine.data.delimited.Faults


def count(faults: Sequence[Fault]) -> int:
    """How many there are, with those that a list only counts in its last line."""
    rests = (_REST.fullmatch(fault.problem) for fault in faults)
    return sum(int(rest[1]) if rest else 1 for rest in rests)


def at_fields(faults: Sequence[Fault]) -> dict[str, Fault]:
    """One fault for each key, in a field's few words: the first one with its place in the file, and how many more there are."""
    found: dict[str, Fault] = {}
    for key in dict.fromkeys(fault.key for fault in faults):
        first, *more = [fault for fault in faults if fault.key == key]
        place = f"{PurePath(first.where).name}: " if first.where else ""
        others = f" (and {count(more)} more)" if more else ""
        found[key] = Fault(key, f"{place}{first.problem}{others}", first.hint, first.where, first.frames)
    return found


def told(faults: Sequence[Fault], most: int = MOST_TOLD) -> list[str]:
    """Printable lines of the first faults, and one more for the rest if there is any."""
    lines = [fault.line() for fault in faults[:most]]
    rest = count(faults[most:])
    return [*lines, f"and {rest} more"] if rest else lines


def to_mend(number: int) -> str:
    """``1 thing to mend``; "" when there is none."""
    return f"{number} thing{'s' if number > 1 else ''} to mend" if number else ""
