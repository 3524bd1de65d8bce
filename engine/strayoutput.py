"""What a user's own code prints in a run without a screen: into the run's log, between whose lines nobody looks for figures."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TextIO

import typer

from .events import Event, RunResumed, RunStarted
from .rundir import RunDir
from .text import clean

SHOWN = 20
"""Of what was printed before a run that never began, the last so many lines are shown."""


class StrayOutput:
    """Stands in for standard output and error while it lasts, and is a sink, which learns from the run where its log is."""

    name = "run.log"

    def __init__(self) -> None:
        self._file: TextIO | None = None
        self._before = sys.stdout, sys.stderr
        self._logged = False

    def __enter__(self) -> StrayOutput:
        with contextlib.suppress(OSError):  # without a place for it, it is printed as ever
            with tempfile.TemporaryFile() as early:  # in which a child process can write as well
                number = os.dup(early.fileno())
            self._file = os.fdopen(number, "w+", buffering=1, encoding="utf-8", errors="replace")
            self._before = sys.stdout, sys.stderr
            sys.stdout = sys.stderr = self._file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        sys.stdout, sys.stderr = self._before
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()
            if error is not None and not self._logged:
                self._file.seek(0)
                for line in self._file.read().splitlines()[-SHOWN:]:
                    typer.echo(f"    | {clean(line)}", err=True)

    def write(self, event: Event) -> None:
        """Once there is a run, what was printed goes into its log, and so does all that follows."""
        if self._file is None or self._logged or not isinstance(event, RunStarted | RunResumed):
            return
        self._file.flush()
        with contextlib.suppress(OSError), RunDir(Path(event.folder)).log.open("ab") as log:
            with open(os.dup(self._file.fileno()), "rb") as early:
                early.seek(0)
                shutil.copyfileobj(early, log)
            log.flush()
            os.dup2(log.fileno(), self._file.fileno())
            self._logged = True

    def close(self) -> None:
        pass
