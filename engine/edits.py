"""Knobs changed while a run trains: which can be, what follows from it, and how the recipe takes them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim import SGD

from .config import RunConfig
from .configfile import build_config, to_nested
from .errors import ConfigError, Fault, config_error
from .facts import Change, MadeEdit
from .gradients import Accumulation
from .knobs import knob_by_key, show, values, visible
from .misfits import refuse_misfits
from .models import set_dropout
from .optim import Schedule
from .recipe import Recipe, measures_train_loss
from .stopping import EarlyStopping, build_stopping

if TYPE_CHECKING:
    from .training import Training


def edited(config: RunConfig, changes: Mapping[str, str]) -> RunConfig:
    """The configuration with these knobs changed. Raises ConfigError with every fault: unknown, not live, out of bounds."""
    faults = [fault for key in changes if (fault := _not_live(key)) is not None]
    if faults:
        raise ConfigError(faults)
    try:
        return build_config(to_nested(config), [f"{key}={text}" for key, text in changes.items()])
    except ConfigError as error:
        raise ConfigError([replace(fault, where="") for fault in error.faults]) from None


def _not_live(key: str) -> Fault | None:
    row = knob_by_key().get(key)
    if row is None:
        return Fault(key, "unknown knob", "`nntui config --template` lists every knob")
    if not row.live:
        return Fault(
            key, "cannot change while a run trains", "start a new run from this one's best weights: model.weights"
        )
    return None


def edited_config(started: RunConfig, edits: Sequence[MadeEdit]) -> RunConfig:
    """The settings in force after `edits`, in the order in which they were made."""
    for edit in edits:
        started = edited(started, edit.changes)
    return started


def differences(before: RunConfig, after: RunConfig) -> tuple[Change, ...]:
    """The knobs that count now and whose values differ, with both values as a person would type them."""
    old, new = values(before), values(after)
    return tuple(
        Change(row.key, show(row, old[row.key]), show(row, new[row.key]))
        for row in visible(new)
        if old[row.key] != new[row.key]
    )


def waits_for_epoch(changes: Mapping[str, str]) -> dict[str, str]:
    """Those of the changes that can only be made between two epochs."""
    rows = knob_by_key()
    return {key: text for key, text in changes.items() if key in rows and rows[key].live == "epoch"}


def check_edit(training: Training, changes: Mapping[str, str]) -> RunConfig:
    """The settings that an edit would lead to. Raises ConfigError when it cannot be made where training stands."""
    recipe, before = training.recipe, training.config
    after = edited(before, changes)
    new = values(after)
    for key in changes:
        if unmet := [condition.words for condition in knob_by_key()[key].when if not condition.holds(new)]:
            raise config_error(key, f"counts only when {' and '.join(unmet)}", "leave it out")
    if not differences(before, after):
        raise config_error("", "nothing would change", "")
    train = recipe.train.resized(after.run.batch_size)
    refuse_misfits(after, recipe.task, train, recipe.optimizer, recipe.together.world)
    if after.run.epochs != before.run.epochs and after.run.epochs <= training.done:
        hint = "use a larger number, or stop the run"
        raise config_error("run.epochs", f"{training.done} epochs are done already", hint)
    if after.schedule != before.schedule:
        left = _epochs_left(training, after)
        if after.schedule.warmup >= left:
            problem = f"leaves no epoch behind it: {left} are left for the new schedule"
            raise config_error("schedule.warmup", problem, "set schedule.warmup to 0 as well")
        stand_in = SGD([nn.Parameter(torch.zeros(1))], lr=after.optimizer.lr, momentum=0.9)
        Schedule(_over(after, left), stand_in, recipe.accumulation.steps)  # whether torch takes its values
    return after


def make_edit(training: Training, changes: Mapping[str, str]) -> tuple[Change, ...]:
    """Change knobs of `training` where it stands, between two batches.

    Another learning rate scales what its schedule does from here on. Another schedule begins here, from the learning rate and
    over the epochs that are left. More or fewer epochs leave the schedule as it was planned. Raises ConfigError, and then
    nothing has changed.
    """
    recipe, before = training.recipe, training.config
    after = check_edit(training, changes)
    try:
        put_in_place(recipe, after)
    except ConfigError:  # a compiled model takes no dropout that it was built without
        put_in_place(recipe, before)
        raise
    if after.run.batch_size != before.run.batch_size:
        recipe.schedule.retime(after, recipe.accumulation.steps)
    if after.schedule != before.schedule:
        _begin_schedule(recipe, after, _epochs_left(training, after))
    elif after.optimizer.lr != before.optimizer.lr:
        recipe.schedule.scale(before.optimizer.lr, after.optimizer.lr)
    if after.optimizer.weight_decay != before.optimizer.weight_decay:
        for group in recipe.optimizer.param_groups:
            group["weight_decay"] = after.optimizer.weight_decay
    if after.run.epochs != before.run.epochs:
        training.planned = after.run.epochs
    if after.early_stopping != before.early_stopping:
        training.stopping = with_rules(training.stopping, build_stopping(after.early_stopping))
    made = differences(before, after)
    training.config = after
    training.edits.append(MadeEdit(training.done + 1, training.batch, {one.key: one.after for one in made}))
    return made


def put_in_place(recipe: Recipe, config: RunConfig) -> None:
    """Have the recipe's parts follow the settings; what has a state of its own (learning rates, counters) is not touched."""
    reg = config.regularization
    set_dropout(recipe.model, reg.dropout if config.model.kind != "linear" else 0.0, reg.input_dropout, recipe.compile)
    recipe.penalty.l1, recipe.penalty.l2 = reg.l1, reg.l2
    recipe.weight_decay.rate = reg.weight_decay
    recipe.clipping.norm, recipe.clipping.value = config.optimizer.clip_norm, config.optimizer.clip_value
    recipe.train_eval = measures_train_loss(config)
    recipe.stops_early = config.early_stopping.enabled
    recipe.stops_non_finite = config.early_stopping.non_finite
    recipe.train = recipe.train.resized(config.run.batch_size)
    recipe.accumulation = Accumulation(recipe.train.rows, recipe.train.batch_size, config.run.accumulate)
    if not recipe.compile:
        recipe.choose_forward()


