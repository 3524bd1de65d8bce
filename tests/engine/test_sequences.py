"""Models for sequences: the layers are torch's, what they give is what torch gives, and a run on them is a run like any other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.resuming import assert_equal_runs, plan, stopped_at, view_of
from torch import nn

from engine import ConfigError, build_config, resume, train
from engine.commands import Edit
from engine.config import DataConfig, RunConfig
from engine.data.prepared import load_prepared
from engine.data.table import load
from engine.models import build_model, set_dropout
from engine.previewing import preview
from engine.recipe import build_recipe
from engine.script import plain_script

KINDS = ("gru", "lstm", "transformer")
DATA = {"source": "waves", "rows": 60}


def model_of(shape=(6, 3), image_shape=None, outputs=2, dropout=0.0, **model):
    config = RunConfig.model_validate(
        {"model": {"width": 8, "feedforward": 16, **model}, "regularization": {"dropout": dropout}}
    )
    torch.manual_seed(0)
    features = int(np.prod(image_shape or shape))
    return build_model(
        config.model, config.regularization, features, outputs, image_shape, () if image_shape else shape
    )


# ---- the layers ----


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_every_kind_learns_from_every_step(kind, pooling):
    net = model_of(kind=kind, pooling=pooling, layers=2)
    x = torch.randn(5, 18, requires_grad=True)
    net(x).sum().backward()
    assert net(x).shape == (5, 2)
    reached = x.grad.view(5, 6, 3).abs().sum((0, 2))
    assert (reached[-1] > 0) if pooling == "last" else (reached > 0).all()
    if kind != "transformer":
        assert (reached > 0).all()


def test_a_gru_is_torchs_own():
    net = model_of(kind="gru", layers=2, bidirectional=True)
    torch.manual_seed(0)
    rnn = nn.GRU(3, 8, 2, batch_first=True, bidirectional=True)
    x = torch.randn(5, 18)
    states, last = rnn(x.view(5, 6, 3))
    expected = torch.cat([last[-2], last[-1]], 1)  # both ways to their ends
    torch.testing.assert_close(net[:-1](x), expected, rtol=0, atol=0)
    assert states.shape == (5, 6, 16)


def test_a_transformer_without_positions_sees_a_set_and_with_them_an_order():
    x = torch.randn(4, 6, 3)
    turned = x.flip(1)
    for positions, same in (("none", True), ("sinusoidal", False), ("learned", False)):
        net = model_of(kind="transformer", pooling="mean", positions=positions).eval()
        assert torch.allclose(net(x.flatten(1)), net(turned.flatten(1)), atol=1e-5) is same
    waves = model_of(kind="transformer", positions="sinusoidal", width=8)[2].at
    assert waves[0].tolist() == [0, 1] * 4
    assert float(waves[3, 0]) == pytest.approx(np.sin(3)) and float(waves[3, 3]) == pytest.approx(
        np.cos(3 * 10000 ** (-2 / 8))
    )
    assert "2.at" not in model_of(kind="transformer", positions="sinusoidal").state_dict()  # nothing to be saved


def test_the_rows_of_a_grey_picture_are_steps_and_other_shapes_are_refused():
    assert model_of(kind="gru", image_shape=(1, 6, 3))[0].unflattened_size == (6, 3)
    for given in ({"shape": (18,)}, {"image_shape": (3, 6, 1)}):
        with pytest.raises(ConfigError, match="gru needs sequences"):
            model_of(kind="gru", **given)
    with pytest.raises(ConfigError, match="lstm needs sequences, and this dataset is a table; use mlp or linear"):
        build_config({"data": {"source": "wine"}, "model": {"kind": "lstm"}})
    with pytest.raises(ConfigError, match="must be a multiple of the 4 heads, got 30; use 32"):
        build_config({"data": {"source": "waves"}, "model": {"kind": "transformer", "width": 30}})


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_everywhere_it_belongs_and_changes_in_place(kind):
    def rates(net):
        found = [one.p for one in net.modules() if isinstance(one, nn.Dropout)]
        found += [one.dropout for one in net.modules() if isinstance(one, nn.RNNBase | nn.MultiheadAttention)]
        return set(found)

    net = model_of(kind=kind, layers=2, dropout=0.3)
    assert rates(net) == {0.3}
    set_dropout(net, 0.1, 0.0)
    assert rates(net) == {0.1}
    set_dropout(net, 0.0, 0.0)
    x = torch.randn(3, 18)
    torch.testing.assert_close(net.train()(x), net.eval()(x))
    late = model_of(kind=kind, layers=2)
    set_dropout(late, 0.5, 0.0)
    assert not torch.equal(late.train()(x), late(x))


# ---- runs ----


def small(make_config, kind, **sections):
    model = {"kind": kind, "width": 8, "feedforward": 16, "heads": 2, "pooling": "mean", **sections.pop("model", {})}
    model = {key: one for key, one in model.items() if kind == "transformer" or key not in ("feedforward", "heads")}
    run = {"epochs": 3, "batch_size": 10, **sections.pop("run", {})}
    return make_config(data=DATA, model=model, run=run, **sections)


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_anywhere_it_equals_one_that_never_stopped(make_config, kind):
    config = small(make_config, kind, regularization={"dropout": 0.2}, model={"layers": 2})
    whole = train(config)
    for look in (4, 11):
        folder = stopped_at(config, look)
        resume(folder)
        assert_equal_runs(folder, whole.folder)


def test_folds_and_live_edits(make_config):
    result = train(
        small(make_config, "gru", trials={"kind": "kfold", "folds": 3, "side_by_side": "on"}, run={"epochs": 1})
    )
    assert len(result.trials) == 3
    assert any("gru layers are not batched over trials" in text for _, text in result.view.log)
    done = train(small(make_config, "gru"), (), plan(l5=Edit({"regularization.dropout": "0.4"})))
    assert view_of(done.folder).edits[0].changes[0].key == "regularization.dropout"
    assert done.model[2].how == "mean" and done.reason == "epochs_done"


def test_weights_in_one_vector_change_nothing(make_config, monkeypatch):
    config = small(make_config, "gru", optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.5})
    one = train(config)
    monkeypatch.setenv("NNTUI_FLAT", "0")
    assert_equal_runs(train(config).folder, one.folder, but=("optimizer",))  # which names its kernel


def test_a_run_equals_a_loop_written_by_hand(make_config):
    config = small(
        make_config,
        "lstm",
        optimizer={"name": "sgd", "lr": 0.1},
        early_stopping={"enabled": False, "restore_best": False},
    )
    data, made = load_prepared(config.data), train(config)
    net = build_recipe(config, data).model
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    order = torch.Generator().manual_seed(config.run.seed)
    for _ in range(3):
        rows = torch.randperm(len(x), generator=order)
        for batch in rows.split(10):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    for mine, theirs in zip(made.model.parameters(), net.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_preview_shows_the_layers_and_the_curves(make_config):
    seen = preview(small(make_config, "transformer"))
    assert not seen.faults
    assert [layer.kind for layer in seen.model.layers] == [
        "to steps",
        "linear",
        "positions",
        "attention",
        "layer norm",
        "pool",
        "linear",
    ]
    assert seen.model.layers[0].output == (48, 1)
    assert seen.model.memory.total > 0
    assert seen.data.shape == (48, 1)
    picture = np.array(seen.data.pictures[0].rows)
    assert picture.shape == (16, 24) and (picture.sum(0) == 1).all()  # one point for each of the steps that are shown
    assert [one.label for one in seen.data.pictures] == ["sine", "square", "triangle", "sawtooth"]


def test_a_script_is_refused_in_words(make_config):
    with pytest.raises(ConfigError, match="a script leaves out gru"):
        plain_script(small(make_config, "gru"))


# ---- the set ----


def test_waves_are_what_they_are_called():
    table = load(DataConfig(source="waves", rows=400, noise=0.0, seed=3))
    assert (table.shape, table.x.shape, table.class_names) == (
        (48, 1),
        (400, 48),
        ("sine", "square", "triangle", "sawtooth"),
    )
    peak = np.abs(table.x).max(1, keepdims=True)
    for label, jump in enumerate((0.45, 1.9, 0.3, 1.5)):  # the largest step between two values, in strengths
        steps = np.abs(np.diff(table.x[table.y == label] / peak[table.y == label])).max(1)
        assert (steps <= jump + 0.6).all() if label in (0, 2) else (steps > 1).mean() > 0.9
    assert len(np.unique(np.round(peak[table.y == 1], 4))) > 50
    again = load(DataConfig(source="waves", rows=400, noise=0.0, seed=4))
    assert not np.array_equal(again.x, table.x)
