"""What the command palette (Ctrl-P) offers: what the keys of a screen do, on the setup screen presets and every field too.

Textual's own commands are left out: quitting by them would ask nobody, and their themes are not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from textual.app import App
from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen

from engine.data.catalogue import catalogue
from engine.presets import presets

if TYPE_CHECKING:
    from .screens.setup import SetupScreen

KEYS = (
    ("Run", "Train with these settings", "run"),
    ("Find a setting", "By its name or by words of its help", "filter"),
    ("Choose a dataset", "The list of datasets and files", "show_page('data')"),
    ("Open a data file", "A file of your own, or a folder of pictures", "open_table"),
    ("Look at the preview", "Layers, memory, the learning rate over the run", "show_page('preview')"),
    ("Presets and samples", "Settings to begin with", "menu"),
    ("Open settings", "From a TOML file", "open"),
    ("Save settings", "To a TOML file; comments in it stay", "save"),
    ("Save settings as", "To another TOML file", "save_as"),
    ("Show the command", "The same run from a shell", "command"),
    ("Export a PyTorch script", "The same run without nntui", "export"),
    ("Test learning rates", "A range test, which suggests one", "find_rate"),
    ("Undo", "Take the last change back", "undo"),
    ("Redo", "Do it again", "redo"),
    ("Reset everything", "All fields back to their defaults", "reset_all"),
)


EVERYWHERE = (
    ("Runs", "What became of each, live ones too", "app.list_runs"),
    ("Help", "Every key", "app.help"),
    ("Another theme", "Dark, light, 16 colours", "app.next_theme"),
    ("Quit", "Asks first while a run of this app is under way", "app.request_quit"),
)

Command = tuple[str, str, Callable[[], object]]


class Commands(Provider):
    """All of it is this program's own text; nothing foreign comes into the palette."""

    def _first(self) -> list[Command]:
        """What is offered before anything is typed."""
        from .screens.setup import SetupScreen

        screen = self.screen
        keys = KEYS if isinstance(screen, SetupScreen) else [] if screen.COMMANDS else self._keys()
        there = [action for _, _, action in keys]
        more = [one for one in EVERYWHERE if one[2] not in there]
        return [(name, words, lambda act=action: screen.run_action(act)) for name, words, action in (*keys, *more)]

    def _keys(self) -> list[tuple[str, str, str]]:
        """What the keys of a screen do that mean something at the moment."""
        bases = (*App.BINDINGS, *Screen.BINDINGS)
        textuals = {"command_palette", "request_quit", *(one.action for one in bases if isinstance(one, Binding))}
        found = [
            (binding.description.capitalize(), f"The key {self.app.get_key_display(binding)}", binding.action)
            for _, binding, enabled, _ in self.screen.active_bindings.values()
            if enabled and binding.description and binding.action not in textuals
        ]
        return list({action: (name, words, action) for name, words, action in found}.values())

    def _commands(self) -> Iterator[Command]:
        from .screens.setup import SetupScreen

        yield from self._first()
        if isinstance(self.screen, SetupScreen):
            yield from self._settings(self.screen)

    def _settings(self, screen: SetupScreen) -> Iterator[Command]:
        for one in presets():
            yield f"Preset: {one.name}", one.about, lambda one=one: screen.errands.take(one)
        for item in catalogue():
            yield (
                f"Dataset: {item.name}",
                item.about,
                lambda item=item: screen.put({"data.source": item.name}, "data.source"),
            )
        for row in screen.draft.visible():
            yield f"{row.group}: {row.label}", row.summary, lambda row=row: screen.show_field(row.key)

    async def discover(self) -> Hits:
        for name, words, act in self._first():
            yield DiscoveryHit(name, act, help=words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, words, act in self._commands():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), act, help=words)
