"""What the diagnosis is shown of an epoch that a script logged, which may lack any figure."""

from __future__ import annotations

import math
from dataclasses import replace

from ..events import EpochEnded
from .naming import LOSSES


def judged(ended: EpochEnded) -> EpochEnded | None:
    """The epoch as the doctor can take it, or None when there is nothing to judge by.

    Its rules compare training and validation loss, so an epoch with one of them says only whether that is a number.
    """
    if not ended.missing:
        return ended
    absent = [name for name in LOSSES if name in ended.missing]
    given = [getattr(ended, name) for name in LOSSES if name not in ended.missing]
    if absent and all(map(math.isfinite, given)):
        return None
    known = dict.fromkeys(absent, 0.0)
    return replace(ended, **known, lr=0.0 if "lr" in ended.missing else ended.lr)
