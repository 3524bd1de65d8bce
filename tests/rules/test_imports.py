"""What must not be imported before training starts: it would cost seconds at every start and every error message.

Each case runs in a process of its own, as a user's would, and looks at sys.modules at its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.fresh import ends

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "sklearn", "scipy", "pandas", "tensorboard", "matplotlib", "safetensors")
SCREEN = ("textual", "rich", "tui")


def imported(code: str) -> set[str]:
    """The top-level modules in memory after `code` has run."""
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


HEADLESS = {
    "the package": "import engine",
    "its light names": (
        "from engine import RunConfig, RunView, StopToken, catalogue, diagnose, load_config, read_journal\n"
        "from engine import InputError, ConfigError, DataError, TrainingError\n"
        "from engine.knobs import knobs\n"
        "knobs(); catalogue(); RunConfig(); diagnose(train_loss=[1.0], val_loss=[1.0])"
    ),
    "a program and a command": (
        "from engine import RunConfig, build_config, command_line, plain_script\n"
        "import engine.saving\n"
        "plain_script(RunConfig()); command_line(RunConfig()); engine.saving.to_toml(RunConfig())"
    ),
    "a template": "from engine.configfile import template; template()",
    "a config error": (
        "from engine import build_config, ConfigError\n"
        "try: build_config({'optimizer': {'lr': -1.0}, 'modle': {}}, ['x=1'])\n"
        "except ConfigError: pass\n"
        "else: raise SystemExit('not refused')"
    ),
    "the runs there are": (
        "import engine.attached, engine.cli_runs, engine.headless\n"
        "from engine.runs import find_run, list_runs\n"
        "assert list_runs('nowhere') == []"
    ),
    "a loop of one's own": (
        "import engine, os, tempfile\n"
        "with tempfile.TemporaryDirectory() as folder, engine.monitor(folder=folder, quiet=True) as run:\n"
        "    for epoch in range(3): run.log(epoch, train_loss=1.0, val_loss=1.0)"
    ),
    "what a handle is": "from engine import start, train, RunHandle, RunResult",
    "a config error of a run": (
        "from engine import RunConfig, train, ConfigError\n"
        "try: train(RunConfig.model_validate({'data': {'source': 'nosuch'}}))\n"
        "except ConfigError: pass\n"
        "else: raise SystemExit('not refused')"
    ),
}


def test_the_engine_starts_light_and_without_a_screen():
    unwanted = {*HEAVY, *SCREEN}
    look = f"import sys\nprint('FOUND', sorted({{name.split('.')[0] for name in sys.modules}} & {unwanted!r}))"
    for name, done in zip(HEADLESS, ends([(f"{code}\n{look}", []) for code in HEADLESS.values()]), strict=True):
        assert (done.code, done.out.splitlines()[-1:]) == (0, ["FOUND []"]), (name, done)


def test_the_app_starts_light():
    assert imported("import tui, tui.main") & {*HEAVY, "textual"} == set()


def test_the_screens_are_light():
    assert imported("import tui.app") & set(HEAVY) == set()


def test_every_public_name_is_there():
    code = "import engine\nfor name in engine.__all__: assert getattr(engine, name) is not None, name"
    assert "torch" not in imported(code)


def test_a_name_that_is_not_there_is_an_attribute_error():
    imported("import engine\ntry: engine.nosuch\nexcept AttributeError: pass\nelse: raise SystemExit('found')")


def test_no_public_name_is_hidden_by_a_module_of_the_same_name():
    """`engine.knobs` would be the function or the module, depending on what was imported first."""
    import engine

    modules = {path.stem for path in (ROOT / "engine").glob("*.py")} | {
        path.name for path in (ROOT / "engine").iterdir() if path.is_dir()
    }
    assert modules.isdisjoint(engine.__all__)


def test_the_app_shows_itself_before_its_screens_are_imported():
    """A bare Textual app is up in a quarter of a second; so is ours."""
    slow = {"pydantic", "numpy", "typer"}
    assert imported("import tui.start, tui.session, tui.terminal, tui.hangup") & {*HEAVY, *slow} == set()
