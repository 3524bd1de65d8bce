"""What is really wrong with a run, as far as trying the cures can tell, and what the diagnosis says of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from engine.diagnosis import NOTES, Doctor, Setting
from engine.events import FindingRaised
from engine.facts import Change
from engine.knobs import knob_by_key, parse

from .case import HEALTHY, HIGHER_RATES, LOWER_RATES, Case, Changes
from .runs import Store, Trained, with_changes

HELPS = 0.05
"""The share of the test loss that a cure has to take away to have helped."""

MATTERS = 0.01
"""And the share of a constant answer's loss."""

USUAL: dict[str, tuple[Changes, ...]] = {
    "too_short": ({"run.epochs": "x3"},),
    "learning_rate_low": HIGHER_RATES[:1],
    "learning_rate_high": LOWER_RATES[:1],
}
"""Kinds that can well be true beside another, and what shows it. Stopping early helps too many runs to show anything."""

UNITS = {"dead_units": "dead", "saturated_units": "saturated", "learning_rate_high": "neither dead nor saturated"}
"""What the count of the units of a layer comes to."""

STARTS = 5
"""Other starting points that are tried for the advice to restart."""

SAME: dict[str, frozenset[str]] = {
    "diverging": frozenset({"learning_rate_high", "non_finite", "exploding_gradients", "dead_units"}),
    "exploding_gradients": frozenset({"non_finite", "dead_units"}),
    "learning_rate_high": frozenset({"non_finite", "dead_units", "exploding_gradients"}),
}
"""Findings that are no false alarm in runs with these labels: another name for the same cause."""


@dataclass(frozen=True)
class Alarm:
    """A warning: the epoch in which it was given, and what its first action changes."""

    kind: str
    epoch: int
    began: int
    changes: tuple[Change, ...]


@dataclass
class Judged:
    """A case, what it is labelled with ("" when its oracle disagrees with what was planted), and what was said of it.

    also: kinds that were said and are true as well, by the oracle: see `second_causes`.
    """

    case: Case
    run: Trained
    label: str
    alarms: list[Alarm] = field(default_factory=list)
    why: str = ""
    also: frozenset[str] = frozenset()

    @property
    def said(self) -> set[str]:
        """The kinds that count as said, without those that are true beside the label."""
        return self.said_at_all - self.also

    @property
    def said_at_all(self) -> set[str]:
        """All of them. Divergence is a learning rate that is too high."""
        kinds = {alarm.kind for alarm in self.alarms}
        if "diverging" in kinds and self.label == "learning_rate_high":
            kinds = (kinds - {"diverging"}) | {"learning_rate_high"}
        return {kind for kind in kinds if kind == self.label or self.label not in SAME.get(kind, ())}

    def told_at(self, kind: str) -> int:
        """The epoch in which it was first said, under whatever name counts for it."""
        names = {kind, "diverging"} if kind == "learning_rate_high" else {kind}
        return min(alarm.epoch for alarm in self.alarms if alarm.kind in names)

    @property
    def onset(self) -> int:
        """The epoch from which there is something to see: the one after the best validation loss, the first that is no number, the
        last fifth of a run that is too short; and the first of all other kinds."""
        val = [epoch.val_loss for epoch in self.run.epochs]
        if self.label == "overfitting":
            return val.index(min(val)) + 2
        if self.label == "non_finite":
            return next((n for n, loss in enumerate(val, 1) if not math.isfinite(loss)), 1)
        return math.ceil(0.8 * len(val)) if self.label == "too_short" else 1


def helps(before: Trained, after: Trained) -> bool:
    """Whether the test loss after a cure is lower by enough."""
    if not math.isfinite(before.test):
        return math.isfinite(after.test) and not after.test > 1.05 * after.baseline
    least = MATTERS * before.baseline if before.baseline > 0 else 0.0
    return after.test < (1 - HELPS) * before.test and before.test - after.test > least


def label(case: Case, store: Store) -> tuple[Trained, str, str]:
    """The run of a case, its label, and why that is not what was planted.

    A healthy run that three times the epochs make better was too short, unless a schedule goes with them: that is another run.
    """
    run = store.run(case.table, case.knobs)
    if case.planted in HEALTHY:
        for cure in case.cures:
            better = store.run(case.table, with_changes(case.knobs, cure))
            if not helps(run, better):
                continue
            if "run.epochs" in cure and run.config.schedule.name in ("constant", "plateau"):
                return run, "too_short", f"{case.planted}, but three times the epochs help"
            return run, "", f"{case.planted}, but {cure} helps"
        return run, case.planted, ""
    broken = any(
        not math.isfinite(epoch.train_loss + epoch.val_loss) or math.isinf(epoch.train_loss_running + epoch.grad_norm)
        for epoch in run.epochs
    )
    if not _any_helps(case, run, case.cures, store):
        return run, "", f"{case.planted}, but no cure of it helps"
    if broken != (case.planted == "non_finite"):
        if broken:
            return run, "non_finite", f"{case.planted}, but its losses are no numbers"
        return run, _by_units(run), "non_finite, but its losses stay numbers"
    if case.planted == "overfitting" and not broken and (other := _not_overfit(run)):
        return run, "", f"overfitting, but {other}"
    if case.planted == "saturated_units" and _most(run, "saturated_units") < 0.5:
        return run, "", "saturated_units, but most units are not"
    if case.planted in ("learning_rate_high", "dead_units") and (own := _by_units(run)) != case.planted:
        if own == "learning_rate_high" and not _any_helps(case, run, LOWER_RATES, store):
            return run, "", f"{case.planted}, but {UNITS[own]} are the units of a layer, and a lower rate does not help"
        return run, own, f"{case.planted}, but the units of a layer are {UNITS[own]}"
    return run, case.planted, ""


