"""What a knob is, in words."""

from __future__ import annotations

from rich.text import Text

from engine.errors import Fault
from engine.knobs import Knob

from .text import clean


def help_text(row: Knob, fault: Fault | None = None, *, whole: bool = False) -> Text:
    """What a knob is, in full: what is wrong with its value, its key, what it may be, what it does.

    whole: with the way that a fault took through the user's own code.
    """
    text = Text()
    if fault is not None:
        text.append(f"{clean(fault.problem)}{'; ' + clean(fault.hint) if fault.hint else ''}\n", style="bold")
        for frame in fault.frames if whole else ():
            text.append(f"  {clean(frame)}\n", style="not bold")
    text.append(row.key, style="bold")
    allowed = ", ".join(row.choices) if row.choices else row.bounds()
    if allowed:
        text.append(f"   {allowed}", style="dim")
    text.append(f"\n{row.help}")
    return text
