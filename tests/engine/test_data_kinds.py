"""Files of other kinds than CSV: NumPy arrays, JSON lines and Parquet give the same data as the built-in sets they were made from."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from engine.config import DataConfig
from engine.configfile import build_config
from engine.data.prepared import load_prepared
from engine.data.sources import peek_source
from engine.data.splits import split
from engine.data.table import Table, load
from engine.errors import ConfigError, DataError, Fault
from engine.previewing import preview_data

Saver = Callable[..., str]


@pytest.fixture
def npz(tmp_path: Path) -> Saver:
    """`npz(x=..., y=...)`: the path of such a file."""

    def save(name: str = "data.npz", **arrays) -> str:
        np.savez(tmp_path / name, **arrays)
        return str(tmp_path / name)

    return save


def read(path: str, **knobs) -> Table:
    return load(DataConfig(source=path, **knobs))


def only(path: str, **knobs) -> Fault:
    with pytest.raises(DataError) as caught:
        read(path, **knobs)
    (fault,) = caught.value.faults
    assert fault.line().isprintable()
    assert Path(path).name in fault.where
    return fault


DIGITS = load_digits()
SMALL_X, SMALL_Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


# ---- NumPy ----


@pytest.mark.parametrize("axes", ["hw", "hwc", "chw"])
def test_pictures_are_those_of_the_built_in_set(npz, axes):
    pictures = {"hw": DIGITS.images, "hwc": DIGITS.images[..., None], "chw": DIGITS.images[:, None]}[axes]
    table, original = read(npz(images=pictures, labels=DIGITS.target)), load(DataConfig(source="digits"))
    assert np.array_equal(table.x, original.x)
    assert np.array_equal(table.y, original.y)
    assert (table.image_shape, table.class_names, table.task) == ((1, 8, 8), original.class_names, "classification")
    mine, theirs = (load_prepared(DataConfig(source=source)) for source in (npz(x=pictures, y=DIGITS.target), "digits"))
    assert np.array_equal(mine.x_test, theirs.x_test)
    assert mine.preprocess is not None and mine.preprocess.shaped is not None


def test_colours_come_channels_first(npz):
    pictures = np.arange(20 * 4 * 5 * 3, dtype=np.uint8).reshape(20, 4, 5, 3)
    table = read(npz(x=pictures, y=SMALL_Y))
    assert table.image_shape == (3, 4, 5)
    assert np.array_equal(table.x[7].reshape(3, 4, 5), np.moveaxis(pictures[7], -1, 0))


@pytest.mark.parametrize(
    "names",
    [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels")],
)
def test_parts_of_the_file_are_kept(npz, names):
    x, y = DIGITS.images, DIGITS.target
    path = npz(**dict(zip(names, (x[:1500], y[:1500], x[1500:], y[1500:]), strict=True)))
    table = read(path)
    config = DataConfig(source=path)
    rows = split(table, config)
    assert sorted(rows.test.tolist()) == list(range(1500, 1797))
    assert len(rows.validation) == 150
    assert set(rows.train) | set(rows.validation) == set(range(1500))
    assert split(table, config.model_copy(update={"train_rows": 100})).train.shape == (100,)
    seen = preview_data(config)
    assert [part.rows for part in seen.parts] == [1350, 150, 297]
    assert any("own" in note for note in seen.notes)


def test_three_parts_and_one_part(npz):
    x, y = DIGITS.data, DIGITS.target
    path = npz(
        train_x=x[:100], train_y=y[:100], val_x=x[100:150], val_y=y[100:150], test_x=x[150:200], test_y=y[150:200]
    )
    rows = split(read(path), DataConfig(source=path))
    assert [sorted(part.tolist()) for part in (rows.train, rows.validation, rows.test)] == [
        list(range(100)), list(range(100, 150)), list(range(150, 200)),
    ]  # fmt: skip
    path = npz("one.npz", x_train=x[:100], y_train=y[:100])
    assert len(split(read(path), DataConfig(source=path)).train) == 80


@pytest.mark.parametrize(
    ("y", "task", "names"),
    [
        (np.array(["b", "a"] * 10), "classification", ("a", "b")),
        (np.array([b"b", b"a"] * 10), "classification", ("a", "b")),
        (np.eye(2)[SMALL_Y], "classification", ("0", "1")),
        (SMALL_Y[:, None] == 1, "classification", ("0", "1")),
        (SMALL_Y + 0.5, "regression", ()),
        (np.arange(20), "regression", ()),
        (np.linspace(0, 1, 20, dtype=np.float16), "regression", ()),
    ],
)
def test_targets(npz, y, task, names):
    table = read(npz(x=SMALL_X, y=y))
    assert (table.task, table.class_names) == (task, names)
    assert table.y.dtype == (np.int64 if names else np.float32)


def test_a_matrix(tmp_path):
    iris = load_iris()
    np.save(tmp_path / "iris.npy", np.column_stack([iris.data, iris.target]))
    path = str(tmp_path / "iris.npy")
    table = read(path)
    assert np.array_equal(table.x, load(DataConfig(source="iris")).x)
    assert (table.task, table.class_names, table.target) == ("classification", ("0", "1", "2"), "column 4")
    other = read(path, target="0")
    assert (other.task, other.x.shape, other.feature_names[-1]) == ("regression", (150, 4), "column 4")
    assert only(path, target="5").key == "data.target"
    assert peek_source(path).likely_target == 4


def test_missing_values_in_arrays(npz):
    x = SMALL_X.copy()
    x[3, 1] = x[4, 0] = np.nan
    path = npz(x=x, y=SMALL_Y)
    fault = only(path)
    assert "row 3, column 1 (2 such values)" in fault.problem
    assert read(path, missing="drop").dropped == 2
    assert load_prepared(DataConfig(source=path, missing="mean")).x_fill is not None


@pytest.mark.parametrize(
    ("arrays", "key", "words"),
    [
        ({"x": SMALL_X, "y": np.array([None] * 20)}, "data.source", "array 'y' holds Python objects"),
        ({"x": SMALL_X, "y": SMALL_Y[:-1]}, "data.source", "'x' has 20 rows and its targets 19"),
        ({"x": SMALL_X[:5], "y": SMALL_Y[:5]}, "data.source", "only 5 rows"),
        ({"x": SMALL_X + np.inf, "y": SMALL_Y}, "data.source", "in row 0, column 0 (40 such"),
        ({"x": SMALL_X + 1e300, "y": SMALL_Y}, "data.source", "beyond 32-bit floats in row 0, column 0 (40 such values)"),
        ({"x": SMALL_X, "y": SMALL_Y * 0}, "data.target", "a single class"),
        ({"x": SMALL_X, "y": np.stack([SMALL_X[:, 0]] * 2, axis=1)}, "data.target", "2 values for each row"),
        ({"x": SMALL_X, "y": SMALL_X[:, 0] * np.nan}, "data.target", "no finite value in row 0"),
        ({"x": SMALL_X[:, 0], "y": SMALL_Y}, "data.source", "array 'x' is float64 20"),
        ({"x": SMALL_X.astype(str), "y": SMALL_Y}, "data.source", "not numbers"),
        ({"x": SMALL_X + 1j, "y": SMALL_Y}, "data.source", "not numbers"),
        ({"x": SMALL_X, "z": SMALL_Y}, "data.target", "no array is called y"),
        ({"y": SMALL_Y}, "data.source", "no array is called x"),
        ({}, "data.source", "there is no array in it"),
        ({"x_train": SMALL_X, "y_train": SMALL_Y, "x_test": SMALL_X[:, :1], "y_test": SMALL_Y}, "data.source", "differ in shape"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_go(npz, arrays, key, words):
    fault = only(npz(**arrays))
    assert fault.key == key
    assert words in fault.problem


def test_a_named_target(npz):
    path = npz(a=SMALL_X, b=SMALL_Y, c=SMALL_X[:, 0])
    assert read(path, target="b").task == "classification"
    assert read(path, target="c").task == "regression"
    assert "arrays: a (float64 20x2)" in only(path, target="q").hint
    assert peek_source(path).words(0) == "float64 20x2"
    assert only(path, target="b", ignore=["c"]).key == "data.ignore"


def bomb(shape: tuple[int, ...]) -> bytes:
    """A .npz that says to hold an array of this shape."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 80)
        small = io.BytesIO()
        np.save(small, SMALL_Y)
        archive.writestr("y.npy", small.getvalue())
    return packed.getvalue()


