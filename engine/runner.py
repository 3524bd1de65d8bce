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
from .config import RunConfig
from .configfile import check, to_nested
from .data.prepared import Prepared, load_prepared
from .errors import ConfigError, TrainingError
from .journal import JournalSink
from .rundir import RunDir, create_run_dir, write_atomically
from .runview import RunView
from .sinks import QueueSink, Sink, Tee, TensorBoardSink, ViewSink
from .stopping import StopToken
from .text import clean

if TYPE_CHECKING:
    import torch

    from .recipe import Recipe


EXIT_SECONDS = 10.0  # how long the end of the process waits for a run that still trains


@dataclass(frozen=True)
class RunResult:
    """What a finished run gives.

    view: the whole history and the final figures. model: the trained torch module, in evaluation mode, with the weights of
    the best epoch (or of the last one, when restoring was switched off); it takes standardized inputs of shape
    (n, features). data: the arrays it was trained on, with the statistics to standardize new inputs by.
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
    """Prepare, make the run folder, train, test, save. Nothing is written before the input has proved usable."""
    _, faults = check(to_nested(config))  # a config built in Python has not been looked at as a whole yet
    if faults:
        raise ConfigError(faults)
    data = load_prepared(config.data)
    from .recipe import build_recipe  # torch is imported here and not before

    recipe = build_recipe(config, data)
    folder = create_run_dir(config)
    record = ViewSink()
    board = [TensorBoardSink(folder.path)] if config.run.tensorboard else []
    tee = Tee([JournalSink(folder.journal), record, *board, *sinks])
    began = time.monotonic()
    try:
        _announce(tee, config, data, recipe, folder)
        return _train_and_test(tee, record.view, token, data, recipe, folder, began)
    except Exception as error:
        _record_failure(tee, record.view, folder, error, time.monotonic() - began)
        raise TrainingError(_one_line(error)) from error
    finally:
        tee.close()


def _announce(tee: Tee, config: RunConfig, data: Prepared, recipe: Recipe, folder: RunDir) -> None:
    """Tell what is about to be trained on what."""
    import numpy
    import torch

    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": numpy.__version__}
    tee(
        e.RunStarted(
            run=folder.name,
            folder=str(folder.path),
            config=to_nested(config),
            device=_device_words(recipe.device),
            versions=versions,
        )
    )
    tee(
        e.DataPrepared(
            dataset=clean(config.data.source),
            task=data.task,
            train_rows=len(data.x_train),
            validation_rows=len(data.x_validation),
            test_rows=len(data.x_test),
            shape=data.image_shape or (data.x_train.shape[1],),
            class_names=data.class_names,
        )
    )
    layers = [(clean(name), sum(p.numel() for p in part.parameters())) for name, part in recipe.model.named_children()]
    metric, mode = recipe.metric
    tee(
        e.ModelBuilt(
            layers=tuple((name, size) for name, size in layers if size),
            parameters=sum(size for _, size in layers),
            epochs=recipe.epochs,
            steps_per_epoch=len(recipe.train),
            batch_size=recipe.train.batch_size,
            metric=metric,
            metric_mode=mode,
        )
    )


def _device_words(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return clean(f"cuda ({torch.cuda.get_device_name(device)})")
    return device.type


def _train_and_test(
    tee: Tee, view: RunView, token: StopToken, data: Prepared, recipe: Recipe, folder: RunDir, began: float
) -> RunResult:
    """The loop, then the test part once, then the weights on disk."""
    from .loop import fit, measure_test
    from .threads import suitable_threads

    with suitable_threads(recipe):
        outcome = fit(recipe, tee, token)
        tested = outcome.best_epoch if recipe.restore_best else outcome.epochs
        if tested:  # otherwise no epoch was completed, and figures of untrained weights would only mislead
            tee(measure_test(recipe, tested, data.baseline_metric))
            _save_weights(tee, recipe, folder)
    recipe.model.eval()
    seconds = time.monotonic() - began
    tee(e.RunEnded(reason=outcome.reason, epochs=outcome.epochs, best_epoch=outcome.best_epoch, seconds=seconds))
    return RunResult(
        folder=str(folder.path),
        reason=outcome.reason,
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        test_loss=view.test.loss if view.test else None,
        test_metric=view.test.metric if view.test else None,
        baseline=data.baseline_metric,
        seconds=seconds,
        view=view,
        model=recipe.model,
        data=data,
    )


def _save_weights(tee: Tee, recipe: Recipe, folder: RunDir) -> None:
    """The weights as safetensors; a full disk is told, and does not take the figures with it."""
    from safetensors.torch import save

    try:
        weights = {name: value.detach().cpu().contiguous() for name, value in recipe.model.state_dict().items()}
        write_atomically(folder.weights, save(weights))
    except OSError as error:
        tee(e.SinkFailed(sink=folder.weights.name, problem=clean(error)))


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
