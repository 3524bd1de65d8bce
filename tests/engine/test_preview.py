"""Previews: what they say is what a run then does, nothing is raised, nothing of a run is disturbed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import DataError, RunConfig, StopToken
from engine.config import DataConfig, TrialsConfig
from engine.data import delimited
from engine.data.catalogue import CARDS
from engine.data.prepared import load_prepared
from engine.data.table import load
from engine.keeping import Keeper
from engine.loop import fit
from engine.preview import DataPreview, ModelPreview, Preview, from_json, to_json
from engine.previewing import forget, preview, preview_data, preview_model
from engine.recipe import build_recipe
from engine.training import Training

FOUND = DataPreview(dataset="x", task="regression", rows=3, notes=("a",))


def config_of(**sections) -> RunConfig:
    return RunConfig.model_validate(sections)


def keys(preview: Preview | DataPreview | ModelPreview) -> list[str]:
    return [fault.key for fault in preview.faults]


@pytest.fixture(autouse=True)
def fresh():
    forget()


@pytest.fixture
def csv(tmp_path):
    """Writes a table of 40 rows with columns a, b, kind; returns its path."""
    path = tmp_path / "flowers.csv"

    def write(extra: int = 0) -> str:
        lines = [f"{index / 7:.4f},{-index},{'red' if index % 3 else 'blue'}" for index in range(40 + extra)]
        path.write_text("a,b,kind\n" + "\n".join(lines) + "\n")
        return str(path)

    return write


# ---- JSON ----


@pytest.mark.parametrize("source", ["digits", "moons", "diabetes"])
def test_json_both_ways(source):
    seen = preview(config_of(data={"source": source}))
    assert not seen.faults
    assert from_json(to_json(seen), Preview) == seen
    assert from_json(to_json(seen.data), DataPreview) == seen.data
    assert from_json(to_json(seen.model), ModelPreview) == seen.model
    assert "\n" not in to_json(seen)


def test_json_of_numbers_that_json_lacks():
    odd = replace(FOUND, seconds=float("inf"))
    assert from_json(to_json(odd), DataPreview) == odd
    json.loads(to_json(odd), parse_constant=lambda _: pytest.fail("not standard JSON"))


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"points":[3]}', '{"parts":[{}]}', "[" * 100_000])
def test_what_is_no_preview_is_a_value_error(line):
    with pytest.raises(ValueError, match="not a DataPreview"):
        from_json(line, DataPreview)


def test_what_a_newer_version_adds_is_passed_over():
    body = json.loads(to_json(FOUND)) | {"future": 1}
    assert from_json(json.dumps(body), DataPreview) == FOUND


# ---- the data ----


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_set_is_shown_as_it_is_trained_on(card):
    config = DataConfig(source=card.name)
    seen, data = preview_data(config), load_prepared(config)
    assert seen.faults == ()
    assert (seen.task, seen.rows, seen.features) == (card.task, card.rows, card.features)
    assert seen.shape == (card.shape or card.sequence or (card.features,))
    assert [(part.name, part.rows) for part in seen.parts] == [
        ("train", len(data.x_train)),
        ("validation", len(data.x_validation)),
        ("test", len(data.x_test)),
    ]
    assert {part.name: part.class_counts for part in seen.parts} == data.class_counts
    assert seen.class_names == data.class_names
    assert sum(seen.class_counts) == (card.rows if card.classes else 0)
    assert 1 <= len(seen.sample_rows) <= 8
    assert all(len(row) == len(seen.header) for row in seen.sample_rows)
    assert bool(seen.points) == (card.features == 2)
    assert bool(seen.pictures) == (card.shape is not None or card.sequence is not None)
    assert bool(seen.histogram.counts) == (card.task == "regression")


def test_points_are_rows_of_every_class():
    table = load(DataConfig(source="blobs"))
    seen = preview_data(DataConfig(source="blobs"))
    assert 350 <= len(seen.points) <= 400
    real = {(float(f"{x:.6g}"), float(f"{y:.6g}"), int(g)) for (x, y), g in zip(table.x, table.y, strict=True)}
    assert {(point.x, point.y, point.group) for point in seen.points} <= real
    assert {point.group for point in seen.points} == {0, 1, 2, 3}


def test_pictures_are_rows_of_different_classes():
    table = load(DataConfig(source="digits"))
    seen = preview_data(DataConfig(source="digits"))
    assert [one.label for one in seen.pictures] == ["0", "1", "2", "3", "4", "5"]
    wanted = table.x[0].reshape(8, 8) / 16  # the first row of digits is a 0
    np.testing.assert_allclose(np.array(seen.pictures[0].rows), wanted, atol=1e-3)


def test_the_histogram_counts_every_target():
    table = load(DataConfig(source="diabetes"))
    seen = preview_data(DataConfig(source="diabetes"))
    assert seen.histogram.counts == tuple(np.histogram(table.y.astype(float), 20)[0])
    assert (seen.histogram.low, seen.histogram.high) == (table.y.min(), table.y.max())


def test_folds_change_the_parts():
    seen = preview_data(DataConfig(source="wine"), TrialsConfig(kind="kfold", folds=4))
    assert [part.rows for part in seen.parts] == [88, 45, 45]
    assert any("first trial" in note for note in seen.notes)


def test_a_file(csv):
    seen = preview_data(DataConfig(source=csv(), target="kind"))
    assert seen.faults == ()
    assert (seen.dataset, seen.target, seen.header) == ("flowers", "kind", ("a", "b", "kind"))
    assert seen.sample_rows[0] == ("0", "0", "blue")
    assert seen.class_names == ("blue", "red")
    assert seen.class_counts == (14, 26)


def test_notes_tell_of_missing_values_and_of_classes_that_a_part_lacks(tmp_path):
    path = tmp_path / "few.csv"
    rows = [f"{index},{'rare' if index in (3, 4) else 'usual'}" for index in range(30)]
    path.write_text("\n".join(["a,kind", *rows, "?,usual", ",usual"]) + "\n")
    config = DataConfig(source=str(path), target="kind", missing="drop")
    seen = preview_data(config)
    assert "2 rows with missing values were left out" in seen.notes
    assert any("has no row of class rare" in note for note in seen.notes)
    assert any("93% of the rows are of class usual" in note for note in seen.notes)
    filled = preview_data(config.model_copy(update={"missing": "mean"}))
    assert sum("2 missing values filled in" in note for note in filled.notes) == 1


# ---- what is kept ----


def test_the_same_section_is_not_read_again_and_a_changed_file_is(csv, monkeypatch):
    reads = []
    own = delimited.read_text
    monkeypatch.setattr("engine.data.files.read_text", lambda source: (reads.append(source), own(source))[1])
    config = DataConfig(source=csv(), target="kind")
    first = preview_data(config)
    again = preview_data(config)
    assert (len(reads), first.cached, again.cached) == (1, False, True)
    other_split = preview_data(config.model_copy(update={"validation": 0.3}))
    assert (len(reads), other_split.parts[1].rows) == (1, 12)
    csv(extra=20)
    assert preview_data(config).rows == 60
    assert len(reads) == 2


def test_a_file_of_the_same_size_that_was_written_again_is_read_again(csv):
    config = DataConfig(source=csv(), target="kind")
    before = preview_data(config)
    path = Path(config.source)
    path.write_text(path.read_text().replace("red", "tan"))
    os.utime(path, ns=(1, 1))
    assert before.class_names == ("blue", "red")
    assert preview_data(config).class_names == ("blue", "tan")


def test_tables_beyond_the_limit_are_let_go(monkeypatch):
    from engine import previewing

    monkeypatch.setattr(previewing, "KEPT_BYTES", 10_000)
    for rows in (1000, 1001, 1002):
        preview_data(DataConfig(source="moons", rows=rows))
    assert len(previewing._tables) == 1


# ---- faults ----


def test_a_file_that_is_not_there(tmp_path):
    seen = preview(config_of(data={"source": str(tmp_path / "no.csv"), "target": "x"}))
    assert keys(seen) == ["data.source"]
    assert seen.model.layers == ()


def test_a_file_without_a_target_still_shows_its_rows(csv):
    seen = preview_data(DataConfig(source=csv()))
    assert keys(seen) == ["data.target"]
    assert seen.header == ("a", "b", "kind")
    assert len(seen.sample_rows) == 8


def test_shares_that_leave_nothing_still_show_the_rows_and_the_layers():
    seen = preview(config_of(data={"source": "wine", "validation": 0.7, "test": 0.7}))
    assert keys(seen) == ["data.test"]
    assert (seen.data.rows, seen.data.parts) == (178, ())
    assert len(seen.model.layers) == 5
    assert seen.model.total_steps == 0


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"data": {"source": "wine"}, "model": {"kind": "cnn"}}, "model.kind"),
        ({"model": {"kind": "cnn", "kernel": 4}}, "model.kernel"),
        ({"data": {"train_rows": 5000}}, "data.train_rows"),
        ({"loss": {"name": "mse"}}, "loss.name"),
        ({"run": {"device": "mps"}}, "run.device"),
        ({"run": {"precision": "float16", "device": "cpu"}}, "run.precision"),
        ({"optimizer": {"extra": "nosuch=1"}}, "optimizer.extra"),
        ({"schedule": {"name": "step", "extra": "nosuch=1"}}, "schedule.extra"),
        ({"model": {"batch_norm": True}, "run": {"batch_size": 1}}, "model.batch_norm"),
        ({"model": {"weights": "/nosuch/run"}}, "model.weights"),
        (
            {"data": {"source": "diabetes"}, "regularization": {"label_smoothing": 0.1}},
            "regularization.label_smoothing",
        ),
        (
            {"data": {"source": "wine"}, "trials": {"kind": "kfold", "folds": 100}, "run": {"device": "mps"}},
            "run.device",
        ),
    ],
)
def test_what_a_run_would_refuse_is_a_fault(sections, key):
    if key == "run.device" and torch.backends.mps.is_available():
        pytest.skip("the device is there")
    seen = preview(config_of(**sections))
    assert key in keys(seen)
    assert all(fault.problem for fault in seen.faults)


def test_faults_of_different_parts_are_all_told_and_the_rest_is_shown():
    sections = {"loss": {"name": "mse"}, "optimizer": {"extra": "no=1"}, "schedule": {"name": "step", "extra": "no=1"}}
    seen = preview_model(config_of(**sections))
    assert {"loss.name", "optimizer.extra", "schedule.extra"} <= set(keys(seen))
    assert seen.parameters == 17226
    assert seen.total_steps == 45 * 50


def test_whatever_breaks_becomes_a_fault(monkeypatch):
    def broken(*_):
        raise RuntimeError("boom\nand more")

    monkeypatch.setattr("engine.modelpreview.layer_shapes", broken)
    seen = preview_model(RunConfig())
    assert [fault.problem for fault in seen.faults] == ["no preview: RuntimeError: boom"]

    def full(*_):
        raise MemoryError

    monkeypatch.setattr("engine.data.table.load", full)
    assert "not enough memory" in preview_data(DataConfig(source="moons", rows=77)).faults[0].problem


def test_a_bad_file_is_told_as_a_run_tells_it(csv):
    config = DataConfig(source=csv(), target="nosuch")
    with pytest.raises(DataError) as caught:
        load(config)
    assert preview_data(config).faults == caught.value.faults


# ---- the model ----

MODELS = {
    "mlp": {},
    "linear": {"model": {"kind": "linear"}},
    "cnn": {"model": {"kind": "cnn", "batch_norm": True}, "regularization": {"dropout": 0.2, "input_dropout": 0.1}},
    "regression": {"data": {"source": "diabetes"}, "model": {"init": "orthogonal"}, "regularization": {"dropout": 0.5}},
    "two classes": {"data": {"source": "moons"}, "loss": {"name": "bce"}},
    "nll": {"loss": {"name": "nll"}, "run": {"batch_size": 0, "accumulate": 3}},
    "accumulated": {"run": {"batch_size": 64, "accumulate": 4, "epochs": 7}},
}


@pytest.mark.parametrize("sections", MODELS.values(), ids=MODELS.keys())
def test_the_model_is_the_one_that_is_built(sections):
    config = config_of(**sections)
    seen = preview_model(config)
    recipe = build_recipe(config, load_prepared(config.data))
    assert seen.faults == ()
    assert seen.parameters == sum(parameter.numel() for parameter in recipe.model.parameters())
    rows = {layer.name: layer for layer in seen.layers}
    value, _ = next(recipe.validation.in_order())
    for name, part in recipe.model.named_children():
        value = part(value)
        if name in rows:
            assert rows[name].output == tuple(value.shape[1:])
            assert rows[name].parameters == sum(parameter.numel() for parameter in part.parameters())
    assert len(rows) >= len(list(recipe.model.children())) - 1
    assert (seen.batch_size, seen.batches_per_epoch) == (recipe.train.batch_size, len(recipe.train))
    assert seen.steps_per_epoch == recipe.accumulation.steps
    assert seen.total_steps == recipe.accumulation.steps * config.run.epochs
    assert seen.device.startswith(recipe.device.type)


def test_layers_are_told_in_words():
    seen = preview_model(config_of(model={"kind": "cnn", "hidden": [16]}, regularization={"dropout": 0.25}))
    told = [(layer.kind, layer.detail) for layer in seen.layers]
    assert ("conv", "3x3, padding 1") in told
    assert ("max pool", "2x2") in told
    assert ("dropout", "p 0.25") in told
    assert told[-1] == ("linear", "")


def test_no_size_is_too_large():
    seen = preview_model(config_of(model={"hidden": [65536, 65536, 65536]}))
    assert seen.faults == ()
    assert seen.parameters > 8_000_000_000
    assert not seen.memory.fits
    assert seen.seconds < 5


def test_no_random_number_of_a_run_is_drawn():
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    preview(config_of(model={"kind": "cnn", "init": "orthogonal"}, regularization={"dropout": 0.5}, run={"seed": 8}))
    assert torch.equal(torch.rand(3), wanted)


def test_trials_are_counted():
    def trials(**section) -> int:
        return preview_model(config_of(data={"source": "wine"}, trials=section)).trials

    assert trials(kind="kfold", folds=4) == 4
    assert trials(kind="kfold", folds=4, all_pairs=True) == 12
    assert trials(kind="restarts", restarts=7) == 7
    assert trials(kind="single") == 1


def test_weights_to_begin_with_are_looked_at(make_config, tmp_path):
    from engine import train

    done = train(make_config(run={"epochs": 1}, model={"hidden": [8]}))
    same = preview_model(config_of(model={"hidden": [8], "weights": done.folder}))
    assert any("begins with 4 of 4 weight tensors" in note for note in same.notes)
    part = preview_model(config_of(model={"hidden": [8, 8], "weights": done.folder}))
    assert any("begins with 2 of 6" in note for note in part.notes)
    none = preview_model(config_of(data={"source": "wine"}, model={"hidden": [9], "weights": done.folder}))
    assert keys(none) == ["model.weights"]


# ---- the rates ----

SCHEDULES = {
    "constant": {},
    "step": {"name": "step", "step_size": 2},
    "multistep": {"name": "multistep", "milestones": [2, 3]},
    "exponential": {"name": "exponential"},
    "cosine": {"name": "cosine"},
    "cosine behind a warm-up": {"name": "cosine", "warmup": 2},
    "restarts": {"name": "cosine_warm_restarts"},
    "cyclic": {"name": "cyclic", "step_size_up": 13},
    "one_cycle": {"name": "one_cycle"},
    "one_cycle behind a warm-up": {"name": "one_cycle", "warmup": 1},
    "a warm-up": {"warmup": 3},
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())
@pytest.mark.parametrize("rows", [60, 640])
def test_the_rates_are_those_of_the_steps_of_a_run(make_config, monkeypatch, schedule, rows):
    """Every step of a real run, the rate that its optimizer has just stepped with."""
    run = {"epochs": 6, "batch_size": 16}
    stopping = {"enabled": False}
    data, model = {"source": "moons", "rows": rows}, {"kind": "linear"}
    config = make_config(data=data, model=model, schedule=schedule, run=run, early_stopping=stopping)
    training = Training(build_recipe(config, load_prepared(config.data)), config)
    schedule_of, rates = training.recipe.schedule, []
    moved = schedule_of.after_step
    monkeypatch.setattr(schedule_of, "after_step", lambda: (rates.append(schedule_of.lr), moved())[1])
    fit(training, lambda _: None, Keeper(StopToken(), lambda _: None))
    seen = preview_model(config)
    assert seen.total_steps == len(rates)
    assert len(seen.schedule) == min(200, len(rates))
    assert (seen.schedule[0][0], seen.schedule[-1][0]) == (0, len(rates) - 1)
    assert [rate for _, rate in seen.schedule] == [rates[at] for at, _ in seen.schedule]


def test_a_plateau_says_that_its_cuts_cannot_be_known():
    seen = preview_model(config_of(schedule={"name": "plateau"}))
    assert {rate for _, rate in seen.schedule} == {0.001}
    assert any("plateau" in note for note in seen.notes)


def test_the_rates_are_kept():
    config = config_of(schedule={"name": "cosine"}, run={"epochs": 20_000})
    first = preview_model(config)
    again = preview_model(
        config.model_copy(update={"regularization": config.regularization.model_copy(update={"l2": 0.1})})
    )
    assert again.schedule == first.schedule
    assert again.seconds < first.seconds / 2
