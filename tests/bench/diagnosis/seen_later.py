"""The third set of cases for setting thresholds: other datasets, architectures and optimizers than those in seen, and other forms.

It was held out until it had been looked at.
"""

from __future__ import annotations

import numpy as np

from .case import (
    A_WAY_THROUGH,
    ALIVE,
    ANY_CURE,
    CALMER,
    HIGHER_RATES,
    LONGER,
    LOWER_RATES,
    OTHER_STARTS,
    STOPPING,
    USUAL_WEIGHTS,
    Changes,
    Planted,
    Plants,
    pick,
)

PLANTS = Plants()

NADAM: Changes = {"optimizer.name": "nadam", "optimizer.lr": 0.003}
RADAM: Changes = {"optimizer.name": "radam", "optimizer.lr": 0.004}
ADAMAX: Changes = {"optimizer.name": "adamax", "optimizer.lr": 0.006}
ADAGRAD: Changes = {"optimizer.name": "adagrad", "optimizer.lr": 0.04}
NESTEROV: Changes = {"optimizer.name": "sgd", "optimizer.lr": 0.03, "optimizer.nesterov": True}
ANY_OPTIMIZER = (NADAM, RADAM, ADAMAX, ADAGRAD, NESTEROV)

STOP: Changes = {
    "early_stopping.enabled": True, "early_stopping.restore_best": True, "early_stopping.patience": 10,
}  # fmt: skip


@PLANTS.of("healthy")
def _healthy(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "clouds", "checker_noisy", "additive", "disc", "wine")
    schedule: Changes = pick(
        chance,
        {"schedule.name": "cosine"},
        {"schedule.name": "polynomial", "schedule.total_iters": 45},
        {"schedule.name": "constant"},
        {"schedule.name": "plateau"},
    )
    net: Changes = {
        "model.hidden": pick(chance, (40,), (24, 24, 24), (80,)),
        "model.activation": pick(chance, "elu", "silu", "softplus"),
    }
    return (
        where,
        {**pick(chance, *ANY_OPTIMIZER), **schedule, **net, **STOP, "run.epochs": 45, "run.batch_size": 24},
        ANY_CURE,
    )


@PLANTS.of("hard")
def _hard(number: int, chance: np.random.Generator) -> Planted:
    """Healthy runs that look as if something were wrong."""
    cosine: Changes = {"schedule.name": "cosine"}
    forms: list[tuple[str, Changes]] = [
        ("checker_noisy", {**RADAM, **cosine, "optimizer.lr": 0.001, "run.batch_size": 4, "run.epochs": 20}),
        ("clouds", {**NADAM, **cosine, "run.batch_size": 6, "optimizer.lr": 0.0005, "run.epochs": 25}),
        ("clouds_few", {**NADAM, **STOP, **cosine, "early_stopping.patience": 4, "run.epochs": 50}),  # stopped in time
        ("additive", {**NESTEROV, **STOP, "schedule.name": "multistep", "schedule.milestones": (12, 24, 36), "schedule.gamma": 0.1, "run.epochs": 50}),
        ("disc", {**NESTEROV, **STOP, "optimizer.lr": 0.05, "schedule.name": "cyclic", "schedule.base_lr": 0.001, "schedule.step_size_up": 100, "run.epochs": 48}),
        ("additive", {**ADAMAX, **STOP, **cosine, "schedule.warmup": 10, "run.epochs": 50}),
        ("clouds", {**ADAGRAD, **STOP, "data.validation": 0.015, "run.epochs": 45}),  # a tiny validation part
        ("additive", {**RADAM, "schedule.name": "exponential", "schedule.gamma": 0.9, "run.epochs": 90}),  # a long tail
        ("clouds", {**NADAM, **cosine, "regularization.dropout": 0.25, "model.hidden": (48,), "run.epochs": 45}),
        ("clouds", {**ADAMAX, **STOP, **cosine, "regularization.label_smoothing": 0.1, "run.epochs": 45}),
        ("checker_noisy", {**NADAM, **STOP, **cosine, "regularization.input_noise": 0.05, "run.epochs": 45}),
        ("additive", {**RADAM, **STOP, **cosine, "regularization.l1": 0.0003, "model.hidden": (64,), "run.epochs": 50}),  # sparse
        ("disc", {**NADAM, **STOP, "run.average": "ema", "run.epochs": 40}),
        ("disc", {**NESTEROV, **STOP, "schedule.name": "cosine_warm_restarts", "schedule.t_0": 12, "run.epochs": 48}),
        ("clouds", {**NADAM, **STOP, **cosine, "model.batch_norm": True, "run.batch_size": 64, "run.epochs": 40}),
    ]  # fmt: skip
    where, knobs = forms[number % len(forms)]
    return where, knobs, ANY_CURE


