"""The command line that trains a configuration."""

from __future__ import annotations

import shlex
from functools import cache
from typing import Any

from .config import RunConfig
from .configfile import build_config, load_config, to_nested
from .errors import ConfigError
from .knobs import knobs, show, values, visible
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
    found = _words([f"{key}={text}" for key, text in differences(config).items()])
    for name, sample in _samples().items():
        if _builds_on(config, sample):
            settings = _settings_over(config, sample)
            words = ["--sample", name, *_words(settings)]
            if len(shlex.join(words)) < len(shlex.join(found)) and _gives(config, name, settings):
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


@cache
def _samples() -> dict[str, RunConfig]:
    """The samples as configurations. They come with the program and do not change."""
    return {name: load_config(path) for name, path in samples().items()}


def _changed(config: RunConfig) -> dict[str, Any]:
    """What differs from the defaults, without how long and where it is trained: what makes a sample what it is."""
    current = values(config)
    return {
        row.key: current[row.key]
        for row in visible(current)
        if row.key == SOURCE or (row.section != "run" and current[row.key] != row.default_for(current))
    }


def _builds_on(config: RunConfig, sample: RunConfig) -> bool:
    """Whether a configuration keeps all that a sample is about: otherwise naming it would mislead."""
    own = values(config)
    return all(own[key] == value for key, value in _changed(sample).items())


def _settings_over(config: RunConfig, sample: RunConfig) -> list[str]:
    """The settings that make `config` of a sample."""
    own, given = values(config), values(sample)
    rows = {row.key: row for row in knobs()}
    shown = {row.key for row in visible(own)}
    return [f"{key}={show(rows[key], own[key])}" for key in rows if key in shown and own[key] != given[key]]


def _gives(config: RunConfig, name: str, settings: list[str]) -> bool:
    """Whether the sample with these settings is the configuration."""
    try:
        return to_nested(build_config(to_nested(_samples()[name]), settings)) == to_nested(config)
    except ConfigError:
        return False
