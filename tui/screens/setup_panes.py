"""The panes of the setup screen: which of them are in sight, which one has the keys, and the filter over the form."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from ..widgets.datasetpane import DatasetPane
from ..widgets.datasets import DatasetList
from ..widgets.entry import Entry
from ..widgets.form import Form
from ..widgets.preview import PreviewPane
from .errands import ErrandScreen

WIDE = 110  # cells; from here on datasets, form and preview stand side by side
LOW = 30  # lines; below, only the group in hand is open
SMALLEST = (60, 16)
PAGES = {"data": "#left", "form": "#middle", "preview": "#right"}


class PanedScreen(ErrandScreen):
    """Datasets, form, preview: side by side where there is room, else one at a time."""

    _page = "form"
    _had_keys: Widget | None = None  # before the terminal became too small

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    @property
    def small(self) -> bool:
        """Whether there is no room for any of it, so that only a polite notice stands here."""
        return bool(self.size) and (self.size.width < SMALLEST[0] or self.size.height < SMALLEST[1])

    def show_title(self) -> None:
        """Draw the line at the top anew."""

    def show_help(self) -> None:
        """Draw the help below the form anew."""

    def show_trying(self) -> None:
        """Draw the lines about what is tried anew."""

    # -- room ---------------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.lay_out()

    def lay_out(self) -> None:
        """Put in sight what there is room for."""
        width, height = self.size
        wide = width >= WIDE
        self.set_class(wide, "wide")
        self.set_class(height < LOW, "low")
        self.query_one("#panes").display = not self.small
        self.query_one("#too-small").display = self.small
        if self.small:
            words = f"This terminal has {width}x{height} cells; {SMALLEST[0]}x{SMALLEST[1]} are needed here. Make it larger, please. q quits."
            self.query_one("#too-small", Static).update(Text(words))
        for page, name in PAGES.items():
            self.query_one(name).display = wide or self._page == page
        self.show_title()
        self.show_trying()
        self.form.set_accordion(height < LOW)
        if self.small and self._had_keys is None:  # nothing that cannot be seen has the keys
            self._had_keys = self.focused or self.form
            self.set_focus(None)
        elif not self.small and self._had_keys is not None:
            back, self._had_keys = self._had_keys, None
            self.set_focus(back)

    @property
    def backs_out(self) -> bool:
        """Whether there is a filter or a pane that Esc leads out of."""
        alone = self._page != "form" and not self.has_class("wide")
        return bool(self.form.words) or self.focused is self.query_one("#filter") or alone

    # -- pages --------------------------------------------------------------------------------------------------------

    def action_show_page(self, page: str) -> None:
        """To a pane: it has the keys from now on, and the screen to itself where there is no room for others."""
        if page != self._page:
            self.leave_filters()
        self._page = page
        self.lay_out()
        widget = {"data": self.query_one(DatasetList), "form": self.form, "preview": self.query_one(PreviewPane)}[page]
        self.set_focus(widget)

    def action_next_page(self, by: int) -> None:
        pages = list(PAGES)
        inside = {id(self.query_one(name)): page for page, name in PAGES.items()}
        focused = self.focused
        here = [inside[id(one)] for one in (focused.ancestors_with_self if focused else ()) if id(one) in inside]
        at = pages.index(here[0] if here else self._page)
        self.action_show_page(pages[(at + by) % len(pages)])

    def action_back(self) -> None:
        """Esc: out of a filter, then back to the form."""
        if self.form.words or self.focused is self.query_one("#filter"):
            self.close_filter()
        self.action_show_page("form")

    # -- the filter ---------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        if isinstance(self.focused, DatasetList):
            self.query_one(DatasetPane).search()
            return
        self.action_show_page("form")
        entry = self.query_one("#filter", Entry)
        entry.display = True
        self.set_focus(entry)

    def find_fields(self, words: str) -> None:
        """Show only the fields found by these words."""
        self.form.show_only(words)
        self.show_help()
        self.refresh_bindings()

    def close_filter(self) -> None:
        """Show all fields again."""
        entry = self.query_one("#filter", Entry)
        entry.set_text("")
        entry.display = False
        self.find_fields("")

    def leave_filters(self) -> None:
        """Show all again, of the fields and of the datasets: what was looked for belongs to the moment."""
        if self.form.words or self.query_one("#filter").display:
            self.close_filter()
        self.query_one(DatasetPane).forget_words()

    def action_into_form(self) -> None:
        """From the filter into what it found."""
        self.query_one("#filter").display = bool(self.form.words)
        self.set_focus(self.form)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is in the footer while only some of the settings are shown. Where nothing can be seen nothing can be done."""
        if self.small:
            return False
        if action == "back" and self.is_mounted:
            return self.backs_out
        if action == "into_form":
            return self.focused is self.query_one("#filter")
        return True
