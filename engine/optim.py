"""Optimizers and learning-rate schedules: the configuration turned into torch's own classes.

Which arguments each class has comes from the table in torch_table.json; see engine.torchtable.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .config import OptimizerConfig, RunConfig, ScheduleConfig
from .direct import directly
from .errors import ConfigError, config_error
from .torchtable import STAND_INS, Entry, extra_options, table

PER_BATCH = frozenset(["cyclic", "one_cycle"])
"""The schedules that move after every batch, as torch's documentation has them; the others move after every epoch."""


def build_optimizer(config: OptimizerConfig, parameters: Iterable[Tensor], fused: bool = False) -> Optimizer:
    """The torch.optim optimizer that the configuration names.

    fused: over a single vector (see engine.flat), with torch's fused kernel where it has one and the configuration says nothing
    against it; the results then differ from those of the plain one in the last digits.

    Raises ConfigError when the installed torch does not know an option or refuses its value.
    """
    entry = table().optimizers[config.name]
    arguments = _arguments(entry, config)
    if config.name == "sgd":
        # The switch is hidden without momentum and with dampening, where torch would refuse it.
        arguments["nesterov"] = config.nesterov and config.momentum > 0 and config.dampening == 0
    if config.name == "muon":
        build: Callable[..., Optimizer] = MuonWithAdamW
    else:
        build = _class(torch.optim, entry, "optimizer.name")
    known = _class(torch.optim, entry, "optimizer.name")
    listed = list(parameters)
    if fused and not config.extra and len(listed) == 1 and isinstance(listed[0], nn.Parameter):
        build, more = directly(known, listed[0])
        arguments |= more
    return _built("optimizer", entry, known, build, config.extra, (listed,), arguments)


