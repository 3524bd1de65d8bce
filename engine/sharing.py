"""What the parts of a training step are on one of several ranks: the same as in one process, for this rank's rows.

The loop reads (x, y) with the rows of x that are this rank's and the targets y of the whole batch, which is little: so that each
rank knows by itself what its rows weigh among all. DistributedDataParallel takes the mean of the gradients over the ranks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from .errors import data_error
from .metrics import Measured, Scorecard, Tally
from .ownmodel import chance_state, put_chance
from .regularization import Augmentation, Criterion, Mixed, moved
from .together import Together
from .world import World

if TYPE_CHECKING:
    from .data.prepared import Prepared
    from .recipe import Recipe


class SharedLoss:
    """A loss over this rank's rows, weighed so that its mean over the ranks is the loss of the whole batch.

    It takes the output for this rank's rows and the targets (n,) of all. With class weights, cross_entropy and nll divide by
    the weights of the whole batch, as in one process.
    """

    def __init__(self, criterion: Criterion, world: World) -> None:
        self._criterion, self._world = criterion, world
        weighs = isinstance(criterion, nn.CrossEntropyLoss | nn.NLLLoss)
        self._weights: Tensor | None = criterion.weight if weighs else None

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        mine, size = self._world.share(len(target)), self._world.size
        rows = mine.stop - mine.start
        if not rows:
            return self._criterion(output, target[:1]) * 0.0
        loss = self._criterion(output, target[mine])
        if self._weights is not None:
            weights = self._weights[target]
            return loss * (size * weights[mine].sum() / weights.sum())
        return loss if rows * size == len(target) else loss * (rows * size / len(target))


class SharedAugmentation(Augmentation):
    """What the rows of this rank go through: each draws for all rows of a batch and keeps what is for its own.

    So the ranks' generators stay in step, and a row goes through what it goes through in one process. Mixup needs all rows
    in x (SharedBatches.whole); with those of this rank alone it blends them among themselves.
    """

    def __init__(self, *args: Any, world: World, **options: Any) -> None:
        super().__init__(*args, **options)
        self._world = world

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor | Mixed]:
        target: Tensor | Mixed = y
        count, mine = len(y), self._world.taken(len(y))
        whole = len(x) == count
        if self.shape is not None and (self.flip or self.shift):
            pictures = x.view(len(x), *self.shape)
            rows = slice(0, count) if whole else mine
            x = moved(pictures, self.flip, self.shift, self.moves_generator, count, rows).reshape(len(x), -1)
        if self.mixup:
            share = float(self.mixup_generator.beta(self.mixup, self.mixup))
            partner = torch.from_numpy(self.mixup_generator.permutation(count)).to(x.device)
            if whole:
                x = (share * x + (1 - share) * x[partner])[mine]
                target = Mixed(y, y[partner], share)
            else:
                partner = partner[mine].argsort()
                x = share * x + (1 - share) * x[partner]
                second = y.clone()
                second[mine] = y[mine][partner]
                target = Mixed(y, second, share)
        elif whole:
            x = x[mine]
        if self.noise:
            shape = (count, *x.shape[1:])
            noise = torch.randn(shape, generator=self.noise_generator, device=x.device, dtype=x.dtype)
            x = x + self.noise * noise[mine]
        return x, target


class SharedTally(Tally):
    """As Tally, of this rank's rows until `read`, which gives the figures of all ranks. `so_far` is of this rank."""

    def __init__(self, *args: Any, together: Together) -> None:
        super().__init__(*args)
        self._together = together

    def add(self, loss: Tensor, output: Tensor, target: Tensor) -> None:
        """Take in a batch: loss as SharedLoss gives it, output for this rank's rows, target (n,) of all."""
        world, count = self._together.world, len(target)
        mine = world.share(count)
        if rows := mine.stop - mine.start:
            # The sums take each batch by the rows that are here.
            own = loss if rows * world.size == count else loss * (count / (rows * world.size))
            super().add(own, output, target[mine])

    def read(self) -> tuple[float, float]:
        self._sum_up()
        counted = torch.cat([self._sums, self._sums.new_tensor([self._count])])
        *sums, count = self._together.total(counted).tolist()
        loss, metric = (one / max(1, count) for one in sums)
        return self._finished(loss, metric)


class SharedScorecard(SharedTally, Scorecard):
    """As Scorecard, of this rank's rows until `complete`, and then of those of all ranks in their order."""

    def __init__(self, *args: Any, together: Together) -> None:
        super().__init__(*args, together=together)
        self._wanted: list[Tensor] = []
        self._none: Tensor | None = None

    def add(self, loss: Tensor, output: Tensor, target: Tensor) -> None:
        super().add(loss, output, target)
        self._wanted.append(target)
        self._none = output[:0]

    def complete(self) -> None:
        assert self._none is not None
        self._sum_up()
        self._sums = self._together.total(self._sums)
        own = torch.cat([self._none, *self._outputs])
        self._outputs = [self._together.rows(own, [len(target) for target in self._wanted])]
        self._targets = [torch.cat(self._wanted)]
        self._count = len(self._targets[0])

    def measure(self) -> Measured:
        return self._together.agree(super().measure())


def first_pass(recipe: Recipe) -> None:
    """Make one forward and backward pass that leaves no trace in the model, its gradients or chance.

    After the first one DistributedDataParallel arranges the gradients anew for averaging them, and three ranks or more add up in
    another order than before. Made here, each step of a run adds as it would have in a process that never stopped.
    """
    model, device = recipe.model, recipe.device
    buffers = [buffer.clone() for buffer in model.buffers()]
    chance, devices = chance_state(), [device] if device.type == "cuda" else []
    x, y = next(recipe.train.in_order())
    model.train()
    with torch.random.fork_rng(devices):
        recipe.loss(recipe.trained(x), y).backward()
    model.zero_grad(set_to_none=True)
    put_chance(chance)
    with torch.no_grad():
        for buffer, before in zip(model.buffers(), buffers, strict=True):
            buffer.copy_(before)


COMPARED = 4096
"""Rows of each part of the data that the ranks compare."""


def same_data(together: Together, data: Prepared) -> None:
    """Raise DataError unless all ranks have read the same rows: each takes its own of what it takes for the same batches."""
    if not together.several:
        return
    parts: list[Any] = [data.x_train, data.y_train, data.x_validation, data.y_validation, data.x_test, data.y_test]
    seen = together.gathered([(part.shape, _checksum(part)) for part in parts])
    if (other := next((rank for rank, one in enumerate(seen) if one != seen[0]), 0)) == 0:
        return
    rows, theirs = seen[0][0][0][0], seen[other][0][0][0]
    what = f"{theirs} training rows instead of {rows}" if rows != theirs else "other numbers"
    hint = "give every machine the same files; a function of your own has to give the same each time"
    raise data_error("data.source", f"rank {other} of {together.world.size} reads {what}: other data than rank 0", hint)


def _checksum(rows: Any) -> int:
    """Of some of the rows; 0 of those that would have to be read first."""
    if not isinstance(rows, np.ndarray):
        return 0
    return crc32(np.ascontiguousarray(rows[:: 1 + len(rows) // COMPARED]).tobytes())
