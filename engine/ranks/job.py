"""What the processes of a run on several devices are to do, and what they have to say to whoever started them: a folder of files.

The folder is a temporary one of the machine, made by the process that supervises and known to the others by its path.
`answers.jsonl` has a line of JSON for each thing that is said; which of its keys there is says what it is about.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..config import RunConfig
from ..errors import CodeError, Fault, InputError

ENDED_BY_OTHERS = 75
"""The exit code of a rank that could not go on because another one was gone: it is not where the fault is."""


@dataclass(frozen=True, slots=True)
class Job:
    """What every rank does: train `config`, go on with the run in `folder` (`more`: epochs to add), or replay that one."""

    do: Literal["train", "resume", "replay"]
    devices: int
    config: str = ""
    folder: str = ""
    more: int = 0

    @property
    def settings(self) -> RunConfig:
        return RunConfig.model_validate_json(self.config)


@dataclass(frozen=True, slots=True)
class Nodes:
    """Machines that train one run together, as torchrun has it: how many, where they meet, and the name of the meeting."""

    count: int = 1
    endpoint: str = ""
    name: str = ""


ALONE = Nodes()


def training_job(config: RunConfig) -> Job:
    """The job of training `config`."""
    return Job("train", config.run.devices, config.model_dump_json())


class JobFolder:
    """The folder of a job: what is to be done, what was answered, what was printed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next = 0

    @classmethod
    def made(cls, job: Job) -> JobFolder:
        """A new one. Raises OSError."""
        folder = cls(Path(tempfile.mkdtemp(prefix="nntui-ranks-")))
        (folder.path / "job.json").write_text(json.dumps(asdict(job)), "utf-8")
        return folder

    @property
    def output(self) -> Path:
        """What the processes print."""
        return self.path / "output"

    @property
    def logs(self) -> Path:
        """torchrun's own folder."""
        return self.path / "torchrun"

    @property
    def job(self) -> Job:
        return Job(**json.loads((self.path / "job.json").read_text("utf-8")))

    def answer(self, words: dict[str, Any]) -> None:
        """Append a line, in one write, so that those of several processes never mix."""
        line = json.dumps(words).encode() + b"\n"
        with contextlib.suppress(OSError):  # whoever asked has gone, and the folder with him
            fd = os.open(self._answers, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, line)
            finally:
                os.close(fd)

    def answers(self) -> list[dict[str, Any]]:
        """What was said since the last call."""
        try:
            with self._answers.open("rb") as file:
                file.seek(self._next)
                data = file.read()
        except OSError:
            return []
        whole = data.rfind(b"\n") + 1
        self._next += whole
        return [json.loads(line) for line in data[:whole].splitlines()]

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _answers(self) -> Path:
        return self.path / "answers.jsonl"


def refused(error: InputError) -> dict[str, Any]:
    """The answer for input that cannot be used."""
    faults = [asdict(fault) for fault in error.faults]
    return {"faults": faults, "kind": "code" if isinstance(error, CodeError) else "input"}


def as_refusal(answer: dict[str, Any]) -> InputError:
    """The error that `refused` was made of."""
    faults: Sequence[Fault] = [Fault(**{**one, "frames": tuple(one["frames"])}) for one in answer["faults"]]
    return CodeError(faults) if answer["kind"] == "code" else InputError(faults)
