"""Where foreign text becomes safe to print: names, headers, class names, paths, exception messages.

A terminal obeys what it is sent, so a column called ``\\x1b]0;owned\\x07`` must never reach one as it is. Every string that
did not come from this program's own source goes through `clean` once, at the edge where it enters.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

# Characters that change how *other* characters are laid out or ordered: bidirectional controls (Unicode TR #9) and the
# line and paragraph separators. They are printable by category but can make a line read as something it is not.
_LAYOUT_CONTROLS = frozenset(
    [*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C, 0x2028, 0x2029, 0xFEFF]
)
_SPACES = {"\t": " ", "\n": " ", "\r": " "}


def _safe(char: str) -> str:
    if char in _SPACES:
        return _SPACES[char]
    if ord(char) in _LAYOUT_CONTROLS or unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn"):
        return "\N{REPLACEMENT CHARACTER}"
    return char


def clean(text: object, limit: int = 400) -> str:
    """`text` as one line that is safe to print: no escape, control, surrogate or bidirectional characters.

    Unsafe characters are replaced by U+FFFD so that a person sees that something was there. Longer texts are cut to
    `limit` characters, the last of which is then an ellipsis.
    """
    raw = str(text)
    if len(raw) > limit:
        raw = raw[: limit - 1] + "…"
    if raw.isascii() and raw.isprintable():
        return raw
    return "".join(map(_safe, raw))


def closest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` was probably meant to be, whatever its case, or None."""
    by_lower = {known.lower(): known for known in names}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None
