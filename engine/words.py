"""How a run is spoken of: why it ended, how it was taken up again, a point of it, a change."""

from __future__ import annotations

from collections.abc import Iterable

from .facts import Change

END_WORDS: dict[str, str] = {
    "epochs_done": "all epochs done",
    "trials_done": "all trials done",
    "early_stopping": "early stopping",
    "stopped": "stopped on request",
    "interrupted": "interrupted",
    "terminated": "terminated",
    "non_finite": "the loss is no longer a finite number",
    "target": "the target was reached",
    "diverged": "the loss diverged",
    "failed": "failed",
    "loop_ended": "the script left its loop",
}


AFTER_WORDS = {"lost": "resumed, since its process was lost", "ended": "taken up again"}
"""How a process comes to go on with a run, by RunResumed.after."""


def end_words(reason: str) -> str:
    """Why a run ended, in words; a reason that a newer version wrote is given as it is."""
    return END_WORDS.get(reason, reason)


def place_words(epochs: int, batch: int) -> str:
    """A point of the training in words."""
    whole = f"epoch {epochs}" if epochs else "no whole epoch"
    return f"{whole} and {batch} batches" if batch else whole


def change_words(changes: Iterable[Change]) -> str:
    """Changes of knobs on one line."""
    return ", ".join(f"{one.key} from {one.before or 'none'} to {one.after or 'none'}" for one in changes)
