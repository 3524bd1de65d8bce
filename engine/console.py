"""A run in plain lines: what `nntui train` prints, and what the app leaves behind on the terminal."""

from __future__ import annotations

import math

from . import events as e
from .diagnosis import NOTES
from .measures import measure_label
from .report import label_of
from .runview import RunView
from .text import clean
from .words import AFTER_WORDS, change_words, end_words, place_words


def epoch_line(view: RunView, event: e.EpochEnded) -> str:
    """One epoch as one line; `view` has the event applied already."""
    if view.own_loop:
        return _script_line(view, event)
    width = len(str(view.total_epochs))
    parts = [
        f"epoch {event.epoch:>{width}}/{view.total_epochs}",
        f"train {event.train_loss:.4f}",
        f"val {event.val_loss:.4f}{'*' if event.best_epoch == event.epoch else ' '}",
        f"{view.metric} {event.val_metric:.4f}",
        f"lr {event.lr:.2e}",
        f"{event.seconds:.2f}s",
    ]
    return "  ".join(parts)


def _script_line(view: RunView, event: e.EpochEnded) -> str:
    """What a script logged of an epoch: its losses, rate and norm, then its own series as far as they fit."""
    of = f"/{view.total_epochs}" if view.total_epochs else ""
    parts = [f"epoch {event.epoch:>{len(of) - 1 if of else 1}}{of}"]
    figures = {"train": event.train_loss, "val": event.val_loss, "lr": event.lr, "grad": event.grad_norm}
    names = ("train_loss", "val_loss", "lr", "grad_norm")
    known = {
        short: value for (short, value), name in zip(figures.items(), names, strict=True) if name not in event.missing
    }
    best = "*" if event.best_epoch == event.epoch else ""
    parts += [f"{name} {value:.4g}{best if name == 'val' else ''}" for name, value in known.items()]
    parts += [f"{clean(name, 40)} {value:.4g}" for name, value in list(event.series.items())[:6]]
    return "  ".join([*parts, f"{event.seconds:.2f}s"])


def notice_line(event: e.Event) -> str:
    """The line for an event other than an epoch's end, or "" when it needs none. Safe to print, whoever wrote the event."""
    return clean(_notice(event), 2000)


def _notice(event: e.Event) -> str:
    match event:
        case e.RunStarted():
            return f"run {event.folder}" + (f" on {event.device}" if event.device else "")
        case e.DataPrepared():
            rows = f"{event.train_rows} train / {event.validation_rows} validation / {event.test_rows} test rows"
            return f"data {event.dataset}: {rows}"
        case e.ModelBuilt() if not event.batch_size:  # of a script's own loop
            return f"model {event.parameters:,} parameters" if event.parameters else ""
        case e.ModelBuilt():
            return (
                f"model {event.parameters:,} parameters, batch size {event.batch_size}, "
                f"{event.steps_per_epoch} steps per epoch, up to {event.epochs} epochs (* marks the best so far)"
            )
        case e.FindingRaised():
            advice = f"; try: {event.actions[0]}" if event.actions else ""
            evidence = f": {event.evidence}" if event.evidence else ""
            return f"{'note' if event.kind in NOTES else 'warning'}: {event.title}{evidence}{advice}"
        case e.FindingCleared():
            return f"note: {event.kind.replace('_', ' ')} no longer holds"
        case e.SinkFailed():
            return f"warning: {event.sink} is no longer written: {event.problem}"
        case e.TrialStarted():
            return f"{event.label} of {event.of}"
        case e.StopAsked():
            return f"stopping after this batch: {end_words(event.reason)}"
        case e.RunResumed():
            return f"run {event.folder} on {event.device}: {AFTER_WORDS.get(event.after, 'taken up again')}"
        case e.Rewound():
            words = "goes on after" if event.why == "resumed" else "back to"
            return f"{words} {place_words(event.epochs, event.batch)}"
        case e.EpochsAdded():
            return f"{event.epochs} epochs added: up to {event.planned}"
        case e.CheckpointSaved():
            place = place_words(event.epochs, event.batch)
            return f"checkpoint saved after {place}" if event.kind in ("asked", "stop") else ""
        case e.CheckpointFailed():
            return f"warning: the checkpoint could not be saved: {event.problem}; the ones before it are good"
        case e.KnobsChanged():
            return f"edit {event.number} in epoch {event.epoch}: {change_words(event.changes)}"
        case e.CommandRefused():
            return f"{event.command} refused: {event.problem}"
        case e.ScreenLost():
            return f"the screen was lost: {event.problem}; training goes on without it"
        case e.Noted():
            return event.text
        case _:
            return ""


