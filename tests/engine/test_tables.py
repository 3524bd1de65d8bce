"""Tables of mixed columns: booleans, dates and categories become inputs by what the training part alone shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from engine import resume, train
from engine.config import DataConfig
from engine.configfile import build_config, dump_config
from engine.data import fitting
from engine.data.columns import peek_columns
from engine.data.kinds import as_date, sort_of
from engine.data.prepared import load_prepared, prepare
from engine.data.preprocess import Preprocess
from engine.data.splits import split
from engine.data.table import load
from engine.errors import DataError, Fault
from engine.previewing import preview_data

Maker = Callable[..., DataConfig]
CITIES = ("Lima", "Oslo", "Rome")


@pytest.fixture
def csv(tmp_path: Path) -> Maker:
    """`csv(city=[...], y=[...], missing="mean")`: the settings of a file with these columns, `y` being predicted."""

    def make(columns: dict[str, Sequence[object]] | None = None, **knobs) -> DataConfig:
        path = tmp_path / "data.csv"
        columns = columns or mixed()
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        path.write_text("".join(";".join(map(str, row)) + "\n" for row in rows))
        return DataConfig(source=str(path), target="y", **knobs)

    return make


def mixed(rows: int = 60) -> dict[str, list[object]]:
    rng = np.random.default_rng(0)
    return {
        "size": [f"{value:.3f}" for value in rng.normal(5, 2, rows)],
        "city": [CITIES[index] for index in rng.integers(0, 3, rows)],
        "new": [("yes", "no")[index] for index in rng.integers(0, 2, rows)],
        "sold": [f"2024-03-{1 + index % 28:02}" for index in range(rows)],
        "code": [str(index) for index in rng.integers(1, 4, rows)],
        "y": [f"{value:.3f}" for value in rng.normal(0, 1, rows)],
    }


def faults(config: DataConfig) -> list[Fault]:
    with pytest.raises(DataError) as caught:
        load_prepared(config)
    for fault in caught.value.faults:
        assert fault.line().isprintable()
    return list(caught.value.faults)


# ---- what a column is ----


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-3e2"] * 4, "number"),
        (["1", "x2", "3", "4"] * 4, "number"),  # a slip, to be reported
        (["A1", "3", "B2"] * 4, "category"),
        (["yes", "No", "YES"] * 4, "boolean"),
        (["T", "F"] * 4, "boolean"),
        (["yes", "no", "perhaps"] * 4, "category"),
        (["2024-01-31", "2024-02-01 12:30"] * 4, "date"),
        (["31.12.2024", "01.02.2024"] * 4, "date"),
        (["1,5", "2,5"] * 4, "number"),  # decimal commas, to be reported
        (["", "NA"] * 4, "number"),
        (["a", "", "b"] * 4, "category"),
    ],
)
def test_kinds(cells, kind):
    assert sort_of({cell: cells.count(cell) for cell in cells}).kind == kind
    assert sort_of({cell: cells.count(cell) for cell in cells}, forced=True).kind == "category"


def test_which_number_is_the_day():
    slashes = {"03/04/2024": 5, "05/06/2024": 5}
    assert "cannot be told apart" in sort_of(slashes).problem
    assert sort_of({**slashes, "25/12/2024": 1}).form == "dmy"
    assert sort_of({**slashes, "12/25/2024": 1}).form == "mdy"
    assert as_date("25/12/2024", "dmy") == as_date("12/25/2024", "mdy") == as_date("2024-12-25", "iso") == 20082.0
    assert as_date("2024-12-25T06:00:00+06:00", "iso") == 20082.0
    assert as_date("2024-12-25 12:00", "iso") == 20082.5
    assert as_date("2024-13-25", "iso") is as_date("2024-02-30", "iso") is as_date("12/25/2024", "dmy") is None


def test_too_many_values_for_an_input():
    assert not sort_of({str(i) + "a": 2 for i in range(200)}).problem
    assert "300 different values" in sort_of({str(i) + "a": 9 for i in range(300)}).problem
    assert "30 different values in 40 rows" in sort_of({f"a{i}": 1 + (i < 10) for i in range(30)}).problem


# ---- what becomes of them ----


def test_as_scikit_learn_encodes_it(csv):
    config = csv(categorical=["code"])
    table = load(config)
    rows = split(table, config)
    data = prepare(table, rows, config)
    raw = mixed()
    size = np.array(raw["size"], float)[:, None].astype(np.float32)
    days = np.array(raw["sold"], "datetime64[D]").astype(np.int64)[:, None] - 19783
    new = (np.array(raw["new"]) == "yes")[:, None]
    texts = np.array([raw["city"], raw["code"]]).T

    def expected(part: np.ndarray) -> np.ndarray:
        scaled = [StandardScaler().fit(one[rows.train]).transform(one[part]) for one in (size, days)]
        city, code = (
            OneHotEncoder(sparse_output=False).fit(one[rows.train]).transform(one[part])
            for one in (texts[:, :1], texts[:, 1:])
        )
        return np.hstack([scaled[0], city, new[part], scaled[1], code])

    for part in ("train", "validation", "test"):
        np.testing.assert_allclose(getattr(data, f"x_{part}"), expected(getattr(rows, part)), rtol=1e-4, atol=1e-5)
    assert data.feature_names == (
        "size",
        "city=Lima",
        "city=Oslo",
        "city=Rome",
        "new",
        "sold",
        "code=1",
        "code=2",
        "code=3",
    )
    assert any("days since 2024-03-01" in note for note in data.notes)
    assert any("city 3, code 3" in note for note in data.notes)


def test_the_preprocessing_treats_new_rows_in_the_same_way(csv):
    config = csv(categorical=["code"])
    data = load_prepared(config)
    kept = data.preprocess
    assert kept is not None
    again = Preprocess.from_json(kept.to_json())
    assert again == kept
    assert kept.target.name == "y"
    columns = mixed()
    cells = [[str(columns[one.name][row]) for one in again.inputs] for row in split(load(config), config).test]
    assert np.array_equal(again.apply(cells), data.x_test)
    cells[0][1] = "Bern"
    assert again.apply(cells)[0, 1:4].tolist() == [0, 0, 0]
    assert again.unseen(cells) == [
        "column 'city': 1 row with values that no training row has (Bern); its inputs are 0 there"
    ]
    cells[0][0], cells[1][3], cells[2][0] = "big", "soon", ""
    with pytest.raises(DataError) as caught:
        again.apply(cells, "new.csv", range(2, 20))
    assert [fault.where for fault in caught.value.faults] == ["new.csv:2", "new.csv:3", "new.csv:4"]
    for damaged in ("", "[]", "{}", kept.to_json()[:-9], kept.to_json().replace('"format": 1', '"format": 2')):
        with pytest.raises(ValueError, match="preprocessing"):
            Preprocess.from_json(damaged)


def test_values_that_the_training_part_does_not_have(csv):
    columns = mixed()
    columns["city"][-1] = columns["city"][-7] = "Bern"
    data = load_prepared(csv(columns, shuffle=False))  # the last rows are tested, those before them watched
    assert "city=Bern" not in data.feature_names
    assert not data.x_test[-1, 1:4].any()
    assert any("'city': 2 rows with values that no training row has (Bern)" in note for note in data.notes)


def test_missing_categories(csv):
    columns = mixed()
    columns["city"][3] = columns["city"][5] = "NA"
    columns["new"][4] = ""
    listed = faults(csv(columns))
    assert [fault.where.rsplit(":", 1)[1] for fault in listed] == ["5", "7", "6"]
    assert all("data.missing" in fault.hint for fault in listed)
    own = load_prepared(csv(columns, missing="mean"))
    assert own.feature_names[1:5] == ("city=Lima", "city=Oslo", "city=Rome", "city=missing")
    assert any("city 2, new 1" in note for note in own.notes)
    commonest = load_prepared(csv(columns, missing="median", missing_category="commonest"))
    assert len(commonest.feature_names) == len(own.feature_names) - 1
    assert (commonest.x_train[:, 1:4].sum(axis=1) == 1).all()
    assert load(csv(columns, missing="drop")).dropped == 3


def test_columns_left_out(csv):
    columns = {"id": range(60), "name": [f"n{i} b" for i in range(60)], **mixed()}
    (fault,) = faults(csv(columns))
    assert (fault.key, fault.where.rsplit(":", 1)[1]) == ("data.ignore", "2")
    assert "60 different values in 60 rows" in fault.problem
    data = load_prepared(csv(columns, ignore=["name", "id"]))
    assert data.feature_names == load_prepared(csv()).feature_names
    noted = load_prepared(csv(columns, ignore=["name"]))
    assert "column 'id' counts the rows: leave it out with data.ignore" in noted.notes
    columns["id"] = [7] * 60
    assert any("'id' has the same value" in note for note in load_prepared(csv(columns, ignore=["name"])).notes)
    gone = mixed()
    gone["size"][3] = ""
    assert load(csv(gone, missing="drop", ignore=["size"])).dropped == 0


@pytest.mark.parametrize(
    ("knobs", "key", "words"),
    [
        ({"ignore": ["citi"]}, "data.ignore", "did you mean 'city'"),
        ({"categorical": ["x"]}, "data.categorical", "no column called 'x'"),
        ({"ignore": ["y"]}, "data.ignore", "is what is predicted"),
        ({"categorical": ["y"]}, "data.categorical", "data.task"),
        ({"ignore": ["city"], "categorical": ["city"]}, "data.categorical", "left out by data.ignore"),
        ({"ignore": ["size", "city", "new", "sold", "code"]}, "data.ignore", "no column is left"),
    ],
)
def test_columns_named_wrongly(csv, knobs, key, words):
    (fault,) = faults(csv(**knobs))
    assert fault.key == key
    assert words in fault.line()


def test_several_targets_are_refused_with_a_way_out(csv):
    config = csv()
    (fault,) = faults(config.model_copy(update={"target": "y, size"}))
    assert (fault.key, "choose one" in fault.hint) == ("data.target", True)


def test_slips_of_the_pen(csv):
    columns = mixed()
    columns["sold"][2], columns["size"][4], columns["sold"][9] = "soon", "big", "2024-02-30"
    assert [fault.where.rsplit(":", 1)[1] for fault in faults(csv(columns))] == ["6", "4", "11"]
    assert "'big' is not a number" in faults(csv(columns))[0].problem


def test_a_column_that_changes_its_nature_below_the_first_rows(csv):
    columns = mixed(600)
    columns["size"] = ["1", "2"] * 120 + ["a", "b"] * 180
    data = load_prepared(csv(columns))
    assert data.feature_names[:4] == ("size=1", "size=2", "size=a", "size=b")
    columns["size"] = ["a", "b"] * 120 + [str(i) for i in range(360)]
    listed = faults(csv(columns))
    assert "'a' is not a number" in listed[0].problem
    assert "230 more cells that are not numbers" in listed[-1].problem


def test_knobs_of_names():
    config = build_config({"data": {"source": "a.csv", "target": "y", "ignore": "id, name"}}, ["data.categorical=a,b"])
    assert (config.data.ignore, config.data.categorical) == (("id", "name"), ("a", "b"))
    assert 'ignore = ["id", "name"]' in dump_config(config)


def test_a_look_at_the_columns(csv):
    columns = {"id": range(60), "name": [f"n{i} b" for i in range(60)], **mixed()}
    seen = peek_columns(csv(columns).source)
    assert seen.kinds == ("whole", "free text", "number", "text", "boolean", "date", "whole", "number")
    assert seen.to_ignore("y") == ("name",)
    assert seen.to_ignore("name") == ()
    preview = preview_data(csv(columns, ignore=["name", "id"]))
    assert (preview.features, preview.shape) == (7, (7,))
    assert preview.sample_rows[0][1:4] == (columns["city"][0], columns["new"][0], "2024-03-01")


def test_a_run_on_a_table_of_categories_is_as_good_as_on_the_numbers(tmp_path):
    bunch = load_breast_cancer()
    lines = [",".join([f"f{i}" for i in range(30)] + ["known", "y"])]
    for x, y in zip(bunch.data, bunch.target, strict=True):
        lines.append(",".join([*map(repr, x.tolist()), "yes" if x[0] > 15 else "no", bunch.target_names[y]]))
    (tmp_path / "cancer.csv").write_text("\n".join(lines))
    given = {
        "data": {"source": str(tmp_path / "cancer.csv"), "target": "y"},
        "run": {"epochs": 5, "folder": str(tmp_path), "tensorboard": False, "checkpoints": 0},
    }
    result = train(build_config(given))
    assert result.test_metric is not None and result.test_metric > 0.9
    kept = Preprocess.from_json((Path(result.folder) / "preprocess.json").read_text())
    assert kept == result.data.preprocess


def test_folds_learn_their_own_categories(csv, tmp_path):
    columns = mixed()
    columns["city"][0] = "Bern"
    given = {
        "data": {"source": csv(columns).source, "target": "y"},
        "trials": {"kind": "kfold", "folds": 3},
        "run": {"epochs": 1, "folder": str(tmp_path / "runs"), "tensorboard": False, "checkpoints": 0},
    }
    result = train(build_config(given))
    learned = [
        Preprocess.from_json(path.read_text()).features for path in sorted(Path(result.folder).rglob("preprocess.json"))
    ]
    assert len(learned) == 3
    assert sum("city=Bern" in names for names in learned) == 1


def test_data_that_has_changed_is_told_when_a_run_is_taken_up(csv, tmp_path):
    config = csv()
    given = {
        "data": {"source": config.source, "target": "y"},
        "run": {"epochs": 1, "folder": str(tmp_path / "runs"), "tensorboard": False},
    }
    folder = train(build_config(given)).folder
    for changed, told in ((mixed(), 0), ({**mixed(), "size": [str(value) for value in range(60)]}, 1)):
        csv(changed)
        resume(folder, more=1)
        assert (Path(folder) / "events.jsonl").read_text().count("the data has changed") == told


def test_many_pictures_are_looked_at_in_blocks_with_the_same_outcome(monkeypatch):
    x = np.random.default_rng(0).integers(0, 256, (500, 64)).astype(np.float32)
    rows = np.arange(0, 500, 2)
    whole = fitting.learned_pictures(x, rows, (1, 8, 8), DataConfig())
    monkeypatch.setattr(fitting, "LARGE", 4096)
    assert fitting.learned_pictures(x, rows, (1, 8, 8), DataConfig()) == whole
    assert fitting.learned_pictures(x * 0, rows, (1, 8, 8), DataConfig()).scale == (1.0,)
