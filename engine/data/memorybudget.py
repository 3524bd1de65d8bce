"""How large a dataset may be to be kept in memory: what this machine, or the container, has free decides."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..errors import data_error

SHARE = 3
"""A dataset lies in memory as it was read, once more divided and scaled, and a part of it is on its way from one to the other."""

LIMIT = "NNTUI_MEMORY"
"""Names, in the environment, the gigabytes that the inputs of a dataset may take: for machines that are shared, and for tests."""

_CGROUPS = Path("/sys/fs/cgroup")


def budget() -> int:
    """Bytes that the inputs of a dataset, as 32-bit floats, may take."""
    with contextlib.suppress(KeyError, ValueError):
        return int(float(os.environ[LIMIT]) * 1e9)
    return free_memory() // SHARE


def free_memory() -> int:
    """Bytes that this process may still take, on the machine and in its container or batch job."""
    import psutil

    return min([psutil.virtual_memory().available, *_left_in_groups()])


def _left_in_groups(root: Path = _CGROUPS, membership: Path = Path("/proc/self/cgroup")) -> list[int]:
    """What is left of the limits of the control groups that this process is in (cgroup v2): none where there are no limits."""
    left = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        own = next(line[3:] for line in membership.read_text().splitlines() if line.startswith("0::"))
        group = root / own.strip("/")
        for folder in (group, *group.parents):
            if folder != root and root not in folder.parents:
                break
            with contextlib.suppress(OSError, ValueError):  # "max" is no number, and no limit
                limit, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
                figures = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                cached = int(figures.get("inactive_file", "0"))  # of files, given back when it is wanted
                left.append(max(0, limit - used + cached))
    return left


def fits(needed: int) -> bool:
    """Whether so many bytes of inputs may be kept in memory."""
    return needed <= budget()


def refuse_too_large(needed: int, where: str) -> None:
    """Raise DataError when `needed` bytes of inputs are more than there is room for, of a kind that cannot be streamed."""
    room = budget()
    if needed > room:
        problem = f"its inputs take {gigabytes(needed)} GB as 32-bit floats, and there is room for {gigabytes(room)} GB"
        raise data_error(
            "data.source", problem, "use fewer rows, smaller pictures, or a machine with more memory", where
        )


def streamed_words(whence: str, needed: int) -> str:
    """``streamed from disk by 2 workers: as 32-bit floats they take 31.0 GB, and there is room for 8.0 GB``."""
    from .stored import reading_words

    return (
        f"streamed {whence} {reading_words()}: the inputs take {gigabytes(needed)} GB as 32-bit floats, and there is "
        f"room for {gigabytes(budget())} GB"
    )


def gigabytes(size: int) -> str:
    """``31.2``, ``0.004``."""
    if size >= 1e13:
        return f"{size / 1e9:.0f}"
    return f"{size / 1e9:.1f}" if size >= 1e8 else f"{size / 1e9:.2g}"
