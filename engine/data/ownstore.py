"""Items of a user's Dataset that do not fit in memory together: asked for each time that they are wanted."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .ownarrays import item_of, label_of, refuse_other_shape
from .stored import Store


class SetStore(Store):
    """The items of a map-style Dataset, each of `sample` shape. name: it is called in faults.

    seed: None when items are the same at every reading; else each is made with random numbers of its own that begin there.
    """

    def __init__(self, dataset: Any, name: str, sample: tuple[int, ...], seed: int | None) -> None:
        super().__init__()
        self._dataset, self._name, self._sample, self._seed = dataset, name, sample, seed
        self.shape = (len(dataset), int(np.prod(sample)))
        self.words = f"items of {name}"

    def look(self, rows: np.ndarray) -> tuple[np.ndarray, Sequence[Any], int]:
        found, labels = np.empty((len(rows), self.shape[1]), np.float32), []
        for place, row in enumerate(rows.tolist()):
            if self._seed is not None:
                _begin_chance(self._seed, row)
            x, y = item_of(self._dataset, row, self._name)
            refuse_other_shape(x.shape, self._sample, row, self._name)
            with np.errstate(over="ignore"):
                found[place] = x.reshape(-1)
            labels.append(label_of(y))
        return found, labels, 0


def _begin_chance(seed: int, row: int) -> None:
    """Set the generators of this process to where they begin for a row."""
    own = int(np.random.SeedSequence([seed, row]).generate_state(1)[0])
    random.seed(own)
    np.random.seed(own)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(own)
