"""How many CPU threads a run should use. For a small net one is several times faster than all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from .ownmodel import OwnModel
from .recipe import Recipe
from .rowsizes import row_work, steps_of

SMALL_STEP = 2e7
"""Multiply-adds of a forward pass over one batch below which splitting the work costs more than it saves."""


def multiply_adds(recipe: Recipe) -> float:
    """A rough count of the multiply-adds of one forward pass over one batch."""
    if isinstance(recipe.model, OwnModel):
        return float(recipe.model.work) * recipe.train.batch_size
    if steps_of(recipe.model):
        return float(row_work(recipe.model)) * recipe.train.batch_size
    pixels = recipe.train.x.shape[1]
    total = 0
    for module in recipe.model.modules():
        if isinstance(module, nn.Linear):
            total += module.weight.numel()
        elif isinstance(module, nn.Conv2d):
            total += module.weight.numel() * pixels // max(1, recipe.channels)
    return float(total) * recipe.train.batch_size


@contextlib.contextmanager
def suitable_threads(recipe: Recipe) -> Iterator[int]:
    """Train with one CPU thread while the steps are small; the process has its own number back afterwards.

    On a busy or many-cored server the threads of a small step wait for each other longer than they work. The number of
    threads changes the order of sums and so the last bits of a result, which is why it depends on the run alone and not on
    how busy the machine is.
    """
    before = torch.get_num_threads()
    wanted = 1 if recipe.device.type == "cpu" and multiply_adds(recipe) < SMALL_STEP else before
    torch.set_num_threads(wanted)
    try:
        yield wanted
    finally:
        torch.set_num_threads(before)
