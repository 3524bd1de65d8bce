"""What is measured from outside: start-up, first paint, memory. Each measurement is a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine import read_journal
from engine.events import EpochEnded
from tests.bench.screen import on_two_cores
from tests.support.terminal import NNTUI, environment, terminal

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("nntui")
Bare().run()
"""

PEAK = """
import sys
from tests.bench.start import peak
import torch
torch.set_num_threads(1)
from tests.bench import careful, jobs, ours
job = jobs.digits(int(sys.argv[2]))
if sys.argv[1] == "careful":
    careful.careful(job)
    print(peak(), peak())
else:
    seen = []
    write = ours.Watch.write
    def watched(self, event):
        write(self, event)
        if type(event).__name__ == "EpochEnded":
            seen.append(peak())
    ours.Watch.write = watched
    ours.ours(job)
    print(seen[-1], peak())
"""


def peak() -> int:
    """The most memory that this process has had so far, in kilobytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the process that started this one had
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)


def seconds_of(command: list[str]) -> float:
    """How long a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
    return time.perf_counter() - began


def help_seconds() -> tuple[float, float]:
    """`nntui --help`, and an interpreter that does nothing."""
    return seconds_of([*NNTUI, "--help"]), seconds_of([sys.executable, "-c", "pass"])


def first_paint(command: tuple[str, ...], folder: Path) -> float:
    """Seconds until the word nntui stands on the terminal's screen."""
    began = time.perf_counter()
    with terminal(command, cwd=folder) as program:
        program.until(lambda: "nntui" in program.text, what="for the first paint")
        return time.perf_counter() - began


def paint_seconds(folder: Path) -> tuple[float, float]:
    """The app's first paint, and that of a Textual app with one word."""
    return first_paint(NNTUI, folder), first_paint((sys.executable, "-c", BARE), folder)


def epoch_milliseconds(epochs: int, screen_first: bool = True) -> tuple[float, float]:
    """What an epoch of digits takes with the monitor open on a terminal of 120x40, and without a screen; on two cores."""
    settings = [f"run.epochs={epochs}", "run.device=cpu", "early_stopping.enabled=false"]
    given = ["--sample", "digits", *(part for setting in settings for part in ("--set", setting))]
    with tempfile.TemporaryDirectory() as watched, tempfile.TemporaryDirectory() as alone, on_two_cores():
        for screen in (screen_first, not screen_first):
            if screen:
                with terminal([*NNTUI, *given], (120, 40), Path(watched)) as program:
                    program.see("nntui · setup", "r run")
                    program.send("r")
                    program.see("all epochs done", seconds=600)
                    program.send("q")
                    program.wait()
            else:
                command = [*NNTUI, "train", *given]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment(), cwd=alone)
        return _milliseconds(Path(watched)), _milliseconds(Path(alone))


def _milliseconds(place: Path) -> float:
    """From the end of the first epoch to that of the last, by the journal of the only run there."""
    (journal,) = place.glob("runs/*/events.jsonl")
    ends = [event.time for event in read_journal(journal) if isinstance(event, EpochEnded)]
    return (ends[-1] - ends[0]) / (len(ends) - 1) * 1000


def peak_megabytes(who: str, epochs: int) -> tuple[float, float]:
    """The peak of resident memory of a process that trains on digits: at the end of the last epoch, and at its own end."""
    command = [sys.executable, "-c", PEAK, who, str(epochs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    at_last, whole = map(int, done.stdout.split()[-2:])
    return at_last / 1024, whole / 1024
