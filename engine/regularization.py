"""The L1 and L2 penalties, as exact additions to the gradient instead of terms that autograd has to walk through."""

from __future__ import annotations

import torch
from torch import nn


class Penalty:
    """l1 * sum |w| + l2 * sum w^2 over the weight matrices and filters of a model (not biases).

    `add_gradient` adds l1 * sign(w) + 2 * l2 * w to each gradient, which is what autograd would add for the same terms, bit
    for bit: torch multiplies in the same order, and a factor of 2 is exact in floating point.
    """

    def __init__(self, model: nn.Module, l1: float, l2: float) -> None:
        self.l1, self.l2 = l1, l2
        self._weights = [weight for weight in model.parameters() if weight.ndim >= 2]

    @torch.no_grad()
    def add_gradient(self) -> None:
        """Add the gradient of the penalty to the gradients that backward has left."""
        for weight in self._weights:
            if weight.grad is not None and self.l2:
                weight.grad += weight * (2 * self.l2)
            if weight.grad is not None and self.l1:
                weight.grad += weight.sign() * self.l1

    @torch.no_grad()
    def value(self) -> float:
        """The penalty at the weights as they are now; 0.0 when both factors are 0."""
        total = 0.0
        if self.l1:
            total += self.l1 * sum(float(weight.abs().sum()) for weight in self._weights)
        if self.l2:
            total += self.l2 * sum(float(weight.square().sum()) for weight in self._weights)
        return total

    @property
    def weights(self) -> list[nn.Parameter]:
        """The parameters that the penalty covers."""
        return list(self._weights)
