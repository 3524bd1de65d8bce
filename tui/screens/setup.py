"""The setup screen: pick a dataset, change the settings, run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from engine.config import RunConfig
from engine.data.catalogue import card
from engine.errors import Fault
from engine.knobs import Knob

from ..draft import Draft
from ..text import clean
from ..widgets.datasets import DatasetCard, DatasetList
from ..widgets.form import Form
from .dialogs import ExplainScreen

EXAMPLE = "data.csv"  # stands in the field of a file's path until a person types one
WIDE = 110  # cells; from here on the help stands beside the form instead of below it


class SetupScreen(Screen[None]):
    """Datasets on the left, the form beside them, what the field under the cursor means at its side or below."""

    BINDINGS = [
        Binding("r", "run", "run"),
        Binding("d", "focus_datasets", "data", show=False),
        Binding("f", "focus_form", "form", show=False),
        Binding("t", "find_rate", "lr test"),
        Binding("o", "app.list_runs", "runs"),
        Binding("f1", "explain", "field", key_display="F1"),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("q", "app.request_quit", "quit"),
    ]

    class RunAsked(Message):
        """The settings are valid and the person wants to train with them."""

        def __init__(self, config: RunConfig) -> None:
            super().__init__()
            self.config = config

    class RateTestAsked(Message):
        """The settings are valid and the person wants to know what learning rates they bear."""

        def __init__(self, config: RunConfig) -> None:
            super().__init__()
            self.config = config

    def __init__(self, config: RunConfig | None = None) -> None:
        super().__init__()
        self.draft = Draft(config)

    def compose(self) -> ComposeResult:
        yield Static("nntui · setup", id="title", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield DatasetList(id="datasets")
                with VerticalScroll(id="card-scroll", can_focus=False):
                    yield DatasetCard(id="card", markup=False)
            with Vertical(id="middle"):
                yield Form(self.draft, id="form")
                yield Static(id="help-below", markup=False)
            with VerticalScroll(id="right", can_focus=False):
                yield Static(id="help-beside", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._show_source()
        self.query_one(Form).focus()

    def on_resize(self) -> None:
        self.set_class(self.size.width >= WIDE, "wide")
        self.set_class(self.size.height < 30, "low")

    # -- what the widgets say -----------------------------------------------------------------------------------------

    def on_dataset_list_chosen(self, message: DatasetList.Chosen) -> None:
        form = self.query_one(Form)
        source = self.draft.text("data.source")
        if message.name:
            self.draft.set("data.source", message.name)
        elif card(source) is not None:
            self.draft.set("data.source", EXAMPLE)
        form.rebuild()
        form.cursor = "data.source"
        self._show_source()

    def on_dataset_list_left(self) -> None:
        form = self.query_one(Form)
        form.focus()
        if card(self.draft.text("data.source")) is None:
            form.go_to("data.source")
            form.begin_edit("" if self.draft.text("data.source") == EXAMPLE else None)

    def on_form_changed(self, message: Form.Changed) -> None:
        if message.key == "data.source":
            self._show_source()
        self._show_help(self.query_one(Form).row)

    def on_form_moved(self, message: Form.Moved) -> None:
        self._show_help(message.row)

    def _show_source(self) -> None:
        source = self.draft.text("data.source")
        self.query_one(DatasetList).show_source(source)
        self.query_one(DatasetCard).show_source(source)

    def _show_help(self, row: Knob) -> None:
        form = self.query_one(Form)
        text = help_text(row, form.fault if row.key == form.cursor else self.draft.faults.get(row.key))
        self.query_one("#help-below", Static).update(text)
        self.query_one("#help-beside", Static).update(text)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_run(self) -> None:
        if (config := self._checked()) is not None:
            self.post_message(self.RunAsked(config))

    def action_find_rate(self) -> None:
        if (config := self._checked()) is not None:
            self.post_message(self.RateTestAsked(config))

    def set_rate(self, rate: float) -> None:
        """Put a learning rate into the form and the cursor on it."""
        self.draft.set("optimizer.lr", repr(float(f"{rate:.1e}")))
        form = self.query_one(Form)
        form.rebuild()
        form.focus()
        form.go_to("optimizer.lr")

    def set_config(self, config: RunConfig) -> None:
        """Put other settings into the form."""
        self.draft = Draft(config)
        form = self.query_one(Form)
        form.take(self.draft)
        form.focus()
        self._show_source()
        self._show_help(form.row)

    def _checked(self) -> RunConfig | None:
        """The settings, or None after the first faulty field was shown."""
        form = self.query_one(Form)
        if not form.commit():
            return None
        self.draft.forget_refused()
        form.rebuild()
        if self.draft.config is None or self.draft.faults:
            first = next((row.key for row in self.draft.visible() if row.key in self.draft.faults), None)
            if first is not None:
                form.focus()
                form.go_to(first)
            self.app.bell()
            return None
        return self.draft.config

    def action_explain(self) -> None:
        row = self.query_one(Form).row
        self.app.push_screen(ExplainScreen(help_text(row, self.draft.faults.get(row.key))))

    def action_focus_datasets(self) -> None:
        self.query_one(DatasetList).focus()

    def action_focus_form(self) -> None:
        self.query_one(Form).focus()

    def show_faults(self, faults: Sequence[Fault]) -> None:
        """Faults found when the data was read: each at its field, the first one under the cursor."""
        self.draft.refuse(faults)
        form = self.query_one(Form)
        form.rebuild()
        form.focus()
        first = next((row.key for row in self.draft.visible() if row.key in self.draft.faults), None)
        if first is not None:
            form.go_to(first)
        for fault in faults[:3]:
            self.notify(clean(fault.line()), severity="error", markup=False, timeout=8)


def help_text(row: Knob, fault: Fault | None = None) -> Text:
    """What a knob is, in full: what is wrong with its value, its key, what it may be, what it does."""
    text = Text()
    if fault is not None:
        text.append(f"{clean(fault.problem)}{'; ' + clean(fault.hint) if fault.hint else ''}\n", style="bold")
    text.append(row.key, style="bold")
    allowed = ", ".join(row.choices) if row.choices else row.bounds()
    if allowed:
        text.append(f"   {allowed}", style="dim")
    text.append(f"\n{row.help}")
    return text
