"""Damaged data of every kind: one line with the file for each fault, exit code 2, and nothing written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.datamutants import SOUND, WRONG, shaken

from engine import cli
from engine.config import DataConfig
from engine.data.prepared import load_prepared
from engine.errors import EXIT_BAD_INPUT, InputError

TABLES = (".csv", ".jsonl")
SHAKEN = 150 - len(WRONG)
WITNESS = Path("/tmp/nntui-mutant-was-here")


def settings_of(path: Path) -> dict[str, str]:
    return {"source": str(path), **({"target": "y"} if path.suffix in TABLES else {})}


def lines_of(path: Path, folder: Path, capsys) -> list[str]:
    """What `nntui train` says of the data; it must refuse it, and write nothing."""
    given = [word for key, value in settings_of(path).items() for word in ("--set", f"data.{key}={value}")]
    code = cli.main(["train", *given, "--set", f"run.folder={folder / 'runs'}"])
    said = capsys.readouterr()
    assert code == EXIT_BAD_INPUT, f"{said.out}{said.err}"
    assert not (folder / "runs").exists()
    return said.err.splitlines()


def refused(name: str, seed: int, folder: Path, capsys) -> None:
    path = WRONG[name](folder, np.random.default_rng([seed, len(name)]))
    if name == "csv no header":  # the first row is taken for it, and the target is not among its cells
        assert "no column called 'y'" in "".join(lines_of(path, folder, capsys))
        return
    lines = lines_of(path, folder, capsys)
    assert 1 <= len(lines) <= 60
    for line in lines:
        assert line.startswith("nntui: ")
        assert path.name in line
        assert len(line) <= 420
        assert line.isprintable()
        assert "Traceback" not in line and "Error" not in line
    if path.suffix in TABLES and name.split(" ", 1)[1] in LINED:
        assert re.search(rf"{path.name}:\d+", lines[0]), lines[0]
    assert not WITNESS.exists(), "code of the file was run"


LINED = {
    "short row", "long row", "duplicate header", "nameless column", "NaN", "inf", "beyond float32", "text among numbers", "empty cell",
    "empty category", "empty target", "no date", "free text", "decimal commas", "ambiguous dates", "10 MB cell", "open quote",
    "stray quote", "NUL", "latin-1", "not JSON", "a list", "nested", "name twice", "deep",
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_line(name, tmp_path, capsys):
    refused(name, 0, tmp_path, capsys)


def survives(seed: int, folder: Path) -> bool:
    """Whether shaken data was refused; anything but a fault with the file in it is a mistake of ours."""
    folder.mkdir()
    path = shaken(folder, np.random.default_rng(seed))
    before = sorted(folder.rglob("*"))
    try:
        load_prepared(DataConfig(**settings_of(path)))
        return False
    except InputError as error:
        for fault in error.faults:
            assert fault.line().isprintable() and path.name in fault.where, fault.line()
        return True
    finally:
        assert sorted(folder.rglob("*")) == before
        assert not WITNESS.exists()
        shutil.rmtree(folder)


def test_shaken_files_are_read_or_refused(tmp_path):
    refused_ones = sum(survives(seed, tmp_path / str(seed)) for seed in range(SHAKEN))
    assert refused_ones > SHAKEN // 3


@pytest.mark.parametrize("name", SOUND)
def test_the_data_that_they_are_made_from_is_sound(name, tmp_path):
    data = load_prepared(DataConfig(**settings_of(SOUND[name](tmp_path))))
    assert data.task == "classification" and data.classes == 2


@pytest.mark.soak
def test_a_thousand_mutants(tmp_path, capsys):
    for seed in range(1, 6):
        for name in WRONG:
            folder = tmp_path / f"{seed}-{name}"
            folder.mkdir()
            refused(name, seed, folder, capsys)
            shutil.rmtree(folder)
    assert sum(survives(seed, tmp_path / str(seed)) for seed in range(1000, 1600)) > 200
