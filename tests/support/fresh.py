"""Programs that begin with nothing of ours in memory, many of them for the price of one start.

One process imports the libraries that every light start needs (pydantic, NumPy, Typer), none of which a test asks after, and forks a
child for each program. What a program imports of the engine, of the screens and of anything heavy it imports itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.terminal import environment

_FORKING = """
import json, os, sys, tempfile
import numpy, pydantic, typer
assert not {"engine", "tui", "torch", "textual"} & set(sys.modules)
for code, arguments in json.load(sys.stdin):
    out, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    pid = os.fork()
    if pid == 0:
        for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out.fileno(), errors.fileno())):
            os.dup2(file, number)
        sys.argv = ["-c", *arguments]
        try:
            exec(code, {"__name__": "__main__"})
            left = 0
        except SystemExit as error:
            left = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            left = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(left)
    left = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    texts = []
    for file in (out, errors):
        file.seek(0)
        texts.append(file.read().decode())
    print(json.dumps([left, *texts]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it wrote."""

    code: int
    out: str
    errors: str


def ends(programs: Sequence[tuple[str, Sequence[str]]], cwd: Path | None = None) -> list[Ended]:
    """Run each of the programs, its code and its arguments, without a terminal at either end."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-c", _FORKING],
            cwd=cwd or empty,
            env=environment(),
            input=json.dumps(programs),
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    found = [Ended(*json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == len(programs), done.stderr
    return found
