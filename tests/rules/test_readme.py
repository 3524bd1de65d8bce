"""The README keeps step with the code."""

import os
import re
import shlex

import pytest
from support.readme import README, with_tables

from engine.samples import samples


def test_settings_tables_are_those_of_the_code():
    text = README.read_text("utf-8")
    if os.environ.get("UPDATE_README"):
        README.write_text(with_tables(text), "utf-8")
    assert README.read_text("utf-8") == with_tables(text), "run the tests once with UPDATE_README=1"


def test_the_test_command_is_the_script_that_continuous_integration_runs():
    assert "\nbash .ci/run\n" in README.read_text("utf-8")
    assert (README.parent / ".ci" / "run").read_text("utf-8").startswith("#!/usr/bin/env bash")


@pytest.mark.parametrize("line", re.findall(r"^nntui train .*$", README.read_text("utf-8"), flags=re.M))
def test_commands_in_the_readme_are_accepted(line):
    from engine.cli import resolve

    words = shlex.split(line, comments=True)[2:]
    settings = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    sample = words[words.index("--sample") + 1] if "--sample" in words else ""
    if sample:
        assert resolve("", sample, settings)


def test_samples_named_in_the_readme_exist():
    for name in re.findall(r"--sample (\w+)", README.read_text("utf-8")):
        assert name in samples()
