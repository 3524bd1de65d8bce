"""The built-in models: linear, MLP and CNN. Weights start as PyTorch's own defaults."""

from __future__ import annotations

from torch import nn

from .config import ModelConfig, RegularizationConfig

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "identity": nn.Identity,
}


def build_model(
    config: ModelConfig,
    regularization: RegularizationConfig,
    features: int,
    outputs: int,
    image_shape: tuple[int, int, int] | None = None,
) -> nn.Sequential:
    """A model from (n, features) to (n, outputs): logits for classification, one value for regression.

    image_shape is (channels, height, width) with product `features`; the CNN needs it, the others ignore it. Dropout
    modules are present only where their rate is above 0, so that a net without dropout pays nothing for it.
    """
    layers: list[nn.Module] = _dropout(regularization.input_dropout)
    if config.kind == "linear":
        return nn.Sequential(*layers, nn.Linear(features, outputs))
    if config.kind == "cnn":
        assert image_shape is not None, "checked against the data before a model is built"
        convolutions, features = _convolutions(config, image_shape)
        layers += [*convolutions, *_dropout(regularization.dropout)]
    for width in config.hidden:
        layers += [nn.Linear(features, width), ACTIVATIONS[config.activation](), *_dropout(regularization.dropout)]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, outputs))


def _convolutions(config: ModelConfig, shape: tuple[int, int, int]) -> tuple[list[nn.Module], int]:
    """The convolutional part from flat rows to flat rows, and the width of what it gives."""
    channels, height, width = shape
    layers: list[nn.Module] = [nn.Unflatten(1, shape)]
    for filters in config.channels:
        layers += [
            nn.Conv2d(channels, filters, config.kernel, padding=config.kernel // 2),
            ACTIVATIONS[config.activation](),
        ]
        channels = filters
        if min(height, width) >= 4:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    layers.append(nn.Flatten())
    return layers, channels * height * width


def _dropout(rate: float) -> list[nn.Module]:
    return [nn.Dropout(rate)] if rate > 0 else []
