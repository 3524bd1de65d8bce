"""``python -m tests.bench [--rounds N] [--quick] [--only NAME] [--gpu]``: the table of ratios, in one run.

In every round each contestant runs once, one after the other. The ratio of a row is the median over the rounds of nntui's
time divided by the other's; the processor's ratio beside it counts the processor time of all threads of the process and
shows how much of the rest is the machine's other work.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass
class Row:
    """A line of the table. pairs: (ours, theirs) of each round, in `unit`; cpu: the same in processor seconds, if known.

    goal: of the ratio, or with `difference` of ours minus theirs. None: nothing was promised.
    """

    name: str
    work: str
    against: str
    goal: float | None
    unit: str = "s"
    difference: bool = False
    pairs: list[tuple[float, float]] = field(default_factory=list)
    cpu: list[tuple[float, float]] = field(default_factory=list)
    note: str = ""

    def figures(self, pairs: list[tuple[float, float]]) -> list[float]:
        """What is compared with the goal, for each round."""
        return [one - other if self.difference else one / other if other else math.inf for one, other in pairs]

    def line(self) -> str:
        """The row as text: its cells divided by ``|``."""
        sign = "+" if self.difference else ""
        goal = "" if self.goal is None else f"<= {sign}{self.goal:.2f}"
        if not self.pairs:
            return f"| {self.work} | {self.against} | {goal} | {self.note} | | | | | |"
        found = self.figures(self.pairs)
        cpu = f"{statistics.median(self.figures(self.cpu)):.3f}" if self.cpu else ""
        ours, theirs = (statistics.median(pair[side] for pair in self.pairs) for side in (0, 1))
        middle = statistics.median(found)
        verdict = "" if self.goal is None else " met" if middle <= self.goal else " missed"
        return (
            f"| {self.work} | {self.against} | {goal} | {sign}{middle:.3f}{verdict} | {min(found):.3f}-{max(found):.3f} "
            f"| {cpu} | {ours:.3f} {self.unit} | {theirs:.3f} {self.unit} | {len(found)}{self.note and f'; {self.note}'} |"
        )


NAMES = (
    *("careful", "tutorial", "lightning", "keras", "skorch", "table", "cnn"),
    *("restarts", "folds", "restarts32"),
    *("memory", "help", "paint", "monitor", "wire", "keys", "typing", "view", "chart", "gpu"),
)
HEAD = (
    "| work | against | goal | median | min-max | cpu | nntui | other | rounds |\n|---|---|---|---|---|---|---|---|---|"
)


def training_row(row: Row, job: Any, other: Callable[[Any], Any], rounds: int) -> Row:
    """Train both ways in turns, after once for warming up."""
    from .ours import ours

    after = []
    for number in range(rounds + 1):
        theirs, mine = other(job), ours(job)
        if number:
            row.pairs.append((mine.clock, theirs.clock))
            row.cpu.append((mine.cpu, theirs.cpu))
            after.append(mine.after)
        if theirs.history and not number:
            row.note = f"last val. loss {mine.history[-1][2]:.3f} and {theirs.history[-1][2]:.3f}; "
    row.note += f"{statistics.median(after):.2f} s behind the last epoch (test, figures, weights)"
    return row


def rows(quick: bool, rounds: int, gpu: bool, wanted: Callable[[str], bool]) -> Iterator[Row]:
    """Every row, measured when it is asked for."""
    from . import jobs
    from .careful import careful
    from .ours import ours
    from .peers import PEERS, installed
    from .tutorial import tutorial

    epochs = 3 if quick else 40
    work = "digits, MLP 64-128-64-10, b32, Adam"
    if gpu:
        job = jobs.digits(epochs, "cuda")
        if wanted("gpu"):
            yield training_row(Row("gpu", f"{work}, on a GPU", "careful loop there", 0.25), job, careful, rounds)
        return
    job = jobs.digits(epochs)
    if wanted("careful"):
        yield training_row(Row("careful", work, "careful loop", 0.65), job, careful, rounds)
    if wanted("tutorial"):
        yield training_row(Row("tutorial", work, "tutorial loop", 0.40), job, tutorial, rounds)
    for name, (module, peer) in PEERS.items():
        row = Row(module, work, name, None if name == "skorch" else 0.12)
        if wanted(module):
            if installed(module):
                yield training_row(row, jobs.digits(3 if quick else 20), peer, rounds)
            else:
                row.note = "not installed"
                yield row
    if wanted("table"):
        row = Row("table", "100k x 32, MLP 32-256-256-5, dropout 0.2, b256, AdamW, cosine", "careful loop", 0.97)
        yield training_row(row, jobs.table(1 if quick else 3, 10_000 if quick else 100_000), careful, rounds)
    if wanted("cnn"):
        row = Row("cnn", "CNN (2 conv + 2 fc), 12k 28x28, b128, SGD momentum", "careful loop", 1.00)
        yield training_row(row, jobs.pictures(1 if quick else 2, 1200 if quick else 12_000), careful, rounds)
    several: dict[str, tuple[str, dict[str, Any], float]] = {
        "restarts": ("10 restarts", {"kind": "restarts", "restarts": 10}, 3.0),
        "folds": ("10 folds", {"kind": "kfold", "folds": 10}, 3.0),
        "restarts32": ("32 restarts", {"kind": "restarts", "restarts": 32}, 7.0),
    }
    for name, (words, trials, goal) in several.items():
        if wanted(name):
            row = Row(name, f"{words} of the digits MLP", "one run", goal)
            # Between two trials that train one after another stand the first one's figures, which are no training.
            plain = {"run": {"figures": False}}
            many = jobs.digits(2 if quick else 20, trials=trials, **plain)
            one = jobs.digits(2 if quick else 20, **plain)
            yield training_row(row, many, lambda job, one=one: ours(one), max(1, rounds // 3))
    yield from _outside(quick, rounds, wanted)
    if wanted("view"):
        yield view_row(rounds, job)
    if wanted("chart"):
        from .chart import measured

        for work, limit, pairs, cpu, note in measured(rounds, quick):
            yield Row("chart", work, limit, 1.0, "ms", pairs=pairs, cpu=cpu, note=note)


def _outside(quick: bool, rounds: int, wanted: Callable[[str], bool]) -> Iterator[Row]:
    from . import start

    if wanted("memory"):
        row = Row("memory", "peak memory, digits, at the end of the last epoch", "careful loop", 1.15, "MB")
        ends = []
        for _ in range(1 if quick else 3):
            mine, theirs = start.peak_megabytes("ours", 5), start.peak_megabytes("careful", 5)
            row.pairs.append((mine[0], theirs[0]))
            ends.append(mine[1])
        row.note = f"{statistics.median(ends):.0f} MB at the end of the run, figures drawn"
        yield row
    if wanted("help"):
        row = Row("help", "`nntui --help`", "`python -c pass`", 0.25, difference=True)
        row.pairs = [start.help_seconds() for _ in range(rounds + 1)][1:]
        yield row
    if wanted("paint"):
        row = Row("paint", "first paint of the app", "bare Textual app", 1.3)
        with tempfile.TemporaryDirectory() as folder:
            row.pairs = [start.paint_seconds(Path(folder)) for _ in range(rounds + 1)][1:]
        yield row
    if wanted("monitor"):
        row = Row("monitor", "an epoch of digits with the monitor open, 2 cores", "without a screen", 1 / 0.97, "ms")
        for number in range(1 if quick else rounds + 1):
            pair = start.epoch_milliseconds(20 if quick else 300, screen_first=number % 2 == 0)
            if number or quick:
                row.pairs.append(pair)
        yield row
    yield from _screen(quick, rounds, wanted)


def _screen(quick: bool, rounds: int, wanted: Callable[[str], bool]) -> Iterator[Row]:
    from . import screen

    if wanted("wire"):
        pairs, idle = screen.wire(12 if quick else 200)
        work, seconds = "bytes of a new epoch, 120x40, two charts and the strips", 1 if quick else 10
        yield Row("wire", work, "plain redraw of those", 0.10, "B", pairs=pairs)
        yield Row("wire", work, "none", 400, "B", True, [(new, 0.0) for new, _ in pairs])
        quiet = [(float(count), 0.0) for count in idle]
        yield Row("wire", f"bytes in {seconds} s of a paused and an ended run", "none", 0.0, "B", True, quiet)
    for name, words, measure in (
        ("keys", "p99 from a key to the screen, digits at full tilt, 2 cores", screen.training_keys),
        ("typing", "p99 from a key to the screen, typing on the setup screen", screen.typing_keys),
    ):
        if wanted(name):
            found = measure(8 if quick else 50 * rounds)
            row = Row(name, words, "no time", 100, "ms", True, [(screen.p99(found), 0.0)])
            row.note = f"{len(found)} keys, median {statistics.median(found):.1f} ms, slowest {max(found):.1f} ms"
            yield row


def view_row(rounds: int, job: Any) -> Row:
    """A long run's history folded into a view and diagnosed epoch by epoch, against training one epoch of digits."""
    from engine.diagnosis import Doctor
    from engine.events import EpochEnded
    from engine.runview import RunView
    from tests.support import script

    from .ours import ours

    items = [event for event in script.healthy(1000) if type(event).__name__ != "RunEnded"]
    row = Row("view", "1,000 epochs folded into a RunView and diagnosed", "one digits epoch", 1.0, "ms")
    for _ in range(rounds):
        began = time.perf_counter()
        view, doctor = RunView(), Doctor()
        for event in items:
            view.apply(event)
            if isinstance(event, EpochEnded):
                for finding in doctor.examine(event):
                    view.apply(finding)
        folded = time.perf_counter() - began
        assert len(view.epochs) == 1000
        row.pairs.append((folded * 1000, ours(job).clock / job.epochs * 1000))
    return row


