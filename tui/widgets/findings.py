"""What the diagnosis holds to be wrong, with the evidence and the first things to try."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.text import Text
from textual.content import Content, Span

from engine.diagnosis import NOTES, rank
from engine.events import FindingRaised
from engine.runview import RunView

from ..text import clean, fit
from .status import Quiet

SIGNS = {"certain": "!!", "likely": "! ", "watch": "? "}
"""How sure the diagnosis is; what it is sure of is what needs an answer first."""

NOTE = "· "
"""Of what is only worth knowing."""

WARNING = "warning"
"""The style of lines that a person should heed: the theme says how they look."""

_MOST_ACTIONS = 4


class FindingCards(Quiet):
    """One card per finding; not there at all while there is none. What is no warning does not look like one."""

    def show_view(self, view: RunView, width: int, rows: int, everything: bool = False) -> None:
        """Cards for a screen of `width` cells, in about `rows` lines of it. everything: all that is known of each."""
        self.display = bool(view.findings)
        self.set_class(not NOTES.issuperset(view.findings), "warning")
        if view.findings:
            self.show(cards_text(view.findings.values(), width - 2, rows, everything))

    def drawn(self, text: Text) -> Content:
        """With the colour of warnings that the theme has at the moment."""
        styles = {WARNING: "$warning"}
        spans = [Span(span.start, span.end, styles.get(str(span.style), str(span.style))) for span in text.spans]
        return Content(text.plain, spans)


def cards_text(findings: Iterable[FindingRaised], width: int, rows: int, everything: bool = False) -> Text:
    """The surest first, of equals the one that explains most, and notes last. Each has a line at least; as far as there is room for it in `rows`, the surest have their evidence and
    what to try first as well. Those for which there is no line are counted.

    everything: all in full, with every action, however many rows it takes. Lines of warnings have the style `WARNING`.
    """
    ranked = sorted(findings, key=lambda one: rank(one.kind, one.confidence, one.began))
    if everything:
        return _joined([line for one in ranked for line in _full(one, width, _MOST_ACTIONS)])
    if len(ranked) > rows:
        shown = [_brief(one, width) for one in ranked[: max(1, rows - 1)]]
        left = len(ranked) - len(shown)
        return _joined([*shown, Text(fit(f"   and {left} more: i shows all", width).rstrip())] if rows > 1 else shown)
    left, lines = rows - len(ranked), []
    for one in ranked:
        card = _full(one, width, 1)
        if len(card) - 1 <= left:
            left -= len(card) - 1
            lines += card
        else:
            lines.append(_brief(one, width))
            left = 0  # a less sure one is not to have more lines than a surer one
    return _joined(lines)


def _marked(one: FindingRaised, lines: Sequence[Text]) -> list[Text]:
    """The lines of a card; as those of a warning if it is one."""
    for line in lines if one.kind not in NOTES else ():
        line.stylize_before(WARNING)
    return list(lines)


def _joined(lines: Sequence[Text]) -> Text:
    text = Text("\n").join(lines)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _head(one: FindingRaised) -> str:
    sign = NOTE if one.kind in NOTES else SIGNS.get(one.confidence, "! ")
    began = "" if f"epoch {one.began}" in one.title else f" since epoch {one.began}"
    return f"{sign.rstrip()} {clean(one.title)}{began}"


def _brief(one: FindingRaised, width: int) -> Text:
    """``! overfitting since epoch 11 (likely) · try: stop here``."""
    head, rest = _head(one), f" ({clean(one.confidence, 20)})"
    if one.actions:
        rest += f" · try: {clean(one.actions[0])}"
    line = Text(fit(head + rest, width).rstrip())
    line.stylize("bold", 0, len(head))
    return _marked(one, [line])[0]


def _full(one: FindingRaised, width: int, actions: int) -> list[Text]:
    """The head, the evidence, and as many of the actions."""
    head = _head(one)
    first = Text(fit(f"{head}  ({clean(one.confidence, 20)})", width).rstrip())
    first.stylize("bold", 0, len(head))
    tries = "; ".join(clean(action) for action in one.actions[:actions])
    last = [Text(line) for line in textwrap.wrap(f"try: {tries}", max(10, width))] if tries else []
    for line in last[:1]:
        line.stylize("bold", 0, len("try:"))
    return _marked(one, [first, *(Text(line) for line in textwrap.wrap(clean(one.evidence), max(10, width))), *last])
