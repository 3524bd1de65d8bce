"""Runs outlive the programs that started them; those of a test must not outlive the test."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.lock import probe
from engine.rundir import RunDir


@pytest.fixture(autouse=True)
def no_run_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Kill what still trains below the test's folder when the test is over."""
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for lock in folder.rglob("lock") if folder is not None else ():
        if (owner := probe(RunDir(lock.parent))) is not None and owner.pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(owner.pid, signal.SIGKILL)
