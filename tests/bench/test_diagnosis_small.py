"""A few tiny real runs, a clear one of each kind: what the engine trains, the diagnosis still understands."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.diagnosis.case import DEFAULTS
from tests.bench.diagnosis.judging import alarms
from tests.bench.diagnosis.runs import Store

KEEPING = {
    "early_stopping.enabled": True, "early_stopping.restore_best": True, "schedule.name": "cosine", "optimizer.lr": 0.01,
}  # fmt: skip
SGD = {"optimizer.name": "sgd"}

CASES: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "healthy": ("xor", {**KEEPING, "run.epochs": 30}, set()),
    "healthy, a quantity": ("smooth_few", {**KEEPING, "run.epochs": 40, "model.hidden": (16,)}, set()),
    "wrong labels, stopped in time": (
        "xor2",
        {**KEEPING, "run.epochs": 40, "early_stopping.patience": 4},
        set(),
    ),
    "small noisy batches": (
        "xor2",
        {"optimizer.lr": 0.001, "schedule.name": "cosine", "run.batch_size": 4, "run.epochs": 15},
        set(),
    ),
    "a tiny validation part": ("xor2", {**KEEPING, "data.validation": 0.02, "run.epochs": 40}, set()),
    "dropout, cycles": (
        "teacher_noisy",
        {**KEEPING, "schedule.name": "cosine_warm_restarts", "regularization.dropout": 0.25, "run.epochs": 40},
        set(),
    ),
    "rate drops": (
        "xor2",
        {**KEEPING, "schedule.name": "step", "schedule.step_size": 8, "schedule.gamma": 0.2, "run.epochs": 40},
        set(),
    ),
    "overfitting": (
        "teacher_few",
        {"data.train_rows": 150, "model.hidden": (64, 64), "optimizer.lr": 0.005},
        {"overfitting"},
    ),
    "underfitting": ("xor", {"model.kind": "linear", "run.epochs": 16, "optimizer.lr": 0.01}, {"underfitting"}),
    "too short": ("smooth_few", {"run.epochs": 5, "optimizer.lr": 0.002}, {"too_short"}),
    "stuck": ("xor", {"model.init": "zeros", "run.epochs": 14}, {"stuck"}),
    "a high rate": (
        "teacher_few",
        {"optimizer.lr": 0.3, "run.epochs": 25, "model.activation": "tanh"},
        {"learning_rate_high"},
    ),
    "a low rate": ("smooth_few", {"optimizer.lr": 2e-5, "run.epochs": 14}, {"learning_rate_low"}),
    "no number": ("waves_few", {**SGD, "optimizer.lr": 8.0, "run.epochs": 3}, {"non_finite"}),
    "exploding": (
        "smooth_few",
        {"model.init": "normal", "model.init_std": 0.6, "model.hidden": (48,) * 7, "run.epochs": 5},
        {"exploding_gradients"},
    ),
    "vanishing": (
        "xor",
        {**SGD, "model.hidden": (16,) * 8, "model.activation": "sigmoid", "optimizer.lr": 0.05, "run.epochs": 6},
        {"vanishing_gradients"},
    ),
    "dead": ("smooth_few", {"optimizer.lr": 1.0, "model.hidden": (32, 32), "run.epochs": 6}, {"dead_units"}),
    "saturated": (
        "smooth_few",
        {
            "model.init": "normal", "model.init_std": 40.0, "model.activation": "tanh", "model.hidden": (32, 32),
            "run.epochs": 7,
        },
        {"saturated_units"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("name", CASES)
def test_a_clear_case(store, name):
    table, knobs, expected = CASES[name]
    run = store.run(table, {**DEFAULTS, "run.batch_size": 64, **knobs})
    assert {alarm.kind for alarm in alarms(run)} == expected
