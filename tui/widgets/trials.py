"""Folds and restarts as a table that fills up while they train."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from statistics import mean, stdev

from rich.text import Text

from engine.measures import measure_label
from engine.runview import RunView, TrialView
from engine.words import end_words

from ..text import clean, fit
from .status import Quiet

_WIDTH = 78  # cells of the screen that all columns need
FEWEST_ROWS = 7  # of a table: what it is of, its head, three trials, those left out, mean and spread
_NAME, _COLUMN = 13, 18  # cells


class TrialsTable(Quiet):
    """One line per trial that is finished or under way, and mean and spread; not there in a run without trials."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._back = 0  # finished trials below those in sight
        self._told: tuple[RunView, int, bool] | None = None

    def show_view(self, view: RunView, rows: int = FEWEST_ROWS, ascii_only: bool = False) -> None:
        """On a screen that is too narrow for all columns that of the validation metric is left out."""
        self.display = bool(view.planned_trials) and view.end is None
        self._told = view, rows, ascii_only
        if self.display:
            self.show(trials_text(view, rows, self._back, ascii_only, self.screen.size.width < _WIDTH))

    def scroll_trials(self, trials: int) -> None:
        """Scroll by so many trials, up when negative; at the end, those that have just finished are followed."""
        if self._told is not None:
            done = sum(trial.ended is not None for trial in self._told[0].trials)
            self._back = min(max(0, self._back - trials), max(0, done - 1))
            self.show_view(*self._told)


def trials_text(view: RunView, rows: int = 9, back: int = 0, ascii_only: bool = False, narrow: bool = False) -> Text:
    """At most `rows` lines: how many are done, the newest finished trials, those under way with the best of them first, then
    mean and standard deviation of the finished. back: leave out so many of the newest finished ones. narrow:
    without the metric of the validation part.
    """
    row = partial(_row, narrow=narrow)
    finished = [trial for trial in view.trials if trial.ended]
    running = sorted((trial for trial in view.trials if not trial.ended), key=_lowest)
    spread = _spread(finished, ascii_only)
    room = max(1, rows - 2 - bool(spread))
    # One that trains alone has its line; of many side by side the best half of the lines when others have finished.
    lines = max(1, room // 2, room - len(finished))
    best = running if len(running) <= lines else running[: max(1, lines - 1)]
    behind = len(running) - len(best)
    left = max(0, room - len(best) - (behind > 0))
    end = max(min(left, len(finished)), len(finished) - back)
    shown = finished[max(0, end - left) : end]
    text = Text(f"{len(finished)} of {view.planned_trials} done", style="bold", no_wrap=True, overflow="ellipsis")
    if view.others:
        text.append(f", {len(running)} side by side", style="not bold")
    if len(finished) > len(shown):
        above = finished.index(shown[0]) if shown else len(finished)
        below = len(finished) - above - len(shown)
        text.append(f"   {above} more above{f', {below} below' if below else ''}; [ ] scroll", style="not bold dim")
    names = ("best epoch", "val loss", f"val {_metric(view)}", f"test {_metric(view)}")
    text.append(f"\n{row('', *names)}", style="not bold dim")
    for trial in shown:
        text.append(f"\n{_finished(trial, row)}", style="not bold")
    for trial in best:
        text.append(
            f"\n{_running(trial, view, row)}", style="not bold" if trial.number == view.trial else "not bold dim"
        )
    if behind:
        text.append(f"\n  {behind} more under way", style="not bold dim")
    if spread:
        text.append(f"\n{row(f'  mean {_plus(ascii_only)} sd', '', *spread)}")
    return text


def _metric(view: RunView) -> str:
    return clean(measure_label(view.metric), 10)


def _plus(ascii_only: bool) -> str:
    return "+-" if ascii_only else "±"


def _row(name: str, *figures: str, narrow: bool = False) -> str:
    """A name, a narrow column for the epoch, and wide ones, the second of which can be left out."""
    figures, wide = (figures[:2] + figures[3:], _COLUMN - 1) if narrow else (figures, _COLUMN)
    return f"{fit(name, _NAME)}{figures[0]:>10}{''.join(f'{figure:>{wide}}' for figure in figures[1:])}".rstrip()


def _lowest(trial: TrialView) -> float:
    """The best validation loss so far, by which trials under way are ranked."""
    return min((loss for loss in trial.val_loss if math.isfinite(loss)), default=math.inf)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3g}"


def _running(trial: TrialView, view: RunView, row: Callable[..., str]) -> str:
    """A trial under way, marked: its best so far, and where it stands."""
    name, best = f"> {clean(trial.label, 40)}", _lowest(trial)
    if not math.isfinite(best):
        return row(name, "-", "begins" if not trial.epochs else "-")
    at = trial.val_loss.index(best)
    own = view.of(trial.number)
    metric = _number(own.val_metric[at]) if at < len(own.val_metric) else "-"
    of = f"/{view.total_epochs}" if view.total_epochs else ""
    return row(name, str(trial.epochs[at]), _number(best), metric, f"epoch {trial.epochs[-1]}{of}")


def _finished(trial: TrialView, row: Callable[..., str]) -> str:
    end = trial.ended
    assert end is not None
    odd = "" if end.reason in ("epochs_done", "early_stopping") else f"  {end_words(end.reason)}"
    figures = (_number(value) for value in (end.val_loss, end.val_metric, end.test_metric))
    return row(f"  {clean(trial.label, 40)}", str(end.best_epoch or "-"), *figures) + odd


def _spread(finished: list[TrialView], ascii_only: bool) -> list[str]:
    """Mean and standard deviation (n - 1 in the denominator) of each figure over those that have one; none of a single trial."""
    ends = [trial.ended for trial in finished if trial.ended]
    found = []
    for name in ("val_loss", "val_metric", "test_metric"):
        values = [value for end in ends if math.isfinite(value := getattr(end, name))]
        both = (_number(mean(values)), _number(stdev(values))) if len(values) > 1 else None
        found.append(f"{both[0]} {_plus(ascii_only)} {both[1]}" if both else "-")
    return found if any(one != "-" for one in found) else []
