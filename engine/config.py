"""Every knob of a run, declared once.

A knob's type, bounds, default, label, help, unit and the condition under which it means anything stand here and nowhere else;
the form, the command line, the TOML reader, the help screen and the tables in the documentation are loops over this file.

Sections are frozen and strict: a wrong type is refused, not converted, and so are unknown keys, NaN and infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from .data.catalogue import card, is_file
from .torchtable import Family, table


@dataclass(frozen=True, slots=True)
class When:
    """The condition under which a knob means anything: `test` holds for the value of knob `key`, or one of `others` holds.

    `words` says it.
    """

    key: str
    test: Callable[[Any], bool]
    words: str
    others: tuple[When, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every knob that the condition looks at."""
        return (self.key, *(key for other in self.others for key in other.keys))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition is met, given the values of all knobs by key."""
        return self.test(values.get(self.key)) or any(other.holds(values) for other in self.others)


def chosen(key: str, *names: str) -> When:
    """The knob counts when the choice `key` is one of `names`."""
    return When(key, lambda value: value in names, f"{key} is {' or '.join(names)}")


def switched_on(key: str) -> When:
    """The knob counts when the switch `key` is on."""
    return When(key, lambda value: value is True, f"{key} is on")


def above_zero(key: str) -> When:
    """The knob counts when the number `key` is not 0."""
    return When(key, lambda value: isinstance(value, int | float) and value > 0, f"{key} > 0")


def either(first: When, *others: When) -> When:
    """The knob counts when any of the conditions holds."""
    return When(first.key, first.test, " or ".join(condition.words for condition in (first, *others)), others)


def knob(
    default: Any,
    *,
    label: str,
    help: str,
    unit: str = "",
    when: When | Sequence[When] = (),
    log: bool = False,
    defaults: Mapping[str, Any] | None = None,
    **bounds: Any,
) -> Any:
    """A pydantic field with what a form and a help screen need.

    label: two or three words. help: two or three sentences, the first of which can stand alone. unit: of the value, or "".
    when: conditions that must all hold for the knob to mean anything. log: the value is best changed by factors, not by
    steps (learning rates, penalties). defaults: what takes the place of `default` for some choices of the section's ``name``: each
    optimizer has its own. bounds: ``gt``, ``ge``, ``lt``, ``le`` and the like, as pydantic has them.
    """
    conditions = (when,) if isinstance(when, When) else tuple(when)
    extra: dict[str, Any] = {"unit": unit, "log": log, "when": conditions, "defaults": dict(defaults or {})}
    return Field(default, title=label, description=help, json_schema_extra=extra, **bounds)


def _listed(value: Any) -> Any:
    """TOML has lists, a frozen config has tuples."""
    return tuple(value) if isinstance(value, list) else value


def torch_knob(
    family: Family,
    name: str,
    *,
    of: Callable[[Any], Any] = float,
    ours: Mapping[str, Any] | None = None,
    when: When | Sequence[When] = (),
    **rest: Any,
) -> Any:
    """A knob for an argument of torch's optimizers or schedulers, visible for those that have it, with torch's defaults.

    of: the type of its values. ours: defaults of our own, where torch has none or another suits better here. The rest goes
    to `knob`.
    """
    section = "optimizer" if family == "optimizers" else "schedule"
    names = table().having(family, name)
    merged = {**table().defaults(family, name), **(ours or {})}
    defaults = {choice: of(merged[choice]) for choice in names}
    everywhere = "adam" if "adam" in defaults else "sgd" if "sgd" in defaults else next(iter(defaults))
    conditions = [when] if isinstance(when, When) else list(when)
    if name != "lr":  # which all of them have, so that it depends on nothing
        conditions.insert(0, chosen(f"{section}.name", *names))
    others = {choice: value for choice, value in defaults.items() if value != defaults[everywhere]}
    return knob(defaults[everywhere], when=conditions, defaults=others, **rest)


MOMENTUM_CAN_CYCLE = tuple(
    name
    for name in table().optimizers
    if name != "muon" and name in {*table().having("optimizers", "momentum"), *table().having("optimizers", "beta1")}
)
"""The optimizers whose momentum (or beta1) a cyclic schedule can move. muon is two optimizers in one, with one each."""


Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], BeforeValidator(_listed)]

_FILE = When("data.source", lambda value: isinstance(value, str) and is_file(value), "data.source is a file")
_GENERATED = When(
    "data.source",
    lambda value: isinstance(value, str) and (known := card(value)) is not None and known.generated,
    "data.source is a generated set",
)


_ONE_SPLIT = chosen("trials.kind", "single", "restarts")


_CLASSES = When(
    "data.source",
    lambda value: isinstance(value, str) and ((known := card(value)) is None or known.task == "classification"),
    "data.source has classes",
)


class Section(BaseModel):
    """A group of knobs. The docstring of each subclass is the heading above its knobs in the form."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_choice(cls, given: Any) -> Any:
        """Fill in what is not given where the default depends on the choice `name`."""
        if not isinstance(given, Mapping) or "name" not in cls.model_fields:
            return given
        choice = given.get("name", cls.model_fields["name"].default)
        filled = dict(given)
        for name, field in cls.model_fields.items():
            extra = field.json_schema_extra
            defaults: Any = extra["defaults"] if isinstance(extra, dict) else {}
            if name not in filled and isinstance(choice, str) and choice in defaults:
                filled[name] = defaults[choice]
        return filled


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
    missing: Literal["refuse", "mean", "median", "drop"] = knob(
        "refuse",
        label="missing values",
        help="What to do with empty cells and NaN in the input columns. refuse: list them as faults. mean and median: fill in that of the "
        "column over the training part; median is safer with outliers. drop: leave those rows out, best when they are few. A "
        "column that is mostly missing should be removed instead.",
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
        when=_ONE_SPLIT,
        gt=0.0,
        lt=1.0,
    )
    test: float = knob(
        0.1,
        label="test share",
        help="The share of rows kept aside until the very end and used once, for an honest figure. Nothing is tuned on "
        "it.",
        when=_ONE_SPLIT,
        gt=0.0,
        lt=1.0,
    )
    shuffle: bool = knob(
        True,
        label="shuffle",
        help="Mix the rows before they are divided. Off, the first rows are trained on, the next watched and the last "
        "tested, which is the honest way for a time series: nothing may be learned from the future. Leave it on for "
        "everything else; a file that is sorted by class would put whole classes into one part.",
    )
    stratify: bool = knob(
        True,
        label="stratify",
        help="Give every part of the split the same mix of classes. Matters most with few rows or rare classes; has no "
        "meaning for regression.",
        when=switched_on("data.shuffle"),
    )
    seed: int = knob(
        0,
        label="split seed",
        help="The seed of the split (and of generated points). The same seed gives the same rows in the same parts.",
        when=either(switched_on("data.shuffle"), _GENERATED),
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
    batch_norm: bool = knob(
        False,
        label="batch norm",
        help="Normalize each hidden unit over the batch, in front of its activation. Lets deep nets learn at higher learning "
        "rates; needs batches of 2 rows or more, and with fewer than about 8 its statistics are mostly noise.",
        when=chosen("model.kind", "mlp", "cnn"),
    )
    init: Literal["default", "he", "xavier", "normal", "zeros", "orthogonal"] = knob(
        "default",
        label="initial weights",
        help="How the weights are drawn before training; biases start at 0 except under default, which is PyTorch's own "
        "scheme. he keeps the size of signals through relu layers, xavier through tanh and sigmoid, orthogonal through very "
        "deep nets. normal takes a spread of your own, and zeros shows why chance is needed: all units of a layer stay equal.",
    )
    init_std: float = knob(
        0.05,
        label="initial spread",
        help="Standard deviation of the initial weights. 0.01 to 0.1 is usual: much smaller and the signal dies out on its way "
        "through the layers, much larger and units saturate or the loss starts enormous.",
        when=chosen("model.init", "normal"),
        log=True,
        gt=0.0,
        le=100.0,
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
        help="Adds l1 * sum |w| over the weight matrices to the loss. Drives useless weights to practically zero, which shows "
        "which inputs matter; with L2 beside it, it is the elastic net. 1e-6 to 1e-3 is usual, and too much of it leaves "
        "no weights at all.",
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
    weight_decay: float = knob(
        0.0,
        label="decoupled decay",
        help="Shrinks the weights by lr * weight_decay * w at each step, apart from the gradient and from any decay of the "
        "optimizer's own. Unlike L2 it does not go through adam's division by the size of past gradients, so it shrinks all "
        "weights alike. 1e-4 to 0.1 is usual; too much underfits.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    penalty_on: Literal["weights", "all"] = knob(
        "weights",
        label="penalized",
        help="What L1, L2 and decoupled decay act on. weights: matrices and filters only, which is usual, since a bias makes no "
        "fit wild. all: biases and the scales of batch norm too.",
        when=either(
            above_zero("regularization.l1"), above_zero("regularization.l2"), above_zero("regularization.weight_decay")
        ),
    )
    max_norm: float = knob(
        0.0,
        label="max norm",
        help="After each step, scale the incoming weights of a unit back so that their norm is at most this; 0 for never. "
        "Goes well with dropout and high learning rates. 2 to 4 is usual; far below 1 the net cannot tell inputs apart.",
        ge=0.0,
        le=1e6,
    )
    label_smoothing: float = knob(
        0.0,
        label="label smoothing",
        help="Train towards a right answer of 1 - s and spread s evenly over all classes, so that the net does not grow ever "
        "more certain. 0.05 to 0.2 is usual; near 1 all answers look alike. Only training sees it: validation and test "
        "keep the plain loss so that runs compare.",
        when=[chosen("loss.name", "auto", "cross_entropy"), _CLASSES],
        ge=0.0,
        lt=1.0,
    )
    input_noise: float = knob(
        0.0,
        label="input noise",
        help="Standard deviation of the Gaussian noise added to the inputs in each training step; standardized inputs have a "
        "deviation of 1. New noise at each step makes it hard to learn single rows by heart. 0.05 to 0.3 is usual; beyond 1 "
        "the noise drowns the data.",
        ge=0.0,
        le=100.0,
    )
    mixup: float = knob(
        0.0,
        label="mixup",
        help="Train on blends of two rows and of their targets, with a share drawn from Beta(mixup, mixup); 0 for none. Smooths "
        "the decision between classes and tames wrong labels. 0.1 to 0.4 is usual; large values blend half and half at "
        "every step, and the net underfits.",
        ge=0.0,
        le=100.0,
    )


class LossConfig(Section):
    """Loss"""

    name: Literal["auto", "cross_entropy", "bce", "nll", "hinge", "mse", "l1", "huber", "smooth_l1"] = knob(
        "auto",
        label="loss",
        help="What training makes small. auto: cross_entropy for classes, mse for a quantity. bce: one output for two classes. nll: "
        "cross_entropy with the log-softmax inside the model. hinge: only asks that the right class wins by a margin of 1, "
        "and gives no probabilities. mse punishes large errors most, which outliers abuse; l1 treats all errors alike, and huber and "
        "smooth_l1 are mse near 0 and l1 far away. Values of different losses cannot be compared.",
    )
    delta: float = knob(
        1.0,
        label="huber delta",
        help="Errors up to this are squared, larger ones count linearly; in standard deviations of the target. 0.5 to 2 is usual: "
        "a large one is half of mse, a tiny one is l1 with a very small gradient.",
        when=chosen("loss.name", "huber"),
        log=True,
        gt=0.0,
        le=1e6,
    )
    beta: float = knob(
        1.0,
        label="smooth beta",
        help="Errors up to this are squared, larger ones count linearly; in standard deviations of the target. As huber with this delta, "
        "divided by it, so that far errors keep a slope of 1. 0.1 to 2 is usual; a tiny one is l1.",
        when=chosen("loss.name", "smooth_l1"),
        log=True,
        gt=0.0,
        le=1e6,
    )
    class_weights: Literal["none", "balanced"] = knob(
        "none",
        label="class weights",
        help="balanced: a sample counts more, the rarer its class is in the training part: n / (classes * count). Use it when rare "
        "classes matter and are never predicted. It costs accuracy on the common ones, and with a handful of samples the "
        "net learns those by heart.",
        when=[chosen("loss.name", "auto", "cross_entropy", "bce", "nll", "hinge"), _CLASSES],
    )


class OptimizerConfig(Section):
    """Optimizer"""

    name: Literal[
        "sgd", "adam", "adamw", "adamax", "nadam", "radam", "rmsprop", "rprop",
        "adagrad", "adadelta", "adafactor", "asgd", "lbfgs", "muon",
    ] = knob(
        "adam",
        label="optimizer",
        help="The rule that turns gradients into steps; each has its own fields. sgd: plain descent, with momentum. adam: adapts "
        "the step of each weight, a good first choice, and so do its relatives. rprop and lbfgs want full batches; muon "
        "orthogonalizes the steps of matrices.",
    )  # fmt: skip
    lr: float = torch_knob(
        "optimizers",
        "lr",
        label="learning rate",
        help="The size of a step. The knob that matters most: too large and the loss jumps or explodes, too small and "
        "nothing happens. Around 1e-3 for adam, 1e-2 to 1e-1 for sgd and 1 for adadelta and lbfgs is usual; `nntui lr-find` "
        "measures what suits.",
        log=True,
        gt=0.0,
        le=1e3,
    )
    momentum: float = torch_knob(
        "optimizers",
        "momentum",
        ours={"sgd": 0.9},  # PyTorch's 0 is plain descent, which few want
        label="momentum",
        help="How much of the last step is carried into the next. 0.9 smooths the zigzag of stochastic descent and rolls "
        "over small bumps; 0 is plain descent, and close to 1 it overshoots.",
        ge=0.0,
        lt=1.0,
    )
    dampening: float = torch_knob(
        "optimizers",
        "dampening",
        label="dampening",
        help="How much the new gradient is weakened before it joins the momentum. 0 is usual; equal to the momentum it makes a "
        "running mean, whose steps are smaller, and at 1 new gradients stop counting at all.",
        when=above_zero("optimizer.momentum"),
        ge=0.0,
        le=1.0,
    )
    nesterov: bool = torch_knob(
        "optimizers",
        "nesterov",
        of=bool,
        label="Nesterov",
        help="Look ahead along the momentum before taking the gradient. Often a little faster than plain momentum, and "
        "needs momentum above 0 and no dampening.",
        when=[
            above_zero("optimizer.momentum"),
            When("optimizer.dampening", lambda value: value == 0, "dampening is 0"),
        ],
    )
    beta1: float = torch_knob(
        "optimizers",
        "beta1",
        label="beta 1",
        help="How slowly the running mean of the gradient forgets. 0.9 is nearly always right; 0 is no momentum, and close to 1 "
        "it overshoots.",
        ge=0.0,
        lt=1.0,
    )
    beta2: float = torch_knob(
        "optimizers",
        "beta2",
        label="beta 2",
        help="How slowly the running mean of the squared gradient forgets. Lower it to 0.95 or so when the loss spikes; too low "
        "and the steps become noisy.",
        ge=0.0,
        lt=1.0,
    )
    alpha: float = torch_knob(
        "optimizers",
        "alpha",
        label="alpha",
        help="In rmsprop, how slowly the running mean of the squared gradient forgets: 0.9 to 0.99 is usual. In asgd, the power "
        "with which the step shrinks over time: 0.75 is usual, and 0 never shrinks it.",
        ge=0.0,
        le=1.0,
    )
    rho: float = torch_knob(
        "optimizers",
        "rho",
        label="rho",
        help="How slowly the running means of squared gradients and squared steps forget. 0.9 to 0.95 is usual; too low and the "
        "steps become noisy, at 1 they never form.",
        ge=0.0,
        le=1.0,
    )
    eps: float = torch_knob(
        "optimizers",
        "eps",
        label="epsilon",
        help="Added where the step is divided by the size of the gradient, so that it never divides by zero. Leave it alone "
        "unless steps explode while gradients are tiny: then 1e-4 or more makes the optimizer calmer and more like sgd.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    weight_decay: float = torch_knob(
        "optimizers",
        "weight_decay",
        label="weight decay",
        help="Pulls all weights and biases towards 0; too much underfits. adamw, muon and adafactor shrink them by lr * decay a "
        "step, apart from the gradient: 0.01 to 0.1 is usual. The others add it to the gradient, like L2, unless decoupled: 1e-5 "
        "to 1e-3 is usual.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    decoupled_weight_decay: bool = torch_knob(
        "optimizers",
        "decoupled_weight_decay",
        of=bool,
        label="decoupled decay",
        help="Shrink the weights apart from the gradient, as adamw does, in place of adding the decay to the gradient. Then the "
        "adaptive step does not rescale it, and the same decay acts alike on all weights.",
        when=above_zero("optimizer.weight_decay"),
    )
    amsgrad: bool = torch_knob(
        "optimizers",
        "amsgrad",
        of=bool,
        label="AMSGrad",
        help="Divide by the largest running mean of the squared gradient so far, so that steps never grow again. Try it when "
        "adam circles near the end without settling; it often makes no difference.",
    )
    momentum_decay: float = torch_knob(
        "optimizers",
        "momentum_decay",
        label="momentum decay",
        help="How fast the momentum warms up to beta 1 over the first steps. 0.004 is PyTorch's and Keras's choice; 0 starts at half "
        "of beta 1 and stays there.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    centered: bool = torch_knob(
        "optimizers",
        "centered",
        of=bool,
        label="centered",
        help="Divide by the spread of the gradient in place of its size. Sometimes steadier, at the cost of one more running "
        "mean per weight; nearly constant gradients then make very large steps.",
    )
    eta_minus: float = torch_knob(
        "optimizers",
        "eta_minus",
        label="shrink factor",
        help="What the step of a weight is multiplied by when its gradient changes sign: it has jumped over a minimum. 0.5 is "
        "usual; close to 1 it keeps jumping to and fro.",
        gt=0.0,
        lt=1.0,
    )
    eta_plus: float = torch_knob(
        "optimizers",
        "eta_plus",
        label="growth factor",
        help="What the step of a weight is multiplied by when its gradient keeps its sign. 1.2 is usual; much more overshoots.",
        gt=1.0,
        le=100.0,
    )
    step_min: float = torch_knob(
        "optimizers",
        "step_min",
        label="smallest step",
        help="The step of a weight never becomes smaller than this. It is how finely a minimum is found in the end; 1e-6 is "
        "usual.",
        log=True,
        ge=0.0,
        le=1e6,
    )
    step_max: float = torch_knob(
        "optimizers",
        "step_max",
        label="largest step",
        help="The step of a weight never becomes larger than this. 50 hardly ever matters; lower it when the loss explodes.",
        log=True,
        gt=0.0,
        le=1e6,
    )
    lr_decay: float = torch_knob(
        "optimizers",
        "lr_decay",
        label="rate decay",
        help="Divides the learning rate by 1 + lr_decay * steps done. adagrad's steps shrink by themselves, so 0 is usual; with "
        "1e-2 the rate is halved after 100 steps.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    initial_accumulator_value: float = torch_knob(
        "optimizers",
        "initial_accumulator_value",
        label="initial sum",
        help="What the sum of squared gradients starts from. Above 0, such as 0.1, the very first steps are smaller; 0 makes them "
        "as large as the learning rate.",
        ge=0.0,
        le=1e6,
    )
    lambd: float = torch_knob(
        "optimizers",
        "lambd",
        label="lambda",
        help="How fast the step shrinks over time, and how strongly weights are pulled towards 0: the step is "
        "lr / (1 + lambda * lr * t) ^ alpha. 1e-4 is usual; much more and training stops too soon.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    beta2_decay: float = torch_knob(
        "optimizers",
        "beta2_decay",
        label="beta 2 decay",
        help="The running mean of the squared gradient forgets with 1 - step ^ this, so more slowly as the run goes on. -0.8 is "
        "the paper's choice; 0 looks at the newest gradient alone.",
        ge=-10.0,
        le=0.0,
    )
    eps1: float = torch_knob(
        "optimizers",
        "eps1",
        label="epsilon 1",
        help="The least squared gradient, so that nothing is divided by zero. 0 takes the precision of the numbers, about 1e-7, "
        "and is nearly always right.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    eps2: float = torch_knob(
        "optimizers",
        "eps2",
        label="epsilon 2",
        help="The least size that a weight matrix is taken to have: adafactor's steps are relative to it. 1e-3 is usual; smaller, "
        "and weights that start at zero hardly move.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    d: float = torch_knob(
        "optimizers",
        "d",
        label="clip update",
        help="Scale the update of a matrix down when its root mean square exceeds this. 1 is the paper's choice; larger values "
        "let sudden large steps through.",
        ge=1.0,
        le=1e6,
    )
    max_iter: int = torch_knob(
        "optimizers",
        "max_iter",
        of=int,
        label="inner iterations",
        help="How many iterations lbfgs makes in each step, that is in each epoch. 20 is usual; more take longer per epoch and "
        "need fewer epochs.",
        ge=1,
        le=10_000,
    )
    max_eval: int = torch_knob(
        "optimizers",
        "max_eval",
        of=int,
        label="inner evaluations",
        help="How often at most the loss is computed in each step. 0 takes 5/4 of the inner iterations, as PyTorch does; a line "
        "search may need more.",
        ge=0,
        le=100_000,
    )
    tolerance_grad: float = torch_knob(
        "optimizers",
        "tolerance_grad",
        label="gradient tolerance",
        help="A step ends early when no entry of the gradient is larger than this. 1e-7 is usual; larger values stop before "
        "the minimum, 0 never for this reason.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    tolerance_change: float = torch_knob(
        "optimizers",
        "tolerance_change",
        label="change tolerance",
        help="A step ends early when neither loss nor weights change by more than this. 1e-9 is usual; larger values stop before "
        "the minimum.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    history_size: int = torch_knob(
        "optimizers",
        "history_size",
        of=int,
        label="history",
        help="How many past steps the picture of the curvature is made from. 5 to 100 is usual; each takes twice the memory of the "
        "weights.",
        ge=1,
        le=10_000,
    )
    line_search_fn: Literal["none", "strong_wolfe"] = torch_knob(
        "optimizers",
        "line_search_fn",
        of=str,
        label="line search",
        help="none takes each step with the learning rate as it is, which can diverge. strong_wolfe tries step sizes until the "
        "loss falls enough (the strong Wolfe conditions): slower per step and much safer.",
    )
    ns_steps: int = torch_knob(
        "optimizers",
        "ns_steps",
        of=int,
        label="orthogonal steps",
        help="How many iterations make the momentum of a matrix orthogonal. 5 is usual; fewer leave it uneven, more only cost time.",
        ge=1,
        lt=100,
    )
    ns_a: float = torch_knob(
        "optimizers",
        "ns_a",
        label="Newton-Schulz a",
        help="The linear coefficient of each orthogonalizing iteration a x + b x^3 + c x^5. The defaults were tuned together; "
        "change all three or none, or the iteration diverges.",
        ge=-100.0,
        le=100.0,
    )
    ns_b: float = torch_knob(
        "optimizers",
        "ns_b",
        label="Newton-Schulz b",
        help="The cubic coefficient of each orthogonalizing iteration a x + b x^3 + c x^5. The defaults were tuned together; "
        "change all three or none, or the iteration diverges.",
        ge=-100.0,
        le=100.0,
    )
    ns_c: float = torch_knob(
        "optimizers",
        "ns_c",
        label="Newton-Schulz c",
        help="The quintic coefficient of each orthogonalizing iteration a x + b x^3 + c x^5. The defaults were tuned together; "
        "change all three or none, or the iteration diverges.",
        ge=-100.0,
        le=100.0,
    )
    adjust_lr_fn: Literal["original", "match_rms_adamw"] = torch_knob(
        "optimizers",
        "adjust_lr_fn",
        of=str,
        # PyTorch's default is original, under which no single rate suits both muon's matrices and the biases that adamw steps.
        ours={"muon": "match_rms_adamw"},
        label="rate of matrices",
        help="How the learning rate is scaled for each matrix. match_rms_adamw makes the steps as large as adamw's, so one rate "
        "suits the matrices and the biases, which adamw steps. original wants a rate 10 to 20 times as large, too large for biases.",
    )
    extra: str = knob(
        "",
        label="extra options",
        help="Options that the installed PyTorch has and this form does not, as name=value, name=value. They go to the optimizer "
        "as they are; a name that it does not know is refused when the run starts.",
        max_length=1000,
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
    clip_value: float = knob(
        0.0,
        label="clip value",
        help="Cut each single entry of the gradient off at plus and minus this, 0 for never. Cruder than clip norm, since it "
        "turns the direction of the step; 0.1 to 1 is usual, and a tiny value leaves little but the signs. When both are "
        "set, the values are cut first.",
        log=True,
        ge=0.0,
        le=1e6,
    )


class ScheduleConfig(Section):
    """Schedule"""

    name: Literal[
        "constant", "step", "multistep", "exponential", "linear", "polynomial", "cosine", "cosine_warm_restarts",
        "cyclic", "one_cycle", "constant_factor", "plateau",
    ] = knob(
        "constant",
        label="schedule",
        help="How the learning rate changes over the run. step: cut it every few epochs. cosine: lower it smoothly to "
        "the end. plateau: cut it when the validation loss stops falling. cyclic and one_cycle move after every batch, all others "
        "after every epoch.",
    )  # fmt: skip
    warmup: int = knob(
        0,
        label="warm-up",
        help="Raise the learning rate in equal steps, batch by batch, over this many epochs before the schedule begins; 0 for none. "
        "1 to 5 keeps the first steps of adam or of a high rate from wrecking the initial weights; more only wastes epochs.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    step_size: int = torch_knob(
        "schedulers",
        "step_size",
        of=int,
        ours={"step": 15},
        label="step every",
        help="Cut the learning rate after this many epochs, again and again. A third of the run is usual; cuts that come too soon "
        "freeze a net that still learns.",
        unit="epochs",
        ge=1,
        le=1_000_000,
    )
    milestones: Widths = torch_knob(
        "schedulers",
        "milestones",
        of=tuple,
        ours={"multistep": (15, 30, 40)},
        label="cut after",
        help="Cut the learning rate after each of these epochs, such as 15, 30, 40. Half and three quarters of the run is usual; "
        "epochs beyond its end never come.",
        unit="epochs",
        min_length=1,
        max_length=64,
    )
    gamma: float = torch_knob(
        "schedulers",
        "gamma",
        ours={"step": 0.5, "plateau": 0.5, "exponential": 0.95},
        label="factor",
        help="What the learning rate is multiplied by at each cut; exponential cuts after every epoch. 0.1 is a sharp cut, 0.5 a "
        "gentle one, and for exponential 0.9 to 0.99 is usual.",
        gt=0.0,
        lt=1.0,
    )
    factor: float = torch_knob(
        "schedulers",
        "factor",
        label="starting share",
        help="The share of the learning rate that is used at first; afterwards all of it is. 0.1 to 0.5 is a rough warm-up; 1 "
        "changes nothing.",
        gt=0.0,
        le=1.0,
    )
    start_factor: float = torch_knob(
        "schedulers",
        "start_factor",
        label="starting share",
        help="The share of the learning rate that the line starts from. 1 starts from all of it; close to 0 the first epochs "
        "learn little.",
        gt=0.0,
        le=1.0,
    )
    end_factor: float = torch_knob(
        "schedulers",
        "end_factor",
        label="final share",
        help="The share of the learning rate that the line ends at. With a starting share of 1 and a final one of 0 it falls to "
        "nothing; PyTorch's default of 1 ends at all of it.",
        ge=0.0,
        le=1.0,
    )
    total_iters: int = torch_knob(
        "schedulers",
        "total_iters",
        of=int,
        ours={"polynomial": 0},  # PyTorch's 5 would end a run of 50 epochs after 5
        label="takes",
        help="How many epochs the change takes; afterwards the rate stays where it is. 0 is the whole run, behind the warm-up.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    power: float = torch_knob(
        "schedulers",
        "power",
        label="power",
        help="The learning rate falls as (1 - epoch / takes) ^ power. 1 is a straight line, 2 falls faster at first; below 1 it "
        "stays high and falls at the end.",
        gt=0.0,
        le=100.0,
    )
    t_max: int = torch_knob(
        "schedulers",
        "t_max",
        of=int,
        ours={"cosine": 0},
        label="half period",
        help="After how many epochs the learning rate is at its lowest. 0 is the whole run, behind the warm-up, and nearly always "
        "right; with less the rate rises again.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    t_0: int = torch_knob(
        "schedulers",
        "t_0",
        of=int,
        ours={"cosine_warm_restarts": 10},
        label="first period",
        help="After how many epochs the learning rate jumps back up for the first time. 10 to 50 is usual; each jump shakes the "
        "net out of a poor minimum, and the loss with it.",
        unit="epochs",
        ge=1,
        le=1_000_000,
    )
    t_mult: int = torch_knob(
        "schedulers",
        "t_mult",
        of=int,
        label="period grows by",
        help="Each period is this many times as long as the one before. 1 keeps them equal; 2 is usual for long runs.",
        ge=1,
        le=1000,
    )
    base_lr: float = torch_knob(
        "schedulers",
        "base_lr",
        ours={"cyclic": 0.0},
        label="lowest rate",
        help="The learning rate swings between this and optimizer.lr. A tenth to a third of optimizer.lr is usual; 0 wastes the "
        "batches around the bottom of each swing.",
        log=True,
        ge=0.0,
        le=1e3,
    )
    step_size_up: int = torch_knob(
        "schedulers",
        "step_size_up",
        of=int,
        label="batches up",
        help="How many batches the learning rate rises for. 2 to 10 epochs' worth is usual; much less is only noise.",
        unit="batches",
        log=True,
        ge=1,
        le=1_000_000_000,
    )
    step_size_down: int = torch_knob(
        "schedulers",
        "step_size_down",
        of=int,
        label="batches down",
        help="How many batches the learning rate falls for. 0 is as many as it rises for, which is usual.",
        unit="batches",
        log=True,
        ge=0,
        le=1_000_000_000,
    )
    cycle_mode: Literal["triangular", "triangular2", "exp_range"] = torch_knob(
        "schedulers",
        "cycle_mode",
        of=str,
        label="swings",
        help="How the swings change. triangular keeps them, triangular2 halves the height of each, exp_range shrinks the height a "
        "little with every batch; the latter two settle in the end.",
    )
    cycle_gamma: float = torch_knob(
        "schedulers",
        "cycle_gamma",
        ours={"cyclic": 0.9999},  # PyTorch's 1 would be the same as triangular
        label="swing factor",
        help="What the height of the swing is multiplied by after every batch. 0.999 to 0.99999, depending on the number of "
        "batches: 0.9999 leaves a third after 10,000.",
        when=chosen("schedule.cycle_mode", "exp_range"),
        gt=0.0,
        lt=1.0,
    )
    pct_start: float = torch_knob(
        "schedulers",
        "pct_start",
        label="rising share",
        help="The share of the run in which the learning rate rises. 0.3 is usual; close to 0 it starts too high, close to 1 there "
        "is no time left to settle.",
        gt=0.0,
        lt=1.0,
    )
    anneal_strategy: Literal["cos", "linear"] = torch_knob(
        "schedulers",
        "anneal_strategy",
        of=str,
        label="shape",
        help="Whether the rate moves along a cosine or a straight line. cos lingers at the top and at the bottom; the difference is "
        "small.",
    )
    div_factor: float = torch_knob(
        "schedulers",
        "div_factor",
        label="start divisor",
        help="The run starts at optimizer.lr divided by this. 10 to 25 is usual; 1 starts at the highest rate, which may explode.",
        ge=1.0,
        le=1e9,
    )
    final_div_factor: float = torch_knob(
        "schedulers",
        "final_div_factor",
        label="end divisor",
        help="The run ends at the rate that it started from divided by this. 1e4 is usual; small values leave the net restless at "
        "the end.",
        log=True,
        ge=1.0,
        le=1e12,
    )
    three_phase: bool = torch_knob(
        "schedulers",
        "three_phase",
        of=bool,
        label="three phases",
        help="Go up, down again in the same time, and use the rest of the run to fall to almost nothing, as in the paper. Off, the "
        "fall takes one smooth curve; needs a rising share of at most 0.5.",
    )
    cycle_momentum: bool = torch_knob(
        "schedulers",
        "cycle_momentum",
        of=bool,
        label="swing momentum",
        help="Lower the momentum (beta 1 in the adam family) while the learning rate rises, and the other way round. It steadies "
        "high rates, and takes the place of the optimizer's own momentum or beta 1.",
        when=chosen("optimizer.name", *MOMENTUM_CAN_CYCLE),
    )
    base_momentum: float = torch_knob(
        "schedulers",
        "base_momentum",
        label="lowest momentum",
        help="The momentum while the learning rate is at its highest. 0.8 to 0.85 is usual; much lower forgets the direction.",
        when=[chosen("optimizer.name", *MOMENTUM_CAN_CYCLE), switched_on("schedule.cycle_momentum")],
        ge=0.0,
        lt=1.0,
    )
    max_momentum: float = torch_knob(
        "schedulers",
        "max_momentum",
        label="highest momentum",
        help="The momentum while the learning rate is at its lowest. 0.9 to 0.95 is usual; close to 1 it overshoots.",
        when=[chosen("optimizer.name", *MOMENTUM_CAN_CYCLE), switched_on("schedule.cycle_momentum")],
        gt=0.0,
        lt=1.0,
    )
    patience: int = torch_knob(
        "schedulers",
        "patience",
        of=int,
        ours={"plateau": 5},
        label="plateau patience",
        help="Bear this many epochs in a row without a better validation loss; the next one cuts the learning rate. Keep "
        "it well below the patience of early stopping, or the run ends before the cut can help.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    threshold: float = torch_knob(
        "schedulers",
        "threshold",
        label="must improve by",
        help="A validation loss counts as better only when it beats the best by more than this. 1e-4 is usual; too large, and slow "
        "progress is taken for a standstill.",
        log=True,
        ge=0.0,
        lt=1.0,
    )
    threshold_mode: Literal["rel", "abs"] = torch_knob(
        "schedulers",
        "threshold_mode",
        of=str,
        label="improvement is",
        help="Whether the improvement is a share of the best loss or an amount. rel suits losses of any size; abs suits those that "
        "get close to 0.",
    )
    cooldown: int = torch_knob(
        "schedulers",
        "cooldown",
        of=int,
        label="rest after a cut",
        help="After a cut, this many epochs do not count against the patience. 0 is usual; a few help when the loss needs time to "
        "react.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    min_lr: float = torch_knob(
        "schedulers",
        "min_lr",
        label="lowest rate",
        help="The learning rate never falls below this. 0 lets it fall all the way; a hundredth of optimizer.lr keeps the last epochs "
        "from being idle.",
        log=True,
        ge=0.0,
    )
    min_change: float = torch_knob(
        "schedulers",
        "min_change",
        label="smallest cut",
        help="A cut that changes the rate by less than this is left out. 1e-8 is usual, and it only matters for tiny rates.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    extra: str = knob(
        "",
        label="extra options",
        help="Options that the installed PyTorch has and this form does not, as name=value, name=value. They go to the scheduler "
        "as they are; a name that it does not know is refused when the run starts.",
        when=When("schedule.name", lambda value: value != "constant", "schedule.name is not constant"),
        max_length=1000,
    )


class EarlyStoppingConfig(Section):
    """Early stopping"""

    enabled: bool = knob(
        True,
        label="early stopping",
        help="End the run when the validation loss, or what else is monitored, has not improved for a while. Saves time and "
        "is the simplest cure for overfitting.",
    )
    monitor: Literal["loss", "accuracy", "top_k", "macro_f1", "auroc", "mae", "rmse", "r2"] = knob(
        "loss",
        label="monitor",
        help="The figure of the validation part that tells which epoch is the best. loss is the finest gauge; accuracy moves in "
        "steps of one row. macro_f1 and auroc suit rare classes. mae, rmse and r2 are for regression, the others for "
        "classification.",
    )
    mode: Literal["auto", "min", "max"] = knob(
        "auto",
        label="better is",
        help="Whether a small or a large figure is good. auto knows it for each one: small for losses and errors, large for "
        "accuracy and the like. Set it against that only to see a run end early.",
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
        help="A figure counts as better only when it beats the best by more than this. 0 counts any gain, and a large value "
        "ends the run while it still learns slowly.",
        when=switched_on("early_stopping.enabled"),
        log=True,
        ge=0.0,
    )
    relative: bool = knob(
        False,
        label="relative",
        help="Take the improvement asked for as a share of the best figure: 0.01 then means one per cent. Useful when you do "
        "not know how large the loss will be.",
        when=switched_on("early_stopping.enabled"),
    )
    start: int = knob(
        0,
        label="start after",
        help="Do not look at the first so many epochs: they use up no patience and cannot be the best. For runs that get worse "
        "before they get better, as with a warm-up of the learning rate. 0 to 10 is usual; too many, and the best epoch may "
        "be missed.",
        unit="epochs",
        when=switched_on("early_stopping.enabled"),
        ge=0,
        le=1_000_000,
    )
    target: float | None = knob(
        None,
        label="stop at",
        help="End the run as soon as the monitored figure is as good as this. Empty for no such goal. To compare how fast "
        "settings get there; a goal out of reach does nothing.",
        when=switched_on("early_stopping.enabled"),
    )
    diverged_above: float = knob(
        0.0,
        label="diverged above",
        help="End the run when the monitored loss or error is more than this many times its first value, 0 for never. 2 to 10 "
        "catches a learning rate that is far too large; close to 1 it stops on noise.",
        unit="times",
        when=[switched_on("early_stopping.enabled"), chosen("early_stopping.monitor", "loss", "mae", "rmse")],
        ge=0.0,
        le=1e12,
    )
    non_finite: bool = knob(
        True,
        label="stop on NaN",
        help="End the run when the training or validation loss is no longer a finite number. Leave it on: weights that are NaN "
        "stay so. Off, the run goes on to the end, which shows what such a run looks like.",
    )
    restore_best: bool = knob(
        True,
        label="restore best",
        help="Go back to the weights of the best epoch when the run ends, and test those. Off, the last weights are "
        "kept.",
    )


class TrialsConfig(Section):
    """Trials"""

    kind: Literal["single", "kfold", "restarts"] = knob(
        "single",
        label="trials",
        help="How often to train. single: once. kfold: once per fold, so that every row is in the test part once; the mean "
        "and its spread are a far better figure than one split when rows are few. restarts: the same data from several "
        "random starting points; the best one's weights are kept, and the spread shows how much is luck.",
    )
    folds: int = knob(
        5,
        label="folds",
        help="Into how many parts the data is cut. In each trial one part is the test part, the next one the validation "
        "part, and the rest is trained on. 5 to 10 is usual: more folds leave more to train on and take longer.",
        when=chosen("trials.kind", "kfold"),
        ge=3,
        le=100,
    )
    all_pairs: bool = knob(
        False,
        label="all pairs",
        help="Train once for every pair of test and validation part, k times k-1 trials, instead of k. The mean is steadier "
        "because it no longer hangs on which part happened to watch the training; the price is k-1 times the time.",
        when=chosen("trials.kind", "kfold"),
    )
    restarts: int = knob(
        5,
        label="restarts",
        help="How many runs to make, with the seeds seed, seed + 1 and so on. A loss surface has many basins: one start may "
        "fall into a poor one. 3 to 10 is usual; if the best is far better than the rest, use more.",
        when=chosen("trials.kind", "restarts"),
        ge=2,
        le=1000,
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
    accumulate: int = knob(
        1,
        label="accumulate",
        help="Add up the gradients of this many batches before each step: the step of one large batch in the memory of a "
        "small one. Dropout and batch norm still see the small batches. 1 steps after every batch; more than there are "
        "batches in an epoch is one step per epoch.",
        unit="batches",
        when=When("run.batch_size", lambda value: value != 0, "run.batch_size is not 0"),
        ge=1,
        le=1_000_000,
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
    precision: Literal["float32", "bfloat16", "float16"] = knob(
        "float32",
        label="precision",
        help="The number format of the training step's products; weights, validation and test stay in float32. bfloat16 is "
        "about twice as fast on recent GPUs and safe. float16 is for older CUDA GPUs: its small range needs the loss to be "
        "scaled, and steps that overflow are skipped.",
    )
    compile: bool = knob(
        False,
        label="compile",
        help="Translate the model with torch.compile before training. It takes half a minute the first time and pays in "
        "long runs of large nets; small nets often get slower. The numbers differ in the last digits, and dropout draws "
        "others.",
    )
    average: Literal["none", "ema", "swa"] = knob(
        "none",
        label="average weights",
        help="Judge, test and save an average of the weights instead of the last ones, which smooths out the noise of the steps. "
        "ema: an average that forgets, taken at every step. swa: the plain mean over the last epochs, best with a learning "
        "rate that stays up until the end.",
    )
    ema_decay: float = knob(
        0.999,
        label="EMA decay",
        help="How slowly the averaged weights forget: they look back over about 1 / (1 - decay) steps. 0.99 to 0.9999 is usual; "
        "0 is no average at all, and in a short run a value close to 1 stays at the initial weights.",
        when=chosen("run.average", "ema"),
        ge=0.0,
        lt=1.0,
    )
    swa_start: float = knob(
        0.75,
        label="SWA start",
        help="The share of the epochs after which averaging begins. 0.5 to 0.8 is usual: too early and the average holds weights "
        "that had not learned yet, too late and it is a mean of very few. Early stopping may end the run before.",
        when=chosen("run.average", "swa"),
        ge=0.0,
        lt=1.0,
    )
    train_eval: Literal["auto", "on", "off"] = knob(
        "auto",
        label="train loss",
        help="Measure the training loss after each epoch as validation does, with dropout off and the final weights, instead of "
        "averaging it over the steps. Otherwise the gap between the curves lies. auto does so with dropout, noise, mixup, "
        "label smoothing, a penalty or averaged weights; it costs one forward pass over the training data.",
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
    histograms: int = knob(
        10,
        label="histograms every",
        help="Write histograms of the weights and gradients to the TensorBoard log after the first epoch and every so many "
        "epochs, 0 for never. They show layers that stand still or run away; 1 to 20 is usual. With many layers and short "
        "epochs a small number costs time and disk.",
        unit="epochs",
        when=switched_on("run.tensorboard"),
        ge=0,
        le=1_000_000,
    )
    figures: bool = knob(
        True,
        label="figures",
        help="Draw figures into the TensorBoard log at the end of a run: errors by epoch with their under- and overfitting "
        "sides, the learning rates, the confusion matrix, pictures with their answers. It takes a second or two per trial; "
        "turn it off for hundreds of short ones.",
        when=switched_on("run.tensorboard"),
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
    loss: LossConfig = Field(default_factory=LossConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig)
    early_stopping: EarlyStoppingConfig = Field(default_factory=EarlyStoppingConfig)
    trials: TrialsConfig = Field(default_factory=TrialsConfig)
    run: RunSettings = Field(default_factory=RunSettings)
