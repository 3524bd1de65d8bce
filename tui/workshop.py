"""The process that stands by with PyTorch imported, so that a run starts at once and the screen never imports it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from engine.errors import Fault, NntuiError
from engine.preview import DataPreview, ModelPreview
from engine.spawn import Spawned
from engine.standby import Standby

from .source import OwnSource, RunSource
from .text import clean

if TYPE_CHECKING:
    from engine.config import RunConfig
    from engine.facts import RangeTest

AnyPreview = TypeVar("AnyPreview", DataPreview, ModelPreview)


PATIENCE_SECONDS = 1.0  # a run waits so long for the process that stands by


class Workshop:
    """Keeps a process ready while it may be wanted. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standby: Standby | None = None
        self._rests = False  # a run is under way: nothing is kept ready beside it

    def wake(self) -> None:
        """The next run is being thought of: see to it that a process is on its way, without waiting for it."""
        self._rests = False
        threading.Thread(target=self._warm, name="nntui-warm", daemon=True).start()

    def _warm(self) -> None:
        with self._lock, contextlib.suppress(NntuiError):  # it is tried again when it is needed, and told then
            self._ready()

    def start(self, config: RunConfig) -> RunSource:
        """Train in the process that stands by; returns at once."""
        return OwnSource(lambda: self._train(config), self._end)

    def find_rate(self, config: RunConfig) -> RangeTest:
        """A learning-rate range test; blocks. Raises InputError, or TrainingError when it fails."""
        with self._lock:
            return self._ready().find_rate(config)

    def data(self, config: RunConfig) -> DataPreview:
        """The data of `config`; blocks. What is wrong stands in the preview's faults."""
        return self._preview(DataPreview, lambda standby: standby.data(config))

    def model(self, config: RunConfig) -> ModelPreview:
        """The model of `config`; blocks. What is wrong stands in the preview's faults."""
        return self._preview(ModelPreview, lambda standby: standby.model(config))

    def _preview(self, kind: type[AnyPreview], ask: Callable[[Standby], AnyPreview]) -> AnyPreview:
        try:
            with self._lock:
                if self._rests:  # a late question; a process for it would take memory for as long as the run does
                    return kind(faults=(Fault("", "no preview while a run begins"),))
                return ask(self._ready())
        except NntuiError as error:  # the process has died: the next one that is asked may fare better
            return kind(faults=(Fault("", clean(error)),))

    def _train(self, config: RunConfig) -> Spawned:
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            return Standby().train(config)  # the one that stands by is busy with a preview or with rates
        try:
            started = self._ready().train(config)  # a refusal leaves it waiting
            self._standby, self._rests = None, True
            return started
        finally:
            self._lock.release()

    def _end(self) -> None:
        if (standby := self._standby) is not None:
            standby.end()

    def _ready(self) -> Standby:
        if self._standby is None or not self._standby.alive:
            self._standby = Standby()
        return self._standby

    def close(self) -> None:
        """Let the process end."""
        with self._lock:
            if self._standby is not None:
                self._standby.close()
            self._standby = None
