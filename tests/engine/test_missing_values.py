"""Missing values in files: refused, filled in from the training part alone, or their rows left out, and always counted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.impute import SimpleImputer

from engine import train
from engine.config import DataConfig
from engine.data.prepared import load_prepared, prepare
from engine.data.splits import fold_splits, split
from engine.data.table import Table, load
from engine.errors import ConfigError, DataError

Maker = Callable[..., DataConfig]
WORDS = ["", "  ", "nan", "NaN", "-nan", "NA", "n/a", "#N/A", "null", "None", "?"]


@pytest.fixture
def csv(tmp_path: Path) -> Maker:
    """`csv(cells, missing="mean")`: the settings of a file of 40 rows, some cells of which are replaced."""

    def make(cells: dict[tuple[int, int], str] | None = None, **knobs) -> DataConfig:
        rng = np.random.default_rng(0)
        rows = [[f"{a:.3f}", f"{b:.3f}", f"{c:.3f}"] for a, b, c in rng.normal(5, 2, (40, 3))]
        for (row, column), text in (cells or {}).items():
            rows[row][column] = text
        path = tmp_path / "data.csv"
        path.write_text("a,b,y\n" + "\n".join(map(",".join, rows)) + "\n")
        return DataConfig(source=str(path), target="y", **knobs)

    return make


def with_gaps(rows: int = 60, share: float = 0.2, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, (rows, 4)).astype(np.float32)
    x[rng.random(x.shape) < share] = np.nan
    return Table("t", "regression", x, rng.normal(size=rows).astype(np.float32), ("a", "b", "c", "d"))


@pytest.mark.parametrize("word", WORDS)
def test_every_way_to_write_nothing(csv, word):
    filled = load(csv({(3, 1): word}, missing="mean"))
    assert np.argwhere(np.isnan(filled.x)).tolist() == [[3, 1]]
    assert len(filled.y) == 40
    left = load(csv({(3, 1): word}, missing="drop"))
    assert (len(left.y), left.dropped) == (39, 1)
    assert not np.isnan(left.x).any()
    with pytest.raises(DataError):
        load(csv({(3, 1): word}))


def test_an_empty_cell_is_refused_with_a_way_out(csv):
    with pytest.raises(DataError) as caught:
        load(csv({(3, 1): ""}))
    (fault,) = caught.value.faults
    assert "data.missing" in fault.hint
    assert fault.where.endswith(":5")


@pytest.mark.parametrize("missing", ["mean", "median", "drop"])
def test_other_faults_are_still_faults(csv, missing):
    with pytest.raises(DataError) as caught:
        load(csv({(3, 1): "", (4, 0): "12x", (5, 1): "inf"}, missing=missing))
    assert sorted(fault.where.rsplit(":", 1)[1] for fault in caught.value.faults) == ["6", "7"]


@pytest.mark.parametrize("missing", ["mean", "median"])
def test_a_missing_target_cannot_be_filled_in(csv, missing):
    with pytest.raises(DataError) as caught:
        load(csv({(3, 2): ""}, missing=missing))
    assert [fault.key for fault in caught.value.faults] == ["data.target"]
    assert load(csv({(3, 2): ""}, missing="drop")).dropped == 1


def test_an_empty_column_is_no_input(csv):
    with pytest.raises(DataError) as caught:
        load(csv({(row, 1): "" for row in range(40)}, missing="mean"))
    assert [fault.problem for fault in caught.value.faults] == ["column 'b' is empty"]


def test_too_few_rows_left(csv):
    with pytest.raises(DataError) as caught:
        load(csv({(row, 1): "" for row in range(33)}, missing="drop"))
    assert [fault.problem for fault in caught.value.faults] == ["only 7 of 40 rows have no missing values"]


def test_missing_is_for_files():
    from engine import build_config

    with pytest.raises(ConfigError, match=r"data\.missing: has no effect"):
        build_config({"data": {"source": "wine", "missing": "mean"}})


@pytest.mark.parametrize("missing", ["mean", "median"])
@pytest.mark.parametrize("standardize", [True, False])
def test_filled_in_as_scikit_learn_does(missing, standardize):
    table, config = with_gaps(), DataConfig(missing=missing, standardize=standardize)
    rows = split(table, config)
    data = prepare(table, rows, config)
    oracle = SimpleImputer(strategy=missing).fit(table.x[rows.train].astype(np.float64))
    assert data.x_fill is not None
    np.testing.assert_allclose(data.x_fill, oracle.statistics_, rtol=1e-6)
    for part in ("train", "validation", "test"):
        ours = getattr(data, f"x_{part}") * data.x_scale + data.x_mean
        np.testing.assert_allclose(ours, oracle.transform(table.x[getattr(rows, part)]), rtol=1e-4, atol=1e-4)
    if standardize:  # measured after filling in
        np.testing.assert_allclose(data.x_train.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("held_out", ["validation", "test"])
@pytest.mark.parametrize("missing", ["mean", "median"])
def test_nothing_leaks_into_what_is_filled_in(held_out, missing):
    table, config = with_gaps(), DataConfig(missing=missing)
    rows = split(table, config)
    x = table.x.copy()
    x[getattr(rows, held_out)] = 1e6
    original, changed = (prepare(one, rows, config) for one in (table, dataclasses.replace(table, x=x)))
    for name in ("x_fill", "x_mean", "x_scale", "x_train"):
        assert np.array_equal(getattr(original, name), getattr(changed, name)), name
    x = table.x.copy()
    x[rows.train[0]] = 1e6
    assert not np.array_equal(prepare(dataclasses.replace(table, x=x), rows, config).x_mean, original.x_mean)


def test_a_feature_that_only_leaked_statistics_would_make_useful():
    # The gaps of the test part mean class 1, and the values of feature a in the test part are huge. An imputer that saw
    # them would fill the gaps with something huge; fitted on the training part it cannot.
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    x = rng.normal(0, 1, (100, 1)).astype(np.float32)
    table = Table("t", "classification", x, y, ("a",), ("0", "1"))
    rows = split(table, DataConfig())
    x[rows.test] = np.where(y[rows.test, None] == 1, np.nan, 1000.0)
    data = prepare(table, rows, DataConfig(missing="mean", standardize=False))
    filled = data.x_test[data.y_test == 1]
    assert len(filled)
    assert np.abs(filled - x[rows.train].mean()).max() < 1e-6


def test_each_fold_fills_in_from_its_own_training_part():
    table, config = with_gaps(), DataConfig(missing="mean")
    fills = [prepare(table, rows, config).x_fill for rows in fold_splits(table, config, 5)]
    assert len({tuple(fill.tolist()) for fill in fills if fill is not None}) == 5


def test_a_feature_without_values_in_training_is_an_error():
    table, config = with_gaps(), DataConfig(missing="mean")
    rows = split(table, config)
    table.x[rows.train, 2] = np.nan
    with pytest.raises(DataError, match="column 'c' has no value in the training rows"):
        prepare(table, rows, config)


def test_what_was_done_is_said(csv, make_config):
    cells = {(3, 1): "", (4, 1): "NA", (9, 0): "?"}
    assert load_prepared(csv(cells, missing="median")).notes == (
        "3 missing values filled in with the median of the training rows: b 2, a 1",
    )
    assert load_prepared(csv(missing="mean")).notes == ()
    config = csv(cells, missing="drop")
    assert load_prepared(config).notes == ("3 rows with missing values were left out",)
    data = {"source": config.source, "target": "y", "missing": "drop"}
    result = train(make_config(data=data, run={"epochs": 1}))
    assert "3 rows with missing values were left out" in [text for _, text in result.view.log]
    assert result.view.data is not None
    assert result.view.data.train_rows + result.view.data.validation_rows + result.view.data.test_rows == 37
