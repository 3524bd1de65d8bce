"""Whether trials train side by side or one after another: what forbids it, and a short trial of both ways."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from .batchednet import Stack
from .closedform import ClosedForm, WithLoss
from .config import RunConfig
from .data.prepared import Prepared
from .data.streaming import StreamedBatches
from .keeping import Keeper
from .loop import train_epoch
from .recipe import Recipe, build_recipe, switched_on
from .sequencemodels import SEQUENTIAL
from .sidebyside import Lane, train_epoch_together
from .stopping import StopToken
from .textmodels import reader_of
from .threads import suitable_threads
from .training import Training
from .trials import Trial

AT_ONCE = 32
"""Trials that train side by side at the most: more gain nothing more, and each has open files."""

MEMORY = 1 << 29
"""Bytes that the rows of an epoch, in an order of its own for each trial, may take."""

TRIED = 10
"""Trials that are tried side by side at the most."""

STEPS = 6
"""Steps of an epoch that is tried."""

ROUNDS = 3
"""How often each way is tried, after once to warm up; the quickest counts."""

LONG_STEP = 5e-3
"""Seconds of a step beyond which arithmetic is all there is to it, and nothing to be gained."""

GAIN = 0.9
"""The most that trials side by side may take of the time of as many alone."""


def choose(trials: Sequence[Trial], data_of: Callable[[Trial], Prepared]) -> tuple[int, str]:
    """How many of the trials to train at once, and why, in words for a person; no words where there is nothing to choose."""
    config, count = trials[0].config, len(trials)
    wanted = config.trials.side_by_side
    if count < 2 or wanted == "off":
        return 1, ""
    if not switched_on("NNTUI_SIDE_BY_SIDE"):
        return 1, "one after another: NNTUI_SIDE_BY_SIDE is 0"
    data = data_of(trials[0])
    recipe = build_recipe(config, data, fresh=False)
    if (problem := obstacle(config, recipe)) or (problem := _unlike(trials, data, data_of)):
        return 1, f"one after another: {problem}"
    bytes_each = recipe.train.x.numel() * recipe.train.x.element_size()
    most = min(AT_ONCE, count, MEMORY // max(1, bytes_each))
    if most < 2:
        return 1, "one after another: the rows of two trials at once take too much memory"
    at_once = math.ceil(count / math.ceil(count / most))  # in groups of about the same size
    words = f"{count} trials side by side in one batched net" + (f", {at_once} at a time" if at_once < count else "")
    if wanted == "on":
        return at_once, words
    if recipe.device.type != "cpu":
        return 1, f"one after another: on {recipe.device.type} only with trials.side_by_side on"
    tried = min(at_once, TRIED)
    alone, together = timed(config, data, tried)
    if not together:
        return 1, f"one after another: a step takes {alone * 1000:.1f} ms, of which batching would save nothing"
    figures = f"a step of {tried} takes {together * 1000:.2f} ms, {tried} steps of one {alone * tried * 1000:.2f} ms"
    if together > GAIN * alone * tried:
        return 1, f"one after another: {figures}"
    return at_once, f"{words}: {figures}"


def obstacle(config: RunConfig, recipe: Recipe) -> str:
    """What keeps trainings of this recipe from being put together, in words, or ""."""
    run, regularization = config.run, config.regularization
    if config.model.kind == "custom":
        return "a model of your own is not batched over trials"
    if config.model.kind in SEQUENTIAL:
        return f"{config.model.kind} layers are not batched over trials"
    if reader_of(recipe.model) is not None:
        return "embeddings of words are not batched over trials"
    if config.model.kind == "cnn":
        return "convolutions are not batched over trials"
    if config.model.batch_norm:
        return "batch norm is not batched over trials"
    if run.precision != "float32":
        return f"{run.precision} is not batched over trials"
    if run.compile:
        return "a compiled model is not batched over trials"
    if run.accumulate > 1:
        return "accumulated gradients are not batched over trials"
    if run.average != "none":
        return "averages of the weights are not batched over trials"
    if regularization.flip or regularization.shift:
        return "flips and shifts are not batched over trials"
    if regularization.mixup:
        return "mixup is not batched over trials"
    if config.loss.class_weights != "none":
        return "class weights are not batched over trials"
    if isinstance(recipe.train, StreamedBatches):
        return "rows that are streamed are not batched over trials"
    if recipe.flat is None:
        if not switched_on("NNTUI_FLAT"):
            return "NNTUI_FLAT is 0"
        return f"{config.optimizer.name} does not treat every weight by itself"
    if not isinstance(recipe.forward, ClosedForm | WithLoss):
        return "NNTUI_CLOSED_FORM is 0" if not switched_on("NNTUI_CLOSED_FORM") else "the net has no closed form"
    if recipe.device.type != "cpu" and (regularization.dropout or regularization.input_dropout):
        return f"dropout on {recipe.device.type} is not batched over trials"
    return ""


def _unlike(trials: Sequence[Trial], data: Prepared, data_of: Callable[[Trial], Prepared]) -> str:
    """Why the parts of the trials do not go together, or ""."""
    if any(trial.split is not trials[0].split for trial in trials):
        shapes = {(data_of(trial).x_train.shape[1], data_of(trial).classes) for trial in trials}
        if len(shapes) > 1:
            return "their data differ in shape"
    return ""


def timed(config: RunConfig, data: Prepared, count: int) -> tuple[float, float]:
    """Seconds of a step of one training, and of one of `count` trainings side by side (0.0: not worth trying)."""
    size = config.run.batch_size or len(data.x_train)
    rows = min(len(data.x_train), STEPS * size)
    part = replace(data, x_train=data.x_train[:rows], y_train=data.y_train[:rows])

    def tell(event: object) -> None:
        pass

    def fresh() -> Training:
        return Training(build_recipe(config, part, fresh=False), config)

    keeper = Keeper(StopToken(), tell)
    single = fresh()
    steps = len(single.recipe.train)
    with suitable_threads(single.recipe):
        alone = min(_seconds(lambda: train_epoch(single, tell, keeper), [single]) for _ in range(2))
        if alone / steps > LONG_STEP:
            return alone / steps, 0.0
        lanes = [Lane(number, fresh(), keeper, tell) for number in range(count)]
        for lane in lanes:
            lane.training.draw_alone()
        trainings = [lane.training for lane in lanes]
        stack = Stack(trainings)
        together = math.inf
        for number in range(ROUNDS + 1):
            alone = min(alone, _seconds(lambda: train_epoch(single, tell, keeper), [single]))
            taken = _seconds(lambda: train_epoch_together(stack, lanes, lanes, tell, keeper.token), trainings)
            together = min(together, taken) if number else math.inf
    return alone / steps, together / steps


def _seconds(work: Callable[[], object], trainings: Sequence[Training]) -> float:
    """How long an epoch takes; afterwards the trainings stand at the beginning of the next one.

    Where this thread does all the work its time on the processor counts, which no other process can lengthen.
    """
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    work()
    taken = clock() - began
    for training in trainings:
        training.end_epoch(math.nan, math.nan)
    return taken
