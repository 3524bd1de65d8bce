"""What the names say by which a script logs its figures: which part of the data they are of, and which belong on one chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

Part = Literal["train", "validation", "test", ""]

LOSSES = ("train_loss", "val_loss")
KNOWN = (*LOSSES, "lr", "grad_norm")
"""Names that mean the same in every run; all others are series of the script's own."""

_PREFIXES: dict[str, Part] = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "eval": "validation", "dev": "validation", "test": "test",
}  # fmt: skip
_SMALL_IS_GOOD = frozenset(
    ["loss", "error", "err", "mae", "mse", "rmse", "mape", "perplexity", "ppl", "wer", "cer", "nll", "eer"]
)


def part_of(name: str) -> tuple[str, Part]:
    """What is measured, and on which part of the data: ``val_accuracy`` and ``val/accuracy`` are (``accuracy``, validation)."""
    for sign in ("_", "/", "."):
        prefix, found, rest = name.partition(sign)
        if found and rest and prefix.lower() in _PREFIXES:
            return rest, _PREFIXES[prefix.lower()]
    return name, ""


def grouped(names: Iterable[str]) -> dict[str, dict[str, Part]]:
    """Names by what they measure, in order: those of a group belong on one chart.

    A bare name beside one of the validation part is that of the training part, as Keras has it.
    """
    groups: dict[str, dict[str, Part]] = {}
    for name in names:
        what, part = part_of(name)
        groups.setdefault(what, {})[name] = part
    for what, members in groups.items():
        if members.get(what) == "" and "validation" in members.values() and "train" not in members.values():
            members[what] = "train"
    return groups


def metric_of(names: Iterable[str]) -> tuple[str, dict[Part, str]]:
    """The second curve of a run that logs these series: what it measures, and the name for each part; ("", {}) if none will do.

    It is the first one of the validation part that is of the training part as well, else the first of the validation part.
    """
    groups = [(what, members) for what, members in grouped(names).items() if "validation" in members.values()]
    groups.sort(key=lambda group: "train" not in group[1].values())
    if not groups:
        return "", {}
    what, members = groups[0]
    return what, {part: name for name, part in members.items()}


def better_when(name: str) -> Literal["min", "max"]:
    """Whether small or large values of a figure are good, by its name: losses and errors are to be small, all else large."""
    words = part_of(name)[0].lower().replace("/", "_").replace("-", "_").split("_")
    return "min" if _SMALL_IS_GOOD.intersection(words) else "max"


def tags(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures of an epoch by TensorBoard's tags: what shares a chart shares the part before the slash."""
    found = {}
    for what, members in grouped(figures).items():
        for name, part in members.items():
            found[f"{what}/{part}" if part else name] = figures[name]
    return found
