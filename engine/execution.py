"""One process's part of a run: load, plan, train, test, save, with the run's lock held and its record written."""

from __future__ import annotations

import contextlib
import copy
import os
import platform
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import events as e
from .alerts import AlertCommand
from .board import missing_for_figures
from .coderecord import keep_code
from .commandfile import CommandReader
from .commands import Save
from .config import RunConfig
from .configfile import to_nested
from .data.prepared import Prepared
from .data.table import load
from .errors import TrainingError
from .facts import MadeEdit
from .journal import JournalSink
from .lock import RunLock
from .record import STOPPED, Record
from .rundir import RunDir, create_run_dir
from .runview import RunView
from .several import Surroundings, boards, keepers, run_several
from .sinks import Sink, Tee, ViewSink
from .stopping import StopToken
from .text import clean
from .trials import (
    TrialResult,
    announce,
    best_result,
    ended,
    keep_best_weights,
    keep_preprocess,
    plan_trials,
    run_trial,
    summarize,
    take_up,
    tell_place,
)
from .usercode import code_files, forget
from .userframes import training_error
from .world import current_world

if TYPE_CHECKING:
    from .recipe import Recipe
    from .together import Together


@dataclass(frozen=True)
class RunResult:
    """What a finished run gives.

    view: the whole history and the final figures. model: the trained torch module, in evaluation mode, with the weights of
    the best epoch (or of the last one, when restoring was switched off); it takes standardized inputs of shape
    (n, features). data: the arrays it was trained on, with the statistics to standardize new inputs by. With folds or
    restarts, model, data and the figures are those of the trial with the best validation loss, trials has every one's
    figures and summary their mean and spread.
    """

    folder: str
    reason: e.EndReason
    epochs: int
    best_epoch: int
    test_loss: float | None
    test_metric: float | None
    baseline: float
    seconds: float
    view: RunView
    model: Any
    data: Prepared
    trials: tuple[e.TrialEnded, ...] = ()
    summary: e.TrialsSummarized | None = None


@dataclass(frozen=True)
class Chapter:
    """A run that is taken up again. lock: already taken; reader: of what is asked of it since. more: epochs to add."""

    run: RunDir
    lock: RunLock
    reader: CommandReader
    record: Record
    more: int = 0


def execute(
    config: RunConfig,
    sinks: Sequence[Sink],
    token: StopToken,
    chapter: Chapter | None,
    script: Sequence[MadeEdit] = (),
) -> RunResult:
    """Plan, make or take up the run folder, train, test, save. Nothing is written before the input has proved usable.

    On several ranks (see engine.world) this is what rank 0 does; the others take part in it, and what they were given but their
    token counts for nothing.
    """
    world = current_world()
    if not world.several:
        return _execute(config, sinks, token, chapter, script)
    from .following import Errand, follow
    from .together import join

    with join(world) as together:
        if not world.first:
            return _followed(follow(together, token))
        try:
            edits, more = (chapter.record.to_make(), chapter.more) if chapter else ([], 0)
            together.agree(Errand(config, _is_fresh(chapter), tuple(script), edits, more))
            return _execute(config, sinks, token, chapter, script, together)
        except Exception as error:
            if (cause := together.cause(error)) is error:
                raise
            raise cause from cause.__cause__ or error


def _execute(
    config: RunConfig,
    sinks: Sequence[Sink],
    token: StopToken,
    chapter: Chapter | None,
    script: Sequence[MadeEdit],
    together: Together | None = None,
) -> RunResult:
    """As `execute`, in a process of its own or as rank 0 of those that have met."""
    forget()  # a process that stands by may have loaded the user's code for a preview: the run takes it as it is now
    table = load(config.data)
    plan = plan_trials(config, table)
    data = plan[0].prepare(table)
    from .agreement import AgreedToken
    from .data.readers import close_readers
    from .machine import MachineWatch, meters_for
    from .ranks.spreading import spreads
    from .recipe import build_recipe  # torch is imported here and not before
    from .together import ALONE
    from .training import Training

    alone, ranks = config.trials.kind == "single", together or ALONE
    spread = not alone and spreads(len(plan), ranks.world.size)
    together = ALONE if spread else ranks
    recipe = build_recipe(plan[0].config, data, _is_fresh(chapter), together)
    folder = chapter.run if chapter else create_run_dir(config)
    lock = chapter.lock if chapter else RunLock.take(folder)
    code_notes = keep_code(folder, code_files(), config, table)
    record = chapter.record if chapter else Record()
    seen = ViewSink(copy.deepcopy(record.view))
    tee = Tee([JournalSink(folder.journal), seen, *sinks])
    if config.run.alert_command:
        tee.add([AlertCommand(config.run.alert_command, folder.path, folder.log)])
    reader = chapter.reader if chapter else CommandReader(folder, token)
    asked, token = token, AgreedToken(token, together) if together.several else token
    machine = MachineWatch(tee, lambda: meters_for(recipe.device), lambda: token.paused)

    board, keeper = boards(config, record), keepers(config, token, together, script)
    began = time.monotonic() - record.spent  # what earlier processes took counts as well
    try:
        notes = code_notes
        notes += [f"{record.damaged} damaged lines of the journal were passed over"] if record.damaged else []
        if config.run.tensorboard and config.run.figures:
            notes.append(missing_for_figures())
        if not alone:
            _begin(tee, _started(config, recipe, folder, chapter, ranks), notes)
            machine.start()
            around = Surroundings(tee, token, table, folder, record, len(plan), board, keeper, ranks, spread)
            results = run_several(plan, around)
        else:
            training = Training(recipe, plan[0].config)
            watch = keeper(folder, tee)
            going_on, damage = take_up(watch, training, record.epochs.get(0, {}), record.to_make())
            again = going_on or record.after != ""
            # The board comes last: it draws figures when the run ends, and nobody should wait for them to see the result.
            tee.add(board(folder, plan[0], data, again))
            _begin(tee, _started(config, recipe, folder, chapter, ranks), [*notes, *damage, watch.room(training)])
            keep_preprocess(tee, folder, data)
            announce(tee, config, data, recipe, training.planned)
            machine.start()
            if again:
                tell_place(tee, training)
            try:
                if chapter and chapter.more:
                    if not going_on:
                        raise TrainingError("no checkpoint is left to go on from: start a new run")
                    watch.more(training, chapter.more)
                results = [run_trial(tee, watch, plan[0], data, training, folder)]
            finally:
                watch.close()
        reader.close()
        machine.close()  # nothing follows the end
        _answer_late(tee, token)
        _answer_late(tee, asked)
        cut = token.reason if len(results) < len(plan) else None
        return _result(tee, seen.view, config, results, folder, began, cut)
    except (Exception, SystemExit) as error:  # sys.exit() in a model of the user's own is a failure as any other
        machine.close()
        error = ranks.cause(error)
        failed = error if isinstance(error, TrainingError) else training_error(error)
        _record_failure(tee, seen.view, folder, error, failed, time.monotonic() - began)
        if failed is error:
            raise
        raise failed from error
    finally:
        close_readers()
        machine.close()
        reader.close()
        tee.close()
        lock.release()


