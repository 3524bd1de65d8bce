"""What a person tries against a finding: a run's settings with one piece of advice taken. Pure, but for the form's draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from engine.configfile import check
from engine.runview import RunView
from engine.whatnext import Advice

from .changes import between
from .draft import Draft
from .ghosts import short_name
from .text import clean, fit

_ROOMY = (100, 30)  # cells and rows of the screen; from here on there is room for the evidence


@dataclass(frozen=True, slots=True)
class Trying:
    """folder, run: of the run that the finding is about. texts: its settings, as they stand in a form. stands: what it does
    meanwhile: ``trains on``, ``stays paused``, or "" when it has ended.
    """

    folder: str
    run: str
    advice: Advice
    texts: Mapping[str, str]
    stands: str = ""


def texts_of(nested: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A run's settings by knob, as they stand in a form, without those that mean nothing in it; {} if they cannot be read."""
    config, _ = check(nested)
    return Draft(config).texts() if config is not None else {}


def change_words(before: Mapping[str, str], one: Advice) -> str:
    """What an advice changes: ``learning rate 0.1 → 0.01``."""
    return between(before, {**before, **one.changes}, most=5)


def nothing_to_try(view: RunView) -> str:
    """Why there is nothing to try, in a line."""
    if check(view.config)[0] is None:
        return "the settings of this run cannot be read"
    titles = "; ".join(clean(one.title, 80) for one in view.findings.values())
    return f"no setting does anything about this: {titles}" if titles else "nothing to try: no finding stands"


def trying_lines(one: Trying, now: Mapping[str, str], width: int, height: int) -> list[Text]:
    """Why, what differs by now from the run that the finding is about, and where that is; two or three lines for a screen of this size.

    now: the texts of the form's fields in sight.
    """
    name = short_name(one.run)
    what = between(one.texts, now, most=5)
    lines = [_line(f"{clean(one.advice.why)}: {clean(one.advice.words)}", "", width)]
    if width >= _ROOMY[0] and height >= _ROOMY[1] and one.advice.evidence:
        lines.append(_line("", clean(one.advice.evidence, 1000), width))
    lines.append(_line(f"try: {what}" if what else "try: no setting differs from that run yet", "", width))
    apart = " in a process of its own" if one.stands and width >= _ROOMY[0] else ""
    there = f"{name} {one.stands}{apart}: Esc, o go back" if one.stands else f"Esc goes back to {name}"
    lines.append(_line("", f"r runs it over that run's curves; {there}", width))
    return lines


def _line(bold: str, plain: str, width: int) -> Text:
    text = Text(fit(bold + plain, width).rstrip(), no_wrap=True, overflow="ellipsis")
    text.stylize("bold", 0, len(bold))
    return text
