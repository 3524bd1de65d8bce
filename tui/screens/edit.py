"""Settings changed while a run trains: the knobs that can be, as a short form, and what needs a new run."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from engine.config import RunConfig
from engine.errors import Fault
from engine.knobs import Knob, knobs, show, values
from engine.runview import RunView

from ..draft import Draft
from ..helptext import help_text
from ..widgets.form import Form

WHEN = {"batch": "changes with the next batch", "epoch": "changes with the next epoch"}


class LiveDraft(Draft):
    """The settings of a run under way. Only the knobs that can change are in sight; the others keep their values."""

    def __init__(self, config: RunConfig) -> None:
        now = values(config)
        self._now = {row.key: show(row, now[row.key]) for row in knobs()}
        super().__init__(config)

    def visible(self) -> tuple[Knob, ...]:
        return tuple(row for row in super().visible() if row.live)

    def fixed(self) -> tuple[Knob, ...]:
        """The knobs that mean something in this run and need a new one to change."""
        return tuple(row for row in super().visible() if not row.live)

    def origin(self, key: str) -> str:
        """What a field is put back to: what the run has now."""
        return self._now[key]

    def changed(self, key: str) -> bool:
        """Whether the field differs from what the run has now."""
        return self.text(key) != self._now[key]

    def changes(self) -> dict[str, str]:
        """The new values by key, as typed."""
        return {row.key: self.text(row.key) for row in self.visible() if self.changed(row.key)}

    def any_fault(self) -> Fault | None:
        """What is wrong with the settings as a whole, in a field of this form or not."""
        return next(iter(self.faults.values()), None)


class EditScreen(ModalScreen[Mapping[str, str] | str | None]):
    """Closes with the changes to make, with "fork", or with None."""

    BINDINGS = [
        Binding("a,ctrl+s", "apply", "apply"),
        Binding("F", "fork", "fork"),
        Binding("escape,q", "leave", "close", key_display="Esc"),
    ]

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self._draft = LiveDraft(config)

    def compose(self) -> ComposeResult:
        with Vertical(id="edit-box"):
            yield Static(Text("Change settings while it trains", style="bold"), id="edit-title")
            yield Form(self._draft, id="edit-form")
            yield Static(id="edit-words", markup=False)
            yield Static(self._fixed(), id="edit-fixed", markup=False)
            yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        form = self.query_one(Form)
        form.focus()
        self._explain(form)

    def _fixed(self) -> Text:
        names = ", ".join(dict.fromkeys(row.label for row in self._draft.fixed()))
        text = Text("Needs a new run; F forks one from the best checkpoint: ", style="bold")
        return text.append(names, style="not bold dim")

    def on_form_changed(self, message: Form.Changed) -> None:
        self._explain(self.query_one(Form))

    def on_form_moved(self, message: Form.Moved) -> None:
        self._explain(self.query_one(Form))

    def _explain(self, form: Form) -> None:
        row = form.row
        if row is None:  # on no heading here: the form does not fold
            return
        text = Text(f"{WHEN[row.live]}. ", style="bold") if row.live else Text()
        text.append_text(help_text(row, form.fault))
        self.query_one("#edit-words", Static).update(text)

    def action_apply(self) -> None:
        form = self.query_one(Form)
        if not form.commit():
            return
        fault = self._draft.any_fault()
        if fault is not None:
            if any(row.key == fault.key for row in self._draft.visible()):
                form.go_to(fault.key)
            self.query_one("#edit-words", Static).update(Text(fault.line(), style="bold"))
            self.app.bell()
            return
        self.dismiss(self._draft.changes())

    def action_fork(self) -> None:
        self.dismiss("fork")

    def action_leave(self) -> None:
        self.dismiss(None)


def forked(view: RunView) -> dict[str, dict[str, object]]:
    """The settings of a run with its best weights to begin with."""
    nested = {section: dict(values) for section, values in view.config.items()}
    nested.setdefault("model", {})["weights"] = view.folder
    return nested
