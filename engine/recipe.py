"""Configuration and data turned into everything that the loop needs, built."""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.optim import LBFGS, Optimizer

from .averaging import Average
from .closedform import ClosedForm, WithLoss, closed_form, with_loss
from .config import RunConfig
from .data.batches import Batches
from .data.prepared import Prepared
from .data.streaming import batches_of, place_words
from .data.textbatches import SharedTextBatches, TextBatches
from .errors import ConfigError, config_error
from .flat import Flat, fits
from .gradients import Accumulation, Clipping
from .losses import baseline_loss, build_loss, outputs_of, with_head
from .measures import monitor_fault
from .metrics import METRICS, Scorecard, Tally
from .misfits import refuse_for_texts, refuse_misfits, smallest_share
from .models import build_model
from .optim import Schedule, build_optimizer
from .ownmodel import OwnModel, seed_chance
from .precision import Forward, Precision
from .probes import WeightsProbe
from .regularization import Augmentation, Criterion, MaxNorm, Penalty, WeightDecay, penalized, weight_matrices
from .rehearsal import rehearse
from .rowsizes import row_width, steps_of
from .sharing import SharedAugmentation, SharedLoss, SharedScorecard, SharedTally, first_pass, same_data
from .stopping import EarlyStopping, build_stopping
from .together import ALONE, Together
from .units import UnitsProbe
from .warmstart import begin_with

EVALUATION_ROWS = 8192
"""Rows per batch in evaluation at the most: large enough to be fast, small enough for the activations to fit."""

CACHED = 1 << 18
"""Numbers of a layer's output that a CPU evaluates at a time: beyond its cache it takes up to twice as long."""


ON_DEVICE = 1 << 28
"""Numbers of the widest layer's output of a user's own model or one for sequences that an accelerator evaluates at a time: 1 GiB.
Of the other models twice as many, which only large pictures reach."""


@dataclass
class Recipe:
    """What one run trains with. The loop reads this and nothing else; only engine.edits changes it, between batches.

    baseline: the loss of always giving the same answer, see engine.losses.baseline_loss. together: the ranks that train it.
    trained: what a training step calls for the model, before any quicker way: `model` itself, or on one of several ranks the
    same with its gradients averaged over all of them.
    """

    model: nn.Module
    criterion: Criterion
    train_criterion: Criterion
    optimizer: Optimizer
    schedule: Schedule
    augment: Augmentation
    penalty: Penalty
    clipping: Clipping
    weight_decay: WeightDecay
    max_norm: MaxNorm
    accumulation: Accumulation
    precision: Precision
    compile: bool
    average: Average
    weights_probe: WeightsProbe
    units_probe: UnitsProbe
    train_eval: bool
    train: Batches
    validation: Batches
    test: Batches
    order: torch.Generator
    task: str
    channels: int
    target_scale: float
    device: torch.device
    epochs: int
    classes: int
    stopping: EarlyStopping
    monitor: str
    stops_early: bool
    stops_non_finite: bool
    restore_best: bool
    baseline: float = math.nan
    evaluation_rows: int = EVALUATION_ROWS
    notes: tuple[str, ...] = ()
    flat: Flat | None = None
    together: Together = ALONE
    trained: nn.Module = field(init=False)
    judge: Criterion = field(init=False)
    forward: Forward = field(init=False)
    loss: Any = field(init=False)

    def __post_init__(self) -> None:
        self.trained, self.judge = self.model, self.criterion
        if self.together.several:
            self.trained = self.together.distributed(self.model, self.device, getattr(self.model, "unused", False))
            self.judge = SharedLoss(self.criterion, self.together.world)
        self.choose_forward()

    def choose_forward(self) -> None:
        """Take the quickest way through a training step that the model as it is now allows: see engine.closedform.

        `forward` then stands for the model and `loss` for the criterion.
        """
        self.forward, self.loss = self.trained, self.train_criterion
        if self.together.several:
            self.loss = SharedLoss(self.train_criterion, self.together.world)
        if self.flat is not None and self.flat.stale:
            self.flat.zero()  # autograd would add to what was to be overwritten
        plain = self.precision.exact and not self.compile and not self.needs_closure and self.device.type != "mps"
        if self.flat is None or not plain or not switched_on("NNTUI_CLOSED_FORM"):
            return
        if (net := closed_form(self.model, self.flat)) is not None:
            self.forward = net
            if not self.augment.mixup and (whole := with_loss(net, self.train_criterion)) is not None:
                self.forward, self.loss = whole, whole.loss

    def computing(self, completes: bool) -> AbstractContextManager[object]:
        """What goes around forward and loss of a batch: see Precision.autocast. completes: whether a step follows on it.

        If none does, several ranks keep their gradients to themselves until one does.
        """
        return self.precision.autocast() if completes or not self.together.several else self._apart()

    @contextlib.contextmanager
    def _apart(self) -> Iterator[None]:
        with self.precision.autocast(), self.together.apart(self.trained):
            yield

    def zero_gradients(self) -> None:
        """Forget the gradients of the step before."""
        if self.flat is not None:
            self.flat.zero(overwritten=isinstance(self.forward, ClosedForm | WithLoss))
        else:
            self.optimizer.zero_grad()

    @property
    def needs_closure(self) -> bool:
        """Whether the optimizer evaluates the loss itself, several times a step: LBFGS does."""
        return isinstance(self.optimizer, LBFGS)

    def tally(self) -> Tally:
        """A fresh sum of loss and metric for this task."""
        if self.together.several:
            return SharedTally(self.task, self.target_scale, self.device, together=self.together)
        return Tally(self.task, self.target_scale, self.device)

    def scorecard(self) -> Scorecard:
        """A fresh sum of loss and every metric of this task."""
        if self.together.several:
            return SharedScorecard(self.task, self.classes, self.target_scale, self.device, together=self.together)
        return Scorecard(self.task, self.classes, self.target_scale, self.device)

    @property
    def metric(self) -> tuple[str, Literal["max", "min"]]:
        """Name of the metric and its better direction, ``max`` or ``min``."""
        return METRICS[self.task]


