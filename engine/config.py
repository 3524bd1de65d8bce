"""Every knob of a run, declared once.

A knob's type, bounds, default, label, help, unit and the condition under which it means anything stand here and nowhere else;
the form, the command line, the TOML reader, the help screen and the tables in the documentation are loops over this file.

Sections are frozen and strict: a wrong type is refused, not converted, and so are unknown keys, NaN and infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from .data.catalogue import card, is_file


@dataclass(frozen=True, slots=True)
class When:
    """The condition under which a knob means anything: `test` holds for the value of knob `key`. `words` says it."""

    key: str
    test: Callable[[Any], bool]
    words: str


def chosen(key: str, *names: str) -> When:
    """The knob counts when the choice `key` is one of `names`."""
    return When(key, lambda value: value in names, f"{key} is {' or '.join(names)}")


def switched_on(key: str) -> When:
    """The knob counts when the switch `key` is on."""
    return When(key, lambda value: value is True, f"{key} is on")


def knob(
    default: Any,
    *,
    label: str,
    help: str,
    unit: str = "",
    when: When | Sequence[When] = (),
    log: bool = False,
    **bounds: Any,
) -> Any:
    """A pydantic field with what a form and a help screen need.

    label: two or three words. help: two or three sentences, the first of which can stand alone. unit: of the value, or "".
    when: conditions that must all hold for the knob to mean anything. log: the value is best changed by factors, not by
    steps (learning rates, penalties). bounds: ``gt``, ``ge``, ``lt``, ``le`` and the like, as pydantic has them.
    """
    conditions = (when,) if isinstance(when, When) else tuple(when)
    extra: dict[str, Any] = {"unit": unit, "log": log, "when": conditions}
    return Field(default, title=label, description=help, json_schema_extra=extra, **bounds)


def _listed(value: Any) -> Any:
    """TOML has lists, a frozen config has tuples."""
    return tuple(value) if isinstance(value, list) else value


Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], BeforeValidator(_listed)]

_FILE = When("data.source", lambda value: isinstance(value, str) and is_file(value), "data.source is a file")
_GENERATED = When(
    "data.source",
    lambda value: isinstance(value, str) and (known := card(value)) is not None and known.generated,
    "data.source is a generated set",
)


class Section(BaseModel):
    """A group of knobs. The docstring of each subclass is the heading above its knobs in the form."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class DataConfig(Section):
    """Data"""

    source: str = knob(
        "digits",
        label="dataset",
        help="The name of a built-in dataset, or the path of a CSV file. `nntui datasets` lists the built-in ones.",
        min_length=1,
    )
    target: str = knob(
        "",
        label="target column",
        help="The column of the file that the model learns to predict. Every other column is an input.",
        when=_FILE,
    )
    task: Literal["auto", "classification", "regression"] = knob(
        "auto",
        label="task",
        help="Whether the target is a class or a quantity. auto takes text and whole numbers with few different values "
        "for classes and everything else for a quantity.",
        when=_FILE,
    )
    rows: int = knob(
        1000,
        label="points",
        help="How many points to generate. More points make overfitting harder.",
        when=_GENERATED,
        ge=30,
        le=1_000_000,
    )
    noise: float = knob(
        0.2,
        label="noise",
        help="Standard deviation of the noise added to the generated points. 0 draws the pure shape; at 0.5 and more the "
        "classes overlap and no model can be perfect.",
        when=_GENERATED,
        ge=0.0,
        le=10.0,
    )
    validation: float = knob(
        0.1,
        label="validation share",
        help="The share of rows held out to watch training: early stopping and the warnings look at it. 0.1 to 0.2 is "
        "usual; with too few rows the curve is noise, with too many there is little left to learn from.",
        gt=0.0,
        lt=1.0,
    )
    test: float = knob(
        0.1,
        label="test share",
        help="The share of rows kept aside until the very end and used once, for an honest figure. Nothing is tuned on "
        "it.",
        gt=0.0,
        lt=1.0,
    )
    stratify: bool = knob(
        True,
        label="stratify",
        help="Give every part of the split the same mix of classes. Matters most with few rows or rare classes; has no "
        "meaning for regression.",
    )
    seed: int = knob(
        0,
        label="split seed",
        help="The seed of the split (and of generated points). The same seed gives the same rows in the same parts.",
        ge=0,
        le=2**31 - 1,
    )
    standardize: bool = knob(
        True,
        label="standardize",
        help="Shift and scale the inputs to mean 0 and standard deviation 1, measured on the training part only. Nets "
        "learn badly from inputs of very different sizes, so leave it on unless the data is scaled already.",
    )
    train_rows: int = knob(
        0,
        label="training rows",
        help="Keep only this many rows of the training part, 0 for all. With few rows a net learns them by heart: the "
        "quickest way to see overfitting.",
        ge=0,
    )


