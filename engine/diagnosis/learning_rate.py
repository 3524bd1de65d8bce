"""A learning rate that is too high, too low, or so high that training falls apart."""

from __future__ import annotations

import itertools
import math

from .findings import Finding
from .heldback import strong
from .moment import ABSURD, LONG_STEP, SHORT_STEP, Moment
from .overfitting import figure
from .trend import MannKendall, median, thin

WORSE = 1.03
"""A training loss this many times that of a constant answer: only steps that are too long keep it there."""

EARLY_WORSE = 1.2
"""The same in the first epochs."""

SWING = 0.08
"""Scatter of the training loss from epoch to epoch, relative to its level."""

SWING_MATTERS = 0.02
"""The same as a share of the loss of a constant answer: what is nearly learnt may swing by a lot of what is left."""

FLIPS = 0.4
"""Share of the epochs at which the training loss turned around; pure noise has 2/3."""

POOR = 0.3
"""A share explained below which long steps are what keeps it there."""

CALMING = 0.7
"""The share of the epochs before which a schedule's high rates may swing: it will calm them."""

QUICKENING = 1.2
"""How many times as fast as in the first half a loss falls in the second where it has only begun to: a rate that is too low makes a
steady fall."""

VAL_SWING = 0.1
"""Scatter of the validation loss from epoch to epoch, relative to its level: the rows are the same, so it is the net that swings."""

VAL_MATTERS = 0.03
"""The same as a share of the loss of a constant answer."""


def diverging(m: Moment) -> Finding | None:
    """Training gets worse and worse: far above its own best, and not as one spike."""
    train = m.history.train
    if m.n < 5:
        return None
    best, best_at = m.history.best_train, m.history.best_train_at
    if m.n - best_at <= 4 or min(train[-4:]) < 1.3 * best:
        return None
    since = thin(train[best_at + 1 :], 24) if m.n - best_at > 24 else train[best_at + 1 :]
    start = max(median(train[:2]), m.reference)
    latest = train[-4:]
    # Far from the best towards (or beyond) where it began, at each of the latest epochs.
    lost = (min(latest) - best) / max(start - best, 0.05 * abs(best), 1e-12)
    rising = MannKendall(since).z > 2
    beyond = min(latest) > 2 * max(start, 1e-12)
    if not (
        beyond or (lost > 0.5 and min(latest) > 1.5 * best) or (rising and lost > 0.25 and min(latest) > 1.3 * best)
    ):
        return None
    return Finding(
        "diverging",
        "certain" if beyond or lost > 0.8 else "likely",
        m.history.epochs[best_at] + 1,
        f"training diverges since epoch {m.history.epochs[best_at] + 1}",
        f"training loss is {figure(m.train_now)} after a best of {figure(best)} in epoch {m.history.epochs[best_at]}; the last "
        f"{len(latest)} epochs were all above {figure(min(latest))}",
    )


