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

AT_ONCE = 64
"""Rows of a stream that have to be in memory at the same time: a batch, and those that are read ahead."""

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
    """Raise DataError when there is no room for `needed` bytes of inputs of a kind that cannot be streamed."""
    room = budget()
    if needed > room:
        problem = f"its inputs take {size_words(needed)} in memory, and there is room for {size_words(room)}"
        raise data_error(
            "data.source", problem, "use fewer rows, smaller pictures, or a machine with more memory", where
        )


def too_large_rows(needed: int) -> str:
    """What stands against a stream of rows of so many bytes, "" if nothing: a batch, and what is read ahead, has to be in memory."""
    if needed * AT_ONCE <= free_memory() // SHARE:
        return ""
    # What is free is not named: it changes all the time, and the same fault found twice should read the same.
    return (
        f"takes {size_words(needed)}, and {AT_ONCE} of them have to be in memory at a time, for which there is no room"
    )


def streamed_words(whence: str, needed: int) -> str:
    """``streamed from disk by 2 workers: the inputs take 31.0 GB as 32-bit floats, and there is room for 8.0 GB``."""
    from .stored import reading_words

    takes = f"the inputs take {size_words(needed)} as 32-bit floats"
    return f"streamed {whence} {reading_words()}: {takes}, and there is room for {size_words(budget())}"


def size_words(size: int) -> str:
    """``31.2 GB``, ``4.0 MB``, ``0.1 kB``."""
    for unit, word in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:,.1f} {word}"
    return f"{size / 1000:.1f} kB"
