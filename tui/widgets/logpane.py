"""The run's log: one line for everything that happened besides the epochs."""

from __future__ import annotations

import time

from textual.events import Resize
from textual.widgets import RichLog

from engine.runview import RunView

from ..text import plain


class LogPane(RichLog, can_focus=False):
    """Grows with the view's log; foreign text in it is shown as it is, never as markup."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, highlight=False, wrap=True, min_width=1, max_lines=2000, auto_scroll=True)
        self._view = RunView()
        self._written = 0
        self._wrapped_at = 0  # cells

    def show_view(self, view: RunView) -> None:
        self._view = view
        if not self.scrollable_content_region.width:
            return  # out of sight: written when it is shown, which is a resize
        for when, text in view.log[self._written :]:
            line = plain(f"{time.strftime('%H:%M:%S', time.localtime(when))}  {text}", limit=1000)
            line.no_wrap = False
            self.write(line)
        self._written = len(view.log)

    def on_resize(self, event: Resize) -> None:
        """Wrap the lines anew at another width; the base class does not."""
        if event.size.width and event.size.width != self._wrapped_at:
            self._wrapped_at = event.size.width
            self.clear()
            self._written = 0
        self.show_view(self._view)
