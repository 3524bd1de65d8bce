"""The cases: runs with a cause planted in them, and the cures that would have to help if it is really there.

The half ``dev`` is for setting thresholds. The half ``held`` has other datasets, architectures and optimizers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from engine.data.table import Table

Half = Literal["dev", "held"]
Changes = dict[str, Any]

KINDS = (
    "overfitting",
    "underfitting",
    "too_short",
    "stuck",
    "learning_rate_high",
    "learning_rate_low",
    "non_finite",
    "exploding_gradients",
    "vanishing_gradients",
    "dead_units",
    "saturated_units",
)
HEALTHY = ("healthy", "hard")


@dataclass(frozen=True)
class Case:
    """A run. planted: the cause, one of KINDS, or one of HEALTHY. knobs: by key, beside the defaults below. table: the name of a
    dataset below, or one of the engine's. cures: changes of which at least one has to help, each tried by itself; a healthy run's
    are those of which none may.
    """

    name: str
    planted: str
    half: Half
    table: str
    knobs: Changes
    cures: tuple[Changes, ...] = field(default=())


DEFAULTS: Changes = {
    "early_stopping.enabled": False,
    "early_stopping.restore_best": False,
    "data.validation": 0.15,
    "data.test": 0.25,
    "run.device": "cpu",
    "run.epochs": 40,
    "run.batch_size": 32,
    "model.hidden": (32,),
}
"""The last weights are what a run ends with, so that what is wrong with them can be measured."""

ANY_CURE: tuple[Changes, ...] = (
    {"run.epochs": "x3"},
    {"optimizer.lr": "x0.1"},
    {"regularization.dropout": 0.3},
    {"model.hidden": (128, 128)},
    {"early_stopping.enabled": True, "early_stopping.restore_best": True},
)
"""None of these may help a healthy run."""


# ------------------------------------------------------------------------------------------------------------- datasets


def _names(columns: int) -> tuple[str, ...]:
    return tuple(f"x{number}" for number in range(columns))


def _teacher(rows: int, features: int, classes: int, noise: float, seed: int, width: int = 6) -> Table:
    """Classes by the answers of a small random net; `noise` of the labels are drawn anew."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((rows, features)).astype(np.float32)
    hidden = np.tanh(1.5 * x @ chance.standard_normal((features, width)) / features**0.5 * 2)
    y = (hidden @ chance.standard_normal((width, classes))).argmax(1)
    wrong = chance.random(rows) < noise
    y = np.where(wrong, chance.integers(0, classes, rows), y).astype(np.int64)
    return Table("teacher", "classification", x, y, _names(features), tuple("abcdefghij"[:classes]))


def _smooth(rows: int, features: int, noise: float, seed: int) -> Table:
    """A quantity after Friedman (1991): 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5, and inputs that do not matter."""
    chance = np.random.default_rng(seed)
    x = chance.random((rows, features)).astype(np.float32)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = (y + noise * chance.standard_normal(rows)).astype(np.float32)
    return Table("smooth", "regression", x, y, _names(features))


def _waves(rows: int, noise: float, seed: int) -> Table:
    """A quantity that goes up and down over the plane."""
    chance = np.random.default_rng(seed)
    x = chance.uniform(-2, 2, (rows, 2)).astype(np.float32)
    y = np.sin(2 * x[:, 0]) * np.cos(1.5 * x[:, 1]) + 0.3 * x[:, 0] + noise * chance.standard_normal(rows)
    return Table("waves", "regression", x, y.astype(np.float32), _names(2))


def _xor(rows: int, noise: float, seed: int) -> Table:
    chance = np.random.default_rng(seed)
    corners = chance.integers(0, 2, (rows, 2))
    x = (2 * corners - 1 + noise * chance.standard_normal((rows, 2))).astype(np.float32)
    return Table("xor", "classification", x, (corners.sum(1) % 2).astype(np.int64), _names(2), ("a", "b"))


def _rings(rows: int, classes: int, noise: float, seed: int) -> Table:
    """Rings around each other."""
    chance = np.random.default_rng(seed)
    y = chance.integers(0, classes, rows)
    angle = chance.uniform(0, 2 * np.pi, rows)
    radius = 1 + y + noise * chance.standard_normal(rows)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32)
    return Table("rings", "classification", x, y.astype(np.int64), _names(2), tuple("abcdef"[:classes]))


def _parity(rows: int, seed: int) -> Table:
    """Three signs whose product is the class: nothing a part of them says helps."""
    chance = np.random.default_rng(seed)
    x = chance.choice([-1.0, 1.0], (rows, 3)) + 0.2 * chance.standard_normal((rows, 3))
    y = (np.sign(x).prod(1) > 0).astype(np.int64)
    return Table("parity", "classification", x.astype(np.float32), y, _names(3), ("a", "b"))