class ModelConfig(Section):
    """Model"""

    kind: Literal["mlp", "linear", "cnn"] = knob(
        "mlp",
        label="model",
        help="The kind of network. linear: one layer, no hidden units. mlp: fully connected layers. cnn: convolutions in front, for pictures "
        "only.",
    )
    hidden: Widths = knob(
        (128, 64),
        label="hidden layers",
        help="The widths of the hidden layers, in order, such as 128, 64. Wider and deeper nets fit more, and overfit "
        "sooner; an empty list leaves a linear output layer.",
        unit="units",
        when=chosen("model.kind", "mlp", "cnn"),
        max_length=64,
    )
    channels: Widths = knob(
        (16, 32),
        label="channels",
        help="The number of filters of each convolution, in order. After each one the picture is halved by max pooling "
        "while it is at least 4 pixels wide.",
        unit="filters",
        when=chosen("model.kind", "cnn"),
        min_length=1,
        max_length=16,
    )
    kernel: int = knob(
        3,
        label="kernel size",
        help="The width and height of the filters. 3 is usual; 5 or 7 look at larger patterns at a higher cost. Must be "
        "odd so that the picture keeps its size.",
        unit="pixels",
        when=chosen("model.kind", "cnn"),
        ge=1,
        le=15,
    )
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = knob(
        "relu",
        label="activation",
        help="The non-linearity after each hidden layer. relu is the safe choice; sigmoid and tanh flatten out for large "
        "inputs, which starves the early layers of a deep net of gradient.",
        when=chosen("model.kind", "mlp", "cnn"),
    )


class RegularizationConfig(Section):
    """Regularization"""

    dropout: float = knob(
        0.0,
        label="dropout",
        help="The chance that a hidden unit is switched off in a training step. Makes units learn to do without each "
        "other: 0.1 to 0.5 is usual, beyond 0.6 the net often cannot learn at all. In a cnn it acts behind the "
        "convolutions.",
        when=chosen("model.kind", "mlp", "cnn"),
        ge=0.0,
        lt=1.0,
    )
    input_dropout: float = knob(
        0.0,
        label="input dropout",
        help="The chance that an input is set to zero in a training step. Keep it small, 0.05 to 0.2: it throws away "
        "data.",
        ge=0.0,
        lt=1.0,
    )
    l1: float = knob(
        0.0,
        label="L1",
        help="Adds l1 * sum |w| over the weight matrices to the loss. Drives useless weights to exactly about zero; "
        "typical values are 1e-6 to 1e-3.",
        log=True,
        ge=0.0,
        le=1e3,
    )
    l2: float = knob(
        0.0,
        label="L2",
        help="Adds l2 * sum w^2 over the weight matrices to the loss. Keeps weights small and the fit smooth; typical "
        "values are 1e-5 to 1e-2, and too much of it underfits.",
        log=True,
        ge=0.0,
        le=1e3,
    )


class OptimizerConfig(Section):
    """Optimizer"""

    name: Literal["sgd", "adam", "adamw"] = knob(
        "adam",
        label="optimizer",
        help="The rule that turns gradients into steps. sgd: plain gradient descent, with momentum if set. adam: adapts the step of each weight, a good first "
        "choice. adamw: adam with decoupled weight decay.",
    )
    lr: float = knob(
        1e-3,
        label="learning rate",
        help="The size of a step. The knob that matters most: too large and the loss jumps or explodes, too small and "
        "nothing happens. Around 1e-3 for adam and 1e-2 to 1e-1 for sgd is usual.",
        log=True,
        gt=0.0,
        le=1e3,
    )
    momentum: float = knob(
        0.9,
        label="momentum",
        help="How much of the last step is carried into the next. 0.9 smooths the zigzag of stochastic descent and rolls "
        "over small bumps; 0 is plain descent, and close to 1 it overshoots.",
        when=chosen("optimizer.name", "sgd"),
        ge=0.0,
        lt=1.0,
    )
    nesterov: bool = knob(
        False,
        label="Nesterov",
        help="Look ahead along the momentum before taking the gradient. Often a little faster than plain momentum, and "
        "needs momentum above 0.",
        when=[
            chosen("optimizer.name", "sgd"),
            When("optimizer.momentum", lambda value: isinstance(value, int | float) and value > 0, "momentum > 0"),
        ],
    )
    beta1: float = knob(
        0.9,
        label="beta 1",
        help="How slowly the running mean of the gradient forgets. 0.9 is nearly always right.",
        when=chosen("optimizer.name", "adam", "adamw"),
        ge=0.0,
        lt=1.0,
    )
    beta2: float = knob(
        0.999,
        label="beta 2",
        help="How slowly the running mean of the squared gradient forgets. Lower it to 0.95 or so when the loss spikes.",
        when=chosen("optimizer.name", "adam", "adamw"),
        ge=0.0,
        lt=1.0,
    )
    weight_decay: float = knob(
        0.01,
        label="weight decay",
        help="Shrinks every weight by lr * weight_decay a step, apart from the gradient. Unlike L2 it is not rescaled by "
        "the adaptive step, so it acts alike on all weights; 0.01 to 0.1 is usual.",
        when=chosen("optimizer.name", "adamw"),
        log=True,
        ge=0.0,
        le=100.0,
    )
    clip_norm: float = knob(
        0.0,
        label="clip norm",
        help="Scale the gradient down when its norm exceeds this, 0 for never. Tames exploding gradients; 1 to 5 is "
        "usual, and a value that always bites is a smaller learning rate in disguise.",
        log=True,
        ge=0.0,
        le=1e6,
    )


