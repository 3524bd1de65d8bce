"""Configurations for tests: small, on the CPU, and written into a folder of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine import RunConfig, build_config


def config_in(folder: Path, **sections: dict[str, Any]) -> RunConfig:
    """A checked RunConfig from sections of knobs; runs go to `folder`, on the CPU, without TensorBoard unless asked for."""
    run = {"folder": str(folder), "device": "cpu", "tensorboard": False, **sections.pop("run", {})}
    return build_config({**sections, "run": run})
