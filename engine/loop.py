"""The training loop. It reads from top to bottom in the order of the textbooks."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .data.batches import Batches
from .diagnosis import Doctor
from .events import (
    BestRestored,
    EarlyStoppingChecked,
    EndReason,
    EpochEnded,
    EpochStarted,
    Event,
    Noted,
    Paused,
    Resumed,
    StepsDone,
    StopAsked,
    TestMeasured,
)
from .gradients import GradientNorms
from .metrics import Scorecard, Tally
from .precision import Forward, compiled
from .recipe import Recipe
from .regularization import Mixed, loss_of, weight_figures, weight_matrices
from .stopping import EarlyStopping, StopToken

Emit = Callable[[Event], None]
Counts = TypeVar("Counts", bound=Tally)

PROGRESS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of the loop ended.

    epochs: completed ones. best_epoch is 0 when none had a finite value of what is monitored. weights_epoch: the epoch of the
    weights that the model has now; 0 when they are not worth a test, because no epoch was completed or they are not finite.
    """

    reason: EndReason
    epochs: int
    best_epoch: int
    weights_epoch: int


@dataclass(frozen=True, slots=True)
class TrainFigures:
    """What an epoch of training measured; see events.EpochEnded for the meaning."""

    loss: float
    metric: float
    grad_norm: float
    grad_norm_clipped: float
    layer_grad_norms: tuple[float, ...]
    samples_per_second: float


def fit(recipe: Recipe, emit: Emit, token: StopToken) -> Outcome:
    """Train until the epochs are done, early stopping fires, the loss is no longer finite, or the token says stop.

    Every fact goes to `emit`; nothing is printed. Ends with the weights of the best epoch in the model if the recipe says
    so. A stop takes effect after the batch in hand; the unfinished epoch is then not counted.
    """
    stopping = recipe.stopping
    doctor = Doctor()
    best_weights: dict[str, Any] | None = None
    best_loss = last_loss = math.nan
    reason: EndReason = "epochs_done"
    forward: Forward = recipe.model
    if recipe.compile:
        x, y = next(recipe.train.in_order())
        forward, outcome = compiled(recipe.model, recipe.train_criterion, recipe.precision, x, y)
        emit(Noted(text=outcome))
    epoch = done = 0
    for epoch in range(1, recipe.epochs + 1):
        began = time.perf_counter()
        emit(EpochStarted(epoch=epoch))
        lr = recipe.schedule.lr
        train = train_epoch(recipe, forward, epoch, emit, token)
        if train is None:
            reason = token.reason or "stopped"
            break
        recipe.average.after_epoch(epoch)
        judged = recipe.average.model
        train_loss, train_metric = train.loss, train.metric
        if recipe.train_eval:
            train_loss, train_metric = evaluate(recipe, judged, recipe.train)
        val = measure(recipe, judged, recipe.validation).measure()
        last_loss = val.loss
        stopping = stopping.update(epoch, val.value(recipe.monitor))
        if stopping.best_epoch == epoch:
            best_loss = val.loss
            best_weights = copy.deepcopy(judged.state_dict()) if recipe.restore_best else None
        recipe.schedule.after_epoch(val.loss)
        done = epoch
        weight_norm, sparsity = weight_figures(weight_matrices(recipe.model))
        ended = EpochEnded(
            epoch=epoch,
            train_loss=train_loss,
            train_loss_running=train.loss,
            val_loss=val.loss,
            train_metric=train_metric,
            val_metric=val.metric,
            val_metrics=val.metrics,
            lr=lr,
            penalty=recipe.penalty.value(),
            weight_norm=weight_norm,
            sparsity=sparsity,
            grad_norm=train.grad_norm,
            grad_norm_clipped=train.grad_norm_clipped,
            layer_grad_norms=train.layer_grad_norms,
            seconds=time.perf_counter() - began,
            samples_per_second=train.samples_per_second,
            best_epoch=stopping.best_epoch,
        )
        emit(ended)
        if recipe.stops_early:
            emit(_stopping_event(recipe, epoch, stopping))
        for fact in doctor.examine(ended):
            emit(fact)
        for fact in recipe.weights_probe.examine(epoch):
            emit(fact)
        if (why := _reason_to_end(recipe, stopping, token, ended)) is not None:
            reason = why
            break
    if reason == token.reason:
        emit(StopAsked(reason=reason))
    recipe.average.settle()
    # Stopped inside an epoch, `epoch` is the unfinished one: its batches have moved the weights away from the best.
    if best_weights is not None and stopping.best_epoch != epoch:
        recipe.model.load_state_dict(best_weights)
        emit(BestRestored(epoch=stopping.best_epoch, val_loss=best_loss))
    last = done if not recipe.restore_best or math.isfinite(last_loss) else 0
    return Outcome(reason, done, stopping.best_epoch, last if best_weights is None else stopping.best_epoch)


