"""The built-in models for sequences: recurrent ones (GRU, LSTM) and a small Transformer encoder, as rows of ordinary layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .config import ModelConfig
from .config.model import SEQUENTIAL
from .errors import config_error


class Gru(nn.GRU):
    """torch's GRU (Cho et al. 2014) from (n, time, features) to the states of its last layer, (n, time, width)."""

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x)[0]


class Lstm(nn.LSTM):
    """torch's LSTM (Hochreiter and Schmidhuber 1997) from (n, time, features) to the states of its last layer, (n, time, width)."""

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x)[0]


class Positions(nn.Module):
    """Adds to each step of (n, time, width) a vector that says where it stands.

    sinusoidal: fixed waves (Vaswani et al. 2017, section 3.5). learned: weights, which start small.
    """

    def __init__(self, steps: int, width: int, how: str) -> None:
        super().__init__()
        if how == "learned":
            self.at = nn.Parameter(0.02 * torch.randn(steps, width))
            return
        place = torch.arange(steps, dtype=torch.float32)[:, None]
        rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
        waves = torch.zeros(steps, width)
        waves[:, 0::2] = torch.sin(place * rate)
        waves[:, 1::2] = torch.cos(place * rate)[:, : width // 2]
        self.register_buffer("at", waves, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.at[: x.shape[1]]


class Pool(nn.Module):
    """One vector (n, width) of all steps (n, time, width): the last one, their mean, or the largest of each number.

    both_ways: the second half of each vector comes from reading backwards, which ends at the first step.
    """

    def __init__(self, how: str, both_ways: bool = False) -> None:
        super().__init__()
        self.how, self.both_ways = how, both_ways

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "mean":
            return x.mean(1)
        if self.how == "max":
            return x.amax(1)
        half = x.shape[2] // 2
        return torch.cat([x[:, -1, :half], x[:, 0, half:]], 1) if self.both_ways else x[:, -1]

    def extra_repr(self) -> str:
        return self.how


def sequence_shape(kind: str, image_shape: tuple[int, int, int] | None, shape: tuple[int, ...]) -> tuple[int, int]:
    """The (time, features) that a sequence model reads a sample as: of a grey picture, its rows from the top.

    Raises ConfigError (``model.kind``) when the samples are nothing of the kind.
    """
    if image_shape is not None and image_shape[0] == 1:
        return image_shape[1], image_shape[2]
    if len(shape) == 2:
        return shape[0], shape[1]
    what = "colour pictures" if image_shape is not None else "a table"
    raise config_error("model.kind", f"{kind} needs sequences, and this dataset is {what}", "use mlp or linear")


def sequence_layers(config: ModelConfig, dropout: float, shape: tuple[int, int], outputs: int) -> list[nn.Module]:
    """The layers from flat rows (n, time * features) to (n, outputs)."""
    steps, features = shape
    layers: list[nn.Module] = [nn.Unflatten(1, shape)]
    width = config.width
    if config.kind == "transformer":
        layers += [nn.Linear(features, width)]
        if config.positions != "none":
            layers.append(Positions(steps, width, config.positions))
        layers += [
            nn.TransformerEncoderLayer(
                width, config.heads, config.feedforward, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.layers)
        ]
        layers += [nn.LayerNorm(width), Pool(config.pooling)]
    else:
        kind = Gru if config.kind == "gru" else Lstm
        inner = dropout if config.layers > 1 else 0.0
        layers.append(
            kind(features, width, config.layers, batch_first=True, dropout=inner, bidirectional=config.bidirectional)
        )
        layers.append(Pool(config.pooling, config.bidirectional))
        width *= 1 + config.bidirectional
    return [*layers, *([nn.Dropout(dropout)] if dropout > 0 else []), nn.Linear(width, outputs)]


def set_inner_dropout(net: nn.Module, rate: float) -> None:
    """Change the rate of the dropout inside the layers of a sequence model."""
    for layer in net.children():
        if isinstance(layer, nn.RNNBase) and layer.num_layers > 1:
            layer.dropout = rate
        elif isinstance(layer, nn.TransformerEncoderLayer):
            layer.dropout.p = layer.dropout1.p = layer.dropout2.p = rate
            layer.self_attn.dropout = rate


__all__ = [
    "SEQUENTIAL", "Gru", "Lstm", "Pool", "Positions", "sequence_layers", "sequence_shape", "set_inner_dropout",
]  # fmt: skip
