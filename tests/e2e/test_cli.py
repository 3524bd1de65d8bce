"""The command line as a user meets it: what it says, what it returns, and what it does not import to do so."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.forkedapps import Piped, ran
from support.fresh import ends
from support.terminal import NNTUI, environment

from engine import events as e
from engine import read_journal

HEAVY = "torch", "sklearn", "scipy", "pandas", "tensorboard", "matplotlib"
QUICK = ("--set", "run.device=cpu", "--set", "run.tensorboard=off")


def run(
    *arguments: str, cwd: Path | None = None, program=NNTUI, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """The command without a terminal at either end."""
    return subprocess.run(
        [*program, *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def faults(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on standard error of a run that refused its input."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    assert lines and all(line.startswith("nntui: ") for line in lines), done.stderr
    return [line.removeprefix("nntui: ") for line in lines]


# ----------------------------------------------------------------------------------------------- light, whatever is asked

WATCHED = """
import sys
from {module} import main
code = main()
print("HEAVY", sorted(set({heavy}) & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""

FIRST_PAINT = """
import asyncio, sys
import tui.app, tui.main, tui.screens.setup, tui.session, tui.terminal
async def paint(config):
    app = tui.app.NntuiApp(config)
    async with app.run_test(size=(80, 24)) as pilot:
        while not isinstance(app.screen, tui.screens.setup.SetupScreen):
            await pilot.pause()
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        print("".join(segment.text for strip in strips for segment in strip))
        print("HEAVY", sorted(set({heavy}) & set(sys.modules)), file=sys.stderr)
    return 0
tui.terminal.has_terminal = lambda: True
tui.session.run_app = lambda config, **_: asyncio.run(paint(config))
sys.exit(tui.main.main())
"""


ANSWERS = [
    (["--help"], 0, "Train neural networks in a terminal"),
    (["train", "--help"], 0, "--set"),
    (["--version"], 0, "nntui 0."),
    (["datasets"], 0, "breast_cancer"),
    (["samples"], 0, "overfit_dropout"),
    (["config", "--template"], 0, "[optimizer]"),
    (["config", "--sample", "digits", "--set", "run.epochs=7"], 0, "epochs = 7"),
    (["train", "--sample", "digits", "--set", "optimizer.lr=-1"], 2, "must be more than 0"),
    (["ls", "--folder", "nowhere"], 0, "there are no runs"),
    (["show", "--folder", "nowhere"], 2, "there are no runs"),
    (["stop", "--folder", "nowhere"], 2, "there are no runs"),
    (["compare", "a", "b", "--folder", "nowhere"], 2, "there are no runs"),
    (["stop", ""], 2, "RUN: is empty"),
    (["resume", "--folder", "nowhere"], 2, "there are no runs"),
    (["train", "nosuch.toml"], 2, "no such file"),
    (["train"], 2, "nothing to train"),
    (["trian"], 2, "trian"),
]
# The verbs are the same functions under both: of the engine's, only what its own parser answers, and a few more.
OWN = ("--help", "--version", "datasets", "train", "trian")


@pytest.mark.parametrize("module", ["tui.main", "engine.cli"])
def test_it_answers_without_importing_anything_heavy(module):
    asked = [answer for answer in ANSWERS if module == "tui.main" or " ".join(answer[0]) in OWN]
    code = WATCHED.format(module=module, heavy=HEAVY)
    for (arguments, left, words), done in zip(asked, ends([(code, one[0]) for one in asked]), strict=True):
        assert done.code == left, (arguments, done)
        assert words in done.out + done.errors, (arguments, done)
        assert "Traceback" not in done.errors, (arguments, done)
        assert done.errors.splitlines()[-1] == "HEAVY []", (arguments, done)


def test_the_first_screen_imports_nothing_heavy():
    done = run("--sample", "digits", program=(sys.executable, "-c", FIRST_PAINT.format(heavy=HEAVY)))
    assert done.returncode == 0, done.stderr
    assert "nntui · setup" in done.stdout and "hidden layers 64" in done.stdout
    assert "HEAVY []" in done.stderr


@pytest.mark.parametrize("module", ["tui", "engine"])
def test_modules_can_be_run(module):
    done = run("--version", program=(sys.executable, "-m", module))
    assert (done.returncode, done.stdout) == (0, "nntui 0.1.0\n")


def test_the_engine_without_a_verb_shows_its_help():
    done = run(program=(sys.executable, "-m", "engine"))
    assert done.returncode == 2
    assert "Usage:" in done.stderr and "train" in done.stderr and len(done.stderr.splitlines()) > 10


# ------------------------------------------------------------------------------------------------------------- bad input


def test_all_faults_at_once_a_line_each(server, tmp_path):
    (tmp_path / "bad.toml").write_text(
        '[modle]\nkind = "mlp"\n[optimizer]\nlr = "fast"\nmomentun = 1\n[run]\nepochs = 0\n'
    )
    found = faults(ran(server, "train", "bad.toml", "--set", "regularization.dropout=2", "--set", "x", cwd=tmp_path))
    assert set(found) == {
        "bad.toml:1: modle: unknown section; did you mean model?",
        "bad.toml:4: optimizer.lr: must be a number, got 'fast'; allowed: > 0, <= 1000",
        "bad.toml:5: optimizer.momentun: unknown knob; did you mean optimizer.momentum?",
        "bad.toml:7: run.epochs: must be at least 1, got 0; allowed: >= 1, <= 1000000",
        "--set: regularization.dropout: must be less than 1, got 2.0; allowed: >= 0, < 1",
        "--set: 'x' needs key=value; for example --set optimizer.lr=0.01",
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "optimizer.rl=1"], "--set: optimizer.rl: unknown knob; did you mean optimizer.lr?"),
        (
            ["--set", "run.epochs=many"],
            "--set: run.epochs: must be a whole number, got 'many'; allowed: >= 1, <= 1000000",
        ),
        (["--set", "optimizer.lr=0"], "--set: optimizer.lr: must be more than 0, got 0.0; allowed: > 0, <= 1000"),
        (
            ["--set", "model.kind=mpl"],
            "--set: model.kind: must be one of mlp, linear, cnn, gru, lstm, transformer, custom, got 'mpl'; did you mean 'mlp'?",
        ),
    ],
)
def test_a_wrong_setting(server, arguments, expected):
    assert faults(ran(server, "train", "--sample", "digits", *arguments)) == [expected]


