"""A model as it would be built, from shapes alone: its layers, how long it would train, in how much memory, at what rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from .config import ModelConfig, RunConfig, TrialsConfig
from .data.batches import Batches
from .errors import Fault, InputError, config_error
from .gradients import Accumulation
from .losses import build_loss, outputs_of, with_head
from .measures import monitor_fault
from .memory import META, Rows, device_words, estimate, layer_shapes
from .misfits import refuse_for_texts, refuse_misfits
from .models import ACTIVATIONS, build_model
from .optim import build_optimizer, schedule_points
from .ownmodel import OwnModel, on_meta
from .ownpreview import own_layers, own_model
from .precision import Precision
from .preview import SCHEDULE_POINTS, DataPreview, Layer, Memory, ModelPreview
from .recipe import resolve_device
from .rundir import WEIGHTS_FILE
from .sequencemodels import Gru, Lstm, Pool, Positions
from .text import clean
from .textmodels import READERS, reader_layers
from .warmstart import KEY as WEIGHTS_KEY

Made = TypeVar("Made")


class _Attempts:
    """Makes one thing after another, and gathers the faults of those that cannot be made."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)

    def __call__(self, make: Callable[[], Made]) -> Made | None:
        try:
            return make()
        except InputError as error:
            self.faults += error.faults
            return None


def model_preview(config: RunConfig, data: DataPreview) -> ModelPreview:
    """The preview of a run on `data`, whose shape is known. As much of it as can be made; the rest is faults."""
    attempt = _Attempts(*data.faults)
    model = attempt(lambda: _built(config, data))
    layers = (
        () if model is None else own_layers(model) if isinstance(model, OwnModel) else _layers(model, data.features)
    )
    parameters = sum(layer.parameters for layer in layers)
    if not data.parts:  # the rows could not be divided, and nothing else can be told
        return ModelPreview(layers, parameters, faults=tuple(attempt.faults))
    rows = {part.name: part for part in data.parts}
    train = rows["train"]
    classes = len(data.class_names)
    device = attempt(lambda: resolve_device(config.run.device))
    attempt.faults += filter(None, [monitor_fault(config.early_stopping.monitor, data.task, classes)])
    smoothing = config.regularization.label_smoothing
    criterion = attempt(lambda: build_loss(config.loss, data.task, train.class_counts, META, smoothing))
    if device is not None:
        attempt(lambda: Precision(config.run.precision, device))
    # Without columns these rows take no memory; only how many there are counts here.
    batches = Batches(np.empty((train.rows, 0)), np.empty((train.rows, 0)), config.run.batch_size, torch.device("cpu"))
    steps = Accumulation(train.rows, batches.batch_size, config.run.accumulate).steps
    notes, memory = _notes(config, data, batches), Memory()
    if model is not None:
        optimizer = attempt(lambda: build_optimizer(config.optimizer, model.parameters()))
        if optimizer is not None:
            attempt(lambda: refuse_misfits(config, data.task, batches, optimizer))
        if config.model.weights:
            notes += filter(None, [attempt(lambda: _warm_start(model, config.model.weights))])
        # Else no step could be made, on shapes or otherwise.
        if optimizer and criterion and device and not attempt.faults:
            memory, note = _memory(config, model, criterion, device, data)
            notes += filter(None, [note])
    points = attempt(lambda: _schedule(_only_what_moves_the_rate(config), steps)) or ()
    return ModelPreview(
        layers=layers,
        parameters=parameters,
        batch_size=batches.batch_size,
        batches_per_epoch=len(batches),
        steps_per_epoch=steps,
        total_steps=steps * config.run.epochs,
        trials=trials_of(config.trials),
        device=device_words(device) if device is not None else "",
        memory=memory,
        schedule=points,
        notes=tuple(notes),
        faults=tuple(dict.fromkeys(attempt.faults)),
    )


def trials_of(config: TrialsConfig) -> int:
    """How many models are trained."""
    if config.kind == "kfold":
        return config.folds * (config.folds - 1 if config.all_pairs else 1)
    return config.restarts if config.kind == "restarts" else 1


def _built(config: RunConfig, data: DataPreview) -> nn.Module:
    """The model on the meta device: shapes without numbers, so that nothing is drawn and no size is too large."""
    if config.model.kind == "custom":
        return own_model(config, data)
    picture = data.shape if len(data.shape) == 3 else None
    refuse_for_texts(config, data.vocabulary)
    if config.model.kind == "cnn" and picture is None and not data.vocabulary:
        raise config_error("model.kind", "cnn needs pictures, and this dataset is a table", "use mlp or linear")
    if config.model.kind == "cnn" and config.model.kernel % 2 == 0:
        raise config_error("model.kernel", f"must be odd, got {config.model.kernel}", "use 3, 5 or 7")
    plain: ModelConfig = config.model.model_copy(update={"init": "default"})  # the others look at the numbers
    outputs = outputs_of(config.loss.name, len(data.class_names))
    with META:
        net = build_model(plain, config.regularization, data.features, outputs, picture, data.shape, data.vocabulary)
        return with_head(net, config.loss.name, outputs)


