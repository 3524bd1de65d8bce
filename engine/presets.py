"""Presets: a few knobs set together for one purpose. The others stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .knobs import knob_by_key, show


@dataclass(frozen=True, slots=True)
class Preset:
    """name: what a menu calls it. about: what it is for, in a sentence or two. settings: values by knob, as typed."""

    name: str
    about: str
    settings: Mapping[str, str]


_PRESETS = (
    Preset(
        "quick look",
        "A first answer in seconds: few epochs, one split, a small net, stopped early. To see whether the data says anything at all.",
        {
            "model.hidden": "32",
            "run.epochs": "15",
            "run.batch_size": "64",
            "early_stopping.patience": "3",
        },
    ),
    Preset(
        "careful",
        "A figure to rely on: every row is tested once, in five folds with time to train, dropout and weight decay against "
        "overfitting, and a rate that is cut when nothing moves any more.",
        {
            "trials.kind": "kfold",
            "trials.folds": "5",
            "run.epochs": "300",
            "early_stopping.patience": "25",
            "regularization.dropout": "0.2",
            "optimizer.name": "adamw",
            "schedule.name": "plateau",
        },
    ),
    Preset(
        "overfit on purpose",
        "Few rows, a large net: with nothing against overfitting and no early stopping the curves drift apart. If a model cannot "
        "even do this, there is a mistake in the data or the settings.",
        {
            "data.train_rows": "60",
            "model.hidden": "256, 256",
            "run.epochs": "300",
            "early_stopping.enabled": "off",
        },
    ),
)

_CLEARED = (
    "optimizer.lr", "optimizer.weight_decay",
    "model.batch_norm", "model.init", "regularization.input_dropout", "regularization.l1", "regularization.l2", "regularization.max_norm",
    "regularization.label_smoothing", "regularization.input_noise", "regularization.mixup", "regularization.weight_decay",
)  # fmt: skip
"""Knobs that every preset puts back, to the default of its optimizer where that has its own: a preset gives the same whatever
was tried before it."""


def presets() -> tuple[Preset, ...]:
    """Every preset. Each sets the same knobs, most of them to their defaults, so that one takes the place of another."""
    return tuple(Preset(one.name, one.about, _settings(one)) for one in _PRESETS)


def _settings(preset: Preset) -> dict[str, str]:
    """All that a preset sets. What hangs on the optimizer follows it: one's own rate under another is a dangerous mix."""
    keys = dict.fromkeys((*(key for one in _PRESETS for key in one.settings), *_CLEARED))
    rows = knob_by_key()
    plain = {key: show(rows[key], rows[key].default_for(preset.settings)) for key in keys}
    return {**plain, **preset.settings}
