"""What ranks beside the first have to tell of the trials that they train: a journal each, below the run's folder, while it lasts.

Rank 0 reads them and puts their events into the run's own journal. What a rank has told when rank 0 was there no more is put
there by the next process that takes the run up: its checkpoints know of it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from pathlib import Path

from ..events import RunResumed, RunStarted
from ..journal import JournalSink, JournalTail
from ..rundir import RunDir


def journals(run: RunDir) -> Path:
    """The folder of these journals."""
    return run.path / "ranks"


def journal_of(run: RunDir, rank: int) -> Path:
    return journals(run) / f"{rank}.jsonl"


def clear(run: RunDir) -> None:
    """Make the folder empty, and be there. Raises OSError."""
    shutil.rmtree(journals(run), ignore_errors=True)
    journals(run).mkdir(exist_ok=True)


def bring_home(run: RunDir) -> int:
    """Append to the run's journal what was left behind in those of ranks; returns how many events that were.

    To be called by who holds the run's lock. In one process's part of a run a trial is one rank's, which tells its events in
    order: as many of them as the run's journal has since that part began were read by rank 0.
    """
    left = sorted(journals(run).glob("*.jsonl"))
    if not left:
        return 0
    known: Counter[int] = Counter()
    tail = JournalTail(run.journal)
    while tail.behind:
        for event in tail.read():
            if isinstance(event, RunStarted | RunResumed):
                known.clear()
            known[event.trial] += 1
    brought, sink = 0, JournalSink(run.journal)
    for path in left:
        tail = JournalTail(path)
        while tail.behind:
            for event in tail.read():
                known[event.trial] -= 1
                if known[event.trial] < 0 and event.trial:
                    sink.write(event)
                    brought += 1
    with contextlib.suppress(OSError):
        sink.close()
        shutil.rmtree(journals(run))
    return brought
