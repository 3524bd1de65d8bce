"""The scalars of TensorBoard logs, whoever wrote them, read without TensorBoard.

An event file is a row of records (8 bytes of length, 4 of checksum, the record, 4 of checksum), each a protocol buffer of
tensorboard/compat/proto/event.proto. Only what a scalar needs is looked at: the step, the tag, and the value, which older
writers put into ``simple_value`` and newer ones into a tensor. A damaged end is what a killed writer leaves and is passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

Points = list[tuple[int, float]]
"""(step, value), in the order of the steps."""

MOST_BYTES = 1 << 30
"""Of a single file: one beyond that is no log of scalars."""


def event_files(folder: Path) -> list[Path]:
    """The event files in a folder and below it, by name, which is by age."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*tfevents*") if path.is_file())


def read_scalars(folder: Path) -> dict[str, Points]:
    """Every scalar below `folder` by name: the tag, with the sub-folder in front of it where there is one.

    Of a step that was written twice (a run that was taken up again) the later value counts. Raises OSError.
    """
    found: dict[str, dict[int, float]] = {}
    for path in event_files(folder):
        below = path.parent.relative_to(folder).as_posix() if folder.is_dir() else "."
        prefix = "" if below == "." else f"{below}/"
        for tag, step, value in _scalars(path):
            found.setdefault(prefix + tag, {})[step] = value
    return {name: sorted(points.items()) for name, points in found.items() if points}


def _scalars(path: Path) -> Iterator[tuple[str, int, float]]:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES)
    for record in _records(data):
        try:
            yield from _of_event(record)
        except (IndexError, ValueError, struct.error):  # not an event, or a damaged one
            continue


def _records(data: bytes) -> Iterator[memoryview]:
    view, at = memoryview(data), 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        if at + 16 + length > len(data):
            return
        yield view[at + 12 : at + 12 + length]
        at += 16 + length


def _of_event(record: memoryview) -> Iterator[tuple[str, int, float]]:
    """The scalars of a record: Event.step is field 2, Event.summary field 5, Summary.value field 1."""
    step, summaries = 0, []
    for number, value in _fields(record):
        if number == 2 and isinstance(value, int):
            step = value - (1 << 64) if value >> 63 else value
        elif number == 5 and isinstance(value, memoryview):
            summaries.append(value)
    for summary in summaries:
        for number, value in _fields(summary):
            if number == 1 and isinstance(value, memoryview) and (scalar := _scalar(value)) is not None:
                yield scalar[0], step, scalar[1]


def _scalar(value: memoryview) -> tuple[str, float] | None:
    """Tag (1) and simple_value (2) or tensor (8) of a Summary.Value; None for pictures, texts and histograms."""
    tag, number = "", None
    for field, content in _fields(value):
        if field == 1 and isinstance(content, memoryview):
            tag = bytes(content).decode("utf-8", "replace")
        elif field == 2 and isinstance(content, bytes) and len(content) == 4:
            (number,) = struct.unpack("<f", content)
        elif field == 8 and isinstance(content, memoryview):
            number = _tensor(content)
    return None if number is None or not tag else (tag, number)


def _tensor(tensor: memoryview) -> float | None:
    """The one number of a TensorProto: dtype (1) float or double, in tensor_content (4), float_val (5) or double_val (6)."""
    kind, content = 0, b""
    for field, value in _fields(tensor):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field in (4, 5, 6):
            content = bytes(value) if isinstance(value, bytes | memoryview) else b""
    form = {1: "<f", 2: "<d"}.get(kind)
    return struct.unpack(form, content)[0] if form and len(content) == struct.calcsize(form) else None


def _fields(message: memoryview) -> Iterator[tuple[int, int | bytes | memoryview]]:
    """The fields of a protocol buffer: a varint as a number, 4 or 8 bytes as bytes, what has a length as a view."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            yield number, bytes(message[at : at + size])
            at += size
        elif kind == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field goes beyond its message")
            yield number, message[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
