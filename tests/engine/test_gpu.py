"""A run on a CUDA device gives the figures of the CPU, up to what its kernels round; two of them those of one."""

from __future__ import annotations

import json

import pytest
import torch
from support.pairs import end_ranks, start_ranks

from engine import RunConfig, train

SETTINGS = {
    "MLP": {"data": {"source": "digits"}, "run": {"epochs": 3, "batch_size": 64}},
    "CNN": {"data": {"source": "digits"}, "model": {"kind": "cnn"}, "run": {"epochs": 2, "batch_size": 128}},
    "accumulated": {"data": {"source": "wine"}, "run": {"epochs": 3, "batch_size": 15, "accumulate": 3}},
}


def on(make_config, device: str, name: str, **run: object) -> RunConfig:
    parts = SETTINGS[name]
    return make_config(**{**parts, "run": {**parts["run"], "device": device, **run}})


@pytest.mark.gpu
@pytest.mark.parametrize("name", SETTINGS)
def test_one_gpu_gives_the_figures_of_the_cpu(make_config, name):
    ours, theirs = (train(on(make_config, device, name)).view for device in ("cuda", "cpu"))
    assert ours.train_loss == pytest.approx(theirs.train_loss, abs=2e-3)
    assert ours.val_loss == pytest.approx(theirs.val_loss, abs=2e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_stays_near(make_config, precision):
    ours, theirs = (train(on(make_config, "cuda", "MLP", precision=name)).view for name in (precision, "float32"))
    assert ours.val_loss == pytest.approx(theirs.val_loss, abs=0.05)


@pytest.mark.gpu
def test_a_compiled_model_gives_the_same(make_config):
    ours, theirs = (train(on(make_config, "cuda", "MLP", compile=on_it)).view for on_it in (True, False))
    assert ours.val_loss == pytest.approx(theirs.val_loss, abs=2e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("batch_norm", [False, True])
def test_two_gpus_give_the_figures_of_one(make_config, tmp_path, batch_norm):
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices, and there is one")
    model = {"hidden": [16], "batch_norm": batch_norm}
    config = make_config(data={"source": "digits"}, model=model, run={"device": "cuda", "epochs": 3, "batch_size": 64})
    (tmp_path / "config.json").write_text(config.model_dump_json())
    program = (
        "import json, os, sys; from engine import RunConfig, train\n"
        "result = train(RunConfig.model_validate_json(open(sys.argv[1]).read()))\n"
        "print(json.dumps(list(map(float, result.view.val_loss))), flush=True); os._exit(0)"
    )
    printed = end_ranks(start_ranks(2, ["-c", program, str(tmp_path / "config.json")]), 200)
    alone = train(config)
    assert json.loads(printed[0].splitlines()[-1]) == pytest.approx(alone.view.val_loss, abs=2e-3), printed
