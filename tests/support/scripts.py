"""Programs written by engine.script, run in this process, and the runs that they are held against."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass, replace
from typing import Any

import torch

from engine import RunConfig, build_config
from engine.console import epoch_line
from engine.data.table import load
from engine.events import EpochEnded, Event
from engine.keeping import Keeper
from engine.loop import fit, measure_test
from engine.recipe import build_recipe
from engine.runview import RunView
from engine.script import plain_script
from engine.stopping import StopToken
from engine.threads import suitable_threads
from engine.training import Training
from engine.trials import announce, plan_trials


@dataclass(frozen=True)
class Figures:
    """What a training says. lines: an epoch each, without times. best: validation loss and second figure of the best epoch.

    weights: of the last model, as bytes, for the trial that was last; the figures alone would hide a difference in the last bit.
    """

    lines: list[str]
    best_epoch: int
    train_loss: float
    best: tuple[float, float]
    test: tuple[float, float]
    weights: tuple[bytes, ...] = ()


def weights_of(model: torch.nn.Module) -> tuple[bytes, ...]:
    """All weights and buffers, bit for bit."""
    return tuple(value.detach().cpu().numpy().tobytes() for value in model.state_dict().values())


def config_for_script(sections: dict[str, Any]) -> RunConfig:
    """A configuration of a small net, on the CPU, for a few epochs, without a record."""
    run = {"epochs": 4, "device": "cpu", "seed": 3, "tensorboard": False, **sections.get("run", {})}
    model = sections.get("model", {"kind": "mlp", "hidden": [12, 7]})
    return build_config({"data": {"source": "wine"}, **sections, "model": model, "run": run})


def trained(config: RunConfig) -> list[Figures]:
    """Every trial of a configuration, trained by the engine."""
    table = load(config.data)
    found = [_trained(trial.config, trial.prepare(table)) for trial in plan_trials(config, table)]
    return [*(replace(one, weights=()) for one in found[:-1]), found[-1]]


def _trained(config: RunConfig, data: Any) -> Figures:
    training = Training(build_recipe(config, data), config)
    view, lines, seen = RunView(), [], []

    def emit(event: Event) -> None:
        view.apply(event)
        if isinstance(event, EpochEnded):
            seen.append(event)
            lines.append(re.sub(r"  [\d.]+s$", "", epoch_line(view, event)))

    announce(emit, config, data, training.recipe)
    with suitable_threads(training.recipe):
        outcome = fit(training, emit, Keeper(StopToken(), emit))
        test = measure_test(training.recipe, outcome.weights_epoch, data.baseline_metric)
    assert test is not None
    keeps = config.early_stopping.enabled or config.early_stopping.restore_best
    at = seen[outcome.best_epoch - 1 if keeps else -1]
    best = (at.val_loss, at.val_metric)
    epoch = outcome.best_epoch if keeps else 0
    return Figures(lines, epoch, at.train_loss, best, (test.loss, test.metric), weights_of(training.recipe.model))


def run_script(config: RunConfig) -> list[Figures]:
    """The program for a configuration, run here: what it printed of each trial."""
    text, printed, threads = plain_script(config), io.StringIO(), torch.get_num_threads()
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "script.py", "exec"), names)
    finally:
        torch.set_num_threads(threads)
    found = read_figures(printed.getvalue())
    judged = names["averaged"].module if config.run.average == "ema" else names.get("judged", names["model"])
    return [*found[:-1], replace(found[-1], weights=weights_of(judged))]


def read_figures(printed: str) -> list[Figures]:
    """What a program printed, trial by trial."""
    found, lines, best_epoch, train, best = [], [], 0, 0.0, (0.0, 0.0)
    for line in printed.splitlines():
        words = line.split()
        if line.startswith("epoch "):
            lines.append(line)
        elif line.startswith("best epoch"):
            best_epoch = int(words[2])
        elif line.startswith("train "):
            train = float(words[2])
        elif line.startswith("validation  loss"):
            best = (float(words[2]), float(words[4]))
        elif line.startswith("test  "):
            found.append(Figures(lines, best_epoch, train, best, (float(words[2]), float(words[4]))))
            lines, best_epoch = [], 0
    return found


def as_printed(line: str, constant_rate: bool) -> str:
    """An epoch's line of the console as a program prints it: no learning rate where it never changes."""
    return re.sub(r"  lr \S+$", "", line) if constant_rate else line
