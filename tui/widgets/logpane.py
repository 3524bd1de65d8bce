"""The run's log: one line for everything that happened besides the epochs, and a line to say which of them to show."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.events import Resize
from textual.widgets import RichLog

from engine.logline import LogLine
from engine.runview import RunView

from ..text import plain
from .entry import Entry


class LogPane(RichLog, can_focus=False):
    """Grows with the view's log; foreign text in it is shown as it is, never as markup.

    Follows the end, unless somebody has scrolled away from it.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id, markup=False, highlight=False, wrap=True, min_width=1, max_lines=2000, auto_scroll=False
        )
        self._view = RunView()
        self._written = 0
        self._wrapped_at = 0  # cells
        self._words, self._notable = "", False
        self._follows = True

    def show_view(self, view: RunView) -> None:
        self._view = view
        if not self.scrollable_content_region.width:
            return  # out of sight: written when it is shown, which is a resize
        for line in view.log[self._written :]:
            if wanted(line, self._words, self._notable):
                text = plain(f"{_clock(line)}  {line[1]}", "bold" if line.level == "warning" else "", limit=1000)
                text.no_wrap = False
                self.write(text, scroll_end=self._follows)
        self._written = len(view.log)

    def choose(self, words: str, notable: bool) -> None:
        """Show only lines with all of these words. notable: warnings and edits only."""
        if (words, notable) != (self._words, self._notable):
            self._words, self._notable = words, notable
            self._again()

    def _again(self) -> None:
        """Write everything anew, from the end on."""
        self.clear()
        self._written, self._follows = 0, True
        self.show_view(self._view)
        self.refresh()

    def page(self, pages: int) -> None:
        """Scroll by pages, up when negative. At the end it is followed again."""
        rows = max(1, self.scrollable_content_region.height - 1)
        at = min(max(0, self.scroll_offset.y + pages * rows), self.max_scroll_y)
        self._follows = at >= self.max_scroll_y
        self.scroll_to(y=at, animate=False)

    def on_mouse_scroll_up(self) -> None:
        self._follows = False

    def on_mouse_scroll_down(self) -> None:
        self._follows = self.scroll_target_y >= self.max_scroll_y - 1

    def on_resize(self, event: Resize) -> None:
        """Wrap the lines anew at another width; the base class does not."""
        if event.size.width and event.size.width != self._wrapped_at:
            self._wrapped_at = event.size.width
            self._again()
        else:
            self.show_view(self._view)


def _clock(line: LogLine) -> str:
    return time.strftime("%H:%M:%S", time.localtime(line[0]))


def wanted(line: LogLine, words: str, notable: bool) -> bool:
    """Whether a line has all of the words, in whatever order and case, and is a warning or an edit if only those count.

    A word with a colon may be a part of its time.
    """
    text, clock = line[1].casefold(), _clock(line)
    found = (word in text or (":" in word and word in clock) for word in words.casefold().split())
    return not (notable and line.level == "note") and all(found)


class LogFilter(Entry, can_focus=False):
    """The line under the log in which its filter is typed; there while it is open or leaves something out.

    changed: called with the words, and whether only warnings and edits are wanted. Tab changes the latter; Enter goes back to
    the screen's keys with the filter in force, Esc without one.
    """

    def __init__(self, changed: Callable[[str, bool], None], *, id: str | None = None) -> None:
        super().__init__(self._typed, "", "words that a line must have; Tab: warnings and edits only", id=id)
        self._told = changed
        self._notable = False
        self.display = False
        self._label()

    def _label(self) -> None:
        self._prompt = f" log ({'warnings and edits' if self._notable else 'all'}, Tab): "
        self.refresh()

    def _typed(self, words: str) -> None:
        self._told(words, self._notable)

    def open(self) -> None:
        """Take the keys."""
        self.display = self.can_focus = True
        self.screen.set_focus(self)

    def accompany(self, log: bool) -> None:
        """Be there with the log only. log: whether that is in sight."""
        self.display = log and (self.has_focus or bool(self.text.strip()) or self._notable)

    def close(self, kept: bool) -> None:
        """Give the keys back. kept: with the filter in force."""
        if not kept:
            self._notable = False
            self.set_text("")
            self._typed("")
            self._label()
        self.can_focus = False  # or the next screen that goes away would leave the keys here
        self.screen.set_focus(None)
        self.display = bool(self.text.strip()) or self._notable

    def take_key(self, event: events.Key) -> bool:
        match event.key:
            case "enter" | "escape":
                self.close(event.key == "enter")
            case "tab" | "shift+tab":
                self._notable = not self._notable
                self._label()
                self._typed(self.text)
            case _:
                return super().take_key(event)
        return True
