"""A program written by `nntui script` comes to the numbers of the run, bit for bit, and needs nothing of nntui."""

from __future__ import annotations

import ast
import dataclasses
import random
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.scripts import Figures, as_printed, config_for_script, read_figures, run_script, trained

from engine import ConfigError, DataError, RunConfig, build_config, cli, train
from engine.data.table import load
from engine.metrics import AT_ONCE, BATCHES_AT_ONCE
from engine.optim import PER_BATCH
from engine.recipe import CACHED, EVALUATION_ROWS, build_recipe
from engine.script import building, plain_script, plan
from engine.threads import SMALL_STEP, multiply_adds
from engine.torchtable import table
from engine.trials import plan_trials
from tui.main import app

ALL_AT_ONCE = {
    "regularization": {"dropout": 0.2, "l1": 1e-4, "l2": 1e-3, "max_norm": 2.0, "input_noise": 0.05},
    "schedule": {"name": "cosine", "warmup": 1, "min_lr": 1e-5},
    "optimizer": {"name": "adam", "lr": 0.01, "clip_norm": 0.5},
    "early_stopping": {"patience": 2, "min_delta": 0.02},
    "run": {"epochs": 8},
}
DIGITS = {"source": "digits", "train_rows": 150}
CNN = {"kind": "cnn", "channels": [4, 6, 5], "hidden": [12], "batch_norm": True}
DIABETES, CANCER = {"source": "diabetes"}, {"source": "breast_cancer"}

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "plain regression": {"data": DIABETES},
    "everything, mlp, classes": ALL_AT_ONCE,
    "everything, mlp, quantity": {**ALL_AT_ONCE, "data": DIABETES},
    "everything, cnn": {**ALL_AT_ONCE, "data": DIGITS, "model": CNN},
    "plain cnn, sgd": {"data": DIGITS, "model": {"kind": "cnn", "hidden": []}, "optimizer": {"name": "sgd", "lr": 0.1}},
    "adamw, one cycle": {"optimizer": {"name": "adamw"}, "schedule": {"name": "one_cycle", "warmup": 1}},
    "sgd, plateau, decay": {
        "optimizer": {"name": "sgd", "lr": 0.3, "nesterov": True, "clip_value": 0.5},
        "schedule": {"name": "plateau", "patience": 0, "threshold": 0.3},
        "regularization": {"weight_decay": 0.1, "penalty_on": "all"},
        "run": {"epochs": 8},
    },
    "muon, cyclic": {"optimizer": {"name": "muon"}, "schedule": {"name": "cyclic", "step_size_up": 4}},
    "lbfgs": {
        "optimizer": {"name": "lbfgs", "line_search_fn": "strong_wolfe", "clip_norm": 1.0},
        "regularization": {"l1": 1e-3, "l2": 1e-3, "dropout": 0.2, "weight_decay": 0.01},
        "run": {"batch_size": 0},
    },
    "adafactor, multistep": {"optimizer": {"name": "adafactor"}, "schedule": {"name": "multistep", "milestones": [1, 3]}},
    "accumulated": {"run": {"accumulate": 3}, "regularization": {"l2": 1e-3}, "optimizer": {"clip_norm": 0.5}},
    "mixup, smoothing": {"regularization": {"mixup": 0.3, "label_smoothing": 0.1}},
    "one by one": {"data": {"source": "iris"}, "run": {"batch_size": 1, "epochs": 2}},
    "ema": {"run": {"average": "ema", "ema_decay": 0.9}},
    "swa": {"run": {"average": "swa", "swa_start": 0.5}, "early_stopping": {"restore_best": False}},
    "bfloat16": {"run": {"precision": "bfloat16"}},
    "any device": {"run": {"device": "auto"}, "data": DIABETES, "regularization": {"input_noise": 0.1, "mixup": 0.2}},
    "bce, balanced, auroc": {
        "data": CANCER,
        "loss": {"name": "bce", "class_weights": "balanced"},
        "early_stopping": {"monitor": "auroc"},
    },
    "nll, balanced, top-k": {
        "data": DIGITS,
        "loss": {"name": "nll", "class_weights": "balanced"},
        "early_stopping": {"monitor": "top_k"},
    },
    "hinge, macro-F1": {"loss": {"name": "hinge"}, "early_stopping": {"monitor": "macro_f1", "patience": 1}},
    "huber, mae": {"data": DIABETES, "loss": {"name": "huber", "delta": 0.5}, "early_stopping": {"monitor": "mae"}},
    "r2, wrong way round": {
        "data": DIABETES,
        "early_stopping": {"monitor": "r2", "mode": "min", "patience": 1},
        "run": {"epochs": 8},
    },
    "goal and start": {
        "early_stopping": {"start": 1, "target": 0.9, "relative": True, "min_delta": 0.1, "patience": 3},
        "run": {"epochs": 9},
    },
    "diverges": {
        "optimizer": {"name": "sgd", "lr": 30.0},
        "early_stopping": {"diverged_above": 1.05, "relative": True},
    },
    "no early stopping": {"early_stopping": {"enabled": False, "restore_best": False}},
    "unshuffled": {"data": {**DIABETES, "shuffle": False, "train_rows": 60, "standardize": False}},
    "unstratified": {"data": {"source": "wine", "stratify": False, "train_rows": 60}},
    "spirals": {"data": {"source": "spirals", "rows": 101}, "model": {"kind": "mlp", "hidden": [9], "init": "orthogonal"}},
    "linear, sparse": {"data": {"source": "sparse"}, "model": {"kind": "linear"}, "regularization": {"l1": 1e-2}},
    "restarts": {"trials": {"kind": "restarts", "restarts": 2}, "regularization": {"dropout": 0.2}},
    "folds": {"trials": {"kind": "kfold", "folds": 3}, "regularization": {"dropout": 0.2}},
    "pairs of blocks": {"trials": {"kind": "kfold", "folds": 3, "all_pairs": True}, "data": {**DIABETES, "shuffle": False}},
    "many rows judged": {"data": {"source": "moons", "rows": 9000}, "model": {"kind": "mlp", "hidden": [2100]}, "run": {"epochs": 1, "batch_size": 4000}},
}  # fmt: skip