@pytest.mark.parametrize("verb", [["train"], []])
def test_what_is_not_there_is_named(server, verb):
    assert faults(ran(server, *verb, "gone.toml")) == [
        "gone.toml: no such file; check the path, or try `nntui --sample digits`"
    ]
    assert faults(ran(server, *verb, "--sample", "digist")) == [
        "--sample: no sample is called 'digist'; did you mean 'digits'?"
    ]


@pytest.mark.parametrize(
    ("content", "target", "expected"),
    [
        ("a,b,y\n" + "1,2,0\n2,1,1\n" * 10, "label", "data.csv:1: data.target: no column called 'label'"),
        (
            "a,b,y\n1,2,0\n1,x,1\n" + "1,2,0\n2,1,1\n" * 10,
            "y",
            "data.csv:3: data.source: column 'b': 'x' is not a number",
        ),
        (None, "y", "data.csv: data.source: no such file"),
    ],
    ids=["no such column", "no number", "no file"],
)
def test_a_csv_that_cannot_be_used(server, tmp_path, content, target, expected):
    if content is not None:
        (tmp_path / "data.csv").write_text(content)
    settings = "--set", "data.source=data.csv", "--set", f"data.target={target}"
    found = faults(ran(server, "train", "--sample", "diabetes_regression", *settings, cwd=tmp_path))
    assert len(found) == 1 and found[0].startswith(expected), found
    assert not (tmp_path / "runs").exists(), "nothing is written before the input has proved usable"


