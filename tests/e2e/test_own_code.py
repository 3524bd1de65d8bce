"""Code of one's own through the program itself: exit codes, what is printed where, and an app that stays usable."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.faultycode import GOOD, net
from support.forkedapps import forked, ran

SETTINGS = (
    "--set",
    "model.kind=custom",
    "--set",
    "data.source=wine",
    "--set",
    "run.device=cpu",
    "--set",
    "run.tensorboard=off",
)
WRONG = "self.fc = nn.Linear(14, 3)"


def own(name: str = "nets:Net", *more: str) -> list[str]:
    return [*SETTINGS, "--set", f"model.path={name}", *(part for one in more for part in ("--set", one))]


def written(folder: Path, code: str, name: str = "nets.py") -> None:
    (folder / name).write_text(code)


def test_what_the_code_prints_goes_into_the_log_and_its_threads_hold_nothing_up(server, tmp_path):
    top = "import threading, time, sys\nprint('hello from nets')\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    written(tmp_path, net("print('forward', file=__import__('sys').stderr)\n" + GOOD, top=top))
    began = time.monotonic()
    done = ran(server, "train", *own("nets:Net", "run.epochs=2"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 60
    assert "hello" not in done.stdout + done.stderr and "forward" not in done.stdout + done.stderr
    assert "epoch 2/2" in done.stdout
    (log,) = tmp_path.glob("runs/*/run.log")
    assert log.read_text().splitlines()[:2] == ["hello from nets", "forward"]


@pytest.mark.parametrize(
    ("code", "more", "exit_code", "said"),
    [
        (net(GOOD, WRONG), (), 1, "nntui: nets.py:8: model.path: Net: fc (Linear) got (4, 13) and wants (n, 14)"),
        ("print('before')\nimport sys\nsys.exit(0)\n", (), 1, "nntui: nets.py:3: model.path: loading nets: calls sys.exit(0)"),
        (net("self.n += 1\nassert self.n < 9, 'enough'\n" + GOOD, "self.fc = nn.Linear(13, 3)\nself.n = 0"), (), 1, "nntui: training failed: nets.py:10: AssertionError: enough"),
        (net(GOOD), ("model.path=nets:Nett",), 2, "nntui: model.path: nets has nothing called 'Nett'; did you mean 'Net'?"),
        (net(GOOD), ("model.path=engine.nets:Net",), 2, "nntui: model.path: 'engine' is a package of nntui's own"),
    ],
    ids=["shapes", "exits", "while it trains", "no such name", "hidden"],
)  # fmt: skip
def test_exit_codes(server, tmp_path, code, more, exit_code, said):
    written(tmp_path, code)
    done = ran(server, "train", *own("nets:Net", *more), cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == exit_code, done.stderr
    told = [line for line in lines if line.startswith("nntui: ")]
    assert len(told) == 1 and told[0].startswith(said), done.stderr
    rest = [line for line in lines if not line.startswith("nntui: ")]
    assert all(line.startswith(("    nets.py:", "    | before")) for line in rest), done.stderr
    assert bool(rest) == (exit_code == 1)
    assert (tmp_path / "runs").exists() == ("training failed" in said)


def test_the_app_stays_usable_whatever_the_code_does(server, tmp_path):
    """A fault at its field, code that takes the whole process along, then code that works; mended on disk meanwhile."""
    written(tmp_path, net(GOOD, WRONG))
    with forked(server, own("nets:Net", "run.epochs=3", "run.name=own"), tmp_path, (140, 45)) as program:
        program.see("nntui · setup", "where it is", "1 thing to mend")
        program.send("r")
        program.see("fc (Linear) got", "where it is")
        written(tmp_path, "import os\nos._exit(3)\n")
        program.send("r")
        program.see("exit code 3", "n new run")  # the process that was to train has gone
        written(tmp_path, net(GOOD))
        program.send("n")
        program.see("where it is")
        program.send("r")
        program.see("all epochs done")
        program.send("q")
        assert program.wait() == 0
    assert "epoch" in (next(tmp_path.glob("runs/*own*/events.jsonl")).read_text())
