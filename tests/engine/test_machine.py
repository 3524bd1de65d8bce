"""The machine's figures: sampled beside the run, absent where there is nothing to ask, and never in its way."""

from __future__ import annotations

import json
import queue
import sys
import threading
import types
from pathlib import Path

import pytest
import torch

from engine import events as e
from engine import machine, read_journal, train
from engine.board import system_scalars
from engine.cli_runs import show
from engine.data.batches import WAITING, Batches
from engine.machine import GpuMeter, MachineWatch, WaitMeter, meters_for

PATIENCE = 20.0  # seconds; nothing here takes a hundredth of it
CPU = torch.device("cpu")


class Driver(types.ModuleType):
    """Stands in for pynvml: two devices, of which the second is the run's."""

    NVML_TEMPERATURE_GPU = 0

    def __init__(self, fails: str = "") -> None:
        super().__init__("pynvml")
        self._fails = fails

    def _check(self, name: str) -> None:
        if self._fails == name:
            raise RuntimeError(f"NVML: {name} is not supported")

    def nvmlInit(self) -> None:
        self._check("init")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return ["GPU-1111", "GPU-2222"].index(uuid)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> types.SimpleNamespace:
        return types.SimpleNamespace(gpu=(3, 97)[handle])

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> types.SimpleNamespace:
        return types.SimpleNamespace(used=(1, 40 << 30)[handle], total=80 << 30)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        self._check("temperature")
        return (30, 71)[handle]


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(machine, "SAMPLE_SECONDS", 0.001)


class Counting:
    """A meter whose figures count up."""

    def __init__(self) -> None:
        self.count = 0.0
        self.read_at = threading.Event()

    def read(self) -> dict[str, float | None]:
        self.count += 1
        if self.count == 50:
            self.read_at.set()
        return {"cpu_percent": self.count}


class Broken:
    def read(self) -> dict[str, float | None]:
        raise OSError("gone")


def test_the_first_sample_is_told_at_once_and_then_the_means_of_five(fast):
    told: queue.Queue[e.Event] = queue.Queue()
    watch = MachineWatch(told.put, lambda: [Broken(), Counting()], lambda: False)
    watch.start()
    seen = [told.get(timeout=PATIENCE) for _ in range(3)]
    watch.close()
    assert [one.cpu_percent for one in seen if isinstance(one, e.MachineSampled)] == [1, 4, 9]  # 2 to 6, 7 to 11


def test_a_paused_run_tells_nothing(fast):
    told: queue.Queue[e.Event] = queue.Queue()
    meter, paused = Counting(), [True]
    watch = MachineWatch(told.put, lambda: [meter], lambda: paused[0])
    watch.start()
    assert meter.read_at.wait(PATIENCE)
    assert told.empty()
    paused.clear()
    paused.append(False)
    first = told.get(timeout=PATIENCE)
    watch.close()
    assert isinstance(first, e.MachineSampled) and (first.cpu_percent or 0) >= 50


class Slow:
    """A meter that takes its time."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def read(self) -> dict[str, float | None]:
        self.asked.set()
        assert self.may_answer.wait(PATIENCE)
        return {"cpu_percent": 1.0}


def test_nothing_is_told_after_the_end(fast):
    """Nor does the end wait for a driver that takes its time."""
    told: list[e.Event] = []
    meter = Slow()
    watch = MachineWatch(told.append, lambda: [meter], lambda: False)
    watch.start()
    assert meter.asked.wait(PATIENCE)
    watch.close()
    meter.may_answer.set()
    for thread in [one for one in threading.enumerate() if one.name == "nntui-machine"]:
        thread.join(PATIENCE)
    assert told == []


def test_this_process_and_its_host():
    found = [meter.read() for meter in meters_for(CPU)]
    figures = {name: value for one in found for name, value in one.items()}
    assert set(figures) == {"cpu_percent", "ram_bytes", "ram_share", "data_wait_share"}
    assert 50e6 < (figures["ram_bytes"] or 0) < 50e9 and 0 < (figures["ram_share"] or 0) < 1
    assert figures["data_wait_share"] is not None


def test_a_gpu_by_its_name_not_by_its_number(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Driver())
    assert GpuMeter("2222").read() == {
        "gpu_percent": 97.0, "gpu_memory_bytes": float(40 << 30), "gpu_memory_total": float(80 << 30), "gpu_celsius": 71.0,
    }  # fmt: skip
    with pytest.raises(ValueError):
        GpuMeter("3333")


def test_a_gpu_without_a_thermometer(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Driver("temperature"))
    assert (GpuMeter("2222").read()["gpu_celsius"], GpuMeter("2222").read()["gpu_percent"]) == (None, 97.0)


@pytest.mark.parametrize("missing", [{"psutil": None}, {"pynvml": None}, {"pynvml": Driver("init")}])
def test_what_cannot_be_asked_is_not_there(monkeypatch, missing):
    for name, module in missing.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(machine, "_uuid", lambda device: "2222")
    names = {type(meter).__name__ for meter in meters_for(torch.device("cuda", 0))}
    assert names == ({"WaitMeter"} if "psutil" in missing else {"HostMeter", "WaitMeter"})


def test_the_share_of_the_time_in_which_the_loop_waits():
    import numpy as np

    before, meter = WAITING.seconds, WaitMeter()
    batches = Batches(np.zeros((1000, 50), dtype="float32"), np.zeros(1000, dtype="int64"), 10, CPU)
    handed = batches.shuffled(torch.Generator())
    next(handed)
    waited = WAITING.seconds
    assert waited > before
    list(handed)
    assert WAITING.seconds == waited, "batches that lie there already are not waited for"
    WAITING.seconds += 100.0
    assert meter.read() == {"data_wait_share": 1.0}
    assert 0 <= (meter.read()["data_wait_share"] or 0) < 0.5


def test_a_run_has_them_in_its_journal_and_its_log_and_not_behind_its_end(make_config, monkeypatch, capsys):
    monkeypatch.setattr(machine, "SAMPLE_SECONDS", 0.03)
    run = {"epochs": 40, "batch_size": 4, "tensorboard": True, "figures": False}
    result = train(make_config(data={"source": "wine"}, early_stopping={"enabled": False}, run=run))
    items = list(read_journal(Path(result.folder) / "events.jsonl"))
    samples = [one for one in items if isinstance(one, e.MachineSampled)]
    assert samples and isinstance(items[-1], e.RunEnded)
    assert (samples[-1].ram_bytes or 0) > 50e6 and samples[-1].gpu_percent is None
    assert result.view.machine == samples[-1]
    assert isinstance(items[0], e.RunStarted)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(result.folder)
    log.Reload()
    tags = {tag for tag in log.Tags()["scalars"] if tag.startswith("system/")}
    assert tags == {f"system/{name}" for name in ("cpu_percent", "ram_bytes", "ram_share", "data_wait_share")}
    steps = [one.step for one in log.Scalars("system/ram_bytes")]
    assert steps == sorted(set(steps)) and steps[-1] <= 40, "one value for an epoch"
    show(result.folder, as_json=True)
    assert json.loads(capsys.readouterr().out)["machine"]["ram_bytes"] == samples[-1].ram_bytes


def test_an_epoch_is_the_mean_of_its_samples():
    samples = [e.MachineSampled(cpu_percent=value, gpu_percent=None) for value in (50.0, 100.0)]
    assert system_scalars(samples) == {"system/cpu_percent": 75.0}
    assert system_scalars([]) == {}
