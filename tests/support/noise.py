"""Code that writes where it should not, in every way there is: what people's own models, data sets and libraries do.

`arm` is run in the app's process before it starts. From then on the screen's own process makes noise while the screen is up,
and so does the run's: while it loads its data, and from a thread while it trains.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from typing import Any

WAYS = ("print", "stderr", "warning", "logging", "bytes-1", "bytes-2", "printf", "child", "child-error", "real-stdout")


def word(way: str, who: str) -> str:
    """What is written in this way by ``screen``, ``loading`` or ``training``."""
    return f"NOISE-{way}-{who}"


def make(who: str) -> None:
    """All of it once."""
    print(word("print", who))
    print(word("stderr", who), file=sys.stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(word("warning", who), stacklevel=1)
    logging.getLogger("noise").warning(word("logging", who))
    os.write(1, f"\x1b[2J\x1b[H{word('bytes-1', who)}\n".encode())
    os.write(2, f"{word('bytes-2', who)}\n".encode())
    libc = ctypes.CDLL(None)
    libc.puts(word("printf", who).encode())
    libc.fflush(None)
    subprocess.run(["/bin/sh", "-c", f"echo {word('child', who)}; echo {word('child-error', who)} >&2"], check=True)
    assert sys.__stdout__ is not None
    if who != "screen":  # there it is the terminal itself, for Textual
        sys.__stdout__.write(word("real-stdout", who) + "\n")
        sys.__stdout__.flush()
    sys.stdout.flush()


def _again_and_again(who: str) -> None:
    while True:
        make(who)
        time.sleep(0.2)


def arm() -> None:
    """Noise from now on, see above."""
    from support import forkedruns

    from engine.data import builtin
    from tui.app import NntuiApp

    begin, load = NntuiApp.on_mount, builtin.load_builtin

    def on_mount(self: NntuiApp) -> None:
        begin(self)
        threading.Thread(target=_again_and_again, args=("screen",), daemon=True).start()

    @functools.wraps(load)
    def load_builtin(*arguments: Any) -> Any:
        make("loading")
        threading.Thread(target=_again_and_again, args=("training",), daemon=True).start()
        return load(*arguments)

    NntuiApp.on_mount = on_mount  # type: ignore[method-assign]
    builtin.load_builtin = load_builtin
    # Forked now, so that the run makes noise as well; two, since it gets a new process while the first is at a preview.
    forkedruns.use([forkedruns.prepare() for _ in range(2)])
