"""The settings as a list of fields, made from the engine's knobs and edited in place."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.errors import Fault
from engine.knobs import Knob

from ..draft import Draft, stepped
from ..text import clean, fit
from .lineedit import LineEdit

LABEL_WIDTH = 18


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the form: a heading (row is None and fault is None), a field, or the fault of the field above it."""

    text: str = ""
    row: Knob | None = None
    fault: Fault | None = None


class Form(ScrollView, can_focus=True):
    """Fields under headings. Arrow keys move and change, Enter edits; a field's error stands right under it."""

    COMPONENT_CLASSES = {"form--heading", "form--cursor", "form--label", "form--value", "form--dim", "form--fault"}

    BINDINGS = [
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("pageup", "move(-10)", "page up", show=False),
        Binding("pagedown", "move(10)", "page down", show=False),
        Binding("home", "move(-1000)", "first", show=False),
        Binding("end", "move(1000)", "last", show=False),
        Binding("enter", "edit", "edit"),
        Binding("enter", "commit", "take it"),
        Binding("escape", "cancel", "leave it as it was"),
        Binding("left", "step(-1)", "change", key_display="←→"),
        Binding("right", "step(1)", "change", show=False),
        Binding("space", "step(1)", "change", show=False),
        Binding("x", "reset", "reset"),
        Binding("backspace,delete", "reset", "default", show=False),
    ]

    cursor: reactive[str] = reactive("data.source", init=False)

    class Changed(Message):
        """A field has another value, or another text is being typed there."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """The cursor is on another field."""

        def __init__(self, row: Knob) -> None:
            super().__init__()
            self.row = row

    def __init__(self, draft: Draft, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.draft = draft
        self.edit: LineEdit | None = None
        self._trial: Fault | None = None  # what would be wrong with the text being typed
        self._lines: list[_Line] = []
        self._arrange()

    def take(self, draft: Draft) -> None:
        """Show another draft from now on."""
        self.draft = draft
        self.edit = self._trial = None
        self.rebuild()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Take the draft in anew: fields may have come, gone or become wrong."""
        self._arrange()
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_cursor()
        self.refresh()

    def _arrange(self) -> None:
        lines: list[_Line] = []
        group = ""
        for row in self.draft.visible():
            if row.group != group:
                group = row.group
                lines.append(_Line(text=group))
            lines.append(_Line(row=row))
            fault = self._trial if self.edit and row.key == self.cursor else self.draft.faults.get(row.key)
            if fault is not None:
                lines.append(_Line(fault=fault))
        self._lines = lines
        if all(line.row is None or line.row.key != self.cursor for line in lines):
            self.set_reactive(Form.cursor, next(line.row.key for line in lines if line.row is not None))

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        y += round(self.scroll_offset.y)
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[y]
        if line.fault is not None:
            return self._fault_strip(line.fault, width)
        if line.row is None:
            style = self.get_component_rich_style("form--heading")
            return Strip([Segment(fit(f" {line.text}", width), style)], width)
        return self._field_strip(line.row, width)

    def _fault_strip(self, fault: Fault, width: int) -> Strip:
        text = f"{fault.problem}; {fault.hint}" if fault.hint else fault.problem
        style = self.get_component_rich_style("form--fault")
        return Strip([Segment(fit(f"   ^ {clean(text)}", width), style)], width)

    def _field_strip(self, row: Knob, width: int) -> Strip:
        here = row.key == self.cursor
        base = self.get_component_rich_style("form--cursor") if here and self.has_focus else self.rich_style
        label = base + self.get_component_rich_style("form--label", partial=True)
        value = base + self.get_component_rich_style("form--value", partial=True)
        dim = base + self.get_component_rich_style("form--dim", partial=True)
        pointer = ">" if here else " "
        mark = "*" if self.draft.changed(row.key) else " "
        head = [Segment(f" {pointer}{mark}", value), Segment(fit(row.label, LABEL_WIDTH) + " ", label)]
        room = max(1, width - LABEL_WIDTH - 4)
        if here and self.edit is not None:
            body = self.edit.segments(room, value)
        else:
            text = clean(self.draft.text(row.key)) or "(none)"
            shown = f"< {text} >" if here and row.kind in ("choice", "bool") else f"{text} {row.unit}".rstrip()
            style = value if self.draft.text(row.key) else dim
            body = [Segment(fit(shown, room), style)]
        return Strip([*head, *body]).adjust_cell_length(width, base)

    # -- moving and changing ------------------------------------------------------------------------------------------

    @property
    def row(self) -> Knob:
        """The knob under the cursor."""
        return next(line.row for line in self._lines if line.row is not None and line.row.key == self.cursor)

    @property
    def fault(self) -> Fault | None:
        """What is wrong under the cursor: with the text being typed, or with the value."""
        return self._trial if self.edit is not None else self.draft.faults.get(self.cursor)

    def go_to(self, key: str) -> None:
        """Put the cursor on a field."""
        self.commit()
        self.cursor = key

    def watch_cursor(self) -> None:
        self._show_cursor()
        self.refresh()
        self.post_message(self.Moved(self.row))

    def _show_cursor(self) -> None:
        at = next((i for i, line in enumerate(self._lines) if line.row and line.row.key == self.cursor), 0)
        # With its heading above and its fault below in sight, or the fields that a choice may have brought.
        above = 1 if at and self._lines[at - 1].row is None else 0
        below = min(3 if self.size.height > 8 else 1, len(self._lines) - 1 - at)
        region = Region(0, at - above, max(1, self.size.width), 1 + above + below)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def action_move(self, by: int) -> None:
        if not self.commit():
            return
        keys = [line.row.key for line in self._lines if line.row is not None]
        at = keys.index(self.cursor)
        self.cursor = keys[min(len(keys) - 1, max(0, at + by))]

    def action_step(self, by: int) -> None:
        row = self.row
        if row.kind in ("choice", "bool", "int", "float"):
            self._set(stepped(row, self.draft.text(row.key), by))
        elif by > 0:
            self.begin_edit()

    def action_reset(self) -> None:
        self._set(self.draft.origin(self.cursor))

    def action_edit(self) -> None:
        if self.row.kind in ("choice", "bool"):
            self.action_step(1)
        else:
            self.begin_edit()

    def action_commit(self) -> None:
        self.commit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What a key does depends on whether a field is open; the footer shows it."""
        if action in ("commit", "cancel"):
            return self.edit is not None
        if action in ("edit", "step", "reset"):
            return self.edit is None
        return True

    def begin_edit(self, text: str | None = None) -> None:
        """Start typing in the field under the cursor: over its text, or with `text` in its place."""
        self.edit = LineEdit(self.draft.text(self.cursor) if text is None else text)
        self.refresh_bindings()
        self._look_at_trial()

    def commit(self) -> bool:
        """Take over what was typed; False, and the field stays open, when it is wrong."""
        if self.edit is None:
            return True
        if self._trial is not None:
            self.app.bell()
            return False
        text, self.edit = self.edit.text.strip(), None
        self.refresh_bindings()
        self._set(text)
        self.rebuild()
        return True

    def action_cancel(self) -> None:
        """Leave the field as it was."""
        self.edit = self._trial = None
        self.refresh_bindings()
        self.rebuild()
        self.post_message(self.Changed(self.cursor))

    def _set(self, text: str) -> None:
        if text != self.draft.text(self.cursor):
            self.draft.set(self.cursor, text)
            self.rebuild()
            self.post_message(self.Changed(self.cursor))

    def _look_at_trial(self) -> None:
        assert self.edit is not None
        self._trial = self.draft.fault_of(self.cursor, self.edit.text.strip())
        self.rebuild()
        self.post_message(self.Changed(self.cursor))

    # -- keys, paste, mouse -------------------------------------------------------------------------------------------

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """While a field is open, letters belong to it and the footer does not offer them."""
        return self.edit is not None and character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        if self.edit is None:
            starts_number = event.character is not None and event.character in "0123456789.-"
            if starts_number and self.row.kind in ("int", "float", "ints"):
                self.begin_edit(event.character)
                event.stop()
                event.prevent_default()
            return
        if event.key in ("up", "down", "f1"):
            return  # the binding commits and moves on, or explains the field
        event.stop()
        event.prevent_default()
        if event.key in ("enter", "tab"):
            self.commit()
        elif event.key == "escape":
            self.action_cancel()
        elif self.edit.handle(event.key, event.character):
            self._look_at_trial()

    def on_paste(self, event: events.Paste) -> None:
        lines = event.text.strip().splitlines()
        if not lines or (self.edit is None and self.row.kind in ("choice", "bool")):
            return
        if self.edit is None:
            self.begin_edit("")
        assert self.edit is not None
        self.edit.insert(clean(lines[0].strip(), 2000))
        self._look_at_trial()

    def on_blur(self) -> None:
        # Another window or a dialog in front is no reason to close the field: the person may be fetching a path to paste.
        stays = not self.app.app_focus or self.app.screen is not self.screen
        if self.edit is not None and not stays and not self.commit():
            self.action_cancel()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()
        self.post_message(self.Moved(self.row))

    def on_click(self, event: events.Click) -> None:
        at = event.y + round(self.scroll_offset.y)
        line = self._lines[at] if 0 <= at < len(self._lines) else None
        if line is None or line.row is None:
            return
        if line.row.key == self.cursor and self.edit is None:
            self.action_edit()
        elif self.commit():
            self.cursor = line.row.key