class ScheduleConfig(Section):
    """Schedule"""

    name: Literal["constant", "step", "cosine", "plateau"] = knob(
        "constant",
        label="schedule",
        help="How the learning rate changes over the run. step: cut it every few epochs. cosine: lower it smoothly to "
        "the end. plateau: cut it when the validation loss stops falling.",
    )
    step_size: int = knob(
        15,
        label="step every",
        help="Cut the learning rate after this many epochs, again and again.",
        unit="epochs",
        when=chosen("schedule.name", "step"),
        ge=1,
    )
    gamma: float = knob(
        0.5,
        label="factor",
        help="What the learning rate is multiplied by at each cut. 0.1 is a sharp cut, 0.5 a gentle one.",
        when=chosen("schedule.name", "step", "plateau"),
        gt=0.0,
        lt=1.0,
    )
    patience: int = knob(
        5,
        label="plateau patience",
        help="Bear this many epochs in a row without a better validation loss; the next one cuts the learning rate. Keep "
        "it well below the patience of early stopping, or the run ends before the cut can help.",
        unit="epochs",
        when=chosen("schedule.name", "plateau"),
        ge=0,
    )
    min_lr: float = knob(
        0.0,
        label="lowest rate",
        help="The learning rate never falls below this. 0 lets it fall all the way.",
        when=chosen("schedule.name", "cosine", "plateau"),
        log=True,
        ge=0.0,
    )


class EarlyStoppingConfig(Section):
    """Early stopping"""

    enabled: bool = knob(
        True,
        label="early stopping",
        help="End the run when the validation loss has not improved for a while. Saves time and is the simplest cure for "
        "overfitting.",
    )
    patience: int = knob(
        10,
        label="patience",
        help="How many epochs in a row without improvement end the run. Too few stop on noise, too many only waste time; "
        "5 to 20 is usual.",
        unit="epochs",
        when=switched_on("early_stopping.enabled"),
        ge=1,
    )
    min_delta: float = knob(
        1e-4,
        label="must improve by",
        help="A validation loss counts as better only when it beats the best by more than this. 0 counts any gain.",
        when=switched_on("early_stopping.enabled"),
        log=True,
        ge=0.0,
    )
    restore_best: bool = knob(
        True,
        label="restore best",
        help="Go back to the weights of the best epoch when the run ends, and test those. Off, the last weights are "
        "kept.",
    )


class RunSettings(Section):
    """Run"""

    epochs: int = knob(
        50,
        label="epochs",
        help="How often the run goes through the training data at the most. Early stopping may end it sooner.",
        unit="epochs",
        ge=1,
        le=1_000_000,
    )
    batch_size: int = knob(
        32,
        label="batch size",
        help="Samples per step, 0 for the whole training set (batch descent), 1 for stochastic descent. Small batches "
        "are noisy, which can help; large ones are faster on a GPU. 16 to 256 is usual.",
        unit="samples",
        log=True,
        ge=0,
    )
    seed: int = knob(
        0,
        label="seed",
        help="The seed of the initial weights, the order of the batches and dropout. Another seed is a random restart: "
        "it shows how much of a result is luck.",
        ge=0,
        le=2**31 - 1,
    )
    device: Literal["auto", "cuda", "mps", "cpu"] = knob(
        "auto",
        label="device",
        help="Where to train. auto takes a CUDA GPU, then Apple's, then the CPU.",
    )
    name: str = knob(
        "",
        label="run name",
        help="A name for the run's folder. Empty, it is made from the dataset and the model.",
        max_length=60,
    )
    folder: str = knob(
        "runs",
        label="runs folder",
        help="Where run folders are written, each with its settings, its journal and its TensorBoard log.",
        min_length=1,
    )
    tensorboard: bool = knob(
        True,
        label="TensorBoard",
        help="Write every curve to a TensorBoard log in the run's folder: `tensorboard --logdir runs` shows it.",
    )


class RunConfig(BaseModel):
    """The settings of one run: what a TOML file, the flags and the form all become.

    Example::

        from engine import RunConfig
        config = RunConfig.model_validate({"optimizer": {"lr": 0.01}, "regularization": {"dropout": 0.3}})
        config.optimizer.lr  # 0.01
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    regularization: RegularizationConfig = Field(default_factory=RegularizationConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig)
    early_stopping: EarlyStoppingConfig = Field(default_factory=EarlyStoppingConfig)
    run: RunSettings = Field(default_factory=RunSettings)