def _memory(
    config: RunConfig, model: nn.Module, criterion: nn.Module, device: torch.device, data: DataPreview
) -> tuple[Memory, str]:
    """The estimate, and what stands against it in words: a model of the user's own may do what shapes alone cannot."""
    sizes = {part.name: part.rows for part in data.parts}
    target = 8 if data.task == "classification" else 4
    rows = Rows(sizes["train"], sizes["validation"], sizes["test"], data.rows, data.features, target)
    pixels = math.prod(data.shape[1:]) if len(data.shape) == 3 else 1
    if isinstance(model, OwnModel) and not on_meta(model):
        return Memory(), "how much memory it takes cannot be told ahead: your model needs numbers, not shapes alone"
    try:
        return estimate(config, model, criterion, rows, device, pixels, trials_of(config.trials), data.streamed), ""
    except Exception:
        if not isinstance(model, OwnModel):
            raise
        return Memory(), "how much memory it takes cannot be told ahead for this model"


# ---- layers ----

_WORDS: dict[type[nn.Module], str] = {
    **{cls: name.replace("_", " ") for name, cls in ACTIVATIONS.items()},
    nn.Linear: "linear",
    nn.Conv2d: "conv",
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.MaxPool2d: "max pool",
    nn.Dropout: "dropout",
    nn.Flatten: "flatten",
    nn.Unflatten: "to pictures",
    nn.TransformerEncoderLayer: "attention",
    nn.LayerNorm: "layer norm",
    Gru: "GRU",
    Lstm: "LSTM",
    Positions: "positions",
    Pool: "pool",
    nn.LogSoftmax: "log-softmax",
}


def _layers(model: nn.Module, inputs: int) -> tuple[Layer, ...]:
    model.eval()
    named = [name for name, _ in model.named_children()]
    made = zip(named, layer_shapes(model, inputs, 2), strict=True)
    found: list[Layer] = []
    for name, (layer, shape) in made:
        if isinstance(layer, READERS):
            found += reader_layers(name, layer)
        elif not _drops_the_last_axis(layer):
            found.append(_layer(name, layer, shape))
    return tuple(found)


def _drops_the_last_axis(layer: nn.Module) -> bool:
    """(n, 1) to (n,): a matter of the code's, not of the model's."""
    return isinstance(layer, nn.Flatten) and layer.start_dim == 0


def _layer(name: str, layer: nn.Module, shape: torch.Size) -> Layer:
    kind = _WORDS.get(type(layer), type(layer).__name__)
    if isinstance(layer, nn.Unflatten) and len(layer.unflattened_size) == 2:
        kind = "to steps"
    size = sum(parameter.numel() for parameter in layer.parameters() if parameter.requires_grad)
    return Layer(clean(name, 60), clean(kind, 40), _detail(layer), tuple(shape[1:]), size)


def _detail(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        return f"{layer.kernel_size[0]}x{layer.kernel_size[1]}, padding {layer.padding[0]}"
    if isinstance(layer, nn.MaxPool2d):
        return f"{layer.kernel_size}x{layer.kernel_size}"
    if isinstance(layer, nn.TransformerEncoderLayer):
        return f"{layer.self_attn.num_heads} heads"
    if isinstance(layer, nn.RNNBase):
        deep = f"{layer.num_layers} layers" if layer.num_layers > 1 else ""
        return ", ".join(filter(None, [deep, "both ways" if layer.bidirectional else ""]))
    if isinstance(layer, Pool):
        return layer.how
    return f"p {layer.p:g}" if isinstance(layer, nn.Dropout) else ""


def _warm_start(model: nn.Module, source: str) -> str:
    """How much of the model would begin with the weights at `source`, by their names and shapes alone.

    Raises ConfigError when there are none or none fit. "" where only the start can tell: a run that left checkpoints alone.
    """
    path = Path(source).expanduser()
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if path.is_dir() and not file.exists():
        return ""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as stored:  # reads the header, which lists names and shapes
            shapes = {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        reason = clean(getattr(error, "strerror", None) or str(error))
        raise config_error(WEIGHTS_KEY, f"cannot read {clean(file)}: {reason}", "name a run's folder") from None
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    fitting = [name for name, shape in own.items() if shapes.get(name) == shape]
    if not fitting:
        problem = f"none of the weights in {clean(source)} fits this model"
        raise config_error(WEIGHTS_KEY, problem, "use the same kind of model with at least one layer of the same shape")
    return f"begins with {len(fitting)} of {len(own)} weight tensors from {clean(file, 200)}"


# ---- the rates ----


def _only_what_moves_the_rate(config: RunConfig) -> Any:
    """The configuration with everything else at its default: what the rates are remembered by."""
    bare = RunConfig()
    update = {
        "schedule": config.schedule,
        "optimizer": bare.optimizer.model_copy(update={"lr": config.optimizer.lr}),
        "run": bare.run.model_copy(update={"epochs": config.run.epochs}),
    }
    return bare.model_copy(update=update)


@lru_cache(maxsize=16)
def _schedule(config: Any, steps_per_epoch: int) -> tuple[tuple[int, float], ...]:
    return tuple(schedule_points(config, steps_per_epoch, SCHEDULE_POINTS))


def _notes(config: RunConfig, data: DataPreview, batches: Batches) -> list[str]:
    notes = []
    if config.schedule.name == "plateau":
        notes.append("plateau cuts the rate when the validation loss stops falling: its cuts cannot be known ahead")
    if config.run.batch_size > batches.rows:
        notes.append(f"the {batches.rows} training rows make a single batch")
    if config.early_stopping.enabled:
        notes.append("early stopping may end the run sooner")
    if config.trials.kind != "single":
        notes.append(f"{trials_of(config.trials)} models are trained one after another; the steps are those of one")
    return notes
