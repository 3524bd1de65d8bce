"""What each rank has for itself of a run's state: its chance, the sums over its rows, and gradients that wait for a step.

A checkpoint has that of rank 0 where a run in one process has its own, and that of the others in a list beside it. With as
many ranks as then each takes what was its own; with another number what was apart is put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .world import World

_OWN_CHANCE = ("torch", "own", "cuda")
"""Generators that each rank draws from by itself; the others are in step."""


@dataclass(frozen=True, slots=True)
class RankState:
    """What a rank goes on from. tallies: what its sums begin with; gradients: of each parameter. fresh: its chance begins anew."""

    random: Mapping[str, Any]
    tallies: Sequence[Mapping[str, Any]]
    gradients: Sequence[Tensor | None]
    fresh: bool = False


def ranks_of(content: Mapping[str, Any]) -> int:
    """How many ranks wrote a checkpoint."""
    return 1 + len(content.get("others", ()))


def state_of(content: Mapping[str, Any], world: World) -> RankState:
    """What a checkpoint has for this rank of `world`."""
    others: Sequence[Mapping[str, Any]] = content.get("others", ())
    partial = content.get("partial") or {"tally": None, "gradients": []}
    random, tally, gradients = content["random"], partial["tally"], partial["gradients"]
    if ranks_of(content) == world.size:
        mine = others[world.rank - 1] if world.rank else {}
        own = mine.get("tally", tally)
        return RankState(mine.get("random", random), [own] if own else [], mine.get("gradients", gradients))
    tallies = [one for one in (tally, *(other.get("tally") for other in others)) if one]
    apart = [other["gradients"] for other in others if "gradients" in other]
    if world.first:
        return RankState(random, tallies, _mean([gradients, *apart]))
    shared = {name: state for name, state in random.items() if name not in _OWN_CHANCE}
    return RankState(shared, [], _mean([gradients, *apart]), fresh=True)


def _mean(gradients: Sequence[Sequence[Tensor | None]]) -> list[Tensor | None]:
    """Parameter by parameter; where one rank has none, none had."""
    if len(gradients) == 1:
        return list(gradients[0])
    return [None if same[0] is None else torch.stack(list(same)).mean(0) for same in zip(*gradients, strict=True)]


def change_words(before: int, now: int) -> list[str]:
    """What a person should know when a run goes on with another number of ranks; nothing when it is the same."""
    if before == now:
        return []
    return [
        f"{now} rank{'s go' if now > 1 else ' goes'} on with what {before} ha{'ve' if before > 1 else 's'} trained: batches and their "
        "order stay as they were; what is drawn rank by rank (dropout) and the last digits of sums do not"
    ]
