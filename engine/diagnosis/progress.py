"""How far a run has come: stopped too early, stuck, too weak for the data, or done."""

from __future__ import annotations

from itertools import pairwise

from .findings import Finding
from .heldback import strong
from .moment import LONG_STEP, SHORT_STEP, Moment
from .overfitting import figure
from .trend import median, slope

LATE = 0.8
"""The share of the epochs after which it is worth saying that they will not be enough."""

WORTH = 0.02
"""The expected fall of the validation loss, for half as many epochs on top, that is worth having: three times as many give more."""

MATTERS = 0.008
"""The same as a share of the loss of a constant answer: what is left of a loss that is nearly nothing matters to nobody."""

QUICKENS = 0.5
"""How much less of it is asked for while the fall grows from epoch to epoch: three times the epochs then give not two or three times as
much as half of them on top, but four times and more."""

SPENT = 0.3
"""The share of its highest value below which a schedule has used a learning rate up."""

CYCLES = frozenset({"cyclic", "cosine_warm_restarts", "one_cycle"})
"""Schedules that go up and down."""

FLAT = 0.02
"""The most that a loss may have fallen over the latest third of the epochs to be flat."""

CREEP = 0.25
"""The same, late in a run, of a training loss that regularization is known to hold back."""

POOR = 0.5
"""A share explained below which a run has not come far."""

NOTHING = 0.05
"""A share explained below which a run has learnt nothing."""

FAR = 0.6
"""A share explained from which on a flat loss is no sign of being stuck."""

HELD, WEAK, PLAIN = 0.75, 0.5, 0.15
"""The share explained below which a run underfits: of a model that is held back, of one that is weak, and of any other."""


