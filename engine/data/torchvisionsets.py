"""The datasets of torchvision by the names of their classes, in the parts that they come in."""

from __future__ import annotations

import contextlib
import inspect
import sys
from pathlib import Path
from typing import Any

from ..config import DataConfig
from ..config.keywords import keywords_of
from ..errors import data_error
from ..text import clean, closest
from ..usercode import guarded
from ..userframes import what_happened
from .own import KEY, begin_chance

ROOT = "data"
"""The folder that is looked into when no other is given, as in torchvision's own examples."""

_SPLITS = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("test",)}
_WHOLE = ("train", "trainval", "train-standard")
"""What `split` is by default where a class has a training part."""


def named_parts(config: DataConfig) -> dict[str, Any]:
    """The dataset ``torchvision:NAME``, its parts by their names. Raises DataError, and CodeError when making it fails."""
    name = config.source.partition(":")[2].strip()
    kind = _class(_datasets(), name)
    arguments = keywords_of(config.arguments)
    known = _parameters(kind)
    if "root" in known and "root" not in arguments:
        arguments["root"] = ROOT
    if "train" in known and not {"train", "what"} & arguments.keys():
        return {
            part: _made(kind, {**arguments, "train": part == "train"}, config.seed, part) for part in ("train", "test")
        }
    if "split" in known and "split" not in arguments and known["split"].default in _WHOLE:
        return _splits(kind, arguments, known["split"].default, config.seed)
    return {"train": _made(kind, arguments, config.seed)}


def _datasets() -> Any:
    """The module torchvision.datasets. Raises DataError when it cannot be had."""
    try:
        with guarded(KEY, "loading torchvision"):
            from torchvision import datasets  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]

            return datasets
    except Exception as error:
        cause = error.__cause__
        with contextlib.suppress(ImportError):
            from torch import __version__ as torch_version

            version = f" that goes with PyTorch {torch_version}"
            if isinstance(cause, ModuleNotFoundError) and (cause.name or "").partition(".")[0] == "torchvision":
                hint = f"install the torchvision{version} into this environment: {sys.prefix}"
                raise data_error(KEY, "torchvision is not installed", hint) from None
            said = what_happened(cause) if cause is not None else clean(error, 200)
            problem = f"torchvision is installed, and cannot be loaded: {said}"
            raise data_error(KEY, problem, f"install the build{version}") from None
        raise


def _class(module: Any, name: str) -> Any:
    found = getattr(module, name, None) if name.isidentifier() else None
    if isinstance(found, type) and hasattr(found, "__getitem__"):
        return found
    names = [own for own in getattr(module, "__all__", dir(module)) if own[:1].isupper()]
    match = closest(name, names)
    hint = f"did you mean 'torchvision:{match}'?" if match else "its documentation lists them; case counts"
    raise data_error(KEY, f"torchvision.datasets has no class '{clean(name, 60)}'", hint)


def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    """The arguments that the class takes, those that it hands on to the classes above it as well."""
    found: dict[str, inspect.Parameter] = {}
    for own in kind.__mro__:
        if "__init__" not in vars(own) or own is object:
            continue
        parameters = inspect.signature(own.__init__).parameters
        found = {**parameters, **found}
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
            break
    return found


def _splits(kind: Any, arguments: dict[str, Any], default: str, seed: int) -> dict[str, Any]:
    """The parts of a class that has them as `split`; which ones there are it says itself when asked for another."""
    found: dict[str, Any] = {}
    for part, names in _SPLITS.items():
        for name in names:
            try:
                found[part] = _made(kind, {**arguments, "split": name}, seed, part)
            except _NoSuchSplit:
                continue
            break
    if "train" not in found:
        found["train"] = _made(kind, {**arguments, "split": default}, seed)
    return found


class _NoSuchSplit(Exception):
    """The class does not know a part by this name."""


def _made(kind: Any, arguments: dict[str, Any], seed: int, part: str = "") -> Any:
    name, root = clean(kind.__name__, 60), arguments.get("root", "")
    try:
        with guarded(KEY, f"{name}({', '.join(arguments)})"):
            begin_chance(seed)
            return kind(**arguments)
    except Exception as error:
        cause = error.__cause__
        said = str(cause)
        if isinstance(cause, ValueError) and "split" in arguments and "Unknown value" in said:
            if part:
                raise _NoSuchSplit from None
            raise
        missing = isinstance(cause, FileNotFoundError) or (
            isinstance(cause, RuntimeError) and ("not found" in said.lower() or "download" in said.lower())
        )
        if missing and not arguments.get("download"):
            hint = _where_to_get(kind, root)
            of = f"the {part} part of {name}" if part else name
            raise data_error(KEY, f"{of} is not in the folder {clean(str(root), 200)!r}", hint) from None
        raise


def _where_to_get(kind: Any, root: Any) -> str:
    gone = "" if Path(str(root)).expanduser().is_dir() else ", as this one does not exist"
    elsewhere = f"name the folder that it lies in as root=... in data.arguments{gone}"
    if "download" in _parameters(kind):
        return f"{elsewhere}, or have torchvision download it there with download=true"
    return f"{elsewhere}; torchvision does not download it"
