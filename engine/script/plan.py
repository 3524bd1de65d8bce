"""What a program has to know of the data before it can be written: its size, how it is divided, and what follows from that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..config import DataConfig, RunConfig
from ..config.model import SEQUENTIAL
from ..data.catalogue import card, is_called
from ..data.splits import Split, fold_splits, split
from ..data.table import Table
from ..errors import ConfigError, Fault, config_error
from ..measures import loss_fault, monitor_fault
from ..modelfaults import reads_texts

CLASS_COUNTS: dict[str, tuple[int, ...]] = {
    "digits": (178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
    "wine": (59, 71, 48),
    "breast_cancer": (212, 357),
    "iris": (50, 50, 50),
}
"""Rows of each class of the sets that come with scikit-learn, so that they need not be loaded; a test holds them against it."""

SMALL_STEP = 2e7
EVALUATION_ROWS = 8192
CACHED = 1 << 18
AT_ONCE = 1 << 20
BATCHES_AT_ONCE = 1024
# As in engine.threads, engine.recipe and engine.metrics, which import torch; a test holds them against each other.


@dataclass
class Plan:
    """Everything that the writers of the parts look at.

    features: of a row; outputs: of the net; classes: 0 for regression. train_rows, validation_rows, test_rows: of the parts, the
    largest of them with folds. layers: the net's modules as Python. allocation: how many rows of each class go to training,
    nowhere, validation and test, or None where the classes are not looked at. evaluated: rows that are judged at a time.
    imports and constants: what the parts have asked for, in the order of the program.
    """

    config: RunConfig
    task: str
    features: int
    classes: int
    image_shape: tuple[int, int, int] | None
    rows: int
    train_rows: int
    validation_rows: int
    test_rows: int
    allocation: list[tuple[int, ...]] | None
    counts: tuple[int, ...]
    loss: str
    table: Table | None = None
    layers: list[str] = field(default_factory=list)
    evaluated: int = EVALUATION_ROWS
    one_thread: bool = False
    imports: list[str] = field(default_factory=lambda: ["import torch", "from torch import nn"])
    constants: dict[str, tuple[Any, str]] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        return 1 if not self.classes or self.loss == "bce" else self.classes

    @property
    def one_value(self) -> bool:
        """Whether the net gives a single value per row."""
        return self.outputs == 1

    @property
    def has_device(self) -> bool:
        """Whether the program chooses a device; on the CPU alone there is nothing to choose."""
        return self.config.run.device != "cpu"

    @property
    def to_device(self) -> str:
        return ".to(device)" if self.has_device else ""

    @property
    def metric(self) -> str:
        return "accuracy" if self.classes else "RMSE"

    @property
    def batch_size(self) -> int:
        return min(self.config.run.batch_size, self.train_rows) or self.train_rows

    @property
    def measures_train_loss(self) -> bool:
        """As engine.recipe has it."""
        config = self.config
        if config.run.train_eval != "auto":
            return config.run.train_eval == "on"
        reg = config.regularization
        dropout = reg.dropout if config.model.kind != "linear" else 0.0
        distorted = (dropout, reg.input_dropout, reg.input_noise, reg.mixup, reg.label_smoothing, reg.l1, reg.l2)
        return any(distorted) or config.run.average != "none"

    @property
    def keeps_best(self) -> bool:
        """Whether the program looks which epoch was the best."""
        return self.config.early_stopping.enabled or self.config.early_stopping.restore_best

    @property
    def judged(self) -> str:
        """The name of the model that is measured."""
        return {"none": "model", "ema": "averaged.module", "swa": "judged"}[self.config.run.average]

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The names of the program's optimizers: muon has another beside it."""
        return ("muon", "adamw") if self.config.optimizer.name == "muon" else ("optimizer",)

    @property
    def flattened(self) -> bool:
        """Whether the optimizer steps one vector; see the package."""
        optimizer = self.config.optimizer
        return optimizer.name in ("adam", "adamw") and not optimizer.extra

    @property
    def seed(self) -> str:
        return "seed" if self.config.trials.kind == "restarts" else "SEED"

    def use(self, *imports: str) -> None:
        """Have the program import something."""
        self.imports += imports

    def constant(self, name: str, value: Any, about: str = "") -> str:
        """Have the program begin with a constant; its name."""
        self.constants[name] = (value, about)
        return name


