"""TensorBoard's event file, written at once and by the thread that has something to say.

torch's SummaryWriter hands every record to a thread of its own and waits for it at each flush. With a run that flushes after
every epoch that takes ten times as long as the writing, and several trials side by side would have a thread each.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.writer import FileWriter, SummaryWriter

_proto: Any = event_pb2
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


class _Events:
    """As tensorboard's EventFileWriter, without a thread and a queue."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        place = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers):06d}"
        self._file = _Unbuffered(folder / f"events.out.tfevents.{int(time.time()):010d}.{place}")
        self._records = RecordWriter(self._file)
        self.add_event(_proto.Event(wall_time=time.time(), file_version="brain.Event:2"))

    def get_logdir(self) -> str:
        return str(self._folder)

    def add_event(self, event: Any) -> None:
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        pass

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()


class _File(FileWriter):
    def __init__(self, folder: Path) -> None:
        self.event_writer: Any = _Events(folder)


class BoardWriter(SummaryWriter):
    """torch's SummaryWriter over one file in `folder`, which has every record as soon as it is added.

    purge_step: the step from which on earlier files of the folder no longer count. Raises OSError.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        self._folder, self._purge = folder, purge_step
        super().__init__(str(folder), purge_step=purge_step)

    def _get_file_writer(self) -> Any:
        if self.file_writer is None:
            self.file_writer = _File(self._folder)
            self.all_writers = {str(self._folder): self.file_writer}
            if self._purge is not None:
                start = _proto.SessionLog(status=_proto.SessionLog.START)
                self.file_writer.add_event(_proto.Event(step=self._purge, session_log=start))
        return self.file_writer
