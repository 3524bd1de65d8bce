"""The journal: a run's events, one line of JSON each, appended before anybody is shown them."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from .eventjson import from_json, to_json
from .events import Event


class JournalSink:
    """Appends events to a file. Each line is handed to the system as a whole, so a reader sees at most one torn line."""

    name = "journal"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None  # opened with the first event, so that a failure is the tee's to report

    def write(self, event: Event) -> None:
        # A path that is not valid UTF-8 holds lone surrogates; backslashreplace writes them as JSON's own \udc80 escapes.
        line = (to_json(event) + "\n").encode(errors="backslashreplace")
        if self._file is None:
            self._file = FileIO(self._path, "ab")
        written = self._file.write(line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes written")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def read_journal(path: Path) -> Iterator[Event]:
    """The events of a journal in order. A torn last line is passed over, as are kinds that this version does not know.

    Raises OSError when the file cannot be read and ValueError when a line other than the last is damaged.
    """
    with path.open("rb") as file:
        lines = file.read().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = from_json(line.decode())
        except ValueError as error:
            if number == len(lines):
                return
            raise ValueError(f"{path}:{number}: {error}") from None
        if event is not None:
            yield event
