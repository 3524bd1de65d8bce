"""The datasets: a line to search by, the list, the card of the one under the cursor and how its data looks."""

from __future__ import annotations

from collections.abc import Sequence, Set

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.timer import Timer

from engine.config import DataConfig, RunConfig
from engine.data.catalogue import card
from engine.preview import DataPreview

from ..latest import Latest
from ..looks import Look
from ..paths import gone_of
from ..previews import Previewer
from ..previewtext import data_drawing
from .datasets import DatasetCard, DatasetList
from .entry import Entry

PAUSE = 0.15  # seconds that the cursor rests on a dataset before its data is looked at


class DatasetPane(Horizontal):
    """Looks at the data of what the cursor rests on, in a thread; an answer about another entry is dropped."""

    BINDINGS = [
        Binding("pageup", "scroll_card(-8)", "card up", show=False),
        Binding("pagedown", "scroll_card(8)", "card down", show=False),
        Binding("enter", "take_found", "choose"),
        Binding("down,up", "into_list(False)", "into the list", show=False),
        Binding("escape", "into_list(True)", "all datasets", key_display="Esc"),
    ]

    class Missed(Message):
        """It is known which of the files are not there any more."""

        def __init__(self, gone: Set[str]) -> None:
            super().__init__()
            self.gone = gone

    class Looked(Message):
        """The data of a source was looked at."""

        def __init__(self, asked: int, data: DataPreview) -> None:
            super().__init__()
            self.asked = asked
            self.data = data

    def __init__(self, previewer: Previewer, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._previewer, self._look = previewer, look
        self._thread = Latest("nntui-datasets")
        self._finder = Latest("nntui-recent")
        self._files: list[str] = []
        self._timer: Timer | None = None
        self._asked = 0
        self._own: DataConfig | None = None  # how the chosen file is read
        self._shown: tuple[str, DataPreview | None] = ("", None)

    def compose(self) -> ComposeResult:
        with Vertical(id="data-choice"):
            yield Entry(self._find, "find: ", "/ finds a dataset", id="data-find")
            yield DatasetList(id="datasets")
        with VerticalScroll(id="card-scroll", can_focus=False):
            yield DatasetCard(id="card", markup=False)

    def show(self, source: str, own: DataConfig | None, recent: Sequence[str]) -> None:
        """Mark `source` as the chosen one, with the cursor on it. own: how it is read, if it is a file."""
        self._own = own
        self.query_one(DatasetList).show(source, recent)
        if self._files != self.query_one(DatasetList).files:
            self.look_for_files()
        self._look_at(source)

    def look_for_files(self) -> None:
        """Find out, in a thread, which of the files in the list are there."""
        files = self._files = self.query_one(DatasetList).files
        self._finder.ask(lambda: self.post_message(self.Missed(gone_of(files))))

    def on_dataset_pane_missed(self, message: Missed) -> None:
        self.query_one(DatasetList).show_gone(message.gone)

    def on_descendant_focus(self) -> None:
        self.look_for_files()

    def action_scroll_card(self, by: int) -> None:
        self.query_one("#card-scroll").scroll_relative(y=by, animate=False)

    def search(self) -> None:
        """Type into the line to search by."""
        self.screen.set_focus(self.query_one("#data-find"))

    def _find(self, words: str) -> None:
        self.query_one(DatasetList).show_only(words)

    def action_into_list(self, empty: bool) -> None:
        """From the line to search by into the list; `empty`: of all of them."""
        if empty:
            self.query_one("#data-find", Entry).set_text("")
        self.screen.set_focus(self.query_one(DatasetList))

    def action_take_found(self) -> None:
        """Choose what the line to search by has found."""
        self.screen.set_focus(self.query_one(DatasetList))
        self.query_one(DatasetList).take_found()

    def forget_words(self) -> None:
        """Show all of the datasets again, the cursor on the chosen one."""
        self.query_one("#data-find", Entry).set_text("")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action not in ("into_list", "take_found") or self.screen.focused is self.query_one("#data-find")

    def on_dataset_list_pointed(self, message: DatasetList.Pointed) -> None:
        self._look_at(message.source)

    def _look_at(self, source: str) -> None:
        self._asked += 1
        self._thread.drop()
        if self._timer is not None:
            self._timer.stop()
        known = self._shown[1] if source == self._shown[0] else None
        self._show(source, known)
        if source and (card(source) is not None or (self._own is not None and self._own.source == source)):
            asked = self._asked
            self._timer = self.set_timer(PAUSE, lambda: self._ask(source, asked))

    def _ask(self, source: str, asked: int) -> None:
        if asked != self._asked:  # the timer went off just before the cursor moved on
            return
        own = self._own
        config = RunConfig(data=own if own is not None and own.source == source else DataConfig(source=source))
        self._thread.ask(lambda: self.post_message(self.Looked(asked, self._previewer.data(config))))

    def on_dataset_pane_looked(self, message: Looked) -> None:
        if message.asked == self._asked:
            self._show(self._shown[0], message.data)

    def on_resize(self) -> None:
        self._show(*self._shown)

    def take_look(self, look: Look) -> None:
        """Draw with other characters or colours from now on."""
        self._look = look
        self._show(*self._shown)

    def _show(self, source: str, data: DataPreview | None) -> None:
        self._shown = (source, data)
        room = self.query_one("#card-scroll").size.width - 3
        drawing = data_drawing(data, max(8, min(room, 60)), self._look) if data is not None and room > 0 else None
        self.query_one(DatasetCard).show_source(source, drawing)
