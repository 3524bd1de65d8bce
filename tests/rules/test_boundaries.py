"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine import RunConfig
from engine.knobs import knobs, values

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("engine", "tui") for path in (ROOT / package).rglob("*.py"))
MOST_LINES = 360
LONGER = {"engine/config/optimizer.py"}  # a list of declarations, which must stand in one place
VAGUE = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(tree: ast.AST, name: str) -> list[int]:
    """The lines on which a function or method called `name` is called."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) == name or getattr(node.func, "attr", None) == name)
    ]


def test_imports_point_one_way():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [4-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file(path):
    text = path.read_text("utf-8")
    name, tree = name_of(path), ast.parse(text)
    assert path.stem not in sys.stdlib_module_names or path.stem in ("__init__", "__main__")
    assert path.stem not in VAGUE
    assert ast.get_docstring(tree), f"{name} does not say what it is for"
    assert name in LONGER or len(text.splitlines()) <= MOST_LINES
    # One crossing from the trainer to the screen: events in a queue, which the screen drains when it likes.
    assert not calls(tree, "call_from_thread")
    if name.startswith("engine/"):
        assert not calls(tree, "post_message")
    # Only Textual and the headless commands write to the terminal.
    if path.stem not in ("cli", "console", "sinks"):
        assert not calls(tree, "print")


def test_every_knob_is_declared_once_and_every_field_is_one():
    keys = [row.key for row in knobs()]
    assert len(keys) == len(set(keys))
    fields = {f"{section}.{name}" for section, part in RunConfig() for name, _ in part}
    assert set(keys) == fields == set(values(RunConfig()))


@pytest.mark.parametrize("row", knobs(), ids=lambda row: row.key)
def test_every_knob_explains_itself(row):
    assert row.label.strip() == row.label != ""
    sentences = re.findall(r"[^.]+\.(?:\s|$)", row.help)
    assert len(sentences) >= 2 or len(row.help) >= 60
    assert row.help.endswith(".")
    assert "\n" not in row.help
