"""The test part of a run once more: its data loaded and divided as it was, its weights judged by the same figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .data.table import load
from .errors import Fault, InputError
from .events import TestMeasured
from .record import Record, read_record
from .rundir import RunDir
from .text import clean
from .trained import settings
from .trials import Trial, plan_trials


@dataclass(frozen=True)
class Tested:
    """The figures of one trial; of a run without trials label is "". metric: the name of the primary one.

    before: what the run itself measured, or None when it did not. rows: of the test part.
    """

    label: str
    metric: str
    rows: int
    now: TestMeasured
    before: TestMeasured | None

    @property
    def same(self) -> bool:
        """Whether every figure is the one of the run, to the last bit."""
        return self.before is not None and _figures(self.now) == _figures(self.before)


def test_again(folder: str | Path) -> Iterator[Tested]:
    """Measure the test part of the run in `folder`, trial after trial, with the weights that it kept.

    Raises InputError when there is no such run, nothing was kept, or its data cannot be loaded any more.
    """
    from .data.readers import close_readers
    from .loop import measure_test
    from .recipe import build_recipe
    from .threads import suitable_threads

    run = RunDir(Path(folder).expanduser().absolute())
    record = read_record(run)
    config = settings(run, record)
    table = load(config.data)
    plan = plan_trials(config, table)
    kept = [trial for trial in plan if _own(run, trial).weights.exists()]
    if not kept:
        hint = "a run keeps its weights when it ends; `nntui resume` goes on with one that was broken off"
        raise InputError([Fault("", f"{clean(run.name)} has no weights to test", hint)])
    for trial in kept:
        data = trial.prepare(table)
        recipe = build_recipe(trial.config, data, fresh=False)
        _load(recipe.model, _own(run, trial))
        before = record.tests.get(trial.number if trial.label else 0)
        epoch = before.epoch if before else _best(record, trial)
        try:
            with suitable_threads(recipe):
                now = measure_test(recipe, epoch, data.baseline_metric)
        finally:
            close_readers()
        assert now is not None, "only a token can break it off"
        yield Tested(trial.label, recipe.metric[0], len(data.x_test), now, before)


test_again.__test__ = False  # type: ignore[attr-defined]  # it is no test for pytest to collect


def _own(run: RunDir, trial: Trial) -> RunDir:
    return RunDir(run.path / trial.label.replace(" ", "-")) if trial.label else run


def _best(record: Record, trial: Trial) -> int:
    return record.view.of(trial.number if trial.label else 0).best_epoch


def _load(model: object, run: RunDir) -> None:
    from torch import nn

    from .warmstart import best_weights

    assert isinstance(model, nn.Module)
    weights, words = best_weights(run.path)
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError:
        problem = f"{clean(words, 2000)} does not fit the model, which is made for the data as it is now"
        raise InputError([Fault("", problem, "has the file got other columns or classes since?")]) from None


def _figures(test: TestMeasured) -> list[object]:
    """All that a test says, comparable: NaN is equal to NaN."""
    numbers = [test.loss, test.metric, test.baseline, *test.metrics.values()]
    plain = ["nan" if math.isnan(number) else number for number in numbers]
    return [*plain, tuple(test.metrics), test.confusion]