def too_high(m: Moment) -> Finding | None:
    """The training loss swings from epoch to epoch and falls no more, or stays above that of a constant answer."""
    if m.n < 5 or m.setting.knob("optimizer.name", "") == "lbfgs":
        return None
    latest = m.history.running[-max(4, m.n // 2) :]
    known = m.setting.baseline > 0
    bar = WORSE if m.n >= 8 else EARLY_WORSE
    thrown_off = m.n >= 8 and m.history.first_update > LONG_STEP
    if known and min(latest) > bar * m.reference and (thrown_off or MannKendall(thin(latest, 24)).z > -1.5):
        return _high(
            m,
            "certain" if median(latest) > 1.2 * m.reference else "likely",
            f"over the last {len(latest)} epochs training loss {figure(median(latest))} never came below that of a constant answer "
            f"({figure(m.reference)})",
        )
    pulled = strong(m.setting.config)  # a penalty takes back what was learnt as well
    if known and m.n >= 8 and m.fallen_back and not pulled and min(latest[-4:]) > 0.97 * m.reference:
        return _high(
            m,
            "likely",
            f"training loss was {figure(m.history.best_train)} in epoch {m.history.epochs[m.history.best_train_at]} and is "
            f"{figure(m.train_now)} now, no better than a constant answer's {figure(m.reference)}: what was learnt is lost again",
        )
    if m.n < 8 or m.learnt > 0.97 or (m.flips < FLIPS and not m.update > LONG_STEP):
        return None
    if m.setting.schedule not in ("", "constant", "plateau") and m.share < CALMING:
        return None
    if (
        m.val_swing > VAL_SWING
        and m.val_z > -1.5
        and m.val_swing * m.val_now > VAL_MATTERS * m.reference
        and m.n >= 12
        and m.val_flips >= FLIPS
    ):
        return _high(
            m,
            "likely",
            f"validation loss swings by {m.val_swing:.0%} around {figure(m.val_now)} from epoch to epoch and falls no more, and training "
            f"loss turns around at {m.flips:.0%} of the epochs",
        )
    if m.flips < FLIPS:
        return None
    # These make every step a long one: weights that are next to none, and models that have nothing more to learn.
    forced = m.zero_layer or strong(m.setting.config) or m.setting.linear or m.tight or m.narrow
    if m.n >= 10 and m.update > LONG_STEP and m.learnt < POOR and m.train_fall < 0.05 and not forced:
        return _high(
            m,
            "likely",
            f"a step changes the weights by {m.update:.1%}, and training loss wanders around {figure(m.train_now)}: only "
            f"{max(0.0, m.learnt):.0%} of what a constant answer leaves is explained",
        )
    # A fall over the window that is large against the scatter is progress, however rough.
    if (m.train_fall > 0.6 * m.swing and m.train_z < -1.5) or m.train_z < -2.6:
        return None
    long_steps = m.update > LONG_STEP
    back_and_forth = m.cosine < -0.1
    needed = SWING / 2 if long_steps or back_and_forth else SWING
    if not m.swing > needed or m.swing * m.train_now < SWING_MATTERS * m.reference:
        return None
    more = f"; a step changes the weights by {m.update:.1%}" if long_steps else ""
    more += f"; successive gradients point against each other (cosine {m.cosine:.2f})" if back_and_forth else ""
    return _high(
        m,
        "certain" if m.swing > 2 * SWING else "likely",
        f"training loss swings by {m.swing:.0%} around {figure(m.train_now)} from epoch to epoch, turns around at {m.flips:.0%} of "
        f"them and falls no more{more}",
    )


def _high(m: Moment, confidence: str, evidence: str) -> Finding:
    sure = "certain" if confidence == "certain" else "likely"
    return Finding(
        "learning_rate_high", sure, max(1, m.epoch - len(m.recent) + 1), "the learning rate is too high", evidence
    )


def too_low(m: Moment) -> Finding | None:
    """The loss falls smoothly and so slowly that the end is nowhere in sight."""
    far = 0.75 if m.update < SHORT_STEP / 2 else 0.6
    if m.n < 6 or m.share < 0.5 or not -ABSURD < m.learnt < far:
        return None
    train = m.history.train
    first, middle, last = median(train[:2]), train[m.n // 2], m.train_now
    falls = sum(b < a for a, b in itertools.pairwise(train)) / (m.n - 1)
    early, late = first - middle, middle - last
    if falls < 0.8 or early <= 0 or late <= 0 or not math.isfinite(early):
        return None
    # An exponential fall that halves its distance more slowly than the run is long goes on nearly as fast as it began. One that
    # slows down is as far from its end if the weights hardly move, and no schedule has stopped them.
    creeping = (
        m.update < SHORT_STEP / 3 and falls > 0.9 and m.val_z < -1.5 and m.history.lr[-1] >= 0.5 * m.history.top_rate
    )
    if late < 0.45 * early and not creeping:
        return None
    if late > QUICKENING * early and m.update > SHORT_STEP / 2:  # it has only begun
        return None
    fallen = 1 - last / first
    if fallen < 1e-3 or (m.update == m.update and m.update > SHORT_STEP):
        return None
    steps = f"; a step changes the weights by {m.update:.2g} of their size" if m.update == m.update else ""
    return Finding(
        "learning_rate_low",
        "certain" if m.update < SHORT_STEP / 4 else "likely",
        1,
        "the learning rate is too low",
        f"training loss went smoothly from {figure(first)} to {figure(last)} in {m.n} epochs, {late / early:.0%} as fast in the "
        f"second half as in the first: the end is far away{steps}",
    )
