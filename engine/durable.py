"""Files that are on the disk before anybody is told so, and that are never seen half written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from pathlib import Path
from types import TracebackType

_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")


class NewFile:
    """A file that is written under a temporary name and takes its own once its last byte is on the disk.

    Used with `with`; left without `publish`, nothing of it remains. A write that fails is kept for `publish` to raise: the
    serializer that writes here is C++ underneath, and it ends more cleanly when its stream goes on taking bytes.

    size: bytes taken so far. sha256: the running hash over them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.sha256 = hashlib.sha256()
        self._error: OSError | None = None
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._file: int | None = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)

    def write(self, data: bytes | memoryview) -> int:
        """Take `data`, whole; returns its length in bytes. Never raises OSError, see the class."""
        rest = memoryview(data).cast("B")
        self.size += len(rest)
        self.sha256.update(rest)
        length = len(rest)
        while rest and self._error is None and self._file is not None:
            try:
                written = os.write(self._file, rest)
                if not written:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                rest = rest[written:]  # the system may take less than all, just before a disk is full
            except OSError as error:
                self._error = error
        return length

    def flush(self) -> None:
        """Nothing is held back here, but a stream is expected to have this."""

    def publish(self) -> None:
        """Sync the bytes and give the file its name, in that order. The name itself is lasting after `sync_folder`.

        Raises OSError, also for every write before; the file is then not there and what had its name still is.
        """
        if self._error is not None:
            raise self._error
        assert self._file is not None
        os.fsync(self._file)
        file, self._file = self._file, None
        os.close(file)  # network file systems tell of a full disk only here
        os.replace(self._temporary, self.path)

    def __enter__(self) -> NewFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None
        with contextlib.suppress(OSError):  # published, there is nothing of that name any more
            os.unlink(self._temporary)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` as lasting as the files: what was renamed or removed stays so after a power cut.

    Raises OSError, except where the file system knows no such thing.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a writer that was killed. Only for the one who may write in `folder`."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if _TEMPORARY.fullmatch(name):
                with contextlib.suppress(OSError):
                    os.unlink(folder / name)
