"""A form as it is shown: which lines there are, which are in sight, how they look. Changing things is up to widgets.form."""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.errors import Fault
from engine.knobs import Knob

from ..draft import Draft
from .form_lines import Line, arrange, best_match, fault_at, group_of, heading
from .form_strips import Styles, line_strip
from .lineedit import LineEdit

PARTS = ("heading", "label", "value", "dim", "fault", "mark")  # of a line, as component classes and in Styles


class FormView(ScrollView):
    """Fields of a draft under headings, with a cursor that is a knob's key or a heading's.

    folds: whether groups can be folded, and the cursor stands on their headings too. accordion: only the group in hand is
    open, for screens with few lines. folded: groups folded by hand. words: of the filter. edit: the field that is open, if one is.
    """

    COMPONENT_CLASSES = {"form--cursor", *(f"form--{name}" for name in PARTS)}

    cursor: reactive[str] = reactive("data.source", init=False)

    def __init__(self, draft: Draft, *, folds: bool = False, id: str | None = None) -> None:
        self._style_cache: dict[tuple[bool, bool], Styles] = {}
        super().__init__(id=id)
        self.draft = draft
        self.folds = folds
        self.accordion = False
        self.words = ""
        self.folded: set[str] = set()
        self.edit: LineEdit | None = None
        self._trial: Fault | None = None  # what would be wrong with the text being typed
        self._lines: list[Line] = []
        self._drawn: dict[int, Strip] = {}  # what stands on the screen, by line
        self._arrange()

    @property
    def row(self) -> Knob | None:
        """The knob under the cursor; None on a heading."""
        return next((line.row for line in self._lines if line.row is not None and line.key == self.cursor), None)

    @property
    def fault(self) -> Fault | None:
        """What is wrong under the cursor: with the text being typed, or with the value."""
        return fault_at(self.draft, self.cursor, self._tried())

    @property
    def to_mend(self) -> int:
        """How many of the fields have a fault, also those that are folded away or not found by the filter."""
        trial = self._tried()
        return sum(fault_at(self.draft, row.key, trial) is not None for row in self.draft.visible())

    def rebuild(self) -> None:
        """Take the draft in anew: fields may have come, gone or become wrong."""
        self._arrange()
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_cursor()
        new = [y for y in range(self.size.height) if self._drawn.get(y) != self._strip(y)]
        if new:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in new))

    def show_only(self, words: str) -> None:
        """Only the fields found by these words, the cursor on the likeliest; all of them without words."""
        self.words = words
        best = best_match([line.row for line in self._arranged() if line.row and line.key], words) if words else None
        if best is not None:
            self.cursor = best.key
        self.rebuild()

    def set_accordion(self, on: bool) -> None:
        """Whether only the group in hand is open."""
        if on != self.accordion:
            self.accordion = on
            self.rebuild()

    def _is_open(self, group: str) -> bool:
        in_hand = not self.accordion or group == group_of(self.cursor)
        return in_hand and self._can_open(group)

    def _can_open(self, group: str) -> bool:
        """Whether its fields are shown once it is in hand: nobody folded it."""
        return group not in self.folded

    def _arranged(self, all_open: bool = False) -> list[Line]:
        is_open = self._can_open if all_open else self._is_open
        return arrange(self.draft, is_open, self.words, self._tried(), self.folds)

    def _tried(self) -> tuple[str, Fault | None] | None:
        return (self.cursor, self._trial) if self.edit is not None else None

    def _arrange(self) -> None:
        self._lines = self._arranged()
        keys = [line.key for line in self._lines if line.key]
        if keys and self.cursor not in keys:
            group = group_of(self.cursor)
            near = [line.key for line in self._lines if line.row and line.key and line.row.group == group]
            fields = [line.key for line in self._lines if line.row and line.key]
            place = heading(group) if heading(group) in keys else (near or fields or keys)[0]
            self.set_reactive(FormView.cursor, place)
            if self.accordion:
                self._lines = self._arranged()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        strip = self._drawn[y] = self._strip(y)
        return strip

    def _strip(self, y: int) -> Strip:
        """Line y of those in sight."""
        y += round(self.scroll_offset.y)
        width = self.scrollable_content_region.width  # beside the scroll bar
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[y]
        here = bool(line.key) and line.key == self.cursor
        edit = self.edit if here else None
        return line_strip(line, self.draft, self._styles(here), width, here, edit, self.folds)

    def _styles(self, here: bool) -> Styles:
        """Looked up once for all lines: a style of Textual costs more than the line it is for."""
        lit = here and self.has_focus
        kind = (lit, lit and self.edit is not None)
        if kind not in self._style_cache:
            base = self.get_component_rich_style("form--cursor") if lit else self.rich_style
            if kind[1]:  # its own cursor is the one to see: a line in reverse would hide it
                base += Style(reverse=False)
            parts = (self.get_component_rich_style(f"form--{name}", partial=True) for name in PARTS)
            self._style_cache[kind] = Styles(base, *parts)
        return self._style_cache[kind]

    def notify_style_update(self) -> None:
        self._style_cache.clear()
        super().notify_style_update()

    def _show_cursor(self) -> None:
        at = next((i for i, line in enumerate(self._lines) if line.key == self.cursor), 0)
        # With its heading above and its fault below in sight, or the fields that a choice may have brought.
        above = 1 if at and self._lines[at - 1].kind == "group" else 0
        below = min(3 if self.size.height > 8 else 1, len(self._lines) - 1 - at)
        region = Region(0, at - above, max(1, self.size.width), 1 + above + below)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def _stops(self) -> list[str]:
        """Where the cursor can go, from top to bottom. The one open group of an accordion opens as the cursor comes."""
        return [line.key for line in self._arranged(all_open=self.accordion) if line.key]
