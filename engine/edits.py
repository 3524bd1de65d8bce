"""Knobs changed while a run trains: which can be, what follows from it, and how the recipe takes them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .config import RunConfig
from .configfile import build_config, to_nested
from .errors import ConfigError, Fault
from .facts import Change, MadeEdit
from .gradients import Accumulation
from .knobs import knob_by_key, parse, show, values
from .models import set_dropout
from .optim import Schedule
from .recipe import Recipe, measures_train_loss, refuse_misfits
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
    """The knobs whose values differ, with both values as a person would type them."""
    old, new = values(before), values(after)
    rows = knob_by_key()
    return tuple(
        Change(key, show(rows[key], old[key]), show(rows[key], new[key])) for key in old if old[key] != new[key]
    )


def waits_for_epoch(changes: Mapping[str, str]) -> dict[str, str]:
    """Those of the changes that can only be made between two epochs."""
    rows = knob_by_key()
    return {key: text for key, text in changes.items() if key in rows and rows[key].live == "epoch"}


def without_effect(config: RunConfig, changes: Mapping[str, str]) -> bool:
    """Whether every knob has the value already. Raises ValueError for a text that is no value at all."""
    rows, current = knob_by_key(), values(config)
    return all(parse(rows[key], text) == current[key] for key, text in changes.items())


def make_edit(training: Training, changes: Mapping[str, str]) -> tuple[Change, ...]:
    """Change knobs of `training` where it stands, between two batches.

    Another learning rate scales what its schedule does from here on. Another schedule begins here, from the learning rate and
    over the epochs that are left. More or fewer epochs leave the schedule as it was planned. Raises ConfigError, and then
    nothing has changed.
    """
    recipe, before = training.recipe, training.config
    after = edited(before, changes)
    refuse_misfits(after, recipe.task, recipe.train.resized(after.run.batch_size), recipe.optimizer)
    if after.run.epochs != before.run.epochs and after.run.epochs <= training.done:
        hint = "use a larger number, or stop the run"
        raise ConfigError([Fault("run.epochs", f"{training.done} epochs are done already", hint)])
    put_in_place(recipe, after)
    if after.schedule != before.schedule:
        _begin_schedule(recipe, after, max(1, training.planned - training.done))
    elif after.optimizer.lr != before.optimizer.lr:
        recipe.schedule.scale(before.optimizer.lr, after.optimizer.lr)
    if after.optimizer.weight_decay != before.optimizer.weight_decay:
        for group in recipe.optimizer.param_groups:
            group["weight_decay"] = after.optimizer.weight_decay
    if after.run.epochs != before.run.epochs:
        training.planned = after.run.epochs
    if after.early_stopping != before.early_stopping:
        training.stopping = with_rules(training.stopping, build_stopping(after.early_stopping))
    training.config = after
    training.edits.append(MadeEdit(training.done + 1, training.batch, dict(changes)))
    return differences(before, after)


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
    resized = recipe.train.resized(config.run.batch_size)
    if resized.batch_size != recipe.train.batch_size:
        recipe.train = resized
        recipe.accumulation = Accumulation(resized.rows, resized.batch_size, config.run.accumulate)
        recipe.schedule.retime(config, recipe.accumulation.steps)
    if recipe.schedule.config != config.schedule:
        recipe.schedule = Schedule(config, recipe.optimizer, recipe.accumulation.steps)
    if not recipe.compile:
        recipe.choose_forward()


def _begin_schedule(recipe: Recipe, config: RunConfig, epochs: int) -> None:
    """A new schedule from here on, over `epochs` epochs."""
    for group in recipe.optimizer.param_groups:
        group["lr"] = config.optimizer.lr
        group.pop("initial_lr", None)  # a scheduler starts from it if it is there
    planned = config.model_copy(update={"run": config.run.model_copy(update={"epochs": epochs})})
    recipe.schedule = Schedule(planned, recipe.optimizer, recipe.accumulation.steps)


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
