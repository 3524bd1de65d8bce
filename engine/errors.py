"""The errors that a user can cause, and the exit code each ends with.

A person sees one line per fault: where, what is wrong, what to do. A traceback is for our own mistakes, never for theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .text import clean

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, the shell's convention
EXIT_TERMINATED = 143  # 128 + SIGTERM


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with what the user gave.

    key: the knob it belongs to (``optimizer.lr``), or "" when it belongs to none; a form shows the fault at that field.
    problem: what is wrong, in plain words, without a full stop.
    hint: what to do about it, or "".
    where: file, line and column when known (``data.csv:12``), or "".
    frames: of a failure in the user's own code, the way to it through that code, the innermost last; a line each.
    """

    key: str
    problem: str
    hint: str = ""
    where: str = ""
    frames: tuple[str, ...] = ()

    def line(self) -> str:
        """The fault as one printable line: ``where: key: problem; hint``."""
        text = ": ".join(part for part in (self.where, self.key, self.problem) if part)
        return clean(f"{text}; {self.hint}" if self.hint else text)


class NntuiError(Exception):
    """Base of every error that nntui raises on purpose."""


class InputError(NntuiError):
    """What the user gave cannot be used; carries every fault found, not only the first. Exit code 2."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        if not faults:
            raise ValueError("an InputError needs at least one fault")
        self.faults = tuple(faults)
        super().__init__("\n".join(fault.line() for fault in self.faults))


class ConfigError(InputError):
    """A configuration is refused: unknown knob, wrong type, out of bounds, or values that do not go together."""


class DataError(InputError):
    """A dataset cannot be read or does not fit the configuration."""


class CodeError(InputError):
    """The user's own code, a model or a dataset, does not do what it must: it raises, or gives what cannot be used. Exit code 1."""


class TrainingError(NntuiError):
    """Training started and could not go on (out of memory, a failing device, the user's own code). Exit code 1.

    frames: as a Fault has them.
    """

    frames: tuple[str, ...] = ()


def config_error(key: str, problem: str, hint: str = "", where: str = "") -> ConfigError:
    """A ConfigError with a single fault."""
    return ConfigError([Fault(key, problem, hint, where)])


def code_error(key: str, problem: str, hint: str = "", where: str = "", frames: Sequence[str] = ()) -> CodeError:
    """A CodeError with a single fault."""
    return CodeError([Fault(key, problem, hint, where, tuple(frames))])


def data_error(key: str, problem: str, hint: str = "", where: str = "") -> DataError:
    """A DataError with a single fault."""
    return DataError([Fault(key, problem, hint, where)])