@PLANTS.of("overfitting")
def _overfitting(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "clouds_few", "products_few", "checker_noisy", "clouds_many")
    net: Changes = {
        "model.hidden": pick(chance, (200,), (64, 64, 64), (120, 60)),
        "model.activation": pick(chance, "elu", "silu", "leaky_relu"),
    }
    how: Changes = {**pick(chance, *ANY_OPTIMIZER), "run.epochs": int(pick(chance, 60, 100)), "run.batch_size": 12}
    return where, {**net, **how, "data.train_rows": int(pick(chance, 100, 180))}, STOPPING


@PLANTS.of("underfitting")
def _underfitting(number: int, chance: np.random.Generator) -> Planted:
    if number % 2 == 0:
        where, weak = [
            ("spiral", {"model.kind": "linear"}),
            ("clouds_many", {"model.hidden": (2,), "model.activation": "tanh"}),
            ("products", {"model.kind": "linear"}),
            ("disc", {"model.kind": "linear"}),
            ("clouds_many", {"model.hidden": (3, 3), "model.activation": "elu"}),
        ][number // 2 % 5]
        cure: Changes = {"model.kind": "mlp", "model.hidden": (64, 64)}
        return where, {**weak, **pick(chance, NADAM, ADAMAX), "optimizer.lr": 0.02, "run.epochs": 40}, [cure]
    where = pick(chance, "clouds_many", "additive_clean", "disc")
    key, value = [
        ("regularization.l2", 0.3),
        ("regularization.dropout", 0.9),
        ("regularization.l1", 0.05),
        ("regularization.max_norm", 0.1),
        ("regularization.input_dropout", 0.85),
    ][number // 2 % 5]
    return where, {key: value, **pick(chance, NADAM, ADAMAX, RADAM), "run.epochs": 40}, [{key: 0.0}]


@PLANTS.of("too_short")
def _too_short(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "spiral", "checker", "additive_clean", "products", "moons")
    net: Changes = {
        "model.hidden": pick(chance, (40,), (32, 32, 32)),
        "model.activation": pick(chance, "elu", "silu", "softplus", "leaky_relu"),
    }
    how = {**pick(chance, *ANY_OPTIMIZER), "run.epochs": int(pick(chance, 5, 7, 10, 14, 18)), "run.batch_size": 24}
    return where, {**net, **how}, LONGER


@PLANTS.of("stuck")
def _stuck(number: int, chance: np.random.Generator) -> Planted:
    if number % 3 == 0:
        net: Changes = {
            "model.init": "zeros",
            "model.hidden": (24, 24),
            "model.activation": pick(chance, "tanh", "silu"),
        }
        where = pick(chance, "clouds", "disc", "products")
        return where, {**net, **NADAM, "run.epochs": 30}, [{"model.init": "default"}]
    where = pick(chance, "disc", "checker_noisy", "spirals", "moons")
    net = {"model.hidden": (3,) if number % 3 == 1 else (2, 2), "model.activation": "relu"}
    return where, {**net, **pick(chance, NADAM, ADAMAX), "optimizer.lr": 0.03, "run.epochs": 50}, OTHER_STARTS


@PLANTS.of("learning_rate_high")
def _lr_high(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "clouds_many", "additive_clean", "disc", "checker")
    how: Changes = pick(
        chance,
        {"optimizer.name": "nadam", "optimizer.lr": 0.15},
        {"optimizer.name": "radam", "optimizer.lr": 0.3},
        {"optimizer.name": "adamax", "optimizer.lr": 0.4},
        {**NESTEROV, "optimizer.lr": 0.6},
        {"optimizer.name": "adagrad", "optimizer.lr": 1.0},
    )
    net: Changes = {
        "model.hidden": pick(chance, (40,), (32, 32, 32)),
        "model.activation": pick(chance, "elu", "silu", "tanh"),
    }
    return where, {**how, **net, "run.epochs": 35}, LOWER_RATES


@PLANTS.of("learning_rate_low")
def _lr_low(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "clouds_many", "additive_clean", "disc", "products")
    how: Changes = pick(
        chance,
        {"optimizer.name": "nadam", "optimizer.lr": 3e-5},
        {"optimizer.name": "adamax", "optimizer.lr": 5e-5},
        {"optimizer.name": "adagrad", "optimizer.lr": 5e-4},
        {**NESTEROV, "optimizer.lr": 2e-4},
    )
    net: Changes = {
        "model.hidden": pick(chance, (40,), (32, 32, 32)),
        "model.activation": pick(chance, "elu", "silu", "leaky_relu"),
    }
    return where, {**how, **net, "run.epochs": 25}, HIGHER_RATES


@PLANTS.of("non_finite")
def _non_finite(number: int, chance: np.random.Generator) -> Planted:
    net: Changes = {
        "model.hidden": pick(chance, (64,), (40, 40, 40)),
        "model.activation": pick(chance, "elu", "silu", "leaky_relu"),
    }
    if number % 2:
        return "additive_wide", {**net, **NESTEROV, "data.standardize": False, "run.epochs": 15}, CALMER
    where = pick(chance, "additive_clean", "products")
    return where, {**net, **NESTEROV, "optimizer.lr": pick(chance, 1.0, 3.0, 10.0), "run.epochs": 15}, CALMER


@PLANTS.of("exploding_gradients")
def _exploding(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "additive_clean", "clouds_many", "products")
    net: Changes = {
        "model.init": "normal", "model.init_std": pick(chance, 0.5, 0.8), "model.hidden": (40,) * int(pick(chance, 6, 7)),
        "model.activation": pick(chance, "leaky_relu", "elu", "silu"),
    }  # fmt: skip
    return (
        where,
        {**net, **pick(chance, NADAM, ADAMAX, RADAM), "run.epochs": 14},
        USUAL_WEIGHTS,
    )


@PLANTS.of("vanishing_gradients")
def _vanishing(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "clouds_many", "disc", "additive_clean")
    how: Changes = pick(chance, NADAM, ADAMAX, NESTEROV)
    if number % 4 == 3:
        net: Changes = {
            "model.init": "normal",
            "model.init_std": 5e-4,
            "model.hidden": (40,) * 4,
            "model.activation": "elu",
        }
        return where, {**net, **NESTEROV, "run.epochs": 16}, [{"model.init": "default"}]
    net = {"model.hidden": (int(pick(chance, 20, 40)),) * int(pick(chance, 7, 9)), "model.activation": "sigmoid"}
    return where, {**net, **how, "run.epochs": 14}, A_WAY_THROUGH


@PLANTS.of("dead_units")
def _dead(number: int, chance: np.random.Generator) -> Planted:
    net: Changes = {"model.hidden": pick(chance, (40,), (28, 28, 28)), "model.activation": "relu", "run.epochs": 18}
    if number % 3 == 2:
        return (
            "additive_far",
            {**net, "data.standardize": False, **pick(chance, NADAM, ADAMAX), "optimizer.lr": 0.1},
            ALIVE,
        )
    where = pick(chance, "clouds_many", "additive_clean", "checker")
    how: Changes = pick(
        chance,
        {"optimizer.name": "nadam", "optimizer.lr": 0.7},
        {"optimizer.name": "adamax", "optimizer.lr": 2.0},
        {**NESTEROV, "optimizer.lr": 4.0, "optimizer.clip_norm": 4.0},
    )
    return where, {**net, **how}, ALIVE


@PLANTS.of("saturated_units")
def _saturated(number: int, chance: np.random.Generator) -> Planted:
    cures: list[Changes] = [{"model.init": "xavier"}, {"data.standardize": True}]
    net: Changes = {
        "model.hidden": pick(chance, (40,), (28, 28)),
        "model.activation": pick(chance, "tanh", "sigmoid"),
        "run.epochs": 18,
    }
    how = pick(chance, NADAM, ADAMAX, {**NESTEROV, "optimizer.lr": 0.003})
    if number % 2:
        return "additive_wide", {**net, **how, "data.standardize": False}, cures
    where = pick(chance, "clouds_many", "disc", "products")
    return where, {**net, **how, "model.init": "normal", "model.init_std": pick(chance, 15.0, 50.0)}, cures
