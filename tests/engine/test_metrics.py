"""Every metric against scikit-learn, ties, absent classes, single classes and NaN among the cases."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from engine import train
from engine.console import final_table
from engine.measures import MEASURES, PRIMARY, measure_label, measures_of, top_k
from engine.metrics import METRICS, Measured, Scorecard, Tally

CPU = torch.device("cpu")


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def measured(output: np.ndarray, target: np.ndarray, classes: int, batch: int = 7, scale: float = 1.0) -> Measured:
    """The figures of the engine, taken in batch by batch."""
    return card(output, target, classes, batch, scale).measure()


def card(output: np.ndarray, target: np.ndarray, classes: int, batch: int = 7, scale: float = 1.0) -> Scorecard:
    found = Scorecard("classification" if classes else "regression", classes, scale, CPU)
    for first in range(0, len(target), batch):
        rows = slice(first, first + batch)
        found.add(torch.tensor(0.5), torch.tensor(output[rows]), torch.tensor(target[rows]))
    return found


def auroc(scores: np.ndarray, target: np.ndarray) -> float:
    """One class against the rest by scikit-learn, averaged over the classes for which that is defined."""
    classes = range(scores.shape[1]) if scores.shape[1] > 2 else [1]
    probability = softmax(scores) if scores.shape[1] > 2 else scores - scores[:, :1]
    defined = [each for each in classes if 0 < (target == each).sum() < len(target)]
    found = [sk.roc_auc_score(target == each, probability[:, each]) for each in defined]
    return float(np.mean(found)) if found else math.nan


@st.composite
def answers(draw: st.DrawFn, smallest: int = 2) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores (n, classes) with ties within and between rows, classes that do not occur, now and then a single one."""
    classes, rows = draw(st.integers(smallest, 8)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    occurring = rng.choice(classes, draw(st.integers(1, classes)), replace=False)
    scores = rng.normal(0, 2, (rows, classes))
    if draw(st.booleans()):
        # Whole rows again: rows of round numbers tie in softmax too, but only up to its rounding, which is not ours.
        scores = scores[rng.integers(0, 1 + rows // 4, rows)]
        scores[:, 1] = scores[:, 0]
    return scores, rng.choice(occurring, rows), classes


@given(answers())
def test_classification_agrees_with_scikit_learn(drawn):
    scores, target, classes = drawn
    found = measured(scores, target, classes)
    predicted = scores.argmax(axis=1)
    assert set(found.metrics) == {"accuracy", "macro_f1", "auroc"} | ({"top_k"} if classes > 2 else set())
    assert found.metric == found.metrics["accuracy"] == pytest.approx(sk.accuracy_score(target, predicted), abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macro_f1 = sk.f1_score(target, predicted, average="macro")
        confusion = sk.confusion_matrix(target, predicted, labels=range(classes))
    assert found.metrics["macro_f1"] == pytest.approx(macro_f1, abs=1e-12)
    assert found.metrics["auroc"] == pytest.approx(auroc(scores, target), abs=1e-12, nan_ok=True)
    assert card(scores, target, classes).confusion() == tuple(map(tuple, confusion.tolist()))


@given(answers(smallest=3), st.booleans())
def test_top_k_agrees_with_scikit_learn(drawn, jitter):
    scores, target, classes = drawn
    # scikit-learn breaks ties for the last class, argmax and we for the first: a hair's breadth decides for us.
    scores = scores - 1e-9 * np.arange(classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.top_k_accuracy_score(target, scores, k=top_k(classes), labels=range(classes))
    assert measured(scores, target, classes).metrics["top_k"] == pytest.approx(expected, abs=1e-12)


def test_top_k_of_equal_scores_takes_the_first_classes():
    scores = np.zeros((4, 4))
    assert top_k(4) == 3
    assert measured(scores, np.array([0, 1, 2, 3]), 4).metrics["top_k"] == 0.75


@given(answers())
def test_one_against_the_rest_is_scikit_learns_own_average(drawn):
    scores, target, classes = drawn
    if classes < 3 or len(set(target.tolist())) < classes:
        return
    expected = sk.roc_auc_score(target, softmax(scores), multi_class="ovr", average="macro")
    assert measured(scores, target, classes).metrics["auroc"] == pytest.approx(expected, abs=1e-12)


@given(answers())
def test_one_logit_for_two_classes_is_the_same_as_two(drawn):
    scores, target, classes = drawn
    if classes > 2:
        return
    one = measured(scores[:, 1] - scores[:, 0], target, 2)
    assert one.metrics == pytest.approx(measured(scores, target, 2).metrics, abs=1e-12, nan_ok=True)


@given(st.integers(1, 40), st.integers(0, 10**6), st.sampled_from([1.0, 77.5, 0.001]), st.booleans())
def test_regression_agrees_with_scikit_learn(rows, seed, scale, whole):
    rng = np.random.default_rng(seed)
    target, output = rng.normal(3, 1, rows), rng.normal(3, 2, rows)
    if whole:
        target, output = np.round(target), np.round(output)
    found = measured(output, target, 0, scale=scale).metrics
    assert set(found) == {"mae", "rmse", "r2"}
    assert found["mae"] == pytest.approx(scale * sk.mean_absolute_error(target, output), rel=1e-12)
    assert found["rmse"] == pytest.approx(scale * sk.root_mean_squared_error(target, output), rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.r2_score(target, output)
    assert found["r2"] == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(("output", "expected"), [([2.0, 2.0, 2.0], 1.0), ([2.0, 2.0, 2.5], 0.0)])
def test_r2_of_a_target_that_does_not_vary(output, expected):
    target = np.full(3, 2.0)
    assert measured(np.array(output), target, 0).metrics["r2"] == expected == sk.r2_score(target, output)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("classes", [0, 2, 5])
def test_outputs_that_are_no_numbers_do_no_harm(bad, classes):
    rng = np.random.default_rng(0)
    output = rng.normal(size=(20, classes) if classes else 20)
    output[3] = bad
    target = rng.integers(0, classes, 20) if classes else rng.normal(size=20)
    found = measured(output, target, classes)
    if math.isnan(bad):
        assert math.isnan(found.metrics["auroc" if classes else "r2"])
    all_bad = measured(np.full_like(output, bad), target, classes)
    assert all(isinstance(value, float) for value in [*found.metrics.values(), *all_bad.metrics.values()])
    assert sum(map(sum, card(output, target, classes).confusion())) == (20 if classes else 0)


def test_a_score_of_nan_is_not_among_the_best():
    assert measured(np.full((3, 4), math.nan), np.array([0, 1, 2]), 4).metrics["top_k"] == 0.0


@given(answers(), st.integers(1, 40))
def test_the_batches_do_not_matter(drawn, batch):
    scores, target, classes = drawn
    whole, parts = measured(scores, target, classes, 1000), measured(scores, target, classes, batch)
    assert parts.metrics == pytest.approx(whole.metrics, nan_ok=True)
    tally = Tally("classification", 1.0, CPU)
    tally.add(torch.tensor(0.5), torch.tensor(scores), torch.tensor(target))
    assert tally.read() == (whole.loss, whole.metric)


def test_the_names_of_measures_and_of_curves_agree():
    assert {task: METRICS[task][0].lower() for task in PRIMARY} == PRIMARY
    assert all(MEASURES[PRIMARY[task]].mode == METRICS[task][1] for task in PRIMARY)
    assert measures_of("classification", 2) == ("accuracy", "macro_f1", "auroc")
    assert [measure_label(name, 10) for name in ("top_k", "auroc", "new")] == ["top-5", "AUROC", "new"]


@pytest.mark.parametrize("source", ["wine", "diabetes", "breast_cancer"])
def test_a_run_tells_every_metric_and_they_are_scikit_learns(make_config, source):
    result = train(make_config(data={"source": source}, run={"epochs": 2}))
    assert result.view.test is not None
    data, view = result.data, result.view
    assert all(set(found) == set(measures_of(data.task, data.classes)) for found in view.val_metrics)
    assert [found[PRIMARY[data.task]] for found in view.val_metrics] == view.val_metric
    with torch.no_grad():
        output = result.model(torch.from_numpy(data.x_test)).double().numpy()
    found = view.test.metrics
    if data.classes:
        predicted = output.argmax(axis=1)
        assert found["macro_f1"] == pytest.approx(sk.f1_score(data.y_test, predicted, average="macro"))
        assert found["auroc"] == pytest.approx(auroc(output, data.y_test))
        confusion = sk.confusion_matrix(data.y_test, predicted, labels=range(data.classes))
        assert view.test.confusion == tuple(map(tuple, confusion.tolist()))
    else:
        y = data.y_test.astype(np.float64)
        assert found["r2"] == pytest.approx(sk.r2_score(y, output))
        assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, output) * data.y_scale)
        assert view.test.confusion == ()
    table = final_table(view)
    assert ("AUROC" in table) == bool(data.classes)
    assert ("R²" in table) != bool(data.classes)
