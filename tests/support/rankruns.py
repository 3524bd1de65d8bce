"""Trainings on two ranks, one after the other in the same two processes: what a pair of them costs to start is paid once.

Run as `python -m support.rankruns FOLDER` by each rank, with torchrun's variables in its environment. Each rank leaves in the
folder what came of each case, by name, as JSON. What needs a comparison with one process is compared by the test.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from support.resuming import Timed, events_of, plan, stop
from torch import nn

from engine import InputError, RunResult, TrainingError, agreement, build_config, resume, train
from engine import commands as c
from engine.config import RunConfig
from engine.data.prepared import load_prepared
from engine.facts import MadeEdit
from engine.recipe import build_recipe
from engine.together import Together, join
from engine.world import current_world

SOURCE = {"source": "wine"}
PICTURES = {"source": "digits"}

EQUAL: dict[str, dict[str, Any]] = {
    "MLP": {},
    "CNN": {"data": PICTURES, "model": {"kind": "cnn"}, "run": {"batch_size": 150, "epochs": 2}},
    "a last batch of one row": {"run": {"batch_size": 47}},
    "accumulated over an uneven epoch": {"run": {"accumulate": 3}},
    "all rows at once": {"run": {"batch_size": 0, "epochs": 5}},
    "class weights and smoothed labels": {
        "loss": {"class_weights": "balanced"},
        "regularization": {"label_smoothing": 0.1},
        "run": {"batch_size": 15},
    },
    "class weights and mixup": {"loss": {"class_weights": "balanced"}, "regularization": {"mixup": 0.4}},
    "binary cross-entropy": {
        "data": {"source": "breast_cancer"},
        "loss": {"name": "bce", "class_weights": "balanced"},
        "run": {"batch_size": 75},
    },
    "moved pictures": {
        "data": PICTURES,
        "regularization": {"flip": True, "shift": 1, "input_noise": 0.1},
        "run": {"batch_size": 150, "epochs": 2},
    },
    "mixed pictures": {
        "data": PICTURES,
        "regularization": {"flip": True, "mixup": 0.4, "input_noise": 0.1},
        "run": {"batch_size": 151, "epochs": 1},
    },
    "texts": {
        "data": {"source": "reviews", "rows": 200},
        "model": {"kind": "gru", "width": 8, "embedding": 4},
        "run": {"batch_size": 41, "epochs": 2},
    },
    "regression": {
        "data": {"source": "diabetes"},
        "optimizer": {"clip_norm": 0.5},
        "schedule": {"name": "plateau", "patience": 0},
        "run": {"batch_size": 64},
    },
    "penalties and an average": {
        "regularization": {"l2": 0.001, "l1": 0.0001, "max_norm": 2.0},
        "run": {"average": "ema", "ema_decay": 0.8},
    },
    "early stopping": {
        "optimizer": {"lr": 0.03},
        "run": {"epochs": 60},
        "early_stopping": {"enabled": True, "patience": 2, "monitor": "macro_f1"},
    },
}
"""What gives the same figures on two ranks as in one process."""

OWN_CHANCE = {"regularization": {"dropout": 0.3, "input_noise": 0.1}, "run": {"accumulate": 2, "batch_size": 15}}
"""What draws random numbers on each rank for itself, and has a gradient that is not whole after each batch."""


SCRIPT = [MadeEdit(1, 3, {"optimizer.lr": "0.02"}), MadeEdit(2, 0, {"run.batch_size": "31"})]


def config_of(folder: Path, sections: dict[str, Any]) -> RunConfig:
    """A run of a tenth of a second with an uneven last batch."""
    run = {"folder": str(folder), "device": "cpu", "tensorboard": False, "epochs": 3, "batch_size": 25}
    parts = {"data": SOURCE, "model": {"hidden": [8]} if "model" not in sections else {}, **sections}
    return build_config({**parts, "run": {**run, **sections.get("run", {})}})


def told(result: RunResult) -> dict[str, Any]:
    """What a test asks of a run; on the ranks beside rank 0 there are no curves."""
    view = result.view
    weights = b"".join(value.numpy().tobytes() for value in result.model.state_dict().values())
    return {
        "folder": result.folder,
        "reason": result.reason,
        "epochs": result.epochs,
        "train": [*map(float, view.train_loss)],
        "val": [*map(float, view.val_loss)],
        "metric": [*map(float, view.val_metric)],
        "test": [result.test_loss, result.test_metric],
        "weights": hashlib.sha256(weights).hexdigest(),
    }


def by_name(result: RunResult) -> list[str]:
    return [type(event).__name__ for event in events_of(result.folder)] if result.folder else []


# -- the cases ----------------------------------------------------------------------------------------------------------


def stopped_and_resumed(folder: Path) -> dict[str, Any]:
    """Stopped in the middle of a step's batches, and taken up again by as many ranks."""
    config = config_of(folder, OWN_CHANCE)
    whole = train(config)
    part = train(config, (), Timed({16: stop}))
    again = resume(_of_rank_0(folder, part))
    return {"whole": told(whole), "part": told(part), "again": told(again)}


