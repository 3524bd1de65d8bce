"""Knobs that keep a model from learning its training data by heart."""

from __future__ import annotations

from typing import Literal

from .declare import HAS_CLASSES, HAS_PICTURES, NO_TEXT, Section, above_zero, chosen, either, knob
from .model import SEQUENTIAL


class RegularizationConfig(Section):
    """Regularization"""

    dropout: float = knob(
        0.0,
        label="dropout",
        help="The chance that a hidden unit is switched off in a training step. Makes units learn to do without each "
        "other: 0.1 to 0.5 is usual, beyond 0.6 the net often cannot learn at all. In a cnn it acts behind the "
        "convolutions, in sequence models between their layers and behind them.",
        when=chosen("model.kind", "mlp", "cnn", *SEQUENTIAL),
        ge=0.0,
        lt=1.0,
        live="batch",
    )
    input_dropout: float = knob(
        0.0,
        label="input dropout",
        help="The chance that an input is set to zero in a training step. Keep it small, 0.05 to 0.2: it throws away "
        "data.",
        when=NO_TEXT,
        ge=0.0,
        lt=1.0,
        live="batch",
    )
    l1: float = knob(
        0.0,
        label="L1",
        help="Adds l1 * sum |w| over the weight matrices to the loss. Drives useless weights to practically zero, which shows "
        "which inputs matter; with L2 beside it, it is the elastic net. 1e-6 to 1e-3 is usual, and too much of it leaves "
        "no weights at all.",
        log=True,
        ge=0.0,
        le=1e3,
        live="batch",
    )
    l2: float = knob(
        0.0,
        label="L2",
        help="Adds l2 * sum w^2 over the weight matrices to the loss. Keeps weights small and the fit smooth; typical "
        "values are 1e-5 to 1e-2, and too much of it underfits.",
        log=True,
        ge=0.0,
        le=1e3,
        live="batch",
    )
    weight_decay: float = knob(
        0.0,
        label="decoupled decay",
        help="Shrinks the weights by lr * weight_decay * w at each step, apart from the gradient and from any decay of the "
        "optimizer's own. Unlike L2 it does not go through adam's division by the size of past gradients, so it shrinks all "
        "weights alike. 1e-4 to 0.1 is usual; too much underfits.",
        log=True,
        ge=0.0,
        le=100.0,
        live="batch",
    )
    penalty_on: Literal["weights", "all"] = knob(
        "weights",
        label="penalized",
        help="What L1, L2 and decoupled decay act on. weights: matrices and filters only, which is usual, since a bias makes no "
        "fit wild. all: biases and the scales of batch norm too.",
        when=either(
            above_zero("regularization.l1"), above_zero("regularization.l2"), above_zero("regularization.weight_decay")
        ),
    )
    max_norm: float = knob(
        0.0,
        label="max norm",
        help="After each step, scale the incoming weights of a unit back so that their norm is at most this; 0 for never. "
        "Goes well with dropout and high learning rates. 2 to 4 is usual; far below 1 the net cannot tell inputs apart.",
        ge=0.0,
        le=1e6,
    )
    label_smoothing: float = knob(
        0.0,
        label="label smoothing",
        help="Train towards a right answer of 1 - s and spread s evenly over all classes, so that the net does not grow ever "
        "more certain. 0.05 to 0.2 is usual; near 1 all answers look alike. Only training sees it: validation and test "
        "keep the plain loss so that runs compare.",
        when=[chosen("loss.name", "auto", "cross_entropy"), HAS_CLASSES],
        ge=0.0,
        lt=1.0,
    )
    input_noise: float = knob(
        0.0,
        label="input noise",
        help="Standard deviation of the Gaussian noise added to the inputs in each training step; standardized inputs have a "
        "deviation of 1. New noise at each step makes it hard to learn single rows by heart. 0.05 to 0.3 is usual; beyond 1 "
        "the noise drowns the data.",
        when=NO_TEXT,
        ge=0.0,
        le=100.0,
    )
    mixup: float = knob(
        0.0,
        label="mixup",
        help="Train on blends of two rows and of their targets, with a share drawn from Beta(mixup, mixup); 0 for none. Smooths "
        "the decision between classes and tames wrong labels. 0.1 to 0.4 is usual; large values blend half and half at "
        "every step, and the net underfits.",
        when=NO_TEXT,
        ge=0.0,
        le=100.0,
    )
    flip: bool = knob(
        False,
        label="mirror",
        help="Mirror each training picture left to right with a chance of one half, anew in every epoch. Doubles what there is to see of "
        "animals, faces or landscapes; wrong for digits, letters and whatever else means something by its side.",
        when=HAS_PICTURES,
    )
    shift: int = knob(
        0,
        label="shift",
        help="Move each training picture by up to this many pixels up or down and left or right, anew in every epoch; what comes in at an "
        "edge repeats it. A tenth of the side is usual; beyond a quarter what matters leaves the picture.",
        unit="px",
        when=HAS_PICTURES,
        ge=0,
        le=256,
    )
