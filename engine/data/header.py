"""The first line of a delimited file, which names the columns, and records that do not go with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..errors import Fault
from ..text import clean
from .delimited import Faults

UNEVEN = "rows with too many or too few fields"
"""What the faults of `width_fault` are called when they are counted."""


def width_fault(where: str, found: int, wanted: int) -> Fault:
    """What is wrong with a record of `found` cells below a header of `wanted`."""
    extent = "too many" if found > wanted else "too few"
    problem = f"{extent} fields: {found}, where the header has {wanted}"
    return Fault("data.source", problem, "correct the row, or quote a cell that holds a delimiter", where)


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns as they stand in the file, without space around them, and where they stand."""

    names: list[str]
    where: str

    @property
    def shown(self) -> list[str]:
        """The names, safe to print."""
        return [clean(name, 60) for name in self.names]

    def find(self, target: str) -> int | None:
        """The index of the column called `target`, as it is in the file or as it is shown."""
        wanted = target.strip()
        for names in (self.names, self.shown):
            if wanted and wanted in names:
                return names.index(wanted)
        return None

    def faults(self) -> list[Fault]:
        nameless, repeated = Faults("columns without a name", self.where), Faults("repeated names", self.where)
        for position, name in enumerate(self.names, 1):
            if not name:
                problem = f"column {position} has no name"
                nameless.add(Fault("data.source", problem, "name every column in the first line", self.where))
        for name, times in Counter(filter(None, self.names)).items():
            if times > 1:
                problem = f"{times} columns are called '{clean(name, 60)}'"
                repeated.add(Fault("data.source", problem, "give every column a name of its own", self.where))
        found = nameless.lines() + repeated.lines()
        if len(self.names) == 1:
            hint = "at least one input and the target are needed; divide columns by , ; tab or |"
            found.append(Fault("data.source", "there is only one column", hint, self.where))
        return found
