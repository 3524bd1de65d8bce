"""Datasets in words for the command line: the list of cards, and one of them with a look at its rows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ..plaintext import balance, bar, cells, fit, table
from ..preview import DataPreview, Histogram, sample_words
from .catalogue import Card
from .columns import Columns

_NAME = 15


def list_cards(cards: tuple[Card, ...], width: int = 80) -> Iterator[str]:
    """The cards, three lines each or more, none wider than `width`."""
    for card in cards:
        yield fit(f"{card.name:<{_NAME}}{card.title}", width).rstrip()
        what = f"{card.task} ({card.classes} classes)" if card.classes else card.task
        rows = "as many rows as you like" if card.generated else f"{card.rows} rows"
        for line in [f"{what}, {rows}, {card.size}", *_wrapped(card.about, width - _NAME)]:
            yield f"{'':<{_NAME}}{line}"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(10, width), break_on_hyphens=False) or [""]


def list_columns(columns: Columns, width: int = 80, ascii_only: bool = False) -> Iterator[str]:
    """The columns of a file whose target is not chosen yet, then a few of its rows."""
    name = min(max(cells(own) for own in columns.names), width // 2)
    for index, own in enumerate(columns.names):
        yield fit(f"{fit(own, name, ascii_only)}  {columns.words(index)}", width, ascii_only).rstrip()
    yield ""
    if columns.about:
        yield from _wrapped(columns.about, width)
        return
    yield from table(columns.names, columns.rows, width, ascii_only)
    guess = columns.names[columns.likely_target]
    looked = "" if columns.complete else f" in the first {columns.looked_at} rows"
    yield from (
        "",
        *_wrapped(f"{len(columns.names)} columns{looked}. Name the one to predict, such as --target '{guess}'.", width),
    )


def describe(card: Card | None, seen: DataPreview, width: int = 80, ascii_only: bool = False) -> Iterator[str]:
    """A dataset and a look at it, in lines of `width` cells at the most; card: None for a file."""
    yield fit(f"{card.title} ({card.name})" if card else seen.dataset, width, ascii_only).rstrip()
    if card:
        yield from _wrapped(card.about, width)
        yield ""
        yield from _field("source", card.source, width)
        yield from _field("licence", card.licence, width)
    if seen.task:
        size = card.size if card else sample_words(seen.shape, seen.features, seen.vocabulary)
        classes = f" into {len(seen.class_names)} classes" if seen.class_names else f" of {seen.target}"
        yield from _field("task", f"{seen.task}{classes}", width)
        yield from _field("size", f"{seen.rows} rows of {size}", width)
    if seen.parts:
        yield from _field("parts", ", ".join(f"{part.name} {part.rows}" for part in seen.parts), width)
    for note in seen.notes:
        yield from _field("note", note, width)
    if seen.class_names:
        yield ""
        yield from (line.rstrip() for line in balance(seen.class_names, seen.class_counts, width, 20, ascii_only))
    if seen.histogram.counts:
        yield ""
        yield from (line.rstrip() for line in spread(seen.histogram, width, ascii_only))
    if seen.sample_rows:
        yield ""
        yield from table(seen.header, seen.sample_rows, width, ascii_only)


def _field(name: str, text: str, width: int) -> Iterator[str]:
    for index, line in enumerate(_wrapped(text, width - 9)):
        yield f"{name if index == 0 else '':<9}{line}"


def spread(histogram: Histogram, width: int, ascii_only: bool = False, lines: int = 10) -> Iterator[str]:
    """A histogram lying on its side, its bins taken together to `lines` at the most: where a bin begins, and how many are in it."""
    bins = len(histogram.counts)
    together = max(1, -(-bins // max(1, lines)))
    groups = [sum(histogram.counts[start : start + together]) for start in range(0, bins, together)]
    step = (histogram.high - histogram.low) / max(1, bins)
    starts = [f"{histogram.low + step * together * index:.4g}" for index in range(len(groups))]
    label, digits = max(map(len, starts), default=0), max((len(str(count)) for count in groups), default=1)
    room = width - label - digits - 2
    for start, count in zip(starts, groups, strict=True):
        yield fit(
            f"{start:>{label}} {count:>{digits}} {bar(count / max(*groups, 1), room, ascii_only)}", width, ascii_only
        )
