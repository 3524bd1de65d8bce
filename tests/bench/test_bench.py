"""The bench runs, and what it prints is a table; how fast things are is no business of a test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.forkedapps import ran

from tests.bench.__main__ import HEAD, Row, main

ROOT = Path(__file__).parents[2]
FIGURE = r"\d+\.\d{3}"


def test_a_quick_round_of_two_rows_prints_their_figures(server):
    bench = "from tests.bench.__main__ import main; raise SystemExit(main())"
    rows = [part for row in ("careful", "view", "chart") for part in ("--only", row)]
    done = ran(server, "--quick", "--rounds", "1", *rows, cwd=ROOT, before=bench)
    assert done.returncode == 0, done.stderr
    about, *table = done.stdout.splitlines()
    assert re.match(r"Python 3\.\d+\.\d+, torch \S+, numpy \S+, Textual \S+, .+, 1 thread", about)
    assert "\n".join(table[:2]) == HEAD
    careful, view, *charts = table[2:]
    assert [re.search(r": (\w+) draw.* \| (\d+) ms \| <= 1\.00 \|", row).groups() for row in charts] == [
        ("first", "50"),
        ("next", "20"),
    ]
    cells = [cell.strip() for cell in careful.strip("|").split("|")]
    assert cells[:3] == ["digits, MLP 64-128-64-10, b32, Adam", "careful loop", "<= 0.65"]
    assert re.fullmatch(rf"{FIGURE} (met|missed)", cells[3])
    assert re.fullmatch(rf"{FIGURE}-{FIGURE}", cells[4])
    assert all(re.fullmatch(rf"{FIGURE} s", cell) for cell in cells[6:8])
    losses = re.search(r"last val\. loss (\S+) and (\S+); ", cells[8])
    assert losses, cells[8]
    assert abs(float(losses[1]) - float(losses[2])) < 0.2, "they do not train the same"
    assert re.search(rf"<= 1\.00 \| {FIGURE} (met|missed) ", view)


@pytest.mark.soak
def test_every_row_runs_in_short():
    """As `--quick` has them; what is not installed here says so."""
    command = [sys.executable, "-m", "tests.bench", "--quick", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()[3:]
    found = [row for row in rows if re.search(FIGURE, row)]
    assert len(rows) >= 22 and all(row in found or "not installed" in row for row in rows), done.stdout
    assert sum("bytes" in row for row in found) == 3 and not any("inf" in row for row in found)


def test_the_line_of_a_row():
    row = Row("a", "work", "other", 0.5, pairs=[(1.0, 2.0), (3.0, 2.0), (1.0, 4.0)], note="said")
    assert row.line() == "| work | other | <= 0.50 | 0.500 met | 0.250-1.500 |  | 1.000 s | 2.000 s | 3; said |"
    start = Row("b", "work", "other", 0.25, difference=True, pairs=[(0.5, 0.125)])
    assert "<= +0.25 | +0.375 missed | 0.375-0.375" in start.line()
    assert Row("d", "work", "other", None, pairs=[(1.0, 0.0)]).figures([(1.0, 0.0)]) == [float("inf")]
    assert "| not there | | | | | |" in Row("c", "work", "other", None, note="not there").line()


def test_a_gpu_that_is_not_there_is_said(monkeypatch, capsys):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["bench", "--gpu"])
    assert main() == 2
    told = capsys.readouterr()
    assert "no CUDA device is there" in told.err
    assert told.out == ""


def test_a_row_that_does_not_exist_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "nosuch"])
    with pytest.raises(SystemExit):
        main()
    assert "careful" in capsys.readouterr().err
