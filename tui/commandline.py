"""The command line shown for a configuration."""

from __future__ import annotations

import shlex

from engine.config import RunConfig
from engine.knobs import show, values, visible


def command_line(config: RunConfig) -> str:
    """`nntui train` with a ``--set`` for whatever differs from the default."""
    current = values(config)
    words = ["nntui", "train"]
    for row in visible(current):
        if current[row.key] != row.default_for(current):
            words += ["--set", f"{row.key}={show(row, current[row.key])}"]
    return shlex.join(words)
