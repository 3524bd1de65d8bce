"""What the diagnosis holds to be wrong, with the evidence and the first things to try."""

from __future__ import annotations

from rich.text import Text

from engine.events import FindingRaised
from engine.runview import RunView

from ..text import clean
from .status import Quiet


class FindingCards(Quiet):
    """One card per finding; not there at all while nothing is wrong."""

    def show_view(self, view: RunView, brief: bool = False) -> None:
        """brief: leave the evidence out, for a low screen that has the final figures to show as well."""
        self.display = bool(view.findings)
        cards = [_card(finding, brief) for finding in view.findings.values()]
        self.show(Text("\n").join(cards))


def _card(finding: FindingRaised, brief: bool) -> Text:
    text = Text(f"! {clean(finding.title)}", style="bold")
    text.append(f"  ({clean(finding.confidence)})\n", style="not bold")
    if not brief:
        text.append(f"{clean(finding.evidence)}\n", style="not bold")
    text.append("try: ", style="bold")
    text.append("; ".join(clean(action) for action in finding.actions[:4]), style="not bold")
    return text
