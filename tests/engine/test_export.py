"""Exported models: the same answers, to the last bit, where there is nothing but torch."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy
import pytest
import torch
from safetensors import safe_open
from test_predict import config, flowers, write

import engine
from engine.cli import main
from engine.data.preprocess import Input, Preprocess
from engine.exported import Exported
from engine.exporting import from_safetensors, to_onnx, to_torchscript
from engine.newdata import encoded
from engine.predicting import predict_file
from engine.trained import Trained, load_trained

ALONE = """
import json, sys
import torch
for case in json.loads(sys.stdin.read()):
    extra = {"preprocess.json": ""}
    model = torch.jit.load(case["file"], _extra_files=extra)
    raw, wanted = torch.load(case["raw"]), torch.load(case["answers"])
    for _ in range(3):  # TorchScript rewrites what it has run twice
        assert torch.equal(model(raw), wanted), (case, (model(raw) - wanted).abs().max())
    assert torch.equal(model(raw[:0]), wanted[:0])
    assert model.columns == case["columns"] and model.classes == case["classes"]
    assert model.categories == case["categories"]
    assert json.loads(extra["preprocess.json"])["format"] == 1
assert not {"engine", "tui", "sklearn"} & sys.modules.keys()
print("equal")
"""


NETS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, in_features, num_classes, *, width=4):
        super().__init__()
        self.first, self.second = nn.Linear(in_features, width), nn.Linear(width, num_classes)

    def forward(self, x):
        return self.second(self.first(x).tanh())
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Trained]:
    """A run on a table of every sort of column, one on a quantity, one with a single logit, one on pictures."""
    folder = tmp_path_factory.mktemp("exported")
    draw = random.Random(2)
    points = [(draw.gauss(5, 2), draw.gauss(-3, 1)) for _ in range(40)]
    numbers = write(folder / "numbers.csv", ["a", "b", "y"], [[f"{a}", f"{b}", f"{9 + a * b}"] for a, b in points])
    table = {"source": str(flowers(folder / "flowers.csv")), "target": "kind", "missing": "mean"}
    made = {
        "table": config(folder, **table),
        "quantity": config(folder, source=str(numbers), target="y"),
        "logit": config(folder, source="moons", rows=60),
        "pictures": config(folder, source="digits", train_rows=60),
        "own": config(folder, **table),
        "sequence": config(folder, source="waves", rows=60),
        "bag": config(folder, source="reviews", rows=60),
        "texts": config(folder, source="reviews", rows=60),
    }
    (folder / "nets.py").write_text(NETS)
    changes = {
        "sequence": {"model": {"kind": "gru"}},
        "texts": {"model": {"kind": "transformer", "width": 8, "feedforward": 8, "embedding": 4}},
        "own": {"model": {"kind": "custom", "path": f"{folder}/nets.py:Net"}},
        "logit": {"loss": {"name": "bce"}},
        "pictures": {"model": {"kind": "cnn", "channels": (2,), "batch_norm": True}},
    }
    found = {}
    for name, one in made.items():
        body = {section: dict(part) for section, part in one}
        for section, more in changes.get(name, {}).items():
            body[section] = {**body[section], **more}
        body["run"]["epochs"] = 2
        found[name] = load_trained(engine.train(engine.RunConfig.model_validate(body)).folder)
    return found


def raw_rows(trained: Trained, rows: int = 7) -> torch.Tensor:
    """Raw inputs as the exported module takes them, with gaps and unseen categories where there can be any."""
    learned, draw = trained.preprocess, numpy.random.default_rng(3)
    if learned.text is not None:  # numbers of words, padding at the end, and a text of nothing else
        ids = draw.integers(1, learned.vocabulary, (rows, learned.text.length))
        ends = numpy.linspace(0, learned.text.length, rows).astype(int)
        return torch.from_numpy(numpy.where(numpy.arange(ids.shape[1]) < ends[:, None], ids, 0))
    module = Exported(torch.nn.Identity(), learned)
    mean, scale, origin = (value.double().numpy() for value in (module.mean, module.scale, module.origin))
    raw = origin + mean + scale * draw.standard_normal((rows, len(mean)))
    for column, one in enumerate(learned.inputs):
        if one.kind == "category":
            raw[:, column] = [-1, *draw.integers(0, len(one.values), rows - 1)]
        if one.kind == "date":
            raw[:, column] = numpy.floor(raw[:, column])
        if one.fill is not None:
            raw[1, column] = numpy.nan
    return torch.from_numpy(raw)


def ours(trained: Trained, raw: torch.Tensor) -> torch.Tensor:
    """The run's own answers to them, by way of its preprocessing of text."""
    learned = trained.preprocess

    def cell(value: float, one: Input) -> str:
        if value != value:
            return ""
        if one.kind == "category":
            return one.values[int(value)] if value >= 0 else "never seen"
        if one.kind == "date":
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=value)).strftime("%Y-%m-%d")
        return repr(float(numpy.float32(value)))

    if learned.text is not None:
        found = trained.answers(raw.float().numpy())
    elif learned.inputs:
        rows = [[cell(value, one) for value, one in zip(row, learned.inputs, strict=True)] for row in raw.tolist()]
        found = trained.answers(learned.apply(rows))
    else:
        found = trained.answers(encoded(learned, raw.float().numpy()))
    return torch.from_numpy(found.values if found.values is not None else found.probabilities)


