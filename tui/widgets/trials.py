"""Folds and restarts as a table that fills up while they train."""

from __future__ import annotations

import math
from statistics import mean, stdev

from rich.text import Text

from engine.runview import RunView, TrialView, end_words

from ..text import clean, fit
from .status import Quiet

MOST_ROWS = 6  # finished trials in sight; the final table has them all


class TrialsTable(Quiet):
    """One line per finished trial and their mean and spread so far; not there in a run without trials."""

    def show_view(self, view: RunView) -> None:
        self.display = bool(view.planned_trials) and view.end is None
        if self.display:
            self.show(trials_text(view))


def trials_text(view: RunView) -> Text:
    """The newest finished trials, then the mean and standard deviation of all that are finished."""
    finished = [trial for trial in view.trials if trial.ended]
    text = Text(f"{len(finished)} of {view.planned_trials} done", style="bold", no_wrap=True)
    hidden = len(finished) - MOST_ROWS
    if hidden > 0:
        text.append(f"   ({hidden} more above)", style="not bold dim")
    for trial in finished[-MOST_ROWS:]:
        text.append(f"\n{_row(trial, view.metric)}", style="not bold")
    losses = [trial.ended.val_loss for trial in finished if trial.ended and math.isfinite(trial.ended.val_loss)]
    tested = [trial.ended.test_metric for trial in finished if trial.ended and math.isfinite(trial.ended.test_metric)]
    if len(losses) > 1 and len(tested) > 1:
        text.append(
            f"\n{'mean ± sd':<12} val loss {mean(losses):.4f} ± {stdev(losses):.4f}   "
            f"test {clean(view.metric, 20)} {mean(tested):.4f} ± {stdev(tested):.4f}"
        )
    return text


def _row(trial: TrialView, metric: str) -> str:
    end = trial.ended
    assert end is not None
    odd = "" if end.reason in ("epochs_done", "early_stopping") else f"   {end_words(end.reason)}"
    return (
        f"{fit(clean(trial.label, 40), 12)} val loss {end.val_loss:.4f}   test {clean(metric, 20)} {end.test_metric:.4f}   "
        f"best epoch {end.best_epoch}{odd}"
    )
