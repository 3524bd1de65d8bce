"""The rules at work on a run: epochs in, findings raised and cleared out.

A rule's verdict is one moment's. It is said when it has held for a while, and unsaid when it has not held for twice as long;
both grow with the length of the run, so that nothing wavers. What explains another finding mutes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from ..events import EpochEnded, Event, FindingCleared, FindingRaised
from .advice import advised
from .findings import ORDER, RANK, Finding
from .gradients import broken_step, dead, exploding, non_finite, saturated, vanishing
from .history import History, Setting
from .learning_rate import diverging, too_high, too_low
from .moment import Moment
from .overfitting import OverfittingWatch
from .progress import could_stop, stuck, too_short, underfitting

RULES: dict[str, Callable[[Moment], Finding | None]] = {
    "exploding_gradients": exploding,
    "dead_units": dead,
    "saturated_units": saturated,
    "vanishing_gradients": vanishing,
    "diverging": diverging,
    "learning_rate_high": too_high,
    "learning_rate_low": too_low,
    "stuck": stuck,
    "underfitting": underfitting,
    "too_short": too_short,
    "could_stop": could_stop,
}
"""Those that judge a moment; not a number and overfitting are looked for after each epoch."""

_RATE = frozenset({"diverging", "learning_rate_high", "learning_rate_low"})
_SLOW = frozenset({"stuck", "underfitting", "too_short", "could_stop"})
MUTES: dict[str, frozenset[str]] = {
    "non_finite": frozenset(ORDER) - {"non_finite", "overfitting"},
    "exploding_gradients": frozenset({"dead_units"}) | _RATE | _SLOW,
    "dead_units": frozenset({"saturated_units", "vanishing_gradients", "overfitting"}) | _RATE | _SLOW,
    "saturated_units": frozenset({"vanishing_gradients", "overfitting"}) | _RATE | _SLOW,
    "vanishing_gradients": _RATE | _SLOW,
    "diverging": frozenset({"learning_rate_high", "learning_rate_low", "overfitting"}) | _SLOW,
    "learning_rate_high": frozenset({"learning_rate_low", "overfitting"}) | _SLOW,
    "learning_rate_low": _SLOW,
    "stuck": frozenset({"overfitting", "underfitting", "too_short", "could_stop"}),
    "overfitting": frozenset({"underfitting", "too_short", "could_stop"}),
    "underfitting": frozenset({"too_short", "could_stop"}),
}
"""What each kind explains, and therefore mutes."""

FIRST_COME = {"learning_rate_high": "overfitting"}
"""A kind that another one beside it mutes, as long as that was told before: a training loss that is nearly nothing swings by much
of itself."""

AT_THE_END = frozenset({"too_short"})
"""Said at the last epoch without having held: it is about the end."""


@dataclass(slots=True)
class Standing:
    """How a kind stands: the epoch since which its verdict holds, or does not."""

    verdict: Finding | None = None
    since: int = 0
    told: Finding | None = None


class Doctor:
    """Shows each epoch to the rules and tells what changed: a finding is told when it begins, grows more certain or ends.

    setting: what is known of the run; may be replaced while it runs. Early on every epoch is judged, later one in ten of those
    so far: the time it takes hardly grows with the length of a run.
    """

    def __init__(self, setting: Setting | None = None) -> None:
        self._history = History(setting or Setting())
        self._overfitting = OverfittingWatch()
        self._standing = {kind: Standing() for kind in ORDER}
        self._open: set[str] = set()  # kinds whose verdict holds or that were told
        self._next = 1

    @property
    def setting(self) -> Setting:
        return self._history.setting

    @setting.setter
    def setting(self, new: Setting) -> None:
        self._history.setting = new

    def held(self) -> tuple[Finding, ...]:
        """The findings that hold now, the one that explains most first."""
        told = (self._standing[kind].told for kind in ORDER)
        return tuple(one for one in told if one is not None)

    def examine(self, ended: EpochEnded, final: bool = False) -> Iterator[Event]:
        """The changes after an epoch, as events. final: it is the last one, whatever was planned."""
        epoch, setting = ended.epoch, self.setting
        before = {kind: self._standing[kind].told for kind in self._open} if self._open else {}
        final = final or (bool(setting.max_epochs) and epoch >= setting.max_epochs)
        finite = math.isfinite(ended.train_loss) and math.isfinite(ended.val_loss)
        odd = not finite or math.isinf(ended.train_loss_running) or math.isinf(ended.grad_norm)
        if odd or "non_finite" in self._open:
            lossy = setting.knob("run.precision", "") == "float16"
            self._see("non_finite", non_finite(ended, setting.layers, lossy), epoch, hold=0)
        if finite:
            self._history.add(ended)
            overfits = self._overfitting.update(epoch, ended.train_loss, ended.val_loss, ended.lr, ended.val_rise_error)
            if overfits or "overfitting" in self._open:
                known = self._standing["overfitting"].told
                if known is None or known.confidence != "certain":
                    known = self._overfitting.finding(epoch)
                self._see("overfitting", known if overfits else None, epoch, max(2, epoch // 20))
            if epoch >= self._next or final:
                self._next = epoch + max(1, epoch // 10)
                moment, hold = Moment(self._history, final), max(2, epoch // 12)  # two verdicts in a row, also late
                for kind, rule in RULES.items():
                    found = rule(moment)
                    if found is not None or kind in self._open:
                        self._see(kind, found, epoch, 0 if final and kind in AT_THE_END else hold)
        if self._open or before:
            self._mute(before)
            yield from self._changes(epoch, before)

    def broke(self, epoch: int, step: int, loss: float, layer: str, known: bool = True) -> Iterator[Event]:
        """The same inside of an epoch whose loss is no number; see gradients.broken_step."""
        before = {kind: self._standing[kind].told for kind in self._open}
        self._see("non_finite", broken_step(epoch, step, loss, layer, known), epoch, hold=0)
        self._mute(before)
        yield from self._changes(epoch, before)

    def _see(self, kind: str, found: Finding | None, epoch: int, hold: int) -> None:
        """Take in the verdict on a kind after an epoch; `hold` epochs make it a finding, twice as many its absence."""
        if found is None and kind not in self._open:
            return
        one = self._standing[kind]
        if (found is None) != (one.verdict is None) or one.since == 0:
            one.since = epoch
        one.verdict = found
        lasted = epoch - one.since + 1
        if found is not None and (one.told is not None or lasted >= hold):
            if one.told is None or RANK[found.confidence] > RANK[one.told.confidence]:
                began = found.began if one.told is None else one.told.began
                one.told = advised(replace(found, began=began), self.setting.config)
        elif found is None and (one.told is None or lasted >= 2 * hold):
            one.told, one.since = None, 0
        if one.verdict is None and one.told is None:
            self._open.discard(kind)
        else:
            self._open.add(kind)

    def _mute(self, before: dict[str, Finding | None]) -> None:
        """Take back what another finding explains."""
        for kind, first in FIRST_COME.items():
            if before.get(first) is not None and before.get(kind) is None and self._standing[first].told is not None:
                self._standing[kind].told = None
        for kind in ORDER:
            if kind in self._open and self._standing[kind].told is not None:
                for other in MUTES.get(kind, ()):
                    self._standing[other].told = None

    def _changes(self, epoch: int, before: dict[str, Finding | None]) -> Iterator[Event]:
        kinds = [kind for kind in ORDER if kind in self._open or kind in before]
        for kind in kinds:
            now = self._standing[kind].told
            if now is not None and now is not before.get(kind):
                yield raised(epoch, now)
        for kind in kinds:
            if self._standing[kind].told is None and before.get(kind) is not None:
                yield FindingCleared(epoch=epoch, kind=kind)


def raised(epoch: int, finding: Finding) -> FindingRaised:
    """A finding as the event that tells it after `epoch`."""
    return FindingRaised(epoch=epoch, **{one.name: getattr(finding, one.name) for one in fields(finding)})
