"""Training with the quick ways of computing switched on and off, in this process and without files."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine import RunConfig, StopToken, build_config
from engine.data.prepared import Prepared, load_prepared
from engine.events import EpochEnded, Event
from engine.keeping import Keeper
from engine.loop import fit
from engine.recipe import Recipe, build_recipe
from engine.training import Training

SWITCHES = ("NNTUI_FLAT", "NNTUI_CLOSED_FORM", "NNTUI_FUSED")


@contextlib.contextmanager
def switched(flat: bool = True, closed_form: bool = True, fused: bool = True) -> Iterator[None]:
    """The environment in which these quick ways are on or off."""
    before = {name: os.environ.get(name) for name in SWITCHES}
    for name, on in zip(SWITCHES, (flat, closed_form, fused), strict=True):
        os.environ[name] = "1" if on else "0"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@functools.cache
def _prepared(text: str) -> Prepared:
    return load_prepared(build_config({"data": ast.literal_eval(text)}).data)


def data_of(sections: dict[str, Any]) -> Prepared:
    """The data of a configuration, loaded once."""
    return _prepared(repr(sections.get("data", {"source": "wine"})))


def config_of(sections: dict[str, Any], epochs: int = 2) -> RunConfig:
    """A small net on wine unless the sections say otherwise; every epoch is trained, and the last weights are kept."""
    merged = {
        "data": {"source": "wine"},
        "model": {"kind": "mlp", "hidden": [12, 7]},
        "early_stopping": {"enabled": False, "restore_best": False},
        **{name: part for name, part in sections.items() if name != "run"},
        "run": {"epochs": epochs, "device": "cpu", "seed": 3, **sections.get("run", {})},
    }
    return build_config(merged)


def recipe_of(sections: dict[str, Any], epochs: int = 2) -> Recipe:
    """The recipe for a configuration, in the environment as it is."""
    return build_recipe(config_of(sections, epochs), data_of(sections))


@dataclass
class Trained:
    """What a training gives. history: the figures of each epoch, as text, without times."""

    training: Training
    history: list[str]
    epochs: list[EpochEnded]

    @property
    def weights(self) -> list[Tensor]:
        return list(self.training.recipe.model.state_dict().values())


class Snapping(Keeper):
    """Takes the state of a training at a place, in passing."""

    content: Any = None

    def __init__(self, place: tuple[int, int] = (-1, 0)) -> None:
        super().__init__(StopToken(), lambda event: None)
        self.place = place

    def wanted(self, training: Training, now: float) -> bool:
        if (training.done, training.batch) == self.place and self.content is None:
            self.content = training.snapshot()
        return super().wanted(training, now)


def train_here(sections: dict[str, Any], epochs: int = 2, keeper: Keeper | None = None, content: Any = None) -> Trained:
    """Train in this process, from the start or from a snapshot's content."""
    config = config_of(sections, epochs)
    training = Training(build_recipe(config, data_of(sections)), config)
    if content is not None:
        training.restore(content)
    seen: list[Event] = []
    fit(training, seen.append, keeper or Snapping())
    ended = [event for event in seen if isinstance(event, EpochEnded)]
    plain = [dataclasses.replace(event, time=0.0, seconds=0.0, samples_per_second=0.0) for event in ended]
    return Trained(training, [repr(event) for event in plain], ended)


def same_weights(one: Trained, other: Trained) -> bool:
    """Whether all weights and buffers are equal, bit for bit."""
    return all(torch.equal(p, q) for p, q in zip(one.weights, other.weights, strict=True))


def farthest(one: Trained, other: Trained) -> float:
    """The largest difference of a weight, relative to the largest weight of its tensor."""
    pairs = zip(one.weights, other.weights, strict=True)
    return max(float((p - q).abs().max() / q.abs().max().clamp(min=1e-3)) for p, q in pairs if p.is_floating_point())
