"""The built-in models, linear, MLP and CNN, and the schemes by which their weights start."""

from __future__ import annotations

from torch import Tensor, nn

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
    modules are present only where their rate is above 0, so that a net without dropout pays nothing for it. Batch norm
    stands in front of the activation (Ioffe and Szegedy 2015).
    """
    layers: list[nn.Module] = _dropout(regularization.input_dropout)
    if config.kind == "linear":
        return initialized(nn.Sequential(*layers, nn.Linear(features, outputs)), config)
    if config.kind == "cnn":
        assert image_shape is not None, "checked against the data before a model is built"
        convolutions, features = _convolutions(config, image_shape)
        layers += [*convolutions, *_dropout(regularization.dropout)]
    for width in config.hidden:
        norm = [nn.BatchNorm1d(width)] if config.batch_norm else []
        layers += [
            nn.Linear(features, width),
            *norm,
            ACTIVATIONS[config.activation](),
            *_dropout(regularization.dropout),
        ]
        features = width
    return initialized(nn.Sequential(*layers, nn.Linear(features, outputs)), config)


def _convolutions(config: ModelConfig, shape: tuple[int, int, int]) -> tuple[list[nn.Module], int]:
    """The convolutional part from flat rows to flat rows, and the width of what it gives."""
    channels, height, width = shape
    layers: list[nn.Module] = [nn.Unflatten(1, shape)]
    for filters in config.channels:
        layers += [
            nn.Conv2d(channels, filters, config.kernel, padding=config.kernel // 2),
            *([nn.BatchNorm2d(filters)] if config.batch_norm else []),
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


def initialized(net: nn.Sequential, config: ModelConfig) -> nn.Sequential:
    """The net with its matrices and filters drawn anew by `config.init` from torch's generator, and its biases at 0.

    ``default`` leaves what PyTorch has drawn. he: normal with variance 2 / fan-in (He et al. 2015); xavier: uniform with
    variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010); orthogonal: Saxe et al. 2014. In the order of the layers.
    """
    if config.init == "default":
        return net
    for layer in net:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            _draw(layer.weight, config)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


def _draw(weight: Tensor, config: ModelConfig) -> None:
    match config.init:
        case "he":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
        case "xavier":
            nn.init.xavier_uniform_(weight)
        case "normal":
            nn.init.normal_(weight, std=config.init_std)
        case "zeros":
            nn.init.zeros_(weight)
        case "orthogonal":
            nn.init.orthogonal_(weight)
