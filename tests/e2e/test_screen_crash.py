"""A screen that breaks down takes nothing along: the run finishes, the terminal is restored, the traceback is in its log."""

from __future__ import annotations

import signal

import pytest
from support.breaking import BORN, WORDS, breakable
from support.forkedapps import arguments, forked, held, run_folder, screen_is_lost, started

from engine import events as e
from engine import read_journal

EPOCHS = 2
ALL = list(breakable())
# In short runs a few of them; all with -m soak.
SHORT = {
    ("MonitorScreen", "compose"),
    ("MonitorScreen", "on_resize"),
    ("Asking", "action_pause"),
    ("Chart", "render_line"),
    ("HelpScreen", "compose"),
    ("AskEpochs", "on_input_submitted"),
    ("EditScreen", "compose"),
    ("Form", "action_move"),
    ("SetupScreen", "action_run"),
}


def short(case: tuple[str, str]) -> tuple[str, str]:
    return name(case[0]), case[1]


def name(case: object) -> str:
    return str(case).rpartition(".")[2]


@pytest.mark.parametrize(
    ("where", "method"),
    [pytest.param(*case, marks=[] if short(case) in SHORT else pytest.mark.soak) for case in ALL],
    ids=name,
)
def test_whatever_breaks_the_run_finishes(server, tmp_path, where, method):
    before = f"from support import breaking; breaking.arm({where!r}, {method!r})"
    with forked(server, arguments(EPOCHS), tmp_path, before=before) as program:
        with held(tmp_path):
            if where.endswith("MonitorScreen") and method in BORN:
                program.see("nntui · setup", "r run")
                program.send("r")
            else:
                started(program)
                program.process.send_signal(signal.SIGUSR2)
            program.until(lambda: screen_is_lost(tmp_path), what="for the break-down on record")
        assert program.wait() == 0, program.text
        program.as_found()
        shown = program.output.rpartition(b"\x1b[?1049l")[2].decode()
        assert f"the screen broke down: RuntimeError: {WORDS}" in shown, shown
        assert "training goes on" in shown and "nntui attach" in shown
        assert f"epoch {EPOCHS}/{EPOCHS}" in shown and "Traceback" not in shown
    log = (run_folder(tmp_path) / "run.log").read_text()
    assert "Traceback" in log and f"RuntimeError: {WORDS}" in log
    events = list(read_journal(run_folder(tmp_path) / "events.jsonl"))
    end = events[-1]
    assert isinstance(end, e.RunEnded) and end.reason == "epochs_done" and end.epochs == EPOCHS
    assert [event.problem for event in events if isinstance(event, e.ScreenLost)] == [
        f"the screen broke down: RuntimeError: {WORDS}"
    ]


def test_there_are_widgets_to_break():
    assert len({where for where, _ in ALL}) >= 20
    assert len(ALL) > 100 and set(map(short, ALL)) >= SHORT
