"""Knobs of the learning-rate schedule."""

from __future__ import annotations

from typing import Literal

from ..torchtable import table
from .declare import Section, When, Widths, chosen, knob, switched_on, torch_knob

MOMENTUM_CAN_CYCLE = tuple(
    name
    for name in table().optimizers
    if name != "muon" and name in {*table().having("optimizers", "momentum"), *table().having("optimizers", "beta1")}
)
"""The optimizers whose momentum (or beta1) a cyclic schedule can move. muon is two optimizers in one, with one each."""


class ScheduleConfig(Section):
    """Schedule"""

    name: Literal[
        "constant", "step", "multistep", "exponential", "linear", "polynomial", "cosine", "cosine_warm_restarts",
        "cyclic", "one_cycle", "constant_factor", "plateau",
    ] = knob(
        "constant",
        label="schedule",
        help="How the learning rate changes over the run. step: cut it every few epochs. cosine: lower it smoothly to "
        "the end. plateau: cut it when the validation loss stops falling. cyclic and one_cycle move after every batch, all others "
        "after every epoch.",
        live="batch",
    )  # fmt: skip
    warmup: int = knob(
        0,
        label="warm-up",
        help="Raise the learning rate in equal steps, batch by batch, over this many epochs before the schedule begins; 0 for none. "
        "1 to 5 keeps the first steps of adam or of a high rate from wrecking the initial weights; more only wastes epochs.",
        unit="epochs",
        ge=0,
        le=1_000_000,
        live="batch",
    )
    step_size: int = torch_knob(
        "schedulers",
        "step_size",
        of=int,
        ours={"step": 15},
        label="step every",
        help="Cut the learning rate after this many epochs, again and again. A third of the run is usual; cuts that come too soon "
        "freeze a net that still learns.",
        unit="epochs",
        ge=1,
        le=1_000_000,
    )
    milestones: Widths = torch_knob(
        "schedulers",
        "milestones",
        of=tuple,
        ours={"multistep": (15, 30, 40)},
        label="cut after",
        help="Cut the learning rate after each of these epochs, such as 15, 30, 40. Half and three quarters of the run is usual; "
        "epochs beyond its end never come.",
        unit="epochs",
        min_length=1,
        max_length=64,
    )
    gamma: float = torch_knob(
        "schedulers",
        "gamma",
        ours={"step": 0.5, "plateau": 0.5, "exponential": 0.95},
        label="factor",
        help="What the learning rate is multiplied by at each cut; exponential cuts after every epoch. 0.1 is a sharp cut, 0.5 a "
        "gentle one, and for exponential 0.9 to 0.99 is usual.",
        gt=0.0,
        lt=1.0,
    )
    factor: float = torch_knob(
        "schedulers",
        "factor",
        label="starting share",
        help="The share of the learning rate that is used at first; afterwards all of it is. 0.1 to 0.5 is a rough warm-up; 1 "
        "changes nothing.",
        gt=0.0,
        le=1.0,
    )
    start_factor: float = torch_knob(
        "schedulers",
        "start_factor",
        label="starting share",
        help="The share of the learning rate that the line starts from. 1 starts from all of it; close to 0 the first epochs "
        "learn little.",
        gt=0.0,
        le=1.0,
    )
    end_factor: float = torch_knob(
        "schedulers",
        "end_factor",
        label="final share",
        help="The share of the learning rate that the line ends at. With a starting share of 1 and a final one of 0 it falls to "
        "nothing; PyTorch's default of 1 ends at all of it.",
        ge=0.0,
        le=1.0,
    )
    total_iters: int = torch_knob(
        "schedulers",
        "total_iters",
        of=int,
        ours={"polynomial": 0},  # PyTorch's 5 would end a run of 50 epochs after 5
        label="takes",
        help="How many epochs the change takes; afterwards the rate stays where it is. 0 is the whole run, behind the warm-up.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    power: float = torch_knob(
        "schedulers",
        "power",
        label="power",
        help="The learning rate falls as (1 - epoch / takes) ^ power. 1 is a straight line, 2 falls faster at first; below 1 it "
        "stays high and falls at the end.",
        gt=0.0,
        le=100.0,
    )
    t_max: int = torch_knob(
        "schedulers",
        "t_max",
        of=int,
        ours={"cosine": 0},
        label="half period",
        help="After how many epochs the learning rate is at its lowest. 0 is the whole run, behind the warm-up, and nearly always "
        "right; with less the rate rises again.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    t_0: int = torch_knob(
        "schedulers",
        "t_0",
        of=int,
        ours={"cosine_warm_restarts": 10},
        label="first period",
        help="After how many epochs the learning rate jumps back up for the first time. 10 to 50 is usual; each jump shakes the "
        "net out of a poor minimum, and the loss with it.",
        unit="epochs",
        ge=1,
        le=1_000_000,
    )
    t_mult: int = torch_knob(
        "schedulers",
        "t_mult",
        of=int,
        label="period grows by",
        help="Each period is this many times as long as the one before. 1 keeps them equal; 2 is usual for long runs.",
        ge=1,
        le=1000,
    )
    base_lr: float = torch_knob(
        "schedulers",
        "base_lr",
        ours={"cyclic": 0.0},
        label="lowest rate",
        help="The learning rate swings between this and optimizer.lr. A tenth to a third of optimizer.lr is usual; 0 wastes the "
        "batches around the bottom of each swing.",
        log=True,
        ge=0.0,
        le=1e3,
    )
    step_size_up: int = torch_knob(
        "schedulers",
        "step_size_up",
        of=int,
        label="batches up",
        help="How many batches the learning rate rises for. 2 to 10 epochs' worth is usual; much less is only noise.",
        unit="batches",
        log=True,
        ge=1,
        le=1_000_000_000,
    )
    step_size_down: int = torch_knob(
        "schedulers",
        "step_size_down",
        of=int,
        label="batches down",
        help="How many batches the learning rate falls for. 0 is as many as it rises for, which is usual.",
        unit="batches",
        log=True,
        ge=0,
        le=1_000_000_000,
    )
    cycle_mode: Literal["triangular", "triangular2", "exp_range"] = torch_knob(
        "schedulers",
        "cycle_mode",
        of=str,
        label="swings",
        help="How the swings change. triangular keeps them, triangular2 halves the height of each, exp_range shrinks the height a "
        "little with every batch; the latter two settle in the end.",
    )
    cycle_gamma: float = torch_knob(
        "schedulers",
        "cycle_gamma",
        ours={"cyclic": 0.9999},  # PyTorch's 1 would be the same as triangular
        label="swing factor",
        help="What the height of the swing is multiplied by after every batch. 0.999 to 0.99999, depending on the number of "
        "batches: 0.9999 leaves a third after 10,000.",
        when=chosen("schedule.cycle_mode", "exp_range"),
        gt=0.0,
        lt=1.0,
    )
    pct_start: float = torch_knob(
        "schedulers",
        "pct_start",
        label="rising share",
        help="The share of the run in which the learning rate rises. 0.3 is usual; close to 0 it starts too high, close to 1 there "
        "is no time left to settle.",
        gt=0.0,
        lt=1.0,
    )
    anneal_strategy: Literal["cos", "linear"] = torch_knob(
        "schedulers",
        "anneal_strategy",
        of=str,
        label="shape",
        help="Whether the rate moves along a cosine or a straight line. cos lingers at the top and at the bottom; the difference is "
        "small.",
    )
    div_factor: float = torch_knob(
        "schedulers",
        "div_factor",
        label="start divisor",
        help="The run starts at optimizer.lr divided by this. 10 to 25 is usual; 1 starts at the highest rate, which may explode.",
        ge=1.0,
        le=1e9,
    )
    final_div_factor: float = torch_knob(
        "schedulers",
        "final_div_factor",
        label="end divisor",
        help="The run ends at the rate that it started from divided by this. 1e4 is usual; small values leave the net restless at "
        "the end.",
        log=True,
        ge=1.0,
        le=1e12,
    )
    three_phase: bool = torch_knob(
        "schedulers",
        "three_phase",
        of=bool,
        label="three phases",
        help="Go up, down again in the same time, and use the rest of the run to fall to almost nothing, as in the paper. Off, the "
        "fall takes one smooth curve; needs a rising share of at most 0.5.",
    )
    cycle_momentum: bool = torch_knob(
        "schedulers",
        "cycle_momentum",
        of=bool,
        label="swing momentum",
        help="Lower the momentum (beta 1 in the adam family) while the learning rate rises, and the other way round. It steadies "
        "high rates, and takes the place of the optimizer's own momentum or beta 1.",
        when=chosen("optimizer.name", *MOMENTUM_CAN_CYCLE),
    )
    base_momentum: float = torch_knob(
        "schedulers",
        "base_momentum",
        label="lowest momentum",
        help="The momentum while the learning rate is at its highest. 0.8 to 0.85 is usual; much lower forgets the direction.",
        when=[chosen("optimizer.name", *MOMENTUM_CAN_CYCLE), switched_on("schedule.cycle_momentum")],
        ge=0.0,
        lt=1.0,
    )
    max_momentum: float = torch_knob(
        "schedulers",
        "max_momentum",
        label="highest momentum",
        help="The momentum while the learning rate is at its lowest. 0.9 to 0.95 is usual; close to 1 it overshoots.",
        when=[chosen("optimizer.name", *MOMENTUM_CAN_CYCLE), switched_on("schedule.cycle_momentum")],
        gt=0.0,
        lt=1.0,
    )
    patience: int = torch_knob(
        "schedulers",
        "patience",
        of=int,
        ours={"plateau": 5},
        label="plateau patience",
        help="Bear this many epochs in a row without a better validation loss; the next one cuts the learning rate. Keep "
        "it well below the patience of early stopping, or the run ends before the cut can help.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    threshold: float = torch_knob(
        "schedulers",
        "threshold",
        label="must improve by",
        help="A validation loss counts as better only when it beats the best by more than this. 1e-4 is usual; too large, and slow "
        "progress is taken for a standstill.",
        log=True,
        ge=0.0,
        lt=1.0,
    )
    threshold_mode: Literal["rel", "abs"] = torch_knob(
        "schedulers",
        "threshold_mode",
        of=str,
        label="improvement is",
        help="Whether the improvement is a share of the best loss or an amount. rel suits losses of any size; abs suits those that "
        "get close to 0.",
    )
    cooldown: int = torch_knob(
        "schedulers",
        "cooldown",
        of=int,
        label="rest after a cut",
        help="After a cut, this many epochs do not count against the patience. 0 is usual; a few help when the loss needs time to "
        "react.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    min_lr: float = torch_knob(
        "schedulers",
        "min_lr",
        label="lowest rate",
        help="The learning rate never falls below this. 0 lets it fall all the way; a hundredth of optimizer.lr keeps the last epochs "
        "from being idle.",
        log=True,
        ge=0.0,
    )
    min_change: float = torch_knob(
        "schedulers",
        "min_change",
        label="smallest cut",
        help="A cut that changes the rate by less than this is left out. 1e-8 is usual, and it only matters for tiny rates.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    extra: str = knob(
        "",
        label="extra options",
        help="Options that the installed PyTorch has and this form does not, as name=value, name=value. They go to the scheduler "
        "as they are; a name that it does not know is refused when the run starts.",
        when=When("schedule.name", lambda value: value != "constant", "schedule.name is not constant"),
        max_length=1000,
        live="batch",
    )
