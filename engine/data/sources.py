"""Which reader a file or folder gets, by its name and what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..config import DataConfig
from .catalogue import TABLE_SUFFIXES
from .columns import LINES, Columns, columns_of, peek_columns
from .delimited import display_name
from .header import Header
from .table import Table

Sort = Literal["delimited", "arrays", "jsonlines", "parquet", "pictures", "idx", "cifar"]

_BY_SUFFIX: dict[str, Sort] = {
    ".npz": "arrays",
    ".npy": "arrays",
    ".jsonl": "jsonlines",
    ".ndjson": "jsonlines",
    ".parquet": "parquet",
}


def sort_of_source(source: str) -> Sort:
    """What `data.source`, which is a path, is read as: by its ending, else by what lies there."""
    from .cifar import cifar_folder
    from .idx import idx_folder

    lowered = source.lower()
    for suffix, sort in _BY_SUFFIX.items():
        if lowered.endswith(suffix):
            return sort
    if lowered.endswith(TABLE_SUFFIXES):
        return "delimited"
    try:
        if idx_folder(source) is not None:
            return "idx"
        if cifar_folder(source) is not None:
            return "cifar"
        return "pictures" if Path(source).expanduser().is_dir() else "delimited"
    except (OSError, ValueError, RuntimeError):  # the reader will say what is wrong with the path
        return "delimited"


def folder_words(source: str) -> str:
    """What kind of data the folder is, in words: ``pictures in folders of classes``; "" when it is none."""
    from .images import holds_pictures

    try:
        match sort_of_source(source):
            case "idx" | "cifar" as sort:
                return f"{sort.upper()} files"
            case "pictures":
                return "pictures in folders of classes" if holds_pictures(Path(source).expanduser()) else ""
    except OSError:
        pass
    return ""


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
        case "pictures":
            from .images import load_pictures

            return load_pictures(config)
        case "idx":
            from .idx import load_idx

            return load_idx(config)
        case "cifar":
            from .cifar import load_cifar

            return load_cifar(config)
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
        case "pictures":
            from .images import list_pictures

            listing = list_pictures(source)
            parts = " in parts of their own" if listing.has_parts else ""
            words = f"{len(listing.pictures)} pictures of {len(listing.classes)} classes{parts}"
            return Columns((), (), "", about=words, optional=True)
        case "idx" | "cifar" as sort:
            return Columns((), (), "", about=f"pictures and labels in {sort.upper()} files", optional=True)
        case _:
            return peek_columns(source)


def _headed(source: str, names: list[str], rows: list[tuple[int, list[str]]], complete: bool) -> Columns:
    name = display_name(source)
    return columns_of(name, Header(names, name), iter(rows), "", complete)
