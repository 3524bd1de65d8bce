"""Starting a run: in the calling thread (`train`) or in one of its own (`start`)."""

from __future__ import annotations

import atexit
import contextlib
import platform
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import events as e
from .board import TensorBoardSink, missing_for_figures
from .config import RunConfig
from .configfile import check, to_nested
from .data.prepared import Prepared
from .data.table import load
from .errors import ConfigError, TrainingError
from .journal import JournalSink
from .rundir import RunDir, create_run_dir
from .runview import RunView
from .sinks import QueueSink, Sink, Tee, ViewSink
from .stopping import StopToken
from .text import clean
from .trials import (
    TrialResult,
    best_result,
    ended,
    keep_best_weights,
    plan_trials,
    run_several,
    run_trial,
    summarize,
)

if TYPE_CHECKING:
    import torch

    from .recipe import Recipe


EXIT_SECONDS = 10.0  # how long the end of the process waits for a run that still trains


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


class RunHandle:
    """A run in its own daemon thread: a queue of events coming out, and a token to stop, pause or resume it by.

    Made by `engine.start`. Events are taken with `drain`, at whatever pace suits the caller; the run never waits for it.
    """

    def __init__(self, config: RunConfig, sinks: Sequence[Sink] = ()) -> None:
        self.config = config
        self.token = StopToken()
        self._queue = QueueSink()
        self._sinks = [self._queue, *sinks]
        self._result: RunResult | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="nntui-trainer", daemon=True)
        atexit.register(self._end_with_the_process)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = _execute(self.config, self._sinks, self.token)
        except BaseException as error:  # noqa: BLE001  -- kept for the thread that asks for the result
            self._error = error
        finally:
            atexit.unregister(self._end_with_the_process)

    def _end_with_the_process(self) -> None:
        """End the run before Python ends its thread, which inside torch's C++ code would abort the whole process."""
        self.token.stop("terminated")
        self._thread.join(EXIT_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether the trainer thread still runs. Events may be left in the queue after it ended."""
        return self._thread.is_alive()

    @property
    def error(self) -> BaseException | None:
        """What ended the run, when it failed: an InputError before it began, a TrainingError afterwards."""
        return self._error

    def drain(self) -> list[e.Event]:
        """The events since the last call, oldest first; never waits."""
        items = []
        while not self._queue.queue.empty():
            items.append(self._queue.queue.get())
        return items

    def stop(self, reason: e.EndReason = "stopped") -> None:
        """Ask for a stop after the batch in hand; the best weights are restored, tested and saved."""
        self.token.stop(reason)

    def pause(self) -> None:
        self.token.pause()

    def resume(self) -> None:
        self.token.resume()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the run to end, `timeout` seconds at most; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def result(self) -> RunResult:
        """Wait for the end and return the result. Raises what ended the run if it failed."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result


def start(config: RunConfig, sinks: Sequence[Sink] = ()) -> RunHandle:
    """Train in a daemon thread and return at once.

    Bad input and failures show in ``handle.error`` and are raised by ``handle.result()``.

    Example::

        import engine
        handle = engine.start(engine.RunConfig.model_validate({"run": {"epochs": 3}}))
        while handle.alive:
            handle.join(0.1)
            for event in handle.drain():
                ...  # for example view.apply(event)
        handle.result().test_metric
    """
    return RunHandle(config, sinks)


def train(config: RunConfig, sinks: Sequence[Sink] = (), token: StopToken | None = None) -> RunResult:
    """Train in the calling thread and return the result.

    Raises InputError for what the user can mend (before anything is written) and TrainingError when training fails.

    Example::

        import engine
        result = engine.train(engine.RunConfig.model_validate({"data": {"source": "wine"}, "run": {"epochs": 20}}))
        print(result.best_epoch, result.test_metric, result.folder)
    """
    return _execute(config, sinks, token or StopToken())


def _execute(config: RunConfig, sinks: Sequence[Sink], token: StopToken) -> RunResult:
    """Plan, make the run folder, train, test, save. Nothing is written before the input has proved usable."""
    _, faults = check(to_nested(config))  # a config built in Python has not been looked at as a whole yet
    if faults:
        raise ConfigError(faults)
    table = load(config.data)
    plan = plan_trials(config, table)
    data = plan[0].prepare(table)
    from .recipe import build_recipe  # torch is imported here and not before

    recipe = build_recipe(plan[0].config, data)
    folder = create_run_dir(config)
    record = ViewSink()

    def board(where: RunDir, own: RunConfig, prepared: Prepared) -> list[Sink]:
        return [TensorBoardSink(where.path, own, prepared)] if config.run.tensorboard else []

    alone = config.trials.kind == "single"
    # The board comes last: it draws figures when the run ends, and nobody should wait for them to see the result.
    boards = board(folder, config, data) if alone else []
    tee = Tee([JournalSink(folder.journal), record, *sinks, *boards])
    began = time.monotonic()
    try:
        tee(_started(config, recipe, folder))
        if config.run.tensorboard and config.run.figures and (why := missing_for_figures()):
            tee(e.Noted(text=why))
        if alone:
            results = [run_trial(tee, token, plan[0], data, recipe, folder)]
        else:
            results = list(run_several(tee, token, plan, table, folder, board))
        return _result(tee, record.view, config, results, folder, began)
    except Exception as error:
        _record_failure(tee, record.view, folder, error, time.monotonic() - began)
        raise TrainingError(_one_line(error)) from error
    finally:
        tee.close()


def _started(config: RunConfig, recipe: Recipe, folder: RunDir) -> e.RunStarted:
    import numpy
    import torch

    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": numpy.__version__}
    return e.RunStarted(
        run=folder.name,
        folder=str(folder.path),
        config=to_nested(config),
        device=_device_words(recipe.device),
        versions=versions,
    )


def _device_words(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return clean(f"cuda ({torch.cuda.get_device_name(device)})")
    return device.type


def _result(
    tee: Tee, view: RunView, config: RunConfig, results: list[TrialResult], folder: RunDir, began: float
) -> RunResult:
    """Sum up the trials, tell the end, and hand the result over."""
    best = best_result(results)
    summary = None
    if config.trials.kind != "single":
        summary = summarize(config.trials.kind, results)
        tee(summary)
        if config.trials.kind == "restarts" and best.test:
            keep_best_weights(tee, folder, best)
    reason = _reason(results)
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


def _reason(results: list[TrialResult]) -> e.EndReason:
    """Why the run as a whole ended: what was asked of it, or how its only trial ended."""
    last = results[-1].reason
    if not results[-1].trial.label or last in ("stopped", "interrupted", "terminated"):
        return last
    return "non_finite" if all(result.reason == "non_finite" for result in results) else "trials_done"


def _record_failure(tee: Tee, view: RunView, folder: RunDir, error: Exception, seconds: float) -> None:
    """The traceback goes to the run's log, one line to the journal and whoever watches."""
    with contextlib.suppress(OSError), folder.log.open("a", encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    epochs, best = len(view.epochs), view.best_epoch
    tee(e.RunEnded(reason="failed", epochs=epochs, best_epoch=best, seconds=seconds, error=_one_line(error)))


def _one_line(error: Exception) -> str:
    """An exception as one safe line: its type and the first line of its message."""
    first = str(error).strip().partition("\n")[0]
    return clean(f"{type(error).__name__}: {first}" if first else type(error).__name__)
