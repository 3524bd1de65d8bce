"""The training loop. It reads from top to bottom in the order of the textbooks."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_, get_total_norm

from .data.batches import Batches
from .diagnosis import Doctor
from .events import (
    BestRestored,
    EarlyStoppingChecked,
    EndReason,
    EpochEnded,
    EpochStarted,
    Event,
    Paused,
    Resumed,
    StepsDone,
    StopAsked,
    TestMeasured,
)
from .recipe import Recipe
from .stopping import EarlyStopping, StopToken

Emit = Callable[[Event], None]

PROGRESS_SECONDS = 1.0
NORM_SAMPLES = 10  # gradient norms measured per epoch when clipping does not measure each one anyway


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of the loop ended. epochs: completed ones. best_epoch is 0 when none had a finite validation loss."""

    reason: EndReason
    epochs: int
    best_epoch: int


@dataclass(frozen=True, slots=True)
class TrainFigures:
    """What an epoch of training measured; see events.EpochEnded for the meaning."""

    loss: float
    metric: float
    grad_norm: float
    samples_per_second: float


def fit(recipe: Recipe, emit: Emit, token: StopToken) -> Outcome:
    """Train until the epochs are done, early stopping fires, the loss is no longer finite, or the token says stop.

    Every fact goes to `emit`; nothing is printed. Ends with the weights of the best epoch in the model if the recipe says
    so. A stop takes effect after the batch in hand; the unfinished epoch is then not counted.
    """
    stopping = EarlyStopping(recipe.patience or recipe.epochs + 1, recipe.min_delta)
    doctor = Doctor()
    best_weights: dict[str, Any] | None = None
    reason: EndReason = "epochs_done"
    epoch = done = 0
    for epoch in range(1, recipe.epochs + 1):
        began = time.perf_counter()
        emit(EpochStarted(epoch=epoch))
        lr = recipe.schedule.lr
        train = train_epoch(recipe, epoch, emit, token)
        if train is None:
            reason = token.reason or "stopped"
            break
        val_loss, val_metric = evaluate(recipe, recipe.validation)
        stopping = stopping.update(epoch, val_loss)
        if stopping.best_epoch == epoch and recipe.restore_best:
            best_weights = copy.deepcopy(recipe.model.state_dict())
        recipe.schedule.step(val_loss)
        done = epoch
        ended = EpochEnded(
            epoch=epoch,
            train_loss=train.loss,
            val_loss=val_loss,
            train_metric=train.metric,
            val_metric=val_metric,
            lr=lr,
            penalty=recipe.penalty.value(),
            grad_norm=train.grad_norm,
            seconds=time.perf_counter() - began,
            samples_per_second=train.samples_per_second,
            best_epoch=stopping.best_epoch,
        )
        emit(ended)
        if recipe.patience is not None:
            emit(_stopping_event(epoch, stopping))
        for fact in doctor.examine(ended):
            emit(fact)
        if (why := _reason_to_end(recipe, stopping, token, ended)) is not None:
            reason = why
            break
    if reason == token.reason:
        emit(StopAsked(reason=reason))
    # Stopped inside an epoch, `epoch` is the unfinished one: its batches have moved the weights away from the best.
    if best_weights is not None and stopping.best_epoch != epoch:
        recipe.model.load_state_dict(best_weights)
        emit(BestRestored(epoch=stopping.best_epoch, val_loss=stopping.best))
    return Outcome(reason=reason, epochs=done, best_epoch=stopping.best_epoch)


def train_epoch(recipe: Recipe, epoch: int, emit: Emit, token: StopToken) -> TrainFigures | None:
    """One pass over the training data; None when the token asked for a stop before its end."""
    model, optimizer, criterion = recipe.model, recipe.optimizer, recipe.criterion
    parameters = list(model.parameters())
    steps = len(recipe.train)
    measure_every = 1 if recipe.clip_norm else max(1, steps // NORM_SAMPLES)
    tally = recipe.tally()
    norms: list[torch.Tensor] = []
    progress = Progress(epoch, emit)
    model.train()
    for step, (x, y) in enumerate(recipe.train.shuffled(recipe.order), 1):
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        recipe.penalty.add_gradient()
        if recipe.clip_norm:
            norms.append(clip_grad_norm_(parameters, recipe.clip_norm))
        elif step % measure_every == 0:
            norms.append(get_total_norm([p.grad for p in parameters if p.grad is not None]))
        optimizer.step()

        tally.add(loss, output, y)
        progress.add(step, len(y))
        if token.paused:
            emit(Paused(epoch=epoch))
            token.wait_while_paused()
            progress.skip()
            emit(Resumed(epoch=epoch))
        if token.reason is not None and step < steps:
            return None
    train_loss, train_metric = tally.read()
    grad_norm = float(torch.stack(norms).mean()) if norms else math.nan
    return TrainFigures(train_loss, train_metric, grad_norm, progress.rate())


@torch.inference_mode()
def evaluate(recipe: Recipe, batches: Batches) -> tuple[float, float]:
    """Mean loss and metric over `batches` in evaluation mode: dropout off, no gradients."""
    recipe.model.eval()
    tally = recipe.tally()
    for x, y in batches.in_order():
        output = recipe.model(x)
        tally.add(recipe.criterion(output, y), output, y)
    return tally.read()


def measure_test(recipe: Recipe, epoch: int, baseline: float) -> TestMeasured:
    """The test part, once, with the weights that the model has now (those of `epoch`)."""
    loss, metric = evaluate(recipe, recipe.test)
    return TestMeasured(epoch=epoch, loss=loss, metric=metric, baseline=baseline)


def _reason_to_end(recipe: Recipe, stopping: EarlyStopping, token: StopToken, ended: EpochEnded) -> EndReason | None:
    """Why the run ends after this epoch, or None when it goes on."""
    if not (math.isfinite(ended.train_loss) and math.isfinite(ended.val_loss)):
        return "non_finite"
    if recipe.patience is not None and stopping.should_stop:
        return "early_stopping"
    return token.reason if ended.epoch < recipe.epochs else None


def _stopping_event(epoch: int, state: EarlyStopping) -> EarlyStoppingChecked:
    return EarlyStoppingChecked(
        epoch=epoch,
        best=state.best,
        best_epoch=state.best_epoch,
        waited=state.waited,
        patience=state.patience,
        must_beat=state.must_beat,
    )


class Progress:
    """Counts samples and time in an epoch, and tells of it at most once a second."""

    def __init__(self, epoch: int, emit: Emit) -> None:
        self._epoch, self._emit = epoch, emit
        self._began = self._told = self._last = time.perf_counter()
        self._samples = 0

    def add(self, step: int, samples: int) -> None:
        self._samples += samples
        self._last = time.perf_counter()
        if self._last - self._told >= PROGRESS_SECONDS:
            self._told = self._last
            self._emit(StepsDone(epoch=self._epoch, step=step, samples_per_second=self.rate()))

    def skip(self) -> None:
        """Leave the time since the last batch out of the rate: the run was paused."""
        self._began += time.perf_counter() - self._last

    def rate(self) -> float:
        """Samples per second so far."""
        return self._samples / max(1e-9, self._last - self._began)
