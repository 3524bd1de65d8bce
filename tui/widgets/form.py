"""The settings as a list of fields, made from the engine's knobs and edited in place."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.binding import Binding
from textual.message import Message

from engine.config import RunConfig
from engine.knobs import Knob

from ..draft import Draft
from ..fieldsteps import normal, stepped
from ..text import clean
from .form_lines import group_of, heading
from .form_strips import LABEL_WIDTH
from .form_view import FormView
from .lineedit import LineEdit, types

__all__ = ["LABEL_WIDTH", "Form"]

NUMBER_KEYS = {**{digit: digit for digit in "0123456789"}, "full_stop": ".", "minus": "-"}  # that begin a number


class Form(FormView, can_focus=True):
    """Fields under headings. Arrow keys move and change, Enter edits; a field's error stands right under it."""

    BINDINGS = [
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("pageup", "leap(-1)", "group before", show=False),
        Binding("pagedown", "leap(1)", "next group", show=False),
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
        *(Binding(name, f"type({sign!r})", show=False) for name, sign in NUMBER_KEYS.items()),
    ]

    class Changed(Message):
        """A field has another value, or another text is being typed there; key is "" when several have."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """The cursor is on another field, or on a heading (row is None)."""

        def __init__(self, row: Knob | None) -> None:
            super().__init__()
            self.row = row

    def __init__(self, draft: Draft, *, folds: bool = False, id: str | None = None) -> None:
        super().__init__(draft, folds=folds, id=id)
        self.pickers: dict[str, Callable[[], None]] = {}  # fields that Enter has a list or a dialog for
        self._trial_config: RunConfig | None = None

    def take(self, draft: Draft) -> None:
        """Show another draft from now on."""
        self.draft = draft
        self.edit = self._trial = None
        self.rebuild()

    # -- moving and changing ------------------------------------------------------------------------------------------

    @property
    def config(self) -> RunConfig | None:
        """The settings as they stand, with the text that is being typed; None when they would be refused."""
        return self._trial_config if self.edit is not None else self.draft.config

    def go_to(self, key: str) -> None:
        """Put the cursor on a field, unfolding what hides it."""
        self.commit()
        self.folded.discard(group_of(key))
        if self.words and all(line.key != key for line in self._lines):
            self.words = ""
        self.cursor = key

    def watch_cursor(self) -> None:
        self.draft.seal()
        self.rebuild()
        self.post_message(self.Moved(self.row))

    def action_move(self, by: int) -> None:
        keys = self._stops()
        if self.commit() and keys:
            self.cursor = keys[min(len(keys) - 1, max(0, keys.index(self.cursor) + by))]

    def action_leap(self, by: int) -> None:
        """To the heading of the next group, or ten lines on where there are no such stops."""
        if not self.folds:
            self.action_move(10 * by)
            return
        keys = self._stops()
        if not self.commit() or not keys:
            return
        at = keys.index(self.cursor)
        there = keys[at + 1 :] if by > 0 else keys[:at][::-1]
        self.cursor = next((key for key in there if key.startswith(heading(""))), keys[-1 if by > 0 else 0])

    def action_step(self, by: int) -> None:
        row = self.row
        if not any(line.key == self.cursor for line in self._lines):
            return  # the filter found nothing, and the cursor is nowhere
        if row is None:
            self._fold(by < 0)
        elif row.kind in ("choice", "bool", "int", "float"):
            self._set(stepped(row, self.draft.text(row.key), by), joins=True)
        elif by > 0:
            self.begin_edit()

    def _fold(self, shut: bool) -> None:
        """Fold the group of the heading under the cursor, or open it; what the filter found stays open."""
        if not self.words:
            (self.folded.add if shut else self.folded.discard)(group_of(self.cursor))
            self.rebuild()

    def action_reset(self) -> None:
        """Back to the default: the field under the cursor, or all of the group whose heading it is on."""
        group = group_of(self.cursor)
        shown = [line.key for line in self._lines]
        keys = [self.cursor] if self.row else [row.key for row in self.draft.visible() if row.group == group]
        if self.cursor not in shown:
            return
        self.draft.reset(*keys)
        self._tell("" if len(keys) > 1 else self.cursor)

    def travel(self, keys: tuple[str, ...] | None) -> None:
        """Show what was undone or done again: the cursor goes to a field that changed, unless it is on one."""
        if keys is None:
            self.app.bell()
            return
        shown = {row.key for row in self.draft.visible()}
        there = [key for key in keys if key in shown]
        if there and self.cursor not in there:
            self.go_to(there[0])
        self._tell(there[0] if len(there) == 1 else "")

    def action_edit(self) -> None:
        if self.row is None:
            is_open = bool(self.words) or group_of(self.cursor) not in self.folded
            if is_open and (self.words or self.accordion):  # there is no other reason to be at it
                self.action_move(1)
            else:
                self._fold(is_open)
        elif self.cursor in self.pickers:
            self.pickers[self.cursor]()
        elif self.row.kind in ("choice", "bool"):
            self.action_step(1)
        else:
            self.begin_edit()

    def action_commit(self) -> None:
        self.commit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What a key does depends on whether a field is open; the footer shows it."""
        if action in ("commit", "cancel"):
            return self.edit is not None
        if action == "type":
            return self.edit is None and self.row is not None and self.row.kind in ("int", "float", "ints")
        if action in ("edit", "step", "reset"):
            return self.edit is None
        return True

    def begin_edit(self, text: str | None = None) -> None:
        """Start typing in the field under the cursor: over its text, or with `text` in its place."""
        if self.row is not None:
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
        text, self.edit = normal(self.row, self.edit.text.strip()), None
        self.refresh_bindings()
        self._set(text)
        self.rebuild()
        return True

    def action_cancel(self) -> None:
        """Leave the field as it was."""
        self.edit = self._trial = None
        self.refresh_bindings()
        self._tell(self.cursor)

    def _set(self, text: str, joins: bool = False) -> None:
        if text != self.draft.text(self.cursor):
            self.draft.set(self.cursor, text, joins=joins)
            self._tell(self.cursor)

    def _look_at_trial(self) -> None:
        assert self.edit is not None
        self._trial_config, self._trial = self.draft.trial(self.cursor, self.edit.text.strip())
        self._tell(self.cursor)

    def _tell(self, key: str) -> None:
        self.rebuild()
        self.post_message(self.Changed(key))

    # -- keys, paste, mouse -------------------------------------------------------------------------------------------

    def action_type(self, sign: str) -> None:
        """Begin a number with a digit."""
        self.begin_edit(sign)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """While a field is open, letters belong to it and the footer does not offer them."""
        return self.edit is not None and types(key, character)

    def take_key(self, event: events.Key) -> bool:
        if self.edit is None:
            return False
        if event.key in ("enter", "tab", "shift+tab"):
            if self.commit() and event.key != "enter":
                self.action_move(1 if event.key == "tab" else -1)
        elif event.key in ("escape", "ctrl+z"):
            self.action_cancel()
        elif not self.edit.handle(event.key, event.character):
            return False
        else:
            self._look_at_trial()
        return True

    def on_paste(self, event: events.Paste) -> None:
        lines = event.text.strip().splitlines()
        if not lines or (self.edit is None and (self.row is None or self.row.kind in ("choice", "bool"))):
            return
        if self.edit is None:
            self.begin_edit("")
        assert self.edit is not None
        self.edit.insert(clean(lines[0].strip(), 2000))
        self._look_at_trial()

    def on_blur(self) -> None:
        # Another window or a dialog in front is no reason to close the field: the person may be fetching a path to paste.
        # And this may be late news: the focus is back already.
        away = getattr(self.screen, "small", False)  # the terminal has no room for it at the moment
        stays = away or not self.app.app_focus or self.app.screen is not self.screen or self.screen.focused is self
        if self.edit is not None and not stays and not self.commit():
            self.action_cancel()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()
        self.post_message(self.Moved(self.row))

    def on_click(self, event: events.Click) -> None:
        at = event.y + round(self.scroll_offset.y)
        line = self._lines[at] if 0 <= at < len(self._lines) else None
        if line is None or not line.key or (line.key != self.cursor and not self.commit()):
            return
        if line.kind == "group" and not self.accordion:
            self.cursor = line.key
            self.action_edit()
        elif line.key == self.cursor and self.edit is None:
            self.action_edit()
        elif self.commit():
            self.folded.discard(group_of(line.key))
            self.cursor = line.key
