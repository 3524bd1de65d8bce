"""TensorBoard's event file, written at once and by the thread that has something to say.

torch's SummaryWriter hands every record to a thread of its own and waits for it at each flush. With a run that flushes after
every epoch that takes ten times as long as the writing, and several trials side by side would have a thread each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.tensorboard.writer import FileWriter, SummaryWriter

from .eventwriter import EventWriter, proto


class _File(FileWriter):
    def __init__(self, folder: Path) -> None:
        self.event_writer: Any = EventWriter(folder)


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
                start = proto.SessionLog(status=proto.SessionLog.START)
                self.file_writer.add_event(proto.Event(step=self._purge, session_log=start))
        return self.file_writer
