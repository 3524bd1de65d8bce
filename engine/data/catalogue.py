"""The built-in datasets as cards. Listing them imports nothing heavy and reads no file.

A card states what a person needs to choose: the task, the size, where the data comes from. That the numbers on it are true is
checked by a test that loads every set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..importpath import is_import_path

Task = Literal["classification", "regression"]

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
"""Endings of files of rows and named columns, one of which has to be named as the target."""

LIBRARIES = {"torchvision": "torchvision", "torchvision.datasets": "torchvision", "huggingface": "huggingface"}
"""What stands before the colon in the name of a dataset that a library has, and which library that is."""

ARRAY_SUFFIXES = (".npz", ".npy")

FILE_SUFFIXES = (*TABLE_SUFFIXES, *ARRAY_SUFFIXES)
"""Endings by which `data.source` is taken for a file rather than for a built-in name."""


_DRAWN = "drawn by nntui from the seed"
_FREE = "none needed"


@dataclass(frozen=True, slots=True)
class Card:
    """What is known about a dataset without loading it.

    rows is the number of samples (for generated sets: by default); features the number of inputs a sample has; shape is
    (channels, height, width) for pictures and None otherwise, sequence (time, features) for sequences, text
    for texts, whose features are the words of the longest one; classes is 0 for regression. source: who made it, and where it
    comes from; licence: under what it may be passed on. words: what else a person may look for it by.
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
    words: str = ""
    shape: tuple[int, int, int] | None = None
    generated: bool = False
    sequence: tuple[int, int] | None = None
    text: bool = False

    @property
    def size(self) -> str:
        """What a sample is made of: ``13 inputs``, ``8x8 pictures``, ``48 steps``, ``texts``."""
        if self.text:
            return "texts"
        if self.sequence:
            steps, features = self.sequence
            return f"{steps} steps" if features == 1 else f"{steps} steps x {features}"
        return f"{self.shape[1]}x{self.shape[2]} pictures" if self.shape else f"{self.features} inputs"

    def matches(self, query: str) -> bool:
        """Whether every word of `query` is found in this card, in any case; an empty query matches."""
        kinds = "generated synthetic toy 2d planar" if self.features == 2 else "generated synthetic toy"
        sort = kinds if self.generated else "real"
        where = " ".join(
            (
                self.name,
                self.name.replace("_", " "),
                self.title,
                self.task,
                self.about,
                self.source,
                self.size,
                self.words,
                sort,
            )
        )
        return all(word in where.lower() for word in query.lower().split())


