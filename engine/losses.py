"""The losses: what training makes small, as torch's own modules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .config import LossConfig
from .errors import ConfigError, config_error
from .measures import loss_fault
from .ownmodel import OwnModel


class BinaryCrossEntropy(nn.BCEWithLogitsLoss):
    """torch's binary cross-entropy on one logit (n,), for class indices 0 and 1 (n,) of any number type."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return super().forward(input, target.to(input.dtype))


def build_loss(
    config: LossConfig, task: str, class_counts: Sequence[int], device: torch.device, label_smoothing: float = 0.0
) -> nn.Module:
    """The loss as a module that gives the mean over a batch.

    It takes the model's output, (n, classes) or (n,) for bce and regression, and the target (n,). class_counts: samples of
    each class in the training part, empty for regression. With class weights cross_entropy and nll divide by the sum of
    the weights in the batch, as torch has it. label_smoothing is that of Szegedy et al. (2016).

    Raises ConfigError when the loss does not fit the task (``loss.name``), or smoothing or weights not the loss.
    """
    name = resolved(config.name, task)
    if (fault := loss_fault(name, task, len(class_counts))) is not None:
        raise ConfigError([fault])
    if label_smoothing and name != "cross_entropy":
        hint = "remove it" if task == "regression" else "remove it, or use cross_entropy"
        raise config_error("regularization.label_smoothing", f"has no meaning for the loss {name}", hint)
    if task == "regression" and config.class_weights != "none":
        raise config_error("loss.class_weights", "has no meaning for a regression", "remove it")
    balanced = config.class_weights == "balanced"
    weights = torch.tensor(class_weights(class_counts), device=device) if balanced else None
    match name:
        case "cross_entropy":
            return nn.CrossEntropyLoss(weight=weights, label_smoothing=label_smoothing)
        case "bce":
            # torch weighs the second class against the first: the quotient of their balanced weights.
            return BinaryCrossEntropy(pos_weight=None if weights is None else weights[1] / weights[0])
        case "nll":
            return nn.NLLLoss(weight=weights)
        case "hinge":
            return nn.MultiMarginLoss(weight=weights)
        case "l1":
            return nn.L1Loss()
        case "huber":
            return nn.HuberLoss(delta=config.delta)
        case "smooth_l1":
            return nn.SmoothL1Loss(beta=config.beta)
        case _:
            return nn.MSELoss()


def baseline_loss(config: LossConfig, task: str, class_counts: Sequence[int], target: np.ndarray) -> float:
    """The loss of a model that gives every row the same answer, the best one there is; NaN where no formula says.

    class_counts: samples of each class in the training part; target: its values (n,), for regression. Cross-entropy and its
    relatives: the entropy of the class shares, with balanced weights that of equal shares. Regression: of always answering the
    mean or the median of the target.
    """
    name = resolved(config.name, task)
    if task == "regression":
        values = torch.from_numpy(np.asarray(target, dtype=np.float64))
        criterion = build_loss(config, task, (), torch.device("cpu"))
        return min(float(criterion(middle.expand_as(values), values)) for middle in (values.mean(), values.median()))
    present = [count for count in class_counts if count]
    balanced = config.class_weights == "balanced"
    if name == "hinge" or not present or (balanced and name == "bce"):
        return math.nan
    if balanced:
        return math.log(len(present))
    return -sum(count / sum(present) * math.log(count / sum(present)) for count in present)


def resolved(name: str, task: str) -> str:
    """The loss that `name` stands for: auto is cross-entropy for classes and the squared error for a quantity."""
    if name == "auto":
        return "cross_entropy" if task == "classification" else "mse"
    return name


def outputs_of(name: str, classes: int) -> int:
    """How many values the model's last layer gives: one for a quantity (classes 0) and for bce, else one for each class."""
    return 1 if classes == 0 or name == "bce" else classes


def with_head(net: nn.Module, name: str, outputs: int) -> nn.Module:
    """The model `net`, (n, outputs), with what the loss `name` wants behind it: a log-softmax for nll, one value as (n,)."""
    head = nn.Flatten(0) if outputs == 1 else nn.LogSoftmax(dim=1) if name == "nll" else None
    if head is None:
        return net
    if isinstance(net, OwnModel):
        net.head = head
        return net
    return nn.Sequential(*net.children(), head)


def class_weights(counts: Sequence[int]) -> list[float]:
    """The balanced weight of each class, n / (k * count), as scikit-learn's compute_class_weight has it.

    n samples, k classes that have any. A class without samples gets 1: no formula can say, and 0 could leave a batch of the
    validation part without any weight.
    """
    present = [count for count in counts if count]
    return [sum(present) / (len(present) * count) if count else 1.0 for count in counts]


def class_scores(output: Tensor) -> Tensor:
    """The model's output as one score per class (n, classes); softmax makes probabilities of them.

    One logit z for two classes becomes (0, z), whose softmax is (1 - sigmoid(z), sigmoid(z)). The log-probabilities of nll
    stay as they are under softmax. The scores of hinge are no log-odds: their softmax only keeps their order.
    """
    return output if output.ndim == 2 else torch.stack([torch.zeros_like(output), output], dim=1)
