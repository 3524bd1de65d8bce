"""What reading all pictures of a folder once has shown, kept for the next run: of a large folder it takes as long as an epoch.

It is kept in the user's cache folder (NNTUI_CACHE names another), under a hash of every picture's path, size and time of change, so that another picture means
another look. Nothing depends on it: what cannot be read or written is worked out again.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np

KEPT = 20
"""Files in the cache, of which the ones that were asked for longest ago are removed."""

LEAST_ROWS = 2000
"""Fewer are read again: it takes a second or two."""


def recall(key: str, rows: int) -> tuple[np.ndarray, int] | None:
    """The figures (rows, 4) and the count of scaled pictures that `keep` was given under this key, if they are still there."""
    with contextlib.suppress(Exception):  # a damaged file may raise anything
        path = _file(key)
        with np.load(path, allow_pickle=False) as found:
            figures, scaled = found["figures"], int(found["scaled"])
        if figures.shape == (rows, 4) and figures.dtype == np.float64:
            os.utime(path)
            return figures, scaled
    return None


def keep(key: str, figures: np.ndarray, scaled: int) -> None:
    """Keep figures for the next run; a full disk is no matter."""
    if len(figures) < LEAST_ROWS:
        return
    with contextlib.suppress(OSError, ImportError):
        path = _file(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                np.savez(file, figures=figures, scaled=np.int64(scaled))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        for old in sorted(path.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)


def _file(key: str) -> Path:
    from platformdirs import user_cache_path

    folder = os.environ.get("NNTUI_CACHE", "")
    return (Path(folder).expanduser() if folder else user_cache_path("nntui")) / "pictures" / f"{key}.npz"
