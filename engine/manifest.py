"""What a folder says of its checkpoints, in a manifest and at the end of each file, in a form that no flipped bit survives.

A checkpoint file proves itself. Behind what PyTorch wrote stand, in plain text, a note of what it is, the note's length, the
SHA-256 of all before it, and a fixed last line. The manifest is the list of those notes with the SHA-256 of each whole file, and
with one over the list. So each can be trusted or not without the other: a damaged manifest is rebuilt from the files that
prove whole, and a damaged file stays damaged whatever a manifest says of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .durable import NewFile
from .errors import NntuiError
from .text import clean

MANIFEST_FILE = "manifest.json"
VERSION = 1
LAST_LINE = b"nntui-checkpoint-1\n"

_NAME = re.compile(r"(\d{6,12})-[a-z]+-\d+(?:\+\d+)?\.pt")
_FOOTER = re.compile(rb"(\d{8})\n([0-9a-f]{64})\n" + re.escape(LAST_LINE))
_FOOTER_SIZE = 8 + 1 + 64 + 1 + len(LAST_LINE)


class CheckpointError(NntuiError):
    """A checkpoint cannot be used. The message is one line: the file and what is wrong with it."""


class MissingCheckpoint(CheckpointError):
    """The file is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a checkpoint is. serial: its place in the order of saving, which is not that of epochs once a run went back.

    epochs: whole epochs trained; batch: batches of the next one. kind: why it was saved, a word. best: whether the last
    epoch had the best value so far. pinned: kept beyond its turn. edit: the number of the live edit that it was saved
    before, 0 for none. time: seconds since 1970-01-01 UTC.
    """

    serial: int
    epochs: int
    batch: int
    kind: str
    best: bool
    pinned: bool
    edit: int
    time: float

    @property
    def file(self) -> str:
        """The name of its file: ``000017-epoch-12.pt``, or ``000018-minutes-12+340.pt`` in the middle of an epoch."""
        inside = f"+{self.batch}" if self.batch else ""
        return f"{self.serial:06d}-{self.kind}-{self.epochs}{inside}.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Note):
    """A checkpoint in the manifest. size: bytes of the file; sha256: of the file as a whole, as ``sha256sum`` gives it."""

    size: int
    sha256: str


def serial_of(name: str) -> int:
    """The serial number in a checkpoint's file name; 0 when it is the name of something else."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else 0


def render(entries: list[Entry]) -> bytes:
    """The manifest's text for these entries, the oldest first."""
    rows = [{"file": entry.file, **asdict(entry)} for entry in entries]
    proof = hashlib.sha256(json.dumps([VERSION, rows]).encode()).hexdigest()
    return (json.dumps({"version": VERSION, "checkpoints": rows, "sha256": proof}, indent=1) + "\n").encode()


def parse(raw: bytes) -> list[Entry]:
    """The entries of a manifest. Raises ValueError with the reason unless `raw` is, byte for byte, what `render` wrote."""
    try:
        body = json.loads(raw)
        entries = [_entry(row) for row in body["checkpoints"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ValueError("is damaged (cannot be read as a manifest)") from None
    if render(entries) != raw:
        raise ValueError("is damaged (does not match its own checksum)")
    return entries


def seal(file: NewFile, note: Note) -> Entry:
    """Close the content of `file` with the note and the proof that it is whole; `publish` is left to the caller."""
    text = json.dumps({"file": note.file, **asdict(note)}).encode()
    file.write(text + b"%08d\n" % len(text))
    file.write(file.sha256.hexdigest().encode() + b"\n" + LAST_LINE)
    return Entry(**asdict(note), size=file.size, sha256=file.sha256.hexdigest())


def unseal(path: Path, expected: Entry | None = None) -> tuple[Entry, bytes]:
    """What a checkpoint file is, and what PyTorch wrote into it, if every byte of it is as it was written.

    expected: what the manifest says of the file, or None to take its own word. Raises CheckpointError with the reason.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if expected is not None and size != expected.size:
                raise CheckpointError(f"{path.name}: is damaged ({size:,} bytes instead of {expected.size:,})")
            file.seek(max(0, size - _FOOTER_SIZE))
            footer = _FOOTER.fullmatch(file.read())
            if footer is None or (length := size - _FOOTER_SIZE - int(footer[1])) < 0:
                raise CheckpointError(f"{path.name}: is damaged (its end is missing or wrong)")
            file.seek(0)
            content, rest = file.read(length), file.read()
    except FileNotFoundError:
        raise MissingCheckpoint(f"{path.name}: is missing") from None
    except OSError as error:
        raise CheckpointError(f"{path.name}: cannot be read ({clean(error.strerror or error)})") from None
    # The length that parted content from note was itself under the hash, so after this nothing is taken on trust.
    proof = hashlib.sha256(content)
    proof.update(rest[: -len(LAST_LINE) - 65])
    if proof.hexdigest().encode() != footer[2]:
        raise CheckpointError(f"{path.name}: is damaged (does not match its own checksum)")
    proof.update(rest[-len(LAST_LINE) - 65 :])
    try:
        entry = _entry({**json.loads(rest[:-_FOOTER_SIZE]), "size": size, "sha256": proof.hexdigest()})
    except (ValueError, LookupError, TypeError):
        raise CheckpointError(f"{path.name}: is whole, but not by this version") from None
    if entry.file != path.name:
        raise CheckpointError(f"{path.name}: is not the checkpoint of that name but {entry.file}")
    if expected is not None and entry != expected:
        raise CheckpointError(f"{path.name}: is damaged (does not match the manifest)")
    return entry, content


def _entry(row: dict[str, Any]) -> Entry:
    """The entry that a parsed JSON object is. Raises LookupError, TypeError or ValueError for anything but one."""
    given = {item.name: row[item.name] for item in fields(Entry)}
    if any(type(given[item.name]).__name__ != item.type for item in fields(Entry)):
        raise ValueError("a value of the wrong type")
    entry = Entry(**given)
    if serial_of(entry.file) != entry.serial:  # the name is made of the values: none of them may lead out of the folder
        raise ValueError("not the name of a checkpoint")
    return entry
