"""Worker processes that read samples: torch's DataLoader, made so that its workers are never in the way.

They die with the process they belong to, however that ends; Ctrl-C and a lost terminal are not theirs to answer; what they print
goes where that process prints to; and a sample that cannot be read comes back as a fault and not as a traceback.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..errors import CodeError, DataError, Fault, InputError, TrainingError
from ..userframes import frames_of, what_happened
from .stored import AHEAD, PIECE_BYTES, Streamed, worker_count

_PR_SET_PDEATHSIG = 1
_MOST_FAULTS = 10


@dataclass(frozen=True, slots=True)
class _Broken:
    """What a worker found instead of samples."""

    faults: tuple[Fault, ...]
    code: bool  # it was the user's own code that failed

    def error(self) -> InputError:
        return (CodeError if self.code else DataError)(self.faults)


class _Pieces(Dataset[Any]):
    """What `work` makes of the samples with certain numbers; the index is an array of those."""

    def __init__(self, work: Callable[[np.ndarray], Any]) -> None:
        self._work = work

    def __getitem__(self, index: Any) -> Any:
        try:
            return self._work(index)
        except InputError as error:
            return _Broken(error.faults, isinstance(error, CodeError))
        except Exception as error:  # noqa: BLE001  -- a want of memory, say: told in a line like any other
            frames, where = frames_of(error)
            problem = f"reading samples {index[0]} to {index[-1]}: {what_happened(error)}"
            return _Broken((Fault("data.source", problem, "", where, frames),), True)


class _Order:
    """The pieces of the next pass; a DataLoader asks for them anew each time."""

    def __init__(self) -> None:
        self.pieces: Iterable[np.ndarray] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.pieces)


def _as_is(value: Any) -> Any:
    return value


def _begin_worker(number: int) -> None:
    """In a worker, before its first sample."""
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent or parent == 1:  # it ended in between
        os._exit(1)
    for own in (signal.SIGINT, signal.SIGHUP):  # the process that trains decides what they mean
        signal.signal(own, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number_of, stream in ((1, sys.stdout), (2, sys.stderr)):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if stream.fileno() != number_of:  # libraries in C print there as well
                os.dup2(stream.fileno(), number_of)


def _loader(
    work: Callable[[np.ndarray], Any], order: _Order, workers: int, *, lasting: bool = False, pin: bool = False
) -> DataLoader[Any]:
    many: dict[str, Any] = {}
    if workers:
        many = {
            "worker_init_fn": _begin_worker,
            "multiprocessing_context": get_context("fork"),
            "prefetch_factor": AHEAD,
            "persistent_workers": lasting,
        }
    return DataLoader(
        _Pieces(work),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        collate_fn=_as_is,
        pin_memory=pin,
        generator=torch.Generator(),  # else it would draw from the one that dropout draws from
        **many,
    )


def _begun(loader: DataLoader[Any]) -> Iterator[Any]:
    """A pass over a loader; its workers begin, or go on.

    Torch would have the end of a worker raise an error in the main thread, wherever that is just then. Without its handler the
    pass itself finds out, when it has waited for five seconds.
    """
    if threading.current_thread() is not threading.main_thread():
        return iter(loader)
    before = signal.getsignal(signal.SIGCHLD)
    try:
        return iter(loader)
    finally:
        if signal.getsignal(signal.SIGCHLD) is not before and before is not None:
            signal.signal(signal.SIGCHLD, before)


@contextlib.contextmanager
def _worker_words() -> Iterator[None]:
    """The end of a worker in words."""
    try:
        yield
    except (RuntimeError, EOFError, OSError) as error:  # the last two where what it had sent can no longer be fetched
        said = str(error)
        if isinstance(error, RuntimeError) and "DataLoader worker" not in said and "bus error" not in said:
            raise
        room = ", or for want of room in /dev/shm" if "bus error" in said or "shm" in said else ""
        raise TrainingError(f"a worker that reads the data was ended, perhaps for want of memory{room}") from error


def each_piece(work: Callable[[np.ndarray], Any], pieces: list[np.ndarray]) -> Iterator[Any]:
    """What `work` makes of each piece, in order, worked out by all workers. Raises InputError with what they could not read."""
    order = _Order()
    order.pieces = pieces
    faults: list[Fault] = []
    broken: _Broken | None = None
    with _worker_words():
        for made in _begun(_loader(work, order, worker_count())):
            if isinstance(made, _Broken):
                broken = made
                faults += made.faults
                if len(faults) >= _MOST_FAULTS:
                    break
            elif not faults:
                yield made
    if broken is not None:
        raise _Broken(tuple(faults[:_MOST_FAULTS]), broken.code).error()


# ---- the workers of a training ----


class Readers:
    """Workers that stay from one epoch to the next, and read the samples of a store scaled in one way."""

    def __init__(self, rows: Streamed, pin: bool) -> None:
        self.store, self.preprocess = rows.store, rows.preprocess
        self._order = _Order()
        self._turn = 0
        piped = _no_room_to_share()

        def work(numbers: np.ndarray) -> Any:
            found = rows.read(numbers)
            return found if piped else torch.from_numpy(found)

        workers = worker_count() if rows.store.needs_workers else 0
        self._loader = _loader(work, self._order, workers, lasting=bool(workers), pin=pin)

    def pieces(self, numbers: Iterable[np.ndarray]) -> Iterator[Tensor]:
        """The samples with these numbers, piece by piece. Whoever asks next ends this. Raises InputError for what cannot be read."""
        self._turn += 1
        own, self._order.pieces = self._turn, numbers
        with _worker_words():
            for made in _begun(self._loader):
                if isinstance(made, _Broken):
                    raise made.error()
                yield made if isinstance(made, Tensor) else torch.from_numpy(made)
                assert own == self._turn, "two passes over streamed rows cannot take turns"

    def close(self) -> None:
        """End the workers, at once."""
        running = getattr(self._loader, "_iterator", None)
        self._loader._iterator = None
        if running is not None and hasattr(running, "_shutdown_workers"):
            running._shutdown_workers()


_here = threading.local()


def readers_of(rows: Streamed, pin: bool) -> Readers:
    """The workers for these rows. A thread has workers for one training at a time: those of the one before are ended."""
    found: Readers | None = getattr(_here, "readers", None)
    if found is None or found.store is not rows.store or found.preprocess is not rows.preprocess:
        close_readers()
        found = _here.readers = Readers(rows, pin)
    return found


def close_readers() -> None:
    """End the workers of this thread, if it has any."""
    found: Readers | None = getattr(_here, "readers", None)
    _here.readers = None
    if found is not None:
        found.close()


def _no_room_to_share() -> bool:
    """Whether the shared memory by which tensors come over is too small, as it is in many containers: a pipe does then."""
    try:
        return shutil.disk_usage("/dev/shm").free < 4 * AHEAD * PIECE_BYTES * max(1, worker_count())
    except OSError:
        return True
