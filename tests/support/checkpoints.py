"""Contents for checkpoints that show by themselves whether they are whole and of one moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.checkpoint import Checkpoints, Saved

SIZE = 2000


def state(number: int, size: int = SIZE) -> dict[str, Any]:
    """A content that is `number` in every place: weights, optimizer, a list and plain values."""
    weights = torch.full((size,), float(number))
    return {
        "number": number,
        "model": {"w": weights, "again": weights[: size // 2]},
        "optimizer": [torch.full((size // 2,), -float(number)), {"step": torch.tensor(float(number))}],
        "text": f"state {number}",
    }


def number_of(content: Any) -> int:
    """The number that this content is of. Fails when any part of it is of another."""
    number = content["number"]
    same(content, state(number, len(content["model"]["w"])))
    return number


def same(one: Any, other: Any) -> None:
    """Fail unless both are equal in values, types, dtypes and bits, NaN included."""
    assert type(one) is type(other), (type(one), type(other))
    if isinstance(one, torch.Tensor):
        assert (one.dtype, one.shape, one.requires_grad) == (other.dtype, other.shape, other.requires_grad)
        flat = [value.detach().resolve_conj().contiguous().flatten().view(torch.uint8) for value in (one, other)]
        assert torch.equal(*flat)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            same(left, right)
    elif isinstance(one, float):
        assert one.hex() == other.hex()
    else:
        assert one == other


def save(store: Checkpoints, number: int, **about: Any) -> Saved:
    """Save `state(number)` as if after that many epochs."""
    return store.save(state(number), **{"epochs": number, "batch": 0, "kind": "epoch", **about})


def newest(folder: Path) -> tuple[int, list[str]]:
    """The number of the newest checkpoint that a new process would find, or -1, and the problems it would name."""
    problems: list[str] = []
    loaded = Checkpoints(folder).load_newest(problems)
    return (number_of(loaded.content) if loaded else -1), problems


def temporary(folder: Path) -> list[str]:
    """Files of unfinished writes."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".") or path.suffix == ".tmp"]
