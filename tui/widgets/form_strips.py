"""How the lines of a form look. Pure: lines and styles in, strips out."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from engine.errors import Fault
from engine.knobs import Knob

from ..draft import Draft
from ..text import clean, fit
from .form_lines import Line, summary
from .lineedit import LineEdit

LABEL_WIDTH = 18
VALUE_WIDTH = 22  # cells after which the default of a changed field may stand


@dataclass(frozen=True, slots=True)
class Styles:
    """base: of the line as a whole. The others are laid over it."""

    base: Style
    heading: Style
    label: Style
    value: Style
    dim: Style
    fault: Style
    mark: Style


def line_strip(
    line: Line, draft: Draft, styles: Styles, width: int, here: bool, edit: LineEdit | None, folds: bool
) -> Strip:
    """One line in exactly `width` cells. here: the cursor stands on it. edit: what is being typed there."""
    if line.fault is not None:
        return _fault_strip(line.fault, styles, width)
    if line.kind == "group":
        return _group_strip(line, draft, styles, width, here, folds)
    if line.row is None or not line.key:
        return Strip([Segment(fit(f"   {clean(line.text)}", width), styles.base + styles.dim)], width)
    return _field_strip(line.row, draft, styles, width, here, edit)


def _fault_strip(fault: Fault, styles: Styles, width: int) -> Strip:
    text = f"{fault.problem}; {fault.hint}" if fault.hint else fault.problem
    return Strip([Segment(fit(f"   ^ {clean(text)}", width), styles.base + styles.fault)], width)


def _group_strip(line: Line, draft: Draft, styles: Styles, width: int, here: bool, folds: bool) -> Strip:
    base = styles.base
    if not folds:
        return Strip([Segment(fit(f" {line.text}", width), base + styles.heading)], width)
    name = f" {'>' if here else ' '}{'-' if line.is_open else '+'}{line.text}"
    if line.is_open:
        return Strip([Segment(fit(name, width), base + styles.heading)], width)
    segments = [Segment(fit(name, LABEL_WIDTH + 3) + " ", base + styles.heading)]
    if line.faults:
        segments.append(Segment(f"{line.faults} to mend  ", base + styles.fault))
    room = max(0, width - Strip(segments).cell_length)
    segments.append(Segment(fit(summary(draft, line.text), room), base + styles.label))
    return Strip(segments).adjust_cell_length(width, base)


def _field_strip(row: Knob, draft: Draft, styles: Styles, width: int, here: bool, edit: LineEdit | None) -> Strip:
    base = styles.base
    changed = draft.changed(row.key)
    head = [
        Segment(f" {'>' if here else ' '}", base + styles.value),
        Segment("*" if changed else " ", base + styles.mark),
        Segment(fit(row.label, LABEL_WIDTH) + " ", base + styles.label),
    ]
    room = max(1, width - LABEL_WIDTH - 4)
    if edit is not None:
        return Strip([*head, *edit.segments(room, base + styles.value)]).adjust_cell_length(width, base)
    text = clean(draft.text(row.key))
    shown = f"< {text} >" if here and row.kind in ("choice", "bool") else f"{text or '(none)'} {row.unit}".rstrip()
    style = base + (styles.value if text else styles.dim)
    body = [Segment(fit(shown, room), style)]
    if changed and room >= VALUE_WIDTH + 8 and Strip(body).cell_length >= VALUE_WIDTH > len(shown):
        before = clean(draft.origin(row.key)) or "(none)"
        body = [
            Segment(fit(shown, VALUE_WIDTH), style),
            Segment(fit(f"not {before}", room - VALUE_WIDTH), base + styles.dim),
        ]
    return Strip([*head, *body]).adjust_cell_length(width, base)