def stopped_on_two(folder: Path) -> dict[str, Any]:
    """Left for one process to take up."""
    return {"part": told(train(config_of(folder, {"run": {"accumulate": 2}}), (), Timed({11: stop})))}


def stopped_on_one(folder: Path) -> dict[str, Any]:
    """Taken up by two ranks after one process has stopped."""
    config = config_of(folder, {"run": {"accumulate": 2}})
    part = None
    if _rank() == 0:
        with in_one_process():
            part = train(config, (), Timed({12: stop}))
    again = _of_rank_0(folder, part)
    return {"again": told(resume(again)), "more": told(resume(again, more=1))}


def asked_for(folder: Path) -> dict[str, Any]:
    """Everything that a person can ask of a run while it trains."""
    asked = plan(
        l3=c.Edit(changes={"optimizer.lr": "0.02"}),
        l4=c.Pause(),
        l9=c.Resume(),
        l12=c.Save(),
        l13=c.Edit(changes={"regularization.dropout": "0.5"}),
        l15=c.Revert(),
        l18=c.MoreEpochs(epochs=1),
    )
    result = train(config_of(folder, {}), (), asked)
    return {**told(result), "events": by_name(result)}


def with_a_script(folder: Path) -> dict[str, Any]:
    """With changes at their places, as `nntui replay` makes them."""
    return told(train(config_of(folder, {}), script=SCRIPT))


def other_buffers(folder: Path) -> dict[str, Any]:
    """Batch norm, whose running statistics each rank moves by its own rows."""
    return told(train(config_of(folder, {"model": {"hidden": [8], "batch_norm": True}, "run": {"average": "ema"}})))


def own_model(folder: Path, **arguments: Any) -> dict[str, Any]:
    """A model of the user's own, with weights that it does without and a buffer of truth values."""
    words = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    model = {"kind": "custom", "path": f"{__file__}:Net", "arguments": words}
    return told(train(config_of(folder, {"model": model})))


def fails_in_its_data(folder: Path) -> dict[str, Any]:
    """A rank that cannot read what rank 0 can, as on a machine without the file."""
    return told(train(config_of(folder, {"data": {"source": f"{__file__}:numbers"}})))


def other_data(folder: Path) -> dict[str, Any]:
    """Data that a function draws anew each time it is asked."""
    return told(train(config_of(folder, {"data": {"source": f"{__file__}:drawn"}})))


def _seed(folder: Path, together: Together) -> int:
    """What this rank draws its dropout from."""
    config = config_of(folder, {"run": {"seed": 5}})
    build_recipe(config, load_prepared(config.data), together=together)
    return torch.initial_seed()


