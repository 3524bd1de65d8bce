"""Data that code of one's own gives: whatever it is held in, the numbers are those of the arrays in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.resuming import assert_equal_runs, events_of, stopped_at, view_of

from engine import events as e
from engine import resume, train
from engine.config import DataConfig
from engine.data.prepared import load_prepared
from engine.data.table import load
from engine.previewing import forget as forget_previews
from engine.previewing import preview_data
from engine.usercode import forget

CODE = """
import numpy as np
import torch
from torch.utils.data import Dataset, TensorDataset

x = np.random.default_rng(0).normal(size=(60, 4))
y = (x[:, 0] > 0).astype(int)


class Frame:  # as much of a data frame as is looked at
    columns = ["a", "b", "c", "\\x1b[31mred"]
    def to_numpy(self):
        return x


class Items(Dataset):
    classes = ["low", "high"]
    def __init__(self, scale=1.0):
        self.scale = scale
    def __len__(self):
        return 60
    def __getitem__(self, i):
        return torch.tensor(x[i] * self.scale), torch.tensor(y[i])


class Noisy(Items):
    def __getitem__(self, i):
        return x[i] + np.random.normal(), y[i]


def named():
    return {"data": x, "target": y, "target_names": ["low", "high"]}


def samples():
    return [{"image": x[i], "label": int(y[i])} for i in range(60)]


def parts():
    return {"train": (x[:40], y[:40]), "val": (x[40:50], y[40:50]), "test": TensorDataset(torch.tensor(x[50:]), torch.tensor(y[50:]))}


def row(): return (x[:40], y[:40]), (x[40:50], y[40:50]), (x[50:], y[50:])
def test_only(): return {"train": (x[:50], y[:50]), "test": (x[50:], y[50:])}
def chance(rows=60): return np.random.normal(size=(rows, 2)), np.arange(rows) % 2
def gaps():
    z = x.copy(); z[3, 1] = np.nan
    return z, y
def words(): return x, np.array(["no", "yes"])[y]
def quantity(): return x, x[:, 1] * 2
def many(): return np.zeros((200, 1)) + np.arange(200)[:, None], np.arange(200) % 50
def numbered(): return x, y + 7
def series(): return np.stack([np.cumsum(np.random.default_rng(i).normal(size=(9, 2)) + [i % 2, 5], 0) for i in range(40)]), np.arange(40) % 2
def bytes_(): return (np.arange(40 * 25).reshape(40, 5, 5) % 255).astype(np.uint8), np.arange(40) % 2
def last(): return np.ones((40, 6, 5, 3)) * np.arange(40)[:, None, None, None], np.arange(40) % 2
pair = (torch.tensor(x, requires_grad=True), torch.tensor(y))
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    Path(tmp_path / "mine.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    forget()
    forget_previews()
    yield tmp_path
    forget()


def table(name, **settings):
    return load(DataConfig(source=f"mine:{name}", **settings))


X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


@pytest.mark.parametrize("name", ["pair", "Items", "named", "samples", "parts", "row", "test_only", "words"])
def test_the_same_numbers_whatever_they_are_held_in(name):
    found = table(name)
    np.testing.assert_array_equal(found.x, X)
    np.testing.assert_array_equal(found.y, Y)
    assert (found.task, found.x.dtype, found.y.dtype) == ("classification", np.float32, np.int64)
    names = {"Items": ("low", "high"), "named": ("low", "high"), "words": ("no", "yes")}
    assert found.class_names == names.get(name, ("0", "1"))


def test_what_is_a_class_and_what_a_quantity():
    assert (table("quantity").task, table("quantity").y.dtype) == ("regression", np.float32)
    assert len(table("many").class_names) == 50  # counted from 0 without a gap
    assert table("many", task="regression").task == "regression"
    assert table("numbered").class_names == ("7", "8")
    np.testing.assert_array_equal(table("numbered").y, Y)


def test_parts_stay_parts_and_what_lacks_is_cut_from_training():
    whole = load_prepared(DataConfig(source="mine:parts"))
    assert [len(whole.x_train), len(whole.x_validation), len(whole.x_test)] == [40, 10, 10]
    again = load_prepared(DataConfig(source="mine:test_only", validation=0.2))
    assert [len(again.x_train), len(again.x_validation), len(again.x_test)] == [40, 10, 10]
    np.testing.assert_array_equal(np.sort(again.y_test), np.sort(Y[50:]))


def test_arguments_chance_and_missing_values():
    one, other = table("chance", arguments="rows=30", seed=3), table("chance", arguments="rows=30", seed=3)
    np.testing.assert_array_equal(one.x, other.x)
    assert len(one.y) == 30
    assert (table("chance", seed=4).x[:30] != one.x).any()
    assert (table("gaps", missing="drop").dropped, len(table("gaps", missing="drop").y)) == (1, 59)
    filled = load_prepared(DataConfig(source="mine:gaps", missing="median"))
    assert np.isfinite(filled.x_train).all()
    state = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    table("chance")
    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == state


def test_shapes_of_sequences_and_pictures():
    series = table("series")
    assert (series.shape, series.image_shape, series.x.shape) == ((9, 2), None, (40, 18))
    made = load_prepared(DataConfig(source="mine:series"))
    train = made.x_train.reshape(len(made.x_train), 9, 2)
    np.testing.assert_allclose(train.mean(axis=(0, 1)), 0, atol=1e-4)  # each feature over all steps
    np.testing.assert_allclose(train.std(axis=(0, 1)), 1, atol=1e-4)
    assert (table("bytes_").image_shape, table("bytes_").shape) == ((1, 5, 5), ())
    assert table("last").image_shape == (3, 6, 5)
    assert any("channels last" in note for note in table("last").notes)
    assert preview_data(DataConfig(source="mine:series")).shape == (9, 2)


def test_items_that_change_are_told():
    assert any("differ from one reading to the next" in note for note in table("Noisy").notes)
    assert not table("Items").notes


def test_names_of_columns_are_safe(place):
    Path("frames.py").write_text("from mine import Frame, y\nmake = lambda: (Frame(), y)\n")
    assert load(DataConfig(source="frames:make")).feature_names[:3] == ("a", "b", "c")
    assert "\x1b" not in load(DataConfig(source="frames:make")).feature_names[3]


def test_a_preview_is_kept_until_the_code_changes(place):
    config = DataConfig(source="mine:chance")
    assert not preview_data(config).cached
    assert preview_data(config).cached
    Path("mine.py").write_text(CODE.replace("rows=60", "rows=90"))
    seen = preview_data(config)
    assert (seen.cached, seen.rows) == (False, 90)


def test_a_run_on_it_resumes_and_says_when_the_data_is_another(place, make_config):
    config = make_config(data={"source": "mine:chance"}, model={"hidden": [8]}, run={"epochs": 3, "batch_size": 9})
    whole = train(config)
    folder = stopped_at(config, 7)
    resume(folder)
    assert_equal_runs(folder, whole.folder)
    assert events_of(folder, e.DataPrepared)[0].dataset == "mine:chance"
    folder = stopped_at(config, 7)
    Path("mine.py").write_text(CODE.replace("size=(rows, 2)", "scale=2, size=(rows, 2)"))
    resume(folder)
    told = [text for _, text in view_of(folder).log]
    assert any("your data is not what this run began with" in text for text in told)
    assert any("your code has changed since this run began: mine.py" in text for text in told)