def same(config: RunConfig) -> list[Figures]:
    """Train both ways, compare every number, and give them."""
    ours, theirs = trained(config), run_script(config)
    constant = config.schedule.name == "constant" and not config.schedule.warmup
    keeps = config.early_stopping.enabled or config.early_stopping.restore_best
    for place, one in enumerate(ours):
        lines = [as_printed(line, constant) for line in one.lines]
        # A program that does not look for the best epoch has no place for its mark.
        lines = lines if keeps else [line.replace("*", "").replace("   ", "  ") for line in lines]
        ours[place] = dataclasses.replace(one, lines=lines)
    assert theirs == ours
    return ours


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_of_the_run(name):
    figures = same(config_for_script(CASES[name]))
    assert all(one.lines for one in figures)


@pytest.mark.parametrize("name", [*table().optimizers])
def test_every_optimizer(name):
    batch = 0 if name == "lbfgs" else 32
    same(config_for_script({"optimizer": {"name": name}, "run": {"epochs": 2, "batch_size": batch}}))


@pytest.mark.parametrize("name", [*table().schedulers])
def test_every_schedule(name):
    swing = {"base_lr": 0.001, "step_size_up": 4} if name == "cyclic" else {}
    same(
        config_for_script({"schedule": {"name": name, "warmup": 1, **swing}, "optimizer": {"name": "sgd", "lr": 0.05}})
    )


def test_early_stopping_really_ends_one_of_them():
    early = {"patience": 2, "min_delta": 0.0}
    (figures,) = same(config_for_script({"optimizer": {"lr": 0.05}, "early_stopping": early, "run": {"epochs": 30}}))
    assert len(figures.lines) < 30
    assert 1 < figures.best_epoch < len(figures.lines)


