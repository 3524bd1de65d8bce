"""Over the wire goes what is new, and a terminal that gets it shows what it would show if it got everything."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from support.terminal import cells
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.wire import Wire

WIDTH, HEIGHT = 24, 5
CONSOLE = Console(color_system="truecolor", force_terminal=True)
assert CONSOLE._color_system is ColorSystem.TRUECOLOR

STYLES = [
    Style(),
    Style(bold=True),
    Style(reverse=True, color="#102030"),
    Style(color="red", bgcolor="#303030"),
    Style(color="default", bgcolor="default"),
    Style(color="#aabbcc", bgcolor="#303030", underline=True),
    Style(color="red", bgcolor="#303030", bold=True, italic=True),
]
styles = st.sampled_from(STYLES)
pieces = st.lists(st.tuples(st.text("ab ⣿▄", min_size=1, max_size=9), styles), min_size=1, max_size=5)


def strip(parts: list[tuple[str, Style]], width: int = WIDTH) -> Strip:
    return Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(width, Style())


def whole(rows: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[row] for row in rows], Region(0, 0, WIDTH, len(rows)))


def part(rows: list[Strip], spans: list[tuple[int, int, int]], cut: int = WIDTH) -> ChopsUpdate:
    """An update of spans (y, first, end) of rows that two widgets share, the second of which begins at `cut`."""
    edges = [0, cut, WIDTH] if 0 < cut < WIDTH else [0, WIDTH]
    chops = [dict(zip(edges, row.divide(edges[1:]), strict=False)) for row in rows]
    return ChopsUpdate(chops, spans, [edges[1:] for _ in rows])


class Pair:
    """Two terminals: one gets what the wire lets through, the other everything."""

    def __init__(self, width: int = WIDTH) -> None:
        self.screens = pyte.Screen(width, HEIGHT), pyte.Screen(width, HEIGHT)
        self._streams = [pyte.Stream(screen) for screen in self.screens]
        for screen in self.screens:
            screen.reset_mode(7, private=True)  # no line wrap, as in an app
            screen.set_mode(20)  # Textual's line feeds begin a new line, as the terminal's settings have them
        self.wire = Wire()

    def show(self, update: CompositorUpdate) -> str:
        """What went over the wire."""
        changes = self.wire.changes(update, CONSOLE)
        text = changes.render_segments(CONSOLE) if changes is not None else ""
        self._streams[0].feed(text)
        self._streams[1].feed(update.render_segments(CONSOLE))
        return text

    def same(self) -> bool:
        return cells(self.screens[0]) == cells(self.screens[1])


@st.composite
def updates(draw: st.DrawFn) -> list[CompositorUpdate]:
    rows = [strip(parts) for parts in draw(st.lists(pieces, min_size=HEIGHT, max_size=HEIGHT))]
    found: list[CompositorUpdate] = [whole(rows)]
    for _ in range(draw(st.integers(1, 6))):
        spans = []
        for y in sorted(draw(st.sets(st.integers(0, HEIGHT - 1), min_size=1))):
            first = draw(st.integers(0, WIDTH - 1))
            last = draw(st.integers(first + 1, WIDTH))
            new = strip(draw(pieces))
            rows[y] = Strip.join([rows[y].crop(0, first), new.crop(first, last), rows[y].crop(last, WIDTH)])
            spans.append((y, first, last))
        found.append(part(list(rows), spans, draw(st.integers(0, WIDTH))))
        if draw(st.booleans()):
            found.append(whole(list(rows)))
    return found


@given(updates())
def test_a_terminal_shows_the_same_as_if_it_got_everything(found):
    pair = Pair()
    for update in found:
        pair.show(update)
        assert pair.same()
    assert pair.show(found[-1]) == "", "it is all there already"
    assert pair.wire.unchanged >= 1


@given(
    st.lists(
        st.lists(st.tuples(st.text("a日é́👩‍🚀 ", min_size=1, max_size=4), styles), min_size=1, max_size=4),
        min_size=2,
        max_size=4,
    )
)
@settings(max_examples=30)
def test_rows_with_wide_and_joined_characters_are_written_whole(versions):
    """pyte measures some of them in its own way, so what is compared is what was sent with what a new terminal would get."""
    pair, last = Pair(), ""
    for parts in versions:
        row = strip(parts)
        last = pair.show(whole([row])) or last
    again = Wire().changes(whole([strip(versions[-1])]), CONSOLE)
    assert again is not None
    if any(char in strip(versions[-1]).text for char in "日\N{COMBINING ACUTE ACCENT}👩"):
        assert last == again.render_segments(CONSOLE)


wide_rows = st.lists(st.tuples(st.text("ab日 ", min_size=1, max_size=7), styles), min_size=1, max_size=5)


@given(st.lists(st.lists(wide_rows, min_size=2, max_size=2), min_size=2, max_size=4))
@settings(max_examples=40)
def test_wide_characters_stand_where_they_belong(pictures):
    pair = Pair()
    for rows in pictures:
        pair.show(whole([strip(parts) for parts in rows]))
        assert pair.screens[0].display == pair.screens[1].display


def test_what_follows_a_wide_character_is_placed_anew():
    pair = Pair()
    row = strip([("日", Style()), ("x", Style())], 3)
    assert pair.show(whole([row])) == "\x1b[1;1H日\x1b[1;3Hx"


def test_one_changed_cell_costs_one_move_and_one_character():
    pair = Pair()
    pair.show(whole([strip([("x" * WIDTH, Style())]) for _ in range(HEIGHT)]))
    changed = strip([("x" * 20 + "y" + "xxx", Style())])
    rows = [strip([("x" * WIDTH, Style())]), changed]
    assert pair.show(part(rows, [(0, 0, WIDTH), (1, 0, WIDTH)])) == "\x1b[2;21Hy"
    assert pair.same()


def test_colours_are_changed_by_what_differs():
    pair = Pair()
    pair.show(whole([strip([(" ", Style())])]))
    row = strip([("a", Style(color="#010203", bgcolor="#000000")), ("b", Style(color="#040506", bgcolor="#000000"))])
    assert pair.show(part([row], [(0, 0, 2)])) == "\x1b[1;1H\x1b[38;2;1;2;3;48;2;0;0;0ma\x1b[38;2;4;5;6mb\x1b[m"


def test_after_a_resize_everything_is_written_until_a_whole_picture_was():
    pair = Pair()
    rows = [strip([("same", Style())]) for _ in range(HEIGHT)]
    pair.show(whole(rows))
    assert pair.show(whole(rows)) == ""
    pair.wire.forget()
    assert pair.show(part(rows, [(1, 0, 4)])) == "\x1b[2;1Hsame"
    assert pair.show(part(rows, [(1, 0, 4)])) == "\x1b[2;1Hsame", "the terminal may have been resized again"
    assert pair.show(whole(rows)).count("same") == HEIGHT
    assert pair.show(whole(rows)) == ""
    assert pair.show(LayoutUpdate([[row] for row in rows[:3]], Region(0, 0, WIDTH, 3))).count("same") == 3
