"""The trials of a run, trained: one after another, or as many as go together side by side."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import events as e
from .board import TensorBoardSink
from .config import RunConfig
from .data.prepared import Prepared
from .data.table import Table
from .errors import ConfigError
from .facts import MadeEdit
from .record import STOPPED, Record
from .rundir import RunDir
from .sinks import Sink, Tee
from .stopping import StopToken
from .trials import Emit, Trial, TrialResult, announce, conclude, ended, keep_preprocess, run_trial, take_up, tell_place

if TYPE_CHECKING:
    from .keeping import Keeper
    from .sidebyside import Lane
    from .together import Together
    from .training import Training


@dataclass(frozen=True)
class Surroundings:
    """What the trials of a run share.

    record: what earlier processes left. planned: how many trials the run has. boards_of: a trial's own sinks; again: whether it
    was begun before. keeper_of: its keeper; among: how many train at the same time. ranks: all that work on the run; spread: each
    of them trains trials of its own.
    """

    tee: Tee
    token: StopToken
    table: Table
    folder: RunDir
    record: Record
    planned: int
    boards_of: Callable[[RunDir, Trial, Prepared, bool], list[Sink]]
    keeper_of: Callable[..., Keeper]
    ranks: Together
    spread: bool

    @property
    def together(self) -> Together:
        """The ranks that train each trial with this one."""
        from .together import ALONE

        return ALONE if self.spread else self.ranks


def boards(config: RunConfig, record: Record) -> Callable[[RunDir, Trial, Prepared, bool], list[Sink]]:
    """What makes the TensorBoard log of a trial, or of a run without any. record: what earlier processes left."""

    def board(where: RunDir, trial: Trial, prepared: Prepared, again: bool) -> list[Sink]:
        if not config.run.tensorboard:
            return []
        before = record.view.alone(trial.number if trial.label else 0) if again else None
        return [TensorBoardSink(where.path, trial.config, prepared, before)]

    return board


def keepers(
    config: RunConfig, token: StopToken, together: Together | None = None, script: Sequence[MadeEdit] = ()
) -> Callable[..., Keeper]:
    """What makes the keeper of a trial, or of a run without any: (its folder, None on ranks beside the first; emit; among)."""
    from .agreement import keeper_for
    from .together import ALONE

    run = config.run
    why_not = (
        "" if config.trials.kind == "single" else "a run with trials cannot be edited: they would no longer compare"
    )

    def keeper(where: RunDir | None, emit: Emit, among: int = 1) -> Keeper:
        folder, pauses = where.checkpoints if where else None, (run.checkpoint_pause, run.checkpoint_minutes)
        return keeper_for(together or ALONE)(token, emit, folder, run.checkpoints, *pauses, script, why_not, among)

    return keeper


def run_several(plan: Sequence[Trial], around: Surroundings) -> list[TrialResult]:
    """Train the trials of a plan, each into its own sub-folder. A stop ends those in hand, and the rest never begins.

    A trial that fails to converge is a result like any other; one that raises ends the run. Of a run that is taken up again,
    trials that came to their end are not trained once more: the record has their figures.
    """
    from .whichway import choose

    record, data, results = around.record, PreparedParts(around.table), []
    left = []
    for trial in plan:
        if (over := record.ended.get(trial.number)) is not None and over.reason not in STOPPED:
            own = around.folder.trial(trial.label)
            results.append(remembered(trial, over, record.tests.get(trial.number), own, data.of(trial)))
        else:
            left.append(trial)
    if around.ranks.several:
        from .ranks.spreading import part, run_shared

        results += run_shared(left, data, around)
        part(around.ranks, results)
    elif left:
        at_once, words = choose(left, data.of)
        if words:
            around.tee(e.Noted(text=words))
        groups = [left[at : at + at_once] for at in range(0, len(left), at_once)]
        results += run_in_turn(groups, data, around)
    return sorted(results, key=lambda result: result.trial.number)


def run_in_turn(groups: Iterable[Sequence[Trial]], data: PreparedParts, around: Surroundings) -> Iterator[TrialResult]:
    """Train groups of trials one after another, those of a group side by side, until the run is to stop."""
    for now in groups:
        if len(now) == 1:
            yield _run_one(now[0], data.of(now[0]), around)
        else:
            yield from _run_together(now, data, around)
        if around.token.reason is not None:
            return


class PreparedParts:
    """The arrays of trials; those of restarts, which all have the same rows, are made once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._made: tuple[Trial, Prepared] | None = None

    def of(self, trial: Trial) -> Prepared:
        if self._made is None or self._made[0].split is not trial.split:
            self._made = trial, trial.prepare(self._table)
        return self._made[1]


