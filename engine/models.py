"""The built-in models, linear, MLP, CNN and those for sequences, and the schemes by which their weights start; the door to the user's own ones."""

from __future__ import annotations

from torch import Tensor, nn

from .config import ModelConfig, RegularizationConfig
from .errors import config_error
from .ownmodel import OwnModel, build_own
from .sequencemodels import SEQUENTIAL, Pool, sequence_layers, sequence_shape, set_inner_dropout
from .textmodels import AttendWords, ReadWords, reader_of, set_reading_dropout, text_reader

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
    shape: tuple[int, ...] = (),
    vocabulary: int = 0,
) -> nn.Module:
    """A model from (n, features) to (n, outputs): logits for classification, one value for regression.

    image_shape is (channels, height, width) with product `features`; the CNN needs it. shape: of a sample that is neither a row
    nor a picture, such as (time, features); a sequence model (engine.sequencemodels) and one of the user's own (engine.ownmodel) look at it. vocabulary: of texts, how many
    numbers stand for their words (0: the data is no texts); the features are then the words, see engine.textmodels. Dropout
    modules are present only where their rate is above 0, so that a net without dropout pays nothing for it. Batch norm
    stands in front of the activation (Ioffe and Szegedy 2015).
    """
    if config.kind == "custom":
        sample = image_shape or shape or (features,)
        return build_own(config, regularization.input_dropout, features, sample, outputs, vocabulary)
    layers: list[nn.Module] = _dropout(regularization.input_dropout)
    if vocabulary:
        if config.kind == "cnn":
            raise config_error("model.kind", "cnn needs pictures, and this dataset holds texts", "use mlp or gru")
        reader = text_reader(config, regularization.dropout, vocabulary, features)
        layers, features = [reader], reader.width
        if config.kind in SEQUENTIAL:
            return nn.Sequential(reader, *_dropout(regularization.dropout), nn.Linear(features, outputs))
    elif config.kind in SEQUENTIAL:
        steps = sequence_shape(config.kind, image_shape, shape)
        return nn.Sequential(*layers, *sequence_layers(config, regularization.dropout, steps, outputs))
    if config.kind == "linear":
        return initialized(nn.Sequential(*layers, nn.Linear(features, outputs)), config)
    if config.kind == "cnn":
        if image_shape is None:
            raise config_error("model.kind", "cnn needs pictures, and this dataset is a table", "use mlp or linear")
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


_ACTIVATIONS = tuple(ACTIVATIONS.values())


class LateDropout:
    """Dropout behind a module that was built without it, as a hook: the names of the net's weights stay as they are."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def behind(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return nn.functional.dropout(output, self.rate, module.training) if self.rate else output

    def in_front(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (nn.functional.dropout(inputs[0], self.rate, module.training), *inputs[1:]) if self.rate else inputs


def set_dropout(net: nn.Module, hidden: float, inputs: float, compiled: bool = False) -> None:
    """Change the dropout rates of a net from `build_model` in place, also where it was built without dropout.

    compiled: the net is translated, and would not notice what is added to it; then a rate where there was none raises
    ConfigError.
    """
    if isinstance(net, OwnModel):
        net.input_dropout.p = inputs
        return
    set_inner_dropout(net, hidden)
    if (reader := reader_of(net)) is not None:
        set_reading_dropout(reader, hidden)
    layers = list(net.children())
    first = layers[0] if layers else net
    if isinstance(first, nn.Dropout):
        first.p = inputs
    else:
        _late(net, "in_front", inputs, "regularization.input_dropout", compiled)
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        place = layers.index(layer)
        dense = any(isinstance(one, nn.Linear) for one in layers[max(0, place - 2) : place])
        flat = isinstance(layer, Pool | ReadWords | AttendWords) or (
            isinstance(layer, nn.Flatten) and layer.start_dim == 1
        )
        if (isinstance(layer, _ACTIVATIONS) and dense) or flat:
            if isinstance(following, nn.Dropout):
                following.p = hidden
            else:
                _late(layer, "behind", hidden, "regularization.dropout", compiled)


def _late(module: nn.Module, side: str, rate: float, key: str, compiled: bool) -> None:
    """Put a rate into the hook of a module; the hook is made with the first one that is not 0."""
    hook = getattr(module, "_late_dropout", None)
    if hook is not None:
        hook.rate = rate
    elif rate:
        if compiled:
            problem = "a compiled model that was built without dropout cannot get any"
            raise config_error(key, problem, "start a new run, or begin with a small rate")
        hook = LateDropout(rate)
        object.__setattr__(module, "_late_dropout", hook)
        if side == "behind":
            module.register_forward_hook(hook.behind)
        else:
            module.register_forward_pre_hook(hook.in_front)


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
