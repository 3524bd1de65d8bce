"""The process that stands by: one at a time, and none beside a run."""

from __future__ import annotations

from typing import Any

import pytest
from support.owners import until

from engine.config import RunConfig
from engine.preview import DataPreview
from engine.rundir import RunDir
from engine.spawn import Spawned
from tui import workshop
from tui.workshop import Workshop


class Fake:
    """Stands in for the process."""

    made = 0
    alive = True

    def __init__(self) -> None:
        Fake.made += 1

    def train(self, config: RunConfig) -> Spawned:
        process: Any = self
        return Spawned(RunDir(Fake.folder), process)

    def data(self, config: RunConfig) -> DataPreview:
        return DataPreview(dataset="seen")

    folder: Any = None
    pid = 1

    def poll(self) -> int:
        return 0


@pytest.fixture
def works(monkeypatch, tmp_path) -> Workshop:
    monkeypatch.setattr(Fake, "made", 0)
    monkeypatch.setattr(Fake, "folder", tmp_path)
    monkeypatch.setattr(workshop, "Standby", Fake)
    return Workshop()


def test_nothing_is_kept_ready_beside_a_run(works):
    works.wake()
    until(lambda: Fake.made == 1)
    assert works.data(RunConfig()).dataset == "seen" and Fake.made == 1
    source = works.start(RunConfig())
    until(lambda: source.code == 0)
    assert works.data(RunConfig()).faults and Fake.made == 1, "a late question starts no process"
    works.wake()
    until(lambda: Fake.made == 2)
    assert works.data(RunConfig()).dataset == "seen" and Fake.made == 2
