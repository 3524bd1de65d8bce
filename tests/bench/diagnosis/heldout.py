"""The cases that are held out: other datasets, nets, optimizers and schedules than those that were seen, and other forms.

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

AMSGRAD: Changes = {"optimizer.name": "adam", "optimizer.amsgrad": True, "optimizer.lr": 0.003}
QUICK: Changes = {"optimizer.name": "adam", "optimizer.beta1": 0.6, "optimizer.beta2": 0.98, "optimizer.lr": 0.003}
DECAYED: Changes = {"optimizer.name": "adamw", "optimizer.weight_decay": 0.05, "optimizer.lr": 0.003}
CENTERED: Changes = {
    "optimizer.name": "rmsprop",
    "optimizer.centered": True,
    "optimizer.alpha": 0.95,
    "optimizer.lr": 0.001,
}
HEAVY: Changes = {"optimizer.name": "sgd", "optimizer.momentum": 0.96, "optimizer.lr": 0.01}
DAMPED: Changes = {"optimizer.name": "sgd", "optimizer.dampening": 0.5, "optimizer.lr": 0.06}
ANY_OPTIMIZER = (AMSGRAD, QUICK, DECAYED, CENTERED, HEAVY, DAMPED)
RPROP: Changes = {"optimizer.name": "rprop", "optimizer.lr": 0.002, "run.batch_size": 0}
LBFGS: Changes = {"optimizer.name": "lbfgs", "optimizer.lr": 0.5, "run.batch_size": 0}

STOP: Changes = {
    "early_stopping.enabled": True, "early_stopping.restore_best": True, "early_stopping.patience": 9,
}  # fmt: skip
NO_CURE = (*ANY_CURE, {"optimizer.lr": "x0.33"}, {"optimizer.lr": "x3"})
"""What may not help a healthy run: a third and three times the learning rate as well."""

PICTURES: Changes = {"model.kind": "cnn", "model.channels": (6, 12), "model.hidden": (24,), "run.batch_size": 48}
GRU: Changes = {"model.kind": "gru", "model.width": 20, "run.batch_size": 48}
LSTM: Changes = {"model.kind": "lstm", "model.width": 16, "model.pooling": "mean", "run.batch_size": 48}
ATTENTION: Changes = {
    "model.kind": "transformer", "model.width": 16, "model.heads": 2, "model.feedforward": 32, "run.batch_size": 48,
}  # fmt: skip
SEQUENCES = (GRU, LSTM, ATTENTION)


def _net(chance: np.random.Generator, where: str, dense: Changes) -> Changes:
    """A net of the sort that the data ask for: `dense` unless they are pictures or signals."""
    if where.startswith(("shapes", "photographs")):
        return {**PICTURES, "model.activation": pick(chance, "relu", "leaky_relu", "silu")}
    return pick(chance, *SEQUENCES) if where.startswith("signals") else dense


@PLANTS.of("healthy")
def _healthy(number: int, chance: np.random.Generator) -> Planted:
    tables = (
        "corners_noisy", "shells_noisy", "impedance_noisy", "phase_noisy", "roll_noisy", "prices_noisy", "corners_noisy",
        "shapes_noisy", "impedance_noisy", "photographs", "roll_noisy", "signals_noisy",
    )  # fmt: skip
    where = tables[number % len(tables)]
    schedule: Changes = pick(
        chance,
        {"schedule.name": "cosine", "schedule.warmup": 2},
        {
            "schedule.name": "linear",
            "schedule.start_factor": 1.0,
            "schedule.end_factor": 0.02,
            "schedule.total_iters": 35,
        },
        {"schedule.name": "exponential", "schedule.gamma": 0.9},
        {"schedule.name": "constant"},
    )
    dense: Changes = {
        "model.hidden": pick(chance, (72,), (56, 40), (112,)),
        "model.activation": pick(chance, "relu", "gelu", "elu", "tanh"),
        "run.batch_size": int(pick(chance, 20, 48)),
    }
    return (
        where,
        {**pick(chance, *ANY_OPTIMIZER), **schedule, **_net(chance, where, dense), **STOP, "run.epochs": 36},
        NO_CURE,
    )


@PLANTS.of("hard")
def _hard(number: int, chance: np.random.Generator) -> Planted:
    """Healthy runs that look as if something were wrong."""
    cosine: Changes = {"schedule.name": "cosine"}
    forms: list[tuple[str, Changes]] = [
        ("shells_noisy", {**AMSGRAD, **cosine, "optimizer.lr": 0.0006, "run.batch_size": 4, "run.epochs": 15}),
        ("impedance_noisy", {**QUICK, **cosine, "optimizer.lr": 0.0006, "run.batch_size": 6, "run.epochs": 16}),
        ("corners_few", {**DECAYED, **STOP, **cosine, "early_stopping.patience": 3, "run.epochs": 40}),  # stopped in time
        ("roll_noisy", {**HEAVY, **STOP, "schedule.name": "step", "schedule.step_size": 10, "schedule.gamma": 0.15, "run.epochs": 40}),
        ("shells_noisy", {**CENTERED, **STOP, "schedule.name": "cyclic", "schedule.base_lr": 0.0001, "schedule.step_size_up": 80, "schedule.cycle_momentum": False, "run.epochs": 40}),
        ("phase_noisy", {**DAMPED, **STOP, **cosine, "schedule.warmup": 9, "run.epochs": 40}),
        ("prices_noisy", {**AMSGRAD, **STOP, "data.validation": 0.02, "run.epochs": 36}),  # a tiny validation part
        ("roll_noisy", {**QUICK, "schedule.name": "polynomial", "schedule.power": 2.0, "schedule.total_iters": 60, "run.epochs": 70}),  # a long tail
        ("corners_noisy", {**CENTERED, **cosine, "regularization.dropout": 0.3, "run.epochs": 36}),
        ("shapes_noisy", {**PICTURES, **QUICK, **STOP, **cosine, "regularization.shift": 1, "regularization.flip": True, "run.epochs": 44}),
        ("corners_noisy", {**DECAYED, **STOP, **cosine, "regularization.label_smoothing": 0.05, "run.precision": "bfloat16", "run.epochs": 36}),
        ("prices_noisy", {**CENTERED, **STOP, **cosine, "regularization.l1": 0.0002, "run.epochs": 40}),  # sparse
        ("impedance_noisy", {**HEAVY, **STOP, "optimizer.lr": 0.03, "run.average": "ema", "run.accumulate": 2, "run.epochs": 40}),
        ("roll_noisy", {**RPROP, **STOP, "run.epochs": 60}),  # the whole of the data in each step
        ("phase_noisy", {**QUICK, **STOP, "schedule.name": "cosine_warm_restarts", "schedule.t_0": 9, "run.epochs": 36}),
        ("signals_noisy", {**GRU, **AMSGRAD, **STOP, **cosine, "optimizer.clip_norm": 1.0, "run.epochs": 30}),
        ("shells_noisy", {**LBFGS, **STOP, "optimizer.lr": 0.2, "optimizer.max_iter": 5, "run.epochs": 25}),
    ]  # fmt: skip
    where, knobs = forms[number % len(forms)]
    return where, {"model.hidden": (80,), **knobs}, NO_CURE


@PLANTS.of("overfitting")
def _overfitting(number: int, chance: np.random.Generator) -> Planted:
    where = pick(
        chance,
        "impedance_few",
        "corners_few",
        "prices_few",
        "corners_few",
        "shapes_few",
        "signals_noisy",
        "shells_noisy",
    )
    dense: Changes = {
        "model.hidden": pick(chance, (160,), (72, 72), (48, 48, 48)),
        "model.activation": pick(chance, "relu", "gelu", "tanh", "elu"),
    }
    net = {**_net(chance, where, dense), "run.batch_size": 10, "data.train_rows": int(pick(chance, 80, 120, 160))}
    return where, {**pick(chance, *ANY_OPTIMIZER), **net, "run.epochs": int(pick(chance, 50, 80))}, STOPPING


@PLANTS.of("underfitting")
def _underfitting(number: int, chance: np.random.Generator) -> Planted:
    if number % 2 == 0:
        larger: list[Changes] = [{"model.kind": "mlp", "model.hidden": (64, 64)}, {"model.width": 48}]
        where, weak = [
            ("hastie", {"model.kind": "linear"}),
            ("corners", {"model.hidden": (2,), "model.activation": "elu"}),
            ("shells", {"model.kind": "linear"}),
            ("signals", {"model.kind": "gru", "model.width": 1}),
            ("roll", {"model.kind": "linear"}),
        ][number // 2 % 5]
        return where, {**weak, **pick(chance, AMSGRAD, QUICK, CENTERED), "optimizer.lr": 0.01, "run.epochs": 36}, larger
    where = pick(chance, "corners", "impedance", "prices", "photographs")
    key, value = [
        ("regularization.l2", 0.15),
        ("regularization.dropout", 0.85),
        ("regularization.l1", 0.04),
        ("regularization.input_dropout", 0.8),
        ("regularization.input_noise", 4.0),
    ][number // 2 % 5]
    return (
        where,
        {key: value, **pick(chance, AMSGRAD, HEAVY, DAMPED), "model.hidden": (48,), "run.epochs": 36},
        [{key: 0.0}],
    )


@PLANTS.of("too_short")
def _too_short(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "corners", "hastie", "phase", "roll", "prices", "shapes", "signals", "shells")
    dense: Changes = {
        "model.hidden": pick(chance, (48,), (40, 24), (30, 30, 30)),
        "model.activation": pick(chance, "relu", "gelu", "tanh", "leaky_relu"),
    }
    how: Changes = pick(
        chance,
        {**AMSGRAD, "optimizer.lr": 0.001},
        {**QUICK, "optimizer.lr": 0.001},
        {**DECAYED, "optimizer.lr": 0.002},
        {**CENTERED, "optimizer.lr": 0.0005},
        {**HEAVY, "optimizer.lr": 0.003},
        {**DAMPED, "optimizer.lr": 0.03},
    )
    return (
        where,
        {**_net(chance, where, dense), **how, "run.epochs": int(pick(chance, 5, 8, 11, 16, 22))},
        LONGER,
    )


@PLANTS.of("stuck")
def _stuck(number: int, chance: np.random.Generator) -> Planted:
    if number % 2 == 0:
        where = pick(chance, "corners", "shells", "roll", "hastie", "photographs")
        net: Changes = {
            "model.init": "zeros",
            "model.hidden": pick(chance, (20,), (36, 36)),
            "model.activation": pick(chance, "relu", "silu", "leaky_relu"),
        }
        return where, {**net, **pick(chance, AMSGRAD, CENTERED, HEAVY), "run.epochs": 26}, [{"model.init": "default"}]
    where = pick(chance, "shells_flat", "shells_three", "roll")
    net = {"model.hidden": (2,) if number % 4 == 1 else (3, 2), "model.activation": "relu"}
    return where, {**net, **pick(chance, AMSGRAD, QUICK, DECAYED), "optimizer.lr": 0.02, "run.epochs": 44}, OTHER_STARTS


@PLANTS.of("learning_rate_high")
def _lr_high(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "corners", "roll", "shells", "impedance", "prices", "shapes")
    dense: Changes = {
        "model.hidden": pick(chance, (48,), (36, 36)),
        "model.activation": pick(chance, "gelu", "tanh", "elu", "leaky_relu"),
    }
    how: Changes = pick(
        chance,
        {**AMSGRAD, "optimizer.lr": 0.2},
        {**QUICK, "optimizer.lr": 0.12},
        {**DECAYED, "optimizer.lr": 0.25},
        {**CENTERED, "optimizer.lr": 0.1},
        {**HEAVY, "optimizer.lr": 0.05},
        {**DAMPED, "optimizer.lr": 0.5},
    )
    return where, {**how, **_net(chance, where, dense), "run.epochs": 32}, LOWER_RATES


@PLANTS.of("learning_rate_low")
def _lr_low(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "corners", "roll", "shells", "phase", "prices", "shapes", "signals")
    dense: Changes = {
        "model.hidden": pick(chance, (48,), (36, 36)),
        "model.activation": pick(chance, "relu", "gelu", "tanh", "elu"),
    }
    how: Changes = pick(
        chance,
        {**AMSGRAD, "optimizer.lr": 3e-5},
        {**QUICK, "optimizer.lr": 2e-5},
        {**DECAYED, "optimizer.lr": 4e-5},
        {**CENTERED, "optimizer.lr": 1e-5},
        {**HEAVY, "optimizer.lr": 5e-5},
        {**DAMPED, "optimizer.lr": 5e-4},
    )
    return where, {**how, **_net(chance, where, dense), "run.epochs": int(pick(chance, 18, 30))}, HIGHER_RATES


@PLANTS.of("non_finite")
def _non_finite(number: int, chance: np.random.Generator) -> Planted:
    net: Changes = {
        "model.hidden": pick(chance, (48,), (36, 36, 36)),
        "model.activation": pick(chance, "relu", "gelu", "elu"),
        "run.epochs": 12,
    }
    if number % 2:
        return (
            pick(chance, "impedance", "roll_far"),
            {**net, **pick(chance, HEAVY, DAMPED), "data.standardize": False},
            CALMER,
        )
    where = pick(chance, "roll", "phase", "prices")
    return where, {**net, **HEAVY, "optimizer.lr": pick(chance, 0.7, 1.5, 4.0)}, CALMER


@PLANTS.of("exploding_gradients")
def _exploding(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "corners", "roll", "shells", "prices")
    net: Changes = {
        "model.init": "normal", "model.init_std": pick(chance, 0.45, 0.75), "model.hidden": (44,) * int(pick(chance, 6, 8)),
        "model.activation": pick(chance, "relu", "gelu", "leaky_relu"), "run.epochs": 13,
    }  # fmt: skip
    return (
        where,
        {**net, **pick(chance, AMSGRAD, QUICK, DECAYED, CENTERED)},
        USUAL_WEIGHTS,
    )


@PLANTS.of("vanishing_gradients")
def _vanishing(number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "corners", "roll", "shells", "prices")
    if number % 4 == 3:
        net: Changes = {
            "model.init": "normal", "model.init_std": 1e-3, "model.hidden": (26,) * 4, "model.activation": "leaky_relu",
        }  # fmt: skip
        return where, {**net, **pick(chance, HEAVY, DAMPED), "run.epochs": 15}, [{"model.init": "default"}]
    net = {"model.hidden": (int(pick(chance, 18, 36)),) * int(pick(chance, 7, 8, 10)), "model.activation": "sigmoid"}
    how: Changes = pick(chance, AMSGRAD, DECAYED, HEAVY, DAMPED)
    return where, {**net, **how, "run.epochs": 13}, A_WAY_THROUGH


@PLANTS.of("dead_units")
def _dead(number: int, chance: np.random.Generator) -> Planted:
    net: Changes = {"model.hidden": pick(chance, (44,), (44, 22)), "model.activation": "relu", "run.epochs": 16}
    if number % 3 == 2:
        return (
            "roll_far",
            {**net, "data.standardize": False, **pick(chance, AMSGRAD, QUICK), "optimizer.lr": 0.1},
            ALIVE,
        )
    where = pick(chance, "corners", "roll", "shells", "shapes")
    how: Changes = pick(
        chance,
        {**AMSGRAD, "optimizer.lr": 1.0},
        {**QUICK, "optimizer.lr": 0.6},
        {**DECAYED, "optimizer.lr": 0.8},
        {**CENTERED, "optimizer.lr": 0.5},
        {**HEAVY, "optimizer.lr": 3.0, "optimizer.clip_norm": 5.0},
    )
    return where, {**net, **how}, ALIVE


@PLANTS.of("saturated_units")
def _saturated(number: int, chance: np.random.Generator) -> Planted:
    cures: list[Changes] = [{"model.init": "xavier"}, {"data.standardize": True}]
    net: Changes = {
        "model.hidden": pick(chance, (44,), (30, 20)),
        "model.activation": pick(chance, "tanh", "sigmoid"),
        "run.epochs": 16,
        **pick(chance, AMSGRAD, DECAYED, {**DAMPED, "optimizer.lr": 0.1}),
    }
    if number % 2:
        return pick(chance, "impedance", "roll_far"), {**net, "data.standardize": False}, cures
    where = pick(chance, "corners", "roll", "shells")
    return where, {**net, "model.init": "normal", "model.init_std": pick(chance, 40.0, 90.0)}, cures
