"""Runs of this app that train on in processes of their own while its screen is about something else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .text import clean

if TYPE_CHECKING:
    from .screens.monitor import MonitorScreen
    from .source import RunSource


class LeftRuns:
    """By folder, so that one that is opened again is this app's own once more."""

    def __init__(self) -> None:
        self._sources: dict[str, RunSource] = {}

    def leave(self, monitor: MonitorScreen) -> str:
        """Its screen is about to go away. Returns what there is to tell a person; "" when the run has ended."""
        if not monitor.stands:
            return ""
        self._sources[monitor.view.folder] = monitor.source
        return f"{clean(monitor.view.run)} {monitor.stands} in a process of its own; o lists it"

    def take_back(self, folder: Path) -> RunSource | None:
        """The source of a run that was left, with all of its events from the first on; None for any other run."""
        source = self._sources.pop(str(folder), None)
        if source is not None:
            source.anew()
        return source

    def farewell(self) -> str:
        """What to leave on the terminal about those that are still at work."""
        names = [clean(Path(folder).name) for folder, source in self._sources.items() if source.alive]
        return "".join(
            f"nntui: {name} goes on without this screen\nlook at it with: nntui attach {name}\n" for name in names
        )
