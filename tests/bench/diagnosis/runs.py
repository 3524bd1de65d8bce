"""Training the cases with nntui's own loop, and keeping what came of it on disk: the rules are then judged anew in no time."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import RunConfig, build_config
from engine.eventjson import from_json, to_json
from engine.events import EpochEnded, TestMeasured
from engine.knobs import knob_by_key, show, values
from engine.knobs import knobs as all_knobs

from .case import Changes
from .tables import TABLES, table

FORMAT = 4
"""Part of the name of what is kept: change it when the engine trains or measures differently."""


@dataclass(frozen=True)
class Trained:
    """What a run came to. classes: of its data, 0 of a quantity. test: its loss on the test part, infinite when it is not a number."""

    epochs: tuple[EpochEnded, ...]
    test: float
    baseline: float
    layers: tuple[tuple[str, int], ...]
    config: RunConfig
    classes: int = 0

    @property
    def knobs(self) -> dict[str, Any]:
        return values(self.config)


def with_changes(knobs: Changes, changes: Changes) -> Changes:
    """Knobs with some of them changed: a value, ``x0.1`` for a factor, ``+1`` for a step."""
    found = dict(knobs)
    for key, value in changes.items():
        before = found.get(key, knob_by_key()[key].default_for(found))
        if isinstance(value, str) and value[:1] == "x" and not isinstance(before, str):
            value = type(before)(before * float(value[1:]))
        elif isinstance(value, str) and value[:1] == "+":
            value = before + int(value[1:])
        found[key] = value
    return found


class Store:
    """Trains what has not been trained before. trained: how many runs that were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self.trained = 0

    def run(self, where: str, knobs: Changes) -> Trained:
        """The run with these knobs on the dataset of this name."""
        source = "digits" if where in TABLES else where
        found = {row.key: knobs.get(row.key, row.default_for(knobs)) for row in all_knobs()} | {"data.source": source}
        # A cure can leave other knobs without effect.
        used = [row for row in all_knobs() if row.key in knobs and row.visible(found)]
        settings = [f"data.source={source}", *(f"{row.key}={show(row, knobs[row.key])}" for row in used)]
        config = build_config({}, settings)
        text = json.dumps([FORMAT, where, *settings])
        path = self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
        if path.exists():
            body = json.loads(path.read_text())
        else:
            body = _train(where, config)
            self.trained += 1
            path.write_text(json.dumps(body))
        epochs = tuple(event for event in map(from_json, body["epochs"]) if isinstance(event, EpochEnded))
        layers = tuple((str(name), int(size)) for name, size in body["layers"])
        test = math.inf if body["test"] is None else body["test"]
        baseline = math.nan if body["baseline"] is None else body["baseline"]
        return Trained(epochs, test, baseline, layers, config, _classes(where))


@functools.cache
def _classes(where: str) -> int:
    """How many classes a dataset has, 0 of a quantity."""
    from engine.config import DataConfig
    from engine.data.table import load

    return len((table(where) if where in TABLES else load(DataConfig(source=where))).class_names)


def _train(where: str, config: RunConfig) -> dict[str, Any]:
    import torch

    from engine.data.prepared import prepare
    from engine.data.splits import split
    from engine.data.table import load
    from engine.gradients import named_layers
    from engine.keeping import Keeper
    from engine.loop import fit, measure_test
    from engine.recipe import build_recipe
    from engine.stopping import StopToken
    from engine.training import Training

    torch.set_num_threads(1)
    source = table(where) if where in TABLES else load(config.data)
    data = prepare(source, split(source, config.data), config.data)
    recipe = build_recipe(config, data)
    events: list[Any] = []
    outcome = fit(Training(recipe, config), events.append, Keeper(StopToken(), events.append))
    test: TestMeasured | None = measure_test(recipe, outcome.weights_epoch, data.baseline_metric)
    loss = test.loss if test is not None and outcome.reason != "non_finite" else math.inf
    return {
        "epochs": [to_json(event) for event in events if isinstance(event, EpochEnded)],
        "test": loss if math.isfinite(loss) else None,
        "baseline": recipe.baseline if math.isfinite(recipe.baseline) else None,
        "layers": named_layers(recipe.model),
    }
