"""torchrun, in a session of its own: it starts the ranks of this machine and ends them all when one of them is gone.

What is added to it: what the processes print goes into the run's log as soon as there is one, and a run that was ended by
the loss of a rank says which one it was and how.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EXIT_FAILED, EXIT_OK, EXIT_TERMINATED, InputError
from ..events import RunEnded
from ..journal import JournalSink
from ..lock import RunLock
from ..record import read_record
from ..rundir import RunDir
from ..sinks import Tee
from ..spawn import signal_name
from .job import ENDED_BY_OTHERS, JobFolder, Nodes

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

_LOOK_SECONDS = 0.2
_LAST_SECONDS = 20.0  # how long ranks may take to leave after rank 0


def run_agent(folder: JobFolder, nodes: Nodes) -> int:
    """Start the ranks and wait for their end; returns the exit code."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    job = folder.job
    share = max(1, (os.cpu_count() or 1) // job.devices)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    code, supervisor, log = EXIT_OK, os.getppid(), _Log(folder)
    try:
        run(parse_args([*_torchrun(folder, nodes, job.devices), sys.executable, *_rank(folder)]))
    except ChildFailedError as error:
        code = EXIT_FAILED
        if words := _lost(error.failures, job.devices * nodes.count):
            folder.answer({"lost": words})
            if log.run is not None:
                _put_on_record(log.run, words)
    except SignalException:
        code = EXIT_TERMINATED
    log.close()
    if os.getppid() != supervisor:  # nobody is left to clear it away
        folder.remove()
    return code


def _torchrun(folder: JobFolder, nodes: Nodes, devices: int) -> list[str]:
    """torchrun's own arguments."""
    common = ["--nproc-per-node", str(devices), "--log-dir", str(folder.logs), "--no-python"]
    if nodes.count == 1:
        # The address by itself: a host's name need not resolve, and nobody on the network has to hear of it.
        return ["--standalone", "--local-addr", "127.0.0.1", *common]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", nodes.endpoint, "--rdzv-id", nodes.name or "nntui"]
    return ["--nnodes", str(nodes.count), *meeting, *common]


def _rank(folder: JobFolder) -> list[str]:
    """Python's arguments for a rank: the same modules as here, and not what else lies in the current folder."""
    return ["-P", "-u", "-m", "engine", "rank", str(folder.path)]


def _lost(failures: Mapping[int, ProcessFailure], world: int) -> str:
    """Which rank was lost first and how, in words; "" when each has said for itself why it ended.

    torchrun ends the others by SIGTERM, and those that were waiting for the one that is gone say so by their exit code.
    """
    codes = {rank: failure.exitcode for rank, failure in failures.items()}
    killed = [(rank, code) for rank, code in codes.items() if code < 0 and code != -15]
    if killed:
        rank, code = killed[0]
        return f"rank {rank} of {world} was ended by {signal_name(-code)}"
    if set(codes.values()) <= {ENDED_BY_OTHERS, -15}:
        return f"the {world} ranks lost each other; run.log has what they said"
    return ""


def _put_on_record(run: RunDir, words: str) -> None:
    """Tell the journal why the run ended, if nobody has, or if all that rank 0 saw of it was torchrun's SIGTERM."""
    with contextlib.suppress(InputError, OSError), RunLock.take(run):
        record = read_record(run)
        if record.after == "ended" and record.reason != "terminated":
            return
        tee = Tee([JournalSink(run.journal)])
        view = record.view
        tee(
            RunEnded(
                reason="failed", epochs=len(view.epochs), best_epoch=view.best_epoch, seconds=record.spent, error=words
            )
        )
        tee.close()


class _Log:
    """Follows the answers until the run has a folder, and from then on appends to its log what the processes print."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = JobFolder(folder.path)
        self.run: RunDir | None = None
        self._next = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="nntui-output", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take in what is left."""
        self._closed.set()
        self._thread.join()
        self._look()

    def _follow(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        for answer in self._folder.answers():
            self._take(answer)
        if self.run is None:
            return
        with contextlib.suppress(OSError), self._folder.output.open("rb") as printed, self.run.log.open("ab") as log:
            printed.seek(self._next)
            while block := printed.read(1 << 16):
                log.write(block)
                self._next += len(block)

    def _take(self, answer: dict[str, Any]) -> None:
        if "folder" in answer:
            self.run = RunDir(Path(answer["folder"]))
        if "done" in answer:  # rank 0 has ended: no other has anything left to do
            timer = threading.Timer(_LAST_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timer.start()
