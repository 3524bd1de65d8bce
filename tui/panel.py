"""What there is to know of a chart before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the charts there are. key: what it is remembered by. label: stands on it, limits: values it cannot pass."""

    key: str
    title: str
    label: str
    limits: tuple[float | None, float | None] = (None, None)