def _is_fresh(chapter: Chapter | None) -> bool:
    """Whether a run begins with the weights it was given, and not at a checkpoint."""
    return chapter is None or not chapter.run.has_checkpoints


def _begin(tee: Tee, event: e.Event, notes: Sequence[str]) -> None:
    """The first event of this process, and what a person should know before training starts."""
    tee(event)
    for note in filter(None, notes):
        tee(e.Noted(text=note))


def _started(config: RunConfig, recipe: Recipe, folder: RunDir, chapter: Chapter | None, ranks: Together) -> e.Event:
    import numpy
    import torch

    from .memory import device_words
    from .together import rank_words

    device = f"{device_words(recipe.device)}{rank_words(ranks)}"
    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": numpy.__version__}
    if chapter is not None and chapter.record.after:
        return e.RunResumed(
            run=folder.name,
            folder=str(folder.path),
            config=to_nested(config),
            device=device,
            pid=os.getpid(),
            after=chapter.record.after,
            more=chapter.more,
            versions=versions,
        )
    return e.RunStarted(
        run=folder.name,
        folder=str(folder.path),
        config=to_nested(config),
        device=device,
        versions=versions,
    )


def _answer_late(tee: Tee, token: StopToken) -> None:
    """What came after the last batch, while the test was under way: nobody is left without an answer."""
    while token.notices:
        tee(token.notices.popleft())
    while token.asked:
        command = token.asked.popleft()
        if not isinstance(command, Save):  # the last checkpoint has all there is
            tee(e.CommandRefused(command=command.word, problem="training is over"))


def _result(
    tee: Tee,
    view: RunView,
    config: RunConfig,
    results: list[TrialResult],
    folder: RunDir,
    began: float,
    cut: e.EndReason | None,
) -> RunResult:
    """Sum up the trials, tell the end, and hand the result over. cut: why trials are left that have not begun."""
    best = best_result(results)
    reason, summary = cut or _reason(results), None
    if config.trials.kind != "single":
        summary = summarize(config.trials.kind, results)
        tee(summary)
        if config.trials.kind == "restarts" and best.test:
            keep_best_weights(tee, folder, best)
    epochs = sum(result.epochs for result in results)
    seconds = time.monotonic() - began
    tee(e.RunEnded(reason=reason, epochs=epochs, best_epoch=best.best_epoch, seconds=seconds))
    return RunResult(
        folder=str(folder.path),
        reason=reason,
        epochs=epochs,
        best_epoch=best.best_epoch,
        test_loss=best.test.loss if best.test else None,
        test_metric=best.test.metric if best.test else None,
        baseline=best.data.baseline_metric,
        seconds=seconds,
        view=view,
        model=best.model,
        data=best.data,
        trials=tuple(ended(result) for result in results) if summary else (),
        summary=summary,
    )


def _followed(result: TrialResult) -> RunResult:
    """What a rank gives that was not the first: the figures that all ranks have, and no record."""
    return RunResult(
        folder="",
        reason=result.reason,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        test_loss=result.test.loss if result.test else None,
        test_metric=result.test.metric if result.test else None,
        baseline=result.data.baseline_metric,
        seconds=result.seconds,
        view=RunView(),
        model=result.model,
        data=result.data,
    )


def _reason(results: list[TrialResult]) -> e.EndReason:
    """Why the run as a whole ended: what was asked of it, or how its only trial ended."""
    if not results[-1].trial.label:
        return results[-1].reason
    for result in results:
        if result.reason in STOPPED:
            return result.reason
    return "non_finite" if all(result.reason == "non_finite" for result in results) else "trials_done"


def _record_failure(
    tee: Tee, view: RunView, folder: RunDir, error: BaseException, failed: TrainingError, seconds: float
) -> None:
    """The traceback goes to the run's log, one line to the journal and whoever watches."""
    with contextlib.suppress(OSError), folder.log.open("a", encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    epochs, best = len(view.epochs), view.best_epoch
    tee(e.RunEnded(reason="failed", epochs=epochs, best_epoch=best, seconds=seconds, error=_one_line(failed)))


def _one_line(failed: TrainingError) -> str:
    """What ended a run as one safe line."""
    return clean(str(failed).strip().partition("\n")[0]) or type(failed).__name__
