"""What has changed in the form, in words short enough for a notification."""

from __future__ import annotations

from collections.abc import Mapping

from engine.knobs import knob_by_key, show

from .text import clean

MOST_TOLD = 3
_FIRST = ("optimizer.name", "optimizer.lr", "data.source", "model.kind")  # told before the others: they matter most


def between(before: Mapping[str, str], after: Mapping[str, str], most: int = MOST_TOLD) -> str:
    """What `after` has that `before` had not, both texts by knob: ``epochs 50 → 300, dropout 0.2 and 3 more``; "" for nothing.

    Fields that went out of sight are not told; those that came are, without what they were before, unless they stand at their
    defaults.
    """
    rows = knob_by_key()
    keys = [
        key for key, text in after.items() if before.get(key, show(rows[key], rows[key].default_for(after))) != text
    ]
    keys.sort(key=lambda key: (_FIRST.index(key) if key in _FIRST else len(_FIRST), key not in before))
    told = [_words(key, before.get(key), after[key]) for key in keys[:most]]
    more = len(keys) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _words(key: str, old: str | None, new: str) -> str:
    label, now = knob_by_key()[key].label, clean(new, 30) or "(none)"
    return f"{label} {now}" if old is None else f"{label} {clean(old, 30) or '(none)'} → {now}"
