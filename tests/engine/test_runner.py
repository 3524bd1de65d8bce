"""A run from its settings to its folder: what is written, in which order, and that it is the same every time."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.sinks import Acting

from engine import RunConfig, load_config, read_journal, train
from engine import events as e
from engine.configfile import to_nested
from engine.data.prepared import load_prepared
from engine.errors import ConfigError, DataError, InputError
from engine.loop import measure_test
from engine.recipe import build_recipe
from engine.stopping import EarlyStopping

SMALL = {"data": {"source": "wine"}, "model": {"hidden": [8]}}
# The order drawn in engine/events.py, as a pattern over the names of the events.
ORDER = re.compile(
    r"RunStarted DataPrepared ModelBuilt "
    r"(EpochStarted (StepsDone )*EpochEnded (EarlyStoppingChecked )?(FindingRaised )*(FindingCleared )*(WeightsSampled )?)*"
    r"(EpochStarted (StepsDone )*)?(StopAsked )?(BestRestored )?(TestMeasured ReportMade (RegionsMapped )?)?RunEnded $"
)
MEASURED_IN_TIME = ("time", "seconds", "samples_per_second")


@pytest.fixture
def small(make_config):
    """`small(run={"epochs": 3})`: a run of a second at the most."""

    def make(**sections):
        run = {"epochs": 3, **sections.pop("run", {})}
        return make_config(**{**SMALL, **sections}, run=run)

    return make


def journal(result) -> list[e.Event]:
    return list(read_journal(Path(result.folder) / "events.jsonl"))


def without_time(items) -> list[e.Event]:
    """The events with everything that a clock measured, and the folder's name, left out."""
    return [
        dataclasses.replace(
            item,
            **{field.name: 0.0 for field in dataclasses.fields(item) if field.name in MEASURED_IN_TIME},
            **({"run": "", "folder": ""} if isinstance(item, e.RunStarted) else {}),
        )
        for item in items
        if not isinstance(item, e.StepsDone | e.CheckpointSaved | e.MachineSampled)  # which come when the clock says so
    ]


def test_the_folder_of_a_run(small, tmp_path):
    config = small(run={"tensorboard": True, "name": "My first run: 100%"})
    result = train(config)
    folder = Path(result.folder)
    assert folder.parent == tmp_path / "runs"
    assert re.fullmatch(r"\d{8}-\d{6}-My-first-run-100", folder.name)
    names = sorted(path.name for path in folder.iterdir())
    assert [name for name in names if "tfevents" not in name] == [
        "checkpoints",
        "config.toml",
        "events.jsonl",
        "lock",
        "model.safetensors",
        "preprocess.json",
    ]
    assert len(names) == 7
    assert load_config(folder / "config.toml") == config


def test_the_journal_holds_what_the_result_says(small):
    result = train(small())
    items = journal(result)
    view = result.view
    assert isinstance(items[0], e.RunStarted)
    assert items[0].config == to_nested(small())
    end = items[-1]
    assert isinstance(end, e.RunEnded)
    assert (end.reason, end.epochs, end.best_epoch) == (result.reason, result.epochs, result.best_epoch)
    assert (end.reason, end.epochs, end.error) == ("epochs_done", 3, "")
    assert view == type(view)().apply_all(items)  # live and replayed: the same
    assert [item.time for item in items] == sorted(item.time for item in items)


def test_the_order_of_events(small):
    runs = {
        "plain": small(),
        "no early stopping": small(early_stopping={"enabled": False}),
        "stopped early": small(early_stopping={"patience": 1}, optimizer={"lr": 1.0}, run={"epochs": 30}),
        "findings": small(
            data={"source": "moons", "rows": 100, "noise": 0.5}, model={"hidden": [128]}, optimizer={"lr": 0.02},
            early_stopping={"enabled": False}, run={"epochs": 60},
        ),
    }  # fmt: skip
    for name, config in runs.items():
        items = journal(train(config))
        assert ORDER.match(
            "".join(
                f"{type(item).__name__} "
                for item in items
                if not isinstance(item, e.CheckpointSaved | e.MachineSampled)
            )
        ), name
        assert any(isinstance(item, e.FindingRaised) for item in items) == (name == "findings"), name


def test_the_weights_on_disk_give_the_same_test_figures(small):
    config = small(optimizer={"lr": 0.05}, run={"epochs": 12})
    result = train(config)
    assert result.best_epoch < 12, "the best epoch has to differ from the last one for this to mean anything"
    data = load_prepared(config.data)
    recipe = build_recipe(config, data)
    recipe.model.load_state_dict(load_file(Path(result.folder) / "model.safetensors"))
    again = measure_test(recipe, result.best_epoch, data.baseline_metric)
    assert (again.loss, again.metric) == (result.test_loss, result.test_metric)
    # And by hand, from the arrays that come with the result.
    with torch.no_grad():
        output = result.model(torch.from_numpy(result.data.x_test)).argmax(dim=1).numpy()
    assert np.mean(output == result.data.y_test) == result.test_metric


