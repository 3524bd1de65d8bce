"""What a watched loop has between its beginning and its end: a folder, a lock, a record, and somebody who reads what is asked."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
import traceback
from pathlib import Path

from .. import events as e
from ..commandfile import CommandReader
from ..journal import JournalSink
from ..lock import RunLock
from ..machine import MachineWatch, meters_of_script
from ..rundir import make_run_dir, safe_name
from ..sinks import Sink, Tee
from ..stopping import EarlyStopping
from ..text import clean
from .asked import Asked
from .board import ScalarBoard
from .options import Options


class UnderWay:
    """A run under way. Making one makes its folder and takes its lock; raises InputError when that cannot be."""

    def __init__(self, options: Options, name: str) -> None:
        self._options = options
        self.pid = os.getpid()
        self.run = make_run_dir(options.folder, safe_name(name or _script_name()))
        self._record = RunLock.take(self.run)
        sinks: list[Sink] = [JournalSink(self.run.journal)]
        if options.tensorboard:
            sinks.append(ScalarBoard(self.run.path))
        self.emit = Tee(sinks)
        self.token = Asked(self.emit)
        self._reader = CommandReader(self.run, self.token)
        self._machine = MachineWatch(self.emit, meters_of_script, lambda: self.token.paused)
        self._began = self._lap = time.perf_counter()

    def begin(self) -> None:
        options = self._options
        told = {"script": clean(_script(), 400), **options.words()}
        self.emit(
            e.RunStarted(
                run=self.run.name,
                folder=str(self.run.path),
                config={"monitor": told, "settings": options.settings},
                device=options.device,
                versions=_versions(),
                own_loop=True,
                epochs=options.max_epochs,
            )
        )
        self.emit(e.EpochStarted(epoch=1))
        self._machine.start()

    def lap(self) -> float:
        """Seconds since the last time, or since the beginning."""
        now = time.perf_counter()
        seconds, self._lap = now - self._lap, now
        return seconds

    def skip(self, seconds: float) -> None:
        """So many seconds do not count."""
        self._lap += seconds

    def finish(self, reason: e.EndReason, words: str, epochs: int, best: int, error: BaseException | None) -> None:
        """Tell the end, close the record and let go of the run."""
        self._reader.close()
        self._machine.close()
        if reason == "failed" and error is not None:
            with contextlib.suppress(OSError), self.run.log.open("a", encoding="utf-8") as log:
                log.write("".join(traceback.format_exception(error)))
        seconds = time.perf_counter() - self._began
        self.emit(e.RunEnded(reason=reason, epochs=epochs, best_epoch=best, seconds=seconds, error=words))
        self.emit.close()
        self._record.release()


def told_stopping(state: EarlyStopping, epoch: int, watched: str) -> e.EarlyStoppingChecked:
    """Where early stopping stands, as an event; it must have a patience."""
    assert state.patience is not None
    return e.EarlyStoppingChecked(
        epoch=epoch,
        best=state.best,
        best_epoch=state.best_epoch,
        waited=state.waited,
        patience=state.patience,
        must_beat=state.must_beat,
        monitor="loss" if watched == "val_loss" else clean(watched, 60),
        mode=state.mode,
    )


def _script() -> str:
    """The script that trains; "" in an interactive session."""
    return os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] not in ("", "-c", "-m") else ""


def _script_name() -> str:
    return Path(_script()).stem or "loop"


def _versions() -> dict[str, str]:
    """Those of Python and of what the script has imported by now."""
    found = {"python": platform.python_version()}
    for name in ("torch", "tensorflow", "keras", "jax", "lightning", "transformers", "skorch", "numpy"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if version is not None:
            found[name] = clean(version, 60)
    return found
