"""Which settings of optimizer and schedule do not go together: what each alone cannot show."""

from __future__ import annotations

from collections.abc import Iterator

from .config import RunConfig
from .errors import Fault
from .torchtable import Entry, extra_options, reason_left_out, table


def stepping_faults(config: RunConfig) -> Iterator[Fault]:
    """Every fault between the values of optimizer, schedule, epochs and batch size."""
    optimizer, schedule, run = config.optimizer, config.schedule, config.run
    if optimizer.name == "lbfgs" and run.batch_size != 0:
        problem = "lbfgs compares losses from one step to the next, so every step needs all rows"
        yield Fault("run.batch_size", problem, "set run.batch_size to 0")
    if optimizer.name == "rprop" and optimizer.step_min > optimizer.step_max:
        yield Fault("optimizer.step_min", "is above optimizer.step_max", "lower it, or raise optimizer.step_max")
    if schedule.min_lr > optimizer.lr:
        yield Fault("schedule.min_lr", "is above optimizer.lr", "lower it, or raise optimizer.lr")
    if schedule.name == "cyclic" and schedule.base_lr > optimizer.lr:
        yield Fault("schedule.base_lr", "is above optimizer.lr", "lower it, or raise optimizer.lr")
    if schedule.name == "cyclic" and schedule.warmup and schedule.base_lr == 0:
        yield Fault("schedule.warmup", "would warm up to a rate of 0", "remove it, or set schedule.base_lr")
    if schedule.name == "one_cycle" and schedule.three_phase and schedule.pct_start > 0.5:
        yield Fault("schedule.pct_start", "leaves no time to come down again", "use at most 0.5 with three phases")
    if schedule.warmup >= run.epochs:
        yield Fault("schedule.warmup", "leaves no epoch behind it", f"use less than run.epochs, which is {run.epochs}")
    yield from _extra_faults("optimizer.extra", optimizer.extra, table().optimizers[optimizer.name])
    if schedule.name != "constant":
        yield from _extra_faults("schedule.extra", schedule.extra, table().schedulers[schedule.name])


def _extra_faults(key: str, text: str, entry: Entry) -> Iterator[Fault]:
    """What is wrong with a text of extra options, as far as that can be told without torch."""
    try:
        options = extra_options(text)
    except ValueError as error:
        yield Fault(key, str(error), "for example new_option=0.5")
        return
    section = key.partition(".")[0]
    for name in options:
        if name in entry.arguments:
            homes = " and ".join(f"{section}.{knob}" for knob in entry.arguments[name])
            yield Fault(key, f"{name} has a field of its own", f"set {homes}")
        elif name in entry.from_run:
            yield Fault(key, f"{name} is not an option here: {entry.from_run[name]}", "remove it")
        elif (reason := reason_left_out(entry.cls, name, table().left_out)) is not None:
            yield Fault(key, f"{name} is not an option here: {reason}", "remove it")
