"""How large a dataset may be before it is read: what this machine has free decides."""

from __future__ import annotations

from ..errors import data_error

SHARE = 3
"""A dataset lies in memory as it was read, once more divided and scaled, and a part of it is on its way from one to the other."""


def budget() -> int:
    """Bytes that the inputs of a dataset, as 32-bit floats, may take."""
    import psutil

    return psutil.virtual_memory().available // SHARE


def refuse_too_large(needed: int, where: str) -> None:
    """Raise DataError when `needed` bytes of inputs are more than there is room for."""
    room = budget()
    if needed > room:
        problem = (
            f"its inputs take {_gigabytes(needed)} GB as 32-bit floats, and there is room for {_gigabytes(room)} GB"
        )
        raise data_error(
            "data.source", problem, "use fewer rows, smaller pictures, or a machine with more memory", where
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f}" if size < 1e13 else f"{size / 1e9:.0f}"
