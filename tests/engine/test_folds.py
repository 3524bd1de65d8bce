"""Folds and ordered splits: every row tested once, nothing in two parts, stratified as scikit-learn does it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold

from engine.config import DataConfig
from engine.data.splits import fold_splits, split
from engine.data.table import Table, load
from engine.errors import ConfigError

CLASS_SIZES = st.lists(st.integers(1, 30), min_size=2, max_size=8).filter(lambda sizes: sum(sizes) >= 20)


def table_of(y: np.ndarray, classes: int = 0) -> Table:
    x = np.arange(len(y), dtype=np.float32)[:, None]
    if classes:
        return Table("t", "classification", x, y.astype(np.int64), ("f",), tuple(map(str, range(classes))))
    return Table("t", "regression", x, y.astype(np.float32), ("f",))


def labelled(sizes: list[int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


def counts(y: np.ndarray, parts: list[np.ndarray], classes: int) -> np.ndarray:
    return np.array([np.bincount(y[part], minlength=classes) for part in parts])


@given(CLASS_SIZES, st.integers(3, 9), st.integers(0, 1000), st.booleans(), st.booleans())
def test_every_row_is_tested_once_and_no_row_is_in_two_parts(sizes, folds, seed, stratify, shuffle):
    y = labelled(sizes, seed)
    knobs = {"stratify": stratify} if shuffle else {}
    trials = fold_splits(table_of(y, len(sizes)), DataConfig(seed=seed, shuffle=shuffle, **knobs), folds)
    assert len(trials) == folds
    everything = list(range(len(y)))
    assert sorted(np.concatenate([trial.test for trial in trials]).tolist()) == everything
    assert sorted(np.concatenate([trial.validation for trial in trials]).tolist()) == everything
    for index, trial in enumerate(trials):
        parts = (trial.train, trial.validation, trial.test)
        assert sorted(np.concatenate(parts).tolist()) == everything
        assert all(part.dtype == np.int64 for part in parts)
        assert set(trial.validation.tolist()) == set(trials[(index + 1) % folds].test.tolist())


@given(CLASS_SIZES, st.integers(3, 9), st.integers(0, 1000))
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_folds_are_stratified_as_scikit_learn_stratifies(sizes, folds, seed):
    y = labelled(sizes, seed)
    if folds > max(sizes):
        return  # refused there
    classes = len(sizes)
    ours = counts(y, [trial.test for trial in fold_splits(table_of(y, classes), DataConfig(seed=seed), folds)], classes)
    oracle = StratifiedKFold(folds, shuffle=True, random_state=seed)
    theirs = counts(y, [test for _, test in oracle.split(y, y)], classes)
    exact = np.array(sizes) / folds
    assert np.abs(ours - exact).max() < 1
    assert sorted(ours.sum(axis=1).tolist()) == sorted(theirs.sum(axis=1).tolist())
    # Which fold has the odd sample of a class is chance there, and here; how many folds have it is not.
    assert np.array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))


@given(st.integers(6, 80), st.integers(3, 6), st.integers(0, 1000))
def test_folds_of_a_regression_have_scikit_learns_sizes(rows, folds, seed):
    trials = fold_splits(table_of(np.arange(rows)), DataConfig(seed=seed), folds)
    theirs = [len(test) for _, test in KFold(folds).split(np.zeros(rows))]
    assert sorted(len(trial.test) for trial in trials) == sorted(theirs)


def test_all_pairs_are_all_pairs():
    table = load(DataConfig(source="iris"))
    plain, pairs = (fold_splits(table, DataConfig(), 4, all_pairs=both) for both in (False, True))
    keys = {(tuple(sorted(trial.test)), tuple(sorted(trial.validation))) for trial in pairs}
    assert len(pairs) == len(keys) == 12
    assert {(tuple(sorted(trial.test)), tuple(sorted(trial.validation))) for trial in plain} < keys
    assert all(len(trial.train) == 150 - len(trial.test) - len(trial.validation) for trial in pairs)


@pytest.mark.parametrize("shuffle", [True, False])
def test_training_rows_are_limited_in_every_trial(shuffle):
    table = load(DataConfig(source="iris"))
    whole = fold_splits(table, DataConfig(shuffle=shuffle), 5)
    fewer = fold_splits(table, DataConfig(shuffle=shuffle, train_rows=30), 5)
    for one, other in zip(whole, fewer, strict=True):
        assert np.array_equal(one.test, other.test)
        assert np.array_equal(one.validation, other.validation)
        assert len(other.train) == 30
        assert set(other.train.tolist()) < set(one.train.tolist())
        if shuffle:
            assert np.bincount(table.y[other.train]).tolist() == [10, 10, 10]
    with pytest.raises(ConfigError, match=r"data\.train_rows"):
        fold_splits(table, DataConfig(train_rows=91), 5)


def test_folds_follow_the_seed_and_nothing_else():
    table = load(DataConfig(source="wine"))
    one, same, other = (fold_splits(table, DataConfig(seed=seed), 5)[0].test for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("rows", "folds", "fits"), [(30, 2, False), (30, 1, False), (5, 6, False), (4, 3, False),
                                                     (4, 4, True), (5, 3, False), (6, 3, True), (1000, 3, True)])  # fmt: skip
def test_too_few_rows_or_too_many_folds(rows, folds, fits):
    table = table_of(np.arange(rows))
    if fits:
        assert min(len(trial.train) for trial in fold_splits(table, DataConfig(), folds)) >= 2
        return
    with pytest.raises(ConfigError) as caught:
        fold_splits(table, DataConfig(), folds)
    assert [fault.key for fault in caught.value.faults] == ["trials.folds"]


# ---- rows as they stand ----


def test_an_ordered_split_is_past_present_future():
    result = split(table_of(np.arange(50)), DataConfig(shuffle=False, validation=0.2, test=0.1))
    assert result.train.tolist() == list(range(35))
    assert result.validation.tolist() == list(range(35, 45))
    assert result.test.tolist() == list(range(45, 50))


def test_an_ordered_split_does_not_follow_classes_or_seeds():
    y = np.array([0] * 48 + [1, 2])
    for seed in range(5):
        result = split(table_of(y, 3), DataConfig(shuffle=False, seed=seed))
        assert result.test.tolist() == list(range(45, 50))


def test_an_ordered_split_keeps_the_latest_training_rows():
    result = split(table_of(np.arange(50)), DataConfig(shuffle=False, train_rows=7))
    assert result.train.tolist() == list(range(33, 40))
    assert result.test.tolist() == list(range(45, 50))


def test_ordered_folds_are_blocks():
    trials = fold_splits(table_of(np.arange(11)), DataConfig(shuffle=False), 4)
    blocks = [trial.test.tolist() for trial in trials]
    assert [row for block in blocks for row in block] == list(range(11))
    assert all(block == list(range(block[0], block[-1] + 1)) for block in blocks)
    assert {len(block) for block in blocks} == {2, 3}