class MuonWithAdamW(Optimizer):
    """Muon for the matrices (2-D weights) and AdamW for everything else: biases, norms, convolutions.

    torch's Muon takes 2-D weights only, and the author's advice is to leave the rest to AdamW (Jordan et al. 2024, "Muon: an
    optimizer for hidden layers in neural networks"). Both step with the same learning rate, so a schedule moves both: with
    ``adjust_lr_fn="match_rms_adamw"`` Muon scales it by 0.2 sqrt(max(rows, columns)) per matrix, which gives its updates the
    root mean square of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"). The weight decay holds for both as well;
    AdamW's betas and eps are torch's defaults.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float, **muon: Any) -> None:
        everything = list(parameters)
        matrices = [p for p in everything if p.ndim == 2]
        rest = [p for p in everything if p.ndim != 2]
        super().__init__(everything, {"lr": lr})
        self._parts: list[Optimizer] = []
        if matrices:
            self._parts.append(torch.optim.Muon(matrices, lr=lr, weight_decay=weight_decay, **muon))
        if rest:
            self._parts.append(torch.optim.AdamW(rest, lr=lr, weight_decay=weight_decay))
        self._share_groups()

    def _share_groups(self) -> None:
        """Show the groups of both as our own: a schedule that sets their learning rate then sets it where it is read."""
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step of both; `closure`, if given, computes the loss and its gradients once, before them."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of both, in order."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()


_PLAN = ("_warmup_epochs", "_warmup_steps", "_main_epochs", "_main_steps")


class Schedule:
    """A learning-rate schedule with torch's scheduler inside (None: constant), behind a linear warm-up.

    config: the whole configuration, of which the schedule, the learning rate and the epochs count. steps_per_epoch: how often
    the optimizer steps in an epoch. `after_step` is called after every step of the optimizer and `after_epoch` after every
    epoch.

    Over the W steps of the warm-up the learning rate rises in equal amounts: step k (from 0) takes (k + 1) / (W + 1) of the
    rate that the schedule starts from, and the first step behind the warm-up takes all of it (the gradual warm-up of Goyal et
    al. 2017, "Accurate, large minibatch SGD"). The schedule's own epochs and batches count from there.
    """

    def __init__(self, config: RunConfig, optimizer: Optimizer, steps_per_epoch: int) -> None:
        self.config = schedule = config.schedule
        self._optimizer = optimizer
        self._warmup_epochs = schedule.warmup
        self._warmup_steps = schedule.warmup * steps_per_epoch
        self._main_epochs = max(1, config.run.epochs - schedule.warmup)
        self._main_steps = self._main_epochs * steps_per_epoch
        self._per_batch = schedule.name in PER_BATCH
        self._steps = self._epochs = 0
        self._spans_run = schedule.name == "cosine" and schedule.t_max == 0
        # Any, since the step of ReduceLROnPlateau takes a loss and that of its relatives does not.
        self._scheduler: Any = _build_scheduler(config, optimizer, self._main_epochs, self._main_steps)
        self._start = [float(group["lr"]) for group in optimizer.param_groups]
        self._warm_up()

    @property
    def lr(self) -> float:
        """The learning rate in force."""
        return float(self._optimizer.param_groups[0]["lr"])

    @property
    def moves(self) -> bool:
        """Whether the steps of the epoch under way change anything."""
        return self._per_batch or self._steps < self._warmup_steps

    def after_step(self) -> None:
        """Called after each step of the optimizer: warms up, and moves the schedules that move per batch."""
        if not self.moves:
            return
        self._steps += 1
        if self._steps <= self._warmup_steps:
            self._warm_up()
        elif self.config.name != "one_cycle" or self._steps - self._warmup_steps < self._main_steps:
            # Behind its planned end one_cycle stays where it is: torch would raise an error there.
            self._scheduler.step()

    def after_epoch(self, val_loss: float) -> None:
        """Called after each epoch with its validation loss, which only the plateau schedule looks at."""
        self._epochs += 1
        if self._scheduler is None or self._per_batch or self._epochs <= self._warmup_epochs:
            return
        if self._spans_run and self._epochs > self._warmup_epochs + self._main_epochs:
            return  # more epochs than were planned: torch's cosine would raise the rate again
        if isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(val_loss)
        else:
            self._scheduler.step()

    def _warm_up(self) -> None:
        """Set the learning rate of the warm-up's present step; just behind it, the one that the schedule starts from."""
        if not self._warmup_steps:
            return
        share = (self._steps + 1) / (self._warmup_steps + 1)
        for group, start in zip(self._optimizer.param_groups, self._start, strict=True):
            group["lr"] = start * share if share < 1 else start

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs, the optimizer's learning rates apart: those are in the optimizer's state."""
        inner = self._scheduler.state_dict() if self._scheduler is not None else None
        plan = {name: getattr(self, name) for name in _PLAN}
        return {"steps": self._steps, "epochs": self._epochs, "plan": plan, "start": self._start, "scheduler": inner}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._steps, self._epochs = state["steps"], state["epochs"]
        self._start = list(state["start"])
        for name in _PLAN:
            setattr(self, name, state["plan"][name])
        if self._scheduler is not None:
            inner = dict(state["scheduler"])
            if isinstance(milestones := getattr(self._scheduler, "milestones", None), Counter):
                inner["milestones"] = type(milestones)(inner["milestones"])
            self._scheduler.load_state_dict(inner)
            # The optimizer has stepped, if in another process: without this, torch warns that it had not.
            vars(self._optimizer)["_opt_called"] = True

    def scale(self, before: float, after: float) -> None:
        """Make the learning rate `after` the one that the schedule was built for, which was `before`, from here on."""

        def scaled(rate: float) -> float:
            return after if rate == before else rate * (after / before)

        if hasattr(self._scheduler, "max_lrs"):  # cyclic: only its upper end follows, since the lower one is a knob
            if self._steps >= self._warmup_steps:
                for group, low in zip(self._optimizer.param_groups, self._scheduler.base_lrs, strict=True):
                    share = (after - low) / (before - low) if before > low else 1.0
                    group["lr"] = low + (group["lr"] - low) * share
            self._scheduler.max_lrs = [scaled(rate) for rate in self._scheduler.max_lrs]
            return
        for group in self._optimizer.param_groups:
            group.update({name: scaled(group[name]) for name in ("lr", "initial_lr", "max_lr") if name in group})
            if "max_lr" in group and "min_lr" in group:  # one_cycle's lowest rate is a share of its highest
                group["min_lr"] = scaled(group["min_lr"])
        self._start = [scaled(rate) for rate in self._start]
        if hasattr(self._scheduler, "base_lrs"):
            self._scheduler.base_lrs = [scaled(rate) for rate in self._scheduler.base_lrs]

    def retime(self, config: RunConfig, steps_per_epoch: int) -> None:
        """Follow another number of steps per epoch from the next epoch on."""
        behind = self._steps - self._warmup_steps
        self._warmup_steps = self._warmup_epochs * steps_per_epoch
        self._main_steps = self._main_epochs * steps_per_epoch
        one_cycle = self.config.name == "one_cycle"
        if one_cycle:
            stand_in = SGD([nn.Parameter(torch.zeros(1))], lr=config.optimizer.lr, momentum=0.9)
            planned: Any = _build_scheduler(config, stand_in, self._main_epochs, self._main_steps)
            self._scheduler.total_steps = planned.total_steps
            self._scheduler._schedule_phases = planned._schedule_phases
        if one_cycle or self._epochs < self._warmup_epochs:
            self._jump(self._epochs * steps_per_epoch)
        else:
            self._steps = self._warmup_steps + behind

    def _jump(self, step: int) -> None:
        """Put a schedule that moves per batch, and any warm-up, to a step (from 0).

        The rates of those schedules follow from the number of the step alone, so a preview need not walk through them.
        """
        self._steps = min(step, self._warmup_steps)
        self._warm_up()
        if self._per_batch and self._scheduler is not None and step > self._warmup_steps:
            self._steps = step
            self._scheduler.last_epoch = self._steps - self._warmup_steps - 1
            self._scheduler.step()


def _of_stand_in(config: RunConfig, steps_per_epoch: int) -> Schedule:
    """The schedule of a run over an optimizer of a single number: the rates do not depend on the optimizer."""
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=config.optimizer.lr, momentum=0.9)
    schedule = Schedule(config, optimizer, steps_per_epoch)
    optimizer.step()  # which torch wants to see before its schedulers step
    return schedule


def schedule_preview(config: RunConfig, steps_per_epoch: int) -> list[float]:
    """The learning rate at the first step of each epoch: exactly what a run of all its epochs logs as EpochEnded.lr.

    steps_per_epoch: how often the optimizer steps in an epoch. The plateau schedule depends on losses that are not known
    ahead; its preview has no cuts. Raises ConfigError as a run would.
    """
    points = _rates(config, steps_per_epoch, range(0, config.run.epochs * steps_per_epoch, steps_per_epoch))
    return [rate for _, rate in points]


def schedule_points(config: RunConfig, steps_per_epoch: int, most: int) -> list[tuple[int, float]]:
    """The learning rate over the whole run at `most` steps at the most, evenly spread, as (step from 0, rate).

    The first step and the last are among them. As `schedule_preview`, but within epochs as well.
    """
    last = config.run.epochs * steps_per_epoch - 1
    count = min(most, last + 1)
    steps = [index * last // max(1, count - 1) for index in range(count)]
    return list(_rates(config, steps_per_epoch, steps))


def _rates(config: RunConfig, steps_per_epoch: int, steps: Iterable[int]) -> Iterator[tuple[int, float]]:
    """The learning rate at each of the `steps`, which ascend from 0."""
    schedule = _of_stand_in(config, steps_per_epoch)
    warmup, walked = config.schedule.warmup * steps_per_epoch, 0
    warming = True
    for step in steps:
        if warming or config.schedule.name in PER_BATCH:
            schedule._jump(step)
            warming = step < warmup
        for _ in range(step // steps_per_epoch - walked):
            schedule.after_epoch(-float(walked))  # a loss that falls for ever
            walked += 1
        yield step, schedule.lr


def _build_scheduler(
    config: RunConfig, optimizer: Optimizer, epochs: int, steps: int
) -> LRScheduler | ReduceLROnPlateau | None:
    """Torch's scheduler for a schedule of so many epochs and steps behind the warm-up; None when the rate is constant."""
    schedule = config.schedule
    if schedule.name == "constant":
        return None
    entry = table().schedulers[schedule.name]
    arguments = _arguments(entry, schedule)
    for whole_run in ("T_max", "total_iters"):  # 0 is the whole run
        if arguments.get(whole_run) == 0:
            arguments[whole_run] = epochs
    given = {"max_lr": config.optimizer.lr, "total_steps": steps}
    arguments |= {name: given[name] for name in entry.from_run}
    if "cycle_momentum" in arguments:
        able = "momentum" in optimizer.defaults or "betas" in optimizer.defaults
        arguments["cycle_momentum"] = schedule.cycle_momentum and able
    known = _class(lr_scheduler, entry, "schedule.name")
    return _built("schedule", entry, known, known, schedule.extra, (optimizer,), arguments)


