"""A trained model with its preprocessing in front and its answers behind, as one module that TorchScript and ONNX can take.

Its source must not use what TorchScript does not know: it is compiled, not run. That is also why annotations are not postponed here.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from .data.preprocess import Preprocess


class Exported(nn.Module):
    """From raw inputs, float32 or float64 (n, columns), to the probability of each class (n, classes), or to values (n,) in the target's units.

    A column of numbers holds them as they are; one of booleans 0 and 1; one of dates days since 1970-01-01; one of categories
    the place of the value in `categories[column]`, from 0, and -1 for any other. A missing value is NaN. For pictures and
    sequences the columns are the values of a sample, flattened.

    Of texts the columns are the numbers of a text's words, whole numbers (n, words) of any width up to that of the training data: 0 for
    padding behind its end, 1 for a word that is not in `words`, and 2 + i for words[i]. `engine.data.tokens` says what a word is.

    columns: the names of the columns, empty for pictures and sequences. classes: the names of the classes, empty for a regression.
    """

    columns: list[str]
    classes: list[str]
    categories: dict[str, list[str]]
    words: list[str]
    widths: list[int]
    fill: Tensor
    origin: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, net: nn.Module, learned: Preprocess) -> None:
        super().__init__()
        self.net = net
        target = learned.target
        self.columns, self.classes = [one.name for one in learned.inputs], list(target.class_names)
        self.categories = {one.name: list(one.values) for one in learned.inputs if one.kind == "category"}
        self.words = list(learned.text.values) if learned.text is not None else []
        self.texts = learned.text is not None
        # How many inputs a column becomes, 0 for one that stays a number.
        self.widths = [len(one.values) if one.kind == "category" else 0 for one in learned.inputs]
        self.one_hot = any(one.kind == "category" for one in learned.inputs)
        self.classifies = target.task == "classification"
        self.target_mean, self.target_scale = float(target.mean), float(target.scale)
        fill, origin, mean, scale = _columns(learned)
        for name, values in (("fill", fill), ("origin", origin), ("mean", mean), ("scale", scale)):
            self.register_buffer(name, torch.from_numpy(values))

    def features(self, raw: Tensor) -> Tensor:
        """The inputs of the net, as the run's own preprocessing makes them: in float64, rounded once."""
        if self.texts:
            return raw
        raw = (raw.double() - self.origin.double()).float()
        raw = torch.where(torch.isnan(raw), self.fill, raw)
        scaled = ((raw.double() - self.mean.double()) / self.scale.double()).float()
        if not self.one_hot:
            return scaled
        parts: list[Tensor] = []
        for column, width in enumerate(self.widths):
            if width > 0:
                parts.append((raw[:, column : column + 1] == torch.arange(width, device=raw.device)).float())
            else:
                parts.append(scaled[:, column : column + 1])
        return torch.cat(parts, dim=1)

    def forward(self, raw: Tensor) -> Tensor:
        output = self.net(self.features(raw)).float()
        if not self.classifies:
            return output.view(-1) * self.target_scale + self.target_mean
        if output.dim() == 1 or output.size(1) == 1:  # one logit: that of the second class against the first
            z = output.view(-1)
            output = torch.stack([torch.zeros_like(z), z], dim=1)
        return output.softmax(dim=1)


def _columns(learned: Preprocess) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each raw column, float32: what fills a gap (NaN: nothing), what is taken off first (dates), mean and scale."""
    if (one := learned.shaped) is not None:
        count = math.prod(one.shape)
        fill = np.full(count, np.nan, np.float32) if one.fill is None else one.of_every_value(one.fill)
        return fill, np.zeros(count, np.float32), *learned.scales
    inputs = () if learned.text is not None else learned.inputs
    return (
        np.array([math.nan if one.fill is None else one.fill for one in inputs], np.float32),
        np.array([one.origin for one in inputs], np.float32),
        np.array([one.mean for one in inputs], np.float32),
        np.array([one.scale for one in inputs], np.float32),
    )
