"""The parts of the README that are made from the code: the table of settings and the picture of the monitor."""

from __future__ import annotations

import re
from pathlib import Path

from engine.knobs import knobs

README = Path(__file__).parents[2] / "README.md"
_BLOCK = "<!-- knobs -->"
_END = "<!-- end of knobs -->"


def knob_tables() -> str:
    """Every knob with default, allowed values and the first sentence of its help, a table per section."""
    out: list[str] = []
    section = ""
    for row in knobs():
        if row.section != section:
            section = row.section
            out += ["", f"**[{section}]**", "", "| setting | default | allowed | what it is |", "|---|---|---|---|"]
        allowed = ", ".join(row.choices) if row.choices else row.bounds().replace("<", "&lt;").replace(">", "&gt;")
        default = row.default_words() or '""'
        condition = f" *({' and '.join(when.words for when in row.when)})*" if row.when else ""
        out.append(f"| `{row.key}` | {default} | {allowed} | {row.summary.replace('|', '&#124;')}{condition} |")
    return "\n".join(out).strip("\n")


def with_tables(text: str) -> str:
    """The README's text with the tables as they should be."""
    body = f"{_BLOCK}\n\n{knob_tables()}\n\n{_END}"
    if _END in text:
        return re.sub(re.escape(_BLOCK) + r".*?" + re.escape(_END), lambda _: body, text, flags=re.S)
    return text.replace(_BLOCK, body)
