"""Splits: complete, disjoint, stratified, reproducible; and nothing of the test part leaks into what training sees."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import DataConfig
from engine.data.prepared import load_prepared, prepare
from engine.data.splits import Split, apportion, split
from engine.data.table import Table, load
from engine.errors import ConfigError, DataError


def table_of(y: np.ndarray, classes: int = 0, features: int = 2) -> Table:
    x = np.random.default_rng(0).normal(5, 3, (len(y), features)).astype(np.float32)
    names = tuple(f"f{index}" for index in range(features))
    if classes:
        return Table("t", "classification", x, y.astype(np.int64), names, tuple(map(str, range(classes))))
    return Table("t", "regression", x, y.astype(np.float32), names)


def parts(result: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return result.train, result.validation, result.test


def faults_of(table: Table, **knobs) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        split(table, DataConfig(**knobs))
    (fault,) = caught.value.faults
    assert fault.line().isprintable()
    return fault.key, fault.problem


shares = st.floats(0.02, 0.45, allow_nan=False)
class_sizes = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(lambda sizes: sum(sizes) >= 20)
not_rare = st.integers(0, 40).filter(lambda size: size not in (1, 2))
common_sizes = st.lists(not_rare, min_size=1, max_size=12).filter(lambda sizes: sum(sizes) >= 20)


@given(class_sizes, shares, shares, st.integers(0, 2**31 - 1), st.booleans())
@settings(max_examples=200, deadline=None)
def test_split_is_complete_disjoint_and_of_the_right_sizes(sizes, validation, test, seed, stratify) -> None:
    y = np.repeat(np.arange(len(sizes)), sizes)
    config = DataConfig(validation=validation, test=test, seed=seed, stratify=stratify)
    result = split(table_of(y, len(sizes)), config)
    together = np.concatenate(parts(result))
    assert all(part.dtype == np.int64 for part in parts(result))
    assert sorted(together.tolist()) == list(range(len(y)))
    assert len(result.validation) == max(1, round(len(y) * validation))
    assert len(result.test) == max(1, round(len(y) * test))


@given(common_sizes, shares, shares, st.integers(0, 100), st.integers(2, 8))
@settings(max_examples=300, deadline=None)
def test_every_class_is_within_one_sample_of_its_share_in_every_part(sizes, validation, test, seed, train_rows) -> None:
    y = np.repeat(np.arange(len(sizes)), sizes)
    table = table_of(y, len(sizes))
    result = split(table, DataConfig(validation=validation, test=test, seed=seed))
    of_class = np.bincount(y, minlength=len(sizes))
    for part in parts(result):
        got = np.bincount(y[part], minlength=len(sizes))
        assert np.abs(got - of_class * len(part) / len(y)).max() < 1
    if train_rows > len(result.train):
        return
    fewer = split(table, DataConfig(validation=validation, test=test, seed=seed, train_rows=train_rows)).train
    in_train = np.bincount(y[result.train], minlength=len(sizes))
    got = np.bincount(y[fewer], minlength=len(sizes))
    assert np.abs(got - in_train * train_rows / len(result.train)).max() < 1


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.data())
@settings(max_examples=200, deadline=None)
def test_apportion_rounds_every_share_down_or_up_and_meets_all_totals(sizes, data) -> None:
    counts = np.array(sizes)
    total = int(counts.sum())
    first = data.draw(st.integers(0, total))
    second = data.draw(st.integers(0, total - first))
    wanted = (first, second, total - first - second)
    allocation = apportion(counts, wanted)
    assert np.array_equal(allocation.sum(axis=1), counts)
    assert np.array_equal(allocation.sum(axis=0), wanted)
    exact = counts[:, None] * np.array(wanted)[None, :]
    assert (allocation >= exact // total).all()
    assert (allocation <= -(-exact // total)).all()


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [([9, 7, 9, 4, 8, 8], (20, 3, 22)), ([3, 3, 2, 3, 2, 8, 6], (13, 5, 9)), ([2, 2, 10, 2, 10, 10, 9], (25, 11, 9))],
)
def test_apportion_where_a_sample_must_go_round_by_the_third_part(sizes: list[int], wanted: tuple[int, ...]) -> None:
    # Found by search: no class can give directly from the part with too many to the part with too few.
    allocation = apportion(np.array(sizes), wanted)
    assert tuple(allocation.sum(axis=0)) == wanted
    assert np.abs(allocation - np.outer(sizes, wanted) / sum(sizes)).max() < 1


def test_whole_shares_are_met_exactly() -> None:
    allocation = apportion(np.array([50, 30, 20]), (80, 10, 10))
    assert allocation.tolist() == [[40, 5, 5], [24, 3, 3], [16, 2, 2]]


def test_rare_classes_go_to_training_first() -> None:
    y = np.array([0] * 40 + [1] * 40 + [2] + [3] * 2 + [4])
    for seed in range(20):
        result = split(table_of(y, 5), DataConfig(seed=seed))
        assert set(y[result.train].tolist()) == {0, 1, 2, 3, 4}


@given(st.lists(st.integers(1, 2), min_size=1, max_size=30), shares, shares, st.integers(0, 50))
@settings(max_examples=200, deadline=None)
def test_no_rare_class_is_absent_from_training_when_there_is_room(sizes, validation, test, seed) -> None:
    y = np.repeat(np.arange(len(sizes) + 1), [*sizes, 40])
    result = split(table_of(y, len(sizes) + 1), DataConfig(validation=validation, test=test, seed=seed))
    in_train = np.bincount(y[result.train], minlength=len(sizes) + 1)
    assert in_train.min() > 0 or in_train.max() < 2
    assert len(result.validation) == max(1, round(len(y) * validation))
    assert len(result.test) == max(1, round(len(y) * test))


def test_as_many_classes_as_rows_do_not_crash() -> None:
    result = split(table_of(np.arange(20), 20), DataConfig())
    assert [len(part) for part in parts(result)] == [16, 2, 2]


def test_train_rows_keep_every_class_when_there_is_room() -> None:
    y = np.array([0] * 190 + [1] * 10)
    kept = split(table_of(y, 2), DataConfig(train_rows=3)).train
    assert len(kept) == 3
    assert set(y[kept].tolist()) == {0, 1}


@pytest.mark.parametrize("stratify", [True, False])
def test_train_rows_leave_validation_and_test_as_they_are(stratify: bool) -> None:
    table = load(DataConfig(source="iris"))
    whole = split(table, DataConfig(stratify=stratify))
    fewer = split(table, DataConfig(stratify=stratify, train_rows=30))
    assert len(fewer.train) == 30
    assert set(fewer.train.tolist()) < set(whole.train.tolist())
    assert np.array_equal(fewer.validation, whole.validation)
    assert np.array_equal(fewer.test, whole.test)


@pytest.mark.parametrize("stratify", [True, False])
def test_same_seed_same_split_whatever_the_global_state(stratify: bool) -> None:
    table = load(DataConfig(source="iris"))
    np.random.seed(0)
    first = split(table, DataConfig(stratify=stratify, seed=4))
    np.random.seed(1)
    second = split(table, DataConfig(stratify=stratify, seed=4))
    other = split(table, DataConfig(stratify=stratify, seed=5))
    assert all(np.array_equal(a, b) for a, b in zip(parts(first), parts(second), strict=True))
    assert not np.array_equal(first.test, other.test)


def test_rows_are_shuffled_within_and_across_parts() -> None:
    table = table_of(np.arange(200.0))
    train = split(table, DataConfig()).train
    assert not np.array_equal(train, np.sort(train))
    assert abs(np.corrcoef(np.arange(len(train)), train)[0, 1]) < 0.3
    stratified = split(load(DataConfig(source="iris")), DataConfig()).train
    assert abs(np.corrcoef(np.arange(len(stratified)), stratified)[0, 1]) < 0.3


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (0.6, 0.7), (0.9, 0.1)])
def test_shares_that_leave_nothing(validation: float, test: float) -> None:
    key, problem = faults_of(table_of(np.arange(100.0)), validation=validation, test=test)
    assert key == "data.test"
    assert problem == "validation and test together leave nothing to train on"


def test_shares_that_leave_a_single_row() -> None:
    key, problem = faults_of(table_of(np.arange(10.0)), validation=0.5, test=0.4)
    assert key == "data.test"
    assert problem == "validation and test together leave 1 of 10 rows to train on, and 2 are needed"


def test_more_training_rows_than_there_are() -> None:
    key, problem = faults_of(table_of(np.arange(100.0)), train_rows=81)
    assert key == "data.train_rows"
    assert problem == "81 training rows asked for, but the training part has 80"
    assert len(split(table_of(np.arange(100.0)), DataConfig(train_rows=80)).train) == 80


def test_one_training_row_is_too_few() -> None:
    assert faults_of(table_of(np.arange(100.0)), train_rows=1)[0] == "data.train_rows"


# ---- prepared arrays ----


def test_inputs_are_standardized_on_the_training_part() -> None:
    prepared = load_prepared(DataConfig(source="wine"))
    np.testing.assert_allclose(prepared.x_train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.x_train.std(axis=0), 1, atol=1e-5)
    for x in (prepared.x_train, prepared.x_validation, prepared.x_test):
        assert x.dtype == np.float32
        assert x.flags.c_contiguous
    table = load(DataConfig(source="wine"))
    rows = split(table, DataConfig(source="wine")).test
    np.testing.assert_allclose(prepared.x_test * prepared.x_scale + prepared.x_mean, table.x[rows], rtol=1e-5)


@pytest.mark.parametrize("source", ["wine", "digits", "diabetes"])
@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_nothing_leaks_from_rows_held_out(source: str, held_out: str) -> None:
    table = load(DataConfig(source=source))
    rows = split(table, DataConfig())
    x, y = table.x.copy(), table.y.copy()
    x[getattr(rows, held_out)] = 1e6
    if table.task == "regression":
        y[getattr(rows, held_out)] = -1e6
    changed = prepare(dataclasses.replace(table, x=x, y=y), rows, DataConfig())
    original = prepare(table, rows, DataConfig())
    for name in ("x_mean", "x_scale", "x_train", "y_train", "y_mean", "y_scale"):
        assert np.array_equal(getattr(changed, name), getattr(original, name)), name
    assert not np.array_equal(getattr(changed, f"x_{held_out}"), getattr(original, f"x_{held_out}"))


def test_statistics_do_follow_the_training_rows() -> None:
    # The counterpart of the leak test: it would pass, too, if the statistics followed nothing.
    table = load(DataConfig(source="diabetes"))
    rows = split(table, DataConfig())
    x, y = table.x.copy(), table.y.copy()
    x[rows.train[0]], y[rows.train[0]] = 1e6, 1e6
    changed, original = (prepare(t, rows, DataConfig()) for t in (dataclasses.replace(table, x=x, y=y), table))
    assert (changed.x_mean != original.x_mean).all()
    assert (changed.x_scale != original.x_scale).all()
    assert changed.y_mean != original.y_mean


def test_pictures_have_one_mean_and_one_scale() -> None:
    prepared = load_prepared(DataConfig(source="digits"))
    assert prepared.x_mean.shape == prepared.x_scale.shape == (64,)
    assert len(set(prepared.x_mean.tolist())) == len(set(prepared.x_scale.tolist())) == 1
    assert abs(prepared.x_train.mean()) < 1e-4
    assert abs(prepared.x_train.std() - 1) < 1e-4


def test_standardize_off_leaves_inputs_as_they_are() -> None:
    config = DataConfig(source="wine", standardize=False)
    table, prepared = load(config), load_prepared(config)
    assert np.array_equal(prepared.x_train, table.x[split(table, config).train])
    assert set(prepared.x_mean.tolist()) == {0.0}
    assert set(prepared.x_scale.tolist()) == {1.0}


@pytest.mark.parametrize("value", [0.0, 0.1, 1e30, -3.3e38])
def test_a_constant_column_is_shifted_only(value: float) -> None:
    table = table_of(np.arange(50.0))
    table.x[:, 1] = value
    prepared = prepare(table, split(table, DataConfig()), DataConfig())
    assert prepared.x_scale[1] == 1
    assert set(prepared.x_train[:, 1].tolist()) == {0.0}


def test_a_row_out_of_all_proportion_is_an_error_and_not_an_infinity() -> None:
    table = table_of(np.arange(50.0))
    rows = split(table, DataConfig())
    table.x[:, 1] *= 1e-10
    table.x[rows.test[0], 1] = 1e38
    with pytest.raises(DataError, match="column 'f1' has a value too far from the training rows"):
        prepare(table, rows, DataConfig())


def test_regression_target_is_standardized_and_the_baseline_is_the_mean() -> None:
    config = DataConfig(source="diabetes")
    table, prepared = load(config), load_prepared(config)
    rows = split(table, config)
    assert prepared.y_train.dtype == np.float32
    assert prepared.y_mean == pytest.approx(table.y[rows.train].mean(), rel=1e-6)
    assert prepared.y_scale == pytest.approx(table.y[rows.train].std(), rel=1e-6)
    np.testing.assert_allclose(prepared.y_test * prepared.y_scale + prepared.y_mean, table.y[rows.test], rtol=1e-5)
    # In standardized units the mean is 0, so the RMSE of the baseline is that of the target itself.
    rmse = np.sqrt(np.mean(prepared.y_test.astype(np.float64) ** 2)) * prepared.y_scale
    assert prepared.baseline_metric == pytest.approx(rmse, rel=1e-5)
    assert prepared.classes == 0
    assert set(prepared.class_counts.values()) == {()}


def test_classification_baseline_is_the_commonest_class_of_training() -> None:
    y = np.array([0] * 6 + [1] * 4)
    table = table_of(y, 2)
    # In the test part class 1 is the commonest: the baseline must not look there.
    rows = Split(np.array([0, 1, 2, 6]), np.array([3, 7]), np.array([4, 5, 8, 9, 9, 9, 9, 9]))
    prepared = prepare(table, rows, DataConfig())
    assert prepared.baseline_metric == 0.25
    assert prepared.y_train.tolist() == [0, 0, 0, 1]
    assert prepared.class_counts == {"train": (3, 1), "validation": (1, 1), "test": (2, 6)}
    assert (prepared.y_mean, prepared.y_scale) == (0.0, 1.0)
