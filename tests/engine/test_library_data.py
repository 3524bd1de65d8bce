"""Datasets that libraries know by name. torchvision does not load beside every PyTorch: a small module stands in for it, whose classes have
the signatures and the errors of the real ones (0.24). Hugging Face's library is the real one, with data that the tests make."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from engine import train
from engine.config import DataConfig
from engine.configfile import build_config
from engine.data.memorybudget import LIMIT
from engine.data.stored import Streamed
from engine.data.table import Table, load
from engine.errors import CodeError, ConfigError, DataError, Fault
from engine.knobs import values, visible
from engine.previewing import forget as forget_previews
from engine.previewing import preview_data

DIGITS = load_digits()

MODULE = """
import os
from PIL import Image
import numpy as np
from torch.utils.data import Dataset

__all__ = ("MNIST", "EMNIST", "SVHN", "ImageNet", "Caltech101", "OxfordIIITPet", "FakeData", "Broken")

def verify_str_arg(value, arg, valid):
    if value not in valid:
        raise ValueError(f"Unknown value '{value}' for argument {arg}. Valid values are {{{', '.join(valid)}}}.")
    return value

class VisionDataset(Dataset):
    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
    def __len__(self): return len(self.targets)

class MNIST(VisionDataset):
    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        path = os.path.join(self.root, type(self).__name__ + ".npz")
        if download:
            print("Downloading")
            os.makedirs(self.root, exist_ok=True)
            rng = np.random.default_rng(0)
            np.savez(path, x=rng.integers(0, 256, (70, 8, 8), dtype=np.uint8), y=np.arange(70) % 10)
        if not os.path.exists(path):
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        with np.load(path) as found:
            rows = slice(0, 50) if train else slice(50, None)
            self.data, self.targets = found["x"][rows], found["y"][rows].tolist()
        self.classes = [f"{digit} - name" for digit in range(10)]
    def __getitem__(self, index):
        return Image.fromarray(self.data[index]), int(self.targets[index])

class EMNIST(MNIST):
    def __init__(self, root, split, **kwargs):
        self.split = verify_str_arg(split, "split", ("letters", "digits"))
        super().__init__(root, **kwargs)

class Split(VisionDataset):
    names = ("train", "test", "extra")
    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.names)
        self.labels = np.arange({"train": 40, "trainval": 40, "val": 12, "test": 20}[split]) % 4
    def __len__(self): return len(self.labels)
    def __getitem__(self, index):
        return Image.new("RGB", (60 + index, 100), (int(self.labels[index]) * 60, 0, 0)), int(self.labels[index])

class SVHN(Split): pass

class ImageNet(Split):
    names = ("train", "val")
    def __init__(self, root, split="train", **kwargs):
        super().__init__(root, split, **kwargs)

class OxfordIIITPet(Split):
    names = ("trainval", "test")
    def __init__(self, root, split="trainval", target_types="category", transforms=None, transform=None, target_transform=None, download=False):
        super().__init__(root, split)

class Caltech101(VisionDataset):
    def __init__(self, root, target_type="category", transform=None, target_transform=None, download=False):
        super().__init__(os.path.join(root, "caltech101"))
        if not os.path.isdir(self.root):
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")

class FakeData(VisionDataset):
    def __init__(self, size=1000, image_size=(3, 224, 224), num_classes=10, transform=None, target_transform=None, random_offset=0):
        super().__init__()
        self.size, self.num_classes, self.image_size = size, num_classes, image_size
    def __len__(self): return self.size
    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        picture = rng.integers(0, 256, (*self.image_size[1:], self.image_size[0]), dtype=np.uint8)
        return Image.fromarray(picture), int(rng.integers(self.num_classes))

class Broken(FakeData):
    def __getitem__(self, index):
        if index == 33: raise OSError("image file is truncated")
        return super().__getitem__(index)