def _any_helps(case: Case, run: Trained, cures: Iterable[Changes], store: Store) -> bool:
    return any(helps(run, store.run(case.table, with_changes(case.knobs, cure))) for cure in cures)


def _not_overfit(run: Trained) -> str:
    """Why a run that early stopping helps has not overfitted after all, or ""."""
    val, train = [epoch.val_loss for epoch in run.epochs], [epoch.train_loss for epoch in run.epochs]
    if median(train[-3:]) > train[val.index(min(val))]:
        return "the training loss rose as well"
    return "its last epoch is only a spike" if val[-1] > 1.2 * median(val[-5:]) else ""


def _by_units(run: Trained) -> str:
    """Of steps that were too long: whether they have killed half of a layer, or driven nearly all of it to where it is flat."""
    for kind, share in (("dead_units", 0.5), ("saturated_units", 0.9)):
        if _most(run, kind, 8) >= share:
            return kind
    return "learning_rate_high"


def _most(run: Trained, kind: str, latest: int = 0) -> float:
    """The largest share of a layer's units that were counted as such, in the latest epochs or in any."""
    return max((max(getattr(epoch, kind), default=0.0) for epoch in run.epochs[-latest:]), default=0.0)


def alarms(run: Trained) -> list[Alarm]:
    """The warnings that the diagnosis gives, the first of each kind, as if the run were under way."""
    knobs = run.knobs
    setting = Setting(run.config.run.epochs, run.baseline, run.layers, run.config.schedule.name, knobs, run.classes)
    doctor, found = Doctor(setting), {}
    for ended in run.epochs:
        for fact in doctor.examine(ended):
            if isinstance(fact, FindingRaised) and fact.kind not in NOTES and fact.kind not in found:
                found[fact.kind] = Alarm(fact.kind, fact.epoch, fact.began, fact.changes)
    return list(found.values())


def judge(case: Case, store: Store) -> Judged:
    run, own, why = label(case, store)
    said = alarms(run)
    return Judged(case, run, own, said, why, second_causes(case, run, own, {alarm.kind for alarm in said}, store))


def second_causes(case: Case, run: Trained, own: str, said: set[str], store: Store) -> frozenset[str]:
    """Of what was said, what is true beside the label: a kind of which the usual cure really helps, and dead units if they were counted.

    Only of runs that are ill: of a healthy one nothing that is said is true.
    """
    also = set[str]()
    if own in HEALTHY or not own:
        return frozenset()
    for kind, cures in USUAL.items():
        if kind in said and kind != own and _any_helps(case, run, cures, store):
            also.add(kind)
    if "dead_units" in said and own == "non_finite" and _by_units(run) == "dead_units":
        also.add("dead_units")
    return frozenset(also)


def advice_works(judged: Judged, alarm: Alarm, store: Store) -> bool | None:
    """Whether the first action of a warning lowers the test loss; None when it is none that a knob does."""
    if not alarm.changes:
        return None
    changes: Changes = {one.key: parse(knob_by_key()[one.key], one.after) for one in alarm.changes}
    case = judged.case
    if "trials.kind" in changes:
        starts = [
            store.run(case.table, with_changes(case.knobs, {"run.seed": f"+{100 * n}"})) for n in range(1, STARTS + 1)
        ]
        best = min(starts, key=lambda run: median([epoch.val_loss for epoch in run.epochs[-3:]]))
        return helps(judged.run, best)
    return helps(judged.run, store.run(case.table, {**case.knobs, **changes}))


# ---------------------------------------------------------------------------------------------------------- naive rules


def naive(run: Trained) -> dict[str, bool]:
    """What the rules say that everybody writes first."""
    val, train = [epoch.val_loss for epoch in run.epochs], [epoch.train_loss for epoch in run.epochs]
    norms = [epoch.grad_norm for epoch in run.epochs]
    best, waited, patience = math.inf, 0, False
    for loss in val:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        patience = patience or waited >= 3
    return {
        "validation loss up once": any(b > a for a, b in itertools.pairwise(val)),
        "gap above 10 %": any(v > 1.1 * t for v, t in zip(val, train, strict=True)),
        "patience 3": patience,
        "gradient norm < 1e-3 or > 100": any(not 1e-3 <= norm <= 100 for norm in norms),
    }
