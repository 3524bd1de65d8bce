"""The whole app on a real terminal, with keys alone: from the setup to the final figures, and out again."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from support.forkedapps import forked
from support.screens import SIZES
from support.terminal import DOWN, NNTUI, RIGHT, Terminal, terminal

from engine import events as e
from engine import read_journal

BRAILLE, BLOCKS = re.compile("[⠁-⣿]"), re.compile("[▀▄▌▐▖▗▘▝▚▞█▛▜▙▟]")
sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def command(folder: Path, *more: str) -> list[str]:
    settings = [f"run.folder={folder / 'runs'}", "run.device=cpu", *more]
    return ["--sample", "digits", *(part for setting in settings for part in ("--set", setting))]


def run_folder(folder: Path) -> Path:
    (found,) = (folder / "runs").iterdir()
    return found


def curves(program: Terminal) -> list[str]:
    """The lines of the charts, without what frames them."""
    return [line[8:] for line in program.lines if re.match(r"^[ \d.]+[┤│]", line)]


def started(program: Terminal) -> None:
    """From the command to a run that has drawn both curves."""
    program.see("nntui · setup", "dataset", "r run")
    program.send("r")
    program.see("training · epoch", "patience", "must beat")
    drawn = lambda sign: any(sign.search(line) for line in curves(program))  # noqa: E731
    program.until(lambda: drawn(BRAILLE) and drawn(BLOCKS), what="for both curves")


@sizes
def test_a_run_from_first_key_to_final_figures(server, tmp_path, size):
    """At 80x24 it is started as a person starts it, with all imports; at the other size a fork shows the same."""
    asked = command(tmp_path, "run.epochs=60", "early_stopping.patience=59")
    started_anew = size == SIZES[0]
    with (
        terminal([*NNTUI, *asked], size, tmp_path) if started_anew else forked(server, asked, tmp_path, size) as program
    ):
        program.see("nntui · setup", "r run")
        program.send(DOWN + DOWN + RIGHT)
        program.see("0.15")
        started(program)
        program.until(lambda: re.search(r"best \d\S* @ epoch \d+ · patience \d+/59 left", program.text))
        maps = Path(f"/proc/{program.process.pid}/maps")
        if started_anew and maps.exists():  # the screen never imports what its keys would have to wait for
            assert "libtorch" not in maps.read_text()
        program.see("all epochs done", "best epoch", "test        loss", "baseline", "n new run")
        for kind in (BRAILLE, BLOCKS):
            program.until(lambda kind=kind: any(kind.search(line) for line in curves(program)))
        program.send("q")
        assert program.wait() == 0
        program.see("best epoch", "ended       all epochs done", "run folder")
        program.as_found()
    folder = run_folder(tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert {"config.toml", "events.jsonl"} <= names
    assert any(name.startswith("events.out.tfevents.") for name in names)
    assert "test = 0.15" in (folder / "config.toml").read_text()


@pytest.mark.parametrize("size", [SIZES[0], pytest.param(SIZES[1], marks=pytest.mark.soak)])
def test_quit_while_training_in_under_a_second(server, tmp_path, size):
    """The best of five, for a machine that is busy with other things."""
    took = []
    for attempt in range(5):
        place = tmp_path / str(attempt)
        place.mkdir()
        asked_for = command(place, "run.epochs=5000", "early_stopping.patience=5000")
        with forked(server, asked_for, place, size) as program:
            started(program)
            program.send("q")
            program.see("Training is under way.", "y  stop and quit")
            program.send("y")
            asked = time.monotonic()
            assert program.wait() == 0
            took.append(time.monotonic() - asked)
            program.see("ended       interrupted", "test        loss")
            program.as_found()
        last = list(read_journal(run_folder(place) / "events.jsonl"))[-1]
        assert isinstance(last, e.RunEnded) and last.reason == "interrupted"
        if took[-1] < 1:
            return
    pytest.fail(f"quitting took {took} seconds")


def test_leaving_the_setup_leaves_nothing_behind(tmp_path):
    with terminal([*NNTUI, *command(tmp_path)]) as program:
        program.see("nntui · setup")
        program.send("q")
        assert program.wait() == 0
        program.as_found()
    assert list(tmp_path.iterdir()) == []


def test_what_the_data_refuses_is_shown_at_its_field(server, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b,y\n1,2,0\n1,x,1\n" + "1,2,0\n2,1,1\n" * 10)
    asked = command(tmp_path, "data.source=bad.csv", "data.target=y")
    with forked(server, asked, tmp_path, (140, 45)) as program:
        program.see("nntui · setup", "r run")
        program.send("r")
        program.see("^ bad.csv:3: column 'b': 'x' is not a number")
        program.send("q")
        assert program.wait() == 0
        program.as_found()
