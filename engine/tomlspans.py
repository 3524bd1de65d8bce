"""Where each key and value of a TOML text stands, to the character, so that one can be changed and all else left as it is.

For text that tomllib has read without a complaint: what is wrong with a text is tomllib's business, not that of this module.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value. path: the whole of it, the header's included. All else are offsets into the text.

    start: of the line (of the key, inside braces). value_start and value_end: around the value. end: behind the line with its
    line break, or behind the value inside braces. inner: the entries of an inline table. dotted: the key itself has several parts.
    """

    path: Path
    start: int
    value_start: int
    value_end: int
    end: int
    inner: tuple[Entry, ...] = ()
    inline: bool = False
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A header and what stands below it; the first block of a text has none, and start and body are 0.

    body: where the line below the header begins. end: where the next block does. comments: (start, end) of lines with nothing
    but a comment, line breaks left out.
    """

    path: Path
    start: int
    body: int
    entries: list[Entry] = field(default_factory=list)
    comments: list[tuple[int, int]] = field(default_factory=list)


def blocks(text: str) -> list[Block]:
    """The text in blocks, in order."""
    found = [Block((), 0, 0)]
    at = 0
    while at < len(text):
        line = at
        at = _blanks(text, at)
        if at >= len(text):
            break
        if text[at] in "\r\n":
            at = _next_line(text, at)
        elif text[at] == "#":
            end = _line_end(text, at)
            found[-1].comments.append((line, end))
            at = _next_line(text, end)
        elif text[at] == "[":
            path, at = _keys(text, at + (2 if text.startswith("[[", at) else 1))
            at = _next_line(text, _line_end(text, at))
            found.append(Block(path, line, at))
        else:
            entry = _entry(text, line, found[-1].path)
            found[-1].entries.append(entry)
            at = entry.end
    return found


def entries(text: str) -> Iterator[Entry]:
    """Every key with its value, those of inline tables in place of the tables."""
    for block in blocks(text):
        for entry in block.entries:
            yield from entry.inner if entry.inline else (entry,)


def comments_inside(value: str) -> list[str]:
    """The comments within a value, such as a list over several lines."""
    found, at = [], 0
    while at < len(value):
        if value[at] in "\"'":
            at = _string(value, at)
        elif value[at] == "#":
            end = _line_end(value, at)
            found.append(value[at:end])
            at = end
        else:
            at += 1
    return found


def _entry(text: str, line: int, above: Path) -> Entry:
    keys, at = _keys(text, line)
    start = _blanks(text, at + 1)  # behind the equals sign
    end = _value(text, start)
    path = above + keys
    inline = text[start] == "{"
    inner = _inside(text, start, path) if inline else ()
    behind = _next_line(text, _line_end(text, end))
    return Entry(path, line, start, end, behind, inner, inline, len(keys) > 1)


def _inside(text: str, start: int, path: Path) -> tuple[Entry, ...]:
    """The entries of the inline table that begins at `start`."""
    found = []
    at = _space(text, start + 1)
    while text[at] != "}":
        keys, equals = _keys(text, at)
        value = _space(text, equals + 1)
        end = _value(text, value)
        found.append(Entry(path + keys, at, value, end, end, dotted=len(keys) > 1))
        at = _space(text, end)
        if text[at] == ",":
            at = _space(text, at + 1)
    return tuple(found)


_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}#\r\n]*")


def _keys(text: str, at: int) -> tuple[Path, int]:
    """The parts of the key that begins at `at`, and where the sign behind it stands."""
    parts = []
    while True:
        at = _blanks(text, at)
        if text[at] in "\"'":
            end = _string(text, at)
            parts.append(tomllib.loads(f"key = {text[at:end]}")["key"])
        else:
            bare = _BARE.match(text, at)
            assert bare is not None, "tomllib has read this text"
            end = bare.end()
            parts.append(bare[0])
        at = _blanks(text, end)
        if text[at] != ".":
            return tuple(parts), at
        at += 1


def _value(text: str, at: int) -> int:
    """Where the value that begins at `at` ends."""
    if text[at] in "\"'":
        return _string(text, at)
    if text[at] not in "[{":
        plain = _PLAIN.match(text, at)
        assert plain is not None
        return at + len(plain[0].rstrip(" \t"))
    depth = 0
    while True:
        sign = text[at]
        if sign in "\"'":
            at = _string(text, at)
        elif sign == "#":
            at = _line_end(text, at)
        else:
            depth += (sign in "[{") - (sign in "]}")
            at += 1
            if not depth:
                return at


def _string(text: str, at: int) -> int:
    """Where the string that begins at `at` ends."""
    quote = text[at]
    if not text.startswith(quote * 3, at):
        at += 1
        while text[at] != quote:
            at += 2 if text[at] == "\\" and quote == '"' else 1
        return at + 1
    at += 3
    while not text.startswith(quote * 3, at):
        at += 2 if text[at] == "\\" and quote == '"' else 1
    at += 3
    while text.startswith(quote, at):  # up to two quotes may stand right before the closing ones
        at += 1
    return at


def _blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _space(text: str, at: int) -> int:
    """Past blanks, line breaks and comments."""
    while text[at] in " \t\r\n#":
        at = _line_end(text, at) if text[at] == "#" else at + 1
    return at


def _line_end(text: str, at: int) -> int:
    """Where the line break of this line stands."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _next_line(text: str, at: int) -> int:
    """Where the line behind the line break at `at` begins."""
    return min(len(text), at + (2 if text.startswith("\r\n", at) else 1))
