"""The learning-rate range test as a dialog: loss against the rate, a suggestion, one key to take it over."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.errors import InputError

from ..chart import ChartOptions, Mark, Series
from ..text import Charset, clean
from ..widgets.chart import Chart

if TYPE_CHECKING:
    from engine.config import RunConfig
    from engine.facts import RangeTest

FindRate = Callable[["RunConfig"], "RangeTest"]
"""Runs the range test, in seconds; raises InputError or another error."""


class LrFindScreen(ModalScreen[float | None]):
    """Tries rates on fresh weights and closes with the one that the person takes, or None."""

    BINDINGS = [
        Binding("enter", "take", "take it over"),
        Binding("escape,q", "leave", "close", key_display="Esc"),
    ]

    def __init__(self, config: RunConfig, find: FindRate, charset: Charset = "braille", colour: bool = True) -> None:
        super().__init__()
        self._config = config
        self._find = find
        self._options = ChartOptions(charset=charset, colour=colour, y_label="loss", x_label="log10 lr")
        self._suggestion: float | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="lr-box"):
            yield Static(Text("Learning-rate range test", style="bold"))
            yield Chart(self._options, id="lr-chart")
            yield Static(Text("trying rates from 1e-07 to 10 …"), id="lr-words")

    def on_mount(self) -> None:
        self.run_worker(self._search(), exclusive=True, exit_on_error=False)

    async def _search(self) -> None:
        try:
            found = await asyncio.to_thread(self._find, self._config)
        except InputError as error:
            self._say("\n".join(clean(fault.line()) for fault in error.faults) + "\n\nEsc closes")
            return
        except Exception as error:  # noqa: BLE001  -- whatever torch raises, the settings are still there to be changed
            self._say(f"the test failed: {clean(error)}\n\nEsc closes")
            return
        self._show(found)

    def _show(self, found: RangeTest) -> None:
        self._suggestion = found.steepest
        xs = [math.log10(rate) for rate in found.rates]
        marks = [Mark(math.log10(found.steepest), "best", f"{found.steepest:.1e}")] if found.steepest else []
        series = [Series("smoothed", xs, found.smoothed, "validation")]
        self.query_one("#lr-chart", Chart).update_chart(series, marks, force=True)
        if found.steepest is None or found.tenth is None:
            self._say("The loss did not fall at any rate, so there is nothing to suggest.\n\nEsc closes")
        else:
            self._say(
                f"The loss falls fastest at {found.steepest:.1e}; a tenth of the rate with the lowest loss is "
                f"{found.tenth:.1e}. Between the two is usually safe.\n\n"
                f"Enter sets the learning rate to {found.steepest:.1e}   Esc leaves it as it is"
            )

    def _say(self, words: str) -> None:
        self.query_one("#lr-words", Static).update(Text(words))

    def action_take(self) -> None:
        if self._suggestion is not None:
            self.dismiss(self._suggestion)

    def action_leave(self) -> None:
        self.dismiss(None)
