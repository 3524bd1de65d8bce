"""The lines over the form that say what is being tried, against which run."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text
from textual.geometry import Size

from ..trying import Trying, trying_lines
from .status import Quiet


class TryingStrip(Quiet):
    """Not there while nothing is tried."""

    def show_trying(self, trying: Trying | None, now: Mapping[str, str], screen: Size) -> None:
        """now: the texts of the fields in sight. screen: its size."""
        self.display = trying is not None
        if trying is not None:
            self.show(Text("\n").join(trying_lines(trying, now, max(1, screen.width - 2), screen.height)))