def test_torchscript_gives_the_same_bits_where_there_is_only_torch(runs, tmp_path):
    cases = []
    for name, trained in runs.items():
        raw = raw_rows(trained)
        wanted = ours(trained, raw)
        file = tmp_path / f"{name}.pt"
        file.write_bytes(to_torchscript(trained))
        torch.save(raw if name == "table" else raw.float(), tmp_path / f"{name}.raw")
        torch.save(wanted, tmp_path / f"{name}.answers")
        learned = trained.preprocess
        cases.append(
            {
                "file": str(file),
                "raw": str(tmp_path / f"{name}.raw"),
                "answers": str(tmp_path / f"{name}.answers"),
                "columns": [one.name for one in learned.inputs],
                "classes": list(learned.target.class_names),
                "categories": {one.name: list(one.values) for one in learned.inputs if one.kind == "category"},
            }
        )
    assert {"colour": ["blue", "red"]} in [case["categories"] for case in cases]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        cwd=tmp_path,
    )
    assert done.stdout == "equal\n", done.stderr[-3000:]


def test_safetensors_hold_everything_that_predicting_takes(runs, tmp_path, capsys):
    trained = runs["table"]
    file = tmp_path / "flowers.safetensors"
    assert main(["export", str(trained.run.path), "--to", "safetensors", "-o", str(file)]) == 0
    with safe_open(file, framework="pt") as opened:
        assert json.loads(opened.metadata()["classes"]) == ["lily", "rose", "tulip"]
        for name, value in trained.model.state_dict().items():
            assert torch.equal(opened.get_tensor(name), value)
    again = from_safetensors(file)
    assert again.preprocess == trained.preprocess and again.config == trained.config
    source = flowers(tmp_path / "flowers.csv")
    one, other = predict_file(trained, str(source)), predict_file(again, str(source))
    assert numpy.array_equal(one.answers.probabilities, other.answers.probabilities)
    assert main(["predict", str(file), str(source)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 92
    bare = trained.run.weights
    with pytest.raises(engine.InputError, match="holds weights alone"):
        load_trained(bare)
    file.write_bytes(file.read_bytes()[:100])
    assert main(["predict", str(file), str(source)]) == 2
    assert "flowers.safetensors: cannot be read" in capsys.readouterr().err


def test_a_program_and_what_stands_in_the_way(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = str(runs["quantity"].run.path)
    assert main(["export", folder, "--to", "script"]) == 0
    [program] = tmp_path.iterdir()
    assert program.suffix == ".py" and "nn.Linear" in program.read_text()
    assert "written: " in capsys.readouterr().out
    assert main(["export", folder, "--to", "script"]) == 2
    assert "is there already; --force" in capsys.readouterr().err
    assert main(["export", folder, "--to", "script", "--force"]) == 0
    assert main(["export", folder, "--to", "pickle"]) == 2
    assert main(["export", folder, "--to", "torchscript", "-o", "no/such/place.pt"]) == 2
    assert main(["export", str(tmp_path), "--to", "torchscript"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == [program.name]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    capsys.readouterr()
    assert main(["export", folder, "--to", "onnx"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_model_that_cannot_be_compiled_is_traced_if_that_comes_to_the_same(runs, tmp_path):
    class Fussy(torch.nn.Module):
        def __init__(self, net, choosy):
            super().__init__()
            self.net, self.choosy = net, choosy

        def forward(self, x, *more, **named):  # which TorchScript cannot compile
            y = self.net(x)
            return y * 2 if self.choosy and len(x) > 3 else y

    trained = runs["logit"]
    fussy = replace(trained, model=Fussy(trained.model, False))
    file = tmp_path / "fussy.pt"
    file.write_bytes(to_torchscript(fussy))
    raw = raw_rows(trained).float()
    assert torch.equal(torch.jit.load(file)(raw), ours(trained, raw))
    with pytest.raises(engine.InputError, match="cannot be made TorchScript"):
        to_torchscript(replace(trained, model=Fussy(trained.model, True)))


def test_onnx_gives_the_same_answers(runs, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    for name in ("quantity", "logit", "pictures", "bag", "texts"):
        trained = runs[name]
        session = runtime.InferenceSession(to_onnx(trained), providers=["CPUExecutionProvider"])
        raw = raw_rows(trained)
        raw = raw if trained.preprocess.text is not None else raw.float()
        [found] = session.run(["answers"], {"raw": raw.numpy()})
        assert numpy.allclose(found, ours(trained, raw).numpy(), atol=1e-5)
        assert (
            Preprocess.from_json(session.get_modelmeta().custom_metadata_map["preprocess.json"]) == trained.preprocess
        )