OPTIONS: dict[str, list[Any]] = {
    "data": [{}, {"stratify": False}, {"standardize": False}, {"train_rows": 60}, {"seed": 5, "validation": 0.23}],
    "source": [*plan.CLASS_COUNTS, "diabetes", "moons", "circles", "blobs", "spirals", "xor", "two_points", "sparse"],
    "model": [
        {"kind": "linear"},
        *(
            {"kind": "mlp", "hidden": [9, 5], "init": init}
            for init in ("he", "xavier", "normal", "zeros", "orthogonal")
        ),
        *({"kind": "mlp", "hidden": [9], "activation": name} for name in ("elu", "gelu", "silu", "tanh", "softplus")),
        {"kind": "mlp", "hidden": [9, 5], "batch_norm": True},
    ],
    "optimizer": [{"name": name} for name in table().optimizers if name != "lbfgs"],
    "clipping": [{}, {"clip_norm": 0.3}, {"clip_value": 0.05}, {"clip_norm": 0.3, "clip_value": 0.05}],
    "schedule": [{}, *({"name": name} for name in table().schedulers)],
    "warmup": [{}, {"warmup": 1}],
    "penalty": [{}, {"l1": 1e-3}, {"l2": 1e-2}, {"l1": 1e-3, "l2": 1e-3, "penalty_on": "all"}, {"weight_decay": 0.1}],
    "noise": [{}, {"input_noise": 0.2}, {"mixup": 0.3}, {"input_dropout": 0.1}],
    "norm": [{}, {"max_norm": 0.7}],
    "run": [{}, {"batch_size": 0}, {"batch_size": 7}, {"average": "ema"}, {"average": "swa", "swa_start": 0.4}],
    "grouped": [{}, {"accumulate": 2}, {"precision": "bfloat16"}, {"train_eval": "on"}, {"train_eval": "off"}],
    "early_stopping": [{}, {"patience": 1, "min_delta": 0.1}, {"enabled": False}, {"start": 2}, {"relative": True}],
    "trials": [{}, {"kind": "restarts", "restarts": 2}, {"kind": "kfold", "folds": 3}],
}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(400))
def test_any_mixture_of_settings(seed):
    chance = random.Random(seed)
    one = {name: chance.choice(choices) for name, choices in OPTIONS.items()}
    trials = one["trials"] if not one["data"].get("train_rows") else {}
    shares = (
        one["data"] if trials.get("kind") != "kfold" else {k: v for k, v in one["data"].items() if k != "validation"}
    )
    run = {**one["run"], **one["grouped"]}
    if run.get("batch_size") == 0:
        run.pop("accumulate", None)
    sections = {
        "data": {"source": one["source"], **shares},
        "model": one["model"],
        "optimizer": {**one["optimizer"], **one["clipping"], "lr": 0.01},
        "schedule": {**one["schedule"], **one["warmup"]},
        "regularization": {**one["penalty"], **one["noise"], **one["norm"]},
        "early_stopping": one["early_stopping"],
        "trials": trials,
        "run": run,
    }
    try:
        config = config_for_script(sections)
        plain_script(config)
    except ConfigError:
        pytest.skip("these do not go together")
    same(config)


