"""Which lines a form has: headings, fields, what is wrong with them; folded and filtered. Pure: no widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.errors import Fault
from engine.knobs import Knob, knobs

from ..draft import Draft
from ..text import clean

GROUP_MARK = "@"  # before the name of a group where a key of a knob could stand


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the form.

    key: the knob's, or ``@Group`` of a heading, where the cursor can stand; "" for a fault or a note, where it cannot. is_open:
    whether the fields of a heading are shown. text: a note, or what a folded group holds.
    """

    kind: Literal["group", "field", "fault", "note"]
    key: str = ""
    row: Knob | None = None
    fault: Fault | None = None
    text: str = ""
    is_open: bool = True
    faults: int = 0


def heading(group: str) -> str:
    """The key of a group's heading."""
    return GROUP_MARK + group


def group_of(key: str) -> str:
    """The group that a heading or a field belongs to; "" when there is no such knob."""
    if key.startswith(GROUP_MARK):
        return key[1:]
    return next((row.group for row in knobs() if row.key == key), "")


def arrange(
    draft: Draft,
    is_open: Callable[[str], bool],
    words: str = "",
    trial: tuple[str, Fault | None] | None = None,
    headings: bool = True,
) -> list[Line]:
    """The lines, from top to bottom.

    is_open: whether a group shows its fields. words: only knobs found by them, their groups open. trial: the field that is being
    typed in and what is wrong with its text, in place of what is wrong with its value. headings: whether the cursor
    stops at them.
    """
    wanted = words.split()
    groups: dict[str, list[Knob]] = {}
    for row in draft.visible():
        if not wanted or found_by(row, wanted):
            groups.setdefault(row.group, []).append(row)
    lines: list[Line] = []
    for group, rows in groups.items():
        faults = {row.key: fault for row in rows if (fault := fault_at(draft, row.key, trial)) is not None}
        opened = bool(wanted) or is_open(group)
        key = heading(group) if headings else ""
        lines.append(Line("group", key, text=group, is_open=opened, faults=len(faults)))
        for row in rows if opened else ():
            lines.append(Line("field", row.key, row))
            if row.key in faults:
                lines.append(Line("fault", row=row, fault=faults[row.key]))
    return lines + _elsewhere(draft, wanted, found=bool(lines)) if wanted else lines


def fault_at(draft: Draft, key: str, trial: tuple[str, Fault | None] | None) -> Fault | None:
    """What is wrong at a field: with the text being typed there (see `arrange`), or with its value.

    What a preview noticed counts in both: it looks at the text being typed.
    """
    if trial is not None and trial[0] == key:
        return trial[1] or draft.noticed.get(key)
    return draft.faults.get(key)


def _elsewhere(draft: Draft, wanted: Sequence[str], found: bool) -> list[Line]:
    """What the filter found among the knobs that mean nothing at the moment, and when they would."""
    shown = {row.key for row in draft.visible()}
    more = [row for row in knobs() if row.key not in shown and found_by(row, wanted)]
    lines = [] if found or more else [Line("note", text="no setting by these words")]
    if more:
        lines.append(Line("note", text="not with these choices:"))
    return lines + [
        Line("note", row=row, text=f"{row.label}: when {' and '.join(when.words for when in row.when)}") for row in more
    ]


def found_by(row: Knob, words: Sequence[str]) -> bool:
    """Whether each word stands somewhere in a knob's names, choices or help."""
    text = _searched(row)
    return all(word.lower() in text for word in words)


def _searched(row: Knob) -> str:
    return " ".join([row.label, row.key, row.group, *row.choices, row.help]).lower()


def best_match(rows: Sequence[Knob], words: str) -> Knob | None:
    """The knob that was most likely meant: by its names rather than by its help, the shorter name first."""
    wanted = words.lower().split()

    def rank(row: Knob) -> tuple[int, int]:
        names = f"{row.label} {row.key}".lower()
        exact = " ".join(wanted) in (row.label.lower(), row.key, row.name)
        begins = any(row.label.lower().startswith(word) for word in wanted)
        return (-4 * exact - 2 * sum(word in names for word in wanted) - begins, len(row.label))

    return min(rows, key=rank, default=None)


def summary(draft: Draft, group: str) -> str:
    """What stands in a folded group: its first field and whatever differs from the default."""
    rows = [row for row in draft.visible() if row.group == group]
    first = rows[0] if rows else None
    named = first is not None and first.kind not in ("choice", "bool", "text", "names")  # a bare number says nothing
    parts = [clean(_value(draft, first), 40)] if first is not None and not named else []
    parts += [
        f"{row.label} {clean(_value(draft, row), 30)}"
        for row in rows
        if (row is first and named) or (row is not first and draft.changed(row.key))
    ]
    return ", ".join(parts)


def _value(draft: Draft, row: Knob) -> str:
    return draft.text(row.key) or "(none)"
