"""Calling a person: for what, by what signs on a terminal, and by a command that can never harm the run."""

from __future__ import annotations

import dataclasses
import io
import os
import time
from pathlib import Path

import pytest

from engine import alerts, train
from engine import events as e
from engine.alerts import Alert, AlertCommand, TerminalAlerts, alert_of, signal_text, wanted
from engine.configfile import to_nested


def ended(reason: e.EndReason, error: str = "") -> e.RunEnded:
    return e.RunEnded(reason=reason, epochs=9, best_epoch=4, seconds=1.0, error=error)


def found(confidence: str) -> e.FindingRaised:
    return e.FindingRaised(
        epoch=3,
        kind="overfitting",
        confidence=confidence,
        began=2,
        title="overfitting \x1b[2J",
        evidence="",
        actions=(),
    )


def test_what_a_person_is_called_for():
    assert alert_of(ended("epochs_done"), "r") == Alert("epochs_done", "r: all epochs done, best epoch 4")
    assert alert_of(ended("failed", "no memory"), "r") == Alert("failed", "r: no memory, best epoch 4")
    assert (alert_of(found("certain"), "r") or Alert("", "")).reason == "finding"
    for reason in ("stopped", "interrupted", "terminated"):
        assert alert_of(ended(reason), "r") is None, "whoever asked for it knows"
    note = dataclasses.replace(found("certain"), kind="could_stop")
    for event in (found("likely"), note, e.EpochStarted(epoch=1), e.Noted(text="x")):
        assert alert_of(event, "r") is None


def test_the_signs_on_a_terminal():
    message = "run: found \x1b]0;owned\x07 it"
    assert signal_text("off", message, {}) == signal_text("nonsense", message, {}) == ""
    assert signal_text("bell", message, {"TERM": "xterm"}) == "\a"
    plain = signal_text("osc9", message, {"TERM": "xterm-256color"})
    assert plain.startswith("\x1b]9;run: found") and plain.endswith(" it\a")
    assert (plain.count("\x1b"), plain.count("\a")) == (1, 1), "foreign text cannot end it"
    assert signal_text("osc9", message, {"TERM": "linux"}) == "\a"
    inside = signal_text("osc9", "done", {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/x,1,0"})
    assert inside == "\x1bPtmux;\x1b\x1b]9;done\a\x1b\\"


def test_an_older_journal_asks_for_none():
    assert [wanted(config) for config in ({}, {"run": {}}, {"run": None}, {"run": {"alert": "bell"}})] == [
        "off", "off", "off", "bell",
    ]  # fmt: skip


@pytest.mark.parametrize(("alert", "expected"), [("off", ""), ("bell", "\a\a")])
def test_a_terminal_without_a_screen(make_config, alert, expected):
    out = io.StringIO()
    sink = TerminalAlerts(out)
    config = to_nested(make_config(run={"alert": alert}))
    start = e.RunStarted(run="r", folder="f", config=config, device="cpu")
    for event in (start, found("certain"), ended("early_stopping")):
        sink.write(event)
    assert out.getvalue() == expected


def small(make_config, command: str):
    return make_config(data={"source": "wine"}, model={"hidden": [4]}, run={"epochs": 2, "alert_command": command})


def test_a_command_has_the_facts_and_its_output_is_in_the_log(make_config):
    command = 'echo "$NNTUI_REASON|$NNTUI_MESSAGE" > told; echo "$NNTUI_RUN"; echo oh >&2; exit 3'
    result = train(small(make_config, command))
    folder = Path(result.folder)
    told = f"epochs_done|{folder.name}: all epochs done, best epoch {result.best_epoch}\n"
    assert (folder / "told").read_text() == told
    log = (folder / "run.log").read_text().splitlines()
    assert log == [str(folder), "oh", "nntui: run.alert_command ended with exit code 3"]


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(alerts, "COMMAND_SECONDS", 0.2)
    log = tmp_path / "run.log"
    sink = AlertCommand("echo $$; sleep 1000 & echo $!; wait", tmp_path, log)
    began = time.monotonic()
    sink.write(ended("epochs_done"))
    sink.close()
    assert time.monotonic() - began < 8
    *pids, last = log.read_text().splitlines()
    assert last == "nntui: run.alert_command took too long and was killed" and len(pids) == 2
    while any(running(int(pid)) for pid in pids):  # a killed one may take a moment to go
        assert time.monotonic() - began < 10
        time.sleep(0.01)


def running(pid: int) -> bool:
    """Whether there is such a process that does something still."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_the_end_of_a_run_waits_for_it_only_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr(alerts, "CLOSE_SECONDS", 0.1)
    sink = AlertCommand("sleep 1000", tmp_path, tmp_path / "run.log")
    sink.write(ended("epochs_done"))
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < 8


def test_many_alerts_do_not_pile_up(tmp_path):
    sink = AlertCommand(
        f"echo x >> said; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done", tmp_path, tmp_path / "log"
    )
    for _ in range(20):
        sink.write(found("certain"))
    (tmp_path / "go").touch()
    sink.close()
    assert (tmp_path / "said").read_text().split() == ["x"] * alerts.MOST_AT_ONCE


@pytest.mark.parametrize("command", ["/no/such/program", "kill -9 $$", "\x01 |"])
def test_a_command_that_fails_leaves_the_run_alone(make_config, command):
    result = train(small(make_config, command))
    assert result.reason == "epochs_done" and result.test_metric is not None
    assert (Path(result.folder) / "run.log").stat().st_size > 0


def test_without_a_log_nothing_is_run_and_nothing_fails(tmp_path):
    sink = AlertCommand("touch ran", tmp_path, tmp_path / "gone" / "run.log")
    sink.write(ended("epochs_done"))
    sink.close()
    assert os.listdir(tmp_path) == []
