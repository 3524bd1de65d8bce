"""The memory that a run is said to take, against what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import Tensor, nn

from engine import RunConfig, StopToken
from engine.closedform import WithLoss
from engine.data.prepared import load_prepared
from engine.keeping import Keeper
from engine.loop import fit
from engine.memory import META, available, free_memory, training_step
from engine.preview import Memory
from engine.previewing import preview_model
from engine.recipe import build_recipe
from engine.torchtable import table
from engine.training import Training

WITHIN = 1.6
"""The factor by which the estimate may miss what the process of a run really takes."""


def nbytes(values) -> int:
    """Bytes of all tensors in nested values, each counted once."""
    if isinstance(values, Tensor):
        return values.numel() * values.element_size()
    if isinstance(values, dict):
        return sum(map(nbytes, values.values()))
    return sum(map(nbytes, values)) if isinstance(values, list | tuple) else 0


def trained(config: RunConfig) -> Training:
    training = Training(build_recipe(config, load_prepared(config.data)), config)
    fit(training, lambda _: None, Keeper(StopToken(), lambda _: None))
    return training


OPTIONS = {
    "adam": {"amsgrad": True},
    "rmsprop": {"centered": True, "momentum": 0.9},
    "lbfgs": {"history_size": 3, "max_iter": 8},
}


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
@pytest.mark.parametrize("name", sorted(table().optimizers))
def test_weights_gradients_and_the_optimizer_to_the_byte(make_config, name, kind):
    model = {"kind": kind, "hidden": [12], "batch_norm": True, **({"channels": [5]} if kind == "cnn" else {})}
    config = make_config(
        data={"train_rows": 40},
        model=model,
        optimizer={"name": name, **OPTIONS.get(name, {})},
        run={"epochs": 4, "batch_size": 0 if name == "lbfgs" else 20, "average": "ema"},
    )
    said = preview_model(config).memory
    recipe = trained(config).recipe
    flat = recipe.flat
    weights = nbytes(flat.values) if flat else nbytes(list(recipe.model.parameters()))
    gradients = nbytes(flat.gradient) if flat else nbytes([p.grad for p in recipe.model.parameters()])
    buffers = nbytes(list(recipe.model.buffers()))
    assert said.gradients == gradients
    assert said.weights == 3 * (weights + buffers)  # in training, the best epoch's, the average
    states = [
        state for part in getattr(recipe.optimizer, "_parts", [recipe.optimizer]) for state in part.state.values()
    ]
    real = nbytes([dict(state) for state in states])
    if name == "lbfgs":
        assert real == pytest.approx(said.optimizer, rel=0.01)  # its counters and step sizes are tensors too
    else:
        assert said.optimizer == real


def test_what_autograd_keeps():
    """By hand: a linear layer keeps its input, tanh its output, and the loss the log-probabilities of the batch."""
    batch, inputs, hidden, classes = 6, 5, 7, 3
    with META:
        model = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, classes))
    saved, widest, outputs = training_step(model, nn.CrossEntropyLoss(), inputs, batch, 8)
    kept = batch * (hidden + classes) * 4  # tanh's output, which is the next layer's input, counts once
    assert kept <= saved <= kept + 16  # cross-entropy also keeps the sum of its weights, a number
    assert widest == 4 * batch * (hidden + hidden)
    assert outputs == 4 * batch * (hidden + hidden + classes)


def test_the_activations_of_a_batch_do_not_lie_beside_those_of_the_next(make_config):
    """Of a net whose gradient is written out, which keeps them itself; the estimate counts those of one batch."""
    recipe = trained(make_config(data={"source": "moons"}, run={"epochs": 1})).recipe
    assert isinstance(recipe.forward, WithLoss)
    assert nbytes(recipe.forward._saved) == 0


def test_a_batch_of_double_the_size_takes_double(make_config):
    def activations(size: int) -> int:
        config = make_config(data={"source": "moons", "rows": 40_000}, model={"hidden": [64]}, run={"batch_size": size})
        return preview_model(config).memory.activations

    assert activations(20_000) == 2 * activations(10_000)


def test_trials_keep_their_models(make_config):
    one = preview_model(make_config(data={"source": "wine"})).memory
    five = preview_model(make_config(data={"source": "wine"}, trials={"kind": "restarts", "restarts": 5})).memory
    assert five.weights > 2 * one.weights
    assert five.gradients == one.gradients


MEASURED = """
    import gc, json, sys, tempfile
    from engine import build_config, train
    from engine.previewing import preview_model

    def config(epochs, **sections):
        run = {"folder": tempfile.mkdtemp(), "tensorboard": False, "device": "cpu", "epochs": epochs}
        return build_config({**sections, "run": {**run, **sections.get("run", {})}})

    def status(name):
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

    sections = json.loads(sys.argv[1])
    kind = sections.get("model", {}).get("kind", "mlp")
    small = {"kind": kind, **({} if kind == "linear" else {"hidden": [4]})}
    train(config(1, model=small))  # everything is imported and used once
    preview_model(config(1, model=small))
    gc.collect()
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    train(config(1, **sections))
    print(status("VmHWM") - before, preview_model(config(1, **sections)).memory.total)