def test_on_its_own_it_prints_the_figures_of_a_real_run(tmp_path, make_config):
    config = make_config(**{**ALL_AT_ONCE, "run": {"epochs": 5}})
    result = train(config)
    file = tmp_path / "program.py"
    file.write_text(plain_script(config), "utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    (figures,) = read_figures(done.stdout)
    at = result.best_epoch - 1
    assert figures.best_epoch == result.best_epoch
    assert (figures.train_loss, figures.best[0]) == (result.view.train_loss[at], result.view.val_loss[at])
    assert figures.test == (result.test_loss, result.test_metric)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["program.py"]


STANDARD = {"copy", "csv", "math", "pathlib", "statistics"}


def test_programs_import_nothing_else_and_are_in_the_usual_form(tmp_path):
    for number, sections in enumerate(CASES.values()):
        text = plain_script(config_for_script(sections))
        tree = ast.parse(text)
        modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.split(".")[0] for name in modules} <= STANDARD | {"torch", "numpy", "sklearn"}
        (tmp_path / f"program{number}.py").write_text(text, "utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["format", "--check"], ["check", "--select", "E,F,W,I", "--ignore", "E501"]):
        done = subprocess.run([ruff, *command, "--isolated", tmp_path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout


def test_a_program_holds_only_what_its_settings_use():
    text = plain_script(config_for_script({"optimizer": {"name": "sgd"}, "early_stopping": {"non_finite": False}}))
    text = "\n".join(line for line in text.splitlines() if not line.startswith("# The same in nntui: "))
    for word in (
        "dropout",
        "L1",
        "L2",
        "schedule",
        "clip",
        "penalized",
        "averaged",
        "device",
        "as_one_vector",
        "isfinite",
    ):
        assert word not in text
    assert plain_script(RunConfig()).count("\n") < 180


# -- files -----------------------------------------------------------------------------------------------------------


def table_file(path: Path, rows: int = 60, gaps: bool = False, text: bool = True, delimiter: str = ",") -> Path:
    chance = random.Random(1)
    lines = [delimiter.join([" a", "target ü", "b", "c"])]
    for row in range(rows):
        cells = [f"{chance.gauss(row % 3, 0.5):.4f}" for _ in range(3)]
        if gaps and row % 5 == 1:
            cells[row % 3] = chance.choice(["", "NA", " nan "])
        label = ["low", "mid", "high"][row % 3] if text else f"{chance.gauss(row % 3, 0.1):.3f}"
        lines.append(delimiter.join([cells[0], label, *cells[1:]]))
    path.write_text("\n".join([*lines, ""]), "utf-8-sig")
    return path


@pytest.mark.parametrize("missing", ["refuse", "mean", "median", "drop"])
@pytest.mark.parametrize("text", [True, False])
def test_a_persons_own_file(tmp_path, missing, text):
    path = table_file(tmp_path / "it's mine.csv", gaps=missing != "refuse", text=text, delimiter=";")
    data = {"source": str(path), "target": "target ü", "missing": missing}
    same(config_for_script({"data": data, "run": {"epochs": 2}}))
    same(config_for_script({"data": data, "run": {"epochs": 1}, "trials": {"kind": "kfold", "folds": 3}}))


@pytest.mark.parametrize("missing", ["mean", "drop"])
def test_columns_that_are_left_out(tmp_path, missing):
    path = table_file(tmp_path / "data.csv", gaps=True)
    lines = path.read_text("utf-8-sig").splitlines()
    path.write_text(
        "\n".join(
            [f"kind,{lines[0]}", *(f"{'xy'[row % 2] if row % 3 else ''},{line}" for row, line in enumerate(lines[1:]))]
        )
    )
    data = {"source": str(path), "target": "target ü", "missing": missing}
    same(config_for_script({"data": {**data, "ignore": ["kind", "b"]}, "run": {"epochs": 1}}))


@pytest.mark.parametrize("standardize", [True, False])
def test_columns_of_categories_and_of_yes_and_no(tmp_path, standardize):
    path = table_file(tmp_path / "data.csv", text=standardize, rows=66)
    head, *lines = path.read_text("utf-8-sig").splitlines()
    more = [f"{'zxy'[row % 3]},{['Yes', 'no'][row % 2]},{[10, 9][row % 2]}" for row in range(len(lines))]
    path.write_text(
        "\n".join(
            [
                f"kind,new,{head},code",
                *(
                    f"{one[: -len(one.split(',')[-1])]}{line},{one.split(',')[-1]}"
                    for one, line in zip(more, lines, strict=True)
                ),
            ]
        )
    )
    data = {"source": str(path), "target": "target ü", "categorical": ["code"], "standardize": standardize}
    same(config_for_script({"data": data, "run": {"epochs": 2}}))
    same(
        config_for_script(
            {"data": {**data, "ignore": ["a", "b", "c"]}, "run": {"epochs": 1}, "trials": {"kind": "kfold", "folds": 3}}
        )
    )
    with pytest.raises(ConfigError, match=r"data\.missing: a script does not fill in"):
        plain_script(build_config({"data": {**data, "missing": "mean"}}))


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%Y/%m/%dT%H:%M:%S+02:00"])
def test_columns_of_dates(tmp_path, form):
    path = table_file(tmp_path / "data.csv", text=form[1] != "d")
    head, *lines = path.read_text("utf-8-sig").splitlines()
    days = [(datetime(2023, 3, 28, 23, 5, 7) + timedelta(days=row * 9.37)).strftime(form) for row in range(len(lines))]
    days = [day.replace("/0", "/").replace(" 0", " ") for day in days]
    path.write_text("\n".join([f"when,{head}", *(f"{day},{line}" for day, line in zip(days, lines, strict=True))]))
    same(config_for_script({"data": {"source": str(path), "target": "target ü"}, "run": {"epochs": 2}}))
    lone = {"source": str(path), "target": "target ü", "ignore": ["a", "b", "c"]}
    same(config_for_script({"data": lone, "run": {"epochs": 1}, "trials": {"kind": "kfold", "folds": 3}}))


def test_numpy_files(tmp_path):
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(60, 4)), chance.normal(size=60)
    gaps = np.where(chance.random((60, 4)) < 0.05, np.nan, x)
    np.savez(tmp_path / "it's.npz", features=gaps, y=np.array(["no", "yes"])[(y > 0).astype(int)], other=y)
    np.save(tmp_path / "matrix.npy", np.column_stack([x, y]).astype(np.float32))
    shots = chance.integers(0, 256, (50, 5, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "shots.npz", images=shots, labels=np.eye(5, dtype=int)[np.arange(50) % 5])
    for data in (
        {"source": str(tmp_path / "it's.npz"), "missing": "drop"},
        {"source": str(tmp_path / "it's.npz"), "missing": "median", "target": "other"},
        {"source": str(tmp_path / "matrix.npy")},
        {"source": str(tmp_path / "matrix.npy"), "target": "1"},
    ):
        same(config_for_script({"data": data, "run": {"epochs": 1}}))
    shown = {"source": str(tmp_path / "shots.npz")}
    same(config_for_script({"data": shown, "model": {"kind": "cnn", "channels": [3]}, "run": {"epochs": 1}}))


def test_a_folder_of_pictures(tmp_path):
    chance = np.random.default_rng(0)
    for row in range(36):
        place = tmp_path / "my shots" / ["b's", "a", ".hidden"][row % 3] / ("deep" if row % 5 == 0 else ".")
        place.mkdir(parents=True, exist_ok=True)
        pixels = chance.integers(0, 256, (6, 6, 4), dtype=np.uint8)
        picture = Image.fromarray(pixels if row % 4 else pixels[:, :, 0])
        (picture if row % 7 else picture.resize((9, 7))).save(place / f"{row}.png")
    (tmp_path / "my shots" / "a" / ".cache").mkdir()
    picture.save(tmp_path / "my shots" / "a" / ".cache" / "1.png")
    for data in ({"color": "grey"}, {"image_size": 5}):
        source = str(tmp_path / "my shots")
        run = {"epochs": 1, "batch_size": 7}
        same(config_for_script({"data": {"source": source, **data}, "model": {"hidden": [4]}, "run": run}))


def test_data_that_a_program_leaves_to_a_run(tmp_path, monkeypatch):
    x, y = np.zeros((20, 4, 4), np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "parts.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    np.savez(tmp_path / "whole.npz", x=x, y=y)
    with pytest.raises(ConfigError, match="comes in parts of its own"):
        plain_script(build_config({"data": {"source": str(tmp_path / "parts.npz")}}))
    monkeypatch.setenv("NNTUI_MEMORY", "0.000001")
    with pytest.raises(ConfigError, match="keeps all of the data in memory"):
        plain_script(build_config({"data": {"source": str(tmp_path / "whole.npz")}}))


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"source": "huggingface:ag_news"}, "data.source"),
        ({"source": "a.jsonl", "target": "y"}, "data.source"),
    ],
)
def test_files_that_a_program_does_not_read(data, key):
    with pytest.raises(ConfigError) as caught:
        plain_script(build_config({"data": data}))
    assert [fault.key for fault in caught.value.faults] == [key]


