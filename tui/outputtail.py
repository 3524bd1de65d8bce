"""What a run has printed, line by line as it grows: the end of its run.log, made safe to show."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .text import clean

FIRST_BYTES = 1 << 16  # of what was printed before anybody looked
MOST_BYTES = 1 << 18  # in one reading; a run that prints faster is not followed line by line
LONGEST_LINE = 2000  # characters
_UNENDED_BYTES = 1 << 16  # a line that is as long without an end is shown as one

# ECMA-48: control sequences; strings (titles, links, device control) up to their end; other escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]"
)


class OutputTail:
    """Follows a text file that grows. Nothing stays open between two readings; what is not there yet is empty.

    unended: the last line, as far as it has come without its end: a prompt, a progress bar.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unended = ""
        self._seen: int | None = None  # how far it was read; None: not at all
        self._piece = b""  # the beginning of the last line
        self._cut = False  # whether what comes is the rest of a line whose beginning was passed over
        self._stamp = (0, 0)

    def read(self) -> list[str] | None:
        """The lines that ended since the last time; None when nothing at all has come. May wait for a slow disk."""
        try:
            status = self.path.stat()
            if (stamp := (status.st_size, status.st_mtime_ns)) == self._stamp:
                return None
            with self.path.open("rb", buffering=0) as file:
                return self._take(file.fileno(), stamp)
        except OSError:  # not there yet, or not any more
            return None

    def _take(self, descriptor: int, stamp: tuple[int, int]) -> list[str]:
        size, begin, told = stamp[0], self._seen, []
        if begin is None:
            begin = max(0, size - FIRST_BYTES)
            self._cut = begin > 0
        elif size < begin:  # cut off: what is there is new
            begin, self._piece, told = 0, b"", ["(run.log was cut off here)"]
        elif size - begin > MOST_BYTES:
            passed, begin = size - FIRST_BYTES - begin, size - FIRST_BYTES
            self._piece, self._cut, told = b"", True, [f"({passed:,} bytes are passed over here; run.log has them)"]
        data = os.pread(descriptor, size - begin, begin)
        self._seen, self._stamp = begin + len(data), stamp
        *lines, self._piece = (self._piece + data).split(b"\n")
        if self._cut and lines:
            self._cut, lines = False, lines[1:]
        if len(self._piece) > _UNENDED_BYTES:
            lines.append(self._piece)
            self._piece = b""
        self.unended = "" if self._cut else readable(self._piece)
        return told + [readable(line) for line in lines]


def readable(line: bytes) -> str:
    """A printed line as a terminal would end up showing it, without what would move the cursor or change colours."""
    text = line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]  # of a progress bar the last state
    return clean(_ESCAPES.sub("", text).expandtabs(8), LONGEST_LINE).rstrip()