def final_rows(view: RunView) -> list[tuple[str, str]]:
    """The figures of a run as (name, text): best epoch, losses and metrics, why it ended, where it is."""
    rows: list[tuple[str, str]] = []
    if view.planned_trials:
        rows += _trial_rows(view)
    elif view.best_epoch:
        at = view.epochs.index(view.best_epoch)
        rows.append(("best epoch", f"{view.best_epoch} of {len(view.epochs)}"))
        rows.append(("train", _loss_and_metric(view, view.train_loss[at], view.train_metric[at])))
        rows.append(("validation", _loss_and_metric(view, view.val_loss[at], view.val_metric[at])))
    if view.test and not view.planned_trials:
        of = "" if view.test.epoch == view.best_epoch else f"   (weights of epoch {view.test.epoch})"
        rows.append(("test", f"loss {view.test.loss:.4f}   {view.metric} {view.test.metric:.4f}{of}"))
        if others := test_scores(view):
            rows.append(("test scores", others))
        if view.report:
            rows.append(("mistakes", mistakes_line(view.report, view.data.class_names if view.data else ())))
        rows.append(("baseline", f"{' ' * 11}   {view.metric} {view.test.baseline:.4f}   (always the same answer)"))
    if view.data and view.data.task == "regression":
        rows.append(("units", "losses are of the standardized target; RMSE and MAE are in the target's own unit"))
    if view.end:
        rows.append(("ended", view.end.error or end_words(view.end.reason)))
        rows.append(("time", f"{view.end.seconds:.1f} s"))
    for one in (view, *(view.others[number] for number in sorted(view.others))):
        of = f"{one.shown.label}: " if one.shown else ""
        rows += [("warning", clean(of + each.title)) for each in one.findings.values() if each.kind not in NOTES]
    if view.folder:
        rows.append(("run folder", clean(view.folder, 2000)))
    # Whoever wrote the journal named the run's classes, metrics, trials and reasons to end.
    return [(clean(name, 100), clean(text, 4000)) for name, text in rows]


def _loss_and_metric(view: RunView, loss: float, metric: float) -> str:
    """Both on one line; a script that trains may have logged only one of them."""
    figures = [f"loss {loss:.4f}"] if not view.own_loop or math.isfinite(loss) else []
    if not view.own_loop or math.isfinite(metric):
        figures.append(f"{view.metric} {metric:.4f}")
    return "   ".join(figures) or "nothing was logged"


def test_scores(view: RunView) -> str:
    """The test metrics besides the primary one on one line, or ""."""
    classes = len(view.data.class_names) if view.data else 0
    found = view.test.metrics.items() if view.test else ()
    shown = [f"{clean(measure_label(name, classes), 40)} {value:.4f}" for name, value in found]
    return "   ".join(text for text in shown if text.split(" ")[0] != view.metric)


def mistakes_line(report: e.ReportMade, class_names: tuple[str, ...]) -> str:
    """How many test rows went wrong and which class fares worst, or for a regression the largest error, on one line."""
    if not report.classes:
        if not report.mistakes:
            return "none"
        one = report.mistakes[0]
        return f"largest {one.loss:.4g}   (row {one.row} of the test part: predicted {one.answer:.4g}, true {one.truth:.4g})"
    worst, row = min(enumerate(report.classes), key=lambda each: (each[1].support == 0, each[1].f1))
    weakest = f"{clean(label_of(worst, class_names), 30)} (precision {row.precision:.2f}, recall {row.recall:.2f})"
    return f"{report.wrong} of {report.rows}" + (f"   weakest class {weakest}" if report.wrong else "")


def final_table(view: RunView) -> str:
    """`final_rows` as aligned lines."""
    return "\n".join(f"{name:<11} {text}" for name, text in final_rows(view))


def _trial_rows(view: RunView) -> list[tuple[str, str]]:
    """A row per finished trial, then mean and spread. Restarts are ranked by validation loss, folds stand in order."""
    metric = view.metric
    rows = [("", f"epoch {'val loss':>9} {f'val {metric}':>12} {'test loss':>9} {f'test {metric}':>13}")]
    finished = sorted((trial.ended for trial in view.trials if trial.ended), key=lambda end: end.number)
    restarts = view.summary is not None and view.summary.kind == "restarts"
    if restarts:
        finished.sort(key=lambda end: end.val_loss if math.isfinite(end.val_loss) else math.inf)
    for end in finished:
        mark = " kept" if restarts and view.summary and view.summary.best_trial == end.number else ""
        odd = f" ({end_words(end.reason)})" if end.reason not in ("epochs_done", "early_stopping") else ""
        rows.append((end.label, f"{end.best_epoch:>5} {_figures(*_of(end))}{mark}{odd}"))
    if view.summary and view.summary.count:
        s = view.summary
        rows.append(
            ("mean", " " * 6 + _figures(s.val_loss_mean, s.val_metric_mean, s.test_loss_mean, s.test_metric_mean))
        )
        if s.count > 1:
            rows.append(("sd", " " * 6 + _figures(s.val_loss_sd, s.val_metric_sd, s.test_loss_sd, s.test_metric_sd)))
    return rows


def _of(end: e.TrialEnded) -> tuple[float, float, float, float]:
    return end.val_loss, end.val_metric, end.test_loss, end.test_metric


def _figures(val_loss: float, val_metric: float, test_loss: float, test_metric: float) -> str:
    return f"{val_loss:>9.4f} {val_metric:>12.4f} {test_loss:>9.4f} {test_metric:>13.4f}"
