"""The cases for setting thresholds: two sets with datasets, architectures and optimizers of their own.

The second was held out once, until it had been looked at.
"""

from __future__ import annotations

import numpy as np

from .case import (
    A_WAY_THROUGH,
    ANY_CURE,
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


@PLANTS.of("healthy")
def _healthy(second: bool, number: int, chance: np.random.Generator) -> Planted:
    """Regularized to taste, long enough, the best weights kept."""
    stop = {"early_stopping.enabled": True, "early_stopping.restore_best": True, "early_stopping.patience": 12}
    if second:
        where = pick(chance, "teacher2", "waves", "rings", "teacher2_noisy")
        how = pick(
            chance,
            {"optimizer.name": "sgd", "optimizer.lr": 0.05, "schedule.name": "cosine"},
            {
                "optimizer.name": "rmsprop",
                "optimizer.lr": 0.002,
                "schedule.name": "linear",
                "schedule.end_factor": 0.02,
            },
            {"optimizer.name": "adamw", "optimizer.lr": 0.01, "schedule.name": "one_cycle"},
        )
        net = {"model.hidden": (48, 48), "model.activation": pick(chance, "gelu", "tanh", "silu")}
        return where, {**how, **net, **stop, "run.epochs": 80, "run.batch_size": 64}, ANY_CURE
    where = pick(chance, "teacher", "smooth", "teacher_noisy", "xor")
    how = pick(
        chance,
        {"optimizer.lr": 0.003, "schedule.name": "cosine"},
        {"optimizer.lr": 0.01, "schedule.name": "cosine"},
        {"optimizer.lr": 0.005, "schedule.name": "plateau"},
    )
    return where, {**how, **stop, "run.epochs": 80, "model.hidden": pick(chance, (64,), (32, 32))}, ANY_CURE


@PLANTS.of("hard")
def _hard(second: bool, number: int, chance: np.random.Generator) -> Planted:
    """Healthy runs that look as if something were wrong."""
    stop = {"early_stopping.enabled": True, "early_stopping.restore_best": True, "early_stopping.patience": 15}
    first, second = ("teacher2", "waves") if second else ("teacher", "smooth")
    noisy = "teacher2_noisy" if second else "teacher_noisy"
    opt = {"optimizer.name": "adamw" if second else "adam", "optimizer.lr": 0.005}
    forms: list[tuple[str, Changes]] = [
        (
            noisy,
            {**opt, "run.batch_size": 4, "optimizer.lr": 0.0005, "run.epochs": 25, "schedule.name": "cosine"},
        ),  # small noisy batches
        (
            noisy,
            {**opt, **stop, "early_stopping.patience": 5, "run.epochs": 60, "schedule.name": "cosine"},
        ),  # wrong labels, stopped in time
        (
            first,
            {**opt, **stop, "schedule.name": "step", "schedule.step_size": 15, "schedule.gamma": 0.2, "run.epochs": 60},
        ),  # drops
        (
            second,
            {**opt, **stop, "schedule.name": "cosine_warm_restarts", "schedule.t_0": 10, "run.epochs": 60},
        ),  # cycles
        (
            first,
            {**opt, **stop, "optimizer.lr": 0.01, "schedule.warmup": 8, "schedule.name": "cosine", "run.epochs": 70},
        ),
        (
            second,
            {
                **opt,
                **stop,
                "regularization.l1": 0.0003,
                "schedule.name": "cosine",
                "run.epochs": 70,
                "model.hidden": (64,),
            },
        ),  # sparse
        (second, {**opt, "schedule.name": "exponential", "schedule.gamma": 0.93, "run.epochs": 120}),  # a long tail
        (
            first,
            {**opt, **stop, "data.validation": 0.01, "schedule.name": "cosine", "run.epochs": 60},
        ),  # a tiny validation part
        (
            noisy,
            {**opt, "schedule.name": "cosine", "regularization.dropout": 0.2, "run.epochs": 50, "model.hidden": (24,)},
        ),
        (second, {**opt, "schedule.name": "one_cycle", "optimizer.lr": 0.02, "run.epochs": 60}),
    ]
    where, knobs = forms[number % len(forms)]
    return where, knobs, ANY_CURE


@PLANTS.of("overfitting")
def _overfitting(second: bool, number: int, chance: np.random.Generator) -> Planted:
    if second:
        where = pick(chance, "teacher2_few", "waves_few", "breast_cancer", "diabetes")
        net = {"model.hidden": pick(chance, (256,), (96, 96, 96)), "model.activation": pick(chance, "gelu", "tanh")}
        how = pick(
            chance,
            {"optimizer.name": "sgd", "optimizer.lr": 0.1},
            {"optimizer.name": "rmsprop", "optimizer.lr": 0.002},
            {"optimizer.name": "adamw", "optimizer.lr": 0.003},
        )
        return (
            where,
            {**net, **how, "run.epochs": int(pick(chance, 80, 150)), "run.batch_size": 16, "data.train_rows": 150},
            STOPPING,
        )
    where = pick(chance, "teacher_few", "smooth_few", "digits")
    net = {"model.hidden": pick(chance, (128, 128), (256,))}
    return (
        where,
        {
            **net,
            "optimizer.lr": pick(chance, 0.001, 0.003, 0.005),
            "run.epochs": int(pick(chance, 60, 120)),
            "data.train_rows": 200,
        },
        STOPPING,
    )


@PLANTS.of("underfitting")
def _underfitting(second: bool, number: int, chance: np.random.Generator) -> Planted:
    small = number % 2 == 0
    if small:
        where = pick(chance, "rings", "waves", "teacher2") if second else pick(chance, "parity", "xor", "teacher")
        weak: Changes = (
            {"model.kind": "linear"} if number % 4 == 0 or where in ("parity", "xor") else {"model.hidden": (2,)}
        )
        cure: Changes = {"model.kind": "mlp", "model.hidden": (64, 64)}
        return where, {**weak, "optimizer.lr": 0.01, "run.epochs": 50}, [cure]
    where = pick(chance, "rings", "teacher2", "waves") if second else pick(chance, "teacher", "smooth", "digits")
    heavy: list[Changes] = [
        {"regularization.l2": 0.1},
        {"regularization.dropout": 0.85},
        {"regularization.l1": 0.02},
        {"regularization.weight_decay": 30.0},
        {"regularization.input_noise": 2.0},
    ]
    strong = heavy[(number // 2) % len(heavy)]
    key = next(iter(strong))
    opt = (
        {"optimizer.name": "sgd", "optimizer.lr": 0.02}
        if second and key != "regularization.weight_decay"
        else {"optimizer.lr": 0.003}
    )
    return where, {**strong, **opt, "run.epochs": 50}, [{key: 0.0}]


@PLANTS.of("too_short")
def _too_short(second: bool, number: int, chance: np.random.Generator) -> Planted:
    if second:
        where = pick(chance, "teacher2", "waves", "rings", "digits")
        how = pick(
            chance,
            {"optimizer.name": "sgd", "optimizer.lr": 0.02},
            {"optimizer.name": "rmsprop", "optimizer.lr": 0.001},
            {"optimizer.name": "adamw", "optimizer.lr": 0.001},
        )
        return (
            where,
            {
                **how,
                "model.hidden": (48, 48),
                "model.activation": pick(chance, "gelu", "tanh"),
                "run.epochs": int(pick(chance, 5, 8, 12, 20)),
                "run.batch_size": 64,
            },
            LONGER,
        )
    where = pick(chance, "teacher", "smooth", "digits")
    return (
        where,
        {
            "optimizer.lr": pick(chance, 0.0005, 0.001, 0.002),
            "run.epochs": int(pick(chance, 4, 6, 10, 15)),
            "model.hidden": pick(chance, (32,), (64,)),
        },
        LONGER,
    )


@PLANTS.of("stuck")
def _stuck(second: bool, number: int, chance: np.random.Generator) -> Planted:
    if number % 3 == 0:
        where = "rings" if second else "digits"
        net = {"model.init": "zeros", "model.hidden": (32, 32), "model.activation": "gelu" if second else "relu"}
        return where, {**net, "optimizer.lr": 0.003, "run.epochs": 30}, [{"model.init": "default"}]
    where = "xor2" if second else "xor"
    opt = {"optimizer.name": "adamw"} if second else {}
    net = {"model.hidden": (2,) if number % 3 == 1 else (3,), "model.activation": "relu"}
    return where, {**net, "optimizer.lr": 0.02, "run.epochs": 60, **opt}, OTHER_STARTS


@PLANTS.of("learning_rate_high")
def _lr_high(second: bool, number: int, chance: np.random.Generator) -> Planted:
    if second:
        where = pick(chance, "teacher2", "waves", "rings")
        how = pick(
            chance,
            {"optimizer.name": "adamw", "optimizer.lr": 0.2},
            {"optimizer.name": "rmsprop", "optimizer.lr": 0.1},
            {"optimizer.name": "sgd", "optimizer.lr": 0.6},
        )
        return (
            where,
            {
                **how,
                "model.hidden": (48, 48),
                "model.activation": pick(chance, "gelu", "tanh", "leaky_relu"),
                "run.epochs": 40,
                "run.batch_size": 64,
            },
            LOWER_RATES,
        )
    where = pick(chance, "teacher", "smooth", "digits")
    how = pick(chance, {"optimizer.lr": 0.05}, {"optimizer.lr": 0.15}, {"optimizer.name": "sgd", "optimizer.lr": 0.3})
    return where, {**how, "model.hidden": pick(chance, (32,), (64, 32)), "run.epochs": 40}, LOWER_RATES


@PLANTS.of("learning_rate_low")
def _lr_low(second: bool, number: int, chance: np.random.Generator) -> Planted:
    if second:
        where = pick(chance, "teacher2", "waves", "rings")
        how = pick(
            chance,
            {"optimizer.name": "adamw", "optimizer.lr": 2e-5},
            {"optimizer.name": "rmsprop", "optimizer.lr": 1e-5},
            {"optimizer.name": "sgd", "optimizer.lr": 1e-4},
        )
        return where, {**how, "model.hidden": (48, 48), "run.epochs": 30, "run.batch_size": 64}, HIGHER_RATES
    where = pick(chance, "teacher", "smooth", "digits")
    how = pick(chance, {"optimizer.lr": 2e-5}, {"optimizer.lr": 5e-5}, {"optimizer.name": "sgd", "optimizer.lr": 1e-4})
    return where, {**how, "model.hidden": (64,), "run.epochs": 30}, HIGHER_RATES


@PLANTS.of("non_finite")
def _non_finite(second: bool, number: int, chance: np.random.Generator) -> Planted:
    where = "waves" if second else pick(chance, "smooth", "smooth_few")
    rate = pick(chance, 0.5, 1.0, 3.0)
    net = {"model.hidden": pick(chance, (64, 64, 64), (48, 48)), "model.activation": "gelu" if second else "relu"}
    return (
        where,
        {**net, "optimizer.name": "sgd", "optimizer.lr": rate * (2 if second else 1), "run.epochs": 20},
        LOWER_RATES,
    )


@PLANTS.of("exploding_gradients")
def _exploding(second: bool, number: int, chance: np.random.Generator) -> Planted:
    """Weights so large that signal and gradient grow from layer to layer."""
    where = pick(chance, "waves", "rings") if second else pick(chance, "smooth", "teacher")
    net = {
        "model.init": "normal",
        "model.init_std": pick(chance, 0.5, 0.7) if second else pick(chance, 0.4, 0.6),
        "model.hidden": (64,) * (6 if second else 8),
    }
    net["model.activation"] = "gelu" if second else "relu"
    return (
        where,
        {**net, "optimizer.name": "adam", "optimizer.lr": pick(chance, 0.001, 0.003), "run.epochs": 15},
        USUAL_WEIGHTS,
    )


@PLANTS.of("vanishing_gradients")
def _vanishing(second: bool, number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "teacher2", "waves", "rings") if second else pick(chance, "teacher", "smooth", "digits")
    if number % 4 == 3:  # weights so small that neither the signal nor the gradient gets through
        tiny = {"model.init": "normal", "model.init_std": 1e-4 if second else 1e-3, "model.hidden": (32, 32, 32)}
        net = {**tiny, "model.activation": "gelu" if second else "tanh"}
        return (
            where,
            {**net, "optimizer.name": "sgd", "optimizer.lr": 0.02, "run.epochs": 20},
            [{"model.init": "default"}],
        )
    deep = int(pick(chance, 7, 8, 10)) if second else int(pick(chance, 6, 8, 10))
    opt = (
        {"optimizer.name": "sgd", "optimizer.lr": 0.05} if second or chance.random() < 0.4 else {"optimizer.lr": 0.001}
    )
    net = {"model.hidden": (24 if second else 32,) * deep, "model.activation": "sigmoid"}
    return where, {**net, **opt, "run.epochs": 15}, A_WAY_THROUGH


@PLANTS.of("dead_units")
def _dead(second: bool, number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "teacher2", "waves", "rings") if second else pick(chance, "teacher", "smooth", "digits")
    how = (
        {"optimizer.name": "rmsprop", "optimizer.lr": pick(chance, 0.3, 1.0)}
        if second
        else pick(
            chance,
            {"optimizer.lr": 0.5},
            {"optimizer.lr": 1.0},
            {"optimizer.name": "sgd", "optimizer.lr": 3.0, "optimizer.clip_norm": 5.0},
        )
    )
    return (
        where,
        {**how, "model.hidden": pick(chance, (32, 32), (48, 24)), "model.activation": "relu", "run.epochs": 20},
        [{"optimizer.lr": "x0.01"}, {"model.activation": "leaky_relu"}],
    )


@PLANTS.of("saturated_units")
def _saturated(second: bool, number: int, chance: np.random.Generator) -> Planted:
    where = pick(chance, "teacher2", "waves", "rings") if second else pick(chance, "teacher", "smooth", "digits")
    net = {
        "model.init": "normal",
        "model.init_std": pick(chance, 20.0, 40.0, 80.0),
        "model.hidden": (32, 32),
        "model.activation": "sigmoid" if second else "tanh",
    }
    opt = {"optimizer.name": "sgd", "optimizer.lr": 0.01} if second else {"optimizer.lr": 0.001}
    return where, {**net, **opt, "run.epochs": 20}, [{"model.init": "xavier"}]
