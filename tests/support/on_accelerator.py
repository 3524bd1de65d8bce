"""Runs of the engine on a device that is none of the host, made of the host's own memory by accelerator.cpp.

A GPU has two rules that a CPU does not keep: tensors of the host and of the device do not mix, and whoever reads a value waits for
all steps that were handed out. This device keeps the first by refusing, and counts the readings. As a program,
``python -m support.on_accelerator FOLDER CASE...``, it prints a line of JSON for each case: how far the figures of each
epoch are from those of the CPU, and how often the training part of each epoch has read.

A process of its own, since torch knows one such device for good.
"""

from __future__ import annotations

import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any, Literal

import torch
from support.quickly import config_of, data_of
from torch.utils.cpp_extension import load

from engine import build_config, lr_find, recipe, rehearsal, resume, train
from engine import events as e
from engine import loop as engine_loop
from engine.keeping import Keeper
from engine.loop import fit, measure_test
from engine.probes import answers_to
from engine.recipe import build_recipe
from engine.stopping import StopToken
from engine.training import Training

DIGITS = {"data": {"source": "digits"}, "model": {"hidden": [32]}}

LOOPS: dict[str, dict[str, Any]] = {
    "adam": DIGITS,
    "penalties": {
        **DIGITS,
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "regularization": {"l1": 1e-4, "l2": 1e-3, "weight_decay": 0.01, "max_norm": 2.0},
    },
    "mixup": {**DIGITS, "regularization": {"mixup": 0.2, "label_smoothing": 0.1}},
    "cnn": {"data": {"source": "digits"}, "model": {"kind": "cnn"}},
    "accumulate": {
        "optimizer": {"name": "adamw", "clip_norm": 0.5},
        "schedule": {"name": "cosine"},
        "run": {"accumulate": 3, "batch_size": 20},
    },
    "muon": {"optimizer": {"name": "muon"}},
    "ema": {"run": {"average": "ema"}},
    "swa": {"run": {"average": "swa"}},
    "huber": {"data": {"source": "diabetes"}, "loss": {"name": "huber"}},
    "bce": {"data": {"source": "breast_cancer"}, "loss": {"name": "bce", "class_weights": "balanced"}},
    "hinge": {"loss": {"name": "hinge"}},
    "transformer": {"data": {"source": "waves"}, "model": {"kind": "transformer"}},
    "auroc": {"data": {"source": "breast_cancer"}, "early_stopping": {"enabled": True, "monitor": "auroc"}},
}
"""What goes through the loop alone, here and there."""

WHOLE: dict[str, dict[str, Any]] = {
    "run": {**DIGITS, "run": {"histograms": 1}},
    "restarts": {"trials": {"kind": "restarts", "restarts": 3, "side_by_side": "on"}},
    "folds": {"trials": {"kind": "kfold", "folds": 3, "side_by_side": "off"}},
}
"""What goes through `engine.train`, with its folder, journal, checkpoints and TensorBoard log; and is then taken up again."""

FIGURES = ("train_loss", "val_loss", "train_metric", "val_metric", "grad_norm", "weight_norm", "penalty")


def accelerator(folder: Path) -> Any:
    """Build the device in `folder` and register it with torch as ``accel``. The C++ side of it, with the counter."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).with_name("accelerator.cpp")
    made = load("nntui_accelerator", [str(source)], build_directory=str(folder), extra_cflags=["-O0"])
    module: Any = types.ModuleType("torch.accel")
    module.is_available = module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.device_count, module.current_device = (lambda: 1), (lambda: 0)
    module.manual_seed_all = lambda seed: None
    module.synchronize = lambda device=None: None
    module.get_amp_supported_dtype = lambda: [torch.bfloat16]
    torch.utils.rename_privateuse1_backend("accel")  # pyright: ignore[reportPrivateImportUsage]
    torch._register_device_module("accel", module)
    return made


def choose(device: Literal["cpu", "accel"]) -> None:
    """Have every run from now on train there, whatever run.device says."""
    for module in (recipe, lr_find, rehearsal):
        if hasattr(module, "resolve_device"):
            module.resolve_device = lambda wanted: torch.device(device, 0)  # pyright: ignore


def far(here: list[e.Event], there: list[e.Event]) -> float:
    """The largest relative distance between figures of the same epochs; infinite when these differ."""
    one, other = ([event for event in events if isinstance(event, e.EpochEnded)] for events in (here, there))
    if not one or [(event.trial, event.epoch) for event in one] != [(event.trial, event.epoch) for event in other]:
        return float("inf")
    pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(one, other, strict=True) for name in FIGURES]
    return max(abs(a - b) / max(1e-9, abs(a)) for a, b in pairs)


def loop(sections: dict[str, Any], made: Any) -> tuple[list[e.Event], list[int]]:
    """The events of a loop of two epochs with its test, and how often the training part of each epoch read."""
    config, data, seen, read = config_of(sections), data_of(sections), [], []
    whole_epoch = engine_loop.train_epoch

    def train_epoch(*rest: Any) -> Any:
        before = made.reads()
        try:
            return whole_epoch(*rest)
        finally:
            read.append(made.reads() - before)

    engine_loop.train_epoch = train_epoch
    try:
        training = Training(build_recipe(config, data), config)
        fit(training, seen.append, Keeper(StopToken(), seen.append))
    finally:
        engine_loop.train_epoch = whole_epoch
    assert measure_test(training.recipe, training.done, 0.0) is not None
    answers_to(training.recipe, training.recipe.test, data.y_mean, data.y_scale)
    return seen, read


def whole(sections: dict[str, Any], folder: Path) -> list[e.Event]:
    """The events of a run with a folder; of a single one with an epoch more, from its checkpoint."""

    class Seen:
        name = "seen"

        def __init__(self) -> None:
            self.events: list[e.Event] = []

        def write(self, event: e.Event) -> None:
            self.events.append(event)

        def close(self) -> None:
            pass

    seen = Seen()
    own = {"epochs": 2, "folder": str(folder), "seed": 3, **sections.get("run", {})}
    result = train(build_config({"data": {"source": "wine"}, **sections, "run": own}), [seen])
    if not sections.get("trials"):
        resume(result.folder, [seen], more=1)
    return seen.events


def control(made: Any) -> dict[str, Any]:
    """What the device does with the mistakes that it is there to find."""
    there, before = torch.ones(3, device="accel"), made.reads()
    _ = there.sum().item(), there.tolist(), there.cpu()
    read = made.reads() - before
    try:
        _ = torch.ones(3) + there
    except RuntimeError as error:
        return {"case": "control", "reads": [read], "refused": str(error)}
    return {"case": "control", "reads": [read], "refused": ""}


def main(folder: Path, cases: list[str]) -> None:
    made = accelerator(folder)
    print(json.dumps(control(made)), flush=True)
    for name in cases:
        told: dict[str, Any] = {"case": name}
        try:
            found: list[list[e.Event]] = []
            for device in ("cpu", "accel"):
                choose(device)
                if name in LOOPS:
                    events, told["reads"] = loop(LOOPS[name], made)
                elif name == "range test":
                    told[device] = lr_find.find_lr(config_of(DIGITS), highest=0.1, steps=30).losses[-1]
                    continue
                else:
                    events = whole(WHOLE[name], folder / "runs" / device)
                    shutil.rmtree(folder / "runs")
                found.append(events)
            told["far"] = far(*found) if found else abs(told["cpu"] / told["accel"] - 1)
        except Exception as error:  # told, and the other cases go on
            told["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or [*LOOPS, *WHOLE, "range test"])