def test_what_is_too_large_is_refused_before_it_is_read(npz, tmp_path, monkeypatch):
    (tmp_path / "bomb.npz").write_bytes(bomb((1 << 30, 1 << 20)))
    assert "cut short: 80 bytes of" in only(str(tmp_path / "bomb.npz")).problem
    monkeypatch.setattr("engine.data.memorybudget.budget", lambda: 100)
    monkeypatch.setattr(np, "load", None)
    assert "there is room for 0.1 kB" in only(npz(x=SMALL_X, y=SMALL_Y)).problem


@pytest.mark.parametrize("name", ["data.npz", "data.npy"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\0\x10\0{'descr'", b"hello", b"\x93NUMPY\x09\0"]
)
def test_damaged_array_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert only(str(tmp_path / name)).key == "data.source"


# ---- JSON lines ----


def jsonl(path: Path, rows: list[object]) -> str:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return str(path)


def objects() -> list[object]:
    return [{"a": i / 3, "kind": "xyz"[i % 3], "new": i % 2 == 0, "y": "no" if i % 4 else "yes"} for i in range(24)]


def test_json_lines(tmp_path):
    rows = objects()
    path = jsonl(tmp_path / "a.jsonl", rows)
    data = load_prepared(DataConfig(source=path, target="y"))
    assert data.feature_names == ("a", "kind=x", "kind=y", "kind=z", "new")
    assert read(path, target="y").x[:, 0].tolist() == np.float32([i / 3 for i in range(24)]).tolist()
    assert peek_source(path).kinds == ("number", "text", "boolean", "boolean")
    rows[3], rows[5] = {"y": "no", "kind": None, "new": True, "a": 1}, {"y": "yes", "new": True, "a": None, "kind": "x"}
    path = jsonl(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError) as caught:
        read(path, target="y")
    assert [fault.where.rsplit(":", 1)[1] for fault in caught.value.faults] == ["6", "4"]
    assert read(path, target="y", missing="drop").dropped == 2


@pytest.mark.parametrize(
    ("line", "where", "words"),
    [
        ('{"a": 1,', "4:9", "not JSON"),
        ("{'a': 1}", "4:2", "not JSON"),
        ("[1, 2]", "4", "a list, not an object"),
        ("7", "4", "a number, not an object"),
        ('{"a": 1, "a": 2, "kind": "x", "new": true, "y": "no"}', "4", "'a' stands twice"),
        ('{"a": [1], "kind": "x", "new": true, "y": "no"}', "4", "'a' is a list"),
        ('{"a": "x1", "kind": "x", "new": true, "y": "no"}', "4", "'x1' is not a number"),
        ('{"a": 1e999, "kind": "x", "new": true, "y": "no"}', "4", "'inf' is not a finite number"),
        ('{"a": NaN, "kind": "x", "new": true, "y": "no"}', "4", "'nan'"),
        ("[" * 100_000, "4", "not JSON"),
    ],
)
def test_lines_that_are_no_objects(tmp_path, line, where, words):
    rows = objects()
    rows[3] = line
    fault = only(jsonl(tmp_path / "a.jsonl", rows), target="y")
    assert fault.where.endswith(f"a.jsonl:{where}")
    assert words in fault.problem


# ---- Parquet ----


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from datetime import date, datetime

    from pyarrow import parquet

    columns = {
        "a": [i / 3 for i in range(24)],
        "kind": pyarrow.array(["xyz"[i % 3] for i in range(24)]).dictionary_encode(),
        "day": [date(2024, 1, 1 + i) for i in range(24)],
        "at": [datetime(2024, 1, 1, i, 30) for i in range(24)],
        "gone": [None, 2] * 12,
        "lists": [[i] for i in range(24)],
        "y": [i % 2 == 0 for i in range(24)],
    }
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    assert only(path, target="y").key == "data.ignore"
    knobs = {"target": "y", "ignore": ["lists"]}
    with pytest.raises(DataError) as caught:
        read(path, **knobs)
    assert len(caught.value.faults) == 11
    table = read(path, **knobs, missing="mean")
    assert [column.kind for column in table.columns] == ["number", "category", "date", "date", "number"]
    assert np.array_equal(table.x[:, 0], np.float32(columns["a"]))
    assert table.class_names == ("false", "true")
    assert peek_source(path).names == tuple(columns)
    Path(path).write_bytes(Path(path).read_bytes()[:-20])
    assert "damaged" in only(path, **knobs).problem


def test_parquet_needs_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert "nntui[parquet]" in only(str(tmp_path / "a.parquet"), target="y").hint


# ---- settings ----


def test_a_table_needs_a_target_and_arrays_do_not():
    assert build_config({"data": {"source": "a.npz"}}).data.target == ""
    for source in ("a.csv", "a.jsonl", "a.parquet"):
        with pytest.raises(ConfigError, match="needs the column to predict"):
            build_config({"data": {"source": source}})