def renew_schedule(recipe: Recipe, config: RunConfig) -> None:
    """A schedule of the kind that `config` has, whose state is put back next."""
    if recipe.schedule.config != config.schedule:
        _forget_schedule(recipe)
        recipe.schedule = Schedule(config, recipe.optimizer, recipe.accumulation.steps)


def _epochs_left(training: Training, config: RunConfig) -> int:
    """The epochs that a schedule which begins now spans, the one under way among them."""
    planned = training.planned if config.run.epochs == training.config.run.epochs else config.run.epochs
    return max(1, planned - training.done)


def _over(config: RunConfig, epochs: int) -> RunConfig:
    return config.model_copy(update={"run": config.run.model_copy(update={"epochs": epochs})})


def _begin_schedule(recipe: Recipe, config: RunConfig, epochs: int) -> None:
    """A new schedule from here on, over `epochs` epochs."""
    _forget_schedule(recipe)
    for group in recipe.optimizer.param_groups:
        group["lr"] = config.optimizer.lr
    recipe.schedule = Schedule(_over(config, epochs), recipe.optimizer, recipe.accumulation.steps)


def _forget_schedule(recipe: Recipe) -> None:
    """Take out of the optimizer what a schedule has put there: the rates that it starts from, a momentum that it moved."""
    own = {name: value for name, value in recipe.optimizer.defaults.items() if name in ("momentum", "betas")}
    for group in recipe.optimizer.param_groups:
        for name in ("initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"):
            group.pop(name, None)
        group.update(own)


def with_rules(state: EarlyStopping, rules: EarlyStopping) -> EarlyStopping:
    """Early stopping where it stands, by other rules."""
    return replace(
        state,
        patience=rules.patience,
        min_delta=rules.min_delta,
        relative=rules.relative,
        start=rules.start,
        target=rules.target,
        diverged_above=rules.diverged_above,
    )
