"""The charts of what the machine has to do. Pure."""

from __future__ import annotations

from engine.runview import RunView

from .chart import Series
from .panel import Panel
from .xaxis import Course

_GIB = 2.0**30
MACHINE_PANELS = {
    "gpu": Panel("gpu", "GPU utilisation", "GPU %", (0, 100)),
    "gpu memory": Panel("gpu memory", "GPU memory in use", "GPU memory GiB", (0, None)),
    "gpu heat": Panel("gpu heat", "GPU temperature", "GPU °C", (0, None)),
    "cpu": Panel("cpu", "CPU of the run's process, 100 for a core", "CPU %", (0, None)),
    "ram": Panel("ram", "Memory of the run's process", "RAM GiB", (0, None)),
    "wait": Panel("wait", "Share of time spent waiting for data", "data wait %", (0, 100)),
}
_FIGURES: dict[str, tuple[str, float]] = {
    "gpu": ("gpu_percent", 1.0),
    "gpu memory": ("gpu_memory_bytes", 1 / _GIB),
    "gpu heat": ("gpu_celsius", 1.0),
    "cpu": ("cpu_percent", 1.0),
    "ram": ("ram_bytes", 1 / _GIB),
    "wait": ("data_wait_share", 100.0),
}


def machine_panels(view: RunView) -> list[Panel]:
    """Those for which this machine has had something to say."""
    sampled = [key for key, (name, _) in _FIGURES.items() if getattr(view.machine, name, None) is not None]
    return [MACHINE_PANELS[key] for key in sampled]


def _machine(view: RunView, key: str) -> list[tuple[float, float]]:
    """(moment, figure) of one of the machine's charts."""
    name, scale = _FIGURES[key]
    pairs = [(one.time, getattr(one, name)) for one in view.machine_log.samples]
    return [(time, value * scale) for time, value in pairs if value is not None]


def machine_series(view: RunView, key: str, course: Course) -> list[Series]:
    pairs = _machine(view, key)
    xs = course.of_moments([time for time, _ in pairs])
    return [Series(key, xs, [value for _, value in pairs], "train")]
