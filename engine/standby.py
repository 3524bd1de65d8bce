"""A process that has imported PyTorch already and waits to be told what to train.

The app keeps one ready while a person looks at the form: a run then starts at once, in a process of its own that no terminal's
end takes along, and the screen never shares Python's lock with the training loop.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .config import RunConfig
from .errors import EXIT_OK, Fault, InputError, TrainingError
from .facts import RangeTest
from .preview import DataPreview, ModelPreview, from_json
from .rundir import RunDir
from .spawn import Child, ReadySink, Spawned, parents_end
from .text import clean

_LOOK_SECONDS = 0.05


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
        folder = Path(self._ask("train", config)["folder"])
        self._child.close()
        return Spawned(RunDir(folder), self._child.process)

    def find_rate(self, config: RunConfig) -> RangeTest:
        """A learning-rate range test. Raises InputError for what the user can mend, TrainingError when it fails."""
        found = self._ask("find_rate", config)["found"]
        curves = {name: tuple(found.pop(name)) for name in ("rates", "losses", "smoothed")}
        return RangeTest(**curves, **found)

    def data(self, config: RunConfig) -> DataPreview:
        """A preview of the data of `config`; what is wrong with it stands in its faults. Raises TrainingError."""
        return from_json(self._ask("data", config)["preview"], DataPreview)

    def model(self, config: RunConfig) -> ModelPreview:
        """A preview of the model of `config`; what is wrong with it stands in its faults. Raises TrainingError."""
        return from_json(self._ask("model", config)["preview"], ModelPreview)

    def _ask(self, what: str, config: RunConfig) -> dict[str, Any]:
        self._child.tell({"do": what, "config": config.model_dump_json()})
        answer = self._child.answer()
        if faults := answer.get("faults"):
            raise InputError([Fault(**{**fault, "frames": tuple(fault["frames"])}) for fault in faults])
        if problem := answer.get("problem"):
            raise TrainingError(problem)
        return answer

    def end(self) -> None:
        """Have it end as SIGTERM ends it: at once, unless it trains."""
        self._child.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Let it end, unless it trains."""
        self._child.close()


def serve() -> int:
    """The process's own side: import what training needs, then wait; returns the exit code of the run it trained."""
    end = parents_end()
    if end is None:
        return EXIT_OK
    asks, answers = end.makefile("rb"), end.makefile("wb", buffering=0)
    trains = threading.Event()
    threading.Thread(target=_end_with_whoever_asks, args=(end, trains), name="nntui-standby", daemon=True).start()
    _warm_up()

    def answer(words: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # whoever asked has gone: the next line is the end
            answers.write(json.dumps(words).encode() + b"\n")

    for line in asks:
        asked = json.loads(line)
        try:
            config = RunConfig.model_validate_json(asked["config"])
            if asked["do"] == "train":
                trains.set()
                return _train(config, ReadySink(answers))
            answer(
                {"found": asdict(_find_rate(config))}
                if asked["do"] == "find_rate"
                else {"preview": _preview(asked["do"], config)}
            )
        except InputError as error:
            trains.clear()
            answer({"faults": [asdict(fault) for fault in error.faults]})
        except Exception as error:
            if asked["do"] == "train":
                raise
            answer({"problem": clean(f"{type(error).__name__}: {error}", 1000)})
    return EXIT_OK


def _end_with_whoever_asks(end: socket.socket, trains: threading.Event) -> None:
    """End the process when the other side has gone and nothing it asked for is left, in the midst of an import if need be."""
    poll = select.poll()
    poll.register(end.fileno(), 0)  # 0: hang-ups are told in any case
    while not trains.is_set():
        poll.poll()
        with contextlib.suppress(BlockingIOError):
            if not end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) and not trains.is_set():
                os._exit(EXIT_OK)
        time.sleep(_LOOK_SECONDS)


def _preview(half: str, config: RunConfig) -> str:
    from .preview import to_json
    from .previewing import preview_data, preview_model

    return to_json(preview_data(config.data, config.trials) if half == "data" else preview_model(config))


def _find_rate(config: RunConfig) -> RangeTest:
    from .lr_find import find_lr

    return find_lr(config)


def _train(config: RunConfig, ready: ReadySink) -> int:
    from .headless import exit_code, starts_ranks
    from .previewing import forget
    from .runner import train
    from .signals import obey_signals
    from .stopping import StopToken

    forget()
    token = StopToken()
    if starts_ranks(config.run.devices):
        from .ranks.job import ALONE, training_job
        from .ranks.supervisor import supervise

        return exit_code(supervise(training_job(config), ALONE, [ready], token).reason)
    obey_signals(token)
    return exit_code(train(config, [ready], token).reason)


def _warm_up() -> None:
    """Import what a run will need, in the order in which it needs it."""
    from . import keeping, runner, training  # noqa: F401  -- PyTorch comes with them
    from .board import TensorBoardSink  # noqa: F401
    from .loop import fit  # noqa: F401
    from .recipe import build_recipe  # noqa: F401
