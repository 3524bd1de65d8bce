"""A TensorBoard event file, written record by record and without torch."""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2

from .crc32c import masked

proto: Any = event_pb2
_numbers = itertools.count()
"""What tells the files of one process apart, and of one second in order: TensorBoard reads them sorted by name."""


class _Unbuffered:
    """A file that has on disk what was written to it: a record that was cut short by a full disk is an OSError."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self._file.close()


class EventWriter:
    """As tensorboard's EventFileWriter, without a thread and a queue."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        place = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers):06d}"
        self._file = _Unbuffered(folder / f"events.out.tfevents.{int(time.time()):010d}.{place}")
        self.add_event(proto.Event(wall_time=time.time(), file_version="brain.Event:2"))

    def get_logdir(self) -> str:
        return str(self._folder)

    def add_event(self, event: Any) -> None:
        content = event.SerializeToString()
        self._file.write(framed(content))

    def flush(self) -> None:
        pass

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()


def framed(content: bytes) -> bytes:
    """A record of a TFRecord file: length, its check sum, content, its check sum, little-endian (TensorFlow's documentation)."""
    length = struct.pack("<Q", len(content))
    return b"".join((length, struct.pack("<I", masked(length)), content, struct.pack("<I", masked(content))))
