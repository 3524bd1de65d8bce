"""The command line that trains a configuration."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cache
from typing import Any

from .config import RunConfig
from .configfile import build_config, load_config, to_nested
from .errors import ConfigError
from .knobs import show, values, visible
from .samples import samples

SOURCE = "data.source"


def command_line(config: RunConfig) -> str:
    """``nntui train …`` for `config`, quoted for a shell: the dataset and what differs from the defaults, or a sample and what
    differs from that where this is shorter.

    Read back by the command line it gives the same configuration, as far as its knobs mean anything.
    """
    return shlex.join(["nntui", "train", *arguments(config)])


def arguments(config: RunConfig) -> list[str]:
    """What stands behind ``nntui train`` for `config`, word by word."""
    own = values(config)
    shown = list(visible(own))
    found = _words([f"{key}={text}" for key, text in differences(config).items()])
    for name, sample in _samples().items():
        # One of which something was taken back would mislead by its name.
        if all(own[key] == value for key, value in sample.about.items()):
            settings = [
                f"{row.key}={show(row, own[row.key])}" for row in shown if own[row.key] != sample.values[row.key]
            ]
            words = ["--sample", name, *_words(settings)]
            if len(shlex.join(words)) < len(shlex.join(found)) and _gives(config, sample, settings):
                found = words
    return found


def differences(config: RunConfig) -> dict[str, str]:
    """The knobs that mean something and are not at their default, and the dataset in any case, as a person types them."""
    current = values(config)
    return {
        row.key: show(row, current[row.key])
        for row in visible(current)
        if current[row.key] is not None and (row.key == SOURCE or current[row.key] != row.default_for(current))
    }


def _words(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


@dataclass(frozen=True)
class _Sample:
    """A sample as a configuration. about: what it sets, without how long and where it is trained; values: of every knob."""

    config: RunConfig
    about: dict[str, Any]
    values: dict[str, Any]


@cache
def _samples() -> dict[str, _Sample]:
    """The samples. They come with the program and do not change."""
    found = {}
    for name, path in samples().items():
        config = load_config(path)
        current = values(config)
        about = {
            row.key: current[row.key]
            for row in visible(current)
            if row.key == SOURCE or (row.section != "run" and current[row.key] != row.default_for(current))
        }
        found[name] = _Sample(config, about, current)
    return found


def _gives(config: RunConfig, sample: _Sample, settings: list[str]) -> bool:
    """Whether the sample with these settings is the configuration."""
    try:
        return to_nested(build_config(to_nested(sample.config), settings)) == to_nested(config)
    except ConfigError:
        return False
