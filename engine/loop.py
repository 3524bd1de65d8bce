"""The training loop. It reads from top to bottom in the order of the textbooks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .data.batches import Batches
from .events import (
    BestRestored,
    EndReason,
    EpochEnded,
    EpochStarted,
    Event,
    Noted,
    StopAsked,
    TestMeasured,
)
from .gradients import GradientFigures
from .keeping import Keeper
from .metrics import Measured, Scorecard
from .precision import compiled
from .progress import Progress
from .recipe import Recipe
from .regularization import Mixed, loss_of, weight_figures, weight_matrices
from .stopping import StopToken
from .training import Training

Emit = Callable[[Event], None]


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

    lr: float
    loss: float
    metric: float
    gradients: GradientFigures
    samples_per_second: float


def fit(training: Training, emit: Emit, keeper: Keeper) -> Outcome:
    """Train until the epochs are done, early stopping fires, the loss is no longer finite, or somebody says stop.

    Goes on from wherever `training` stands. Every fact goes to `emit`; nothing is printed. `keeper` saves, and answers what
    is asked of the run, between batches. Ends with the weights of the best epoch in the model if the recipe says so; a stop
    in a hurry leaves them as they are. A stop takes effect after the batch in hand; the unfinished epoch is then not counted.
    """
    recipe, token = training.recipe, keeper.token
    if recipe.compile:
        x, y = next(recipe.train.in_order())
        recipe.forward, outcome = compiled(recipe.trained, recipe.loss, recipe.precision, x, y)
        emit(Noted(text=outcome))
    reason = reason_to_end(training, token)
    while reason is None:
        began = time.perf_counter()
        epoch = training.done + 1
        keeper.begin_epoch(training)
        emit(EpochStarted(epoch=epoch))
        train = train_epoch(training, emit, keeper)
        if train is None:  # asked to stop, or taken back to an earlier point
            reason = token.reason
            continue
        if (evaluated := evaluate_epoch(training, train, token)) is None:
            reason = token.reason
            continue
        train_figures, card = evaluated
        judge_epoch(training, train, train_figures, card.measure(), began, emit)
        keeper.after_epoch(training)
        reason = reason_to_end(training, token)
    if reason == token.reason:
        emit(StopAsked(reason=reason))
    keeper.save(training, "stop" if reason == token.reason else "end")
    return settle(training, reason, emit, token)


def evaluate_epoch(
    training: Training, train: TrainFigures, token: StopToken
) -> tuple[tuple[float, float], Scorecard] | None:
    """Training loss and metric after an epoch of training, and what there is to know of the validation part.

    None when a stop is in a hurry: the epoch is then not counted.
    """
    recipe = training.recipe
    recipe.average.after_epoch(training.done + 1)
    judged = recipe.average.model
    loss_and_metric = train.loss, train.metric
    if recipe.train_eval:
        loss_and_metric = evaluate(recipe, judged, recipe.train.resized(recipe.evaluation_rows))
    if (card := measure(recipe, judged, recipe.validation, token)) is None:
        return None
    training.row_losses.see(*card.answers())
    return loss_and_metric, card


def judge_epoch(
    training: Training, train: TrainFigures, evaluated: tuple[float, float], val: Measured, began: float, emit: Emit
) -> None:
    """Draw the conclusions of an epoch that began at `began` of time.perf_counter(), and tell them.

    evaluated: training loss and metric; val: the validation part measured.
    """
    recipe, epoch = training.recipe, training.done + 1
    judged = recipe.average.model
    train_loss, train_metric = evaluated
    for fact in training.examine_steps(training.batch, train.loss):
        emit(fact)
    training.stopping = training.stopping.update(epoch, val.value(recipe.monitor))
    if training.stopping.best_epoch == epoch:
        training.best_loss = val.loss
        training.best_weights = _copied(judged) if recipe.restore_best else None
    recipe.schedule.after_epoch(val.loss)
    training.end_epoch(train_loss, val.loss)
    weight_norm, sparsity = weight_figures(weight_matrices(recipe.model))
    units = recipe.units_probe.look(epoch, train_loss)
    ended = EpochEnded(
        epoch=epoch,
        train_loss=train_loss,
        train_loss_running=train.loss,
        val_loss=val.loss,
        train_metric=train_metric,
        val_metric=val.metric,
        val_metrics=val.metrics,
        lr=train.lr,
        penalty=recipe.penalty.value(),
        weight_norm=weight_norm,
        sparsity=sparsity,
        grad_norm=train.gradients.norm,
        grad_norm_clipped=train.gradients.clipped,
        layer_grad_norms=train.gradients.layers,
        update_ratios=train.gradients.updates,
        gradient_cosine=train.gradients.cosine,
        dead_units=units.dead,
        saturated_units=units.saturated,
        val_rise_error=training.row_losses.error(val.loss),
        seconds=time.perf_counter() - began,
        samples_per_second=train.samples_per_second,
        best_epoch=training.stopping.best_epoch,
    )
    emit(ended)
    if recipe.stops_early:
        emit(training.stopping_event())
    for fact in training.examine(ended):
        emit(fact)
    for fact in recipe.weights_probe.examine(epoch):
        emit(fact)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights, each for itself: a deep copy would take along the whole of a vector that they are parts of."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def settle(training: Training, reason: EndReason, emit: Emit, token: StopToken) -> Outcome:
    """Put the weights that count into the model, now that training has ended by `reason`."""
    recipe = training.recipe
    if token.now:  # whatever it was going to end by, its end is still to come
        return Outcome(token.reason or reason, training.done, training.stopping.best_epoch, 0)
    recipe.average.settle()
    # Stopped inside an epoch, its batches have moved the weights away from those of the last whole one.
    if training.best_weights is not None and (training.stopping.best_epoch != training.done or training.batch):
        recipe.model.load_state_dict(training.best_weights)
        emit(BestRestored(epoch=training.stopping.best_epoch, val_loss=training.best_loss))
    last = training.done if not recipe.restore_best or math.isfinite(training.last_loss) else 0
    kept = last if training.best_weights is None else training.stopping.best_epoch
    return Outcome(reason, training.done, training.stopping.best_epoch, kept)


def train_epoch(training: Training, emit: Emit, keeper: Keeper) -> TrainFigures | None:
    """One pass over the training data, or the rest of one; None when it was broken off, by a stop or by going back."""
    recipe, token = training.recipe, keeper.token
    if keeper.wanted(training, time.perf_counter()) and not keeper.attend(training):
        return None
    optimizer, scaler, groups = recipe.optimizer, recipe.precision.scaler, recipe.accumulation
    batches = len(recipe.train)
    sums = training.begin_epoch()
    tally, norms = sums.tally, sums.norms
    progress = Progress(training.done + 1, emit, *tally.so_far())
    step = groups.step_of(training.batch)
    recipe.model.train()
    for batch, (x, y) in enumerate(recipe.train.shuffled(recipe.order, training.batch), training.batch + 1):
        if groups.begins(batch):
            recipe.zero_gradients()
            step += 1
        inputs, target = recipe.augment(x, y)
        completes = groups.completes(batch)
        with recipe.computing(completes):
            output = recipe.forward(inputs)
            loss = loss_of(recipe.loss, output, target)
        scaler.scale(loss if groups.batches == 1 else loss * groups.share(batch)).backward()
        if completes:
            scaler.unscale_(optimizer)
            recipe.penalty.add_gradient()
            norms.before(step)
            recipe.clipping.apply()
            norms.after(step)
            recipe.weight_decay.apply()
            if recipe.needs_closure:
                optimizer.step(_closure(recipe, inputs, target))
            else:
                scaler.step(optimizer)
            scaler.update()
            recipe.max_norm.apply()
            recipe.average.after_step()
            recipe.schedule.after_step()

        tally.add(loss, output, y)
        training.batch = batch
        progress.add(len(y))
        if progress.due:
            progress.tell(batch, recipe.schedule.lr, *tally.so_far(), norms.latest())
            for fact in training.examine_steps(batch, progress.loss):
                emit(fact)
        if keeper.wanted(training, progress.last):
            going_on = keeper.attend(training)
            progress.skip()
            if not going_on and (batch < batches or token.now or token.reason is None):
                return None
    return TrainFigures(sums.lr, *tally.read(), norms.read(), progress.rate())


def _closure(recipe: Recipe, inputs: Tensor, target: Tensor | Mixed) -> Callable[[], float]:
    """The loss as a function that an optimizer such as LBFGS evaluates as often as it likes, gradients left behind."""

    def closure() -> float:
        recipe.zero_gradients()
        with recipe.precision.autocast():
            loss = loss_of(recipe.train_criterion, recipe.forward(inputs), target)
        loss.backward()
        recipe.penalty.add_gradient()
        recipe.clipping.apply()
        return float(loss.detach() + recipe.penalty.term())

    return closure


@torch.inference_mode()
def evaluate(recipe: Recipe, model: nn.Module, batches: Batches) -> tuple[float, float]:
    """Mean loss and metric of `model` over `batches` in evaluation mode and float32: dropout off, no gradients."""
    tally = recipe.tally()
    for loss, output, y in _judged(recipe, model, batches):
        tally.add(loss, output, y)
    return tally.read()


@torch.inference_mode()
def measure(recipe: Recipe, model: nn.Module, batches: Batches, token: StopToken | None = None) -> Scorecard | None:
    """As `evaluate`, with everything that every metric of the task needs; None when the token asks for a stop in a hurry."""
    card = recipe.scorecard()
    for loss, output, y in _judged(recipe, model, batches):
        card.add(loss, output, y)
        if token is not None and token.hurried():
            return None
    card.complete()
    return card


def _judged(recipe: Recipe, model: nn.Module, batches: Batches) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The loss, the output and the target of each batch, in evaluation mode."""
    model.eval()
    recipe.together.same_buffers(model)
    for x, y in batches.in_order():
        output = model(x)
        yield recipe.judge(output, y), output, y


def measure_test(recipe: Recipe, epoch: int, baseline: float, token: StopToken | None = None) -> TestMeasured | None:
    """The test part, once, with the weights that the model has now (those of `epoch`); None as `measure` has it."""
    if (card := measure(recipe, recipe.model, recipe.test, token)) is None:
        return None
    test = card.measure()
    return TestMeasured(
        epoch=epoch,
        loss=test.loss,
        metric=test.metric,
        baseline=baseline,
        metrics=test.metrics,
        confusion=card.confusion(),
    )


def reason_to_end(training: Training, token: StopToken) -> EndReason | None:
    """Why the run ends where it stands, or None when it goes on. Between two epochs only: in one, its batches come first."""
    recipe, done = training.recipe, training.done
    if training.batch == 0 and done:
        losses = (training.last_train_loss, training.last_loss)
        if recipe.stops_non_finite and not all(map(math.isfinite, losses)):
            return "non_finite"
        if recipe.stops_early and training.stopping.should_stop:
            return training.stopping.reason
    if done >= training.planned:
        return "epochs_done"
    return token.reason