def plan_script(config: RunConfig) -> Plan:
    """Look at the settings and, for a file, at the data. Raises ConfigError or DataError; see the package."""
    _refuse_what_cannot_be_written(config)
    known = card(config.data.source)
    if known is None:
        from ..data.sources import sort_of_source
        from ..data.table import load

        if (sort := sort_of_source(config.data.source)) not in ("delimited", "arrays", "pictures"):
            words = {"jsonlines": "JSON lines", "parquet": "Parquet", "idx": "IDX files", "cifar": "CIFAR's files"}[
                sort
            ]
            problem = f"a script reads CSV, TSV and NumPy files and folders of pictures, and no {words}"
            raise config_error("data.source", problem, "save the data as one of these")
        table: Table | None = load(config.data)
        assert table is not None
        from .otherfiles import refuse_other_data

        refuse_other_data(table, config.data.missing)
        task, features, classes, shape = table.task, table.x.shape[1], len(table.class_names), table.image_shape
        counts = tuple(np.bincount(table.y, minlength=classes).tolist()) if classes else ()
        rows = len(table.y)
    else:
        table = None
        task, features, classes, shape = known.task, known.features, known.classes, known.shape
        rows = config.data.rows if known.generated else known.rows
        counts = _even(rows, classes) if known.generated else CLASS_COUNTS.get(known.name, ())
    stand_in = _stand_in(task, rows, counts)
    splits = _splits(config, stand_in)
    first = splits[0]
    if table is not None and any(column.kind != "number" for column in table.columns):
        from .tables import features_of

        features = features_of(table, splits, config)
    _refuse_misfits(config, task, classes, len(first.train))
    loss = config.loss.name
    if loss == "auto":
        loss = "cross_entropy" if classes else "mse"
    plan = Plan(
        config=config,
        task=task,
        features=features,
        classes=classes,
        image_shape=shape,
        rows=rows,
        train_rows=len(first.train),
        validation_rows=max(len(one.validation) for one in splits),
        test_rows=max(len(one.test) for one in splits),
        allocation=_allocation(config.data, stand_in, first) if config.trials.kind != "kfold" else None,
        counts=counts,
        loss=loss,
        table=table,
    )
    if config.trials.kind != "restarts":
        plan.constant("SEED", config.run.seed)
    plan.constant("EPOCHS", config.run.epochs)
    if config.run.batch_size:
        plan.constant("BATCH_SIZE", config.run.batch_size)
    plan.constant("LEARNING_RATE", config.optimizer.lr)
    _plan_layers(plan)
    return plan


def _refuse_what_cannot_be_written(config: RunConfig) -> None:
    faults = []
    if config.model.kind == "custom":
        problem = "a script has no place for a model of your own, which is a program already"
        faults.append(
            Fault("model.kind", problem, "use a built-in model, or import yours into a script of a built-in one")
        )
    if reads_texts(config):
        key = "data.text" if config.data.text else "data.source"
        faults.append(Fault(key, "a script leaves out texts and their words", "use nntui export --to torchscript"))
    elif config.model.kind in SEQUENTIAL:
        problem = f"a script leaves out {config.model.kind}"
        faults.append(Fault("model.kind", problem, "use mlp, linear or cnn"))
    if (known := card(config.data.source)) is not None and known.sequence is not None:
        faults.append(Fault("data.source", "a script leaves out sequences", "use another dataset"))
    if is_called(config.data.source):
        problem = "a script has no place for data that other code gives"
        faults.append(Fault("data.source", problem, "use a built-in dataset or a file"))
    if config.model.weights:
        problem = "a script cannot begin with the weights of another run: it reads no files of nntui's"
        faults.append(Fault("model.weights", problem, "set it to nothing"))
    if config.run.precision == "float16":
        problem = "a script leaves out float16, which needs a CUDA device and scaled gradients"
        faults.append(Fault("run.precision", problem, "use bfloat16 or float32"))
    if config.regularization.flip or config.regularization.shift:
        key = "regularization.flip" if config.regularization.flip else "regularization.shift"
        faults.append(Fault(key, "a script leaves out flips and shifts of pictures", "switch them off"))
    if config.trials.kind == "kfold" and config.data.train_rows:
        problem = "a script with folds keeps all training rows"
        faults.append(Fault("data.train_rows", problem, "set it to 0, or trials.kind to single"))
    if faults:
        raise ConfigError(faults)


def _refuse_misfits(config: RunConfig, task: str, classes: int, train_rows: int) -> None:
    """What a run would refuse once it has seen the data; see engine.recipe and engine.losses."""
    found = [
        loss_fault(config.loss.name, task, classes) if config.loss.name != "auto" else None,
        monitor_fault(config.early_stopping.monitor, task, classes),
    ]
    faults = [fault for fault in found if fault is not None]
    for key, value in (
        ("regularization.label_smoothing", config.regularization.label_smoothing),
        ("loss.class_weights", config.loss.class_weights != "none"),
    ):
        if value and not classes:
            faults.append(Fault(key, "has no meaning for a regression", "remove it"))
    batch = min(config.run.batch_size, train_rows) or train_rows
    if config.model.batch_norm and config.model.kind != "linear" and min(batch, train_rows % batch or 2) == 1:
        problem = f"{train_rows} rows in batches of {batch} leave one row alone, and one row has no variance"
        faults.append(Fault("model.batch_norm", problem, "choose another run.batch_size"))
    if faults:
        raise ConfigError(faults)