def build_recipe(config: RunConfig, data: Prepared, fresh: bool = True, together: Together = ALONE) -> Recipe:
    """Seed torch, then build model, optimizer, schedule and batches on the device.

    The same configuration and data give the same recipe, weights included. fresh: whether it begins with the weights of
    model.weights, which a run that is taken up at a checkpoint needs no more. together: the ranks that are to train it, each of which
    builds its own. Raises ConfigError when the device is not there, or for what several ranks cannot train.
    """
    world = together.world
    same_data(together, data)
    device = together.device(resolve_device(config.run.device))
    torch.manual_seed(config.run.seed)
    if config.model.kind == "custom":
        seed_chance(config.run.seed)
    if (fault := monitor_fault(config.early_stopping.monitor, data.task, data.classes)) is not None:
        raise ConfigError([fault])
    outputs = outputs_of(config.loss.name, data.classes)
    refuse_for_texts(config, data.vocabulary)
    net = build_model(
        config.model,
        config.regularization,
        data.x_train.shape[1],
        outputs,
        data.image_shape,
        data.shape,
        data.vocabulary,
    )
    model = with_head(net, config.loss.name, outputs)
    model = together.prepared(model.to(device), device)
    reg = config.regularization
    # A model of the user's own may count on texts of one length.
    texts = bool(data.vocabulary) and not isinstance(model, OwnModel)

    def batches(x: Any, y: np.ndarray, size: int) -> Batches:
        if together.several:
            several = SharedTextBatches if texts else batches_of
            return several(x, y, size, device, world, whole=reg.mixup > 0)
        return TextBatches(x, y, size, device) if texts else batches_of(x, y, size, device)

    train = batches(data.x_train, data.y_train, config.run.batch_size)
    counts = data.class_counts["train"]
    criterion = build_loss(config.loss, data.task, counts, device)
    notes = place_words(train)
    if isinstance(model, OwnModel):
        smallest = smallest_share(train, world)
        notes = (*notes, *rehearse(model, train.x, train.y, outputs, criterion, smallest))
    if fresh and config.model.weights:
        notes = (*notes, begin_with(model, config.model.weights, data.preprocess))
    one_vector = not together.several and fits(model, config.optimizer.name) and switched_on("NNTUI_FLAT")
    flat = Flat(model) if one_vector else None
    fused = flat is not None and config.run.precision != "float16" and switched_on("NNTUI_FUSED")
    optimizer = build_optimizer(config.optimizer, [flat.values] if flat else model.parameters(), fused)
    refuse_misfits(config, data.task, train, optimizer, world)
    if (reg.flip or reg.shift) and data.image_shape is None:
        key = "regularization.flip" if reg.flip else "regularization.shift"
        raise config_error(key, "is for pictures, and this dataset is a table", "remove it")
    order = torch.Generator()
    order.manual_seed(config.run.seed)
    accumulation = Accumulation(train.rows, train.batch_size, config.run.accumulate)
    pixels = math.prod(data.image_shape[1:]) if data.image_shape else 1
    rows = evaluation_rows(model, criterion, pixels, device)
    if getattr(criterion, "weight", None) is None:  # a mean over other batches is another one then
        rows *= world.size
    baseline = baseline_loss(config.loss, data.task, counts, data.y_train)
    augmentation = functools.partial(SharedAugmentation, world=world) if together.several else Augmentation
    recipe = Recipe(
        model=model,
        criterion=criterion,
        train_criterion=build_loss(config.loss, data.task, counts, device, reg.label_smoothing),
        optimizer=optimizer,
        schedule=Schedule(config, optimizer, accumulation.steps),
        augment=augmentation(
            reg.input_noise, reg.mixup, config.run.seed, device, reg.flip, reg.shift, data.image_shape
        ),
        penalty=Penalty(penalized(model, reg.penalty_on), reg.l1, reg.l2, flat),
        clipping=Clipping(list(model.parameters()), config.optimizer.clip_norm, config.optimizer.clip_value, flat),
        weight_decay=WeightDecay(optimizer, penalized(model, reg.penalty_on), reg.weight_decay, flat),
        max_norm=MaxNorm(weight_matrices(model), reg.max_norm),
        accumulation=accumulation,
        precision=Precision(config.run.precision, device),
        compile=config.run.compile,
        average=Average(model, config.run.average, config.run.ema_decay, config.run.swa_start, config.run.epochs),
        units_probe=UnitsProbe(model, train.x, baseline),
        baseline=baseline,
        weights_probe=WeightsProbe(model, config.run.histograms if config.run.tensorboard and world.first else 0),
        train_eval=measures_train_loss(config),
        train=train,
        validation=batches(data.x_validation, data.y_validation, rows),
        test=batches(data.x_test, data.y_test, rows),
        evaluation_rows=rows,
        order=order,
        task=data.task,
        channels=data.image_shape[0] if data.image_shape else 1,
        target_scale=data.y_scale,
        device=device,
        epochs=config.run.epochs,
        classes=data.classes,
        stopping=build_stopping(config.early_stopping),
        monitor=config.early_stopping.monitor,
        stops_early=config.early_stopping.enabled,
        stops_non_finite=config.early_stopping.non_finite,
        restore_best=config.early_stopping.restore_best,
        notes=(*notes, *together.notes(model, train.batch_size)),
        flat=flat,
        together=together,
    )
    if not world.first:  # each rank drops other units; rank 0 those that it would by itself
        torch.manual_seed(apart(config.run.seed, world.rank))
        seed_chance(apart(config.run.seed, world.rank))
    if together.several and not config.run.compile:
        first_pass(recipe)
    return recipe


