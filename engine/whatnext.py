"""What to do about a run, by what it has come to: which settings to try instead, or to go on. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .config import RunConfig
from .configfile import build_config, check, to_nested
from .diagnosis import rank
from .diagnosis.advice import ADVICE, proposals
from .errors import ConfigError
from .events import FindingRaised
from .knobs import knob_by_key, values
from .report import sides
from .runview import RunView
from .text import clean


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to try. why: what speaks for it, in a few words. words: what to do. evidence: the numbers behind it, if known.

    action: ``again``: train once more with `changes` (texts by knob, as a person types them); ``fields``: set `fields`, for which
    no value can be named; ``more``: go on with the same run.
    """

    why: str
    words: str
    action: Literal["again", "fields", "more"]
    changes: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    evidence: str = ""


SMALLER_RATE = 10.0
"""The learning rate is divided by it after a loss that grew beyond all bounds."""

TRAILING = ("optimizer.lr", "model.hidden", "run.epochs")
"""Fields to look at when a model is no better than always giving the same answer."""


def advice(view: RunView) -> tuple[Advice, ...]:
    """What to try after this run, the most promising first; empty when nothing speaks for anything.

    Settings that another version wrote and this one cannot read give advice without values.
    """
    if view.end is None:
        return ()
    if view.own_loop:  # the settings are the script's, and it is told what to look at
        return tuple(
            Advice(clean(one.title), clean(one.actions[0]), "fields") for one in view.findings.values() if one.actions
        )
    config, _ = check(view.config)
    found = [_of_finding(finding, config) for finding in _ranked(view)]
    again = any(one.action == "again" for one in found)
    if view.end.reason in ("non_finite", "diverged") and not again:
        found.append(_smaller_rate(config))
    if _no_better_than_nothing(view):
        found.append(Advice("no better than always the same answer", "look at these first", "fields", {}, TRAILING))
    if view.end.reason == "epochs_done" and not view.planned_trials and not view.findings and _still_falling(view):
        found.append(Advice(f"validation was still falling at epoch {view.best_epoch}", "train on", "more"))
    return tuple(found)


def advised(config: RunConfig, one: Advice) -> RunConfig | None:
    """The settings with an advice's changes made, or None when they cannot be."""
    try:
        return build_config(to_nested(config), [f"{key}={text}" for key, text in one.changes.items()])
    except ConfigError:
        return None


def to_try(view: RunView) -> tuple[Advice, ...]:
    """For each finding that stands, in their order, the first of its actions that settings of this run do; at any time of it.

    Empty when none stands or no setting does anything about those that do, and for settings that cannot be read here.
    """
    config, _ = check(view.config)
    if config is None:
        return ()
    return tuple(one for finding in _ranked(view) if (one := _of_finding(finding, config)).action == "again")


def _ranked(view: RunView) -> list[FindingRaised]:
    """The findings that stand, in the order in which they are shown."""
    return sorted(view.findings.values(), key=lambda one: rank(one.kind, one.confidence, one.began))


def _of_finding(finding: FindingRaised, config: RunConfig | None) -> Advice:
    """The first of a finding's actions that can be done by settings; where there is none, the fields that it is about.

    The actions are worked out anew, since the settings may have been changed while the run trained; those that a newer version
    came to stand in the finding itself.
    """
    why, evidence, rows = clean(finding.title), clean(finding.evidence, 1000), knob_by_key()
    words = clean(finding.actions[0]) if finding.actions else "look at these"
    known = tuple(key for key in finding.knobs if key in rows)
    if config is None:
        return Advice(why, words, "fields", {}, known, evidence)
    ways = [(one.text, one.changes) for one in proposals(finding.kind, values(config))]
    for text, changes in ways if finding.kind in ADVICE else [(words, finding.changes)]:
        one = Advice(why, text, "again", {change.key: change.after for change in changes}, (), evidence)
        if advised(config, one) not in (None, config):
            return one
    return Advice(why, words, "fields", {}, known, evidence)


def _smaller_rate(config: RunConfig | None) -> Advice:
    key, why = "optimizer.lr", "the loss grew beyond all bounds"
    if config is None:
        return Advice(why, "a smaller learning rate", "fields", {}, (key,))
    text = f"{config.optimizer.lr / SMALLER_RATE:.2g}"
    return Advice(why, f"a learning rate of {text}", "again", {key: text})


def _no_better_than_nothing(view: RunView) -> bool:
    """Whether the test figure does not beat the baseline: always the commonest class, or always the mean."""
    if view.test is None or not all(map(math.isfinite, (view.test.metric, view.test.baseline))):
        return False
    larger_is_better = view.model is None or view.model.metric_mode == "max"
    return view.test.metric <= view.test.baseline if larger_is_better else view.test.metric >= view.test.baseline


def _still_falling(view: RunView) -> bool:
    """Whether the last epoch was the best, and clearly better than the one a tenth of the run before."""
    if len(view.epochs) < 3 or view.best_epoch != view.epochs[-1] or sides(view) is None:
        return False
    before = view.val_loss[-1 - max(1, len(view.epochs) // 10)]
    return before - view.val_loss[-1] > 0.005 * max(abs(before), 1e-12)
