"""A model of the user's own as a preview shows it: built and tried on shapes alone where its code allows that."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import RunConfig
from .errors import InputError
from .losses import outputs_of, with_head
from .memory import META
from .models import build_model
from .ownmodel import OwnModel, chance_state, put_chance
from .preview import DataPreview, Layer
from .rehearsal import Trace, forward, judge, look_at_weights, measure
from .text import clean

ROWS = 2


def own_model(config: RunConfig, data: DataPreview) -> OwnModel:
    """The model on the meta device, or with numbers on the CPU where only that works; tried on rows of zeros.

    No random number of the process is drawn in the end. Raises InputError as a run would, as far as shapes can tell.
    """
    chance, drawn = chance_state(), torch.get_rng_state()
    try:
        try:
            with META:
                return _tried(config, data, torch.empty((ROWS, data.features), device=META))
        except InputError:  # true of a run as well, or only of shapes: the numbers will tell
            return _tried(config, data, torch.zeros((ROWS, data.features)))
    finally:
        put_chance(chance)
        torch.set_rng_state(drawn)


def _tried(config: RunConfig, data: DataPreview, x: Tensor) -> OwnModel:
    outputs = outputs_of(config.loss.name, len(data.class_names))
    picture = data.shape if len(data.shape) == 3 else None
    model = build_model(
        config.model, config.regularization, data.features, outputs, picture, data.shape, data.vocabulary
    )
    assert isinstance(model, OwnModel)
    look_at_weights(model)
    trace, answer = forward(model, x)
    judge(model, answer, ROWS, outputs, trace)
    measure(model, trace, ROWS)
    model.trace = trace
    with_head(model, config.loss.name, outputs)
    return model


def own_layers(model: OwnModel) -> tuple[Layer, ...]:
    """The layers of a model that `own_model` gave, in the order in which they were called first, then those that were not."""
    trace: Trace = model.trace
    shapes: dict[int, tuple[int, ...]] = {}
    order: dict[int, int] = {}
    for place, (_, layer, shape) in enumerate(trace.outputs):
        order.setdefault(id(layer), place)
        shapes[id(layer)] = tuple(shape[1:])
    found: list[tuple[int, Layer]] = []
    counted: set[int] = set()
    for name, part in model.layers():
        own = [part] if isinstance(part, nn.Parameter) else list(part.parameters())
        size = sum(one.numel() for one in own if one.requires_grad and id(one) not in counted)
        counted |= {id(one) for one in own}
        kind = "parameter" if isinstance(part, nn.Parameter) else type(part).__name__
        output = tuple(part.shape) if isinstance(part, nn.Parameter) else shapes.get(id(part), ())
        place = order.get(id(part), -1 if isinstance(part, nn.Parameter) else len(trace.outputs))
        found.append((place, Layer(clean(name, 60), clean(f"{name} {kind}", 40), "", output, size)))
    return tuple(layer for _, layer in sorted(found, key=lambda one: one[0]))
