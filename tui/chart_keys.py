"""The keys of the monitor's charts, and the command palette's list of all that its keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider


@dataclass(frozen=True, slots=True)
class ChartKey:
    """keys: as Textual names them, what: the board's name for it. name and about stand in the palette; footer: two words, or ""
    for a key that is found in the help only.
    """

    keys: str
    what: str
    name: str
    about: str
    footer: str = ""
    display: str = ""


CHART_KEYS = (
    ChartKey("left", "left", "Cursor left", "Values one point to the left", "cursor", "←→"),
    ChartKey("right", "right", "Cursor right", "Values one point to the right"),
    ChartKey("shift+left", "jump_left", "Cursor far left", "A tenth of what is in sight"),
    ChartKey("shift+right", "jump_right", "Cursor far right", "A tenth of what is in sight"),
    ChartKey("home", "first", "Cursor to the first point", "The beginning of the curves"),
    ChartKey("end", "last", "Cursor to the newest point", "The end of the curves"),
    ChartKey("z", "zoom_in", "Zoom in", "Half as much of the x axis, around the cursor", "zoom"),
    ChartKey("Z", "zoom_out", "Zoom out", "Twice as much of the x axis"),
    ChartKey(
        "h", "zoom_y_in", "Zoom in on y", "Half as much of the y axis of the chart in hand, around the curve's value"
    ),
    ChartKey("H", "zoom_y_out", "Zoom out of y", "Twice as much of the y axis"),
    ChartKey("less_than_sign", "pan_left", "Pan left", "Earlier epochs, where the charts are zoomed"),
    ChartKey("greater_than_sign", "pan_right", "Pan right", "Later epochs, where the charts are zoomed"),
    ChartKey("0", "all", "Show all of both axes", "No zoom, nothing followed"),
    ChartKey("t", "tail", "Follow the tail", "Only the newest epochs are in sight, and the charts go along with them"),
    ChartKey("m", "next", "Next chart", "Another chart in this place", "chart"),
    ChartKey("c", "choose", "Choose a chart", "From a list of all that this run has"),
    ChartKey("tab,down", "other", "Another chart in hand", "The one that y, h, m and c are about"),
    ChartKey("shift+tab,up", "other_back", "The chart before in hand", "The one that y, h, m and c are about"),
    ChartKey("v", "layout", "Layout", "One chart, two, or four, as far as there is room", "layout"),
    ChartKey("x", "unit", "X axis", "Epochs, steps or time"),
    ChartKey("y", "log_y", "Logarithmic y axis", "Of the chart in hand, on and off"),
    ChartKey("X", "log_x", "Logarithmic x axis", "Of all charts, on and off"),
    ChartKey("a", "smooth", "Smoothing", "How much the training curves are averaged"),
    ChartKey("g", "ghost", "Ghost", "The previous run, or another run or fold, behind this one", "ghost"),
)

CHART_BINDINGS: list[BindingType] = [
    Binding(one.keys, f"chart('{one.what}')", one.footer, show=bool(one.footer), key_display=one.display or None)
    for one in CHART_KEYS
]

_MONITOR = (
    ("Pause or go on", "Training waits between two batches", "pause"),
    ("Stop", "After this batch; the best weights are tested", "stop"),
    ("Stop now", "With a checkpoint, and without a test", "stop_now"),
    ("More epochs", "Beyond the plan, or on from where the run ended", "more"),
    ("Change settings", "While it trains", "edit"),
    ("Undo the last change", "Back to the checkpoint before it", "revert"),
    ("Save a checkpoint", "Now", "save"),
    ("Detach", "Leave, and the run goes on without this screen", "detach"),
    ("Try it", "What a finding advises, with this run's curves behind", "try_it"),
    ("Results", "Figures, confusion, mistakes, what next", "results"),
    ("Compare", "With other runs: curves, figures, settings", "compare"),
    ("Fork", "A new run from this one's best weights", "fork"),
    ("New run", "To the settings, when this one has ended", "new_run"),
    ("Log", "Show or hide it", "toggle_log"),
    ("Find in the log", "Only lines with these words, or only warnings and edits", "filter_log"),
    ("Findings in full", "All that is known of them, and what to try", "explain"),
)


class MonitorCommands(Provider):
    """What the palette (Ctrl-P) offers on the monitor: each of its keys by name. All of it is this program's own text."""

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        screen = self.screen
        for name, words, action in _MONITOR:
            if "." in action or screen.check_action(action, ()):
                yield name, words, lambda action=action: screen.run_action(action)
        for one in CHART_KEYS:
            yield f"Chart: {one.name}", one.about, lambda one=one: screen.run_action(f"chart('{one.what}')")

    async def discover(self) -> Hits:
        for name, words, act in self._commands():
            yield DiscoveryHit(name, act, help=words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, words, act in self._commands():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), act, help=words)
