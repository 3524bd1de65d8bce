"""Several trainings side by side: the loop of engine.loop, each step of it for all of them at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from . import events as e
from .batchednet import Stack
from .commands import Save
from .data.batches import WAITING
from .keeping import Keeper
from .loop import Emit, TrainFigures, evaluate_epoch, judge_epoch, reason_to_end
from .metrics import measured
from .progress import Progress
from .recipe import Recipe
from .stopping import StopToken
from .training import Training


@dataclass(frozen=True, eq=False)
class Lane:
    """A training among others: what its events go to, and who looks after it. number: of its trial."""

    number: int
    training: Training
    keeper: Keeper
    emit: Emit

    @property
    def place(self) -> tuple[int, int]:
        """Whole epochs done, and batches of the next one."""
        return self.training.done, self.training.batch


Ending = Callable[[Sequence[tuple[Lane, e.EndReason]]], None]


def fit_together(lanes: Sequence[Lane], emit: Emit, token: StopToken, end: Ending) -> None:
    """Train as engine.loop.fit does, each until it ends by itself or all are stopped.

    Goes on from wherever each training stands; those that lag behind go first, until all are in step. `end` is handed the
    ones that end at the same moment, with the reason of each; they cost nothing from then on. emit: for what concerns all.
    """
    left = list(lanes)
    stack: Stack | None = None
    group: list[Lane] = []
    while left:
        reasons: list[tuple[Lane, e.EndReason | None]] = [(lane, reason_to_end(lane.training, token)) for lane in left]
        ended: list[tuple[Lane, e.EndReason]] = [(lane, reason) for lane, reason in reasons if reason is not None]
        if ended:
            left = [lane for lane in left if all(lane is not one for one, _ in ended)]
        last = min((lane.place for lane in left), default=None)
        together = [lane for lane in left if lane.place == last]
        # Trainings with equally many rows stand next to each other: their batches are of one size.
        together.sort(key=lambda lane: (-lane.training.recipe.train.rows, lane.number))
        if stack is not None and (ended or together != group):
            stack.release()
            stack = None
        if ended:
            if any(reason == token.reason for _, reason in ended):
                emit(e.StopAsked(reason=token.reason or ended[0][1]))
            end(ended)
            continue
        if stack is None:
            stack, group = Stack([lane.training for lane in together]), together
        began = time.perf_counter()
        for lane in sorted(group, key=lambda lane: lane.number):
            lane.emit(e.EpochStarted(epoch=lane.training.done + 1))
        figures = train_epoch_together(stack, group, left, emit, token)
        if figures is None:
            continue
        trained = sorted(zip(group, figures, strict=True), key=lambda pair: pair[0].number)
        evaluated = [evaluate_epoch(lane.training, train, token) for lane, train in trained]
        known = [one for one in evaluated if one is not None]
        if len(known) < len(evaluated):  # a stop in a hurry
            continue
        validated = measured([card for _, card in known])
        for (lane, train), (own, _), val in zip(trained, known, validated, strict=True):
            judge_epoch(lane.training, train, own, val, began, lane.emit)
        _answer(left, emit, token)
        if group[0].keeper.due():
            for lane in group:
                lane.keeper.save_soon(lane.training, "epoch")


def train_epoch_together(
    stack: Stack, lanes: Sequence[Lane], all_lanes: Sequence[Lane], emit: Emit, token: StopToken
) -> list[TrainFigures] | None:
    """One pass of each training over its data, or the rest of one; None when it was broken off by a stop.

    lanes: those in the stack, in its order. all_lanes: with those that stand elsewhere.
    """
    if not _attend(lanes, all_lanes, emit, token):
        return None
    recipes = [lane.training.recipe for lane in lanes]
    begun = [lane.training.begin_epoch() for lane in lanes]
    first = lanes[0].training.batch
    inputs, targets = gathered(recipes)
    kept = Kept(lanes, first)
    told = min(range(len(lanes)), key=lambda number: lanes[number].number)  # whose loss inside the epoch is told
    progress = Progress(lanes[told].training.done + 1, lanes[told].emit, *kept.so_far(told))
    for recipe in recipes:
        recipe.model.train()
    one = recipes[0]  # the settings are the same for all
    size, noisy = one.train.batch_size, one.augment.noise > 0
    penalty, clipping, decay, max_norm = one.penalty, one.clipping, one.weight_decay, one.max_norm
    batches = max(len(recipe.train) for recipe in recipes)
    full = min(recipe.train.rows for recipe in recipes) // size  # batches of which all have one of the same size
    moving = any(recipe.schedule.moves for recipe in recipes)
    common = zip(*(whole[:, : full * size].split(size, 1) for whole in (inputs, targets)), strict=True) if full else ()
    even = list(common)
    everybody = [(recipe, sums.norms, number) for number, (recipe, sums) in enumerate(zip(recipes, begun, strict=True))]
    for batch in range(first + 1, batches + 1):
        pieces = [(0, len(lanes), size)] if batch <= full else list(parts(recipes, batch))
        steps = everybody if batch <= full else [everybody[at] for piece in pieces for at in range(*piece[:2])]
        for start, stop, rows in pieces:
            if batch <= full:
                x, y = even[batch - 1]
            else:
                begin = (batch - 1) * size
                x, y = inputs[start:stop, begin : begin + rows], targets[start:stop, begin : begin + rows]
            if noisy:
                pairs = zip(recipes[start:stop], x, y, strict=True)
                x = torch.stack([recipe.augment(own, wanted)[0] for recipe, own, wanted in pairs])
            net = stack.net(start, stop)
            output = net.forward(x)
            losses, gradient = net.loss(output, y)
            net.backward(gradient)
            kept.add(start, stop, losses, output, y)
        if penalty.l1 or penalty.l2:
            for recipe, _, _ in steps:
                recipe.penalty.add_gradient()
        measured = [(norms, number) for _, norms, number in steps if norms.measures(batch)]
        for _, norms, _ in steps:
            norms.compare(batch)
        before = after = stack.norms() if measured else stack.values
        if clipping.on:
            for recipe, _, _ in steps:
                recipe.clipping.apply()
            after = stack.norms() if measured else stack.values
        for norms, number in measured:
            norms.take(before[number], after[number])
        if decay.rate:
            for recipe, _, _ in steps:
                recipe.weight_decay.apply()
        stack.step([number for _, _, number in steps])
        if max_norm.limit:
            for recipe, _, _ in steps:
                recipe.max_norm.apply()
        if moving:
            for recipe, _, _ in steps:
                recipe.schedule.after_step()
        progress.add(max(0, min(size, recipes[told].train.rows - (batch - 1) * size)))
        if progress.due:
            progress.tell(batch, recipes[told].schedule.lr, *kept.so_far(told), begun[told].norms.latest())
            latest = kept.latest() | {told: progress.loss}
            if not all(map(math.isfinite, latest.values())):
                kept.hand_over(whole=False)  # from which batch on is for the tallies to say
                for number, loss in latest.items():
                    for fact in lanes[number].training.examine_steps(batch, loss):
                        lanes[number].emit(fact)
        if token.attention or lanes[0].keeper.overdue(progress.last):
            _stand(lanes, batch)
            kept.hand_over(whole=False)
            going_on = _attend(lanes, all_lanes, emit, token)
            progress.skip()
            if not going_on and (batch < batches or token.now):
                return None
    _stand(lanes, batches)
    kept.hand_over(whole=first == 0)
    rate = progress.rate()
    return [TrainFigures(one.lr, *one.tally.read(), one.norms.read(), rate) for one in begun]


def gathered(recipes: Sequence[Recipe]) -> tuple[Tensor, Tensor]:
    """Each training's rows in a new random order of its own: inputs (trials, rows, features) and targets (trials, rows).

    Where one has fewer rows than another, zeros stand behind them.
    """
    began = time.perf_counter()
    most = max(recipe.train.rows for recipe in recipes)
    x, y = recipes[0].train.x, recipes[0].train.y
    inputs, targets = x.new_zeros(len(recipes), most, *x.shape[1:]), y.new_zeros(len(recipes), most)
    for recipe, own_inputs, own_targets in zip(recipes, inputs, targets, strict=True):
        rows = recipe.train.rows
        order = torch.randperm(rows, generator=recipe.order).to(x.device)
        torch.index_select(recipe.train.x, 0, order, out=own_inputs[:rows])
        torch.index_select(recipe.train.y, 0, order, out=own_targets[:rows])
    WAITING.seconds += time.perf_counter() - began
    return inputs, targets


def parts(recipes: Sequence[Recipe], batch: int) -> Iterator[tuple[int, int, int]]:
    """The trainings, as numbers from and up to, that have a batch number `batch` (from 1) of the same size, and that size."""
    number = 0
    for rows, same in groupby(
        min(one.train.batch_size, one.train.rows - (batch - 1) * one.train.batch_size) for one in recipes
    ):
        count = len(list(same))
        if rows > 0:
            yield number, number + count, rows
        number += count


def _stand(lanes: Sequence[Lane], batch: int) -> None:
    """Have each training stand behind this batch, or behind its last one."""
    for lane in lanes:
        lane.training.batch = min(batch, len(lane.training.recipe.train))


class Kept:
    """Losses, outputs and targets of the batches since the last handing over, for the tallies of the trainings."""

    def __init__(self, lanes: Sequence[Lane], batch: int) -> None:
        self._lanes = lanes
        self._batches: list[list[tuple[Tensor, Tensor, Tensor]]] = [[] for _ in lanes]
        self._common: list[tuple[Tensor, Tensor, Tensor]] = []
        self._summed = 0, 0  # batches of both kinds whose losses are in the sum below, with its samples
        self._sum: tuple[Tensor | float, int] = 0.0, 0
        self._latest: tuple[int, Tensor] = 0, torch.zeros(0)

    def add(self, start: int, stop: int, losses: Tensor, output: Tensor, target: Tensor) -> None:
        """Take in a batch of the trainings from number `start` to before `stop`."""
        self._latest = start, losses
        if stop - start == len(self._lanes) and not any(self._batches):
            self._common.append((losses, output, target))
            return
        for number in range(start, stop):
            at = number - start
            self._batches[number].append((losses[at], output[at], target[at]))

    def latest(self) -> dict[int, float]:
        """The losses of the batch that was taken in last, by the numbers of the trainings that had it. Waits for the device."""
        start, losses = self._latest
        return dict(enumerate(losses.tolist(), start))

    @torch.no_grad()
    def so_far(self, number: int) -> tuple[Tensor, int]:
        """As Tally.so_far, of the training of this number, always the same one."""
        partial = self._lanes[number].training.partial
        assert partial is not None
        handed, samples = partial.tally.so_far()
        common, own = self._common[self._summed[0] :], self._batches[number][self._summed[1] :]
        self._summed = len(self._common), len(self._batches[number])
        if rows := [target.shape[1] for _, _, target in common] + [len(target) for _, _, target in own]:
            losses = torch.stack([loss[number] for loss, _, _ in common] + [loss for loss, _, _ in own])
            shares = torch.tensor(rows, dtype=handed.dtype).to(handed.device, non_blocking=True)
            self._sum = self._sum[0] + (losses.to(handed) * shares).sum(), self._sum[1] + sum(rows)
        return handed + self._sum[0], samples + self._sum[1]

    def hand_over(self, whole: bool) -> None:
        """Add all of it to the tallies. whole: nothing was handed over before, and the epoch is at its end."""
        rows = [target.shape[1] for _, _, target in self._common]
        losses = torch.stack([one for one, _, _ in self._common], 1) if rows else None
        outputs = torch.cat([one for _, one, _ in self._common], 1) if rows else None
        targets = torch.cat([one for _, _, one in self._common], 1) if rows else None
        for number, (lane, others) in enumerate(zip(self._lanes, self._batches, strict=True)):
            partial = lane.training.partial
            assert partial is not None
            if losses is not None and outputs is not None and targets is not None:
                partial.tally.take(losses[number], rows, outputs[number], targets[number], whole and not others)
            for loss, output, target in others:
                partial.tally.add(loss, output, target)
            others.clear()
        self._common.clear()
        self._summed, self._sum = (0, 0), (0.0, 0)


def _attend(lanes: Sequence[Lane], all_lanes: Sequence[Lane], emit: Emit, token: StopToken) -> bool:
    """Do what is asked of the run, between two batches; whether the epoch can go on."""
    epoch = lanes[0].training.done + 1
    _answer(all_lanes, emit, token)
    if token.paused:
        emit(e.Paused(epoch=epoch))
        while token.paused:
            token.rest()
            _answer(all_lanes, emit, token)
        emit(e.Resumed(epoch=epoch))
    if token.reason is not None:
        return False
    if lanes[0].keeper.overdue(time.perf_counter()) and lanes[0].training.batch:
        for lane in lanes:
            lane.keeper.save_soon(lane.training, "minutes")
    return True


def _answer(lanes: Sequence[Lane], emit: Emit, token: StopToken) -> None:
    """Answer everything that was asked of the run: all are saved, and one says for all what cannot be done."""
    while token.notices:
        emit(token.notices.popleft())
    while token.asked:
        command = token.asked.popleft()
        for lane in lanes if isinstance(command, Save) else lanes[:1]:
            lane.keeper.answer(lane.training, command)