TABLES: dict[str, Callable[[], Table]] = {
    "teacher": lambda: _teacher(3000, 20, 5, 0.0, 1),
    "teacher_few": lambda: _teacher(1400, 20, 5, 0.1, 2),
    "teacher_noisy": lambda: _teacher(3000, 10, 3, 0.2, 3),
    "smooth": lambda: _smooth(2500, 10, 1.0, 4),
    "smooth_few": lambda: _smooth(1000, 10, 2.0, 5),
    "xor": lambda: _xor(1200, 0.15, 6),
    "parity": lambda: _parity(2000, 7),
    "teacher2": lambda: _teacher(4000, 12, 8, 0.0, 11, 10),
    "teacher2_few": lambda: _teacher(1500, 30, 3, 0.15, 12),
    "teacher2_noisy": lambda: _teacher(3500, 8, 2, 0.15, 13),
    "waves": lambda: _waves(2500, 0.2, 14),
    "waves_few": lambda: _waves(700, 0.5, 15),
    "rings": lambda: _rings(2000, 4, 0.15, 16),
    "xor2": lambda: _xor(1500, 0.3, 17),
}


@functools.cache
def table(name: str) -> Table:
    """A dataset of the corpus, made once."""
    return TABLES[name]()


# ---------------------------------------------------------------------------------------------------------------- cases


def cases(each: int = 10) -> Iterator[Case]:
    """All cases: `each` of every class in each half."""
    halves: tuple[Half, ...] = ("dev", "held")
    for half in halves:
        for planted, plant in PLANTS.items():
            for number in range(each):
                where, knobs, cures = plant(half == "held", number, np.random.default_rng([number, half == "held", 5]))
                knobs = {"run.seed": number, **knobs}
                yield Case(f"{half}-{planted}-{number}", planted, half, where, {**DEFAULTS, **knobs}, tuple(cures))


Planted = tuple[str, Changes, "tuple[Changes, ...] | list[Changes]"]


def _pick(chance: np.random.Generator, *values: Any) -> Any:
    return values[int(chance.integers(len(values)))]


def _healthy(held: bool, number: int, chance: np.random.Generator) -> Planted:
    """Regularized to taste, long enough, the best weights kept."""
    stop = {"early_stopping.enabled": True, "early_stopping.restore_best": True, "early_stopping.patience": 12}
    if held:
        where = _pick(chance, "teacher2", "waves", "rings", "teacher2_noisy")
        how = _pick(
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
        net = {"model.hidden": (48, 48), "model.activation": _pick(chance, "gelu", "tanh", "silu")}
        return where, {**how, **net, **stop, "run.epochs": 80, "run.batch_size": 64}, ANY_CURE
    where = _pick(chance, "teacher", "smooth", "teacher_noisy", "xor")
    how = _pick(
        chance,
        {"optimizer.lr": 0.003, "schedule.name": "cosine"},
        {"optimizer.lr": 0.01, "schedule.name": "cosine"},
        {"optimizer.lr": 0.005, "schedule.name": "plateau"},
    )
    return where, {**how, **stop, "run.epochs": 80, "model.hidden": _pick(chance, (64,), (32, 32))}, ANY_CURE


def _hard(held: bool, number: int, chance: np.random.Generator) -> Planted:
    """Healthy runs that look as if something were wrong."""
    stop = {"early_stopping.enabled": True, "early_stopping.restore_best": True, "early_stopping.patience": 15}
    first, second = ("teacher2", "waves") if held else ("teacher", "smooth")
    noisy = "teacher2_noisy" if held else "teacher_noisy"
    opt = {"optimizer.name": "adamw" if held else "adam", "optimizer.lr": 0.005}
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


def _overfitting(held: bool, number: int, chance: np.random.Generator) -> Planted:
    cure = [{"early_stopping.enabled": True, "early_stopping.restore_best": True}]
    if held:
        where = _pick(chance, "teacher2_few", "waves_few", "breast_cancer", "diabetes")
        net = {"model.hidden": _pick(chance, (256,), (96, 96, 96)), "model.activation": _pick(chance, "gelu", "tanh")}
        how = _pick(
            chance,
            {"optimizer.name": "sgd", "optimizer.lr": 0.1},
            {"optimizer.name": "rmsprop", "optimizer.lr": 0.002},
            {"optimizer.name": "adamw", "optimizer.lr": 0.003},
        )
        return (
            where,
            {**net, **how, "run.epochs": int(_pick(chance, 80, 150)), "run.batch_size": 16, "data.train_rows": 150},
            cure,
        )
    where = _pick(chance, "teacher_few", "smooth_few", "digits")
    net = {"model.hidden": _pick(chance, (128, 128), (256,))}
    return (
        where,
        {
            **net,
            "optimizer.lr": _pick(chance, 0.001, 0.003, 0.005),
            "run.epochs": int(_pick(chance, 60, 120)),
            "data.train_rows": 200,
        },
        cure,
    )


def _underfitting(held: bool, number: int, chance: np.random.Generator) -> Planted:
    small = number % 2 == 0
    if small:
        where = _pick(chance, "rings", "waves", "teacher2") if held else _pick(chance, "parity", "xor", "teacher")
        weak: Changes = (
            {"model.kind": "linear"} if number % 4 == 0 or where in ("parity", "xor") else {"model.hidden": (2,)}
        )
        cure: Changes = {"model.kind": "mlp", "model.hidden": (64, 64)}
        return where, {**weak, "optimizer.lr": 0.01, "run.epochs": 50}, [cure]
    where = _pick(chance, "rings", "teacher2", "waves") if held else _pick(chance, "teacher", "smooth", "digits")
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
        if held and key != "regularization.weight_decay"
        else {"optimizer.lr": 0.003}
    )
    return where, {**strong, **opt, "run.epochs": 50}, [{key: 0.0}]