def _class(module: Any, entry: Entry, key: str) -> Any:
    if (cls := getattr(module, entry.cls, None)) is None:
        raise config_error(key, f"PyTorch {torch.__version__} has no {entry.cls}", "choose another, or update PyTorch")
    return cls


def _arguments(entry: Entry, section: OptimizerConfig | ScheduleConfig) -> dict[str, Any]:
    """The arguments of torch's class from the knobs that set them."""
    found: dict[str, Any] = {}
    for argument, parts in entry.arguments.items():
        values = [getattr(section, knob) for knob in parts]
        values = [
            None if knob in STAND_INS and v == STAND_INS[knob] else v for knob, v in zip(parts, values, strict=True)
        ]
        found[argument] = values[0] if len(values) == 1 else tuple(values)
    return found


def _built(
    section: str,
    entry: Entry,
    known: Any,
    build: Callable[..., Any],
    extra: str,
    positional: tuple[Any, ...],
    arguments: dict[str, Any],
) -> Any:
    """`build` called with the arguments and the extra options; whatever torch has against them becomes a ConfigError."""
    there = inspect.signature(known).parameters
    for argument, parts in entry.arguments.items():
        # A torch older than the table may lack an argument: it is left out where it says what is the default anyway.
        if argument not in there and arguments.pop(argument) not in (tuple(parts.values()), *parts.values()):
            problem = f"PyTorch {torch.__version__} has no such option for {entry.cls}"
            raise config_error(f"{section}.{next(iter(parts))}", problem, "leave it out, or update PyTorch")
    options = extra_options(extra)
    if unknown := [name for name in options if name not in there]:
        names = ", ".join(name for name in there if name not in ("params", "optimizer"))
        problem = f"{entry.cls} of PyTorch {torch.__version__} has no option {unknown[0]!r}"
        raise config_error(f"{section}.extra", problem, f"it has {names}")
    try:
        return build(*positional, **{**arguments, **options})
    except ConfigError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        told = str(error).partition("\n")[0]
        key = f"{section}.extra" if options else f"{section}.name"
        problem = f"PyTorch refuses these values for {entry.cls}: {told}"
        raise config_error(key, problem, f"change the values of [{section}]") from error
