"""The app over a scripted run that goes on by one step when it is told to, and says when that has been drawn.

For what is counted at the terminal: bytes, and the time until something is seen. `Stepped` is the side of whoever counts; the
app's side is ``python -m support.stepped SOCKET EPOCHS``. Every step is drawn at once, however dear: what is counted is a
picture, and not how often there is one.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from support import script
from support.previews import Answers
from support.terminal import ROOT, Terminal

from engine import events as e
from engine.events import Event
from tui import pace, terminal
from tui.app import NntuiApp
from tui.hangup import Watch
from tui.screens.monitor import MonitorScreen
from tui.source import ScriptedSource
from tui.widgets import chart as charts
from tui.widgets.chart import Chart

SETTLED = 0.1  # seconds without a byte after which all that was drawn has come


class Stepped(Terminal):
    """The monitor on a terminal of its own, over a run of `epochs` epochs of which the first has been drawn."""

    def __init__(self, folder: Path, epochs: int, size: tuple[int, int] = (120, 40), **env: str) -> None:
        listening = socket.socket(socket.AF_UNIX)
        path = folder / "steps"
        listening.bind(str(path))
        listening.listen()
        super().__init__(
            [sys.executable, "-m", "support.stepped", str(path), str(epochs)],
            size,
            folder,
            **{"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "NNTUI_STATE": str(folder), **env},
        )
        listening.settimeout(60)
        self._told, _ = listening.accept()
        listening.close()
        try:
            self.step()
        except AssertionError:
            self.close()
            raise

    def step(self, what: str = "e") -> int:
        """Have it take a step and wait until that is drawn; the bytes that the terminal got. See `Stepping` for `what`."""
        before = len(self.output)
        self._told.sendall(what.encode())
        deadline, drawn = time.monotonic() + 60, False
        while not drawn:
            assert time.monotonic() < deadline, f"never drawn; the screen shows\n{self.text}"
            self.read(0.01)
            if select.select([self._told], [], [], 0)[0]:
                drawn = self._answered()
        # What is drawn is written by another thread of the app, a little later on a busy machine; where nothing was to be done
        # nothing need come.
        slack = time.monotonic() + (0 if what == "n" else 5)
        while len(self.output) == before and time.monotonic() < slack:
            self.read(SETTLED)
        self.read(SETTLED)
        return len(self.output) - before

    def settle(self) -> None:
        """Wait until nothing more comes of what was done before."""
        self.until(lambda: self.idle(0.5) == 0, what="for quiet")

    def _answered(self) -> bool:
        with contextlib.suppress(ConnectionError):
            if self._told.recv(1):
                return True
        self.read(0.5)
        raise AssertionError(f"the app is gone; the screen shows\n{self.text}")

    def idle(self, seconds: float) -> int:
        """The bytes that come while nothing happens."""
        before, until = len(self.output), time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.read(left)
        return len(self.output) - before

    def close(self) -> None:
        self._told.close()
        super().close()


# -- the app's side -------------------------------------------------------------------------------------------------------


def epochs_of_a_run(epochs: int) -> Iterator[list[Event]]:
    """What each epoch of a run tells, the last one with its end. Curves as noisy as real ones, and the same every time."""
    dice = random.Random(7)
    best, best_epoch = math.inf, 0
    for number in range(1, epochs + 1):
        train = 1.9 * math.exp(-number / 25) + 0.05 + abs(dice.gauss(0, 0.01))
        val = 1.8 * math.exp(-number / 22) + 0.16 + max(0, number - 110) * 0.0006 + abs(dice.gauss(0, 0.02))
        if val < best:
            best, best_epoch = val, number
        *begun, ended = script.epoch(number, train, val, best_epoch, 1 - val / 4, 0.001 * 0.98**number)
        assert isinstance(ended, e.EpochEnded)
        speed, norm = 12_300 + dice.gauss(0, 400), abs(dice.gauss(1, 0.3))
        events = [*begun, replace(ended, samples_per_second=speed, grad_norm=norm)]
        events.append(script.checked(number, best, best_epoch, patience=60))
        if number % 10 == 0:
            saved = e.CheckpointSaved(
                time=time.time(), epochs=number, batch=0, file="x.pt", kind="epoch", size=100_000, seconds=0.01
            )
            events.append(saved)
        yield [
            *(script.opening(epochs=epochs) if number == 1 else ()),
            *events,
            *(script.closing(epochs=epochs, best_epoch=best_epoch) if number == epochs else ()),
        ]


class Steps(ScriptedSource):
    """A run whose next events come when they are put there."""

    alive = True  # type: ignore[assignment]

    def put(self, events: list[Event]) -> None:
        self.add(events)
        self.release()
        self.alive = not isinstance(events[-1], e.RunEnded)  # type: ignore[assignment]


class Stepping(NntuiApp):
    """Does what the socket says, and answers when it has been drawn.

    e: the next epoch; p: the run is paused; g: it goes on; x: it ends; f: charts and strips are redrawn as Textual does by itself;
    w: everything is; n: nothing is done, but it is waited until there is nothing more to draw.
    """

    CSS_PATH = ROOT / "tui" / "app.tcss"

    def __init__(self, told: socket.socket, epochs: int, **options: object) -> None:
        self.source, self._told, self._epochs = Steps([], own=False), told, epochs_of_a_run(epochs)
        super().__init__(attach=Path(), open_run=lambda folder: self.source, previewer=Answers(), **options)  # type: ignore[arg-type]

    def on_mount(self) -> None:
        super().on_mount()
        self._listening = self.set_interval(0.01, self._listen)

    def _listen(self) -> None:
        monitor = self.monitor
        up = monitor is not None and any(chart.draws for chart in monitor.query(Chart))
        if monitor is None or not up or not select.select([self._told], [], [], 0)[0]:
            return
        what = self._told.recv(1).decode()
        if what == "n":
            self._wait(monitor)
            return
        if what in ("f", "w"):
            self.wire.changes = lambda update, console: update  # type: ignore[method-assign]
            parts = [*monitor.query("Title, StatusStrip, EarlyStopStrip"), *monitor.query(Chart)]
            for widget in parts if what == "f" else [monitor]:
                widget.refresh()
            self._wait(monitor, 3)  # on a busy machine what is called after a refresh may come before it is on its way
            return
        if what:
            at = monitor.view.epoch
            said: dict[str, list[Event]] = {
                "p": [e.Paused(epoch=at)],
                "g": [e.Resumed(epoch=at)],
                "x": script.closing(epochs=at, best_epoch=at),
            }
            self.source.put(said[what] if what in said else next(self._epochs))
            monitor._pace.hurry()
            monitor._drain()
        else:
            self._listening.stop()  # nobody is there any more
            return
        monitor.call_after_refresh(self._drawn)

    def _wait(self, monitor: MonitorScreen, calm: int = 0) -> None:
        """Answer once there is nothing more to draw."""
        charts_drawn = all(len(one._strips) == one.size.height for one in monitor.query(Chart) if one.size)
        busy = self._resize_event or monitor._layout_required or monitor._dirty_widgets or monitor._repaint_required
        calm = 0 if busy or monitor.size != self.size or not charts_drawn else calm + 1
        if calm == 5:
            monitor.call_after_refresh(self._drawn)
        else:
            self.set_timer(0.02, lambda: self._wait(monitor, calm))

    def _drawn(self) -> None:
        vars(self.wire).pop("changes", None)
        self._told.send(b"d")


def main(path: str, epochs: int) -> None:
    pace.SHARE = charts.SHARE = math.inf
    told = socket.socket(socket.AF_UNIX)
    told.connect(path)
    with terminal.only_for_the_screen() as stray, Watch(stray.terminal).listening() as watch:
        look = {"charset": terminal.charset(), "colour": terminal.colour()}
        app = Stepping(told, epochs, stray=stray, watch=watch, **look)
        app.run()
    if app.breakdown is not None:
        raise app.breakdown


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
