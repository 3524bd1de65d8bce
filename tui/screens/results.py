"""The results of a run that has ended: figures, curves, confusion, mistakes, and keys for what to do next."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from engine.config import RunConfig
from engine.configfile import check
from engine.finaltext import advice_words
from engine.runview import RunView
from engine.subjects import subjects
from engine.whatnext import Advice, advice, advised

from ..keys import makes_sense, unseen
from ..looks import Look
from ..resultcurves import curves_of
from ..resultpages import ClassesPage, ConfusionPage, MistakesPage, Page, ScatterPage, SummaryPage, TrialsPage
from ..text import clean, fit
from ..widgets.board import WIDE
from ..widgets.chart import Chart
from ..widgets.keyline import KeyLine
from ..widgets.pagepane import PagePane
from .compare import CompareAsked
from .exporting import Exporting
from .pick import Item, Menu

if TYPE_CHECKING:
    from .monitor import MonitorScreen

CURVE = "curve"  # the page that is a chart
LOOK_SECONDS = 0.5  # how often it is looked whether the run goes on meanwhile

KEYS: list[BindingType] = [
    Binding("escape", "back", "back", key_display="Esc"),
    *(Binding(str(number), f"show_page({number})", show=False) for number in range(1, 8)),
    Binding("tab", "next_page(1)", "page", key_display="Tab"),
    Binding("shift+tab", "next_page(-1)", show=False),
    Binding("a", "advice", "advice"),
    Binding("plus", "more", "go on", key_display="+"),
    Binding("f", "try_it", "try it"),
    Binding("F", "fork", "fork"),
    Binding("e", "export", "export"),
    Binding("C", "compare", "compare"),
    Binding("w", "other", "switch"),
    Binding("left_square_bracket", "trial(-1)", show=False),
    Binding("right_square_bracket", "trial(1)", "next trial", key_display="]"),
    Binding("n", "new_run", "new run"),
    Binding("up", "move(0, -1)", show=False),
    Binding("down", "move(0, 1)", show=False),
    Binding("left", "move(-1, 0)", show=False),
    Binding("right", "move(1, 0)", show=False),
    Binding("pageup", "move(0, -10)", show=False),
    Binding("pagedown", "move(0, 10)", show=False),
    Binding("question_mark", "app.help", "help", key_display="?"),
    Binding("q", "app.request_quit", "quit"),
]
LESS_WANTED = ("new_run", "fork", "compare", "more", "export", "trial(1)")


def snapshot(view: RunView) -> RunView:
    """The view as it is now: the monitor's own goes on changing when the run is taken up again."""
    copied = copy.copy(view)
    for item in fields(view):
        value = getattr(view, item.name)
        if isinstance(value, list | dict):
            setattr(copied, item.name, copy.copy(value))
    return copied