def train_epoch(recipe: Recipe, forward: Forward, epoch: int, emit: Emit, token: StopToken) -> TrainFigures | None:
    """One pass over the training data; None when the token asked for a stop before its end.

    forward: the model, or its compiled form.
    """
    optimizer, scaler, groups = recipe.optimizer, recipe.precision.scaler, recipe.accumulation
    batches = len(recipe.train)
    tally = recipe.tally()
    norms = GradientNorms(recipe.model, groups.steps)
    progress = Progress(epoch, emit)
    step = 0
    recipe.model.train()
    for batch, (x, y) in enumerate(recipe.train.shuffled(recipe.order), 1):
        if groups.begins(batch):
            optimizer.zero_grad()
            step += 1
        inputs, target = recipe.augment(x, y)
        with recipe.precision.autocast():
            output = forward(inputs)
            loss = loss_of(recipe.train_criterion, output, target)
        scaler.scale(loss if groups.batches == 1 else loss * groups.share(batch)).backward()
        if groups.completes(batch):
            scaler.unscale_(optimizer)
            recipe.penalty.add_gradient()
            norms.before(step)
            recipe.clipping.apply()
            norms.after(step)
            recipe.weight_decay.apply()
            if recipe.needs_closure:
                optimizer.step(_closure(recipe, forward, inputs, target))
            else:
                scaler.step(optimizer)
            scaler.update()
            recipe.max_norm.apply()
            recipe.average.after_step()
            recipe.schedule.after_step()

        tally.add(loss, output, y)
        progress.add(batch, len(y))
        if token.paused:
            emit(Paused(epoch=epoch))
            token.wait_while_paused()
            progress.skip()
            emit(Resumed(epoch=epoch))
        if token.reason is not None and batch < batches:
            return None
    return TrainFigures(*tally.read(), *norms.read(), progress.rate())


def _closure(recipe: Recipe, forward: Forward, inputs: Tensor, target: Tensor | Mixed) -> Callable[[], float]:
    """The loss as a function that an optimizer such as LBFGS evaluates as often as it likes, gradients left behind."""

    def closure() -> float:
        recipe.optimizer.zero_grad()
        with recipe.precision.autocast():
            loss = loss_of(recipe.train_criterion, forward(inputs), target)
        loss.backward()
        recipe.penalty.add_gradient()
        recipe.clipping.apply()
        return float(loss.detach() + recipe.penalty.term())

    return closure


@torch.inference_mode()
def evaluate(recipe: Recipe, model: nn.Module, batches: Batches) -> tuple[float, float]:
    """Mean loss and metric of `model` over `batches` in evaluation mode and float32: dropout off, no gradients."""
    return _judge(recipe, model, batches, recipe.tally()).read()


@torch.inference_mode()
def measure(recipe: Recipe, model: nn.Module, batches: Batches) -> Scorecard:
    """As `evaluate`, with everything that every metric of the task needs."""
    return _judge(recipe, model, batches, recipe.scorecard())


def _judge(recipe: Recipe, model: nn.Module, batches: Batches, tally: Counts) -> Counts:
    """`tally` with all of `batches` taken in."""
    model.eval()
    for x, y in batches.in_order():
        output = model(x)
        tally.add(recipe.criterion(output, y), output, y)
    return tally


def measure_test(recipe: Recipe, epoch: int, baseline: float) -> TestMeasured:
    """The test part, once, with the weights that the model has now (those of `epoch`)."""
    card = measure(recipe, recipe.model, recipe.test)
    test = card.measure()
    return TestMeasured(
        epoch=epoch,
        loss=test.loss,
        metric=test.metric,
        baseline=baseline,
        metrics=test.metrics,
        confusion=card.confusion(),
    )


def _reason_to_end(recipe: Recipe, stopping: EarlyStopping, token: StopToken, ended: EpochEnded) -> EndReason | None:
    """Why the run ends after this epoch, or None when it goes on."""
    if recipe.stops_non_finite and not (math.isfinite(ended.train_loss) and math.isfinite(ended.val_loss)):
        return "non_finite"
    if stopping.should_stop:
        return stopping.reason
    return token.reason if ended.epoch < recipe.epochs else None


def _stopping_event(recipe: Recipe, epoch: int, state: EarlyStopping) -> EarlyStoppingChecked:
    return EarlyStoppingChecked(
        epoch=epoch,
        best=state.best,
        best_epoch=state.best_epoch,
        waited=state.waited,
        patience=state.patience or 0,
        must_beat=state.must_beat,
        monitor=recipe.monitor,
        mode=state.mode,
        start=state.start,
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
