"""What gets installed: exactly `engine` and `tui`, with the samples, the styles and the command."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_the_wheel_holds_engine_and_tui_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"engine", "tui"}


def test_every_module_and_the_styles_are_in_it(wheel):
    names = set(wheel.namelist())
    for package in ("engine", "tui"):
        for path in (ROOT / package).rglob("*"):
            if path.suffix in (".py", ".tcss", ".json"):
                assert str(path.relative_to(ROOT)) in names


def test_the_samples_are_in_it_where_the_engine_looks_for_them(wheel):
    expected = {f"engine/sample_configs/{path.name}" for path in (ROOT / "sample_configs").glob("*.toml")}
    assert expected
    assert expected <= set(wheel.namelist())


def test_it_installs_the_command(wheel):
    (entry,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "nntui = tui.start:main" in wheel.read(entry).decode()
