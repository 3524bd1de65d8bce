"""The setup screen while something is tried that a finding advises: which run that is about, and how to go back to it."""

from __future__ import annotations

from textual.message import Message

from engine.config import RunConfig

from ..draft import Draft
from ..trying import Trying
from ..widgets.tryingstrip import TryingStrip
from .setup_panes import PanedScreen


class TryingScreen(PanedScreen):
    """A screen with a form of settings, and a strip over it."""

    draft: Draft
    trying: Trying | None = None
    _tried: dict[str, str] | None = None  # what the form had after the advice was put in; None if that changed nothing

    class BackAsked(Message):
        """The person wants to see the run in `folder` again, and not to try anything against it."""

        def __init__(self, folder: str) -> None:
            super().__init__()
            self.folder = folder

    def load(self, config: RunConfig) -> None:
        """Put other settings into the form, which can be undone."""
        raise NotImplementedError

    def show_field(self, key: str) -> None:
        """Put the cursor on a field."""
        raise NotImplementedError

    def _changed(self, key: str = "") -> None:
        raise NotImplementedError

    def begin_trying(self, config: RunConfig, trying: Trying) -> None:
        """Put a run's settings into the form with what is to be tried, and the cursor on that."""
        before = self.draft.texts()
        self.load(config)
        now = self.draft.texts()
        self.trying, self._tried = trying, now if now != before else None
        self.show_trying()
        self.refresh_bindings()
        first = next((key for key in trying.advice.changes if key in now), None)
        if first is not None:
            self.show_field(first)

    def give_up_trying(self) -> None:
        """Nothing is tried any more; the form stays as it is."""
        self.trying = None
        self.show_trying()
        self.refresh_bindings()

    def show_trying(self) -> None:
        now = self.draft.texts() if self.trying is not None else {}
        self.query_one(TryingStrip).show_trying(None if self.small else self.trying, now, self.size)

    def action_back(self) -> None:
        """Esc: out of a filter, back to the form, then back to the run that something was to be tried against."""
        if self.trying is None or self.backs_out:
            super().action_back()
            return
        folder = self.trying.folder
        if self.draft.texts() == self._tried:  # else the person has gone on from there
            self.draft.undo()
        self.give_up_trying()
        self._changed()
        self.post_message(self.BackAsked(folder))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "back" and self.trying is not None and not self.small:
            return True
        return super().check_action(action, parameters)