def test_a_mistyped_verb_and_no_terminal(server):
    assert faults(ran(server, "trian")) == ["no command and no file is called 'trian'; did you mean `nntui train`?"]
    assert "nntui train --sample digits" in faults(ran(server))[0]
    assert faults(ran(server, "--smaple", "digits"))[0].startswith("No such option: --smaple")
    assert faults(ran(server, "digits.toml", "--sample", "digits")) == [
        "--sample: a FILE and a sample were both given; give one of them"
    ]


# -------------------------------------------------------------------------------------------------------------- training


def test_without_a_terminal_a_line_per_epoch_and_the_final_figures_are_printed(tmp_path):
    done = run("--sample", "digits", "--set", "run.epochs=3", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == ["1/3", "2/3", "3/3"]
    table = {line[:11].strip(): line[12:] for line in lines}
    assert "test part: a row for each true class, a column for each answer" in lines
    assert table["best epoch"] == "3 of 3"
    assert table["ended"] == "all epochs done"
    assert "accuracy" in table["test"] and "accuracy" in table["validation"]
    folder = Path(table["run folder"])
    assert {path.name for path in folder.iterdir()} >= {"config.toml", "events.jsonl"}
    assert "\x1b" not in done.stdout and done.stderr == ""


def test_a_csv_from_the_command_line(server, tmp_path):
    import numpy as np
    from sklearn.datasets import load_breast_cancer

    whole = load_breast_cancer()
    names = np.array(["malignant", "benign"])[whole.target]
    rows = [",".join([*(repr(float(x)) for x in row), name]) for row, name in zip(whole.data, names, strict=True)]
    (tmp_path / "cancer.csv").write_text(
        "\n".join([",".join([*map(str, whole.feature_names), "diagnosis"]), *rows]) + "\n"
    )
    (tmp_path / "run.toml").write_text('[data]\nsource = "cancer.csv"\ntarget = "diagnosis"\n')
    done = ran(server, "train", "run.toml", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert float(next(line for line in lines if line.startswith("test        loss")).split()[-1]) >= 0.93
    best = next(line for line in lines if line.startswith("best epoch"))
    assert int(best.split()[-1]) == sum(line.startswith("epoch ") for line in lines), "a line for each epoch"


def test_a_loss_that_is_no_number_fails(server, tmp_path):
    settings = "--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e3"
    done = ran(server, "train", "--sample", "diabetes_regression", *settings, *QUICK, cwd=tmp_path)
    assert done.returncode == 1
    assert "ended       the loss is no longer a finite number" in done.stdout
    assert "Traceback" not in done.stderr


def test_nobody_reads_a_list():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*NNTUI, "datasets"], stdout=writer, stderr=subprocess.PIPE, env=environment(), text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_nobody_reads_the_output_of_a_run(server, tmp_path):
    program = Piped(server, ["train", "--sample", "digits", "--set", "run.epochs=3", *QUICK], tmp_path)
    with contextlib.closing(program):
        assert program.stdout.read(1)
        program.stdout.close()
        assert program.process.wait(120) == 0, "the training is none the worse for it"
        assert program.errors == ""


@pytest.mark.parametrize(
    ("number", "code", "reason"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_run_in_order(server, tmp_path, number, code, reason):
    command = ["train", "--sample", "overfit", "--set", "run.epochs=100000", *QUICK]
    with contextlib.closing(Piped(server, command, tmp_path)) as program:
        printed = []
        while not (printed and printed[-1].startswith("epoch")):
            printed.append(program.stdout.readline())
            assert printed[-1], program.errors
        asked = time.monotonic()
        program.process.send_signal(number)
        rest = program.stdout.read()
        assert program.process.wait() == code
        assert time.monotonic() - asked < 30
        assert program.errors == ""
    assert f"ended       {reason}" in rest
    assert ("test        loss" in rest) == (number == signal.SIGINT), "who sends SIGTERM is in a hurry"
    folder = next(line for line in rest.splitlines() if line.startswith("run folder")).split(maxsplit=2)[2]
    last = list(read_journal(Path(folder) / "events.jsonl"))[-1]
    assert isinstance(last, e.RunEnded) and last.reason == reason
