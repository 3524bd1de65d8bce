"""What sort of column a file has (numbers, yes and no, dates, categories), and the values of its cells."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from .cells import DECIMAL_COMMA, FLOAT32_MAX, flaw_of, is_missing

Kind = Literal["number", "boolean", "date", "category", "text"]
DateForm = Literal["", "iso", "dmy", "mdy"]

MOST_CATEGORIES = 255
"""Different values that a column of categories may have: each becomes an input of its own."""

_BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"on", "off"})
_TRUE = frozenset(["true", "yes", "t", "y", "on"])
_FALSE = frozenset(["false", "no", "f", "n", "off"])

_TIME = r"(?:[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s*(Z|[-+]\d{2}:?\d{2})?)?"
_ISO = re.compile(rf"(\d{{4}})([-/])(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_OTHER = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}){_TIME}")

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Sort:
    """What a column was found to be. form: of dates, which number comes first. problem: why no run can use it, or "" ."""

    kind: Kind
    form: DateForm = ""
    problem: str = ""


def sort_of(counts: Mapping[str, int], forced: bool = False) -> Sort:
    """What the column is whose cells, without space around them, are the keys of `counts`; how often each is there, its values.

    Missing cells say nothing. One or two words such as yes and no are a boolean. Where most cells are numbers (dates) the others
    are taken for slips of the pen in a column of numbers (dates). All else is categories, and a problem where it has too
    many of them: more than half as many as there are rows, or more than MOST_CATEGORIES. forced: categories, whatever it holds.
    """
    known = {cell: count for cell, count in counts.items() if not is_missing(cell)}
    if forced:
        return Sort("category", problem=_too_many(known))
    rows = sum(known.values())
    # A decimal comma is a number to whoever wrote it: it is said to be wrong, and not taken for a category.
    numbers = sum(count for cell, count in known.items() if flaw_of(cell) != "text" or DECIMAL_COMMA.fullmatch(cell))
    if 2 * numbers > rows or not known:
        return Sort("number")
    if len(known) <= 4 and any({cell.lower() for cell in known} <= pair for pair in _BOOLEANS):
        return Sort("boolean")
    if (dates := _dates(known, rows)) is not None:
        return dates
    return Sort("category", problem=_too_many(known))


def _too_many(known: Mapping[str, int]) -> str:
    distinct, rows = len(known), sum(known.values())
    if 2 * distinct > rows or distinct > MOST_CATEGORIES:
        return f"{distinct} different values in {rows} rows, too many to be categories"
    return ""


def _dates(known: Mapping[str, int], rows: int) -> Sort | None:
    """Dates, if most of the cells are; with a problem where day and month cannot be told apart."""
    first = {cell: match for cell in known if (match := _OTHER.fullmatch(cell)) is not None}
    if 2 * sum(known[cell] for cell in known if as_date(cell, "iso") is not None) > rows:
        return Sort("date", "iso")
    if 2 * sum(known[cell] for cell in first) <= rows:
        return None
    days = [(int(match[1]), int(match[3]), match[2]) for match in first.values()]
    if any(a > 12 for a, _, _ in days) or all(mark == "." for _, _, mark in days):
        return Sort("date", "dmy")
    if any(b > 12 for _, b, _ in days):
        return Sort("date", "mdy")
    return Sort("date", "dmy", "dates in which day and month cannot be told apart")


def as_date(cell: str, form: DateForm) -> float | None:
    """Days since 1970-01-01 in UTC, with the time of day as a fraction; None when the cell is no date of this form.

    iso: 2024-01-31 or 2024/01/31; dmy: 31.12.2024; mdy: 12/31/2024. Each may have a time behind it (``12:30``, ``12:30:05.5``)
    and that an offset (``Z``, ``+02:00``). A time without one is taken for UTC.
    """
    match = (_ISO if form == "iso" else _OTHER).fullmatch(cell.strip())
    if match is None:
        return None
    if form == "iso":
        year, month, day = match[1], match[3], match[4]
    elif form == "dmy":
        year, month, day = match[4], match[3], match[1]
    else:
        year, month, day = match[4], match[1], match[3]
    time, offset = match[5], match[6]
    if time and len(time.split(":")[0]) == 1:
        time = "0" + time
    try:
        moment = datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T{time or '00:00'}{offset or ''}")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / _DAY


def as_boolean(cell: str) -> float | None:
    """1.0 for yes and its like, 0.0 for no, None for anything else."""
    word = cell.strip().lower()
    return 1.0 if word in _TRUE else 0.0 if word in _FALSE else None


def as_number(cell: str) -> float | None:
    """The number in a cell, None when there is none that a 32-bit float can hold."""
    if flaw_of(cell) is not None:
        return None
    value = float(cell)
    return value if math.isfinite(value) and abs(value) <= FLOAT32_MAX else None


def day_words(days: float) -> str:
    """A day as it is written: ``2024-01-31``."""
    return datetime.fromtimestamp(days * _DAY, UTC).strftime("%Y-%m-%d")
