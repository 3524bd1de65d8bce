"""The arguments of `engine.monitor`, looked at before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError, Fault
from ..text import clean

MOST_SETTINGS = 500
_LONGEST = 200  # characters of a setting's text


@dataclass(frozen=True)
class Options:
    """What a loop is watched with; see `engine.monitor`. layers: (name, parameters) of each layer of the model that has any."""

    max_epochs: int
    patience: int | None
    min_delta: float
    watch: str
    mode: Literal["min", "max", ""]
    settings: dict[str, Any]
    layers: tuple[tuple[str, int], ...]
    baseline: float
    folder: str
    tensorboard: bool
    device: str

    def words(self) -> dict[str, Any]:
        """What the record says of them."""
        told: dict[str, Any] = {"max_epochs": self.max_epochs}
        if self.patience is not None:
            told |= {"patience": self.patience, "min_delta": self.min_delta, "watch": self.watch or "auto"}
        return told


def checked(
    *,
    max_epochs: Any,
    patience: Any,
    min_delta: Any,
    watch: Any,
    mode: Any,
    settings: Any,
    model: Any,
    baseline: Any,
    folder: Any,
    tensorboard: bool,
    device: Any,
) -> Options:
    """The options, or a ConfigError with every fault."""
    faults = [
        *_wrong("max_epochs", max_epochs, _is_count(max_epochs, 0), "a whole number, or 0 when it is not known"),
        *_wrong(
            "patience", patience, patience is None or _is_count(patience, 1), "a whole number of at least 1, or None"
        ),
        *_wrong("min_delta", min_delta, _is_number(min_delta) and min_delta >= 0, "a number of at least 0"),
        *_wrong("watch", watch, isinstance(watch, str), "the name of a series that is logged, such as val_loss"),
        *_wrong("mode", mode, mode in ("", "min", "max"), "min or max"),
        *_wrong("folder", folder, isinstance(folder, str | Path) and str(folder) != "", "the folder for runs"),
        *_wrong("baseline", baseline, isinstance(baseline, int | float), "a number"),
    ]
    if faults:
        raise ConfigError(faults)
    return Options(
        max_epochs=max_epochs,
        patience=patience,
        min_delta=float(min_delta),
        watch=watch,
        mode=mode,
        settings=told(settings),
        layers=layers_of(model),
        baseline=float(baseline),
        folder=str(folder),
        tensorboard=bool(tensorboard),
        device=clean(device, 60) if device else "",
    )


def _wrong(key: str, value: Any, right: bool, wanted: str) -> list[Fault]:
    return [] if right else [Fault(key, f"must be {wanted}, got {clean(repr(value), 60)}", "see help(engine.monitor)")]


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def told(settings: Any) -> dict[str, Any]:
    """A script's own settings as the record can hold them: a mapping or a namespace, flat, with plain values."""
    if settings is None:
        return {}
    given = settings if isinstance(settings, Mapping) else getattr(settings, "__dict__", None)
    if not isinstance(given, Mapping):
        hint = "give a dict, or the namespace that argparse made"
        raise ConfigError([Fault("settings", f"cannot be read: {clean(repr(settings), 60)}", hint)])
    found: dict[str, Any] = {}
    _flatten("", given, found)
    return dict(list(found.items())[:MOST_SETTINGS])


def _flatten(prefix: str, given: Mapping[Any, Any], found: dict[str, Any]) -> None:
    for name, value in given.items():
        key = f"{prefix}{clean(name, 60)}"
        if isinstance(value, Mapping) and len(key) < _LONGEST:
            _flatten(f"{key}.", value, found)
        elif value is None or isinstance(value, bool | int | float):
            found[key] = value
        elif isinstance(value, list | tuple) and all(isinstance(one, str | int | float | bool) for one in value):
            found[key] = clean(", ".join(map(str, value)), _LONGEST)
        else:
            found[key] = clean(value, _LONGEST)


def layers_of(model: Any) -> tuple[tuple[str, int], ...]:
    """(name, parameters) of each layer of a torch model, or of a Keras one; empty for None and for all else.

    Asked by the names of their methods, so that neither has to be imported.
    """
    if model is None:
        return ()
    sizes: dict[str, int] = {}
    try:
        if hasattr(model, "named_parameters"):
            for name, value in model.named_parameters():
                layer = name.rpartition(".")[0] or name
                sizes[layer] = sizes.get(layer, 0) + int(value.numel())
        else:
            sizes = {str(layer.name): int(layer.count_params()) for layer in model.layers}
    except Exception:  # noqa: BLE001  -- a lazy or a foreign model: its size is not worth an error
        return ()
    return tuple((clean(name, 60), size) for name, size in sizes.items() if size)
