"""Pictures of a folder that do not fit in memory: decoded and scaled each time that they are wanted."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, Fault
from .stored import Store


class PictureStore(Store):
    """The pictures at these paths, each as bytes (channels * height * width,) of a shape that is the same for all.

    The paths lie in one array of bytes: as so many objects they would be copied into every worker, by and by.
    """

    words = "pictures"

    def __init__(self, paths: Sequence[Path], shape: tuple[int, int, int]) -> None:
        super().__init__()
        encoded = [os.fsencode(path) for path in paths]
        self._ends = np.cumsum([len(one) for one in encoded])
        self._paths = b"".join(encoded)
        self._picture = shape
        self.shape = (len(encoded), shape[0] * shape[1] * shape[2])

    def path(self, row: int) -> Path:
        """Where a picture lies."""
        start = int(self._ends[row - 1]) if row else 0
        return Path(os.fsdecode(self._paths[start : int(self._ends[row])]))

    def fingerprint(self) -> str:
        found = hashlib.sha256(repr((1, self._picture, self.shape)).encode())
        found.update(self._ends.tobytes())
        found.update(self._paths)
        try:
            for row in range(self.shape[0]):
                about = self.path(row).stat()
                found.update(struct.pack("<qq", about.st_size, about.st_mtime_ns))
        except OSError:  # reading it will say what is wrong
            return ""
        return found.hexdigest()

    def look(self, rows: np.ndarray) -> tuple[np.ndarray, Sequence[Any], int]:
        from .images import read_picture

        found, others = np.empty((len(rows), self.shape[1]), np.uint8), 0
        faults: list[Fault] = []
        for place, row in enumerate(rows.tolist()):
            try:
                found[place], scaled = read_picture(self.path(row), self._picture)
                others += scaled
            except DataError as error:
                faults += error.faults
        if faults:
            raise DataError(faults)
        return found, (), others
