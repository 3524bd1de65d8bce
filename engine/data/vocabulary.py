"""What the training texts show: which words are known, as which number, and what that leaves unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..config import DataConfig
from ..errors import DataError, data_error
from .delimited import Faults
from .preprocess import Input
from .splits import Split
from .table import Table
from .tokens import FIRST, PADDING, UNKNOWN, words_of

NAMED = 6
"""Words that a note names."""


def learned_words(table: Table, rows: np.ndarray, config: DataConfig) -> Input:
    """The vocabulary of these rows: their commonest words, as many as `config.vocabulary`, each at least `config.min_count` times.

    The commonest comes first, of equally common ones that which comes first by its letters. Raises DataError when no word is left.
    """
    words, counts = table.columns[0].values, _counts(table, rows)
    found = np.flatnonzero(counts >= config.min_count)
    order = sorted(found.tolist(), key=lambda place: (-counts[place], words[place]))
    if not order:
        problem = f"no word stands {config.min_count} times in the training texts"
        raise data_error("data.min_count", problem, "lower it")
    kept = tuple(words[place] for place in order[: config.vocabulary])
    return Input(table.columns[0].name, "text", kept, length=table.x.shape[1])


def _counts(table: Table, rows: np.ndarray) -> np.ndarray:
    """How often each of the file's words stands in these rows, int64 (words,)."""
    codes = table.x[rows]
    return np.bincount(codes[codes >= 0].astype(np.int64), minlength=len(table.columns[0].values))


def numbers_of_table(table: Table, rows: np.ndarray, learned: Input) -> np.ndarray:
    """Rows of a table of texts as the model takes them: the number of each word in the vocabulary, float32 (rows, words)."""
    place = {word: FIRST + index for index, word in enumerate(learned.values)}
    numbers = np.array([*(place.get(word, UNKNOWN) for word in table.columns[0].values), PADDING], np.float32)
    return numbers[table.x[rows].astype(np.int64)]  # -1, behind the end of a text, is the last


def numbers_of_texts(texts: Sequence[str], learned: Input) -> np.ndarray:
    """New texts as the model takes them, float32 (texts, words); a row of PADDING where there is no word in a text."""
    place = {word: FIRST + index for index, word in enumerate(learned.values)}
    out = np.full((len(texts), learned.length), PADDING, np.float32)
    for row, text in enumerate(texts):
        numbers = [place.get(word, UNKNOWN) for word in words_of(text, learned.length)]
        out[row, : len(numbers)] = numbers
    return out


def read_new(rows: Sequence[Sequence[str]], learned: Input, place: Callable[[int], str], where: str) -> np.ndarray:
    """Rows of one cell, a text, as the model takes them. place: where a row stands, as shown. Raises DataError for texts without a word."""
    from .texts import empty_fault

    numbers = numbers_of_texts([cells[0] for cells in rows], learned)
    faults = Faults("texts without a word", where)
    for row in np.flatnonzero(numbers[:, 0] == PADDING).tolist():
        faults.add(empty_fault("", learned.name, place(row)))
    if faults.total:
        raise DataError(faults.lines())
    return numbers


def unknown_words(rows: Sequence[Sequence[str]], learned: Input) -> list[str]:
    """How many of the words of new texts the model does not know, in a line."""
    share = share_unknown(numbers_of_texts([cells[0] for cells in rows], learned))
    return [f"column '{learned.name}': {share:.1%} of the words are unknown to the model"]


def share_unknown(numbers: np.ndarray) -> float:
    """The share of words that are not in the vocabulary; 0 where there is no word at all."""
    return float((numbers == UNKNOWN).sum() / max(1, int((numbers != PADDING).sum())))


def vocabulary_notes(table: Table, parts: Split, learned: Input, config: DataConfig) -> list[str]:
    """How many words are known, which are the commonest, and how much of each part is unknown."""
    seen = int((_counts(table, parts.train) > 0).sum())
    why = (
        f" (data.min_count {config.min_count}, data.vocabulary {config.vocabulary})"
        if len(learned.values) < seen
        else ""
    )
    commonest = " ".join(learned.values[:NAMED])
    known = f"words known: {len(learned.values)} of {seen} in the training part{why}, the commonest: {commonest}"
    held = np.concatenate([parts.validation, parts.test])
    shares = [share_unknown(numbers_of_table(table, rows, learned)) for rows in (parts.train, held)]
    return [known, f"words unknown: {shares[0]:.1%} of the training part, {shares[1]:.1%} of validation and test"]
