"""What is wrong inside a net: gradients that explode or vanish, units that are dead or saturated, numbers that are none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..events import EpochEnded
from .findings import Finding
from .heldback import shrinking
from .moment import ABSURD, LONG_STEP, Moment
from .overfitting import figure
from .trend import median

EXPLODED = 100.0
"""How many times its running median the norm of the gradient has to be."""

TOO_LARGE = 50.0
"""How many times the loss of a constant answer it has to be at the start."""

STILL = 10.0
"""How many times the loss of a constant answer a gradient that was too large from the start has to be still."""

PROBES = 3
"""Epochs in a row whose gradients have to show it."""

VANISHED = 1e-3
"""The gradient of the weakest layer relative to that of the strongest."""

NOT_LEARNING = 0.05
"""A share explained below which a net has learnt nothing."""

SHARE = 0.5
"""The share of a layer's units that have to be dead or saturated."""


def non_finite(ended: EpochEnded, layers: Sequence[tuple[str, int]], lossy: bool = False) -> Finding | None:
    """Losses or gradients of an epoch that are no longer numbers, at once; the layer is the first whose gradient is not.

    lossy: the gradients are scaled to float16, where one that overflows now and then is skipped and means nothing.
    """
    losses = {
        "training loss": ended.train_loss,
        "loss of the steps": ended.train_loss_running,
        "validation loss": ended.val_loss,
    }
    # A running loss of NaN is one that was not measured, unless the others are none either.
    wrong = [name for name, value in losses.items() if not math.isfinite(value) and name != "loss of the steps"]
    if math.isinf(ended.train_loss_running):
        wrong.append("loss of the steps")
    broken = [number for number, norm in enumerate(ended.layer_grad_norms) if not math.isfinite(norm)]
    if not wrong and (lossy or not broken or not math.isinf(ended.grad_norm)):
        return None
    where = ""
    if broken:
        name = layers[broken[0]][0] if broken[0] < len(layers) else str(broken[0] + 1)
        where = f"; the gradient of layer {name} is not finite" + (
            f" (and of {len(broken) - 1} more)" * (len(broken) > 1)
        )
    said = ", ".join(f"{name} {losses[name]}" for name in wrong) or f"gradient norm {ended.grad_norm}"
    return Finding(
        "non_finite",
        "certain",
        ended.epoch,
        f"not a number since epoch {ended.epoch}",
        f"{said} in epoch {ended.epoch}{where}",
    )


def broken_step(epoch: int, step: int, loss: float, layer: str, known: bool = True) -> Finding:
    """A training loss that is no number, in the epoch in which it happens. layer: the first whose gradient is none either, or "".

    known: whether it began at this very step, or only was so by then.
    """
    where = f"; the gradient of layer {layer} is not finite" if layer else ""
    return Finding(
        "non_finite",
        "certain",
        epoch,
        f"not a number since epoch {epoch}, step {step}",
        f"the loss of the steps is {loss} {'from' if known else 'by'} step {step} of epoch {epoch}{' on' * known}{where}",
        step=step,
    )


def exploding(m: Moment) -> Finding | None:
    """Gradients a hundred times the size they used to have at three of the last five epochs, while training gets no better; or
    too large from the start, with a loss far above that of a constant answer: they grow from layer to layer.
    """
    norms = m.history.norms
    if m.n < PROBES or not all(map(math.isfinite, norms[:PROBES])):
        return None
    start, base = median(norms[:PROBES]), m.setting.baseline
    flat = m.dead > SHARE or m.saturated > SHARE / 2  # no signal grows through such layers
    if (
        base > 0
        and not flat
        and not m.history.first_update > LONG_STEP  # then it was the steps that threw it off
        and start > TOO_LARGE * base
        and median(norms[-PROBES:]) > STILL * base
        and m.history.train[0] > STILL * base
    ):
        return Finding(
            "exploding_gradients",
            "certain" if m.learnt < 0 else "likely",
            1,
            "exploding gradients",
            f"the gradient's norm was {figure(start)} in the first epochs and is {figure(median(norms[-PROBES:]))} now, and training "
            f"loss began at {figure(m.history.train[0])} where a constant answer has {figure(base)}: signal and gradient grow from "
            "layer to layer",
        )
    latest = norms[-5:]
    usual = median(norms[:-5])
    if m.n < PROBES + 5 or not usual > 0 or sum(norm > EXPLODED * usual for norm in latest) < PROBES:
        return None
    if m.train_now < 0.9 * median(m.history.train[:3]):
        return None
    return Finding(
        "exploding_gradients",
        "certain" if m.learnt < 0 else "likely",
        m.history.epochs[-5],
        "exploding gradients",
        f"the gradient's norm is {figure(median(latest))}, {median(latest) / usual:.0f} times its usual {figure(usual)}, and "
        f"training loss is {figure(m.train_now)}",
    )


