"""Trials: what is trained on what, over several splits (folds) or from several starting points (restarts), and what comes of it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from . import events as e
from .config import RunConfig
from .data.prepared import Prepared, prepare
from .data.splits import Split, fold_splits, split
from .data.table import Table
from .errors import ConfigError, InputError, TrainingError
from .facts import MadeEdit
from .inputs import Inputs
from .record import changed_settings
from .report import make_report
from .rundir import RunDir, write_atomically
from .stopping import StopToken
from .text import clean

if TYPE_CHECKING:
    from .keeping import Keeper
    from .loop import Outcome
    from .recipe import Recipe
    from .training import Training

Emit = Callable[[e.Event], None]


@dataclass(frozen=True)
class Trial:
    """One training of a plan. number counts from 1; a single run is a plan of one trial without a label."""

    number: int
    label: str
    split: Split
    config: RunConfig

    def prepare(self, table: Table) -> Prepared:
        """The data of this trial: everything that is fitted (scaling, weights of classes) on its own training part."""
        return prepare(table, self.split, self.config.data)


@dataclass(frozen=True)
class TrialResult:
    """What one trial gives. val_loss is NaN when no epoch had a finite one; test is None when nothing was tested."""

    trial: Trial
    reason: e.EndReason
    epochs: int
    best_epoch: int
    val_loss: float
    val_metric: float
    test: e.TestMeasured | None
    seconds: float
    model: Any
    data: Prepared


def plan_trials(config: RunConfig, table: Table) -> list[Trial]:
    """The trials that the configuration asks for. Raises ConfigError when the data has too few rows for them."""
    trials = config.trials
    if trials.kind == "kfold":
        splits = fold_splits(table, config.data, trials.folds, trials.all_pairs)
        label = "pair" if trials.all_pairs else "fold"
        return [Trial(number, f"{label} {number}", part, config) for number, part in enumerate(splits, 1)]
    part = split(table, config.data)
    if trials.kind == "restarts":
        seeds = [config.run.seed + count for count in range(trials.restarts)]
        return [Trial(number, f"restart {number}", part, _seeded(config, seed)) for number, seed in enumerate(seeds, 1)]
    return [Trial(1, "", part, config)]


def _seeded(config: RunConfig, seed: int) -> RunConfig:
    return config.model_copy(update={"run": config.run.model_copy(update={"seed": seed})})


def run_trial(
    emit: Emit, keeper: Keeper, trial: Trial, data: Prepared, training: Training, folder: RunDir | None
) -> TrialResult:
    """The loop from wherever `training` stands, then the test part once, then the weights on disk; folder: None writes nothing."""
    from .loop import fit
    from .threads import suitable_threads

    began = time.monotonic()
    with suitable_threads(training.recipe):
        outcome = fit(training, emit, keeper)
        return conclude(emit, keeper.token, trial, data, training, folder, outcome, began)


def conclude(
    emit: Emit,
    token: StopToken,
    trial: Trial,
    data: Prepared,
    training: Training,
    folder: RunDir | None,
    outcome: Outcome,
    began: float,
) -> TrialResult:
    """The test part once, then the weights on disk. began: when training did, of time.monotonic(). folder: None writes nothing."""
    from .loop import measure_test
    from .probes import answers_to, map_regions

    recipe, tested = training.recipe, outcome.weights_epoch
    test = None
    if tested:  # otherwise no epoch was completed, and figures of untrained weights would only mislead
        test = measure_test(recipe, tested, data.baseline_metric, token)
    if test is not None and folder is not None:
        emit(test)
        inputs = Inputs(data.x_test, data.x_mean, data.x_scale, data.feature_names, data.image_shape, data.texts)
        answers = answers_to(recipe, recipe.test.alone(), data.y_mean, data.y_scale)
        emit(make_report(answers, data.classes, tested, inputs))
        for fact in map_regions(recipe, data, tested):
            emit(fact)
        _save_weights(emit, recipe, folder)
    recipe.model.eval()
    # A stop in a hurry has left the test out: the end, whatever it is by, is still to come.
    untested = tested > 0 and test is None and token.reason is not None
    best = training.history.get(outcome.best_epoch)
    return TrialResult(
        trial=trial,
        reason=token.reason if untested and token.reason else outcome.reason,
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        val_loss=best.val_loss if best else math.nan,
        val_metric=best.val_metric if best else math.nan,
        test=test,
        seconds=time.monotonic() - began,
        model=recipe.model,
        data=data,
    )


def announce(emit: Emit, config: RunConfig, data: Prepared, recipe: Recipe, planned: int = 0) -> None:
    """Tell what is about to be trained on what. planned: the epochs, when they are not those of the settings."""
    from .gradients import named_layers

    emit(
        e.DataPrepared(
            dataset=clean(config.data.source),
            task=data.task,
            train_rows=len(data.x_train),
            validation_rows=len(data.x_validation),
            test_rows=len(data.x_test),
            shape=data.sample_shape,
            class_names=data.class_names,
            baseline_loss=recipe.baseline,
        )
    )
    for note in (*data.notes, *recipe.notes):
        emit(e.Noted(text=note))
    layers = named_layers(recipe.model)
    metric, mode = recipe.metric
    emit(
        e.ModelBuilt(
            layers=layers,
            parameters=sum(size for _, size in layers),
            epochs=planned or recipe.epochs,
            steps_per_epoch=len(recipe.train),
            batch_size=recipe.train.batch_size,
            metric=metric,
            metric_mode=mode,
        )
    )


def keep_preprocess(emit: Emit, folder: RunDir, data: Prepared) -> None:
    """Write what was learned of the training part into the folder of the run or trial; a full disk is told.

    Where a run is taken up, it is also told when the data is no longer what it was: the weights were trained on the other.
    """
    if data.preprocess is None:
        return
    content = data.preprocess.to_json().encode()
    try:
        if folder.preprocess.exists() and folder.preprocess.read_bytes() != content:
            emit(
                e.Noted(
                    text="the data has changed since this run began: its training part gives other means or categories"
                )
            )
        write_atomically(folder.preprocess, content)
    except OSError as error:
        emit(e.SinkFailed(sink=folder.preprocess.name, problem=clean(error)))


def take_up(
    keeper: Keeper, training: Training, history: dict[int, e.EpochEnded], edits: Sequence[MadeEdit] = ()
) -> tuple[bool, list[str]]:
    """Put `training` where its newest good checkpoint stands; whether there was one, and a line for each damaged one.

    edits: all that count in the record; those that were made behind that point are made once more. Raises TrainingError when
    there are checkpoints and none is good, or the newest good one is not for this version, this model or these settings.
    """
    problems: list[str] = []
    loaded = keeper.newest(problems)
    if (
        loaded is None and problems
    ):  # beginning anew would clear them away, and another PyTorch may be able to read them
        raise TrainingError(f"no checkpoint of this run can be used: {'; '.join(problems)}")
    problems = [f"checkpoint: {problem}" for problem in problems]
    if loaded is not None:
        training.history = dict(sorted(history.items()))
        try:
            if faults := changed_settings(json.loads(loaded.content["config"]), training.started):
                raise ConfigError(faults)
            problems += training.restore(loaded.content)
        except (ValueError, InputError) as error:
            raise TrainingError(f"{loaded.entry.file} cannot be gone on from: {clean(error)}") from error
        except KeyError as error:
            problem = f"{loaded.entry.file} was written by another version, it lacks {clean(error)}"
            hint = "go on with that version, or start a new run with model.weights set to this run's folder"
            raise TrainingError(f"{problem}; {hint}") from error
    keeper.make_again(training, edits[len(training.edits) :])
    return loaded is not None, problems


def tell_place(emit: Emit, training: Training) -> None:
    """Say where training stands, and what held there."""
    emit(training.rewound("resumed"))
    for fact in training.told():
        emit(fact)


def ended(result: TrialResult) -> e.TrialEnded:
    """The event that a trial's result makes."""
    return e.TrialEnded(
        number=result.trial.number,
        label=result.trial.label,
        reason=result.reason,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        val_loss=result.val_loss,
        val_metric=result.val_metric,
        test_loss=result.test.loss if result.test else math.nan,
        test_metric=result.test.metric if result.test else math.nan,
        seconds=result.seconds,
    )


