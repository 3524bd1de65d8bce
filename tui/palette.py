"""What the command palette (Ctrl-P) offers on the setup screen: its keys, its presets, and every field by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from engine.data.catalogue import catalogue
from engine.presets import presets

if TYPE_CHECKING:
    from .screens.setup import SetupScreen

KEYS = (
    ("Run", "Train with these settings", "run"),
    ("Find a setting", "By its name or by words of its help", "filter"),
    ("Choose a dataset", "The list of datasets and files", "show_page('data')"),
    ("Open a data file", "A CSV or TSV file of your own", "open_table"),
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


class SetupCommands(Provider):
    """All of it is this program's own text; nothing foreign comes into the palette."""

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        screen = cast("SetupScreen", self.screen)
        for name, words, action in KEYS:
            yield name, words, lambda action=action: screen.run_action(action)
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
        for name, words, act in list(self._commands())[: len(KEYS)]:
            yield DiscoveryHit(name, act, help=words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, words, act in self._commands():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), act, help=words)