def vanishing(m: Moment) -> Finding | None:
    """Nothing is learnt, and the gradient of some layer is a thousandth of another's."""
    rows = m.history.rms[-PROBES:]
    if len(rows) < PROBES or not -NOT_LEARNING < m.learnt < NOT_LEARNING or len(rows[0]) < 3:
        return None
    if m.fallen_back:  # the gradient did get through
        return None
    if m.zero_layer or m.dead > SHARE / 2:  # dead units pass no gradient on either, and weights of 0 none at all
        return None
    middles = [median([row[layer] for row in rows]) for layer in range(len(rows[0]))]
    low, high = min(middles), max(middles)
    if not 0 < high < math.inf or low >= VANISHED * high or not m.setting.baseline > 0:
        return None
    weakest = middles.index(low)
    name = m.setting.layers[weakest][0] if weakest < len(m.setting.layers) else str(weakest + 1)
    return Finding(
        "vanishing_gradients",
        "certain" if low < 0.1 * VANISHED * high else "likely",
        max(1, m.epoch - PROBES + 1),
        "vanishing gradients",
        f"after {m.epoch} epochs training loss {figure(m.train_now)} is no better than a constant answer's "
        f"{figure(m.reference)}, and the gradient of layer {name} is {low / high:.1g} of the largest layer's",
    )


def dead(m: Moment) -> Finding | None:
    """Half of a layer's units answer 0 to every row, twice in a row, while the net is not learning."""
    # A penalty that has driven the weights to 0 is what is wrong; and of a handful of units it is the start that decides.
    # Weights of 0 answer a constant: a loss far beyond a constant's is none of a penalty.
    if m.narrow or (m.learnt > -ABSURD and shrinking(m.setting.config)):
        return None
    return _units(m, "dead", SHARE, "dead units", "answer 0 to every row that was looked at")


def saturated(m: Moment) -> Finding | None:
    """Half of a layer's units are flat on nearly every row, twice in a row, while the net is not learning."""
    # Far off, it is the flat ones among the others that keep it there.
    share = SHARE if m.learnt > -ABSURD else SHARE / 2
    return _units(m, "saturated", share, "saturated units", "lie where their activation is flat on 95 % of the rows")


def _units(m: Moment, field: str, least: float, title: str, words: str) -> Finding | None:
    looks = [look for look in m.history.units if getattr(look, field)]
    if len(looks) < 2:
        return None
    before, now = getattr(looks[-2], field), getattr(looks[-1], field)
    if len(before) != len(now):
        return None
    shares = [min(pair) for pair in zip(before, now, strict=True)]
    worst = max(shares)
    if worst < least or m.zero_layer or not _hampered(m, worst):
        return None
    if worst <= 0.9 and m.narrow:  # one of two units is half of a layer
        return None
    layer = shares.index(worst)
    return Finding(
        title.replace(" ", "_"),
        "certain" if worst > 0.9 else "likely",
        looks[-2].epoch,
        title,
        f"{worst:.0%} of the units of hidden layer {layer + 1} {words}, and training has explained only "
        f"{max(0.0, m.learnt):.0%} of what a constant answer leaves",
    )


def _hampered(m: Moment, share: float) -> bool:
    """Whether the net learns badly enough for its silent units to matter: many nets do well with some."""
    if share > 0.9 and m.setting.knob("data.standardize", True) is False:  # that is why, and easily mended
        return m.learnt < 0.9
    return m.learnt < 0 or (m.learnt < (0.6 if share > 0.9 else 0.3) and m.train_fall < 0.1)
