"""Which reader a file or folder gets, by its name and what it is."""

from __future__ import annotations

from typing import Literal

from ..config import DataConfig
from .columns import LINES, Columns, columns_of, peek_columns
from .delimited import display_name
from .header import Header
from .table import Table

Sort = Literal["delimited", "arrays", "jsonlines", "parquet"]

_BY_SUFFIX: dict[str, Sort] = {
    ".npz": "arrays",
    ".npy": "arrays",
    ".jsonl": "jsonlines",
    ".ndjson": "jsonlines",
    ".parquet": "parquet",
}


def sort_of_source(source: str) -> Sort:
    """What `data.source`, which is a path, is read as."""
    lowered = source.lower()
    for suffix, sort in _BY_SUFFIX.items():
        if lowered.endswith(suffix):
            return sort
    return "delimited"


def load_source(config: DataConfig) -> Table:
    """The file or folder `config.source` as a Table. Raises DataError with every fault found."""
    match sort_of_source(config.source):
        case "arrays":
            from .arrays import load_arrays

            return load_arrays(config)
        case "jsonlines":
            from .jsonlines import load_jsonlines

            return load_jsonlines(config)
        case "parquet":
            from .parquet import load_parquet

            return load_parquet(config)
        case _:
            from .files import load_file

            return load_file(config)


def peek_source(source: str) -> Columns:
    """The columns (or arrays) from which the target is chosen, without reading all of it. Raises DataError (data.source)."""
    match sort_of_source(source):
        case "arrays":
            from .arrays import peek_arrays

            listed, likely, about = peek_arrays(source)
            return Columns(
                names=tuple(name for name, _ in listed),
                kinds=("number",) * len(listed),
                delimiter="",
                told=tuple(words for _, words in listed),
                likely=likely,
                about=about,
                optional=likely >= 0,
            )
        case "jsonlines":
            from .jsonlines import head_of

            return _headed(source, *head_of(source, LINES))
        case "parquet":
            from .parquet import head_of

            return _headed(source, *head_of(source, LINES))
        case _:
            return peek_columns(source)


def _headed(source: str, names: list[str], rows: list[tuple[int, list[str]]], complete: bool) -> Columns:
    name = display_name(source)
    return columns_of(name, Header(names, name), iter(rows), "", complete)
