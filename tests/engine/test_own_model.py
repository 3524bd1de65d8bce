"""A model of one's own by its import path: found, called, tried, trained, taken up again, put on record."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.resuming import assert_equal_runs, events_of, stopped_at, view_of

from engine import CodeError, ConfigError, resume, train
from engine import events as e
from engine.config import RunConfig
from engine.data.prepared import load_prepared
from engine.gradients import layers_of, named_layers
from engine.ownmodel import OwnModel, build_own, chance_state, seed_chance
from engine.previewing import preview
from engine.recipe import build_recipe
from engine.usercode import code_files, forget, load_object

NETS = '''
import random

import numpy as np
import torch
from torch import nn

from beside import scaled


class Net(nn.Module):
    """Draws from every generator there is, and keeps statistics."""

    def __init__(self, in_features, num_classes, width=12, *, drop=0.1):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(in_features, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(drop))
        self.fc = nn.Linear(width, num_classes)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = x.flatten(1)
        if self.training:
            x = x * (1 + 0.01 * random.random()) + 0.01 * float(np.random.normal())
        return self.fc(self.body(scaled(x))) * self.scale


class Pictures(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3)
        self.fc = nn.LazyLinear(num_classes)

    def forward(self, x):
        assert x.shape[1:] == (1, 8, 8)
        return self.fc(torch.relu(self.conv(x)).flatten(1))


def tokens(num_classes, vocabulary=20):
    return nn.Sequential(nn.Embedding(vocabulary, 4), nn.Flatten(), nn.Linear(64 * 4, num_classes))


built = nn.Linear(3, 3)
number = 3
'''


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A folder to stand in, with the modules above."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "beside.py").write_text("def scaled(x):\n    return 2 * x\n")
    monkeypatch.chdir(tmp_path)
    forget()
    yield tmp_path
    forget()


def own(make_config, path="nets:Net", arguments=None, **sections) -> RunConfig:
    model = {"kind": "custom", "path": path, "arguments": arguments or {}, **sections.pop("model", {})}
    run = {"epochs": 3, "batch_size": 25, **sections.pop("run", {})}
    return make_config(**{"data": {"source": "wine"}, "model": model, **sections}, run=run)


# ---- finding it ----


def test_by_module_by_file_and_by_dots(nets):
    found = load_object("nets:Net", "model.path")
    assert load_object("./nets.py:Net", "model.path") is not None
    assert load_object(str(nets / "nets.py") + ":Net.forward", "model.path").__name__ == "forward"
    assert found.__module__ == "nets"
    assert {Path(one.path).name for one in code_files()} == {"nets.py", "beside.py"}
    assert not list(nets.rglob("__pycache__"))


def test_code_that_has_changed_is_loaded_anew_with_what_it_imports(nets):
    assert load_object("nets:scaled", "model.path")(3) == 6
    (nets / "beside.py").write_text("def scaled(x):\n    return 5 * x\n")
    assert load_object("nets:scaled", "model.path")(3) == 15


def test_the_process_is_as_before(nets, monkeypatch):
    (nets / "rude.py").write_text(
        "import os, sys, signal, random, torch, numpy\n"
        "os.chdir('sub'); sys.stdout = None; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); random.seed(1); torch.manual_seed(1); numpy.random.seed(1)\n"
        "torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False); sys.path.insert(0, '/nowhere')\n"
        "class Net: pass\n"
    )
    import signal

    before = (
        random.getstate(),
        torch.get_rng_state().tolist(),
        sys.stdout,
        signal.getsignal(signal.SIGTERM),
        sys.path[0],
    )
    load_object("rude:Net", "model.path")
    assert Path.cwd() == nets
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (torch.float32, True)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    after = (
        random.getstate(),
        torch.get_rng_state().tolist(),
        sys.stdout,
        signal.getsignal(signal.SIGTERM),
        sys.path[0],
    )
    assert after == before


REFUSED = {
    "nosuch:Net": "no module is called 'nosuch'",
    "sub.nosuch:Net": "no module is called 'sub.nosuch'",
    "nosuch.py:Net": "no such file: nosuch.py",
    "nets:Nett": "did you mean 'Net'?",
    "nets:zzz": "it has Net, Pictures, tokens",
    "engine.nets:Net": "'engine' is a package of nntui's own, so that yours cannot be found by this name; name the file instead, such as ./engine/nets.py:Net",
    "tui:Net": "'tui' is a package of nntui's own",
    "random:Net": "hides ./random.py; name the file instead: ./random.py:Net",
    "nets:built": "is a module that is built already, and each training needs a fresh one",
    "nets:number": "is an int, and neither a class nor a function",
}


@pytest.mark.parametrize(("path", "words"), REFUSED.items(), ids=list(REFUSED))
def test_what_is_not_there_is_one_line(nets, path, words):
    (nets / "random.py").write_text("class Net: pass\n")
    config = RunConfig.model_validate({"model": {"kind": "custom", "path": path}}).model
    with pytest.raises(ConfigError) as refused:
        build_own(config, 0.0, 13, (13,), 3)
    (fault,) = refused.value.faults
    assert words in fault.line()
    assert fault.key == "model.path"
    assert not fault.frames


ARGUMENTS = {
    "widht=3": "Net takes no argument 'widht'; did you mean width?",
    "num_classes=3, x=1": "Net takes no argument 'x'; it takes in_features, num_classes, width, drop",
}


@pytest.mark.parametrize(("text", "words"), ARGUMENTS.items())
def test_arguments_that_do_not_fit(nets, text, words):
    config = RunConfig.model_validate({"model": {"kind": "custom", "path": "nets:Net", "arguments": text}}).model
    with pytest.raises(ConfigError) as refused:
        build_own(config, 0.0, 13, (13,), 3)
    assert words in refused.value.faults[0].line()
    assert refused.value.faults[0].key == "model.arguments"


def test_what_the_data_says_is_filled_in_and_what_is_given_counts(nets):
    def built(path, shape, arguments=""):
        section = {"kind": "custom", "path": path, "arguments": arguments}
        return build_own(RunConfig.model_validate({"model": section}).model, 0.0, 64, shape, 7).net

    assert built("nets:Net", (64,)).fc.out_features == 7
    assert built("nets:Net", (64,), "num_classes=4, width=5").body[0].weight.shape == (5, 64)
    assert built("nets:Net", (16, 4)).body[0].in_features == 4  # of a sequence, those of a step
    assert built("nets:Pictures", (3, 8, 8)).conv.in_channels == 3
    assert built("torch.nn:Linear", (64,), "out_features=7").in_features == 64


# ---- training it ----


def test_a_run_its_record_and_its_weights(nets, make_config):
    result = train(own(make_config, arguments={"width": 9}))
    assert result.reason == "epochs_done"
    assert isinstance(result.model, OwnModel)
    built = events_of(result.folder, e.ModelBuilt)[0]
    assert [name for name, _ in built.layers] == ["scale", "body", "fc"]
    assert built.parameters == sum(one.numel() for one in result.model.parameters())
    weights = load_file(Path(result.folder) / "model.safetensors")
    fresh = load_object("nets:Net", "model.path")(13, 3, 9)
    fresh.load_state_dict(weights)  # under the names that they have in their own class
    record = json.loads((Path(result.folder) / "code.json").read_text())
    assert set(record["files"]) == {"nets", "beside"}
    assert (Path(result.folder) / "code" / "nets.py").read_text() == NETS
    text = (Path(result.folder) / "config.toml").read_text()
    assert "arguments = {width = 9}" in text


def test_resumed_anywhere_it_equals_one_that_never_stopped(nets, make_config):
    config = own(make_config, run={"average": "ema"})
    whole = train(config)
    random.seed(5)
    for look in (3, 12, 17):
        folder = stopped_at(config, look)
        random.random()  # what else the process draws is of no account
        resume(folder)
        assert_equal_runs(folder, whole.folder)


def test_folds_are_what_they_are_alone_and_are_resumed(nets, make_config):
    config = own(make_config, trials={"kind": "kfold", "folds": 3}, run={"epochs": 2})
    whole = train(config)
    folder = stopped_at(config, 9)
    resume(folder)
    assert_equal_runs(folder, whole.folder)
    assert len({trial.val_loss for trial in whole.trials}) == 3


def test_trying_it_leaves_no_trace(nets, make_config):
    config = own(make_config)
    tried = build_recipe(config, load_prepared(config.data)).model
    drawn, chance = torch.get_rng_state(), chance_state()
    torch.manual_seed(config.run.seed)
    seed_chance(config.run.seed)
    fresh = build_own(config.model, 0.0, 13, (13,), 3)
    for name, value in fresh.state_dict().items():  # the statistics of batch norm among them
        assert torch.equal(value, tried.state_dict()[name]), name
    assert all(parameter.grad is None for parameter in tried.parameters())
    assert (torch.equal(torch.get_rng_state(), drawn), chance_state()) == (True, chance)


def test_changed_code_is_told_when_a_run_goes_on(nets, make_config):
    folder = stopped_at(own(make_config), 3)
    (nets / "beside.py").write_text("def scaled(x):\n    return 3 * x\n")
    resume(folder)
    assert any("your code has changed since this run began: beside.py" in text for _, text in view_of(folder).log)
    folder = stopped_at(own(make_config), 3)
    resume(folder)
    assert not any("your code has changed" in text for _, text in view_of(folder).log)


def test_pictures_lazy_layers_and_tokens(nets, make_config):
    result = train(own(make_config, "nets:Pictures", data={"source": "digits", "train_rows": 60}, run={"epochs": 1}))
    assert result.reason == "epochs_done"
    data = {"source": "digits", "train_rows": 60, "standardize": False}
    assert train(own(make_config, "nets:tokens", data=data, model={"inputs": "tokens"}, run={"epochs": 1})).epochs == 1
    with pytest.raises(CodeError, match=r"0 \(Embedding\) got .* and wants whole numbers; set model.inputs to tokens"):
        train(own(make_config, "nets:tokens", data=data))


def test_one_output_for_a_quantity(nets, make_config):
    result = train(own(make_config, data={"source": "diabetes"}, run={"epochs": 1}))
    assert result.test_loss is not None
    assert load_file(Path(result.folder) / "model.safetensors")["fc.weight"].shape == (1, 12)


def test_layers_are_those_of_the_class_whatever_wraps_them(nets):
    inner = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    wrapped = torch.nn.Module()
    wrapped.net = inner
    model = OwnModel(wrapped, (4,), False, 0.0)
    assert named_layers(model) == (("net.0", 15), ("net.2", 8))
    inner[2].weight.requires_grad_(False)
    inner.append(inner[0])  # shared
    assert named_layers(model) == (("net.0", 15), ("net.2", 2))
    assert sum(map(len, layers_of(model))) == 3


# ---- looking at it ----


def test_a_preview_shows_its_layers_and_disturbs_nothing(nets, make_config):
    config = own(make_config, arguments={"width": 9})
    drawn = torch.get_rng_state()
    seen = preview(config)
    assert not seen.faults
    assert torch.equal(torch.get_rng_state(), drawn)
    told = [(layer.name, layer.kind, layer.output, layer.parameters) for layer in seen.model.layers]
    assert told == [
        ("scale", "scale parameter", (1,), 1),
        ("body", "body Sequential", (9,), 13 * 9 + 27),
        ("fc", "fc Linear", (3,), 30),
    ]
    assert seen.model.memory.total > 0
    (nets / "nets.py").write_text(NETS.replace("self.fc = nn.Linear(width", "self.fc = nn.Linear(4"))
    (fault,) = preview(config).faults
    assert "fc (Linear) got (2, 9) and wants (n, 4)" in fault.line()
    assert fault.frames[-1].startswith("nets.py:")


def test_a_model_that_needs_numbers_is_previewed_all_the_same(nets, make_config):
    (nets / "counting.py").write_text(
        "import torch\nfrom torch import nn\nclass Net(nn.Module):\n"
        "    def __init__(self, num_classes):\n        super().__init__()\n        self.fc = nn.Linear(13, num_classes)\n"
        "    def forward(self, x):\n        return self.fc(x) if float(x.sum()) < 1e9 else self.fc(-x)\n"
    )
    seen = preview(own(make_config, "counting:Net"))
    assert not seen.faults
    assert seen.model.parameters == 42
    assert any("cannot be told ahead" in note for note in seen.model.notes)
