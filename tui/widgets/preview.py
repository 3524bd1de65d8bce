"""The preview beside the form: asked for in a thread while one types, shown when it is there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.message import Message
from textual.timer import Timer

from engine.config import RunConfig
from engine.errors import Fault
from engine.invocation import command_line
from engine.preview import DataPreview, ModelPreview

from ..latest import Latest
from ..looks import Look
from ..previews import Previewer
from ..previewtext import Known, brief, preview_text, state_words
from .textlines import TextLines
from .words import Words

PAUSE = 0.12  # seconds without another key before a preview is asked for


@dataclass(frozen=True, slots=True)
class Answer:
    """A half of a preview that is there, or both. asked: the number of the question."""

    asked: int
    config: RunConfig
    command: str
    data: DataPreview
    model: ModelPreview | None = None


class PreviewPane(VerticalScroll, can_focus=True):
    """Shows the newest answer; an answer to an older question is dropped. The last one stays while the next is awaited."""

    BINDINGS = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]

    class Answered(Message):
        """A half of a preview came, from the thread."""

        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

    class Found(Message):
        """What is wrong with the settings, as far as the newest answer knows. pictures: whether the data are such."""

        def __init__(self, faults: tuple[Fault, ...], pictures: bool) -> None:
            super().__init__()
            self.faults = faults
            self.pictures = pictures

    class Shown(Message):
        """Another line says in short what there is."""

        def __init__(self, words: str, known: Known) -> None:
            super().__init__()
            self.words = words
            self.known = known

    def __init__(self, previewer: Previewer, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._previewer, self._look = previewer, look
        self._thread = Latest("nntui-preview")
        self._timer: Timer | None = None
        self._asked = 0
        self._for: RunConfig | None = None  # what is shown, or asked for
        self.known = Known()
        self._drawn: tuple[object, ...] = ()
        self._of_model: tuple[Fault, ...] = ()  # what only the model's half of the last answer knew

    def compose(self) -> ComposeResult:
        yield Words(id="preview-state")
        yield TextLines(id="preview-text")

    def take_key(self, event: events.Key) -> bool:
        return False

    @property
    def working(self) -> bool:
        """Whether an answer is awaited."""
        return self.known.working

    def look_at(self, config: RunConfig | None) -> None:
        """Preview these settings; None when there are none to preview, because something is wrong with them."""
        if config is None:
            self._for = None
            self._stop()
            self._show(replace(self.known, working=False, stale=True))
        elif config != self._for:
            self._for = config
            self._stop()
            self._timer = self.set_timer(PAUSE, self._ask)
            self._show(replace(self.known, working=True, stale=False))

    def look_again(self) -> None:
        """Ask anew when something was wrong: a file or a folder may have been mended meanwhile, which no setting shows."""
        config = self._for
        if config is not None and (self.known.data.faults or self.known.model.faults):
            self._for = None
            self.look_at(config)

    def _stop(self) -> None:
        self._asked += 1
        self._thread.drop()
        if self._timer is not None:
            self._timer.stop()

    def _ask(self) -> None:
        config, asked = self._for, self._asked
        if config is not None:
            self._thread.ask(lambda: self._work(config, asked))

    def _work(self, config: RunConfig, asked: int) -> None:
        """In the thread. The data is there sooner than the model, the first time by seconds."""
        command = command_line(config)
        data = self._previewer.data(config)
        self.post_message(self.Answered(Answer(asked, config, command, data)))
        if asked == self._asked:
            self.post_message(self.Answered(Answer(asked, config, command, data, self._previewer.model(config))))

    def on_preview_pane_answered(self, message: Answered) -> None:
        answer = message.answer
        if answer.asked != self._asked:
            return
        known = Known(
            answer.data, answer.model or self.known.model, answer.config, answer.model is None, False, answer.command
        )
        self._show(known)
        if answer.model is not None:
            self._of_model = tuple(fault for fault in answer.model.faults if fault not in answer.data.faults)
        self.post_message(self.Found((*answer.data.faults, *self._of_model), len(answer.data.shape) == 3))

    def on_resize(self) -> None:
        self._show(self.known)

    def take_look(self, look: Look) -> None:
        """Draw with other characters or colours from now on."""
        self._look = look
        self._show(self.known)

    def _show(self, known: Known) -> None:
        """Show the state at once, for each key; the rest only when there is something else to show, since it is dear."""
        self.known = known
        if self.is_mounted and self.size.width:
            self.query_one("#preview-state", Words).say(Text(state_words(known), style="italic"))
            timeless = replace(known.data, seconds=0.0, cached=False), replace(known.model, seconds=0.0)
            drawn = (*timeless, known.command, known.config is None, self.size.width, self._look)
            if drawn != self._drawn:
                self._drawn = drawn
                text = preview_text(known, max(1, self.size.width - 2), self._look)
                self.query_one("#preview-text", TextLines).show(text)
        self.post_message(self.Shown(brief(known), known))