"""

RUN = {
    "data": {"source": "moons", "rows": 14_000},
    "model": {"hidden": [1000, 1000]},
    "run": {"batch_size": 7_000},
}
MORE_RUNS = {
    "weights": {"model": {"hidden": [1800, 1800]}},
    "activations": {
        "data": {"source": "moons", "rows": 30_000},
        "model": {"hidden": [500, 500, 500]},
        "run": {"batch_size": 15_000},
    },
    "an unfused optimizer": {"model": {"hidden": [1800, 1800]}, "optimizer": {"name": "rmsprop"}},
    "data": {"data": {"source": "sparse", "rows": 400_000}, "model": {"kind": "linear"}, "run": {"batch_size": 50_000}},
    "a cnn": {"model": {"kind": "cnn", "channels": [32, 64], "batch_norm": True}, "run": {"batch_size": 1400}},
    "no checkpoints": {"model": {"hidden": [1800, 1800]}, "run": {"checkpoints": 0}},
}


def _measure(sections) -> tuple[int, int]:
    command = [sys.executable, "-c", textwrap.dedent(MEASURED), json.dumps(sections)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    measured, said = map(int, done.stdout.split())
    return measured, said


def check(sections) -> None:
    measured, said = _measure(sections)
    assert measured / WITHIN < said < measured * WITHIN


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
def test_the_whole_against_the_memory_of_a_process():
    check(RUN)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
@pytest.mark.parametrize("sections", MORE_RUNS.values(), ids=MORE_RUNS.keys())
def test_more_of_the_whole_against_the_memory_of_a_process(sections):
    check(sections)


@pytest.mark.gpu
@pytest.mark.parametrize("sections", [RUN, *MORE_RUNS.values()], ids=["all", *MORE_RUNS])
def test_the_whole_against_the_allocator_of_a_gpu(make_config, sections):
    config = make_config(**{**sections, "run": {**sections.get("run", {}), "device": "cuda", "epochs": 2}})
    said = preview_model(config).memory
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trained(config)
    measured = torch.cuda.max_memory_allocated() - before
    assert measured / WITHIN < said.total < measured * WITHIN
    assert said.available > said.total


# ---- what is free ----


def test_free_memory_of_this_machine():
    assert 1 << 20 < available(torch.device("cpu")) < 1 << 50


@pytest.mark.parametrize(
    ("most", "used", "cache", "free"),
    [("max", 5, 0, 8_000_000 * 1024), ("3000000000", 1_000_000_000, 500_000_000, 2_500_000_000), ("1", 5, 0, 0)],
)
def test_a_container_may_have_less_than_the_machine(tmp_path, most, used, cache, free):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n")
    (tmp_path / "memory.max").write_text(f"{most}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {cache}\n")
    assert free_memory(meminfo, tmp_path) == free


def test_where_nothing_is_told_it_is_all_that_the_machine_has(tmp_path):
    assert free_memory(tmp_path / "no", tmp_path / "no") > 1 << 20


def test_whether_it_fits():
    assert Memory(weights=5, data=5, available=10).fits
    assert not Memory(weights=5, data=6, available=10).fits
    assert Memory(weights=1 << 60).fits  # nobody knows
