"""The inputs of a few rows in the data's own units, small enough for the record of a run. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .text import clean

MOST_VALUES = 1024
"""Numbers of one row that are told at the most: the first of a wide table, 32 x 32 grey values of a picture."""

MOST_ACROSS = 32
"""Pixels of a picture in each direction; of larger ones, those in between are left out."""

MOST_CHARACTERS = 500
"""Of a text, so many characters are told."""

_GREYS = 255  # steps that a picture's values are rounded to
_DIGITS = 6  # that float32 carries


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of n rows as they are trained on, and what they were scaled by: x * scale + mean is in the data's own units.

    x: float32 (n, features); mean and scale: (features,). shape: (channels, height, width) of pictures, else None. texts: of texts, the beginning of each, as it
    stands in the file; x, the numbers of its words, then says nothing to a person, and is not told.
    """

    x: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    names: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None
    texts: tuple[str, ...] = ()

    def text(self, row: int) -> str:
        """A row's text, safe to print, of which MOST_CHARACTERS are told; "" of other data."""
        return clean(self.texts[row], MOST_CHARACTERS) if self.texts else ""

    @property
    def told_names(self) -> tuple[str, ...]:
        """The names that belong to the values of `row`; pixels have none."""
        return () if self.shape or self.texts else tuple(self.names[:MOST_VALUES])

    @property
    def told_shape(self) -> tuple[int, ...]:
        """Of the values of `row`: (height, width) of a picture, else (values,)."""
        if self.texts:
            return ()
        if self.shape is None:
            return (min(self.x.shape[1], MOST_VALUES),)
        _, height, width = self.shape
        step = self._step
        return -(-height // step), -(-width // step)

    @property
    def told_scales(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of the values of `row` over the training rows; empty when the data is not standardized,
        and for pictures."""
        if self.shape is not None or self.texts or not (self.mean.any() or (self.scale != 1).any()):
            return (), ()
        shown = [tuple(_short(float(value)) for value in part[:MOST_VALUES]) for part in (self.mean, self.scale)]
        return shown[0], shown[1]

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value of all rows of pictures, which are black and white; (0, 0) for a table."""
        if self.shape is None or not self.x.size:
            return 0.0, 0.0
        ends = [float(end) * float(self.scale[0]) + float(self.mean[0]) for end in (self.x.min(), self.x.max())]
        places = _places((max(ends) - min(ends)) * 10.0 ** (1 - _DIGITS))
        low, high = _rounded(np.array(sorted(ends)), np.full(2, places))
        return low, high

    def row(self, number: int) -> tuple[float, ...]:
        """A row's values in the data's own units, rounded to what float32 carries, MOST_VALUES at the most.

        Whole numbers come as int, which are shorter in a record. A picture comes as grey values, row by row from the top: the
        mean of its channels, rounded to a 255th of the range of all pictures.
        """
        if self.texts:
            return ()
        mean, scale = self.mean.astype(np.float64), self.scale.astype(np.float64)
        values = self.x[number].astype(np.float64) * scale + mean
        if self.shape is not None:
            grey = values.reshape(self.shape).mean(axis=0)[:: self._step, :: self._step].ravel()
            low, high = self.limits
            places = np.full(len(grey), _places((high - low) / _GREYS * 2))
            return tuple(_rounded(grey, places))
        values = values[:MOST_VALUES]
        # The scaling back leaves an error of this size: what was 0 would be 5.96e-08.
        size = np.maximum.reduce([np.abs(values), np.abs(mean[:MOST_VALUES]), scale[:MOST_VALUES]])
        places = [_places(one * 10.0 ** (1 - _DIGITS)) for one in size]
        return tuple(_rounded(values, places))

    @property
    def _step(self) -> int:
        """Every how many-th pixel is told."""
        assert self.shape is not None
        step = max(-(-size // MOST_ACROSS) for size in self.shape[1:])
        return max(1, step)


def _places(resolution: float) -> int:
    """Decimal places for numbers told to this resolution; negative where even the ones do not count."""
    if not np.isfinite(resolution) or resolution <= 0:
        return _DIGITS
    return int(-np.floor(np.log10(resolution)))


def _rounded(values: np.ndarray, places: object) -> list[float]:
    rounded = [round(float(value), int(place)) for value, place in zip(values, np.asarray(places), strict=True)]
    return [int(value) if abs(value) < 2**53 and value == int(value) else value for value in rounded]


def _short(value: float) -> float:
    """A number with as many digits as float32 carries."""
    return float(f"{value:.{_DIGITS}g}")
