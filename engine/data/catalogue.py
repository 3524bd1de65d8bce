"""The built-in datasets as cards. Listing them imports nothing heavy and reads no file.

A card states what a person needs to choose: the task, the size, where the data comes from. That the numbers on it are true is
checked by a test that loads every set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Task = Literal["classification", "regression"]

FILE_SUFFIXES = (".csv", ".tsv")
"""Endings by which `data.source` is taken for a file rather than for a built-in name."""


@dataclass(frozen=True, slots=True)
class Card:
    """What is known about a dataset without loading it.

    rows is the number of samples (for generated sets: by default); features the number of inputs a sample has; shape is
    (channels, height, width) for pictures and None otherwise; classes is 0 for regression.
    """

    name: str
    title: str
    task: Task
    rows: int
    features: int
    classes: int
    source: str
    licence: str
    about: str
    shape: tuple[int, int, int] | None = None
    generated: bool = False


_SKLEARN = "scikit-learn (UCI Machine Learning Repository)"

CARDS: tuple[Card, ...] = (
    Card(
        "digits", "Handwritten digits", "classification", 1797, 64, 10, _SKLEARN, "CC BY 4.0",
        "8x8 grey pictures of the digits 0 to 9. Small enough to train in seconds, hard enough to overfit.",
        shape=(1, 8, 8),
    ),
    Card(
        "wine", "Wine cultivars", "classification", 178, 13, 3, _SKLEARN, "CC BY 4.0",
        "Chemical analysis of Italian wines from three cultivars. Few rows: a good place for k-fold.",
    ),
    Card(
        "breast_cancer", "Breast cancer (Wisconsin)", "classification", 569, 30, 2, _SKLEARN, "CC BY 4.0",
        "Measurements of cell nuclei, malignant or benign. Nearly separable by a linear model.",
    ),
    Card(
        "iris", "Iris flowers", "classification", 150, 4, 3, _SKLEARN, "CC BY 4.0",
        "Sepal and petal sizes of three species of iris. The smallest real set here.",
    ),
    Card(
        "diabetes", "Diabetes progression", "regression", 442, 10, 0, "scikit-learn (Efron et al., 2004)", "public",
        "Predict how far diabetes has progressed after a year from ten measurements. Noisy: a small gain is a good one.",
    ),
    Card(
        "moons", "Two moons", "classification", 1000, 2, 2, "generated", "none needed",
        "Two interleaving half circles. A linear model cannot separate them, a small MLP can.", generated=True,
    ),
    Card(
        "circles", "Two circles", "classification", 1000, 2, 2, "generated", "none needed",
        "A ring around a disc. Needs a curved boundary.", generated=True,
    ),
    Card(
        "blobs", "Gaussian blobs", "classification", 1000, 2, 4, "generated", "none needed",
        "Four round clouds of points. A linear model does well.", generated=True,
    ),
    Card(
        "spirals", "Two spirals", "classification", 1000, 2, 2, "generated", "none needed",
        "Two spirals wound into each other: hard for a small net, and sensitive to the learning rate.", generated=True,
    ),
    Card(
        "xor", "XOR", "classification", 1000, 2, 2, "generated", "none needed",
        "The class is whether the two inputs have the same sign: the classic that no linear model can learn.",
        generated=True,
    ),
    Card(
        "two_points", "Two points", "classification", 1000, 2, 2, "generated", "none needed",
        "Clouds around (-1, -1) and (1, 1). The line x1 + x2 = 0 splits them, and so does 10 x1 + 10 x2 = 0.",
        generated=True,
    ),
    Card(
        "sparse", "Four useful inputs of twenty", "regression", 1000, 20, 0, "generated", "none needed",
        "A weighted sum of four inputs, and sixteen that have nothing to do with it: what L1 is for.", generated=True,
    ),
)  # fmt: skip

_BY_NAME = {card.name: card for card in CARDS}


def catalogue() -> tuple[Card, ...]:
    """Every built-in dataset, real ones first."""
    return CARDS


def card(name: str) -> Card | None:
    """The card of a built-in dataset, or None when there is no such name."""
    return _BY_NAME.get(name)


def is_file(source: str) -> bool:
    """Whether `data.source` names a file (by its ending or by containing a path separator) and not a built-in set."""
    return source not in _BY_NAME and (source.lower().endswith(FILE_SUFFIXES) or "/" in source or "\\" in source)
