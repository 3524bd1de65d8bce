"""nntui's engine: train, watch and diagnose neural networks without a screen.

Example::

    import engine

    config = engine.load_config("sample_configs/digits.toml", ["run.epochs=5"])
    result = engine.train(config)
    print(result.test_metric)
    engine.resume(result.folder, more=5)  # five epochs more, as if they had been planned

Importing this package imports nothing heavy; names are looked up when first used (PEP 562), and torch is imported when
training starts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "RunConfig": ".config",
    "load_config": ".configfile",
    "dump_config": ".configfile",
    "build_config": ".configfile",
    "save_config": ".saving",
    "command_line": ".invocation",
    "plain_script": ".script",
    "catalogue": ".data.catalogue",
    "train": ".runner",
    "start": ".runner",
    "resume": ".runner",
    "start_again": ".runner",
    "replay": ".runner",
    "attach": ".attached",
    "monitor": ".ownloop.entry",
    "Monitor": ".ownloop.monitoring",
    "load_trained": ".loading",
    "RunHandle": ".runner",
    "RunResult": ".runner",
    "RunView": ".runview",
    "read_journal": ".journal",
    "diagnose": ".diagnosis",
    "Finding": ".diagnosis",
    "StopToken": ".stopping",
    "InputError": ".errors",
    "CodeError": ".errors",
    "ConfigError": ".errors",
    "DataError": ".errors",
    "TrainingError": ".errors",
}

__all__ = [
    "CodeError",
    "ConfigError",
    "DataError",
    "Finding",
    "InputError",
    "Monitor",
    "RunConfig",
    "RunHandle",
    "RunResult",
    "RunView",
    "StopToken",
    "TrainingError",
    "attach",
    "build_config",
    "catalogue",
    "command_line",
    "diagnose",
    "dump_config",
    "load_config",
    "load_trained",
    "monitor",
    "plain_script",
    "read_journal",
    "replay",
    "resume",
    "save_config",
    "start",
    "start_again",
    "train",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


if TYPE_CHECKING:
    from .attached import attach
    from .config import RunConfig
    from .configfile import build_config, dump_config, load_config
    from .data.catalogue import catalogue
    from .diagnosis import Finding, diagnose
    from .errors import CodeError, ConfigError, DataError, InputError, TrainingError
    from .invocation import command_line
    from .journal import read_journal
    from .loading import load_trained
    from .ownloop.entry import monitor
    from .ownloop.monitoring import Monitor
    from .runner import RunHandle, RunResult, replay, resume, start, start_again, train
    from .runview import RunView
    from .saving import save_config
    from .script import plain_script
    from .stopping import StopToken
