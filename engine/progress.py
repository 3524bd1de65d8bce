"""How far an epoch has come, told at most once a second: samples per second, and the loss since the last time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from .events import Event, StepsDone

PROGRESS_SECONDS = 1.0


class Progress:
    """Counts samples and time in an epoch, and tells of it when it is due.

    sum_so_far, samples: the losses that were summed up in this epoch already, by a process before this one; 0-d, on the device.
    loss: the mean that was told last, 0.0 before the first time.
    """

    def __init__(
        self, epoch: int, emit: Callable[[Event], None], sum_so_far: Tensor | float = 0.0, samples: int = 0
    ) -> None:
        self._epoch, self._emit = epoch, emit
        self._began = self._told = self.last = time.perf_counter()
        self._samples = 0
        self._sum, self._count = sum_so_far, samples
        self._norms: Tensor | None = None
        self.loss = 0.0

    def add(self, samples: int) -> None:
        """Count a batch."""
        self._samples += samples
        self.last = time.perf_counter()

    @property
    def due(self) -> bool:
        """Whether it is time to tell."""
        return self.last - self._told >= PROGRESS_SECONDS

    def tell(self, step: int, lr: float, sum_so_far: Tensor, samples: int, norms: Tensor | None) -> None:
        """Emit StepsDone. It waits for the device, as nothing else does inside an epoch.

        sum_so_far: of the losses of all `samples` of this epoch, 0-d. norms: those of the gradients that were measured last,
        (parameters,); None when there are none.
        """
        if samples == self._count:  # among others that go on, this training is through with its epoch
            return
        mean = (sum_so_far - self._sum) / (samples - self._count)
        if norms is None or norms is self._norms:
            self.loss, norm = float(mean), math.nan
        else:
            self.loss, norm = torch.stack([mean, norms.to(mean).square().sum().sqrt()]).tolist()
        self._sum, self._count, self._norms, self._told = sum_so_far, samples, norms, self.last
        self._emit(
            StepsDone(
                epoch=self._epoch, step=step, samples_per_second=self.rate(), loss=self.loss, lr=lr, grad_norm=norm
            )
        )

    def skip(self) -> None:
        """Leave the time since the last batch out of the rate: the run was paused, or saved."""
        self._began += time.perf_counter() - self.last

    def rate(self) -> float:
        """Samples per second so far."""
        return self._samples / max(1e-9, self.last - self._began)