def collectives(folder: Path) -> dict[str, Any]:
    """What the ranks say to each other, by itself."""
    with join(current_world()) as together:
        rank, sizes = together.world.rank, [5, 1, 4]
        whole = torch.arange(20.0).view(10, 2)
        batches = whole.split(sizes)
        own = torch.cat([batch[together.world.share(len(batch))] for batch in batches])
        norm = nn.BatchNorm1d(2)
        norm.running_mean += rank
        norm.num_batches_tracked += rank
        together.same_buffers(norm)
        return {
            "rows": together.rows(own, sizes).equal(whole),
            "total": together.total(torch.tensor([1.5, rank], dtype=torch.float64)).tolist(),
            "signal": together.signal([rank, 7]),
            "agreed": together.agree({"rank": rank}),
            "gathered": together.gathered(rank),
            "seeds": together.gathered(_seed(folder, together)),
            "buffers": [norm.running_mean.tolist(), int(norm.num_batches_tracked)],
        }


CASES: dict[str, Callable[[Path], dict[str, Any]]] = {
    **{
        name: functools.partial(lambda sections, folder: told(train(config_of(folder, sections))), part)
        for name, part in EQUAL.items()
    },
    "collectives": collectives,
    "stopped and resumed": stopped_and_resumed,
    "stopped on two": stopped_on_two,
    "stopped on one": stopped_on_one,
    "asked for": asked_for,
    "a script": with_a_script,
    "batch norm": other_buffers,
    "own model": own_model,
    "fails on rank 0": functools.partial(own_model, fails=0),
    "fails on rank 1": functools.partial(own_model, fails=1),
    "leaves on rank 1": functools.partial(own_model, fails=1, how="exit"),
    "fails in its data": fails_in_its_data,
    "other data": other_data,
    "killed on rank 0": functools.partial(own_model, fails=0, how="kill"),
    "killed": functools.partial(own_model, fails=1, how="kill"),  # the last: there is nobody left to go on with
}


class Net(nn.Module):
    def __init__(self, in_features: int, num_classes: int, fails: int = -1, how: str = "raise") -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, num_classes)
        self.spare = nn.Linear(3, 3)
        self.register_buffer("flags", torch.tensor([True, False]))
        self.fails, self.how, self.calls = fails, how, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        if self.fails == _rank() and self.calls > 8:
            if self.how == "exit":
                sys.exit(3)
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("this net has had enough")
        return self.layer(x)


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(_rank())
    return torch.randn(100, 3, generator=generator), torch.arange(100) % 2


def numbers() -> tuple[torch.Tensor, torch.Tensor]:
    if _rank() == 1:
        raise OSError("there is no such disk here")
    return torch.randn(100, 3), torch.arange(100) % 2


# -- the processes ------------------------------------------------------------------------------------------------------


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))


@contextlib.contextmanager
def in_one_process() -> Iterator[None]:
    """Train alone for a while, in one of the ranks."""
    size = os.environ["WORLD_SIZE"]
    os.environ["WORLD_SIZE"] = "1"
    try:
        yield
    finally:
        os.environ["WORLD_SIZE"] = size


def _of_rank_0(folder: Path, result: RunResult | None) -> Path:
    """A copy of the run's folder; the others are told by rank 0 what it is about, and need none."""
    if _rank() != 0 or result is None:
        return folder / "not here"
    copy = folder / "copy"
    shutil.copytree(result.folder, copy)
    return copy


def main(folder: Path, names: list[str]) -> None:
    agreement.APART = 0.0  # the ranks agree after every batch, so that a test knows when
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name in names:
        try:
            found[name] = CASES[name](folder / name.replace(" ", "-"))
        except (InputError, TrainingError) as error:
            found[name] = {
                "error": str(error),
                "kind": type(error).__name__,
                "frames": list(getattr(error, "frames", ())),
            }
        (folder / f"rank{_rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or [name for name in CASES if name != "killed on rank 0"])
    sys.stdout.flush()
    os._exit(0)