def _too_short(held: bool, number: int, chance: np.random.Generator) -> Planted:
    cure = [{"run.epochs": "x3"}]
    if held:
        where = _pick(chance, "teacher2", "waves", "rings", "digits")
        how = _pick(
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
                "model.activation": _pick(chance, "gelu", "tanh"),
                "run.epochs": int(_pick(chance, 5, 8, 12, 20)),
                "run.batch_size": 64,
            },
            cure,
        )
    where = _pick(chance, "teacher", "smooth", "digits")
    return (
        where,
        {
            "optimizer.lr": _pick(chance, 0.0005, 0.001, 0.002),
            "run.epochs": int(_pick(chance, 4, 6, 10, 15)),
            "model.hidden": _pick(chance, (32,), (64,)),
        },
        cure,
    )


def _stuck(held: bool, number: int, chance: np.random.Generator) -> Planted:
    other: list[Changes] = [{"run.seed": f"+{step}"} for step in (100, 200, 300, 400, 500)]
    if number % 3 == 0:
        where = "rings" if held else "digits"
        net = {"model.init": "zeros", "model.hidden": (32, 32), "model.activation": "gelu" if held else "relu"}
        return where, {**net, "optimizer.lr": 0.003, "run.epochs": 30}, [{"model.init": "default"}]
    where = "xor2" if held else "xor"
    opt = {"optimizer.name": "adamw"} if held else {}
    net = {"model.hidden": (2,) if number % 3 == 1 else (3,), "model.activation": "relu"}
    return where, {**net, "optimizer.lr": 0.02, "run.epochs": 60, **opt}, other


def _lr_high(held: bool, number: int, chance: np.random.Generator) -> Planted:
    cure: list[Changes] = [{"optimizer.lr": "x0.1"}, {"optimizer.lr": "x0.01"}]
    if held:
        where = _pick(chance, "teacher2", "waves", "rings")
        how = _pick(
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
                "model.activation": _pick(chance, "gelu", "tanh", "leaky_relu"),
                "run.epochs": 40,
                "run.batch_size": 64,
            },
            cure,
        )
    where = _pick(chance, "teacher", "smooth", "digits")
    how = _pick(chance, {"optimizer.lr": 0.05}, {"optimizer.lr": 0.15}, {"optimizer.name": "sgd", "optimizer.lr": 0.3})
    return where, {**how, "model.hidden": _pick(chance, (32,), (64, 32)), "run.epochs": 40}, cure


def _lr_low(held: bool, number: int, chance: np.random.Generator) -> Planted:
    cure: list[Changes] = [{"optimizer.lr": "x10"}, {"optimizer.lr": "x100"}]
    if held:
        where = _pick(chance, "teacher2", "waves", "rings")
        how = _pick(
            chance,
            {"optimizer.name": "adamw", "optimizer.lr": 2e-5},
            {"optimizer.name": "rmsprop", "optimizer.lr": 1e-5},
            {"optimizer.name": "sgd", "optimizer.lr": 1e-4},
        )
        return where, {**how, "model.hidden": (48, 48), "run.epochs": 30, "run.batch_size": 64}, cure
    where = _pick(chance, "teacher", "smooth", "digits")
    how = _pick(chance, {"optimizer.lr": 2e-5}, {"optimizer.lr": 5e-5}, {"optimizer.name": "sgd", "optimizer.lr": 1e-4})
    return where, {**how, "model.hidden": (64,), "run.epochs": 30}, cure


