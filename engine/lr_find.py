"""The learning-rate range test: train for a few steps while the rate grows, and look where the loss falls.

Smith 2017, "Cyclical learning rates for training neural networks", section 3.3; swept exponentially and stopped at divergence
as in Gugger 2018, "How do you find a good learning rate". Nothing is written, and the weights are thrown away.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .config import RunConfig, ScheduleConfig
from .data.prepared import load_prepared
from .data.readers import close_readers
from .errors import config_error
from .facts import RangeTest
from .recipe import Recipe, build_recipe
from .regularization import loss_of
from .threads import suitable_threads

SMOOTHING = 0.9
"""Weight of the past in the running mean of the loss."""

DIVERGED = 4.0
"""A smoothed loss this many times the best one ends the sweep."""

_SKIP = 3  # the first points of the running mean say little
_LEAST_FALL = 0.02  # share of the loss; less is noise
_ROWS, _BAR = 16, 40  # of the table


def find_lr(config: RunConfig, lowest: float = 1e-7, highest: float = 10.0, steps: int = 100) -> RangeTest:
    """Train from fresh weights for `steps` steps with the rate growing by the same factor from `lowest` to `highest`.

    The schedule of `config` is left out; everything else counts. Raises ConfigError for an optimizer that does not go by its
    learning rate, for limits that make no sweep, and InputError as a run would.
    """
    if not 0 < lowest < highest or not math.isfinite(highest):
        raise config_error("", f"no sweep goes from {lowest:g} to {highest:g}", "start above 0 and below the end")
    if steps < 10:
        raise config_error("", f"{steps} steps are too few to see a curve", "use at least 10, 100 is usual")
    if config.optimizer.name in ("lbfgs", "rprop"):
        problem = f"{config.optimizer.name} finds the size of its steps by itself"
        raise config_error("optimizer.name", problem, "choose its learning rate by hand; the default is a good start")
    data = load_prepared(config.data)
    generator_state = torch.random.get_rng_state()
    try:
        recipe = build_recipe(config.model_copy(update={"schedule": ScheduleConfig()}), data)
        with suitable_threads(recipe):
            return _sweep(recipe, lowest, highest, steps)
    finally:
        close_readers()
        torch.random.set_rng_state(generator_state)


def _sweep(recipe: Recipe, lowest: float, highest: float, steps: int) -> RangeTest:
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    mean, diverged = 0.0, False
    recipe.model.train()
    batches = _endless(recipe)
    for step in range(steps):
        rate = lowest * (highest / lowest) ** (step / (steps - 1))
        for group in recipe.optimizer.param_groups:
            group["lr"] = rate
        loss = float(_step(recipe, *next(batches)))
        if not math.isfinite(loss):
            diverged = True
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        rates.append(rate)
        losses.append(loss)
        smoothed.append(mean / (1 - SMOOTHING ** (step + 1)))
        if smoothed[-1] > DIVERGED * min(smoothed):
            diverged = True
            break
    steepest, tenth = suggestions(rates, smoothed)
    return RangeTest(tuple(rates), tuple(losses), tuple(smoothed), steepest, tenth, diverged)


def _step(recipe: Recipe, x: Tensor, y: Tensor) -> Tensor:
    """One step as the training loop takes it; returns the loss on the batch before it."""
    scaler = recipe.precision.scaler
    recipe.zero_gradients()
    inputs, target = recipe.augment(x, y)
    with recipe.precision.autocast():
        loss = loss_of(recipe.loss, recipe.forward(inputs), target)
    scaler.scale(loss).backward()
    scaler.unscale_(recipe.optimizer)
    recipe.penalty.add_gradient()
    recipe.clipping.apply()
    recipe.weight_decay.apply()
    scaler.step(recipe.optimizer)
    scaler.update()
    recipe.max_norm.apply()
    return loss.detach()


def _endless(recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from recipe.train.shuffled(recipe.order)


def suggestions(rates: Sequence[float], smoothed: Sequence[float]) -> tuple[float | None, float | None]:
    """The rate of the steepest fall, and a tenth of the rate with the lowest loss; None twice when the loss never fell.

    Only the last descent counts, from the last loss above nine tenths of the whole fall down to the lowest: before it the curve
    is level, and its slopes are those of the noise. The slope at a point is taken over a tenth of the sweep around it.
    """
    if len(smoothed) <= _SKIP + 2:
        return None, None
    lowest = min(range(_SKIP, len(smoothed)), key=smoothed.__getitem__)
    if smoothed[lowest] > smoothed[_SKIP] - _LEAST_FALL * abs(smoothed[_SKIP]):
        return None, None

    level = statistics.median(smoothed[_SKIP : lowest + 1])
    foot = smoothed[lowest] + 0.9 * (level - smoothed[lowest])
    start = max(at for at in range(_SKIP, lowest + 1) if smoothed[at] >= foot)
    reach = max(1, len(smoothed) // 20)

    def slope(at: int) -> float:
        before, after = max(_SKIP, at - reach), min(len(smoothed) - 1, at + reach)
        return (smoothed[after] - smoothed[before]) / math.log(rates[after] / rates[before])

    steepest = min(range(start, lowest + 1), key=slope)
    return rates[steepest], rates[lowest] / 10


def describe(found: RangeTest) -> str:
    """The range test as plain text: a table of loss against learning rate with bars, and what to take from it."""
    lines = [f"{'learning rate':>13}  {'loss':>9}"]
    if found.smoothed:
        every = max(1, math.ceil(len(found.rates) / _ROWS))
        picked = range(0, len(found.rates), every)
        low = min(found.smoothed)
        high = max(found.smoothed[: found.smoothed.index(low) + 1])  # what explodes behind the lowest fills its bar
        for at in picked:
            share = (found.smoothed[at] - low) / (high - low) if high > low else 0.0
            lines.append(f"{found.rates[at]:>13.2e}  {found.smoothed[at]:>9.4f}  {'#' * round(_BAR * min(1.0, share))}")
    end = f"diverged at {found.rates[-1]:.1e}" if found.diverged and found.rates else "did not diverge"
    lines += ["", f"The loss {end} (smoothed, over {len(found.rates)} steps)."]
    if found.steepest is None or found.tenth is None:
        lines.append("No suggestion: the loss did not fall. More steps or another range may show more.")
    else:
        lines.append(f"Suggestion: optimizer.lr = {found.steepest:.1e}, where the loss falls fastest;")
        lines.append(f"or {found.tenth:.1e}, a tenth of the rate with the lowest loss. Anything between the")
        lines.append("two is usually safe.")
    return "\n".join(lines)
