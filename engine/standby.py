"""A process that has imported PyTorch already and waits to be told what to train.

The app keeps one ready while a person looks at the form: a run then starts at once, in a process of its own that no terminal's
end takes along, and the screen never shares Python's lock with the training loop.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .configfile import build_config, to_nested
from .errors import EXIT_OK, Fault, InputError
from .rundir import RunDir
from .spawn import Child, ReadySink, Spawned, parents_end

if TYPE_CHECKING:
    from .config import RunConfig


class Standby:
    """The side of whoever starts runs. Its methods block, and are called by one thread at a time."""

    def __init__(self) -> None:
        """Start the process. Raises TrainingError when no process can be started."""
        self._child = Child(["standby"])

    @property
    def alive(self) -> bool:
        """Whether it still waits, as far as can be told."""
        return self._child.process.poll() is None

    def train(self, config: RunConfig) -> Spawned:
        """Have it train, and return once the run is on record; it is no standby any more then.

        Raises InputError for what the user can mend, after which it waits again, and TrainingError when it fails before
        there is a run.
        """
        self._child.tell({"train": to_nested(config)})
        answer = self._child.answer()
        if faults := answer.get("faults"):
            raise InputError([Fault(**fault) for fault in faults])
        self._child.close()
        return Spawned(RunDir(Path(answer["folder"])), self._child.process)

    def close(self) -> None:
        """Let it end, unless it trains."""
        self._child.close()


def serve() -> int:
    """The process's own side: import what training needs, then wait; returns the exit code of the run it trained."""
    end = parents_end()
    if end is None:
        return EXIT_OK
    asks, answers = end.makefile("rb"), end.makefile("wb", buffering=0)
    end.close()  # the files keep it open
    _warm_up()

    def answer(words: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # whoever asked has gone: the next line is the end
            answers.write(json.dumps(words).encode() + b"\n")

    for line in asks:
        try:
            return _train(json.loads(line)["train"], ReadySink(answers))
        except InputError as error:
            answer({"faults": [_plain(fault) for fault in error.faults]})
    return EXIT_OK


def _train(settings: dict[str, Any], ready: ReadySink) -> int:
    from .headless import exit_code
    from .runner import train
    from .signals import obey_signals
    from .stopping import StopToken

    config = build_config(settings)
    token = StopToken()
    obey_signals(token)
    return exit_code(train(config, [ready], token).reason)


def _plain(fault: Fault) -> dict[str, str]:
    return {"key": fault.key, "problem": fault.problem, "hint": fault.hint, "where": fault.where}


def _warm_up() -> None:
    """Import what a run will need, in the order in which it needs it."""
    from . import keeping, runner, training  # noqa: F401  -- PyTorch comes with them
    from .board import TensorBoardSink  # noqa: F401
    from .loop import fit  # noqa: F401
    from .recipe import build_recipe  # noqa: F401
