"""The monitor's keys: what each asks for, and when it means anything."""

from __future__ import annotations

from dataclasses import replace

from textual.binding import ActiveBinding, Binding, BindingType

from engine.runview import RunView

from .chart_keys import CHART_BINDINGS

KEYS: list[BindingType] = [
    Binding("escape", "back", "back", key_display="Esc"),
    Binding("r,enter", "results", "results", key_display="r"),
    Binding("space", "pause", "pause"),
    Binding("s", "stop", "stop"),
    Binding("S", "stop_now", "stop now", show=False),
    Binding("plus", "more", "more", key_display="+"),
    Binding("e", "edit", "edit"),
    Binding("u", "revert", "undo edit"),
    Binding("w", "save", "save now", show=False),
    Binding("d", "detach", "detach"),
    Binding("n", "new_run", "new run"),
    Binding("f", "try_it", "try it"),
    Binding("F", "fork", "fork", show=False),
    Binding("o", "app.list_runs", "runs"),
    Binding("C", "compare", "compare", show=False),
    *CHART_BINDINGS,
    Binding("i", "explain", "findings", show=False),
    Binding("l", "toggle_log", "log"),
    Binding("L", "toggle_output", "output", show=False),
    Binding("left_square_bracket", "scroll_trials(-2)", "trials up", key_display="[", show=False),
    Binding("right_square_bracket", "scroll_trials(2)", "trials down", key_display="]", show=False),
    Binding("slash", "filter_log", "find in log", key_display="/", show=False),
    Binding("pageup", "page_log(-1)", "log up", show=False),
    Binding("pagedown", "page_log(1)", "log down", show=False),
    Binding("question_mark", "app.help", "help", key_display="?"),
    Binding("q", "app.request_quit", "quit"),
]
LESS_WANTED = (
    "chart('ghost')", "revert", "chart('layout')", "chart('left')", "app.list_runs", "more", "chart('zoom_in')", "toggle_log", "edit",
    "chart('next')",
)  # fmt: skip
"""The keys that the line at the foot does without where it is short, the least wanted first; the help has them all."""


NOT_WITH_A_SCRIPT = ("edit", "revert", "more", "save", "try_it", "fork")
"""What only a run that nntui trains itself can be asked for, not one of a script with a loop of its own."""


def unseen(found: dict[str, ActiveBinding], key: str) -> None:
    """Take a key out of the line at the foot; it still says why there is nothing that it could do."""
    if key in found:
        found[key] = found[key]._replace(binding=replace(found[key].binding, show=False))


def makes_sense(action: str, view: RunView, running: bool) -> bool:
    """Whether a key would do anything now; the others are not in the footer.

    running: the run can be asked for things.
    """
    if view.own_loop and action in NOT_WITH_A_SCRIPT:
        return False
    match action:
        case "pause" | "stop" | "stop_now" | "save" | "detach":
            return running
        case "edit":
            return running and view.model is not None
        case "revert":
            return running and bool(view.edits)
        case "more":
            return bool(view.folder) and not view.planned_trials
        case "scroll_trials":
            return bool(view.planned_trials) and view.end is None
        case "explain":
            return bool(view.findings)
        case "new_run":
            return not running
        case "fork":
            weightless = view.summary is not None and view.summary.kind == "kfold"  # each fold has weights of its own
            return bool(view.folder) and view.best_epoch > 0 and not weightless
        case "results":
            return view.end is not None and not running
    return True
