"""Looks into a model: histograms against numpy, answers against a plain torch script, regions against the model itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from engine import RunView, train
from engine import events as e
from engine.data.prepared import load_prepared
from engine.probes import BINS, GRID, WeightsProbe, answers_to, class_logits, histograms, map_regions
from engine.recipe import build_recipe


def test_histograms_equal_numpy():
    generator = torch.Generator().manual_seed(0)
    tensors = [
        ("weights", "a", torch.randn(40, 30, generator=generator)),
        ("gradients", "a", torch.rand(40, 30, generator=generator) * 1e-6),
        ("weights", "b", torch.randn(5, generator=generator) * 1e6),
        ("weights", "half", torch.randn(50, generator=generator).bfloat16()),
    ]
    for (kind, name, tensor), found in zip(tensors, histograms(tensors), strict=True):
        values = tensor.float().numpy().astype(np.float64).ravel()
        assert (found.kind, found.name) == (kind, name)
        assert (found.low, found.high) == (values.min(), values.max())
        assert found.total == pytest.approx(values.sum(), rel=1e-9, abs=1e-12)
        assert found.squares == pytest.approx((values**2).sum(), rel=1e-9)
        counts, edges = np.histogram(values, BINS)
        assert sum(found.counts) == tensor.numel()
        # A value on an edge may fall to either side of it: torch bins in float32.
        assert np.abs(np.array(found.counts) - counts).sum() <= 2
        np.testing.assert_allclose(found.limits(), edges[1:], rtol=1e-9)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([2.0, 2.0, 2.0], [3]),
        ([0.0], [1]),
        ([float("nan"), 1.0, 3.0, float("inf")], [1, *[0] * (BINS - 2), 1]),
        ([-3e38, 3e38], [2]),
    ],
)
def test_histograms_of_odd_values(values, counts):
    (found,) = histograms([("weights", "w", torch.tensor(values))])
    assert list(found.counts[: len(counts)]) == counts
    finite = [value for value in values if np.isfinite(value)]
    assert (found.low, found.high) == (np.float32(min(finite)), np.float32(max(finite)))
    assert sum(found.counts) == len(finite)


def test_a_tensor_without_a_finite_value_has_no_histogram():
    good = ("weights", "good", torch.ones(3))
    assert [one.name for one in histograms([("weights", "bad", torch.full((3,), torch.nan)), good])] == ["good"]
    assert histograms([]) == []


@pytest.mark.parametrize(("every", "expected"), [(0, []), (1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 3, 6]), (50, [1])])
def test_when_the_weights_are_sampled(every, expected):
    model = nn.Linear(3, 2)
    model(torch.ones(1, 3)).sum().backward()
    probe = WeightsProbe(model, every)
    told = [event for epoch in range(1, 8) for event in probe.examine(epoch)]
    assert [event.epoch for event in told] == expected  # pyright: ignore[reportAttributeAccessIssue]
    for event in told:
        assert isinstance(event, e.WeightsSampled)
        names = [(one.kind, one.name) for one in event.histograms]
        assert names == [(kind, name) for kind in ("weights", "gradients") for name in ("weight", "bias")]


def test_sampling_the_weights_changes_no_number_of_a_run(make_config):
    def losses(every: int) -> list[float]:
        run = {"epochs": 3, "tensorboard": True, "figures": False, "histograms": every}
        config = make_config(data={"source": "wine"}, regularization={"dropout": 0.3}, run=run)
        return train(config).view.val_loss

    assert losses(0) == losses(1)


def a_trained(make_config, **sections):
    config = make_config(**sections, run={"epochs": 2})
    data = load_prepared(config.data)
    return build_recipe(config, data), data


def test_answers_of_a_classifier(make_config):
    recipe, data = a_trained(make_config, data={"source": "wine"})
    found = answers_to(recipe, recipe.test)
    with torch.no_grad():
        chances = torch.softmax(recipe.model(torch.from_numpy(data.x_test)), dim=1).numpy()
    rows = np.arange(len(data.y_test))
    assert (found.truth == data.y_test).all()
    assert (found.answer == chances.argmax(axis=1)).all()
    np.testing.assert_allclose(found.loss, -np.log(chances[rows, data.y_test]), rtol=1e-5)
    np.testing.assert_allclose(found.probability, chances.max(axis=1), rtol=1e-5)


def test_answers_of_a_regression_are_in_the_units_of_the_target(make_config):
    recipe, data = a_trained(make_config, data={"source": "diabetes"})
    found = answers_to(recipe, recipe.test, data.y_mean, data.y_scale)
    with torch.no_grad():
        output = recipe.model(torch.from_numpy(data.x_test)).numpy()
    np.testing.assert_allclose(found.truth, data.y_test * data.y_scale + data.y_mean, rtol=1e-5)
    np.testing.assert_allclose(found.answer, output * data.y_scale + data.y_mean, rtol=1e-5)
    np.testing.assert_allclose(found.loss, np.abs(found.truth - found.answer), rtol=1e-3, atol=1e-3)
    assert np.isnan(found.probability).all()


def test_a_single_output_stands_for_two_classes():
    z = torch.tensor([-2.0, 0.5])
    for output in (z, z[:, None]):
        chances = class_logits(output).softmax(dim=1)
        torch.testing.assert_close(chances[:, 1], torch.sigmoid(z))
    three = torch.randn(4, 3)
    assert class_logits(three) is three


def test_regions_are_the_models_answers(make_config):
    recipe, data = a_trained(make_config, data={"source": "moons", "rows": 100}, model={"hidden": [8]})
    (event,) = map_regions(recipe, data, epoch=2)
    assert isinstance(event, e.RegionsMapped)
    assert (event.columns, len(event.answers)) == (GRID, GRID * GRID)
    points = [
        (x, y)
        for y in np.linspace(event.low[1], event.high[1], GRID)
        for x in np.linspace(event.low[0], event.high[0], GRID)
    ]
    inputs = ((np.array(points) - data.x_mean) / data.x_scale).astype(np.float32)
    with torch.no_grad():
        answers = recipe.model(torch.from_numpy(inputs)).argmax(dim=1).numpy()
    assert set(answers) == {0, 1}
    # A point on the boundary may fall to either side: the coordinates went through the units of the data and back.
    assert (answers != np.array(event.answers)).mean() < 0.005


def test_other_data_has_no_regions(make_config):
    recipe, data = a_trained(make_config, data={"source": "wine"})
    assert list(map_regions(recipe, data, epoch=1)) == []


def test_a_run_tells_its_report(make_config):
    from sklearn.metrics import confusion_matrix

    result = train(make_config(data={"source": "wine"}, run={"epochs": 3}))
    report = result.view.report
    assert report is not None
    with torch.no_grad():
        answer = result.model(torch.from_numpy(result.data.x_test)).argmax(dim=1).numpy()
    assert report.confusion == tuple(
        map(tuple, confusion_matrix(result.data.y_test, answer, labels=[0, 1, 2]).tolist())
    )
    assert result.test_metric == pytest.approx(1 - report.wrong / report.rows)
    assert report.epoch == result.view.test.epoch  # pyright: ignore[reportOptionalMemberAccess]
    assert isinstance(result.view, RunView)


@pytest.mark.parametrize("loss", ["cross_entropy", "bce", "nll", "hinge"])
def test_the_report_agrees_with_the_test_figures_whatever_the_loss(make_config, loss):
    config = make_config(
        data={"source": "breast_cancer"}, loss={"name": loss}, run={"epochs": 2, "average": "ema", "ema_decay": 0.9}
    )
    view = train(config).view
    assert view.report is not None
    assert view.test is not None
    assert view.report.confusion == view.test.confusion
    assert 1 - view.report.wrong / view.report.rows == pytest.approx(view.test.metric)
    assert all(one.loss >= 0 and 0 <= one.probability <= 1 for one in view.report.samples)
