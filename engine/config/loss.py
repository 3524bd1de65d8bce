"""Knobs of the loss that is minimized."""

from __future__ import annotations

from typing import Literal

from .declare import HAS_CLASSES, Section, chosen, knob


class LossConfig(Section):
    """Loss"""

    name: Literal["auto", "cross_entropy", "bce", "nll", "hinge", "mse", "l1", "huber", "smooth_l1"] = knob(
        "auto",
        label="loss",
        help="What training makes small. auto: cross_entropy for classes, mse for a quantity. bce: one output for two classes. nll: "
        "cross_entropy with the log-softmax inside the model. hinge: only asks that the right class wins by a margin of 1, "
        "and gives no probabilities. mse punishes large errors most, which outliers abuse; l1 treats all errors alike, and huber and "
        "smooth_l1 are mse near 0 and l1 far away. Values of different losses cannot be compared.",
    )
    delta: float = knob(
        1.0,
        label="huber delta",
        help="Errors up to this are squared, larger ones count linearly; in standard deviations of the target. 0.5 to 2 is usual: "
        "a large one is half of mse, a tiny one is l1 with a very small gradient.",
        when=chosen("loss.name", "huber"),
        log=True,
        gt=0.0,
        le=1e6,
    )
    beta: float = knob(
        1.0,
        label="smooth beta",
        help="Errors up to this are squared, larger ones count linearly; in standard deviations of the target. As huber with this delta, "
        "divided by it, so that far errors keep a slope of 1. 0.1 to 2 is usual; a tiny one is l1.",
        when=chosen("loss.name", "smooth_l1"),
        log=True,
        gt=0.0,
        le=1e6,
    )
    class_weights: Literal["none", "balanced"] = knob(
        "none",
        label="class weights",
        help="balanced: a sample counts more, the rarer its class is in the training part: n / (classes * count). Use it when rare "
        "classes matter and are never predicted. It costs accuracy on the common ones, and with a handful of samples the "
        "net learns those by heart.",
        when=[chosen("loss.name", "auto", "cross_entropy", "bce", "nll", "hinge"), HAS_CLASSES],
    )
