"""While a run is being taken up: what is asked of it meanwhile, and the time that it has taken so far."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.resuming import events_of, small_config, stop, stopped_at
from support.sinks import Acting

from engine import InputError, StopToken, resume, train
from engine import events as e
from engine.cli_runs import resume as resume_verb
from engine.commandfile import append_command
from engine.commands import Stop
from engine.data.table import load
from engine.rundir import RunDir


def test_what_is_asked_while_it_loads_is_obeyed(make_config, monkeypatch):
    """Whoever sees the lock taken may ask; data and PyTorch take seconds to load after that."""
    folder = stopped_at(small_config(make_config), 5)
    asked = []

    def slow(config):
        append_command(RunDir(Path(folder)), Stop(now=True))
        asked.append(True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not token.attention:
            time.sleep(0.01)
        return load(config)

    token = StopToken()
    monkeypatch.setattr("engine.execution.load", slow)
    before = len(events_of(folder, e.EpochEnded))
    result = resume(folder, token=token)
    assert asked and result.reason == "stopped"
    assert len(events_of(folder, e.EpochEnded)) == before


def test_the_time_is_that_of_all_chapters(make_config):
    config = small_config(make_config)
    sink = Acting(lambda event: time.sleep(0.3) if isinstance(event, e.EpochStarted) and event.epoch == 1 else None)
    first = train(config, [sink])
    assert first.seconds > 0.3
    again = resume(first.folder, more=1)
    assert again.seconds > first.seconds * 0.9


def test_an_override_that_changes_nothing_is_a_mistake(make_config):
    folder = stopped_at(small_config(make_config), 5, stop)
    with pytest.raises(InputError, match="nothing differs"):
        resume_verb(folder, override=True, set_=[], more=0, detached=False, folder="runs")