CARDS: tuple[Card, ...] = (
    Card(
        "digits", "Handwritten digits", "classification", 1797, 64, 10,
        "Alpaydin and Kaynak 1998; UCI's optdigits, test part, by way of scikit-learn", "CC BY 4.0",
        "8x8 grey pictures of the digits 0 to 9. Small enough to train in seconds, hard enough to overfit.",
        "image images mnist optical recognition cnn numbers handwriting multiclass", shape=(1, 8, 8),
    ),
    Card(
        "wine", "Wine cultivars", "classification", 178, 13, 3,
        "Aeberhard and Forina 1992; UCI's wine recognition data, by way of scikit-learn", "CC BY 4.0",
        "Chemical analysis of Italian wines from three cultivars. Few rows: a good place for k-fold.",
        "table tabular chemistry small multiclass alcohol",
    ),
    Card(
        "breast_cancer", "Breast cancer (Wisconsin)", "classification", 569, 30, 2,
        "Wolberg, Street and Mangasarian 1995; UCI's WDBC, by way of scikit-learn", "CC BY 4.0",
        "Measurements of cell nuclei, malignant or benign. Nearly separable by a linear model.",
        "table tabular medicine medical tumour tumor diagnostic binary unbalanced",
    ),
    Card(
        "iris", "Iris flowers", "classification", 150, 4, 3,
        "Fisher 1936, as in R, by way of scikit-learn", "CC BY 4.0 (UCI's copy)",
        "Sepal and petal sizes of three species of iris. The smallest real set here.",
        "table tabular plants botany small multiclass petal sepal",
    ),
    Card(
        "diabetes", "Diabetes progression", "regression", 442, 10, 0,
        "Efron, Hastie, Johnstone and Tibshirani 2004, by way of scikit-learn", "none stated; BSD 3-Clause in scikit-learn",
        "Predict how far diabetes has progressed after a year from ten measurements. Noisy: a small gain is a good one.",
        "table tabular medicine medical lars quantity",
    ),
    Card(
        "moons", "Two moons", "classification", 1000, 2, 2, _DRAWN, _FREE,
        "Two interleaving half circles. A linear model cannot separate them, a small MLP can.",
        "nonlinear binary crescents", generated=True,
    ),
    Card(
        "circles", "Two circles", "classification", 1000, 2, 2, _DRAWN, _FREE,
        "A ring around a disc. Needs a curved boundary.", "nonlinear binary concentric rings", generated=True,
    ),
    Card(
        "blobs", "Gaussian blobs", "classification", 1000, 2, 4, _DRAWN, _FREE,
        "Four round clouds of points. A linear model does well.", "clusters linear multiclass normal", generated=True,
    ),
    Card(
        "spirals", "Two spirals", "classification", 1000, 2, 2, _DRAWN, _FREE,
        "Two spirals wound into each other: hard for a small net, and sensitive to the learning rate.",
        "nonlinear binary hard swirl", generated=True,
    ),
    Card(
        "xor", "XOR", "classification", 1000, 2, 2, _DRAWN, _FREE,
        "The class is whether the two inputs have the same sign: the classic that no linear model can learn.",
        "nonlinear binary exclusive or checkerboard minsky", generated=True,
    ),
    Card(
        "two_points", "Two points", "classification", 1000, 2, 2, _DRAWN, _FREE,
        "Clouds around (-1, -1) and (1, 1). The line x1 + x2 = 0 splits them, and so does 10 x1 + 10 x2 = 0.",
        "linear binary separable large weights l2", generated=True,
    ),
    Card(
        "sparse", "Four useful inputs of twenty", "regression", 1000, 20, 0, _DRAWN, _FREE,
        "A weighted sum of four inputs, and sixteen that have nothing to do with it: what L1 is for.",
        "lasso selection linear quantity l1", generated=True,
    ),
    Card(
        "waves", "Four kinds of waves", "classification", 1000, 48, 4, _DRAWN, _FREE,
        "Sine, square, triangle and sawtooth waves of any phase, speed and strength, and noise. The class is in the order of the values.",
        "sequence sequences time series signal gru lstm rnn recurrent transformer multiclass", generated=True, sequence=(48, 1),
    ),
    Card(
        "reviews", "Made-up reviews", "classification", 1000, 28, 2, _DRAWN, _FREE,
        "Short texts, positive or negative: \"Nobody would call the soup dull.\" In seven of ten the words alone say it, in the others their order.",
        "text texts words nlp language sentiment opinions natural binary tokens embedding gru lstm transformer", generated=True, text=True,
    ),
)  # fmt: skip

_BY_NAME = {card.name: card for card in CARDS}


def catalogue() -> tuple[Card, ...]:
    """Every built-in dataset, real ones first."""
    return CARDS


def search(query: str) -> tuple[Card, ...]:
    """The cards in which every word of `query` is found, in any case; those whose name begins with it come first."""
    found = [card for card in CARDS if card.matches(query)]
    wanted = query.strip().lower()
    return tuple(sorted(found, key=lambda card: not card.name.startswith(wanted)))


def card(name: str) -> Card | None:
    """The card of a built-in dataset, or None when there is no such name."""
    return _BY_NAME.get(name)


def is_file(source: str) -> bool:
    """Whether `data.source` names a file (by its ending or by containing a path separator) and not a built-in set."""
    if (
        source in _BY_NAME
        or library_of(source)
        or (is_import_path(source) and not source.lower().endswith(FILE_SUFFIXES))
    ):
        return False
    return source.lower().endswith(FILE_SUFFIXES) or "/" in source or "\\" in source


def is_own(source: str) -> bool:
    """Whether `data.source` names a person's own code, ``mypkg.data:make`` or ``path/to/data.py:make``."""
    return source not in _BY_NAME and not library_of(source) and not is_file(source) and is_import_path(source)


def library_of(source: str) -> str:
    """``torchvision`` or ``huggingface``, if `data.source` is a dataset of theirs (``torchvision:MNIST``, ``huggingface:ag_news``); else ""."""
    home, colon, name = source.partition(":")
    return LIBRARIES.get(home, "") if colon and name.strip() else ""


def is_called(source: str) -> bool:
    """Whether `data.source` names code that is called with arguments: a person's own, or a library's dataset."""
    return bool(library_of(source)) or is_own(source)


def is_table(source: str) -> bool:
    """Whether `data.source` names a file of rows and named columns by its ending."""
    return source.lower().endswith(TABLE_SUFFIXES)


def is_folder(source: str) -> bool:
    """Whether `data.source` may name a folder: it is a path, and has no ending of a file."""
    return is_file(source) and not source.lower().endswith(FILE_SUFFIXES)
