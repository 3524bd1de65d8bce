"""One process that has imported everything, once for all test processes, and forks off it the servers that they ask for.

PyTorch, scikit-learn and Textual take five seconds of a processor to import. Every test process has two servers that fork (see
support.forkserver and support.forkedapps); they are forked themselves, here. The process begins as next to nothing, imports with
the first server that is asked for, and ends with the test session that began it.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from support.terminal import ROOT, environment

WHERE = "NNTUI_TESTS_STEM"  # in the environment of the test processes: the socket to ask at


class Stem:
    """The test session's side: begin it before there are test processes, close it when they have ended."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(
            prefix="nntui-"
        )  # a short path: that of a socket has about a hundred characters
        address = os.path.join(self._folder, "stem")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from support import stem; stem.main()", str(listener.fileno())],
                pass_fds=[listener.fileno()],
                env=environment(PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "tests")])),
                stdin=subprocess.PIPE,
            )
        os.environ[WHERE] = address

    def close(self) -> None:
        os.environ.pop(WHERE, None)
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            shutil.rmtree(self._folder, ignore_errors=True)


def forked(what: str, folder: Path) -> socket.socket:
    """The connection to a new server, which works in `folder`. what: ``lives`` or ``apps``. It ends when this is shut down."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ[WHERE])
    connection.sendall(json.dumps({"what": what, "folder": str(folder)}).encode() + b"\n")
    return connection


def closed(connection: socket.socket, seconds: float) -> bool:
    """Shut a connection down and wait until its server has ended; whether it has."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    finally:
        connection.close()
    return True


# -- its own side ---------------------------------------------------------------------------------------------------------


def main() -> None:
    """Wait for orders; standard input ends with the test session."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    while True:
        ready = select.select([listener, sys.stdin], [], [])[0]
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if sys.stdin in ready:
            os._exit(0)  # torch takes its time to leave
        connection = listener.accept()[0]
        if "torch" not in sys.modules:
            _import()
        if os.fork() == 0:
            listener.close()
            _serve(connection)
        connection.close()


def _import() -> None:
    """Whatever the children of any server need: what they import themselves costs each of them its time."""
    import sklearn.datasets  # noqa: F401  -- with scipy and pandas: half of the time that a run needs to begin
    import textual.drivers.linux_driver  # noqa: F401
    import tomlkit  # noqa: F401
    from support import lives  # noqa: F401  -- torch and an optimizer of it, which imports the rest of torch

    import tui.app
    import tui.leaving
    import tui.main
    import tui.session
    from engine.standby import _warm_up

    _warm_up()
    tui.app._load()
    with contextlib.redirect_stdout(io.StringIO()):
        tui.main.app(["--version"], standalone_mode=False)  # what the parser imports when it first parses
    gc.freeze()  # so that a child's first look for garbage does not write to every page


def _serve(connection: socket.socket) -> None:
    """Become a server: never returns."""
    from support import forkedapps, forkserver

    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)  # what tells the end of the session stays with the one that listens for it
    os.close(nowhere)
    with connection.makefile("rb", buffering=0) as lines:
        order = json.loads(lines.readline())
    os.chdir(order["folder"])
    try:
        {"lives": forkserver.serve, "apps": forkedapps.serve}[order["what"]](connection)
    finally:
        os._exit(0)
