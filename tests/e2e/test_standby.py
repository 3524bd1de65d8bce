"""The process that stands by: it trains what it is told, says what is wrong with it, and never outlives its use."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.configs import config_in
from support.owners import until

import engine
from engine import events as e
from engine import read_journal
from engine.errors import InputError, TrainingError
from engine.standby import Standby

QUICK = {
    "data": {"source": "wine"},
    "model": {"hidden": [8]},
    "regularization": {"dropout": 0.2},
    "run": {"epochs": 4, "seed": 3},
}


@pytest.fixture(scope="module")
def standby() -> Iterator[Standby]:
    process = Standby()
    yield process
    process.close()


def losses(path: Path) -> list[tuple[float, float]]:
    return [(one.train_loss, one.val_loss) for one in read_journal(path) if isinstance(one, e.EpochEnded)]


def test_it_refuses_and_waits_on_and_then_trains_as_any_other_process(standby, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    bad = config_in(tmp_path / "runs", data={"source": str(tmp_path / "bad.csv"), "target": "b"})
    with pytest.raises(InputError) as refused:
        standby.train(bad)
    assert [fault.key for fault in refused.value.faults] == ["data.source"] * 2, "every fault comes over"
    assert "bad.csv" in str(refused.value) and not (tmp_path / "runs").exists() and standby.alive

    asked = config_in(tmp_path / "runs", **QUICK)
    assert standby.data(bad).faults and not standby.data(asked).faults
    assert (standby.data(asked).task, standby.model(asked).parameters) == ("classification", 13 * 8 + 8 + 8 * 3 + 3)

    rates = standby.find_rate(config_in(tmp_path / "runs", **QUICK))
    assert rates.steepest and len(rates.rates) == len(rates.losses) > 10
    with pytest.raises(InputError, match="finds the size of its steps by itself"):
        standby.find_rate(config_in(tmp_path / "runs", **{**QUICK, "optimizer": {"name": "rprop"}}))

    started = standby.train(config_in(tmp_path / "runs", **QUICK))
    assert started.process.wait(60) == 0
    here = engine.train(config_in(tmp_path / "here", **QUICK))
    there = started.run.path
    assert losses(there / "events.jsonl") == losses(Path(here.folder) / "events.jsonl") != []
    weights = "model.safetensors"
    assert (there / weights).read_bytes() == (Path(here.folder) / weights).read_bytes()


def test_it_ends_with_whoever_needs_it(tmp_path):
    process = Standby()
    process.close()
    until(lambda: not process.alive)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.write(writer, b"%d\n" % Standby()._child.process.pid)
        os._exit(0)  # as one that is killed: nothing is closed by hand
    os.waitpid(pid, 0)
    child = int(os.read(reader, 20))
    until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_process_that_dies_over_it_is_an_error_and_no_wait_for_ever(tmp_path):
    process = Standby()
    process._child.process.send_signal(9)
    began = time.monotonic()
    with pytest.raises(TrainingError, match="ended by SIGKILL"):
        process.train(config_in(tmp_path / "runs", **QUICK))
    assert time.monotonic() - began < 60
