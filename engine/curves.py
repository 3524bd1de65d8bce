"""Curves that somebody else has written down: which of them is the training loss, which the validation loss, which the rate."""

from __future__ import annotations

import csv
import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import DataError, Fault, data_error
from .eventfiles import Points, event_files, read_scalars
from .text import clean

TRAIN = frozenset({"train", "training", "tr", "fit"})
VALIDATION = frozenset({"val", "valid", "validation", "eval", "evaluation", "dev"})
TEST = frozenset({"test", "testing"})
LOSS = frozenset({"loss", "losses", "nll", "cost", "objective", "perplexity", "mse"})
ASIDE = frozenset(
    {"epoch", "epochs", "step", "steps", "batch", "iteration", "iterations", "mean", "avg", "average", "total", "per"}
)
"""Words of a tag that say how often it was written, not what."""

STEPS = ("epoch", "step", "global_step", "iteration", "iter", "")
_FEWEST = 2


@dataclass(frozen=True)
class Paired:
    """Curves side by side: one value for each evaluation. names: of the curves, by role. at: the step of each evaluation."""

    names: dict[str, str]
    at: list[int]
    train: list[float]
    val: list[float]
    lr: list[float] | None


def read_curves(path: Path) -> dict[str, Points]:
    """The curves of a CSV file or of a folder with TensorBoard logs, by name. Raises DataError."""
    where = clean(path, 2000)
    try:
        found = read_scalars(path) if path.is_dir() or "tfevents" in path.name else _read_csv(path, where)
    except OSError as error:
        raise data_error("", f"cannot be read: {error.strerror}", "", where) from None
    if not found:
        files = len(event_files(path)) if path.is_dir() else 1
        problem = "holds no scalar curves" if files else "holds no event files of TensorBoard"
        raise data_error("", problem, "name a CSV file, a run's folder or a folder of TensorBoard logs", where)
    return found


def _read_csv(path: Path, where: str) -> dict[str, Points]:
    """Each column of numbers against the column of epochs or steps, or the count of lines; empty cells are passed over."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise data_error("", "is no text in UTF-8", "name a CSV file", where) from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
    if len(rows) < _FEWEST or not any(cell.strip() for cell in rows[0]):
        raise data_error(
            "", "has no header and rows", "the first line names the columns: epoch,train_loss,val_loss", where
        )
    head = [cell.strip() for cell in rows[0]]
    if all(_number(cell) is not None for cell in head if cell):
        hint = "the first line names the columns: epoch,train_loss,val_loss"
        raise data_error("", "has no header: its first line holds numbers", hint, f"{where}:1")
    lowered = [name.lower() for name in head]
    steps = next((lowered.index(name) for name in STEPS[:-1] if name in lowered), None)
    faults: list[Fault] = []
    found: dict[str, dict[int, float]] = {}
    count = 0
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        count += 1
        at = float(count)
        if steps is not None and steps < len(row) and row[steps].strip():
            number = _number(row[steps])
            if number is None or not math.isfinite(number):
                faults.append(Fault(head[steps], f"'{clean(row[steps], 40)}' is no number", "", f"{where}:{line}"))
                continue
            at = number
        for column, cell in enumerate(row[: len(head)]):
            if column == steps or not cell.strip():
                continue
            value = _number(cell)
            if value is None and is_curve(head[column]):
                faults.append(Fault(head[column], f"'{clean(cell, 40)}' is no number", "", f"{where}:{line}"))
            elif value is not None:
                found.setdefault(head[column], {})[round(at)] = value
    if faults:
        raise DataError(faults[:20])
    return {name: sorted(points.items()) for name, points in found.items()}


def _number(text: str) -> float | None:
    try:
        return float(text.strip())
    except ValueError:
        return None


def _words(name: str) -> list[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^A-Za-z]+", spaced.lower()) if word]


def is_curve(name: str) -> bool:
    """Whether a name is that of a loss or a learning rate."""
    return bool(LOSS & {*_words(name)}) or is_rate(name)


def is_rate(name: str) -> bool:
    words = _words(name)
    return "lr" in words or ("learning" in words and "rate" in words)


def _role(words: list[str]) -> str:
    for role, own in (("val", VALIDATION), ("train", TRAIN), ("test", TEST)):
        if own & {*words}:
            return role
    return ""


def pair(curves: Mapping[str, Points], train: str = "", val: str = "", lr: str = "") -> Paired:
    """The training and the validation loss of the same name, and the learning rate if there is one.

    train, val, lr: names that a person has chosen; the others are found by the words in them: ``Loss/train`` goes with
    ``Loss/val``, ``loss`` with ``val_loss``, ``train/epoch_loss`` with ``validation/epoch_loss``. The plainest pair counts, and of
    two as plain the longer one. Raises DataError, with the names there are.
    """
    listed = ", ".join(clean(name, 60) for name in list(curves)[:12]) + (", …" if len(curves) > 12 else "")
    for option, name in (("--train", train), ("--val", val), ("--lr", lr)):
        if name and name not in curves:
            raise data_error(option, f"there is no curve called '{clean(name, 60)}'", f"there are {listed}")
    losses: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name in curves:
        words = _words(name)
        if LOSS & {*words} and not is_rate(name):
            base = tuple(sorted(word for word in words if word not in TRAIN | VALIDATION | TEST | ASIDE))
            losses[name] = _role(words), base
    trains = [train] if train else [name for name, (role, _) in losses.items() if role in ("train", "")]
    vals = [val] if val else [name for name, (role, _) in losses.items() if role == "val"]
    if not vals and not val:  # nothing is called validation: a test part that was watched is one
        vals = [name for name, (role, _) in losses.items() if role == "test"]
    pairs = [
        (one, other)
        for one in trains
        for other in vals
        if one != other and (train or val or losses[one][1] == losses[other][1])
    ]
    if not pairs:
        missing = "--val" if trains and not vals else "--train"
        problem = f"no {'validation' if missing == '--val' else 'training'} loss was recognized"
        raise data_error(missing, problem, f"name the curves with --train and --val; there are {listed or 'none'}")

    def plainness(both: tuple[str, str]) -> tuple[int, int, int, int, int]:
        one, other = both
        named = losses.get(one, ("", ()))
        same = named[1] == losses.get(other, ("", ()))[1]
        by_step = "step" in _words(one) or "batch" in _words(one)
        running = "running" in _words(one)
        return (not same, len(named[1]) + running, by_step, named[0] == "", -min(len(curves[one]), len(curves[other])))

    one, other = min(pairs, key=plainness)
    rate = lr or next((name for name in curves if is_rate(name)), "")
    return _side_by_side(curves, one, other, rate)


def _side_by_side(curves: Mapping[str, Points], train: str, val: str, lr: str) -> Paired:
    """One row for each evaluation: the mean of the training losses since the one before it, and the rate at its end."""
    at = [step for step, _ in curves[val]]
    steps = [step for step, _ in curves[train]]
    values = [value for _, value in curves[train]]
    means, begin = [], 0
    for step in at:
        end = bisect_right(steps, step)
        part = values[begin:end] or values[max(0, end - 1) : end] or values[:1]
        means.append(sum(part) / len(part))
        begin = max(begin, end)
    names = {"training loss": train, "validation loss": val}
    rates = None
    if lr:
        names["learning rate"] = lr
        points = curves[lr]
        places = [step for step, _ in points]
        rates = [points[max(0, bisect_right(places, step) - 1)][1] for step in at]
    return Paired(names, at, means, [value for _, value in curves[val]], rates)
