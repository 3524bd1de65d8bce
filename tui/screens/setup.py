"""The setup screen: pick a dataset, change the settings, see what would be trained, run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from engine.config import RunConfig
from engine.data.catalogue import card
from engine.errors import Fault
from engine.knobs import knob_by_key

from ..changes import between
from ..draft import Draft
from ..faults import to_mend, told
from ..helptext import help_text
from ..kept import Keeper
from ..looks import Look
from ..previews import Previewer
from ..savefile import OpenFile
from ..text import clean
from ..widgets.datasetpane import DatasetPane
from ..widgets.datasets import DatasetList
from ..widgets.entry import Entry
from ..widgets.form import Form
from ..widgets.keyline import KeyLine
from ..widgets.preview import PreviewPane
from ..widgets.tryingstrip import TryingStrip
from ..widgets.words import Words
from .dialogs import ExplainScreen
from .errands import Errands
from .setup_keys import KEYS, LESS_WANTED
from .setup_trying import TryingScreen


class SetupScreen(TryingScreen):
    """Datasets, form, preview: side by side where there is room, else one at a time, with the help of the field below."""

    BINDINGS = KEYS

    class RunAsked(Message):
        """The settings are valid and the person wants to train with them. behind: the folder of the run to compare with, or ""."""

        def __init__(self, config: RunConfig, behind: str = "") -> None:
            super().__init__()
            self.config, self.behind = config, behind

    class RateTestAsked(Message):
        """The settings are valid and the person wants to know what learning rates they bear."""

        def __init__(self, config: RunConfig) -> None:
            super().__init__()
            self.config = config

    def __init__(
        self,
        previewer: Previewer,
        config: RunConfig | None = None,
        keeper: Keeper | None = None,
        look: Look | None = None,
        file: OpenFile | None = None,
    ) -> None:
        """config: to begin with, from `file` if that is given; without one, what stood here last. keeper: remembers that."""
        super().__init__()
        self.draft = Draft(config)
        self._keeper = keeper or Keeper()
        self._typing: tuple[str, str] | None = None
        self._greeting = ""
        if config is None:
            self.draft.recall(self._keeper.memory.texts)
            if self.draft.changed_texts():
                self._greeting = "your last settings are back; X goes to the defaults"
            if self._keeper.beside:
                self._greeting = "another nntui is open: this one goes on with a copy of its settings; of the two, those changed last come back"
            self._typing = self._keeper.memory.typing
        self._previewer = previewer
        self._look = look or Look()
        self._brief = ""
        self.errands = Errands(self, self._keeper, file)

    def compose(self) -> ComposeResult:
        yield Words(id="title")
        yield TryingStrip(id="trying")
        with Horizontal(id="panes"):
            yield DatasetPane(self._previewer, self._look, id="left")
            with Vertical(id="middle"):
                yield Entry(self.find_fields, "find: ", "by name, or by words of the help", id="filter")
                yield Form(self.draft, folds=True, id="form")
                yield Words(id="help-below")
            yield PreviewPane(self._previewer, self._look, id="right")
        yield Static(id="too-small", markup=False)
        yield KeyLine(LESS_WANTED)

    def on_mount(self) -> None:
        self.form.pickers["data.source"] = lambda: self.action_show_page("data")
        self.form.pickers["data.target"] = self.errands.pick_target
        self.form.pickers["data.text"] = self.errands.pick_text
        self.query_one("#filter").display = False
        self.lay_out()
        self._changed()
        self.form.focus()
        if self._typing is not None and any(row.key == self._typing[0] for row in self.draft.visible()):
            self.form.go_to(self._typing[0])
            self.form.begin_edit(self._typing[1])
        self.call_after_refresh(self._greet)

    def take_look(self, look: Look) -> None:
        """Draw with other characters or colours from now on."""
        self.query_one(DatasetPane).take_look(look)
        self.query_one(PreviewPane).take_look(look)

    # -- what the widgets say -----------------------------------------------------------------------------------------

    def on_dataset_list_chosen(self, message: DatasetList.Chosen) -> None:
        if not message.source:
            self.errands.open_table(message.typed)
            return
        if message.source in self.query_one(DatasetList).gone:
            self.app.bell()
            self.notify(f"no such file any more: {clean(message.source)}", severity="error", markup=False, timeout=6)
            self.query_one(DatasetPane).look_for_files()
            return
        self.draft.set("data.source", message.source)
        self._changed()
        if message.done:
            self.action_show_page("form")
            self.form.go_to("data.source" if card(message.source) is not None else "data.target")

    def on_form_changed(self, message: Form.Changed) -> None:
        self._changed(message.key)
        if self.draft.switched and message.key.endswith(".name"):
            before = {key: old for key, (old, _) in self.draft.switched.items()}
            words = between(before, {key: new for key, (_, new) in self.draft.switched.items()})
            kind = knob_by_key()[message.key].label
            self.say(f"{self.draft.text(message.key)}: {words}; each {kind} keeps its own")

    def on_form_moved(self, message: Form.Moved) -> None:
        entry = self.query_one("#filter", Entry)
        if not self.form.words and entry.display and not entry.has_focus:  # it went to a field that the filter hid
            self.close_filter()
        self.show_help()

    def on_preview_pane_shown(self, message: PreviewPane.Shown) -> None:
        self._brief = message.words
        self.show_title()

    def on_preview_pane_found(self, message: PreviewPane.Found) -> None:
        if self.draft.notice(message.faults, message.pictures):
            self._changed()

    def on_screen_resume(self) -> None:
        if self.is_mounted:
            self.query_one(PreviewPane).look_again()
            self.call_after_refresh(self._greet)

    def _greet(self) -> None:
        """Say what there is to say of the beginning, once this screen is in sight: a monitor may have been opened over it."""
        if self.app.screen is self and self._greeting:
            self.say(self._greeting)
            self._greeting = ""

    def say(self, words: str) -> None:
        """Say something for a moment, in the place of what was said before."""
        self.app.clear_notifications()
        self.notify(words, markup=False, timeout=4)

    def on_errands_done(self, message: Errands.Done) -> None:
        message.then()

    def _changed(self, key: str = "") -> None:
        """Something is set otherwise, or typed: at `key`, or in several places."""
        form = self.form
        self.show_trying()
        if key in ("", "data.source"):
            self._show_source()
        if not key:
            form.rebuild()
        self.show_help()
        self.show_title()
        self.query_one(PreviewPane).look_at(form.config)
        typing = (form.cursor, form.edit.text) if form.edit is not None else None
        self._keeper.keep(texts=self.draft.remembered(), typing=typing)

    def _show_source(self) -> None:
        data = self.draft.config.data if self.draft.config is not None else None  # how the file is read, for its card
        self.query_one(DatasetPane).show(self.draft.text("data.source"), data, self._keeper.memory.tables)

    def show_help(self) -> None:
        form = self.form
        row = form.row
        words = help_text(row, form.fault) if row else self._group_help()
        self.query_one("#help-below", Words).say(words)

    def _group_help(self) -> Text:
        if self.form.accordion:
            return Text("Left and right fold and unfold; Down goes in, Page Down to the next; x: all to the defaults.")
        return Text("Enter or the arrows left and right fold and unfold; x puts all of the group back to the defaults.")

    def show_title(self) -> None:
        """Where the settings are kept; what is to mend, or in short what the preview says where that has no place of its own."""
        faulty = to_mend(self.form.to_mend)
        title = Text(f"nntui · setup   {clean(self.errands.path)}".rstrip(), no_wrap=True, overflow="ellipsis")
        if faulty:  # whatever becomes of a long path
            title.truncate(max(1, self.size.width - 6 - len(faulty)), overflow="ellipsis")
        words = faulty or ("" if self.has_class("wide") else self._brief)
        room = self.size.width - 4 - title.cell_len
        if words and cell_len(words) <= room:
            title.append(f"{words:>{room + 2}}", style="bold" if faulty else "not bold")
        self.query_one("#title", Words).say(title)

    # -- settings from elsewhere --------------------------------------------------------------------------------------

    def put(self, texts: Mapping[str, str], show: str = "") -> None:
        """Put texts into fields, all in one change; the cursor goes to the field `show`."""
        self.form.action_cancel()
        self.draft.put(texts)
        self._changed()
        self.leave_filters()
        self.action_show_page("form")
        if show:
            self.form.go_to(show)

    def load(self, config: RunConfig) -> None:
        """Put other settings into the form, which can be undone."""
        self.trying = None
        self.form.action_cancel()
        self.draft.load(config)
        self._changed()
        self.leave_filters()
        self.action_show_page("form")

    def load_texts(self, texts: Mapping[str, str]) -> None:
        """Put texts in the place of all there are, right or wrong; the first that is wrong gets the cursor."""
        self.trying = None
        self.form.action_cancel()
        self.draft.load_texts(texts)
        self._changed()
        self._go_to_fault()

    def set_rate(self, rate: float) -> None:
        """Put a learning rate into the form and the cursor on it."""
        self.put({"optimizer.lr": repr(float(f"{rate:.1e}"))}, "optimizer.lr")

    def set_config(self, config: RunConfig) -> None:
        """Settings of a run that has ended."""
        self.load(config)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_run(self) -> None:
        if (config := self.checked()) is not None:
            self.leave_filters()
            self.post_message(self.RunAsked(config, self.trying.folder if self.trying is not None else ""))

    def action_find_rate(self) -> None:
        if (config := self.checked()) is not None:
            self.post_message(self.RateTestAsked(config))

    def checked(self) -> RunConfig | None:
        """The settings, or None after the first faulty field was shown."""
        form = self.form
        if not form.commit():
            return None
        self.draft.forget_refused()
        self._changed()
        if self.draft.config is None:  # what a preview noticed may have been mended on disk: the run looks again
            self._go_to_fault()
            self.app.bell()
            return None
        return self.draft.config

    def _go_to_fault(self) -> None:
        faults = self.draft.wrong or self.draft.faults
        first = next((row.key for row in self.draft.visible() if row.key in faults), None)
        self.action_show_page("form")
        if first is not None:
            self.form.go_to(first)

    def action_undo(self) -> None:
        """Take the last change back; with a field open, what was typed in it."""
        if self.form.edit is not None:
            self.form.action_cancel()
        else:
            self._travel(self.draft.undo, "undone", "nothing to undo; X goes to the defaults")

    def action_redo(self) -> None:
        self._travel(self.draft.redo, "done again", "nothing to do again")

    def _travel(self, go: Callable[[], tuple[str, ...] | None], done: str, nothing: str) -> None:
        before = self.draft.texts()
        keys = go()
        self.form.travel(keys)
        words = between(before, self.draft.texts())
        self.say(nothing if keys is None else f"{done}: {words}" if words else done)

    def action_reset_all(self) -> None:
        """All fields back to their defaults; one change, as far as undoing goes."""
        changed = len(self.draft.changed_texts())
        self.load(RunConfig())
        self.say(
            f"all to the defaults: {changed} changed; u takes it back" if changed else "all stand at their defaults"
        )

    def show_field(self, key: str) -> None:
        """Put the cursor on a field."""
        self.action_show_page("form")
        self.form.go_to(key)

    def action_explain(self) -> None:
        if (row := self.form.row) is not None:
            self.app.push_screen(ExplainScreen(help_text(row, self.draft.faults.get(row.key), whole=True)))

    def show_faults(self, faults: Sequence[Fault]) -> None:
        """Faults found when the data was read: each at its field, the first one under the cursor."""
        self.draft.refuse(faults)
        self._changed()
        self._go_to_fault()
        self.notify("\n".join(told(faults, 1)), severity="error", markup=False, timeout=8)