def too_short(m: Moment) -> Finding | None:
    """At the end, or near it: the validation loss still falls, and more epochs should make it fall further."""
    if m.n < 3 or m.share < LATE:
        return None
    val = m.history.val
    recent = max(3, m.n // 10)
    if m.n - m.history.best_at > recent:
        return None
    if m.n < 6:
        if any(b >= a for a, b in pairwise(val[-4:])):
            return None
    elif m.val_z > -1.5 or m.val_fall < WORTH:
        return None
    # What the training loss has no more to give, the validation loss has not either. What is measured of weights averaged over
    # the last epochs goes on falling for as long as the mean takes in more of them.
    of_steps = m.running_gain if m.setting.knob("run.average", "") == "swa" else m.train_gain
    gain = min(max(m.val_gain, m.followed_gain), 2 * m.train_gain, 2 * of_steps, 0.95)
    if gain < (QUICKENS if m.quickens else 1) * WORTH or gain * abs(m.val_now) < MATTERS * m.reference or _exhausted(m):
        return None
    return Finding(
        "too_short",
        "watch" if not m.final else "certain" if gain > 6 * WORTH else "likely",
        m.epoch,
        "not trained long enough",
        f"validation loss {figure(m.val_now)} still falls (its best is {'the last' if m.history.best_at == m.n - 1 else 'a recent'} "
        f"epoch's), and half as many epochs more should make it fall by {gain:.0%}",
    )


def _exhausted(m: Moment) -> bool:
    """Whether a schedule has brought the learning rate down, or takes it up and down: what the losses did then says little of
    what they would do in more epochs."""
    top = m.history.top_rate
    return m.setting.schedule in CYCLES or (top > 0 and m.history.lr[-1] < SPENT * top)


def stuck(m: Moment) -> Finding | None:
    """The training loss is flat and far from done, in a net that could do better."""
    if (
        m.learnt >= FAR
        or m.setting.linear
        or (m.tight and m.learnt > NOTHING)
        or strong(m.setting.config)
        or not _flat(m)
    ):
        return None
    if (m.learnt > NOTHING and not m.narrow) or m.fallen_back:
        return None
    if _moves(m) or m.quickens:
        return None
    since = _since(m)
    words = "nothing is learnt" if m.learnt <= NOTHING else f"only {m.learnt:.0%} is explained"
    same = "; the weights of a layer are all 0, and units that start equal stay equal" if m.zero_layer else ""
    return Finding(
        "stuck",
        "certain" if m.zero_layer or (m.window >= 16 and abs(m.train_fall) < FLAT / 2) else "likely",
        since,
        "looks stuck",
        f"training loss has stayed at {figure(m.train_now)} since epoch {since} ({words} of what a constant answer leaves: "
        f"{figure(m.reference)}){same}",
    )


def underfitting(m: Moment) -> Finding | None:
    """Converged, training no better than validation, and most of the target is unexplained: the model is too weak or held back.

    How much of a target can be explained nobody knows. So a model that is neither known to be weak nor held back has to
    explain next to nothing.
    """
    held = strong(m.setting.config)
    # What is switched off or drowned in noise while training shows in the loss of the steps, not in that measured after them.
    learnt = min(m.learnt, m.learnt_running) if held else m.learnt
    if learnt > HELD or not m.setting.baseline > 0 or m.val_now > 1.2 * m.train_now:
        return None
    # What a penalty holds back creeps to its end, and that is all that more epochs would bring.
    creeps = (held or m.tight) and m.n >= 10 and m.train_fall < (CREEP if m.share >= LATE else 0.0)
    if not (creeps or _flat(m, 1.5) or (held and m.n >= 10 and m.running_fall < 2 * FLAT)):
        return None
    penalty = m.history.penalty
    burdened = penalty > 0.5 * (m.train_now + penalty) if penalty > 0 else False
    weak = m.setting.linear or m.tight
    if (m.narrow or m.update > LONG_STEP / 2 or _moves(m)) and not (held or burdened or weak):
        return None
    if learnt >= (HELD if held or burdened or m.tight else WEAK if weak else PLAIN) or (
        m.learnt < NOTHING and not (held or burdened or weak)
    ):
        return None
    why = f"; {', '.join(held)} is strong" if held else ""
    why = why or (f"; the penalty is {penalty / (m.train_now + penalty):.0%} of what is made small" if burdened else "")
    why = why or ("; the model is linear" if m.setting.linear else "; the net is narrow" if weak else "")
    return Finding(
        "underfitting",
        "certain" if learnt < POOR / 2 and m.window >= 12 else "likely",
        _since(m),
        "underfitting",
        f"training loss has settled at {figure(m.train_now)}, validation at {figure(m.val_now)}: only {max(0.0, learnt):.0%} of "
        f"what a constant answer leaves ({figure(m.reference)}) is explained{' while training' * (learnt < m.learnt)}{why}",
    )


def could_stop(m: Moment) -> Finding | None:
    """Nothing is left to be gained, and many epochs are still to come."""
    most = m.setting.max_epochs
    if m.final or not most or m.n < 20 or most - m.epoch < max(10, most // 4):
        return None
    if m.setting.knob("early_stopping.enabled", False) or m.setting.schedule not in ("", "constant"):
        return None
    if m.learnt < POOR or m.train_fall > FLAT / 2 or not _flat(m, 0.5) or m.val_fall > FLAT / 2 or m.val_gain > 0.005:
        return None
    return Finding(
        "could_stop",
        "likely",
        m.epoch,
        "nothing more to gain",
        f"over the last {m.window} epochs validation loss went by {-m.val_fall:+.1%} to {figure(m.val_now)}, and {most - m.epoch} "
        "epochs are still to come",
    )


def _flat(m: Moment, times: float = 1.0) -> bool:
    """Whether the training loss has stopped falling: not by more than 2 % over the latest third, or by no more than its noise.

    For 10 epochs at least; and nothing is to be foreseen of it either.
    """
    if m.n < 10 or m.train_fall < -5 * FLAT * max(1.0, m.swing / FLAT):
        return False
    if m.train_fall < FLAT * times and m.train_gain < FLAT * times:
        return True
    return m.swing > FLAT and m.train_z > -2 and m.train_fall < 2 * m.swing and m.train_gain < 2 * m.swing


def _moves(m: Moment) -> bool:
    """Whether the training loss falls, only slowly, because the weights hardly move: that is the learning rate."""
    return m.update < SHORT_STEP and not m.zero_layer and m.train_z < -2


def _since(m: Moment) -> int:
    """The epoch from which the training loss has been where it is, within 2 %."""
    train, now = m.history.train, m.train_now
    at = m.n - 1
    while at > 0 and median(train[max(0, at - 3) : at]) < now * 1.02 + 1e-12 and slope(train[at - 1 : at + 1]) < now:
        at -= 1
    return m.history.epochs[at]