def test_a_file_that_has_changed_since_is_noticed(tmp_path):
    path = table_file(tmp_path / "data.csv")
    config = config_for_script({"data": {"source": str(path), "target": "target ü"}})
    text = plain_script(config)
    table_file(path, rows=63)
    with pytest.raises(AssertionError, match="the data has changed since"):
        exec(compile(text, "program.py", "exec"), {})


def test_faults_of_a_file_are_those_of_a_run(tmp_path):
    path = table_file(tmp_path / "data.csv", gaps=True)
    with pytest.raises(DataError, match=r"data\.csv:"):
        plain_script(build_config({"data": {"source": str(path), "target": "target ü"}}))


# -- refusals and the command ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"model": {"weights": "runs/x"}}, "model.weights"),
        ({"run": {"precision": "float16"}}, "run.precision"),
        ({"trials": {"kind": "kfold"}, "data": {"train_rows": 50}}, "data.train_rows"),
        ({"data": {"train_rows": 5000}}, "data.train_rows"),
        ({"regularization": {"shift": 1}}, "regularization.shift"),
        ({"data": {"train_rows": 33}, "model": {"batch_norm": True}}, "model.batch_norm"),
    ],
)
def test_what_a_program_cannot_have_is_refused_with_its_knob(sections, key):
    with pytest.raises(ConfigError) as caught:
        plain_script(build_config(sections))
    assert [fault.key for fault in caught.value.faults] == [key]


