"""What the screen costs, seen from the terminal: bytes over the wire, and the time from a key to its answer."""

from __future__ import annotations

import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.terminal import NNTUI, ROOT, Terminal, terminal

TRUECOLOUR = {"COLORTERM": "truecolor"}  # in which colours are named at the greatest length


class Timed(Terminal):
    """A terminal that says when what stands on it came."""

    def __init__(self, *arguments: object, **env: str) -> None:
        self.came = 0.0
        super().__init__(*arguments, **env)  # type: ignore[arg-type]

    def arrived(self) -> None:
        self.came = time.perf_counter()

    def heard(self, seconds: float) -> bool:
        """Whether anything comes within this time."""
        before = self.came
        self.read(seconds)
        return self.came != before

    def answer(self, keys: str, condition: Callable[[], object]) -> float:
        """Milliseconds from sending the keys to the bytes that made the condition true."""
        self.read(0)
        assert not condition(), f"{keys!r} is to change the screen, which shows\n{self.text}"
        began = time.perf_counter()
        self.send(keys)
        self.until(condition, what=f"for the answer to {keys!r}")
        return (self.came - began) * 1000


def wire(epochs: int) -> tuple[list[tuple[float, float]], list[int]]:
    """Bytes of each new epoch in a monitor of 120x40, beside those of a plain redraw of charts and strips, which is made every
    tenth epoch; and bytes while nothing happens for ten seconds, in a paused run and in one that has ended.
    """
    sys.path.append(str(ROOT / "tests"))  # under whose roof the tests themselves find it
    from support.stepped import Stepped

    seconds = 10 if epochs > 50 else 1
    with tempfile.TemporaryDirectory() as folder:
        program = Stepped(Path(folder), epochs, **TRUECOLOUR)
        try:
            pairs, idle, redraw = [], [], 0
            for number in range(2, epochs):
                new = program.step()
                if number % 10 == 2:
                    redraw = program.step("f")
                pairs.append((float(new), float(redraw)))
                if number == epochs // 2:
                    program.step("p")
                    program.idle(2.0)
                    idle.append(program.idle(seconds))
                    program.step("g")
            program.step("x")
            program.idle(2.0)
            idle.append(program.idle(seconds))
            return pairs, idle
        finally:
            program.close()


def training_keys(presses: int) -> list[float]:
    """Milliseconds to the answer of each of so many keys on the monitor of a run that trains on digits as fast as it can."""
    settings = ("run.epochs=100000", "run.device=cpu", "early_stopping.enabled=false", "run.tensorboard=false")
    given = ["--sample", "digits", *(part for setting in settings for part in ("--set", setting))]
    with (
        tempfile.TemporaryDirectory() as folder,
        on_two_cores(),
        terminal([*NNTUI, *given], (120, 40), Path(folder), kind=Timed, NNTUI_STATE=folder) as program,
    ):
        assert isinstance(program, Timed)
        program.see("nntui · setup", "r run")
        program.send("r")
        program.see("training · epoch", "model with")
        log, help_ = (lambda: "model with" in program.text), (lambda: "PgUp, PgDn" in program.text)
        keys = [("l", lambda: not log()), ("l", log), ("?", help_), ("?", lambda: not help_())]
        found = list(_pressed(program, keys, presses))
        program.send("q")
        program.see("stop and quit")
        program.send("y")
        program.wait(60)
        return found


def typing_keys(presses: int) -> list[float]:
    """The same for typing into a field of the setup screen, whose preview is worked out meanwhile."""
    with (
        tempfile.TemporaryDirectory() as folder,
        on_two_cores(),
        terminal(NNTUI, (140, 45), Path(folder), kind=Timed, NNTUI_STATE=folder) as program,
    ):
        assert isinstance(program, Timed)
        program.see("nntui · setup", "> dataset")
        program.send("/learning rate\r\r")
        program.see("take it")
        program.until(lambda: not program.heard(1.0), what="until nothing more comes")
        field = lambda: re.search(r"> learning rate +(\S*)", program.text)[1]  # type: ignore[index]  # noqa: E731
        stands = []
        for key in ("1", "\x7f"):
            program.send(key)
            program.until(lambda: not program.heard(1.0), what="until nothing more comes")
            stands.append(field())
        longer, shorter = stands
        keys = [("1", lambda: field() == longer), ("\x7f", lambda: field() == shorter)]
        return list(_pressed(program, keys, presses))


def _pressed(program: Timed, keys: list[tuple[str, Callable[[], object]]], presses: int) -> Iterator[float]:
    """Press them in turns, at random moments; a person is never so fast that one comes before the last one's answer."""
    dice = random.Random(0)
    for number in range(presses):
        until = time.monotonic() + dice.uniform(0.05, 0.35)
        while (left := until - time.monotonic()) > 0:
            program.read(left)
        yield program.answer(*keys[number % len(keys)])


def p99(found: list[float]) -> float:
    return statistics.quantiles(found, n=100)[98] if len(found) > 1 else found[0]


class on_two_cores:
    """For the screen and the training, which have a process each; the bench itself is kept to one core otherwise."""

    def __enter__(self) -> None:
        self._before = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
        if self._before is not None:
            os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))
            os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-2:]))

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            os.sched_setaffinity(0, self._before)
