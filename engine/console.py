"""A run in plain lines: what `nntui train` prints, and what the app leaves behind on the terminal."""

from __future__ import annotations

from . import events as e
from .runview import RunView, end_words
from .text import clean


def epoch_line(view: RunView, event: e.EpochEnded) -> str:
    """One epoch as one line; `view` has the event applied already."""
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


def notice_line(event: e.Event) -> str:
    """The line for an event other than an epoch's end, or "" when it needs none."""
    match event:
        case e.RunStarted():
            return clean(f"run {event.folder} on {event.device}", 2000)
        case e.DataPrepared():
            rows = f"{event.train_rows} train / {event.validation_rows} validation / {event.test_rows} test rows"
            return clean(f"data {event.dataset}: {rows}")
        case e.ModelBuilt():
            return (
                f"model {event.parameters:,} parameters, batch size {event.batch_size}, "
                f"{event.steps_per_epoch} steps per epoch, up to {event.epochs} epochs (* marks the best so far)"
            )
        case e.FindingRaised():
            return f"warning: {event.title}: {event.evidence}; try: {event.actions[0]}"
        case e.FindingCleared():
            return f"note: {event.kind} no longer holds"
        case e.SinkFailed():
            return f"warning: {event.sink} is no longer written: {event.problem}"
        case e.StopAsked():
            return f"stopping after this batch: {end_words(event.reason)}"
        case e.Noted():
            return event.text
        case _:
            return ""


def final_rows(view: RunView) -> list[tuple[str, str]]:
    """The figures of a run as (name, text): best epoch, losses and metrics, why it ended, where it is."""
    rows: list[tuple[str, str]] = []
    if view.best_epoch:
        at = view.epochs.index(view.best_epoch)
        rows.append(("best epoch", f"{view.best_epoch} of {len(view.epochs)}"))
        rows.append(("train", f"loss {view.train_loss[at]:.4f}   {view.metric} {view.train_metric[at]:.4f}"))
        rows.append(("validation", f"loss {view.val_loss[at]:.4f}   {view.metric} {view.val_metric[at]:.4f}"))
    if view.test:
        of = "" if view.test.epoch == view.best_epoch else f"   (weights of epoch {view.test.epoch})"
        rows.append(("test", f"loss {view.test.loss:.4f}   {view.metric} {view.test.metric:.4f}{of}"))
        rows.append(("baseline", f"{' ' * 11}   {view.metric} {view.test.baseline:.4f}   (always the same answer)"))
    if view.end:
        rows.append(("stopped by", view.end.error or end_words(view.end.reason)))
        rows.append(("time", f"{view.end.seconds:.1f} s"))
    rows += [("warning", finding.title) for finding in view.findings.values()]
    if view.folder:
        rows.append(("run folder", clean(view.folder, 2000)))
    return rows


def final_table(view: RunView) -> str:
    """`final_rows` as aligned lines."""
    return "\n".join(f"{name:<11} {text}" for name, text in final_rows(view))