def _run_one(trial: Trial, data: Prepared, around: Surroundings) -> TrialResult:
    with _open(trial, data, around) as (training, keeper, own):
        emit = around.tee.of(trial.number)
        result = run_trial(emit, keeper, trial, data, training, own)
        keeper.close()
        emit(ended(result))
    return result


def _run_together(trials: Sequence[Trial], data: PreparedParts, around: Surroundings) -> list[TrialResult]:
    """Train these side by side. Each is closed, its record and its log complete, as soon as it ends."""
    from .loop import settle
    from .sidebyside import Lane, fit_together
    from .threads import suitable_threads

    tee, token = around.tee, around.token
    results: list[TrialResult] = []
    with contextlib.ExitStack() as everything:
        lanes: list[Lane] = []
        opened: dict[int, tuple[Trial, Prepared, RunDir, contextlib.ExitStack]] = {}
        for trial in trials:
            mine, own_things = data.of(trial), everything.enter_context(contextlib.ExitStack())
            training, keeper, own = own_things.enter_context(_open(trial, mine, around, len(trials)))
            training.draw_alone()
            lanes.append(Lane(trial.number, training, keeper, tee.of(trial.number)))
            opened[trial.number] = trial, mine, own, own_things
        began = time.monotonic()

        def end(over: Sequence[tuple[Lane, e.EndReason]]) -> None:
            for lane, reason in over:  # before any is tested: who asks for a stop may lose patience
                lane.keeper.save(lane.training, "stop" if reason == token.reason else "end")
            for lane, reason in over:
                trial, mine, own, own_things = opened[lane.number]
                outcome = settle(lane.training, reason, lane.emit, token)
                result = conclude(lane.emit, token, trial, mine, lane.training, own, outcome, began)
                results.append(result)
                lane.keeper.close()
                lane.emit(ended(result))
                own_things.close()

        with suitable_threads(lanes[0].training.recipe):
            fit_together(lanes, tee, token, end)
    return sorted(results, key=lambda result: result.trial.number)


@contextlib.contextmanager
def _open(
    trial: Trial, data: Prepared, around: Surroundings, among: int = 1
) -> Iterator[tuple[Training, Keeper, RunDir]]:
    """A trial, ready to be trained from where it stands; its events go to its own sinks as well for as long as this lasts."""
    from .recipe import build_recipe
    from .training import Training

    record, own, emit = around.record, around.folder.trial(trial.label), around.tee.of(trial.number)
    together = around.together
    recipe = build_recipe(trial.config, data, together.agree(not own.has_checkpoints), together)
    keeper = around.keeper_of(own, emit, among)
    training = Training(recipe, trial.config)
    begun = trial.number in record.epochs
    going_on, damage = take_up(keeper, training, record.epochs.get(trial.number, {}))
    with around.tee.trial(trial.number, around.boards_of(own, trial, data, going_on or begun)):
        if not begun:
            emit(e.TrialStarted(number=trial.number, of=around.planned, label=trial.label, folder=str(own.path)))
        for problem in damage:
            emit(e.Noted(text=problem))
        keep_preprocess(emit, own, data)
        announce(emit, trial.config, data, recipe, training.planned)
        if going_on or begun:
            tell_place(emit, training)
        try:
            yield training, keeper, own
        finally:
            keeper.close()


def remembered(
    trial: Trial, over: e.TrialEnded, test: e.TestMeasured | None, folder: RunDir, data: Prepared
) -> TrialResult:
    """The result of a trial that ended in an earlier chapter; its model is built anew, with the weights it left."""
    from .recipe import build_recipe
    from .warmstart import best_weights

    model = build_recipe(trial.config, data, fresh=False).model
    with contextlib.suppress(ConfigError, RuntimeError):  # nothing was tested, or the file is gone: the figures count
        model.load_state_dict(dict(best_weights(folder.path)[0]))
    model.eval()
    figures = {name: getattr(over, name) for name in ("epochs", "best_epoch", "val_loss", "val_metric", "seconds")}
    return TrialResult(trial=trial, reason=over.reason, test=test, model=model, data=data, **figures)
