"""The cases that are held out: other datasets, architectures and optimizers than those that were seen, and other forms.

They are run once for the figures. Whoever has looked at what is said of them moves them to the seen ones and makes new ones.
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

MUON: Changes = {"optimizer.name": "muon", "optimizer.lr": 0.01}
ADAFACTOR: Changes = {"optimizer.name": "adafactor", "optimizer.lr": 0.02}
ADADELTA: Changes = {"optimizer.name": "adadelta", "optimizer.lr": 1.0}
ASGD: Changes = {"optimizer.name": "asgd", "optimizer.lr": 0.1}
PLAIN: Changes = {"optimizer.name": "sgd", "optimizer.lr": 0.15, "optimizer.momentum": 0.0}
ANY_OPTIMIZER = (MUON, ADAFACTOR, ADADELTA, ASGD, PLAIN)

STOP: Changes = {
    "early_stopping.enabled": True, "early_stopping.restore_best": True, "early_stopping.patience": 8,
}  # fmt: skip


@PLANTS.of("healthy")
def _healthy(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "curve_noisy", "pairs_noisy", "terraces_noisy", "bowl_noisy", "iris")
    schedule: Changes = pick(
        chance,
        {"schedule.name": "cosine"},
        {"schedule.name": "linear", "schedule.end_factor": 0.01, "schedule.total_iters": 40},
        {"schedule.name": "constant"},
        {"schedule.name": "step", "schedule.step_size": 12, "schedule.gamma": 0.3},
    )
    net: Changes = {
        "model.hidden": pick(chance, (96,), (64, 64)),
        "model.activation": pick(chance, "relu", "tanh", "softplus"),
    }
    return (
        where,
        {**pick(chance, *ANY_OPTIMIZER), **schedule, **net, **STOP, "run.epochs": 40, "run.batch_size": 40},
        ANY_CURE,
    )


@PLANTS.of("hard")
def _hard(number: int, chance: np.random.Generator) -> Planted:
    """Healthy runs that look as if something were wrong."""
    cosine: Changes = {"schedule.name": "cosine"}
    wide: Changes = {"model.hidden": (96,)}
    forms: list[tuple[str, Changes]] = [
        ("curve_noisy", {**MUON, **cosine, "optimizer.lr": 0.002, "run.batch_size": 5, "run.epochs": 20}),
        ("pairs_noisy", {**PLAIN, **cosine, "optimizer.lr": 0.02, "run.batch_size": 3, "run.epochs": 15}),
        ("pairs_few", {**ADAFACTOR, **STOP, **cosine, "early_stopping.patience": 3, "run.epochs": 40}),  # stopped in time
        ("terraces_noisy", {**ASGD, **STOP, "schedule.name": "multistep", "schedule.milestones": (10, 20, 30), "schedule.gamma": 0.2, "run.epochs": 45}),
        ("curve_noisy", {**PLAIN, **STOP, "schedule.name": "cyclic", "schedule.base_lr": 0.005, "schedule.step_size_up": 60, "run.epochs": 40}),
        ("bowl_noisy", {**MUON, **STOP, **cosine, "schedule.warmup": 8, "run.epochs": 45}),
        ("pairs_noisy", {**ADADELTA, **STOP, "data.validation": 0.02, "run.epochs": 40}),  # a tiny validation part
        ("bowl_noisy", {**PLAIN, "schedule.name": "exponential", "schedule.gamma": 0.92, "optimizer.lr": 0.08, "run.epochs": 80}),  # a long tail
        ("pairs_noisy", {**ADADELTA, **cosine, "regularization.dropout": 0.2, "run.epochs": 40}),
        ("pairs_noisy", {**MUON, **STOP, **cosine, "regularization.mixup": 0.2, "run.epochs": 40}),
        ("terraces_noisy", {**PLAIN, **STOP, **cosine, "regularization.input_noise": 0.1, "run.epochs": 40}),
        ("curve_noisy", {**ADAFACTOR, **STOP, **cosine, "regularization.l1": 0.0002, "run.epochs": 45}),  # sparse
        ("bowl_noisy", {**ADADELTA, **STOP, "run.average": "swa", "run.epochs": 40}),
        ("terraces_noisy", {**MUON, **STOP, "schedule.name": "one_cycle", "run.epochs": 40}),
        ("sparse", {**PLAIN, **STOP, "optimizer.lr": 0.02, "model.kind": "linear", "run.epochs": 40}),
    ]  # fmt: skip
    where, knobs = forms[number % len(forms)]
    return where, {**wide, **knobs}, ANY_CURE


@PLANTS.of("overfitting")
def _overfitting(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "pairs_few", "bowl_few", "curve_noisy", "pairs_noisy")
    net: Changes = {
        "model.hidden": pick(chance, (150,), (80, 80), (50, 50, 50, 50)),
        "model.activation": pick(chance, "relu", "gelu", "tanh"),
    }
    how: Changes = {**pick(chance, *ANY_OPTIMIZER), "run.epochs": int(pick(chance, 70, 110)), "run.batch_size": 8}
    return where, {**net, **how, "data.train_rows": int(pick(chance, 90, 130))}, STOPPING


@PLANTS.of("underfitting")
def _underfitting(number: int, chance: np.random.Generator) -> Planted:
    if number % 2 == 0:
        where, weak = [
            ("circles", {"model.kind": "linear"}),
            ("pairs", {"model.hidden": (2,), "model.activation": "softplus"}),
            ("bowl", {"model.kind": "linear"}),
            ("pairs", {"model.kind": "linear"}),
            ("pairs", {"model.hidden": (2, 2), "model.activation": "tanh"}),
        ][number // 2 % 5]
        cure: Changes = {"model.kind": "mlp", "model.hidden": (64, 64)}
        return where, {**weak, **pick(chance, ADAFACTOR, ADADELTA, PLAIN), "run.epochs": 40}, [cure]
    where = pick(chance, "pairs", "terraces", "curve")
    key, value = [
        ("regularization.l2", 0.2),
        ("regularization.dropout", 0.8),
        ("regularization.l1", 0.03),
        ("regularization.input_noise", 3.0),
        ("regularization.weight_decay", 2.0),
    ][number // 2 % 5]
    return where, {key: value, **pick(chance, PLAIN, MUON, ADADELTA), "run.epochs": 40}, [{key: 0.0}]


@PLANTS.of("too_short")
def _too_short(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "pairs", "curve", "terraces", "bowl", "circles")
    net: Changes = {
        "model.hidden": pick(chance, (56,), (28, 28, 28)),
        "model.activation": pick(chance, "relu", "tanh", "silu"),
    }
    how: Changes = pick(
        chance,
        {**MUON, "optimizer.lr": 0.003},
        {**PLAIN, "optimizer.lr": 0.03},
        {**ASGD, "optimizer.lr": 0.03},
        {**ADAFACTOR, "optimizer.lr": 0.005},
        {**ADADELTA, "optimizer.lr": 0.5},
    )
    return where, {**net, **how, "run.epochs": int(pick(chance, 4, 6, 9, 13, 20))}, LONGER


@PLANTS.of("stuck")
def _stuck(number: int, chance: np.random.Generator) -> Planted:
    if number % 3 == 0:
        net: Changes = {
            "model.init": "zeros",
            "model.hidden": (40,),
            "model.activation": pick(chance, "relu", "gelu", "tanh"),
        }
        where = pick(chance, "pairs", "curve", "terraces")
        return where, {**net, **pick(chance, MUON, ADADELTA, PLAIN), "run.epochs": 25}, [{"model.init": "default"}]
    where = pick(chance, "circles", "xor", "pairs_noisy")
    net = {"model.hidden": (3,) if number % 3 == 1 else (2,), "model.activation": pick(chance, "relu", "leaky_relu")}
    return where, {**net, **pick(chance, ADAFACTOR, PLAIN), "run.epochs": 45}, OTHER_STARTS


@PLANTS.of("learning_rate_high")
def _lr_high(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "pairs", "terraces", "curve", "bowl")
    how: Changes = pick(
        chance,
        {**MUON, "optimizer.lr": 0.4},
        {**ADAFACTOR, "optimizer.lr": 1.0},
        {**ADADELTA, "optimizer.lr": 30.0},
        {**ASGD, "optimizer.lr": 1.5},
        {**PLAIN, "optimizer.lr": 2.5},
    )
    net: Changes = {
        "model.hidden": pick(chance, (56,), (40, 40)),
        "model.activation": pick(chance, "gelu", "softplus", "leaky_relu"),
    }
    return where, {**how, **net, "run.epochs": 35}, LOWER_RATES


@PLANTS.of("learning_rate_low")
def _lr_low(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "pairs", "terraces", "curve", "bowl")
    how: Changes = pick(
        chance,
        {**MUON, "optimizer.lr": 2e-5},
        {**ADADELTA, "optimizer.lr": 0.01},
        {**ASGD, "optimizer.lr": 5e-4},
        {**PLAIN, "optimizer.lr": 1e-3},
    )
    net: Changes = {
        "model.hidden": pick(chance, (56,), (40, 40)),
        "model.activation": pick(chance, "relu", "gelu", "tanh"),
    }
    return (
        where,
        {**how, **net, "run.epochs": int(pick(chance, 20, 35))},
        HIGHER_RATES,
    )


@PLANTS.of("non_finite")
def _non_finite(number: int, chance: np.random.Generator) -> Planted:
    net: Changes = {
        "model.hidden": pick(chance, (56,), (40, 40, 40)),
        "model.activation": pick(chance, "relu", "softplus", "gelu"),
    }
    if number % 2:
        return "bowl_wide", {**net, **PLAIN, "data.standardize": False, "run.epochs": 12}, CALMER
    where = pick(chance, "terraces", "bowl")
    return where, {**net, **ASGD, "optimizer.lr": pick(chance, 3.0, 6.0, 20.0), "run.epochs": 12}, CALMER


@PLANTS.of("exploding_gradients")
def _exploding(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "pairs", "terraces", "bowl")
    net: Changes = {
        "model.init": "normal", "model.init_std": pick(chance, 0.5, 0.7), "model.hidden": (36,) * int(pick(chance, 7, 9)),
        "model.activation": pick(chance, "relu", "gelu", "leaky_relu"),
    }  # fmt: skip
    how: Changes = pick(chance, {**MUON, "optimizer.lr": 0.003}, {**ADAFACTOR, "optimizer.lr": 0.005}, ADADELTA)
    return where, {**net, **how, "run.epochs": 14}, USUAL_WEIGHTS


@PLANTS.of("vanishing_gradients")
def _vanishing(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "pairs", "terraces", "curve")
    if number % 4 == 3:
        net: Changes = {
            "model.init": "normal",
            "model.init_std": 2e-3,
            "model.hidden": (30,) * 4,
            "model.activation": "tanh",
        }
        return where, {**net, **PLAIN, "run.epochs": 16}, [{"model.init": "default"}]
    net = {"model.hidden": (int(pick(chance, 16, 28)),) * int(pick(chance, 7, 9, 11)), "model.activation": "sigmoid"}
    return (
        where,
        {**net, **pick(chance, PLAIN, ASGD, ADADELTA), "run.epochs": 14},
        A_WAY_THROUGH,
    )


@PLANTS.of("dead_units")
def _dead(number: int, chance: np.random.Generator) -> Planted:
    net: Changes = {"model.hidden": pick(chance, (36,), (36, 20)), "model.activation": "relu", "run.epochs": 18}
    if number % 3 == 2:
        return "terraces_far", {**net, "data.standardize": False, **ADAFACTOR, "optimizer.lr": 0.3}, ALIVE
    where = pick(chance, "pairs", "terraces", "bowl")
    how: Changes = pick(
        chance,
        {**ADAFACTOR, "optimizer.lr": 10.0},
        {**MUON, "optimizer.lr": 3.0},
        {**PLAIN, "optimizer.lr": 20.0, "optimizer.clip_norm": 3.0},
    )
    return where, {**net, **how}, ALIVE


@PLANTS.of("saturated_units")
def _saturated(number: int, chance: np.random.Generator) -> Planted:
    cures: list[Changes] = [{"model.init": "xavier"}, {"data.standardize": True}]
    net: Changes = {
        "model.hidden": pick(chance, (36,), (24, 24)),
        "model.activation": pick(chance, "tanh", "sigmoid"),
        "run.epochs": 18,
    }
    how: Changes = pick(chance, {**MUON, "optimizer.lr": 0.003}, {**PLAIN, "optimizer.lr": 0.02}, ADADELTA)
    if number % 2:
        return "bowl_wide", {**net, **how, "data.standardize": False}, cures
    where = pick(chance, "pairs", "curve", "terraces")
    return where, {**net, **how, "model.init": "normal", "model.init_std": pick(chance, 20.0, 60.0)}, cures