def about() -> str:
    """The machine and the versions, on one line."""
    import numpy
    import textual
    import torch

    cpu = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    load = f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}, Textual "
        f"{textual.__version__}, {cpu or platform.processor() or platform.machine()}, {torch.get_num_threads()} thread{load}"
    )


def main() -> int:
    """Measure and print; 1 when a goal was missed, 2 when what was asked for cannot be measured here."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="nntui against loops written by hand.")
    parser.add_argument("--rounds", type=int, default=9, help="how often each contestant runs")
    parser.add_argument("--quick", action="store_true", help="short trainings: shows that it works, not how fast")
    parser.add_argument("--only", action="append", default=[], choices=NAMES, help="only these rows; may be repeated")
    parser.add_argument("--gpu", action="store_true", help="the rows of a CUDA device instead")
    asked = parser.parse_args()
    import torch

    if asked.gpu and not torch.cuda.is_available():
        print("no CUDA device is there: PyTorch finds none, so the rows of a GPU cannot be measured", file=sys.stderr)
        return 2
    if hasattr(os, "sched_setaffinity") and not asked.gpu:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, for the child processes as well
    torch.set_num_threads(1)
    print(about())
    print(HEAD, flush=True)
    missed = False
    for row in rows(asked.quick, max(1, asked.rounds), asked.gpu, lambda name: not asked.only or name in asked.only):
        print(row.line(), flush=True)
        missed |= " missed " in row.line()
    return 1 if missed and not asked.quick else 0


if __name__ == "__main__":
    raise SystemExit(main())
