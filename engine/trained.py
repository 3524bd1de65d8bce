"""A model that a run has trained, taken from the run's folder: its weights, and what is done to new data before it sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .config import RunConfig
from .configfile import check, load_config
from .data.preprocess import Preprocess
from .errors import ConfigError, Fault, InputError
from .losses import outputs_of, resolved, with_head
from .models import build_model
from .probes import class_logits
from .record import Record, own_loop_error, read_record
from .rowsizes import row_width, steps_of
from .rundir import RunDir
from .text import clean
from .warmstart import best_weights

AT_ONCE = 4096
"""Rows that the model is given at a time."""


NUMBERS = 1 << 26
"""Numbers of the widest output of a model that reads step by step: 256 MiB at a time."""


@dataclass(frozen=True)
class Predictions:
    """What a model makes of n rows.

    values: of a regression, float32 (n,), in the units of the target. classes: of a classification, indices into the names of the
    classes, int64 (n,), and probabilities, float32 (n, classes). The others are None.
    """

    values: np.ndarray | None = None
    classes: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    def __len__(self) -> int:
        found = self.values if self.values is not None else self.classes
        return 0 if found is None else len(found)


@dataclass(frozen=True)
class Trained:
    """A run's model, in evaluation mode on the CPU. run: the folder that its weights lie in; words: where they are from.

    model takes float32 (n, features) as `preprocess` makes them, and gives (n, classes) logits, or (n,) for one output; see
    engine.losses. config: the settings that the run was started with.
    """

    run: RunDir
    config: RunConfig
    preprocess: Preprocess
    model: nn.Module
    words: str

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty for a regression."""
        return self.preprocess.target.class_names

    @property
    def features(self) -> int:
        """How many numbers a row is for the model."""
        return _features(self.preprocess)

    @property
    def calibrated(self) -> bool:
        """Whether the model's outputs become probabilities by softmax; those of a hinge loss only put the classes in order."""
        return resolved(self.config.loss.name, self.preprocess.target.task) != "hinge"

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> Predictions:
        """The model's answers to rows, each a mapping from the names of the input columns to their values.

        Values are numbers or text as in a file; None, NaN and "" are missing. Raises DataError for what cannot be read.

        Example::

            import engine
            trained = engine.load_trained("runs/20260101-120000-flowers-mlp")
            trained.predict([{"petal length": 1.4, "petal width": 0.2}]).probabilities
        """
        names = [one.name for one in self.preprocess.inputs]
        missing = [name for name in names if any(name not in row for row in rows)]
        if missing or not names:
            listed = ", ".join(f"'{clean(name, 40)}'" for name in missing[:10])
            problem = (
                f"rows lack {listed}"
                if names
                else "this model takes pictures or sequences, and no rows of named values"
            )
            raise InputError([Fault("rows", problem, "`preprocess.inputs` names every column" if names else "")])
        return self.answers(self.preprocess.apply([[_cell(row[name]) for name in names] for row in rows]))

    @torch.inference_mode()
    def answers(self, x: np.ndarray) -> Predictions:
        """The model's answers to prepared rows, float32 (n, features)."""
        target = self.preprocess.target
        values, chances = [], []
        at_once = max(16, min(AT_ONCE, NUMBERS // row_width(self.model))) if steps_of(self.model) else AT_ONCE
        for part in torch.from_numpy(np.ascontiguousarray(x, np.float32)).split(at_once):
            output = self.model(part).float()
            if target.task == "classification":
                chances.append(class_logits(output).softmax(dim=1))
            else:
                values.append(output.view(-1) * target.scale + target.mean)
        if target.task != "classification":
            return Predictions(values=torch.cat(values).numpy() if values else np.zeros(0, np.float32))
        found = torch.cat(chances) if chances else torch.zeros(0, len(target.class_names))
        return Predictions(classes=found.argmax(dim=1).numpy(), probabilities=found.numpy())


def load_trained(folder: str | Path, trial: int = 0) -> Trained:
    """The model of the run in `folder` with the weights of its best epoch; of a run with trials that of one of them, or with 0 of
    the best restart.

    folder may also be a file that `nntui export --to safetensors` has made.

    Raises InputError when there is no such run, nothing was trained yet, or its preprocessing is not on record and the data that it
    was learned from is gone.
    """
    if Path(folder).expanduser().is_file():
        from .exporting import from_safetensors

        return from_safetensors(Path(folder).expanduser().absolute())
    run = RunDir(Path(folder).expanduser().absolute())
    record = read_record(run)
    config = settings(run, record)
    where = place(run, config, record, trial)
    weights, words = _weights(where)
    return trained_from(where.path, config, _preprocess(where, config), weights, words)


def trained_from(
    folder: Path, config: RunConfig, preprocess: Preprocess, weights: Mapping[str, torch.Tensor], words: str
) -> Trained:
    """A model put together from its parts. words: where the weights are from. Raises InputError when they are of another one."""
    model = net(config, preprocess)
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError:
        problem = f"the weights in {clean(words, 2000)} are not of the model that the settings of this run say"
        raise InputError([Fault("", problem, "was config.toml or the model's own code changed?")]) from None
    model.eval()
    return Trained(RunDir(folder), config, preprocess, model, words)


def settings(run: RunDir, record: Record) -> RunConfig:
    """The settings that the run was started with, which is what its model is built by. Raises InputError."""
    if record.view.own_loop:
        raise own_loop_error(run)
    if not (run.config.exists() or run.journal.exists()):
        raise InputError([Fault("", "there is no run here", "`nntui ls` lists the runs", clean(run.path, 2000))])
    config = check(record.started)[0] if record.started else None
    return config or load_config(run.config)


def place(run: RunDir, config: RunConfig, record: Record, trial: int) -> RunDir:
    """Where the weights are: the run's folder, or that of one of its trials (from 1). Raises InputError."""
    labels = {one.number: one.label for one in record.view.trials}
    if trial:
        if trial not in labels:
            known = f"it has {', '.join(map(str, sorted(labels)))}" if labels else "it has no trials"
            raise InputError([Fault("--trial", f"{clean(run.name)} has no trial {trial}", known)])
        return run.trial(labels[trial])
    if config.trials.kind == "kfold":
        hint = f"name one with --trial, 1 to {max(labels, default=1)}"
        raise InputError([Fault("--trial", f"each fold of {clean(run.name)} has a model of its own", hint)])
    return run


def _weights(run: RunDir) -> tuple[Mapping[str, Any], str]:
    try:
        return best_weights(run.path)
    except ConfigError as error:
        one = error.faults[0]
        raise InputError([Fault("", one.problem, "name a run that has trained")]) from None


def _preprocess(run: RunDir, config: RunConfig) -> Preprocess:
    """What the run learned of its data; from the data itself where an older version has not written it down."""
    try:
        return Preprocess.from_json(run.preprocess.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise InputError([Fault("", clean(error), "train the run again", clean(run.preprocess, 2000))]) from None
    from .data.prepared import load_prepared

    learned = load_prepared(config.data).preprocess
    assert learned is not None
    return learned


def net(config: RunConfig, preprocess: Preprocess) -> nn.Module:
    """The model of these settings for such data, with fresh weights, on the CPU."""
    target = preprocess.target
    outputs = outputs_of(config.loss.name, len(target.class_names))
    shape = preprocess.shaped.shape if preprocess.shaped else ()
    picture = (shape[0], shape[1], shape[2]) if len(shape) == 3 else None
    other = () if picture else shape
    built = build_model(
        config.model, config.regularization, _features(preprocess), outputs, picture, other, preprocess.vocabulary
    )
    return with_head(built, config.loss.name, outputs)


def _features(preprocess: Preprocess) -> int:
    return math.prod(preprocess.shaped.shape) if preprocess.shaped else len(preprocess.features)


def _cell(value: Any) -> str:
    """A value as a cell of a file."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return ("true" if value else "false") if isinstance(value, bool | np.bool_) else str(value)
