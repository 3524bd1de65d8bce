"""What the machine has to do for a run, sampled once a second in a thread of its own and told every few seconds.

psutil and nvidia-ml-py are imported in that thread, off the way to the first step; without either of them, without a GPU or
without a driver that answers, the figures are None and nothing else is different.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from .events import Event, MachineSampled
from .longcurves import FIGURES, mean_sample

SAMPLE_SECONDS = 1.0
TELL_SAMPLES = 5  # samples from one telling to the next; the first is told at once


class Meter(Protocol):
    """Something that can be asked for figures, by the names of MachineSampled's fields."""

    def read(self) -> dict[str, float | None]: ...


class HostMeter:
    """CPU and memory of this process and its host. Raises ImportError where there is no psutil."""

    def __init__(self) -> None:
        import psutil

        self._host, self._process = psutil, psutil.Process()
        self._process.cpu_percent()  # the share of a core since the call before: this is the first

    def read(self) -> dict[str, float | None]:
        return {
            "cpu_percent": self._process.cpu_percent(),
            "ram_bytes": float(self._process.memory_info().rss),
            "ram_share": self._host.virtual_memory().percent / 100,
        }


class GpuMeter:
    """One CUDA device, by NVIDIA's management library. Raises whatever that raises where it cannot be asked.

    uuid: of the device, as torch has it. The numbers that CUDA and the driver give to devices differ with
    CUDA_VISIBLE_DEVICES; this does not.
    """

    def __init__(self, uuid: str) -> None:
        import pynvml

        self._library: Any = pynvml
        self._library.nvmlInit()
        name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
        self._handle = self._library.nvmlDeviceGetHandleByUUID(name)

    def read(self) -> dict[str, float | None]:
        """Each by itself: a virtual GPU, for example, has no thermometer."""
        library = self._library
        memory = _asked(lambda: library.nvmlDeviceGetMemoryInfo(self._handle))
        return {
            "gpu_percent": _asked(lambda: float(library.nvmlDeviceGetUtilizationRates(self._handle).gpu)),
            "gpu_memory_bytes": float(memory.used) if memory else None,
            "gpu_memory_total": float(memory.total) if memory else None,
            "gpu_celsius": _asked(
                lambda: float(library.nvmlDeviceGetTemperature(self._handle, library.NVML_TEMPERATURE_GPU))
            ),
        }


class WaitMeter:
    """The share of the time since the last look in which the loop waited for its batches."""

    def __init__(self) -> None:
        from .data.batches import WAITING  # and with it torch, which a script's own loop may have no use for

        self._waiting = WAITING
        self._at, self._waited = time.perf_counter(), WAITING.seconds

    def read(self) -> dict[str, float | None]:
        now, waited = time.perf_counter(), self._waiting.seconds
        share = (waited - self._waited) / max(1e-9, now - self._at)
        self._at, self._waited = now, waited
        return {"data_wait_share": min(1.0, max(0.0, share))}


def _asked(ask: Callable[[], Any]) -> Any:
    """An answer, or None."""
    with contextlib.suppress(Exception):
        return ask()
    return None


def meters_for(device: Any) -> list[Meter]:
    """All that can be asked here about a run on this torch.device."""
    found: list[Meter | None] = [_asked(HostMeter), WaitMeter()]
    if device.type == "cuda":
        found.append(_asked(lambda: GpuMeter(_uuid(device))))
    return [meter for meter in found if meter is not None]


def meters_of_script() -> list[Meter]:
    """All that can be asked about a script that trains in this process: the GPU only if its torch uses one."""
    found: list[Meter | None] = [_asked(HostMeter)]
    torch = sys.modules.get("torch")
    if torch is not None and _asked(torch.cuda.is_initialized):
        found.append(_asked(lambda: GpuMeter(_uuid(torch.cuda.current_device()))))
    return [meter for meter in found if meter is not None]


def _uuid(device: Any) -> str:
    import torch

    return str(torch.cuda.get_device_properties(device).uuid)


class MachineWatch:
    """Tells what the machine has to do, from `start` until `close`.

    emit: is called from another thread. meters: makes them, in the thread that reads them. resting: whether the run is paused,
    when there is nothing to tell.
    """

    def __init__(
        self, emit: Callable[[Event], None], meters: Callable[[], list[Meter]], resting: Callable[[], bool]
    ) -> None:
        self._emit, self._make, self._resting = emit, meters, resting
        self._over = threading.Event()
        self._telling = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="nntui-machine", daemon=True).start()

    def close(self) -> None:
        """Tell nothing more from now on. The thread is not waited for: a driver that does not answer holds up nobody's end."""
        with self._telling:
            self._over.set()

    def _watch(self) -> None:
        if self._over.wait(SAMPLE_SECONDS / 2):  # a run that is over in a moment needs none of this
            return
        meters = self._make()
        samples: list[MachineSampled] = []
        wanted, pause = 1, SAMPLE_SECONDS / 2
        while not self._over.wait(pause):
            pause = SAMPLE_SECONDS
            figures: dict[str, Any] = {
                name: value for meter in meters for name, value in (_asked(meter.read) or {}).items()
            }
            if self._resting():
                samples.clear()
                continue
            samples.append(MachineSampled(**figures))
            if len(samples) >= wanted:
                with self._telling:
                    if not self._over.is_set():
                        self._emit(rounded(mean_sample(samples)))
                samples.clear()
                wanted = TELL_SAMPLES


_DIGITS = {"cpu_percent": 1, "ram_share": 3, "gpu_percent": 1, "gpu_celsius": 1, "data_wait_share": 4}


def rounded(sample: MachineSampled) -> MachineSampled:
    """With no more digits than mean anything: it is written down every few seconds."""
    figures: dict[str, Any] = {name: getattr(sample, name) for name in FIGURES}
    told = {name: None if value is None else round(value, _DIGITS.get(name, 0)) for name, value in figures.items()}
    return replace(sample, **told)
