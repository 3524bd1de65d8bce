"""Folds and restarts as a table that fills up while they train."""

from __future__ import annotations

import math
from statistics import mean, stdev

from rich.text import Text

from engine.runview import RunView, TrialView
from engine.words import end_words

from ..text import clean, fit
from .status import Quiet

MOST_ROWS = 6  # finished trials in sight; the final table has them all


class TrialsTable(Quiet):
    """One line per trial that is finished or under way beside others, and mean and spread; not there in a run without trials."""

    def show_view(self, view: RunView) -> None:
        self.display = bool(view.planned_trials) and view.end is None
        if self.display:
            self.show(trials_text(view))


def trials_text(view: RunView) -> Text:
    """The newest finished trials, of those that train side by side the best, then mean and standard deviation of the finished."""
    finished = [trial for trial in view.trials if trial.ended]
    running = [trial for trial in view.trials if not trial.ended] if view.others else []
    text = Text(f"{len(finished)} of {view.planned_trials} done", style="bold", no_wrap=True)
    if running:
        text.append(f", {len(running)} side by side", style="not bold")
    best = sorted(running, key=_lowest)[: MOST_ROWS if not finished else MOST_ROWS // 2]
    shown = finished[-(MOST_ROWS - len(best)) :]
    if len(finished) > len(shown):
        text.append(f"   ({len(finished) - len(shown)} more above)", style="not bold dim")
    for trial in shown:
        text.append(f"\n{_row(trial, view.metric)}", style="not bold")
    for trial in best:
        text.append(f"\n{_running(trial)}", style="not bold dim" if trial.number != view.trial else "not bold")
    if len(running) > len(best):
        text.append(f"\n{'':<12} {len(running) - len(best)} more that are behind", style="not bold dim")
    losses = [trial.ended.val_loss for trial in finished if trial.ended and math.isfinite(trial.ended.val_loss)]
    tested = [trial.ended.test_metric for trial in finished if trial.ended and math.isfinite(trial.ended.test_metric)]
    if len(losses) > 1 and len(tested) > 1:
        text.append(
            f"\n{'mean ± sd':<12} val loss {mean(losses):.4f} ± {stdev(losses):.4f}   "
            f"test {clean(view.metric, 20)} {mean(tested):.4f} ± {stdev(tested):.4f}"
        )
    return text


def _lowest(trial: TrialView) -> float:
    """The best validation loss so far, by which trials under way are ranked."""
    return min((loss for loss in trial.val_loss if math.isfinite(loss)), default=math.inf)


def _running(trial: TrialView) -> str:
    """A trial under way: where it stands, and its best."""
    epoch = f"epoch {len(trial.epochs)}" if trial.epochs else "begins"
    best = _lowest(trial)
    figures = f"val loss {trial.val_loss[-1]:.4f}   best {best:.4f}   {epoch}" if math.isfinite(best) else epoch
    return f"{fit(clean(trial.label, 40), 12)} {figures}"


def _row(trial: TrialView, metric: str) -> str:
    end = trial.ended
    assert end is not None
    odd = "" if end.reason in ("epochs_done", "early_stopping") else f"   {end_words(end.reason)}"
    return (
        f"{fit(clean(trial.label, 40), 12)} val loss {end.val_loss:.4f}   test {clean(metric, 20)} {end.test_metric:.4f}   "
        f"best epoch {end.best_epoch}{odd}"
    )
