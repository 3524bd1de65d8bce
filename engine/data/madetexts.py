"""Made-up reviews: short texts drawn from templates, in which words alone do not say what is meant, and their order does."""

from __future__ import annotations

import numpy as np

from ..config import DataConfig
from .table import Table
from .texts import Corpus, text_table

VERDICTS = ("negative", "positive")

_WORDS = (
    [
        "bad",
        "awful",
        "poor",
        "dreadful",
        "dull",
        "boring",
        "horrible",
        "nasty",
        "tedious",
        "shabby",
        "clumsy",
        "stale",
        "noisy",
        "sloppy",
        "terrible",
        "miserable",
        "lousy",
        "grim",
    ],
    [
        "good",
        "great",
        "lovely",
        "excellent",
        "charming",
        "brilliant",
        "superb",
        "delightful",
        "wonderful",
        "pleasant",
        "splendid",
        "fresh",
        "clever",
        "elegant",
        "terrific",
        "warm",
        "generous",
        "neat",
    ],
)
_THINGS = [
    "food",
    "service",
    "coffee",
    "room",
    "view",
    "music",
    "story",
    "acting",
    "ending",
    "plot",
    "screen",
    "battery",
    "sound",
    "price",
    "staff",
    "garden",
    "bread",
    "soup",
    "bed",
    "camera",
    "light",
    "design",
    "tour",
    "guide",
    "sauce",
    "wine",
]
_VERY = ["", "", "", "really ", "very ", "quite ", "so ", "simply "]

# a: a word that says what the review says; b: one that says the opposite. t: what it is about. v: an adverb, or nothing.
_PLAIN = (
    "the {t} was {v}{a}",
    "{a} {t}, and that is all there is to say",
    "i found the {t} {v}{a}",
    "the {t}? {v}{a}!",
    "the {t} is {v}{a}, as ever",
)
_NEGATED = (
    "the {t} was not {b} at all",
    "nobody would call the {t} {b}",
    "the {t} was anything but {b}",
    "i would never say that the {t} is {b}",
    "there is nothing {b} about the {t}",
)
_TURNED = (
    "i expected the {t} to be {b}, and it was {v}{a}",
    "they say the {t} is {b}; to me it was {a}",
    "the {t}: {b} at first, {v}{a} in the end",
    "it was {v}{a}, though all the others called the {t} {b}",
    "the {t} used to be {b} and is {a} now",
)
_ASIDES = (
    "we came on a {day}.",
    "{name} told me about it.",
    "it is near the station.",
    "i was there with {name} and {name}.",
    "we stayed for {number} hours.",
    "it cost {number} euros.",
    "this was in {town}.",
)
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_STARTS, _ENDS = (
    ["Ma", "Jo", "Ka", "Li", "Ro", "Te", "An", "Be", "Da", "Mi", "Sa", "Vi"],
    ["ra", "na", "lo", "nia", "ris", "bert", "mund", "sa", "lena", "tto", "win", "da"],
)
_TOWNS = ["burg", "ford", "stad", "ville", "ham", "dorf"]

_SHARES = (0.7, 0.85)  # plain below the first, negated below the second, turned above it


def load_reviews(config: DataConfig) -> Table:
    """`config.rows` reviews, half of them positive, the same for the same seed: seven in ten say what their words say, the others negate
    them, or have a word of each sort, one of which counts."""
    rng = np.random.default_rng([config.seed, 0x7E47])
    corpus = Corpus(config.text_length)
    sizes = [config.rows - config.rows // 2, config.rows // 2]
    labels = np.repeat(np.arange(2, dtype=np.int64), sizes)
    for label in labels.tolist():
        corpus.add(_review(label, rng))
    return text_table("reviews", "text", corpus, (labels, VERDICTS), "", "reviews")


def _review(label: int, rng: np.random.Generator) -> str:
    def one(words: tuple[str, ...] | list[str]) -> str:
        return words[int(rng.integers(len(words)))]

    def aside() -> list[str]:
        if rng.random() < 0.5:
            return []
        made = one(_ASIDES)
        while "{name}" in made:
            made = made.replace("{name}", one(_STARTS) + one(_ENDS), 1)
        town = one(_STARTS) + one(_TOWNS)
        return [made.format(day=one(_DAYS).title(), number=int(rng.integers(2, 90)), town=town)]

    def verdict() -> str:
        drawn = rng.random()
        frame = one(_PLAIN if drawn < _SHARES[0] else _NEGATED if drawn < _SHARES[1] else _TURNED)
        made = frame.format(t=one(_THINGS), v=one(_VERY), a=one(_WORDS[label]), b=one(_WORDS[1 - label]))
        return made if made.endswith("!") else made + "."

    parts = [*aside(), verdict(), *aside()]
    return " ".join(part[0].upper() + part[1:] for part in parts)
