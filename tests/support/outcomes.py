"""What a run has come to, as hashes by name: two runs are the same when all of them are."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine import events as e
from engine.checkpoint import Checkpoints
from engine.record import read_record
from engine.rundir import RunDir

CLOCK = ("time", "seconds", "samples_per_second", "folder")
"""Fields that no two runs share."""


def digest(value: Any) -> str:
    """The SHA-256 of a nested value: types, names, bits."""
    proof = hashlib.sha256()

    def add(item: Any) -> None:
        if isinstance(item, torch.Tensor):
            proof.update(f"tensor {item.dtype} {tuple(item.shape)}".encode())
            proof.update(item.detach().contiguous().numpy().tobytes())
        elif isinstance(item, dict):
            proof.update(f"dict {len(item)}".encode())
            for key in sorted(item, key=repr):
                add(key)
                add(item[key])
        elif isinstance(item, list | tuple):
            proof.update(f"list {len(item)}".encode())
            for one in item:
                add(one)
        else:
            text = item.hex() if isinstance(item, float) else repr(item)
            proof.update(f"{type(item).__name__} {text};".encode())

    add(value)
    return proof.hexdigest()


def outcome(folder: Path) -> dict[str, str]:
    """Hashes of everything that is left of a run that has come to its end."""
    record = read_record(RunDir(folder))
    view = record.view
    assert record.damaged == 0
    found: dict[str, Any] = {"settings": view.config, "end": figures(view.end), "findings": sorted(view.findings)}
    for where in parts(folder):
        problems: list[str] = []
        loaded = Checkpoints(where / "checkpoints", read_only=True).load_newest(problems)
        assert loaded is not None and not problems, problems
        found |= {f"{where.name}: {key}": value for key, value in loaded.content.items()}
        found[f"{where.name}: weights kept"] = (where / "model.safetensors").read_bytes()
    for trial, epochs in record.epochs.items():
        found[f"history of trial {trial}"] = [figures(epochs[epoch]) for epoch in sorted(epochs)]
    found["tests"] = [figures(test) for _, test in sorted(record.tests.items())]
    found["trials"] = [figures(trial.ended) for trial in view.trials] + [figures(view.summary)]
    found["stopping"] = figures(view.stopping)
    found["curves"] = [view.epochs, view.train_loss, view.val_loss, view.val_metric, view.lr, view.best_epoch]
    found["edits"] = [[one.number, one.epoch, one.batch, [asdict(each) for each in one.changes]] for one in view.edits]
    # The folder's own name is the one thing in which the runs compared here differ.
    return {
        key.replace(folder.name, "run"): digest(value)
        for key, value in found.items()
        if not isinstance(value, list) or value
    }


def figures(event: e.Event | None) -> dict[str, Any] | None:
    """An event without what the clock has to do with."""
    return None if event is None else {key: one for key, one in asdict(event).items() if key not in CLOCK}


def parts(folder: Path) -> list[Path]:
    """The folders in which something was trained: that of the run, or those of its trials."""
    return sorted(path.parent for path in folder.rglob("checkpoints"))


def leftovers(folder: Path) -> list[str]:
    """Temporary files, and files half written."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix == ".tmp"]


TAGS = {
    "loss/train": "train_loss", "loss/train_running": "train_loss_running", "loss/validation": "val_loss",
    "accuracy/train": "train_metric", "accuracy/validation": "val_metric", "learning_rate": "lr",
    "gradient_norm": "grad_norm", "penalty": "penalty",
}  # fmt: skip


def board_faults(folder: Path) -> list[str]:
    """Where the TensorBoard logs differ from the journal, read as TensorBoard reads them: a value per step, and that one."""
    record = read_record(RunDir(folder))
    faults = []
    for trial, epochs in record.epochs.items():
        if not epochs:
            continue
        where = folder if trial == 0 else parts(folder)[trial - 1]
        log = EventAccumulator(str(where), size_guidance={"scalars": 0}).Reload()
        expected: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for epoch in sorted(epochs):
            for tag, field in TAGS.items():
                expected[tag].append((epoch, getattr(epochs[epoch], field)))
        test = record.tests[trial]
        expected["loss/test"] = [(test.epoch, test.loss)]
        there = log.Tags()["scalars"]
        for tag, wanted in expected.items():
            found = [(one.step, one.value) for one in log.Scalars(tag)] if tag in there else []
            if [step for step, _ in found] != [step for step, _ in wanted]:
                faults.append(f"{where.name} {tag}: steps {[step for step, _ in found]}")
            elif not all(same_float(one, other) for (_, one), (_, other) in zip(found, wanted, strict=True)):
                faults.append(f"{where.name} {tag}: values")
    return faults


def same_float(one: float, other: float) -> bool:
    """Whether both are the same number in TensorBoard's 32 bits."""
    return np.float32(one) == np.float32(other) or (math.isnan(one) and math.isnan(other))