def test_the_best_weights_are_restored_and_are_the_best(small):
    config = small(optimizer={"lr": 0.05}, run={"epochs": 12})
    result = train(config)
    view = result.view
    assert view.restored == e.BestRestored(time=view.restored.time, epoch=result.best_epoch, val_loss=view.best_loss)
    assert view.best_loss == min(view.val_loss)
    recipe = build_recipe(config, result.data)
    recipe.model.load_state_dict(result.model.state_dict())
    validation = torch.from_numpy(result.data.x_validation), torch.from_numpy(result.data.y_validation)
    with torch.no_grad():
        loss = recipe.criterion(recipe.model(validation[0]), validation[1]).item()
    assert loss == view.val_loss[result.best_epoch - 1]


def test_restoring_can_be_switched_off(small):
    result = train(small(optimizer={"lr": 0.05}, early_stopping={"restore_best": False}, run={"epochs": 12}))
    assert result.view.restored is None
    assert result.view.test.epoch == 12
    assert result.best_epoch < 12


def test_the_same_seed_gives_the_same_journal(small):
    config = small(regularization={"dropout": 0.2}, optimizer={"clip_norm": 1.0}, run={"epochs": 5})
    one, two = train(config), train(config)
    assert one.folder != two.folder
    assert repr(without_time(journal(one))) == repr(without_time(journal(two)))
    assert all(
        torch.equal(p, q) for p, q in zip(one.model.state_dict().values(), two.model.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("section", ["run", "data"])
def test_another_seed_gives_another_journal(small, section):
    sections = {**SMALL, "run": {}}
    one = train(small())
    two = train(small(**{section: {**sections[section], "seed": 1}}))
    assert one.view.val_loss != two.view.val_loss


def test_torch_random_numbers_drawn_before_a_run_do_not_matter(small):
    config = small(regularization={"dropout": 0.2})
    one = train(config)
    torch.rand(17)
    assert train(config).view.val_loss == one.view.val_loss


def test_early_stopping_ends_where_the_state_machine_says(small):
    result = train(
        small(optimizer={"lr": 0.03}, early_stopping={"patience": 3, "min_delta": 0.001}, run={"epochs": 200})
    )
    assert result.reason == "early_stopping"
    state = EarlyStopping(patience=3, min_delta=0.001)
    checked = [item for item in journal(result) if isinstance(item, e.EarlyStoppingChecked)]
    for epoch, loss in enumerate(result.view.val_loss, 1):
        assert not state.should_stop
        state = state.update(epoch, loss)
        told = checked[epoch - 1]
        assert (told.epoch, told.best, told.best_epoch, told.waited) == (
            epoch,
            state.best,
            state.best_epoch,
            state.waited,
        )
        assert told.must_beat == state.must_beat
    assert state.should_stop
    assert (state.best_epoch, result.epochs) == (result.best_epoch, result.best_epoch + 3)


def test_without_early_stopping_all_epochs_are_run(small):
    result = train(small(optimizer={"lr": 1.0}, early_stopping={"enabled": False}, run={"epochs": 15}))
    assert (result.reason, result.epochs) == ("epochs_done", 15)
    assert result.view.stopping is None


BAD = [
    ({"data": {"source": "nosuch"}}, "data.source"),
    ({"data": {"source": "nosuch.csv", "target": "y"}}, "data.source"),
    ({"data": {"source": "wine"}, "model": {"kind": "cnn"}}, "model.kind"),
    ({"model": {"kind": "cnn", "kernel": 4}}, "model.kernel"),
    ({"data": {"source": "wine", "train_rows": 10_000}}, "data.train_rows"),
    ({"data": {"source": "wine", "validation": 0.5, "test": 0.5}}, "data.test"),
    ({"run": {"device": "mps" if torch.cuda.is_available() else "cuda"}}, "run.device"),
]


@pytest.mark.parametrize(("nested", "key"), BAD, ids=[key for _, key in BAD])
def test_bad_input_writes_nothing_and_names_its_knob(nested, key, tmp_path):
    """Also for a config that was built in Python and has not been checked as a whole."""
    folder = tmp_path / "runs"
    run = {"folder": str(folder), **nested.get("run", {})}
    sink = Acting()
    with pytest.raises(InputError) as caught:
        train(RunConfig.model_validate({**nested, "run": run}), sinks=[sink])
    assert isinstance(caught.value, ConfigError | DataError)
    assert {fault.key for fault in caught.value.faults} == {key}
    assert not folder.exists()
    assert sink.seen == []


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere", "~no-such-user-here/runs"])
def test_a_runs_folder_that_cannot_be_made(small, tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    folder = str(tmp_path / place) if place.startswith("file") else place
    with pytest.raises(ConfigError) as caught:
        train(small(run={"folder": folder}))
    assert [fault.key for fault in caught.value.faults] == ["run.folder"]
    assert "cannot make a run folder in" in str(caught.value)


def test_runs_of_the_same_second_get_folders_of_their_own(small, monkeypatch):
    monkeypatch.setattr("engine.rundir.time.strftime", lambda pattern: "20260101-000000")
    names = [train(small(run={"epochs": 1, "name": "twin"})).folder.rsplit("/", 1)[1] for _ in range(3)]
    assert names == [f"20260101-000000-twin{end}" for end in ("", "-2", "-3")]


@pytest.mark.gpu
def test_a_run_on_the_gpu(small):
    result = train(small(run={"device": "cuda", "epochs": 5}))
    assert result.view.device.startswith("cuda (")
    assert result.view.val_loss[-1] < result.view.val_loss[0]
    assert next(result.model.parameters()).device.type == "cuda"
