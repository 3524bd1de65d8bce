"""Knobs of folds and restarts."""

from __future__ import annotations

from typing import Literal

from .declare import Section, chosen, knob


class TrialsConfig(Section):
    """Trials"""

    kind: Literal["single", "kfold", "restarts"] = knob(
        "single",
        label="trials",
        help="How often to train. single: once. kfold: once per fold, so that every row is in the test part once; the mean "
        "and its spread are a far better figure than one split when rows are few. restarts: the same data from several "
        "random starting points; the best one's weights are kept, and the spread shows how much is luck.",
    )
    folds: int = knob(
        5,
        label="folds",
        help="Into how many parts the data is cut. In each trial one part is the test part, the next one the validation "
        "part, and the rest is trained on. 5 to 10 is usual: more folds leave more to train on and take longer.",
        when=chosen("trials.kind", "kfold"),
        ge=3,
        le=100,
    )
    all_pairs: bool = knob(
        False,
        label="all pairs",
        help="Train once for every pair of test and validation part, k times k-1 trials, instead of k. The mean is steadier "
        "because it no longer hangs on which part happened to watch the training; the price is k-1 times the time.",
        when=chosen("trials.kind", "kfold"),
    )
    restarts: int = knob(
        5,
        label="restarts",
        help="How many runs to make, with the seeds seed, seed + 1 and so on. A loss surface has many basins: one start may "
        "fall into a poor one. 3 to 10 is usual; if the best is far better than the rest, use more.",
        when=chosen("trials.kind", "restarts"),
        ge=2,
        le=1000,
    )
    side_by_side: Literal["auto", "on", "off"] = knob(
        "auto",
        label="side by side",
        help="Whether trials train at the same time, as one batched net. A step of a small net is mostly bookkeeping, which is "
        "then paid once for all of them; each keeps its own order of the data, dropout, schedule and early stopping. auto tries "
        "both ways for a moment and takes the faster one; on takes it wherever the settings allow; off: one after another.",
        when=chosen("trials.kind", "kfold", "restarts"),
    )