class ResultsScreen(Exporting):
    """Lies over the monitor of the run, which it asks to go on or to fork."""

    BINDINGS = KEYS

    def __init__(self, monitor: MonitorScreen) -> None:
        super().__init__()
        self._monitor = monitor
        self._look: Look = monitor.look
        self._view = snapshot(monitor.view)
        self._advice = advice(self._view)
        self._subjects = subjects(self._view)
        self._subject = 0
        self._metric = False  # whether the curve is that of the metric
        self._pages: dict[str, Page | None] = {}
        self._at = ""
        self._make_pages()

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static(id="result-tabs", markup=False)
        with Horizontal(id="result-body"):
            yield PagePane(self._look, id="result-summary")
            with Vertical(id="result-right"):
                yield PagePane(self._look, id="result-page")
                yield Chart(id="result-curve")
        yield KeyLine(LESS_WANTED, id="keys")

    def on_mount(self) -> None:
        self.query_one("#result-summary", PagePane).page = self._pages["summary"]
        self._lay_out()
        self.set_interval(LOOK_SECONDS, self._look_after)

    def _look_after(self) -> None:
        """Once the run goes on these are not its results any more."""
        if self._monitor.view.end is None and self.is_current:
            self.action_back()

    # -- pages --------------------------------------------------------------------------------------------------------

    def _make_pages(self) -> None:
        """The pages that there is something for, in the order of their tabs."""
        view, names = self._view, self._view.data.class_names if self._view.data else ()
        found: list[Page] = [SummaryPage(view, self._advice)]
        if view.trials:
            found.append(TrialsPage(view))
        self._pages = {page.name: page for page in found}
        self._pages[CURVE] = None
        if self._subjects:
            subject = self._subjects[self._subject]
            more: list[Page] = []
            if subject.report.classes:
                more = [ConfusionPage(subject, names), ClassesPage(subject, names)]
            elif subject.report.pairs:
                more = [ScatterPage(subject)]
            self._pages |= {page.name: page for page in [*more, MistakesPage(subject, names)]}
        if self._at not in self._pages:
            self._at = "summary"

    @property
    def wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def tabs(self) -> list[str]:
        """The pages to choose from; the summary has a place of its own on a wide screen."""
        return [name for name in self._pages if not (self.wide and name == "summary")]

    @property
    def page(self) -> Page | None:
        """The one in sight; None when that is the curve."""
        return self._pages[self._at]

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        if self._at not in self.tabs:
            self._at = self.tabs[0]
        self.set_class(self.wide, "wide")
        self.query_one("#result-summary").display = self.wide
        self._show()

    def _show(self) -> None:
        name = clean(self._view.run or "run", 200)
        self.query_one("#title", Static).update(
            Text(fit(f"nntui · results of {name}", max(0, self.size.width - 2))), layout=False
        )
        self.query_one("#result-tabs", Static).update(self._tab_line(), layout=False)
        pane, chart = self.query_one("#result-page", PagePane), self.query_one("#result-curve", Chart)
        pane.display, chart.display = self._at != CURVE, self._at == CURVE
        if self._at == CURVE:
            curves = curves_of(self._view, self._metric, self._look.charset, self._look.colour)
            chart.update_chart(curves.series, curves.marks, options=curves.options, force=True)
        else:
            pane.show(self.page)
        self.refresh_bindings()

    def _tab_line(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        for number, name in enumerate(self.tabs, 1):
            here = name == self._at
            text.append(f"[{number} {name}]" if here else f" {number} {name} ", style="bold" if here else "")
        hints = []
        if len(self._subjects) > 1 and self._at not in ("summary", "trials", CURVE):
            hints.append(self._subjects[self._subject].name)
        if toggles := self._toggles:
            hints.append(f"w: {toggles}")
        room = self.size.width - text.cell_len - 2
        words = "   ".join(hints)
        if words and len(words) <= room:
            text.append(f"{words:>{room + 1}}", style="dim")
        return text

    @property
    def _toggles(self) -> str:
        """What `w` would show."""
        if self._at == CURVE:
            metric = clean(self._view.metric, 20)
            return "loss" if self._metric else metric
        return self.page.toggles if self.page is not None else ""

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self._view.own_loop and action in (
            "advice",
            "export",
        ):  # there are no settings of ours to change or to write
            return False
        match action:
            case "show_page":
                return isinstance(number := parameters[0], int) and number <= len(self.tabs)
            case "advice":
                return bool(self._advice)
            case "more" | "fork":
                return makes_sense(action, self._view, False) and not self._monitor.going_on
            case "compare":
                return bool(self._view.folder)
            case "trial":
                return len(self._subjects) > 1
            case "other":
                return bool(self._toggles)
        return True

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """What the foot shows."""
        found = super().active_bindings
        if not self._view.findings:
            unseen(found, "f")
        return found

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_show_page(self, number: int) -> None:
        self._at = self.tabs[number - 1]
        self._show()

    def action_next_page(self, by: int) -> None:
        tabs = self.tabs
        self._at = tabs[(tabs.index(self._at) + by) % len(tabs)]
        self._show()

    def action_move(self, across: int, down: int) -> None:
        if (page := self.page) is not None:
            page.move(across, down)
            self.query_one("#result-page", PagePane).show(page)

    def action_other(self) -> None:
        if self._at == CURVE:
            self._metric = not self._metric
        elif self.page is not None:
            self.page.toggle()
        self._show()

    def action_trial(self, by: int) -> None:
        """The report of the next fold or restart."""
        self._subject = (self._subject + by) % len(self._subjects)
        self._make_pages()
        self._show()

    # -- what next ----------------------------------------------------------------------------------------------------

    def action_more(self) -> None:
        self.app.pop_screen()
        self._monitor.action_more()

    def action_try_it(self) -> None:
        self._monitor.action_try_it()

    def action_fork(self) -> None:
        self._monitor.action_fork()

    def action_new_run(self) -> None:
        self._monitor.action_new_run()

    def action_compare(self) -> None:
        self.post_message(CompareAsked(self._view.folder))

    def _config(self) -> RunConfig | None:
        """The run's settings, edits included; None after a notification that they cannot be read."""
        config, _ = check(self._view.config)
        if config is None:
            self.notify("the settings of this run cannot be read", severity="error", markup=False)
        return config

    def action_advice(self) -> None:
        """What there is to try; one of it can be done at once."""
        config = self._config()
        if config is None:
            return
        items = []
        for one in self._advice:
            words = advice_words(one)
            heading = f"{clean(one.why, 70)}"
            if one.action == "again" and (better := advised(config, one)) is not None:
                changes = ", ".join(f"{key} = {text}" for key, text in one.changes.items())
                items.append(Item("run again with it", changes, words, (one, better, True), heading=heading))
                items.append(
                    Item("put it into the form", "to look at first", words, (one, better, False), heading=heading)
                )
            elif one.action == "more":
                items.append(
                    Item("go on", "more epochs from where it ended", words, (one, None, False), heading=heading)
                )
            else:
                fields_ = ", ".join(one.fields)
                there = advised(config, one) or config  # what has a value is put in
                items.append(Item("open the form", fields_, words, (one, there, False), heading=heading))
        self.app.push_screen(Menu("What to try", items), self._advised)

    def _advised(self, chosen: tuple[Advice, RunConfig | None, bool] | None) -> None:
        if chosen is None:
            return
        one, config, run = chosen
        if config is None:
            self.action_more()
        elif one.action == "again":
            self._monitor.try_advice(one, run)
        else:
            self._monitor.ask_for_run(config, run, one.fields or tuple(one.changes))
