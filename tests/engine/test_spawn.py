"""What the process of a run prints before there is a run is in the log of the run."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

from engine.spawn import _continue_in

MANY = 20_000_000  # characters before, so that it takes a moment to copy them


def test_nothing_that_is_printed_while_the_output_moves_is_lost(tmp_path: Path):
    """Before, and by another thread during and after."""
    log = tmp_path / "run.log"
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with tempfile.TemporaryFile() as nameless:
                for number in (1, 2):
                    os.dup2(nameless.fileno(), number)
            os.write(1, b"x" * MANY + b"\n")
            moved, told = threading.Event(), threading.Event()

            def tell() -> None:
                number = 0
                while not (moved.is_set() and number > 1000):
                    os.write(1 + number % 2, b"%d\n" % number)
                    number += 1
                    told.set()

            teller = threading.Thread(target=tell)
            teller.start()
            told.wait()
            _continue_in(log)
            moved.set()
            teller.join()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    first, *others = log.read_text().splitlines()
    assert first == "x" * MANY
    assert sorted(map(int, others)) == list(range(len(others))) and len(others) > 1000