def _even(rows: int, groups: int) -> tuple[int, ...]:
    """The sizes of the groups of a generated set, as engine.data.builtin makes them; none for regression."""
    return tuple(rows // groups + (group < rows % groups) for group in range(groups))


def _stand_in(task: str, rows: int, counts: tuple[int, ...]) -> Table:
    """A table with the same number of rows of each class: how many of them go where depends on nothing else."""
    y = np.repeat(np.arange(len(counts)), counts) if counts else np.zeros(rows, np.float32)
    return Table("", task, np.zeros((rows, 0), np.float32), y, ())  # pyright: ignore[reportArgumentType]


def _splits(config: RunConfig, table: Table) -> list[Split]:
    if config.trials.kind == "kfold":
        return fold_splits(table, config.data, config.trials.folds, config.trials.all_pairs)
    return [split(table, config.data)]


def _allocation(data: DataConfig, table: Table, parts: Split) -> list[tuple[int, ...]] | None:
    """Rows of each class in training, left out of it, in validation and in test; None when the classes do not count."""
    if table.task != "classification" or not (data.shuffle and data.stratify):
        return None
    classes = int(table.y.max()) + 1
    train, validation, test = (
        np.bincount(table.y[rows], minlength=classes) for rows in (parts.train, parts.validation, parts.test)
    )
    left_out = np.bincount(table.y, minlength=classes) - train - validation - test
    return [tuple(row) for row in np.column_stack([train, left_out, validation, test]).tolist()]


_ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "identity": "Identity",
}


def _plan_layers(plan: Plan) -> None:
    """The modules of the net, as engine.models builds them, and what hangs on their sizes: threads and rows of evaluation."""
    config, reg, model = plan.config, plan.config.regularization, plan.config.model
    layers: list[str] = []
    features, widest, work = plan.features, 1, 0.0
    if reg.input_dropout:
        plan.constant("INPUT_DROPOUT", reg.input_dropout, "the chance that an input is set to 0 in a training step")
        layers.append("nn.Dropout(INPUT_DROPOUT)")
    hidden = model.kind != "linear"
    if reg.dropout and hidden:
        plan.constant("DROPOUT", reg.dropout, "the chance that a hidden unit is switched off in a training step")
    dropout = ["nn.Dropout(DROPOUT)"] if reg.dropout and hidden else []
    activation = f"nn.{_ACTIVATIONS[model.activation]}()"
    if model.kind == "cnn":
        if plan.image_shape is None:
            raise config_error("model.kind", "cnn needs pictures, and this dataset is a table", "use mlp or linear")
        channels, height, width = plan.image_shape
        pixels = height * width
        layers.append(f"nn.Unflatten(1, {plan.image_shape})")
        for filters in model.channels:
            size = f"{channels}, {filters}, {model.kernel}"
            layers.append(
                f"nn.Conv2d({size}, padding={model.kernel // 2})" if model.kernel > 1 else f"nn.Conv2d({size})"
            )
            layers += [f"nn.BatchNorm2d({filters})"] if model.batch_norm else []
            layers.append(activation)
            work += channels * filters * model.kernel**2 * plan.features // max(1, plan.image_shape[0])
            widest = max(widest, filters * pixels)
            channels = filters
            if min(height, width) >= 4:
                layers.append("nn.MaxPool2d(2)")
                height, width = height // 2, width // 2
        layers += ["nn.Flatten()", *dropout]
        features = channels * height * width
    for units in model.hidden if hidden else ():
        layers += [f"nn.Linear({features}, {units})", *([f"nn.BatchNorm1d({units})"] if model.batch_norm else [])]
        layers += [activation, *dropout]
        work, widest, features = work + features * units, max(widest, units), units
    layers.append(f"nn.Linear({features}, {plan.outputs})")
    work, widest = work + features * plan.outputs, max(widest, plan.outputs)
    if plan.one_value:
        layers.append("nn.Flatten(0)")
    elif plan.loss == "nll":
        layers.append("nn.LogSoftmax(dim=1)")
    plan.layers = layers
    plan.one_thread = work * plan.batch_size < SMALL_STEP and config.run.device in ("cpu", "auto")
    weighs = config.loss.class_weights == "balanced" and plan.loss != "bce"
    if config.run.device in ("cpu", "auto") and not weighs:
        plan.evaluated = min(EVALUATION_ROWS, max(128, CACHED // widest))


def chunk_of(batch_rows: int, outputs: int) -> int:
    """How many batches engine.metrics adds up at a time: the order of additions decides the last bit."""
    return min(BATCHES_AT_ONCE, AT_ONCE // max(1, batch_rows * outputs) + 1)


def steps_per_epoch(plan: Plan) -> int:
    return math.ceil(plan.train_rows / plan.batch_size)
