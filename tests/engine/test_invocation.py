"""The command line of a configuration, read back by the command line's own parser, is that configuration."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import example, given, settings
from support.strategies import configs

from engine import RunConfig, build_config, cli, headless, load_config
from engine.configfile import to_nested
from engine.invocation import command_line
from engine.samples import samples


@pytest.fixture(scope="module")
def trained():
    """A function from a command to the configuration that `nntui train` would train."""
    seen: list[RunConfig] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headless, "train_plainly", lambda config, nodes: seen.append(config) or 0)
        patch.setattr(cli, "occupy_descriptors", lambda: None)

        def run(command: str) -> RunConfig:
            words = shlex.split(command)
            assert words[0] == "nntui"
            assert cli.main(words[1:]) == 0
            return seen.pop()

        yield run


@given(config=configs())
@example(config=RunConfig())
@settings(max_examples=40)
def test_any_configuration_comes_back_from_its_command(trained, config):
    assert trained(command_line(config)) == config


@pytest.mark.parametrize("name", samples())
def test_a_sample_is_called_by_its_name_and_so_is_one_that_was_trained_longer(trained, name):
    config = load_config(samples()[name])
    assert command_line(config) == f"nntui train --sample {name}"
    longer = build_config(to_nested(config), ["run.epochs=7", "run.seed=3"])
    family = name.removesuffix("_cured")  # which differs from the other in nothing but how long it trains
    assert command_line(longer).startswith(f"nntui train --sample {family} ")
    assert trained(command_line(longer)) == longer


def test_a_sample_is_not_named_when_what_it_is_about_was_changed():
    config = load_config(samples()["overfit_dropout"], ["regularization.dropout=0"])
    assert "overfit_dropout" not in command_line(config)
    assert "--sample overfit " in command_line(config) + " "


def test_the_shortest_form():
    assert command_line(RunConfig()) == "nntui train --set data.source=digits"
    config = build_config({"data": {"source": "wine"}, "optimizer": {"name": "sgd", "momentum": 0.9, "lr": 0.1}})
    assert command_line(config) == "nntui train --set data.source=wine --set optimizer.name=sgd --set optimizer.lr=0.1"


def test_words_are_quoted_for_the_shell():
    config = build_config({"run": {"name": "it's $HOME; rm *"}, "model": {"hidden": [8, 4]}})
    words = shlex.split(command_line(config))
    assert "run.name=it's $HOME; rm *" in words
    assert "model.hidden=8, 4" in words


def test_settings_alone_are_enough_to_train(trained):
    assert trained("nntui train --set run.epochs=3").run.epochs == 3
    assert cli.main(["train"]) == 2