"""


@pytest.fixture
def vision(tmp_path, monkeypatch):
    """A module called torchvision, and a current folder in which nothing is downloaded yet."""
    place = tmp_path / "site" / "torchvision"
    (place / "datasets").mkdir(parents=True)
    (place / "__init__.py").write_text("")
    (place / "datasets" / "__init__.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(place.parent))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    forget_torchvision()
    yield place
    forget_torchvision()
    forget_previews()


def forget_torchvision() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


def read(source: str, missing: Any = "refuse", arguments: str = "", **knobs: Any) -> Table:
    return load(DataConfig(source=source, missing=missing, arguments=arguments, **knobs))


def fault(source: str, arguments: str = "", kind: type[DataError | CodeError] = DataError, **knobs: Any) -> Fault:
    with pytest.raises(kind) as caught:
        read(source, arguments=arguments, **knobs)
    (found,) = caught.value.faults
    assert found.line().isprintable()
    return found


# ---- torchvision ----


def test_the_parts_of_a_class_and_no_download_without_a_word(vision, capsys):
    refused = fault("torchvision:MNIST")
    assert refused.problem == "the train part of MNIST is not in the folder 'data'"
    assert "root=..." in refused.hint and "download=true" in refused.hint and "does not exist" in refused.hint
    assert list(Path().iterdir()) == []
    seen = preview_data(DataConfig(source="torchvision:MNIST", arguments="download=true"))
    assert (seen.faults, seen.task) == ((), "")
    assert seen.notes == ("it is not on this machine yet, and downloaded when training begins",)
    assert list(Path().iterdir()) == []  # a form that is filled in downloads nothing
    table = read("torchvision:MNIST", arguments="download=true, root=here")
    assert Path("here/MNIST.npz").exists()
    with np.load("here/MNIST.npz") as found:
        assert np.array_equal(table.x, found["x"].reshape(70, 64))
        assert np.array_equal(table.y, found["y"])
    assert table.part is not None and np.array_equal(table.part, [0] * 50 + [2] * 20)
    assert (table.image_shape, table.class_names[3], table.task) == ((1, 8, 8), "3 - name", "classification")
    assert read("torchvision.datasets:MNIST", arguments="root=here").part is not None
    assert read("torchvision:MNIST", arguments="root=here, train=false").part is None
    seen = preview_data(DataConfig(source="torchvision:MNIST", arguments="root=here, download=true"))
    assert (seen.rows, seen.shape, [part.rows for part in seen.parts]) == (70, (1, 8, 8), [45, 5, 20])


def test_other_ways_of_naming_parts_and_pictures_of_any_size(vision):
    table = read("torchvision:SVHN")
    assert table.part is not None and np.bincount(table.part).tolist() == [40, 0, 20]
    assert table.image_shape == (3, 64, 64)
    assert "pictures of another size are scaled to that" in table.notes
    assert sorted(set(table.x[:4, 0].tolist())) == [0.0, 60.0, 120.0, 180.0]
    table = read("torchvision:ImageNet", color="grey", image_size=8)
    assert table.part is not None and np.bincount(table.part).tolist() == [40, 12]
    assert table.image_shape == (1, 8, 8)
    table = read("torchvision:OxfordIIITPet", image_size=4)
    assert table.part is not None and np.bincount(table.part).tolist() == [40, 0, 20]
    assert read("torchvision:SVHN", arguments="split=test", image_size=4).part is None
    table = read("torchvision:FakeData", arguments="size=30, image_size=[3, 6, 5], num_classes=3")
    assert (len(table.y), table.image_shape, table.part) == (30, (3, 6, 5), None)


def test_what_goes_wrong_with_torchvision(vision, monkeypatch):
    assert "did you mean 'torchvision:MNIST'" in fault("torchvision:MNITS").hint
    assert "'split'" in fault("torchvision:EMNIST", kind=CodeError).problem
    assert "Unknown value 'all'" in fault("torchvision:SVHN", "split=all", CodeError).problem
    assert fault("torchvision:Caltech101", "root=there").problem == "Caltech101 is not in the folder 'there'"
    assert "unexpected keyword argument 'download'" in fault("torchvision:FakeData", "download=true", CodeError).problem
    broken = fault("torchvision:Broken", "size=40, image_size=[3, 6, 6]", CodeError)
    assert broken.problem == "item 33 of Broken: OSError: image file is truncated"
    (vision / "datasets" / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    forget_torchvision()
    refused = fault("torchvision:MNIST")
    assert refused.problem.endswith("cannot be loaded: RuntimeError: operator torchvision::nms does not exist")
    assert "goes with PyTorch 2." in refused.hint
    forget_torchvision()
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert fault("torchvision:MNIST").problem == "torchvision is not installed"


def test_a_run_on_it_streamed_is_the_resident_one(vision, make_config, monkeypatch):
    data = {"source": "torchvision:MNIST", "arguments": {"download": True}}
    config = make_config(data=data, model={"kind": "cnn", "channels": [3]}, run={"epochs": 1, "device": "cpu"})
    whole = train(config)
    monkeypatch.setenv(LIMIT, "0.000001")
    assert isinstance(load(config.data).x, Streamed)
    streamed = train(config)
    assert (streamed.view.val_loss, streamed.test_loss) == (whole.view.val_loss, whole.test_loss)
    assert "torchvision-MNIST-cnn" in streamed.folder


def test_the_knobs_that_count():
    def shown(source: str) -> set[str]:
        return {row.key for row in visible(values(build_config({"data": {"source": source}})))}

    vision, face, csv = shown("torchvision:MNIST"), shown("huggingface:stanfordnlp/imdb"), shown("./pictures/")
    assert {"data.arguments", "data.image_size", "data.color", "data.task"} <= vision & face
    assert {"data.target", "data.ignore", "data.categorical"} <= face
    assert not {"data.target", "data.ignore"} & vision
    assert not {"data.target", "data.arguments"} & csv
    with pytest.raises(ConfigError):
        build_config({"data": {"source": "torchvision:"}})


# ---- Hugging Face ----


@pytest.fixture
def face(tmp_path, monkeypatch):
    """Hugging Face's library, with an empty cache and no network."""
    datasets = pytest.importorskip("datasets", reason="the extra `huggingface` is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return datasets


def table_of(datasets: Any, rows: int, first: int = 0, **more: Any) -> Any:
    features = datasets.Features(
        {
            "size": datasets.Value("float32"),
            "kind": datasets.Value("string"),
            "number": datasets.Value("int64"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
        }
    )
    numbers = range(first, first + rows)
    content = {
        "size": [None if row == 3 else row / 4 for row in numbers],
        "kind": ["ab"[row % 2] for row in numbers],
        "number": list(numbers),
        "label": [row % 2 for row in numbers],
    }
    return datasets.Dataset.from_dict({**content, **more}, features=features)


def test_a_table_in_parts_from_a_folder(face, tmp_path):
    kept_back = table_of(face, 9, 50, label=[-1] * 9)
    made = face.DatasetDict({"train": table_of(face, 40), "validation": table_of(face, 10, 40), "test": kept_back})
    made.save_to_disk(str(tmp_path / "saved"))
    source = f"huggingface:{tmp_path / 'saved'}"
    table = read(source, missing="mean", ignore=("number",))
    assert (table.name, table.target, table.task, table.class_names) == (
        "saved",
        "label",
        "classification",
        ("no", "yes"),
    )
    assert (table.feature_names, [column.kind for column in table.columns]) == (
        ("size", "kind"),
        ["number", "category"],
    )
    assert table.part is not None and np.bincount(table.part).tolist() == [40, 10]
    assert np.array_equal(table.y, np.arange(50) % 2)
    assert "the test part has no labels, and is left out" in table.notes
    left = read(source, missing="drop", target="number", ignore=("label",))
    assert (left.task, left.dropped, len(left.y)) == ("regression", 1, 58)
    assert left.part is not None and np.bincount(left.part).tolist() == [39, 10, 9]
    alone = read(source, "drop", "split=train")
    assert (alone.part, len(alone.y)) == (None, 39)
    assert "column 'size'" in fault(source).problem
    assert "did you mean 'kind'" in fault(source, target="knd").hint
    assert fault(source, ignore=("nothing",)).key == "data.ignore"
    assert fault(source, "split=dev").key == "data.arguments"
    seen = preview_data(DataConfig(source=source, missing="mean"))
    assert (seen.task, [part.rows for part in seen.parts]) == ("classification", [36, 10, 4])
    assert "huggingface" in (Path(__file__).parents[2] / "pyproject.toml").read_text()


def test_texts(face, tmp_path, make_config):
    def made(rows: int, first: int = 0):
        kinds = {"text": face.Value("string"), "id": face.Value("int64"), "label": face.ClassLabel(names=["no", "yes"])}
        texts = [
            "" if row == 5 else f"{'good' if row % 2 else 'bad'} soup number {row}"
            for row in range(first, first + rows)
        ]
        content = {"text": texts, "id": list(range(rows)), "label": [row % 2 for row in range(first, first + rows)]}
        return face.Dataset.from_dict(content, features=face.Features(kinds))

    face.DatasetDict({"train": made(40), "test": made(10, 40)}).save_to_disk(str(tmp_path / "saved"))
    source = f"huggingface:{tmp_path / 'saved'}"
    table = read(source, missing="drop", text="text")
    assert (table.is_text, table.dropped, table.class_names) == (True, 1, ("no", "yes"))
    assert table.part is not None and np.bincount(table.part).tolist() == [39, 0, 10] and len(table.texts) == 49
    assert [text.split()[0] == "good" for text in table.texts] == (table.y == 1).tolist()
    assert "column 'text' has no word here" in fault(source, text="text").problem
    assert "did you mean 'text'" in fault(source, text="txt").hint and fault(source, text="label").key == "data.text"
    data = {"source": source, "text": "text", "missing": "drop"}
    config = make_config(data=data, model={"kind": "linear", "embedding": 4}, run={"epochs": 3})
    assert train(config).reason == "epochs_done" and preview_data(config.data).vocabulary > 4


def test_pictures_vectors_and_a_run(face, tmp_path, make_config, monkeypatch):
    shots = [Image.fromarray((DIGITS.images[row] * 15).astype(np.uint8)) for row in range(60)]
    features = face.Features(
        {"image": face.Image(), "note": face.Value("string"), "label": face.ClassLabel(num_classes=10)}
    )
    content = {"image": shots, "note": ["x"] * 60, "label": DIGITS.target[:60].tolist()}
    face.Dataset.from_dict(content, features=features).save_to_disk(str(tmp_path / "shots"))
    source = f"huggingface:{tmp_path / 'shots'}"
    table = read(source)
    assert np.array_equal(table.x, (DIGITS.data[:60] * 15).astype(np.float32))
    assert (table.image_shape, table.class_names, table.target) == ((1, 8, 8), tuple("0123456789"), "label")
    assert "of the columns only the pictures are inputs, and not note" in table.notes
    config = make_config(data={"source": source}, model={"hidden": [4]}, run={"epochs": 1, "device": "cpu"})
    whole = train(config)
    monkeypatch.setenv(LIMIT, "0.000001")
    streamed = train(config)
    assert streamed.view.val_loss == whole.view.val_loss
    monkeypatch.delenv(LIMIT)
    vectors = face.Dataset.from_dict(
        {"v": [[row / 3, 1.0, -row] for row in range(30)], "y": [row * 0.5 for row in range(30)]}
    )
    vectors.save_to_disk(str(tmp_path / "vectors"))
    table = read(f"huggingface:{tmp_path / 'vectors'}")
    assert (table.x.shape, table.task, table.x[3].tolist()) == ((30, 3), "regression", [1.0, 1.0, -3.0])


def test_what_is_not_there_is_not_fetched(face, monkeypatch):
    refused = fault("huggingface:stanfordnlp/imdb")
    assert refused.problem == "the dataset 'stanfordnlp/imdb' is not on this machine"
    assert "download=true" in refused.hint
    monkeypatch.setitem(sys.modules, "datasets", None)


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    refused = fault("huggingface:stanfordnlp/imdb")
    assert refused.problem == "Hugging Face's datasets are not installed"
    assert "nntui[huggingface]" in refused.hint