def _non_finite(held: bool, number: int, chance: np.random.Generator) -> Planted:
    where = "waves" if held else _pick(chance, "smooth", "smooth_few")
    rate = _pick(chance, 0.5, 1.0, 3.0)
    net = {"model.hidden": _pick(chance, (64, 64, 64), (48, 48)), "model.activation": "gelu" if held else "relu"}
    return (
        where,
        {**net, "optimizer.name": "sgd", "optimizer.lr": rate * (2 if held else 1), "run.epochs": 20},
        [{"optimizer.lr": "x0.1"}, {"optimizer.lr": "x0.01"}],
    )


def _exploding(held: bool, number: int, chance: np.random.Generator) -> Planted:
    """Weights so large that signal and gradient grow from layer to layer."""
    where = _pick(chance, "waves", "rings") if held else _pick(chance, "smooth", "teacher")
    net = {
        "model.init": "normal",
        "model.init_std": _pick(chance, 0.5, 0.7) if held else _pick(chance, 0.4, 0.6),
        "model.hidden": (64,) * (6 if held else 8),
    }
    net["model.activation"] = "gelu" if held else "relu"
    return (
        where,
        {**net, "optimizer.name": "adam", "optimizer.lr": _pick(chance, 0.001, 0.003), "run.epochs": 15},
        [{"model.init": "default"}, {"model.init": "he"}],
    )


def _vanishing(held: bool, number: int, chance: np.random.Generator) -> Planted:
    where = _pick(chance, "teacher2", "waves", "rings") if held else _pick(chance, "teacher", "smooth", "digits")
    if number % 4 == 3:  # weights so small that neither the signal nor the gradient gets through
        tiny = {"model.init": "normal", "model.init_std": 1e-4 if held else 1e-3, "model.hidden": (32, 32, 32)}
        net = {**tiny, "model.activation": "gelu" if held else "tanh"}
        return (
            where,
            {**net, "optimizer.name": "sgd", "optimizer.lr": 0.02, "run.epochs": 20},
            [{"model.init": "default"}],
        )
    deep = int(_pick(chance, 7, 8, 10)) if held else int(_pick(chance, 6, 8, 10))
    opt = {"optimizer.name": "sgd", "optimizer.lr": 0.05} if held or chance.random() < 0.4 else {"optimizer.lr": 0.001}
    net = {"model.hidden": (24 if held else 32,) * deep, "model.activation": "sigmoid"}
    return where, {**net, **opt, "run.epochs": 15}, [{"model.activation": "relu"}, {"model.batch_norm": True}]


def _dead(held: bool, number: int, chance: np.random.Generator) -> Planted:
    where = _pick(chance, "teacher2", "waves", "rings") if held else _pick(chance, "teacher", "smooth", "digits")
    how = (
        {"optimizer.name": "rmsprop", "optimizer.lr": _pick(chance, 0.3, 1.0)}
        if held
        else _pick(
            chance,
            {"optimizer.lr": 0.5},
            {"optimizer.lr": 1.0},
            {"optimizer.name": "sgd", "optimizer.lr": 3.0, "optimizer.clip_norm": 5.0},
        )
    )
    return (
        where,
        {**how, "model.hidden": _pick(chance, (32, 32), (48, 24)), "model.activation": "relu", "run.epochs": 20},
        [{"optimizer.lr": "x0.01"}, {"model.activation": "leaky_relu"}],
    )


def _saturated(held: bool, number: int, chance: np.random.Generator) -> Planted:
    where = _pick(chance, "teacher2", "waves", "rings") if held else _pick(chance, "teacher", "smooth", "digits")
    net = {
        "model.init": "normal",
        "model.init_std": _pick(chance, 20.0, 40.0, 80.0),
        "model.hidden": (32, 32),
        "model.activation": "sigmoid" if held else "tanh",
    }
    opt = {"optimizer.name": "sgd", "optimizer.lr": 0.01} if held else {"optimizer.lr": 0.001}
    return where, {**net, **opt, "run.epochs": 20}, [{"model.init": "xavier"}]


PLANTS: dict[str, Callable[[bool, int, np.random.Generator], Planted]] = {
    "healthy": _healthy,
    "hard": _hard,
    "overfitting": _overfitting,
    "underfitting": _underfitting,
    "too_short": _too_short,
    "stuck": _stuck,
    "learning_rate_high": _lr_high,
    "learning_rate_low": _lr_low,
    "non_finite": _non_finite,
    "exploding_gradients": _exploding,
    "vanishing_gradients": _vanishing,
    "dead_units": _dead,
    "saturated_units": _saturated,
}