def test_what_only_the_data_can_tell_is_refused(tmp_path):
    path = table_file(tmp_path / "data.csv", text=False)
    data = {"source": str(path), "target": "target ü"}
    for section, knob, value in (
        ("loss", "class_weights", "balanced"),
        ("regularization", "label_smoothing", 0.1),
        ("loss", "name", "nll"),
        ("early_stopping", "monitor", "accuracy"),
    ):
        with pytest.raises(ConfigError, match=rf"{section}\.{knob}"):
            plain_script(build_config({"data": data, section: {knob: value}}))


def test_the_command_prints_or_writes_it(tmp_path, capsys, monkeypatch, make_config):
    monkeypatch.setattr(cli, "occupy_descriptors", lambda: None)
    assert cli.main(["script", "--sample", "moons", "--set", "run.epochs=2"]) == 0
    printed = capsys.readouterr().out
    assert printed == plain_script(cli.resolve("", "moons", ["run.epochs=2"]))
    out = tmp_path / "out.py"
    assert cli.main(["script", "--sample", "moons", "--set", "run.epochs=2", "-o", str(out)]) == 0
    assert out.read_text("utf-8") == printed
    assert cli.main(["script", "--sample", "moons", "--set", "run.epochs=2"], app) == 0
    assert capsys.readouterr().out.endswith(printed)
    assert cli.main(["script", "-o", str(tmp_path / "no" / "out.py")]) == 2
    assert cli.main(["script", "--set", "model.weights=x"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("nntui: model.weights: ")


def test_a_run_is_named_by_its_folder_unless_it_was_changed_under_way(make_config, capsys, monkeypatch):
    from engine.runner import resume

    monkeypatch.setattr(cli, "occupy_descriptors", lambda: None)
    config = make_config(data={"source": "iris"}, model={"hidden": [4]}, run={"epochs": 2, "checkpoint_pause": 0.0})
    folder = train(config).folder
    assert cli.main(["script", folder]) == 0
    assert capsys.readouterr().out == plain_script(config)
    resume(folder, more=1)
    assert cli.main(["script", folder]) == 2
    assert "run.epochs: 1 more were added" in capsys.readouterr().err


# -- what is known without torch -------------------------------------------------------------------------------------


def test_the_figures_that_the_writer_repeats_are_the_engines():
    assert (plan.SMALL_STEP, plan.EVALUATION_ROWS, plan.CACHED) == (SMALL_STEP, EVALUATION_ROWS, CACHED)
    assert (plan.AT_ONCE, plan.BATCHES_AT_ONCE) == (AT_ONCE, BATCHES_AT_ONCE)
    assert building.PER_BATCH == PER_BATCH
    for name, counts in plan.CLASS_COUNTS.items():
        found = load(config_for_script({"data": {"source": name}}).data)
        assert tuple((found.y == label).sum() for label in range(len(found.class_names))) == counts


@pytest.mark.parametrize("name", CASES)
def test_the_plan_is_that_of_the_recipe(name):
    config = config_for_script(CASES[name])
    found = load(config.data)
    first = plan_trials(config, found)[0]
    recipe = build_recipe(first.config, first.prepare(found))
    planned = plan.plan_script(config)
    assert planned.train_rows == recipe.train.rows
    assert planned.evaluated == recipe.evaluation_rows
    assert planned.one_thread == (multiply_adds(recipe) < SMALL_STEP)
    assert planned.measures_train_loss == recipe.train_eval
    assert len(planned.layers) == len(list(recipe.model))