def summarize(kind: str, results: Sequence[TrialResult]) -> e.TrialsSummarized:
    """Mean and spread over the trials whose figures are finite, and which of them is best by validation loss."""
    rows = [row for row in map(ended, results) if all(map(math.isfinite, (row.val_loss, row.test_loss)))]
    best = min(rows, key=lambda row: row.val_loss, default=None)
    figures: dict[str, Any] = {}
    for name in ("val_loss", "val_metric", "test_loss", "test_metric"):
        numbers = [getattr(row, name) for row in rows]
        figures[f"{name}_mean"] = mean(numbers) if numbers else math.nan
        figures[f"{name}_sd"] = stdev(numbers) if len(numbers) > 1 else math.nan
    return e.TrialsSummarized(kind=kind, count=len(rows), best_trial=best.number if best else 0, **figures)


def best_result(results: Sequence[TrialResult]) -> TrialResult:
    """The trial with the best validation loss; the first one when none has a finite loss."""
    return min(results, key=lambda row: row.val_loss if math.isfinite(row.val_loss) else math.inf)


def keep_best_weights(emit: Emit, folder: RunDir, best: TrialResult) -> None:
    """Copy the best trial's weights, and what goes with them, into the run's own folder."""
    source = folder.trial(best.trial.label).weights
    keep_preprocess(emit, folder, best.data)
    try:
        write_atomically(folder.weights, source.read_bytes())
    except OSError as error:
        emit(e.SinkFailed(sink=folder.weights.name, problem=clean(error)))


def _save_weights(emit: Emit, recipe: Recipe, folder: RunDir) -> None:
    """The weights as safetensors; a full disk is told, and does not take the figures with it."""
    from safetensors.torch import save

    def _own(value: Any) -> Any:  # not a part of a longer vector, which some versions refuse to write
        return value.detach().to("cpu", copy=True).contiguous()

    try:
        weights = {name: _own(value) for name, value in recipe.model.state_dict().items()}
        write_atomically(folder.weights, save(weights))
    except OSError as error:
        emit(e.SinkFailed(sink=folder.weights.name, problem=clean(error)))