def apart(seed: int, rank: int) -> int:
    """The seed of what a rank draws for itself alone: dropout, and the chance in a model of the user's own."""
    return (rank << 32) + seed


def evaluation_rows(model: nn.Module, criterion: Criterion, pixels: int, device: torch.device) -> int:
    """Rows per batch in evaluation. pixels: of a picture, for the outputs of convolutions, which may be smaller.

    A loss that weighs classes is a mean over each batch's own weights, so that its batches are not made smaller than need be.
    """
    if isinstance(model, OwnModel):  # whose pictures may be of any size
        at_once = CACHED if device.type == "cpu" else ON_DEVICE
        return min(EVALUATION_ROWS, max(16, at_once // model.widest))
    if steps_of(model):
        at_once = 4 * CACHED if device.type == "cpu" else ON_DEVICE
        return min(EVALUATION_ROWS, max(64, at_once // row_width(model)))
    weighs = getattr(criterion, "weight", None) is not None
    if device.type == "cpu" and weighs:
        return EVALUATION_ROWS
    widths = [1]
    for module in model.modules():
        if isinstance(module, nn.Linear):
            widths.append(module.out_features)
        elif isinstance(module, nn.Conv2d):
            widths.append(module.out_channels * pixels)
    if device.type != "cpu":
        return min(EVALUATION_ROWS, max(16, 2 * ON_DEVICE // max(widths)))
    return min(EVALUATION_ROWS, max(128, CACHED // max(widths)))


def switched_on(name: str) -> bool:
    """Whether the environment leaves a quick way of computing on: ``NNTUI_FLAT=0`` and the like switch it off."""
    return os.environ.get(name, "") != "0"


def measures_train_loss(config: RunConfig) -> bool:
    """Whether the training loss is measured after each epoch in evaluation mode: see run.train_eval."""
    if config.run.train_eval != "auto":
        return config.run.train_eval == "on"
    reg, hidden = config.regularization, config.model.kind != "linear"
    if config.model.kind == "custom":  # whatever it does in training alone
        return True
    distorted = (reg.dropout if hidden else 0.0, reg.input_dropout, reg.input_noise, reg.mixup, reg.label_smoothing)
    distorted = (*distorted, reg.flip, reg.shift)
    return any(distorted) or bool(reg.l1 or reg.l2) or config.run.average != "none"


def resolve_device(wanted: str) -> torch.device:
    """The torch device for ``auto``, ``cuda``, ``mps`` or ``cpu``; ConfigError when it is not available here."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[wanted]:
        raise config_error("run.device", f"no {wanted} device is available to PyTorch here", "use auto or cpu")
    return torch.device(wanted)
