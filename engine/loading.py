"""A trained model from its run, by a name that costs nothing to import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .trained import Trained


def load_trained(folder: str | Path, trial: int = 0) -> Trained:
    """The model of the run in `folder`, or in a file made by `nntui export --to safetensors`; see engine.trained.load_trained.

    Raises InputError when there is none.

    Example::

        import engine
        trained = engine.load_trained("runs/20260101-120000-flowers-mlp")
        trained.predict([{"petal length": 1.4, "petal width": 0.2}])
    """
    from .trained import load_trained as load

    return load(folder, trial)
