"""A checkpoint gives back everything it may hold, and refuses what it could not."""

from __future__ import annotations

import json
import math
import random
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import torch
from support.checkpoints import newest, same, save, temporary

from engine.checkpoint import Checkpoints


def there_and_back(folder: Path, content):
    Checkpoints(folder).save(content, epochs=1, batch=0, kind="epoch")
    loaded = Checkpoints(folder).load_newest()
    assert loaded is not None
    return loaded.content


def test_every_kind_of_value_comes_back_as_it_was(tmp_path):
    content = {
        "plain": [
            None,
            True,
            False,
            0,
            -1,
            2**127,
            0.1,
            -0.0,
            math.inf,
            -math.inf,
            "",
            "ä\n\x1b[31m\udc80",
            "PK\x05\x06",
        ],
        "nan": math.nan,
        ("a", 1): {1: "int key", 2.5: "float key", None: "none key", False: ()},
        "nested": ([{"deep": ([],)}], OrderedDict(b=1, a=2)),
        "dtypes": [
            torch.tensor([1, 0, 3]).to(kind)
            for kind in (
                torch.float32,
                torch.float64,
                torch.float16,
                torch.bfloat16,
                torch.int64,
                torch.uint8,
                torch.bool,
            )
        ],
        "odd": [torch.empty(0), torch.tensor(math.nan), torch.ones(2, 3).t(), torch.tensor([math.nan, math.inf, -0.0])],
        "complex": torch.tensor([1 + 2j]).conj(),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    same(there_and_back(tmp_path, content), content)


def test_shared_storage_is_shared_again(tmp_path):
    flat = torch.arange(100.0)
    content = there_and_back(tmp_path, {"flat": flat, "views": [flat[:40], flat[40:].view(6, 10)], "same": flat})
    content["flat"].zero_()
    assert not any(view.any() for view in content["views"])
    assert content["same"] is content["flat"]


OPTIMIZERS = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)
)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "Optimizer"])
def test_an_optimizer_goes_on_from_its_state_as_if_nothing_had_been(name, tmp_path):
    """Two steps, a checkpoint, a step: the same weights as a new optimizer with the loaded state has after its step."""

    def build():
        torch.manual_seed(0)
        bias = name != "Muon"  # steps matrices only
        sparse = name == "SparseAdam"
        model = torch.nn.Embedding(3, 2, sparse=True) if sparse else torch.nn.Linear(3, 2, bias=bias)
        return model, getattr(torch.optim, name)(model.parameters(), lr=0.1)

    def step(model, optimizer):
        def closure():
            optimizer.zero_grad()
            inputs = torch.tensor([0, 2]) if name == "SparseAdam" else torch.ones(4, 3)
            loss = (model(inputs) - 1).square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    model, optimizer = build()
    step(model, optimizer)
    step(model, optimizer)
    content = there_and_back(tmp_path, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    same(content["optimizer"], optimizer.state_dict())
    again, other = build()
    again.load_state_dict(content["model"])
    other.load_state_dict(content["optimizer"])
    step(model, optimizer)
    step(again, other)
    same(dict(again.state_dict()), dict(model.state_dict()))
    same(other.state_dict(), optimizer.state_dict())


def test_the_states_of_all_random_generators_come_back(tmp_path):
    torch.manual_seed(3)
    random.seed(3)
    numbers = numpy.random.default_rng(3)
    content = {
        "torch": torch.get_rng_state(),
        "own": torch.Generator().manual_seed(5).get_state(),
        "python": random.getstate(),
        "numpy": json.dumps(numbers.bit_generator.state),
        "numpy plain": numbers.bit_generator.state,
    }
    expected = torch.rand(3), random.random(), numbers.random()
    content = there_and_back(tmp_path, content)
    torch.set_rng_state(content["torch"])
    random.setstate(content["python"])
    numbers.bit_generator.state = json.loads(content["numpy"])
    assert torch.equal(torch.rand(3), expected[0])
    assert (random.random(), numbers.random()) == expected[1:]
    assert content["numpy plain"]["state"] == json.loads(content["numpy"])["state"]


def tagged() -> torch.Tensor:
    tensor = torch.ones(1)
    tensor.tag = SimpleNamespace()  # type: ignore[attr-defined]
    return tensor


def with_attribute() -> OrderedDict[str, int]:
    values = OrderedDict(a=1)
    values.note = SimpleNamespace()  # type: ignore[attr-defined]
    return values


def endless() -> list[object]:
    values: list[object] = []
    values.append(values)
    return values


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (numpy.float64(1), "numpy.float64"),
        (numpy.ones(2), "numpy.ndarray"),
        (b"bytes", "bytes"),
        ({1}, "set"),
        (Path(), "Path"),
        (torch.Size([1]), "Size"),
        (torch.float32, "dtype"),
        (len, "builtin"),
        (SimpleNamespace(), "SimpleNamespace"),
        (torch.nn.Linear(1, 1), "Linear"),
        (1 << 3000, "digits"),
        (torch.ones(2, device="meta"), "not plain"),
        (torch.eye(2).to_sparse(), "not plain"),
        (tagged(), "not plain"),
        (with_attribute(), "SimpleNamespace"),
        (endless(), "nested"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_not_be_read_back_is_refused_when_saving(value, word, tmp_path):
    store = Checkpoints(tmp_path)
    save(store, 1)
    with pytest.raises(TypeError, match=word) as raised:
        store.save({"optimizer": [{"step": value}]}, epochs=2, batch=0, kind="epoch")
    assert "content['optimizer'][0]['step']" in str(raised.value)
    assert newest(tmp_path) == (1, [])
    assert not temporary(tmp_path)
    with pytest.raises(TypeError):
        store.save({numpy.float64(1): 1}, epochs=2, batch=0, kind="epoch")


@pytest.mark.gpu
def test_tensors_of_a_device_come_back_on_the_host(tmp_path):
    content = there_and_back(tmp_path, {"w": torch.arange(5.0, device="cuda")})
    same(content, {"w": torch.arange(5.0)})
