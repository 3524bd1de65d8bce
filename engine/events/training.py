"""What happens in a run's training: its epochs, its trials, its figures, its end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ..facts import Answer, Change, ClassFigures, Histogram
from .base import EndReason, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run folder exists and training is about to begin. config: the resolved settings by section.

    own_loop: a script of the person's own trains, see engine.ownloop; config then holds what that script said of itself, and
    epochs how many it plans, 0 when that is not known.
    """

    run: str
    folder: str
    config: dict[str, Any]
    device: str
    versions: dict[str, str] = field(default_factory=dict)
    own_loop: bool = False
    epochs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPrepared(Event):
    """The data is loaded, split and scaled. Sizes in rows; shape is that of one sample.

    baseline_loss: what the loss of a model that ignores its inputs would be on the training part, NaN when not known: the
    entropy of the class shares for cross-entropy, the variance of the standardized target for the squared error.
    """

    dataset: str
    task: str
    train_rows: int
    validation_rows: int
    test_rows: int
    shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    baseline_loss: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBuilt(Event):
    """The model exists. layers: (name, parameters) of each layer that has any. metric: the task's second curve."""

    layers: tuple[tuple[str, int], ...]
    parameters: int
    epochs: int
    steps_per_epoch: int
    batch_size: int
    metric: str
    metric_mode: Literal["max", "min"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStarted(Event):
    """epoch counts from 1."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsDone(Event):
    """Progress inside an epoch, at most about once a second. step: steps done in this epoch.

    loss: mean training loss per sample over the steps since the last time it was told, while the weights moved. lr: the
    learning rate now. grad_norm: norm of the gradient, penalties included, at the last of these steps at which it was measured.
    """

    epoch: int
    step: int
    samples_per_second: float
    loss: float = math.nan
    lr: float = math.nan
    grad_norm: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded(Event):
    """An epoch's figures. Losses are means per sample of the data loss, without penalties.

    train_loss_running is the mean over the epoch's steps, while the weights moved: with dropout, noise, mixup and label
    smoothing as far as they are on. train_loss and train_metric are, with run.train_eval in force, measured after the epoch
    over the training part as val_loss and val_metric are over the validation part: in evaluation mode, with the plain loss,
    and with the averaged weights if run.average is on. Otherwise they are running means as well. penalty: the L1 and L2 terms
    at the end of the epoch; weight_norm: Euclidean norm of all weight matrices; sparsity: share of their weights below 1e-3.
    grad_norm and grad_norm_clipped: mean norm of the gradient, penalties included, over a sample of the epoch's steps, before
    and after clipping; layer_grad_norms: that before clipping for each of ModelBuilt.layers. lr: learning rate used in this
    epoch. seconds: of training plus validation; samples_per_second: of training alone. best_epoch: the epoch with
    the best validation loss so far, or of what else early stopping monitors; 0 when none was finite. val_metrics: every figure
    of the validation part by the names in engine.measures, val_metric among them.

    Of a look into the net, which not every epoch has (empty or NaN then): dead_units and saturated_units, the share of each
    hidden layer's units that answer 0 to every row of a sample, or lie where their activation is flat; update_ratios, the norm
    of a step relative to that of the weights for each of ModelBuilt.layers; gradient_cosine, the mean cosine between the
    gradients of successive steps. val_rise_error: the standard error of the mean rise of the validation rows' losses since the best
    epoch, NaN when they have not risen.

    Of a script's own loop: series, every figure that it logged by name, and missing, the names of those above that it did not: they
    are NaN, or 0 where nothing is known of them.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_metric: float
    val_metric: float
    lr: float
    penalty: float
    grad_norm: float
    seconds: float
    samples_per_second: float
    best_epoch: int
    train_loss_running: float = math.nan
    weight_norm: float = math.nan
    sparsity: float = math.nan
    grad_norm_clipped: float = math.nan
    layer_grad_norms: tuple[float, ...] = ()
    val_metrics: dict[str, float] = field(default_factory=dict)
    dead_units: tuple[float, ...] = ()
    saturated_units: tuple[float, ...] = ()
    update_ratios: tuple[float, ...] = ()
    gradient_cosine: float = math.nan
    val_rise_error: float = math.nan
    series: dict[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSampled(Event):
    """Histograms of the weights after an epoch, and of the gradients of its last step."""

    epoch: int
    histograms: tuple[Histogram, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStoppingChecked(Event):
    """Where early stopping stands after an epoch. waited: epochs without improvement. must_beat: the bar, exclusive.

    monitor: the measure that best and must_beat are values of; mode: whether it has to get below (min) or above the bar.
    start: the epochs at the beginning that are not looked at.
    """

    epoch: int
    best: float
    best_epoch: int
    waited: int
    patience: int
    must_beat: float
    monitor: str = "loss"
    mode: Literal["min", "max"] = "min"
    start: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRaised(Event):
    """The diagnosis holds something to be wrong. See engine.diagnosis.Finding for the fields.

    epoch: the last whole one, or the one under way for a loss that is no number.
    """

    epoch: int
    kind: str
    confidence: str
    began: int
    title: str
    evidence: str
    actions: tuple[str, ...]
    knobs: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCleared(Event):
    """A finding no longer holds."""

    epoch: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BestRestored(Event):
    """The weights of this epoch were put back."""

    epoch: int
    val_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMeasured(Event):
    """The figures on the test part, measured once. baseline: the metric of always giving the same answer.

    metrics: all of the task by name, as EpochEnded.val_metrics. confusion: counts of samples, a row for each true class and a
    column for each predicted one; empty for regression.
    """

    __test__: ClassVar[bool] = False  # the name starts with Test, but it is no test for pytest to collect

    epoch: int
    loss: float
    metric: float
    baseline: float
    metrics: dict[str, float] = field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMade(Event):
    """What the model with the weights of `epoch` makes of the test part's `rows` rows.

    confusion: a row per true class, a column per answered one; classes: the figures of each; wrong: how many answers are.
    All three are empty or 0 for regression. mistakes: the worst first, at most 12, with their inputs. samples: at most 12 rows,
    evenly spread. pairs: of a regression, the truth and the answer of at most 200 rows, evenly spread.

    feature_names, shape and limits are about the inputs of the mistakes: shape is (height, width) of pictures, whose values lie
    between the two limits, or (values,); features: how many inputs a row has in all, 0 of texts, which come with the
    mistakes as they are. means and scales: of those inputs over the
    training rows, empty where the data is not standardized.
    """

    epoch: int
    rows: int
    wrong: int
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[ClassFigures, ...]
    mistakes: tuple[Answer, ...]
    samples: tuple[Answer, ...]
    pairs: tuple[tuple[float, float], ...] = ()
    feature_names: tuple[str, ...] = ()
    features: int = 0
    shape: tuple[int, ...] = ()
    limits: tuple[float, float] = (0.0, 0.0)
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionsMapped(Event):
    """For data with two features: the class that the model answers on a grid over the plane.

    low and high: the corners, in the units of the data. columns: points in each direction. answers: the classes, row by
    row from `low` on, the first feature running fastest.
    """

    epoch: int
    low: tuple[float, float]
    high: tuple[float, float]
    columns: int
    answers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted(Event):
    """A fold or a restart begins. number counts from 1; of: how many are planned; folder: its own, inside the run's."""

    number: int
    of: int
    label: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnded(Event):
    """A fold or a restart is over. val_ figures are those of its best epoch; NaN where there is none."""

    number: int
    label: str
    reason: EndReason
    epochs: int
    best_epoch: int
    val_loss: float
    val_metric: float
    test_loss: float
    test_metric: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialsSummarized(Event):
    """Mean and standard deviation (n - 1 in the denominator) over the `count` trials with finite figures.

    best_trial: the number of the one with the best validation loss, 0 when there is none.
    """

    kind: str
    count: int
    best_trial: int
    val_loss_mean: float
    val_loss_sd: float
    val_metric_mean: float
    val_metric_sd: float
    test_loss_mean: float
    test_loss_sd: float
    test_metric_mean: float
    test_metric_sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The last event of a run. best_epoch is 0 when no epoch was completed; with trials it is that of the best one, and
    epochs counts those of all. error: one line, or "" when all went well.
    """

    reason: EndReason
    epochs: int
    best_epoch: int
    seconds: float
    error: str = ""
