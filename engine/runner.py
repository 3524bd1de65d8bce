"""Starting a run: in the calling thread (`train`) or in one of its own (`start`)."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from . import events as e
from .commandfile import CommandReader
from .commands import Command
from .config import RunConfig
from .configfile import check, to_nested
from .errors import ConfigError, Fault, InputError
from .execution import Chapter, RunResult, execute
from .facts import MadeEdit
from .lock import RunLock
from .ranks.journals import bring_home
from .ranks.rank import with_devices
from .record import STOPPED, Record, read_record, settings_of
from .rundir import RunDir
from .sinks import QueueSink, Sink
from .stopping import StopToken
from .text import clean
from .words import end_words
from .world import current_world

__all__ = ["RunHandle", "RunResult", "replay", "resume", "start", "start_again", "train"]

EXIT_SECONDS = 10.0  # how long the end of the process waits for a run that still trains


class RunHandle:
    """A run in its own daemon thread: a queue of events coming out, and a token to stop, pause or resume it by.

    Made by `engine.start` and `engine.start_again`. Events are taken with `drain`, at whatever pace suits the caller; the run never waits for it.
    """

    def __init__(
        self,
        config: RunConfig,
        sinks: Sequence[Sink] = (),
        execute: Callable[[Sequence[Sink], StopToken], RunResult] | None = None,
    ) -> None:
        self.config = config
        self._execute = execute or (lambda own, token: train(config, own, token))
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
            self._result = self._execute(self._sinks, self.token)
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

    def send(self, command: Command) -> None:
        """Ask the run for something; it answers with events."""
        self.token.obey(command)

    def tell(self, event: e.Event) -> None:
        """Have the run put an event into its record, between two batches."""
        self.token.tell(event)

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


def start_again(folder: str | Path, more: int = 0, sinks: Sequence[Sink] = ()) -> RunHandle:
    """As `resume`, in a daemon thread, and return at once.

    Raises InputError when the folder holds no run; what stands against going on with it shows in ``handle.error``.

    Example::

        import engine
        handle = engine.start_again("runs/20260101-120000-digits-mlp", more=10)
        handle.result().view.val_loss
    """
    run = RunDir(Path(folder).absolute())
    return RunHandle(settings_of(run, read_record(run)), sinks, lambda own, token: resume(folder, own, token, more))


def train(
    config: RunConfig,
    sinks: Sequence[Sink] = (),
    token: StopToken | None = None,
    *,
    script: Sequence[MadeEdit] = (),
) -> RunResult:
    """Train in the calling thread and return the result.

    script: edits to make while it trains, each in its epoch and after its batch. Raises InputError for what the user can mend
    (before anything is written) and TrainingError when training fails.

    Example::

        import engine
        result = engine.train(engine.RunConfig.model_validate({"data": {"source": "wine"}, "run": {"epochs": 20}}))
        print(result.best_epoch, result.test_metric, result.folder)
    """
    _, faults = check(to_nested(config))  # a config built in Python has not been looked at as a whole yet
    if faults:
        raise ConfigError(faults)
    return execute(with_devices(config), sinks, token or StopToken(), None, script=script)


def resume(
    folder: str | Path,
    sinks: Sequence[Sink] = (),
    token: StopToken | None = None,
    more: int = 0,
    devices: int | None = None,
) -> RunResult:
    """Go on with the run in `folder` from its newest good checkpoint, in the calling thread, as if it had never stopped.

    A run that was stopped or lost its process goes on to its end; one that was killed before its first
    checkpoint begins anew. more: epochs to add to its plan, or behind its end, whatever early stopping says. devices: how many
    train it from here on, when that is not what it was started with.

    Raises InputError when there is nothing to go on with, another process trains the run, or its config.toml was changed;
    TrainingError when training fails.

    Example::

        import engine
        result = engine.resume("runs/20260101-120000-digits-mlp")
        print(result.reason, result.epochs)
    """
    if not current_world().first:  # rank 0 says what there is to do
        return execute(RunConfig(), (), token or StopToken(), None)
    run = RunDir(Path(folder).absolute())
    lock = RunLock.take(run)
    token = token or StopToken()
    reader = CommandReader(run, token)  # from here on there is somebody who can be asked
    try:
        bring_home(run)
        record = read_record(run)
        config = with_devices(settings_of(run, record), devices)
        _refuse_finished(run, config, record, more)
        return execute(config, sinks, token, Chapter(run, lock, reader, record, more))
    finally:
        reader.close()
        lock.release()


def replay(folder: str | Path, sinks: Sequence[Sink] = (), token: StopToken | None = None) -> RunResult:
    """Train a run once more from its beginning, into a folder of its own, with every edit that counts made at its place.

    Epochs that were added are added there as well, and it goes on to its end where the run was stopped. Raises as `resume`.

    Example::

        import engine
        again = engine.replay("runs/20260101-120000-digits-mlp")
        print(again.view.val_loss, again.folder)
    """
    if not current_world().first:
        return execute(RunConfig(), (), token or StopToken(), None)
    run = RunDir(Path(folder).absolute())
    record = read_record(run)
    return train(settings_of(run, record), sinks, token, script=record.script())


def _refuse_finished(run: RunDir, config: RunConfig, record: Record, more: int) -> None:
    """Raise InputError when there is nothing to go on with."""
    reason = record.reason
    if more and config.trials.kind != "single":
        raise InputError([Fault("--more", "a run with trials has no epochs to add", "start a new one")])
    if more and not run.has_checkpoints:
        problem = f"{clean(run.name)} has no checkpoint to go on from"
        raise InputError([Fault("--more", problem, "start a new run with model.weights set to its folder")])
    if reason is None or reason in (*STOPPED, "failed") or (more and reason not in ("non_finite", "diverged")):
        return
    hint = "`--more N` adds N epochs" if config.trials.kind == "single" else "start a new run"
    if reason in ("non_finite", "diverged"):
        hint = "start a new run with model.weights set to its folder, and a smaller learning rate"
    raise InputError([Fault("", f"{clean(run.name)} has ended: {end_words(reason)}", hint)])
