"""Which rows are trained on, watched and tested: a seeded split or folds, stratified by class; or rows as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..config import DataConfig
from ..errors import config_error
from .table import Table

# Keeps the stream of the split apart from that of generated points, which come from the same seed.
_STREAM = 0x5B11


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The rows of each part: int64 indices into the table, no row in two parts; in shuffled order, or as they stand."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(table: Table, config: DataConfig) -> Split:
    """Divide the rows of `table` by the shares in `config`, the same way for the same seed.

    Validation and test get round(rows * share) rows, one at least; training gets the rest, or `config.train_rows` of it.
    Stratified, every class is within one sample of its exact share in every part. A class with fewer samples than there
    are parts goes to training first, at the cost of a common class if need be. Validation and test do not depend on
    `config.train_rows`. Without `config.shuffle` the parts are the first rows, the next and the last.

    Data that comes in parts keeps them: what there is of a validation or test part is that, whatever the shares say; what there is
    not is taken out of the training part.

    Raises ConfigError when the shares leave fewer than two training rows (``data.test``) or there are fewer training rows
    than asked for (``data.train_rows``).
    """
    if table.part is not None:
        return _given(table, table.part, config)
    sizes = _sizes(len(table.y), config)
    order, labels = _order(table, config)
    train, validation, test = _divide(order, labels, sizes, rare_first=_stratified(table, config))
    return Split(_kept(train, labels, config), validation, test)


def _given(table: Table, part: np.ndarray, config: DataConfig) -> Split:
    """The parts that the data came in; those that are lacking are cut from the training part."""
    order, labels = _order(table, config)
    own = [order[part[order] == number] for number in range(3)]
    if len(own[1]) and len(own[2]):
        train, validation, test = own
    elif not len(own[1]) and not len(own[2]):
        sizes = _sizes(len(own[0]), config)
        train, validation, test = _divide(own[0], labels, sizes, rare_first=_stratified(table, config))
    else:
        key, share = ("data.validation", config.validation) if len(own[2]) else ("data.test", config.test)
        cut = max(1, round(len(own[0]) * share))
        if len(own[0]) - cut < 2:
            raise config_error(
                key, f"{share:g} of the {len(own[0])} training rows leaves too few to train on", "lower it"
            )
        train, rest = _divide(own[0], labels, (len(own[0]) - cut, cut))
        validation, test = (rest, own[2]) if len(own[2]) else (own[1], rest)
    if len(train) < 2:
        raise config_error("data.source", f"the training part has {len(train)} rows, and 2 are needed", "use more")
    return Split(_kept(train, labels, config), validation, test)


def fold_splits(table: Table, config: DataConfig, folds: int, all_pairs: bool = False) -> list[Split]:
    """The splits of k-fold cross-validation with a validation part: one for each trial.

    The rows are divided into `folds` parts whose sizes differ by one at the most. Trial i tests on part i, watches part
    i + 1 (the first again after the last) and trains on the rest, so that every row is tested exactly once. all_pairs: all
    folds * (folds - 1) ordered pairs of a test and a validation part instead. Stratified, the samples of each class in any
    two parts differ by one at the most, as with scikit-learn's StratifiedKFold. Without `config.shuffle` the parts are
    blocks of rows as they stand. The shares in `config` do not count; `config.train_rows` applies to each trial.

    Raises ConfigError when there are fewer than three folds or a trial would have fewer than two rows to train on
    (``trials.folds``), or fewer than asked for (``data.train_rows``).
    """
    _check_folds(folds, len(table.y))
    order, labels = _order(table, config)
    part = _dealt(order, labels, folds) if config.shuffle else np.arange(len(order)) * folds // len(order)
    pairs = [(test, (test + step) % folds) for test in range(folds) for step in range(1, folds if all_pairs else 2)]
    return [
        Split(
            _kept(order[(part != test) & (part != validation)], labels, config),
            order[part == validation],
            order[part == test],
        )
        for test, validation in pairs
    ]


def _stratified(table: Table, config: DataConfig) -> bool:
    return config.shuffle and config.stratify and table.task == "classification"


def _order(table: Table, config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """The rows in the order in which they are dealt out, and the label of each row (all 0 when not stratified)."""
    rows = len(table.y)
    labels = table.y if _stratified(table, config) else np.zeros(rows, dtype=np.int64)
    if not config.shuffle:
        return np.arange(rows, dtype=np.int64), labels
    return np.random.default_rng([config.seed, _STREAM]).permutation(rows), labels


def _kept(train: np.ndarray, labels: np.ndarray, config: DataConfig) -> np.ndarray:
    """The training rows that `config.train_rows` leaves: of a series the latest, which are nearest to what is predicted."""
    if not config.train_rows:
        return train
    _check_train_rows(config.train_rows, len(train))
    if not config.shuffle:
        return train[-config.train_rows :]
    return _divide(train, labels, (config.train_rows, len(train) - config.train_rows))[0]


def _dealt(order: np.ndarray, labels: np.ndarray, folds: int) -> np.ndarray:
    """The part of each row of `order`: class after class, dealt out in turn like cards."""
    part = np.empty(len(order), dtype=np.int64)
    part[np.argsort(labels[order], kind="stable")] = np.arange(len(order)) % folds
    return part


def _check_folds(folds: int, rows: int) -> None:
    if folds < 3:
        problem = f"{folds} folds are too few: one is tested, one watched, and the rest trained on"
        raise config_error("trials.folds", problem, "use 3 or more")
    train = rows - sum(-(-(rows - index) // folds) for index in range(2))  # without the two largest parts
    if folds > rows or train < 2:
        problem = f"{rows} rows are too few for {folds} folds"
        raise config_error("trials.folds", problem, "use fewer folds or more rows")


def _sizes(rows: int, config: DataConfig) -> tuple[int, int, int]:
    """The number of rows of training, validation and test."""
    if config.validation + config.test >= 1:
        raise config_error(
            "data.test",
            "validation and test together leave nothing to train on",
            "lower data.validation or data.test until their sum is below 1",
        )
    validation = max(1, round(rows * config.validation))
    test = max(1, round(rows * config.test))
    train = rows - validation - test
    if train < 2:
        raise config_error(
            "data.test",
            f"validation and test together leave {max(train, 0)} of {rows} rows to train on, and 2 are needed",
            "lower data.validation or data.test, or use more rows",
        )
    return train, validation, test


def _check_train_rows(wanted: int, available: int) -> None:
    if wanted > available:
        raise config_error(
            "data.train_rows",
            f"{wanted} training rows asked for, but the training part has {available}",
            f"use {available} or fewer, or 0 for all",
        )
    if wanted < 2:
        raise config_error("data.train_rows", "one row is too few to train on", "use 2 or more, or 0 for all")


def _divide(
    order: np.ndarray, labels: np.ndarray, sizes: tuple[int, ...], rare_first: bool = False
) -> list[np.ndarray]:
    """The rows in `order` in parts of the given sizes, each with the same mix of labels, keeping their order.

    rare_first: see to it that classes with fewer samples than there are parts are in the first part.
    """
    own = labels[order]
    _, own, counts = np.unique(own, return_inverse=True, return_counts=True)
    by_class = np.argsort(own, kind="stable")
    allocation = apportion(counts, sizes)
    if rare_first:
        _swap_rare_in(allocation, counts)
    part = np.empty(len(order), dtype=np.int64)
    # Row by row of the allocation: the first so many samples of a class to the first part, the next to the second.
    part[by_class] = np.repeat(np.tile(np.arange(len(sizes)), len(counts)), allocation.ravel())
    return [order[part == index] for index in range(len(sizes))]


def apportion(counts: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """How many samples of each class every part gets: int64 (classes, parts), for two or three parts.

    counts is the size of each class, sizes the size of each part; both sum to the same total. The rows of the result sum
    to `counts`, its columns to `sizes`, and each entry is its exact share counts * size / total rounded down or up. As far
    as that leaves a choice, no class stays without a sample in the first part, and the largest remainders are rounded up.
    """
    total = int(counts.sum())
    # In whole numbers, so that a share that is whole has no remainder of 1e-17.
    allocation, remainder = np.divmod(counts[:, None].astype(np.int64) * np.array(sizes, dtype=np.int64), total)
    left = counts - allocation.sum(axis=1)
    # How much it is worth to round an entry up. More than any remainder when a class would else be absent from training.
    worth = remainder.copy()
    worth[:, 0] += np.where((allocation[:, 0] == 0) & (remainder[:, 0] > 0), 4 * total, 0)
    ranked = np.argsort(np.argsort(-worth, axis=1, kind="stable"), axis=1)
    up = ranked < left[:, None]
    _balance(up, worth, remainder > 0, np.array(sizes) - allocation.sum(axis=0))
    return allocation + up


def _swap_rare_in(allocation: np.ndarray, counts: np.ndarray) -> None:
    """Give rare classes a sample in the first part, in place, by swaps with the class that has most to spare there.

    A net cannot learn a class that it never sees, while a common class does not miss a sample. The totals stay as they are.
    """
    total, size = int(counts.sum()), int(allocation[:, 0].sum())
    for rare in np.flatnonzero((counts < allocation.shape[1]) & (allocation[:, 0] == 0)):
        surplus = np.where(allocation[:, 0] >= 2, allocation[:, 0] * total - counts * size, np.iinfo(np.int64).min)
        giver = int(np.argmax(surplus))
        if allocation[giver, 0] < 2:
            return
        part = int(np.argmax(allocation[rare]))
        allocation[rare, [0, part]] += (1, -1)
        allocation[giver, [0, part]] += (-1, 1)


def _balance(up: np.ndarray, worth: np.ndarray, allowed: np.ndarray, wanted: np.ndarray) -> None:
    """Move rounded-up entries between parts, in place, until part p has wanted[p] of them.

    At the start every class has the best entries for itself. Each step takes one from a part with too many to a part with
    too few, directly or by way of the third part, at the smallest loss of worth: a minimum-cost flow by shortest paths,
    which finds the best solution. That there is one follows from the exact shares being a solution in fractions.
    """
    parts = range(up.shape[1])
    while (excess := up.sum(axis=0) - wanted).any():
        moves = {(a, b): _cheapest(up, worth, allowed, a, b) for a in parts for b in parts if a != b}
        paths = [
            path
            for source in parts
            for target in parts
            if excess[source] > 0 > excess[target]
            for path in [(source, target), *((source, via, target) for via in parts if via not in (source, target))]
        ]
        best = min(paths, key=lambda path: sum(moves[step][0] for step in pairwise(path)))
        assert np.isfinite(sum(moves[step][0] for step in pairwise(best))), "the exact shares are always a solution"
        for step in pairwise(best):
            row = moves[step][1]
            up[row, step[0]], up[row, step[1]] = False, True


def _cheapest(up: np.ndarray, worth: np.ndarray, allowed: np.ndarray, source: int, target: int) -> tuple[float, int]:
    """The class that loses least by giving `target` what it gives `source`, as (loss, class); infinite when none can."""
    able = up[:, source] & ~up[:, target] & allowed[:, target]
    loss = np.where(able, (worth[:, source] - worth[:, target]).astype(np.float64), np.inf)
    row = int(np.argmin(loss))
    return float(loss[row]), row
