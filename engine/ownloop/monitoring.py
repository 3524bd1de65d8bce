"""A person's own training loop under watch, from its first epoch to its end."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import events as e
from ..diagnosis import Doctor, Finding, Setting
from ..finaltext import run_words
from ..stopping import EarlyStopping
from ..text import clean
from ..words import end_words
from .gathering import Figures, Gathering, whole
from .judging import judged
from .naming import KNOWN, LOSSES, Part, better_when, metric_of
from .options import Options
from .underway import UnderWay, told_stopping

MOST_NAMES = 200
"""Series that a run has at the most: a script that makes up a new name for every epoch would fill the disk."""


STEP_SECONDS = 1.0
"""Between two steps that are told."""


class Monitor:
    """A training loop under watch, made by `engine.monitor`; a context manager.

    folder: of the run, None before it has begun and where it is switched off.
    """

    def __init__(self, name: str, options: Options, enabled: bool = True, quiet: bool = False) -> None:
        self.name = name
        self.folder: Path | None = None
        self._options, self._enabled, self._quiet = options, enabled, quiet
        self._lock = threading.RLock()
        self._gathering = Gathering()
        self._stopping = EarlyStopping(options.patience, options.min_delta)
        self._doctor = Doctor(Setting(options.max_epochs, options.baseline, options.layers))
        self._watched = options.watch
        self._metric: Mapping[Part, str] = {}
        self._names: set[str] = set()
        self._complained: set[str] = set()
        self._measure = ""  # what the second curve is of
        self._epochs = self._steps = 0
        self._stepped = -math.inf  # when a step was told last, of time.perf_counter()
        self._under_way: UnderWay | None = None

    # -- what a script asks -------------------------------------------------------------------------------------------

    @property
    def should_stop(self) -> bool:
        """Whether the loop is to be left: somebody asked for it from a screen or by `nntui stop`, or early stopping says so.

        Costs nothing, so that it may be asked after every batch.
        """
        asked = self._under_way is not None and self._under_way.token.reason is not None
        return asked or self._stopping.should_stop

    @property
    def stop_reason(self) -> str:
        """Why the loop is to be left, in words; "" when it is not."""
        asked = self._under_way.token.reason if self._under_way is not None else None
        reason = self._stopping.reason or asked
        return end_words(reason) if reason else ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong at the moment, the one that explains most first."""
        return self._doctor.held()

    @property
    def best_epoch(self) -> int:
        """The epoch, as counted in the run, with the best value of what is watched; 0 when there is none yet."""
        return self._stopping.best_epoch

    @property
    def _elsewhere(self) -> bool:
        """Whether this is a forked child of the process that has the run: its record is not this one's to write."""
        return self._under_way is not None and self._under_way.pid != os.getpid()

    # -- what a script tells ------------------------------------------------------------------------------------------

    def log(
        self,
        epoch: int,
        /,
        *,
        train_loss: Any = None,
        val_loss: Any = None,
        lr: Any = None,
        grad_norm: Any = None,
        **series: Any,
    ) -> None:
        """Tell the figures of an epoch, in one call or in several.

        epoch: as the script counts, from 0 or from 1. Each value is a number or anything that `float` makes one of (a tensor or an
        array with one element); None is not logged. grad_norm: mean norm of the gradient over the epoch. series: any further
        figures; ``train_accuracy`` and ``val_accuracy`` share a chart, and the first such pair is the run's metric.

        A run that a screen has paused waits in here. Whatever goes wrong with the recording, a full disk say, is told in the run and
        raises nothing; a value that is no number is passed over with a warning. Raises RuntimeError outside of the with
        block and TypeError for an epoch that is no number.
        """
        if not self._enabled or self._elsewhere:
            return
        given = {"train_loss": train_loss, "val_loss": val_loss, "lr": lr, "grad_norm": grad_norm, **series}
        number = whole(epoch)
        with self._lock:
            if self._under_way is None:
                raise RuntimeError(
                    "this run is not under way: use `with engine.monitor(...) as run:` and log inside of it"
                )
            figures: Figures = {}
            for name, value in given.items():
                if (found := self._number(name, value)) is not None:
                    figures[name] = found
            for one, complete in self._gathering.add(number, figures):
                self._tell(self._under_way, one, complete)
            if self._gathering.late:
                names = clean(", ".join(self._gathering.late), 200)
                words = f"{names} of epoch {number} came when that was told already; from now on an epoch waits for it"
                self._complain("late figures", words, aloud=False)
            self._wait(self._under_way)

    def step(self, step: int, steps: int = 0, /, *, train_loss: Any = None, lr: Any = None) -> None:
        """Tell how far the epoch under way is: `step` of `steps` are done. For epochs of minutes; may be called after every batch.

        About once a second of it is told, and only then are the values turned into numbers, which waits for a GPU. train_loss: of
        the latest batch, or a mean since the last time. A run that a screen has paused waits in here as well.
        """
        now = time.perf_counter()
        if not self._enabled or self._under_way is None or self._elsewhere or now - self._stepped < STEP_SECONDS:
            return
        with self._lock:
            self._stepped = now
            if whole(steps, "steps") != self._steps:
                self._steps = whole(steps, "steps")
                self._under_way.emit(self._built())
            loss, rate = self._number("train_loss", train_loss), self._number("lr", lr)
            self._under_way.emit(
                e.StepsDone(
                    epoch=self._gathering.last + 1,
                    step=whole(step, "step"),
                    samples_per_second=0.0,
                    loss=math.nan if loss is None else loss,
                    lr=math.nan if rate is None else rate,
                )
            )
            self._wait(self._under_way)

    def start(self) -> Monitor:
        """Begin the run, as entering the with block does. Raises InputError when there can be no run folder."""
        if self._enabled and self._under_way is None:
            self._under_way = under_way = UnderWay(self._options, self.name)
            self.folder = under_way.run.path
            self.name = under_way.run.name
            under_way.begin()
            if not self._quiet:
                words = (
                    f"nntui: watching {clean(self.name)}; look at it with: nntui attach {run_words(str(self.folder))}"
                )
                with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody may be there to read it
                    sys.stderr.write(f"{words}\n")
        return self

    def end(self, error: BaseException | None = None) -> None:
        """End the run, as leaving the with block does; a second call does nothing. error: what ended the loop, if it failed."""
        if self._elsewhere:
            return
        with self._lock:
            under_way, self._under_way = self._under_way, None
            if under_way is None:
                return
            if error is None:
                for one, complete in self._gathering.rest():
                    self._tell(under_way, one, complete)
            reason, words = self._reason(under_way, error)
            under_way.finish(reason, words, self._epochs, self._stopping.best_epoch, error)

    def __enter__(self) -> Monitor:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)

    # -- an epoch -----------------------------------------------------------------------------------------------------

    def _tell(self, under_way: UnderWay, epoch: int, figures: Figures) -> None:
        """An epoch, and the conclusions of it."""
        if self._epochs == 0:
            self._introduce(under_way, figures)
        if self._watched in figures:
            self._stopping = self._stopping.update(epoch, figures[self._watched])
        series = {name: value for name, value in figures.items() if name not in KNOWN}
        nan = math.nan
        ended = e.EpochEnded(
            epoch=epoch,
            train_loss=figures.get("train_loss", nan),
            val_loss=figures.get("val_loss", nan),
            train_metric=figures.get(self._metric.get("train", ""), nan),
            val_metric=figures.get(self._metric.get("validation", ""), nan),
            lr=figures.get("lr", nan),
            penalty=0.0,
            grad_norm=figures.get("grad_norm", nan),
            seconds=under_way.lap(),
            samples_per_second=0.0,
            best_epoch=self._stopping.best_epoch,
            series=series,
            missing=tuple(name for name in KNOWN if name not in figures),
        )
        self._epochs = epoch
        emit = under_way.emit
        emit(ended)
        if self._options.patience is not None and self._watched in figures:
            emit(told_stopping(self._stopping, epoch, self._watched))
        if (shown := judged(ended)) is not None:
            for fact in self._doctor.examine(shown):
                emit(fact)
        if epoch != self._options.max_epochs:
            emit(e.EpochStarted(epoch=epoch + 1))

    def _introduce(self, under_way: UnderWay, figures: Figures) -> None:
        """What can be said of the run once its first epoch is there."""
        options, emit = self._options, under_way.emit
        name, self._metric = metric_of(name for name in figures if name not in KNOWN)
        if not self._watched:
            self._watched = next((one for one in ("val_loss", "train_loss") if one in figures), "")
        mode = options.mode or better_when(self._watched)
        self._stopping = EarlyStopping(options.patience, options.min_delta, mode=mode)
        self._measure = clean(name, 60)
        emit(self._built())
        if self._gathering.shift:
            emit(e.Noted(text="the script counts its epochs from 0; here the first is epoch 1"))
        if lacking := [one for one in LOSSES if one not in figures]:
            words = (
                f"no {' and no '.join(lacking)} in the first epoch: without both, little can be found out about the run"
            )
            emit(e.Noted(text=words))
        if options.patience is not None and self._watched not in figures:
            emit(
                e.Noted(
                    text=f"early stopping waits for {clean(self._watched, 60)}, which the first epoch does not have"
                )
            )

    def _built(self) -> e.ModelBuilt:
        """What is known of the model and its training; told again when more is known."""
        layers = self._options.layers
        return e.ModelBuilt(
            layers=layers,
            parameters=sum(size for _, size in layers),
            epochs=self._options.max_epochs,
            steps_per_epoch=self._steps,
            batch_size=0,
            metric=self._measure,
            metric_mode=better_when(self._measure),
        )

    def _wait(self, under_way: UnderWay) -> None:
        """Let the script wait as long as a screen wants it to."""
        token = under_way.token
        if token.paused:
            under_way.emit(e.Paused(epoch=self._epochs + 1))
            began = time.perf_counter()
            token.wait_while_paused()
            under_way.skip(time.perf_counter() - began)
            under_way.emit(e.Resumed(epoch=self._epochs + 1))

    def _number(self, name: str, value: Any) -> float | None:
        """A logged value as a number; None, with a warning at the first time, when it is none."""
        if value is None:
            return None
        if name not in self._names and len(self._names) >= MOST_NAMES:
            self._complain(
                "", f"more than {MOST_NAMES} different names were logged; {clean(name, 60)} and the like are left out"
            )
            return None
        try:
            number = float(
                value.detach() if hasattr(value, "detach") else value
            )  # torch warns of a tensor with a graph
        except Exception as error:  # noqa: BLE001  -- whatever a tensor raises, no figure is worth a person's training
            self._complain(name, f"{clean(name, 60)} is no number and is left out: {clean(error, 200)}")
            return None
        self._names.add(name)
        return number

    def _complain(self, about: str, words: str, aloud: bool = True) -> None:
        """Say something in the record, once, and with `aloud` to the script as well."""
        if about not in self._complained and self._under_way is not None:
            self._complained.add(about)
            self._under_way.emit(e.Noted(text=words))
            if aloud:
                warnings.warn(f"engine.monitor: {words}", stacklevel=4)

    # -- the end ------------------------------------------------------------------------------------------------------

    def _reason(self, under_way: UnderWay, error: BaseException | None) -> tuple[e.EndReason, str]:
        """Why the loop is over, and one line for a failure."""
        if isinstance(error, KeyboardInterrupt):
            return "interrupted", ""
        left = error is None or isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code)
        if not left:
            first = str(error).strip().partition("\n")[0]
            return "failed", clean(f"{type(error).__name__}: {first}" if first else type(error).__name__)
        most = self._options.max_epochs
        if self._stopping.reason is not None:
            return self._stopping.reason, ""
        if most and self._epochs >= most:
            return "epochs_done", ""
        return under_way.token.reason or "loop_ended", ""
