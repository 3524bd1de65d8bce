"""Arrays of rows or pictures as rows of 32-bit floats, channels first."""

from __future__ import annotations

import numpy as np

from ..errors import data_error
from ..text import clean

Shape = tuple[int, int, int]


def as_rows(x: np.ndarray, name: str, where: str, as_bytes: bool = False) -> tuple[np.ndarray, Shape | None, str]:
    """x as float32 (rows, values), the (channels, height, width) of pictures or None, and how they were taken, in words.

    (rows, values) is a table; (rows, height, width) are grey pictures; of four axes the last or else the second is the channels, of
    which there are 1 to 4. Values beyond float32 become infinite. as_bytes: bytes stay bytes. Raises DataError for other shapes.
    """
    rows_of = np.ascontiguousarray if as_bytes else _floats
    if x.ndim == 2:
        if not x.shape[1]:
            raise data_error("data.source", f"array '{clean(name, 40)}' has no columns", "", where)
        return rows_of(x), None, ""
    if 0 in x.shape:
        raise data_error("data.source", f"the pictures of '{clean(name, 40)}' have no pixels", "", where)
    if x.ndim == 3:
        rows, height, width = x.shape
        return rows_of(x.reshape(rows, -1)), (1, height, width), f"grey pictures of {height}x{width}"
    if x.shape[3] <= 4:
        x = np.moveaxis(x, 3, 1)
    elif x.shape[1] > 4:
        problem = f"array '{clean(name, 40)}' has four axes, none of which can be the 1 to 4 channels of pictures"
        raise data_error("data.source", problem, "pictures are (rows, height, width, channels)", where)
    rows, channels, height, width = x.shape
    return (
        rows_of(x.reshape(rows, -1)),
        (channels, height, width),
        f"pictures of {height}x{width} in {channels} channels",
    )


def _floats(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, dtype=np.float32)
