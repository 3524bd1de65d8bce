"""What a checkpoint may hold, and how much room it takes."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from .text import clean

DEEPEST = 100
LONGEST_INT = 2000  # bits; torch's restricted unpickler reads no longer ones


def check(value: Any, where: str = "content", depth: int = 0) -> None:
    """Raise TypeError, naming the place, for what `torch.load(weights_only=True)` would not give back as it is."""
    kind = type(value)
    if kind in (str, float, bool, type(None)):
        return
    problem = ""
    if kind is int:
        problem = "an integer of so many digits" if value.bit_length() > LONGEST_INT else ""
    elif kind in (torch.Tensor, torch.nn.Parameter):
        plain = value.layout is torch.strided and not (value.is_meta or value.is_quantized or value.is_nested)
        problem = (
            ""
            if plain and not vars(value)
            else "a tensor that is not plain (sparse, meta, quantized or with attributes)"
        )
    elif depth > DEEPEST:
        problem = f"anything nested deeper than {DEEPEST}"
    elif kind in (list, tuple):
        for index, one in enumerate(value):
            check(one, f"{where}[{index}]", depth + 1)
    elif kind is dict or kind is OrderedDict:
        for key, one in value.items():
            check(key, f"a key of {where}", depth + 1)
            check(one, f"{where}[{key!r}]", depth + 1)
        for name, one in vars(value).items() if kind is OrderedDict else ():
            check(one, f"{where}.{name}", depth + 1)
    else:
        problem = f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__module__}.{kind.__name__}"
    if problem:
        raise TypeError(clean(f"a checkpoint cannot hold {problem} (at {where})"))


def nbytes(content: Any) -> int:
    """About how many bytes a checkpoint with this content takes on disk. Tensors that share storage count once."""
    storages: dict[int, int] = {}
    rest = 1024

    def add(value: Any) -> None:
        nonlocal rest
        rest += 8
        if isinstance(value, torch.Tensor):
            storage = value.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            rest += 96
        elif isinstance(value, str):
            rest += len(value.encode(errors="surrogatepass"))
        elif isinstance(value, dict):
            for key, one in value.items():
                add(key)
                add(one)
        elif isinstance(value, list | tuple):
            for one in value:
                add(one)

    add(content)
    return rest + sum(-(-size // 64) * 64 + 256 for size in storages.values())


def room(folder: Path, needed: int) -> str:
    """A one-line warning when fewer than three checkpoints of `needed` bytes fit where `folder` is or will be, or ""."""
    place = next((one for one in (folder, *folder.parents) if one.is_dir()), None)
    if place is None:
        return ""
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return ""
    if free >= 3 * needed:
        return ""
    return clean(
        f"only {free / 1e6:,.1f} MB are free in {place}, and one checkpoint takes {needed / 1e6:,.1f} MB: "
        "free some space, or training may go on without checkpoints"
    )
