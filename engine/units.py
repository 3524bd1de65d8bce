"""Looks at the hidden units of a model: which of them answer nothing any more, and which are driven where they are flat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ROWS = 512
"""Training rows that are looked at; all of them where there are fewer."""

FLAT = 0.02
"""An activation is flat where its derivative is below this share of its largest."""

NEARLY_ALL = 0.95
"""The share of the rows on which a unit has to be flat to be saturated."""

LEARNT = 0.35
"""A training loss below this share of the constant answer's: a net that has learnt so much has nothing to be looked for."""


@dataclass(frozen=True, slots=True)
class Units:
    """The shares of dead and of saturated units of each hidden layer; empty when nothing was looked at."""

    dead: tuple[float, ...] = ()
    saturated: tuple[float, ...] = ()


def looks(epoch: int) -> bool:
    """Whether to look into the net in this epoch: in the first four and then ever more seldom, some 13 times in 50 epochs."""
    return epoch <= 4 or math.floor(math.log(epoch, 1.3)) > math.floor(math.log(epoch - 1, 1.3))


class UnitsProbe:
    """Asks `model` for its hidden units' answers to a sample of the training rows `x`, (rows, features).

    A unit is dead when it answers 0 to every row of the sample: ReLU only, and the other activations never do. It is saturated
    when on 95 % of the rows its activation is flat: sigmoid and tanh only. Of a convolution a unit is a filter, at all places of
    a picture. baseline: the loss of a constant answer. Nothing is drawn at random, and the model is left in the mode it was in.
    """

    def __init__(self, model: nn.Module, x: Tensor, baseline: float) -> None:
        self._model, self._baseline = model, baseline
        self._x = x
        self._able = any(type(part) in _WATCHED for part in model.children())

    def look(self, epoch: int, train_loss: float) -> Units:
        """The shares after an epoch, if it is one of those; one transfer to the host."""
        if not self._able or not looks(epoch) or train_loss < LEARNT * self._baseline:
            return Units()
        return self._shares()

    @torch.inference_mode()
    def _shares(self) -> Units:
        was_training = self._model.training
        self._model.eval()
        answer = self._x[:: max(1, len(self._x) // ROWS)][: 2 * ROWS]
        found = []
        for part in self._model.children():
            answer = part(answer)
            if type(part) in _WATCHED:
                found.append(_shares_of(type(part), answer.transpose(0, 1).flatten(1).float()))
        self._model.train(was_training)
        dead, saturated = torch.stack(found, 1).tolist()
        return Units(tuple(dead), tuple(saturated))


_WATCHED = (nn.ReLU, nn.Sigmoid, nn.Tanh)


def _shares_of(kind: type[nn.Module], answers: Tensor) -> Tensor:
    """(2,): the shares of dead and of saturated units. answers: (units, rows)."""
    if kind is nn.ReLU:
        dead = (answers <= 0).all(1).float().mean()
        return torch.stack([dead, torch.zeros_like(dead)])
    steepness = 1 - answers.square() if kind is nn.Tanh else 4 * answers * (1 - answers)
    saturated = ((steepness < FLAT).float().mean(1) >= NEARLY_ALL).float().mean()
    return torch.stack([torch.zeros_like(saturated), saturated])
