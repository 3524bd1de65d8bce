"""The journal: a run's events, one line of JSON each, appended before anybody is shown them."""

from __future__ import annotations

import contextlib
import os
import re
from collections import deque
from collections.abc import Collection, Iterator
from io import FileIO
from pathlib import Path

from .eventjson import from_json, to_json
from .events import Event, Noted
from .sinks import Backlogged

BACKLOG_LINES = 10_000
BACKLOG_BYTES = 64 << 20
TAIL_BYTES = 128 << 10  # what a tail takes in at a time: a few milliseconds of work
LONGEST_LINE = 64 << 20  # a line beyond this is no event, whatever it is
_AT_ONCE = 1 << 20  # bytes of a backlog written at a time

_KIND = re.compile(rb'{"event":"(\w+)"')


class JournalSink:
    """Appends events to a file. Each line is handed to the system as a whole, so a reader sees at most one torn line.

    Where a line cannot be written (a full disk), what stands of it is taken back, and it is kept with those that follow until
    writing works again: `write` raises Backlogged meanwhile. What is kept is bounded by BACKLOG_LINES and BACKLOG_BYTES; then
    the oldest go. A journal that a kill or a crash left with a torn last line is mended when it is opened.
    """

    name = "journal"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None  # opened with the first event, so that a failure is the tee's to report
        self._end = 0  # bytes of the file up to the end of its last whole line
        self._torn = False  # whether something of a line that failed may stand behind them
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._lost = 0  # events that the backlog had no room for

    def write(self, event: Event) -> None:
        # A path that is not valid UTF-8 holds lone surrogates; backslashreplace writes them as JSON's own \udc80 escapes.
        self._keep((to_json(event) + "\n").encode(errors="backslashreplace"))
        try:
            self._flush()
            if self._lost:
                text = f"{self._lost} events are missing before this: the journal could not be written for too long"
                self._lost = 0
                self._keep((to_json(Noted(time=event.time, text=text)) + "\n").encode())
                self._flush()
        except OSError as error:
            reason = error.strerror or str(error)
            raise Backlogged(f"{reason}; what happens is kept and written as soon as that works again") from error

    def close(self) -> None:
        """Close the file. Raises OSError when there are events that cannot be written even now."""
        try:
            if self._waiting:
                self._flush()
        except OSError as error:
            raise OSError(f"{len(self._waiting)} events are lost: {error.strerror or error}") from error
        finally:
            if self._file is not None:
                self._file.close()

    def _keep(self, line: bytes) -> None:
        self._waiting.append(line)
        self._bytes += len(line)
        while len(self._waiting) > 1 and (len(self._waiting) > BACKLOG_LINES or self._bytes > BACKLOG_BYTES):
            self._bytes -= len(self._waiting.popleft())
            self._lost += 1

    def _flush(self) -> None:
        """Write what waits. Raises OSError; what is written by then no longer waits."""
        if self._file is None:
            self._file = self._opened()
        if self._torn:
            self._take_back(self._file)
        while self._waiting:
            block, size = [], 0
            for line in self._waiting:
                block.append(line)
                size += len(line)
                if size >= _AT_ONCE:
                    break
            self._append(self._file, b"".join(block))

    def _append(self, file: FileIO, block: bytes) -> None:
        """Write whole lines that wait. Raises OSError after taking back the part of a line that would not go in."""
        done = 0
        try:
            while done < len(block):  # a disk that fills up takes a part first, and says why at the second try
                done += file.write(memoryview(block)[done:]) or 0
        finally:
            whole = block.rfind(b"\n", 0, done) + 1
            for _ in range(block.count(b"\n", 0, whole)):
                self._bytes -= len(self._waiting.popleft())
            self._end += whole
            if done < len(block):
                self._torn = True
                with contextlib.suppress(OSError):  # tried again before the next line
                    self._take_back(file)

    def _take_back(self, file: FileIO) -> None:
        file.truncate(self._end)
        self._torn = False

    def _opened(self) -> FileIO:
        """The file, ready to append to: a torn last line is cut off, one that lacks only its newline gets it."""
        file = FileIO(self._path, "ab+")
        try:
            size = os.fstat(file.fileno()).st_size
            piece = _last_piece(file, size)
            self._end = size
            if piece and _is_event(piece):
                self._waiting.appendleft(b"\n")
                self._bytes += 1
            elif piece:
                self._end = size - len(piece)
                file.truncate(self._end)
        except BaseException:
            file.close()
            raise
        return file


def _last_piece(file: FileIO, size: int) -> bytes:
    """What stands behind the last newline."""
    piece = b""
    at = size
    while at > 0 and b"\n" not in piece:
        step = min(at, 1 << 16)
        at -= step
        piece = os.pread(file.fileno(), step, at) + piece
    return piece[piece.rfind(b"\n") + 1 :]


def _is_event(line: bytes) -> bool:
    try:
        from_json(line.decode())
    except ValueError:
        return False
    return True


class JournalTail:
    """Follows a journal that another process may be writing: `read` gives the events that have come since.

    The file is opened for each read, so that nothing stays open and a network file system shows what is new. A last line
    without its newline waits for it; a damaged line is passed over and counted in `damaged`. passing: names of events that
    are not wanted, which then cost next to nothing.
    """

    def __init__(self, path: Path, passing: Collection[str] = ()) -> None:
        self.path = path
        self.damaged = 0
        self._passing = frozenset(name.encode() for name in passing)
        self._next = 0  # where the first line begins that was not read yet
        self._seen = 0  # how far the file has been looked at
        # Its size and time of change at that moment; both, because a torn line may be taken back and written anew.
        self._stamp = (0, 0)
        self._skipping = False  # inside a line that is too long to be one

    @property
    def behind(self) -> bool:
        """Whether there is more than what was looked at."""
        try:
            return self._stamp != _stamp(self.path.stat()) or self._seen < self._stamp[0]
        except OSError:
            return False

    def read(self) -> list[Event]:
        """The events of the next whole lines, about TAIL_BYTES of them; empty when there are none. Raises OSError.

        A file that is not there yet has no events.
        """
        try:
            file = self.path.open("rb", buffering=0)
        except FileNotFoundError:
            return []
        with file:
            self._stamp = _stamp(os.fstat(file.fileno()))
            if self._stamp[0] < self._next:  # somebody cut it off: what is gone has been read, and what comes is new
                self._next = self._stamp[0]
                self.damaged += 1
            data = os.pread(file.fileno(), TAIL_BYTES, self._next)
            while b"\n" not in data and len(data) < LONGEST_LINE:
                more = os.pread(file.fileno(), max(TAIL_BYTES, len(data)), self._next + len(data))
                if not more:
                    break
                data += more
        self._seen = self._next + len(data)
        if b"\n" not in data and len(data) >= LONGEST_LINE:
            self._next += len(data)
            self.damaged += not self._skipping
            self._skipping = True
            return []
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].split(b"\n")[:-1]
        self._next += whole
        if self._skipping and lines:
            self._skipping = False
            lines = lines[1:]
        return [event for line in lines if (event := self._event(line)) is not None]

    def _event(self, line: bytes) -> Event | None:
        kind = _KIND.match(line)
        if not line.strip() or (kind is not None and kind[1] in self._passing):
            return None
        try:
            return from_json(line.decode())
        except ValueError:
            self.damaged += 1
            return None


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


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
