"""The keys of the setup screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("r", "run", "run"),
    Binding("d", "show_page('data')", "data"),
    Binding("f", "show_page('form')", "form", show=False),
    Binding("v", "show_page('preview')", "preview"),
    Binding("slash", "filter", "find", key_display="/"),
    Binding("p", "menu", "presets"),
    Binding("u", "undo", "undo"),
    Binding("ctrl+z", "undo", show=False),
    Binding("U,ctrl+y", "redo", "redo", show=False),
    Binding("X", "reset_all", "all to defaults", show=False),
    Binding("s", "save", "save"),
    Binding("ctrl+s", "save", show=False),
    Binding("S", "save_as", "save as", show=False),
    Binding("O,ctrl+o", "open", "open", show=False),
    Binding("c", "command", "command"),
    Binding("e", "export", "export", show=False),
    Binding("t", "find_rate", "lr test"),
    Binding("o", "app.list_runs", "runs"),
    Binding("f1", "explain", "field", key_display="F1"),
    Binding("tab", "next_page(1)", show=False),
    Binding("shift+tab", "next_page(-1)", show=False),
    Binding("enter,down", "into_form", show=False),
    Binding("escape", "back", "back", key_display="Esc"),
    Binding("question_mark", "app.help", "help", key_display="?"),
    Binding("q", "app.request_quit", "quit"),
]

LESS_WANTED = (
    "command", "app.list_runs", "undo", "explain", "find_rate", "save", "show_page('preview')", "menu", "reset", "filter",
    "show_page('data')",
)  # fmt: skip
"""Actions whose keys a narrow line does without, the least wanted first."""
