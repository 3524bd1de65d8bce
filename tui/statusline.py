"""The status line of a run: where it is, how long it will take, how fast it is, and what the machine has to do."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from engine.longcurves import mean_sample
from engine.runview import RunView
from engine.words import end_words

from .text import clean, duration

PHASES = {"preparing": "preparing", "training": "training", "paused": "PAUSED", "stopping": "stopping"}

WAITS = 0.05
"""The share of the time in which the loop waits for data from which on a person should know."""

LONG_EPOCH = 3.0
"""Seconds; a shorter epoch is over before anybody has read which step it is at."""

_LATEST = 6  # samples of the machine, half a minute, by which it is judged whether the loop waits
_FULL = 0.9  # share of the host's memory in use from which on it is said
_ROOMY = 100  # cells; from here on the bar is a long one


def status_text(view: RunView, width: int, ascii_only: bool = False, lost: bool = False) -> Text:
    """The status line, with as many parts as fit into `width` cells; the most wanted come first.

    A part is as wide as ever whatever its figures are, so that those behind it stay where they are.
    """
    separator = " | " if ascii_only else " · "
    line = Text(" ", no_wrap=True)
    for number, forms in enumerate(_parts(view, 10 if width >= _ROOMY else 5, ascii_only, lost)):
        gap = Text(separator if number else "", style="dim")
        room = width - line.cell_len - gap.cell_len
        fitting = next((form for form in forms if cell_len(form.plain.rstrip()) <= room), None)
        if fitting is not None:
            line.append_text(gap).append_text(fitting)
    line.rstrip()
    if line.cell_len > width:
        line.truncate(width)
    return line


def _parts(view: RunView, bar: int, ascii_only: bool, lost: bool) -> Iterator[list[Text]]:
    """What there is to say, the most wanted first, each in its forms from the longest to the shortest. bar: its cells."""
    trains = not view.end and not lost and view.phase != "paused"
    phase = end_words(view.end.reason) if view.end else "LOST" if lost else PHASES[view.phase]
    yield [Text(phase, style="bold")]
    if view.planned_trials and not view.end:
        of = f"{clean(view.shown.label if view.shown else '', 20)}/{view.planned_trials}"
        yield _forms(*([f"{of}, {len(view.others) + 1} side by side"] if view.others else []), of)
    if view.total_epochs:
        done = view.epoch if not view.end else len(view.epochs)
        epoch = f"epoch {done}/{view.total_epochs}".ljust(len("epoch /") + 2 * len(str(view.total_epochs)))
        yield _forms(f"{epoch} {_bar(view, bar, ascii_only)}", epoch)
    if view.end:
        yield _forms(f"took {duration(view.end.seconds)}")
    if trains and view.model and view.steps.at and (not view.seconds or view.seconds[-1] >= LONG_EPOCH):
        steps = view.model.steps_per_epoch
        yield _forms(f"step {view.step}/{steps}".ljust(len("step /") + 2 * len(str(steps))))
    if trains and view.seconds_left is not None:
        yield _forms(f"ETA {duration(view.seconds_left)}".ljust(len("ETA 1:02:03")))
    if trains and view.samples_per_second:
        yield _forms(f"{_thousands(view.samples_per_second)} samples/s".ljust(len("999.9k samples/s")))
    if trains:
        yield from _machine(view, ascii_only)
    if view.device:
        yield _forms(clean(view.device, 40))
    if view.lr and not (view.own_loop and math.isnan(view.lr[-1])):
        yield _forms(f"lr {view.lr[-1]:.3g}".ljust(len("lr 1.23e-05")))
    if view.grad_norm and not (view.own_loop and math.isnan(view.grad_norm[-1])):
        yield [Text(f"grad {view.grad_norm[-1]:.3g}".ljust(len("grad 1.23e-05")), style="dim")]


def _machine(view: RunView, ascii_only: bool) -> Iterator[list[Text]]:
    """What the machine has to do, as far as it is known."""
    now = view.machine
    if now is None:
        return
    waits = mean_sample(view.machine_log.samples[-_LATEST:] or [now]).data_wait_share or 0.0
    if waits >= WAITS:
        share = f"{100 * waits:3.0f}%"
        yield [Text(f"{share} waits for data", style="bold"), Text(f"waits {share}", style="bold")]
    if now.gpu_percent is not None:
        gpu = f"GPU {now.gpu_percent:3.0f}%"
        memory = warmth = ""
        if now.gpu_memory_bytes is not None and now.gpu_memory_total:
            total = f"{now.gpu_memory_total / 1e9:.0f}"
            memory = f" {now.gpu_memory_bytes / 1e9:{len(total) + 2}.1f}/{total} GB"
        if now.gpu_celsius is not None:
            warmth = f" {now.gpu_celsius:.0f}{'' if ascii_only else '°'}C"
        yield _forms(gpu + memory + warmth, gpu + memory, gpu)
    if now.cpu_percent is not None:
        yield _forms(f"CPU {now.cpu_percent:4.0f}%")
    if now.ram_bytes is not None:
        ram = f"RAM {now.ram_bytes / 1e9:.1f} GB"
        if (now.ram_share or 0.0) >= _FULL:
            yield [Text(f"{ram}, host {100 * (now.ram_share or 0.0):.0f}% full", style="bold"), Text(ram, style="bold")]
        else:
            yield _forms(ram)


def _forms(*texts: str) -> list[Text]:
    return [Text(text) for text in texts]


def _thousands(value: float) -> str:
    return f"{value / 1e6:.1f}M" if value >= 1e6 else f"{value / 1e3:.1f}k" if value >= 1e3 else f"{value:.0f}"


def _bar(view: RunView, cells: int, ascii_only: bool) -> str:
    steps = view.model.steps_per_epoch if view.model else 1
    epochs = len(view.epochs) + (view.step / max(1, steps) if view.epoch > len(view.epochs) else 0.0)
    lit = round(cells * min(1.0, epochs / max(1, view.total_epochs)))
    full, empty = ("#", "-") if ascii_only else ("━", "─")
    return full * lit + empty * (cells - lit)
