"""A light look at the columns of a CSV or TSV file: enough to choose the one to predict, before anything is read whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ..errors import DataError, data_error
from ..text import clean
from .cells import flaw_of, is_missing
from .delimited import Faults, display_name, read_head, records, sniff
from .header import UNEVEN, Header, width_fault
from .kinds import sort_of
from .tokens import wordy

LINES = 200
SHOWN_ROWS = 8
_ENOUGH = 10  # rows by which it can be told that a column of text is not categories

ColumnKind = Literal["whole", "number", "boolean", "date", "text", "free text", "texts", "empty"]

_WORDS: dict[ColumnKind, str] = {
    "whole": "whole numbers",
    "number": "numbers",
    "boolean": "yes or no",
    "date": "dates",
    "text": "text",
    "free text": "text, too many values for an input",
    "texts": "texts of several words",
    "empty": "empty",
}

_NO_INPUTS = ("free text", "texts", "empty")

_LIKELY = (
    "target",
    "label",
    "class",
    "y",
    "species",
    "outcome",
    "diagnosis",
    "category",
    "price",
    "output",
    "response",
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file, as its first lines show them; all texts are safe to print.

    kinds: of each column, by the cells that were looked at: ``whole`` (whole numbers), ``number``, ``boolean``, ``date``, ``text``
    (categories), ``free text`` (too many different values to be categories), ``texts`` (the same, of several words each) or ``empty``. distinct: different values in each column, and missing: cells without one. rows: the first
    few, each as wide as its line. looked_at: rows that were; complete: whether those are all. likely_target: the index of
    the column that is most likely to be predicted: the last one unless another is named like one. told, likely and about: of
    what has no columns but arrays, what there is to say of each, which one is predicted if none is named, and of all together.
    optional: whether no target has to be named.
    """

    names: tuple[str, ...]
    kinds: tuple[ColumnKind, ...]
    delimiter: str
    rows: tuple[tuple[str, ...], ...] = ()
    distinct: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    looked_at: int = 0
    complete: bool = True
    told: tuple[str, ...] = ()
    likely: int = -1
    about: str = ""
    optional: bool = False

    @property
    def likely_target(self) -> int:
        if self.likely >= 0:
            return self.likely
        lowered = [name.lower() for name in self.names]
        named = [lowered.index(name) for name in _LIKELY if name in lowered]
        return named[0] if named else len(self.names) - 1

    def to_ignore(self, target: str) -> tuple[str, ...]:
        """The columns that are no inputs beside this target: free text, and those without a value."""
        hopeless = [name for name, kind in zip(self.names, self.kinds, strict=True) if kind in _NO_INPUTS]
        return tuple(name for name in hopeless if name != target)

    def texts_of(self, target: str) -> tuple[str, bool]:
        """The first column of texts beside this target, or "", and whether there is next to nothing else to learn from."""
        named = list(zip(self.names, self.kinds, self.distinct, strict=True)) if self.distinct else []
        found = next((name for name, kind, _ in named if kind == "texts" and name != target), "")
        numbering = {name for name, kind, count in named if kind == "whole" and count == self.looked_at}
        others = [name for name, kind, _ in named if kind not in _NO_INPUTS and name not in numbering | {target}]
        return found, bool(found) and len(others) < 2

    def words(self, index: int) -> str:
        """What there is to say of a column: ``text, 3 values``, ``numbers``, ``whole numbers, 2 values, 4 missing``."""
        if self.told:
            return self.told[index]
        kind = _WORDS[self.kinds[index]]
        few = self.kinds[index] in ("whole", "text") and self.distinct[index] <= max(2, self.looked_at // 2)
        values = "1 value" if self.distinct[index] == 1 else f"{self.distinct[index]} values"
        missing = [f"{self.missing[index]} missing"] if self.missing[index] and self.kinds[index] != "empty" else []
        return ", ".join([kind, *([values] if few else []), *missing])


def peek_columns(path: str) -> Columns:
    """The columns of the file at `path`, from its first lines alone; quick for a file of any size.

    Raises DataError (key ``data.source``) when there is no such file, it is no text in columns, or what was looked at has
    columns without a name of their own or rows of another width: no run could use it.
    """
    name = display_name(path)
    text, complete = read_head(path, LINES)
    delimiter = sniff(path, text)
    lines = _readable(records(name, text, delimiter), complete)
    line, header = next(lines, (1, []))
    names = [cell.strip() for cell in header]
    if not names:
        raise data_error("data.source", "the file is empty", "", name)
    return columns_of(name, Header(names, f"{name}:{line}"), lines, delimiter, complete)


def columns_of(
    name: str, header: Header, lines: Iterator[tuple[int, list[str]]], delimiter: str, complete: bool
) -> Columns:
    """What the first rows show. complete: whether they are all. Raises DataError when no run could use the columns."""
    names = header.names
    body, faults = [], header.faults()
    widths = Faults(UNEVEN, name)
    for line, row in lines:
        body.append(row)
        if len(row) != len(names):
            widths.add(width_fault(f"{name}:{line}", len(row), len(names)))
    if faults := [*faults, *widths.lines()]:
        raise DataError(faults)
    cells = [[row[index].strip() for row in body if index < len(row)] for index in range(len(names))]
    return Columns(
        names=tuple(clean(own, 60) for own in names),
        kinds=tuple(_kind(column, complete) for column in cells),
        delimiter=delimiter,
        rows=tuple(tuple(clean(cell.strip(), 24) for cell in row) for row in islice(body, SHOWN_ROWS)),
        distinct=tuple(len({cell for cell in column if not is_missing(cell)}) for column in cells),
        missing=tuple(sum(map(is_missing, column)) for column in cells),
        looked_at=len(body),
        complete=complete,
    )


def _readable(lines: Iterator[tuple[int, list[str]]], complete: bool) -> Iterator[tuple[int, list[str]]]:
    """The lines as they come; a quote that is open where the look ends is no mistake, but the end of it."""
    first = True
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except DataError:
            if complete or first:
                raise
            return
        first = False
        yield line


def _kind(cells: list[str], complete: bool) -> ColumnKind:
    counts = Counter(cell for cell in cells if not is_missing(cell))
    if not counts:
        return "empty"
    sort = sort_of(counts)
    if sort.kind == "number":
        return "whole" if all(_whole(cell) for cell in counts) else "number"
    if sort.kind != "category":
        return sort.kind
    # The first rows of a long file may have many of its categories: only where nearly all differ is it free text.
    free = sort.problem and (complete or len(counts) > 0.9 * counts.total())
    if not free or counts.total() < _ENOUGH:
        return "text"
    return "texts" if wordy(counts) else "free text"


def _whole(cell: str) -> bool:
    return flaw_of(cell) is None and float(cell).is_integer()
