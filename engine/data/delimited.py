"""Delimited text (CSV, TSV): from a path to records that know their line in the file."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..errors import Fault, data_error
from ..text import clean

MAX_LISTED = 10
"""Of faults of one sort so many are listed; the rest are counted."""

DELIMITERS = (",", ";", "\t", "|")
_SAVE_AS = "save it as CSV in UTF-8"


@dataclass(slots=True)
class Faults:
    """Faults of one sort: the first few, and how many there are. `what` names the sort, in the plural."""

    what: str
    where: str
    listed: list[Fault] = field(default_factory=list)
    total: int = 0

    def add(self, fault: Fault) -> None:
        self.total += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(fault)

    def lines(self) -> list[Fault]:
        """The listed faults, and one more for the rest if there is any."""
        if self.total == len(self.listed):
            return self.listed
        return [
            *self.listed,
            Fault(self.listed[0].key, f"{self.total - len(self.listed)} more {self.what}", "", self.where),
        ]


def display_name(source: str) -> str:
    """The path of a file as it is shown before a line number."""
    return clean(source, 200)


def read_text(source: str) -> str:
    """The text of the file `source`, in which ``~`` stands for the home folder.

    Raises DataError when there is no such file, or it cannot be read, is empty or is not UTF-8 text.
    """
    name = display_name(source)
    return _decoded(name, _read_bytes(source, name))


def read_head(source: str, lines: int, most: int = 1 << 18) -> tuple[str, bool]:
    """The first `lines` lines of the file, of its first `most` bytes at the most, and whether that is all of it.

    A line that does not fit is left out, unless it is the first. Raises DataError as `read_text` does.
    """
    name = display_name(source)
    data = _read_bytes(source, name, most + 1)
    whole = len(data) <= most
    if not whole:
        data = data[: data.rfind(b"\n") + 1] or data.decode("utf-8", "ignore").encode()
    kept = data.splitlines(keepends=True)
    return _decoded(name, b"".join(kept[:lines])), whole and len(kept) <= lines


def _decoded(name: str, data: bytes) -> str:
    data = data.removeprefix(codecs.BOM_UTF8)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise data_error("data.source", "the file is UTF-16 text, not UTF-8", _SAVE_AS, name)
    if (position := data.find(b"\0")) >= 0:
        where = f"{name}:{_line_at(data, position)}"
        raise data_error("data.source", "a NUL byte: this is not a text file, or it is damaged", _SAVE_AS, where)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"{name}:{_line_at(data, error.start)}"
        raise data_error("data.source", f"byte 0x{data[error.start]:02x} is not UTF-8 text", _SAVE_AS, where) from None
    if not text.strip():
        raise data_error("data.source", "the file is empty", "", name)
    return text


def checked_path(source: str) -> Path:
    """The path of a file that is there, in which ``~`` stands for the home folder. Raises DataError (data.source)."""
    name = display_name(source)
    try:
        path = Path(source).expanduser()
        if not path.exists():
            if path.is_symlink():
                raise data_error(
                    "data.source", "this is a link that leads nowhere, or round in circles", "mend it", name
                )
            raise data_error("data.source", "no such file", "check the path; it counts from the current folder", name)
        if path.is_dir():
            raise data_error("data.source", "this is a folder, not a file", "give the path of a file", name)
        if not path.is_file():  # a pipe or a device might never end
            raise data_error("data.source", "this is not a regular file", "give the path of a file", name)
    except OSError as error:
        raise data_error("data.source", f"cannot be read: {error.strerror or error}", "", name) from None
    except (ValueError, RuntimeError) as error:  # a NUL in the path; no such user after ~
        raise data_error("data.source", f"not a usable path: {error}", "", name) from None
    return path


def _read_bytes(source: str, name: str, most: int = -1) -> bytes:
    """The bytes of a file; its first `most` when that is not negative."""
    path = checked_path(source)
    try:
        if most < 0:
            return path.read_bytes()
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise data_error("data.source", f"cannot be read: {error.strerror or error}", "", name) from None
    except MemoryError:
        raise data_error("data.source", "the file does not fit in memory", "use fewer rows", name) from None


def _line_at(data: bytes, position: int) -> int:
    """The line, from 1, of the byte at `position`; \\n, \\r\\n and \\r each end a line."""
    before = data[:position]
    return 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")


def line_of_cell(line: int, cells: list[str], column: int) -> int:
    """The line in which cell `column` of a record begins, given the line in which the record does."""
    before = ",".join(cells[:column])
    return line + before.count("\n") + before.count("\r") - before.count("\r\n")


def sniff(source: str, text: str) -> str:
    """The delimiter of `text`: tab for a .tsv, else the one that divides the first rows the way it divides the header."""
    if source.lower().endswith(".tsv"):
        return "\t"
    best, best_score = ",", (0.0, 1)
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            widths = [len(cells) for cells in islice(reader, 30) if cells]
        except csv.Error:  # the real reading will say where
            continue
        score = (widths.count(widths[0]) / len(widths), widths[0]) if widths else (0.0, 0)
        if score[1] > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def records(name: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every record of `text` that is not blank, as (line in which it begins, cells). The header is the first.

    Cells keep the space after them, and line breaks inside quotes. Raises DataError where the quoting is broken or a cell
    is too long.
    """
    # strict, since otherwise a quote that is never closed takes in the rest of the file without a word.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        problem = _malformed(str(error))
        raise data_error("data.source", problem, "look for a stray quote", f"{name}:{line}") from None


def _malformed(message: str) -> str:
    if "field limit" in message:
        return f"a cell of more than {csv.field_size_limit()} characters"
    if "unexpected end" in message:
        return "a quoted cell that is never closed"
    return "a quote in the wrong place"
