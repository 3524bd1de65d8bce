"""The inputs that a report tells: in the data's own units, short, and small enough for a record."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import events as e
from engine.config import DataConfig
from engine.data.prepared import load_prepared
from engine.eventjson import from_json, to_json
from engine.inputs import MOST_ACROSS, MOST_VALUES, Inputs
from engine.report import Answers, make_report


def inputs_of(source: str) -> tuple[Inputs, np.ndarray]:
    """The test part of a dataset as it is trained on, and as it was."""
    data = load_prepared(DataConfig(source=source))
    inputs = Inputs(data.x_test, data.x_mean, data.x_scale, data.feature_names, data.image_shape)
    return inputs, data.x_test.astype(np.float64) * data.x_scale + data.x_mean


@pytest.mark.parametrize("source", ["breast_cancer", "wine", "diabetes", "digits"])
def test_values_come_back_as_they_were(source):
    """What the person has in the file, digit by digit: 0 is 0 and 14.42 is 14.42."""
    from sklearn import datasets

    inputs, _ = inputs_of(source)
    options = {"scaled": False} if source == "diabetes" else {}
    known = {
        tuple(round(float(value), 4) for value in row) for row in getattr(datasets, f"load_{source}")(**options).data
    }
    for number in range(min(20, len(inputs.x))):
        told = inputs.row(number)
        assert tuple(round(float(value), 4) for value in told) in known
        assert max(len(repr(value)) for value in told) <= 8


@given(
    mean=st.floats(-1e6, 1e6, width=32),
    scale=st.floats(2.0**-20, 1e6, width=32),
    values=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=6),
)
def test_rounding_loses_no_more_than_float32_has(mean, scale, values):
    x = np.array([values], np.float32)
    size = len(values)
    inputs = Inputs(x, np.full(size, mean, np.float32), np.full(size, scale, np.float32))
    exact = x[0].astype(np.float64) * scale + mean
    np.testing.assert_allclose(inputs.row(0), exact, rtol=1e-5, atol=1e-5 * max(abs(mean), scale))


def test_values_that_are_no_numbers_are_told_as_they_are():
    x = np.array([[np.nan, np.inf, 1.0]], np.float32)
    told = Inputs(x, np.zeros(3, np.float32), np.ones(3, np.float32)).row(0)
    assert np.isnan(told[0]) and told[1:] == (np.inf, 1)


def test_large_pictures_are_thinned_and_made_grey():
    shape = (3, 70, 40)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, *shape)).astype(np.float32)
    features = int(np.prod(shape))
    mean, scale = np.full(features, 100, np.float32), np.full(features, 50, np.float32)
    inputs = Inputs((pixels.reshape(2, -1) - mean) / scale, mean, scale, (), shape)
    assert inputs.told_shape == (24, 14)
    assert max(inputs.told_shape) <= MOST_ACROSS
    grey = np.array(inputs.row(1)).reshape(24, 14)
    np.testing.assert_allclose(grey, pixels[1].mean(axis=0)[::3, ::3], atol=1)
    assert all(isinstance(value, int) for value in inputs.row(1)), "whole numbers are shorter"
    assert inputs.limits == (0, 255)


def test_wide_rows_are_cut():
    inputs = Inputs(np.ones((1, 5000), np.float32), np.zeros(5000), np.ones(5000), tuple(map(str, range(5000))))
    assert len(inputs.row(0)) == len(inputs.told_names) == MOST_VALUES
    assert inputs.told_shape == (MOST_VALUES,)
    assert inputs.told_scales == ((), ()), "not standardized"


def report_on(source: str, wrong: bool = True) -> e.ReportMade:
    inputs, _ = inputs_of(source)
    rows = len(inputs.x)
    truth = np.zeros(rows, np.float32)
    answers = Answers(
        truth, truth + wrong, np.linspace(0, 3, rows, dtype=np.float32), np.full(rows, 0.7123456, np.float32)
    )
    return make_report(answers, 2, 3, inputs)


@pytest.mark.parametrize(("source", "most"), [("digits", 6000), ("breast_cancer", 7000)])
def test_a_report_stays_small_and_survives_the_journal(source, most):
    """Twelve mistakes with their inputs: 64 pixels, or 30 columns with their names, means and deviations."""
    report = report_on(source)
    line = to_json(report)
    assert len(report.mistakes) == 12 and all(one.values for one in report.mistakes)
    assert len(line) < most, f"{len(line)} bytes"
    assert from_json(line) == report


def test_a_report_says_what_its_values_are():
    digits, cancer = report_on("digits"), report_on("breast_cancer")
    assert (digits.shape, digits.limits, digits.feature_names, digits.means) == ((8, 8), (0, 16), (), ())
    assert cancer.shape == (30,) and cancer.features == 30
    assert cancer.feature_names[0] == "mean radius"
    assert cancer.means[0] == pytest.approx(14.1, abs=0.3) and cancer.scales[0] == pytest.approx(3.5, abs=0.3)


def test_a_report_from_before_there_were_inputs_still_loads():
    old = (
        '{"event":"ReportMade","time":1.0,"trial":0,"epoch":2,"rows":3,"wrong":1,"confusion":[[1,0],[1,1]],"classes":[],'
        '"mistakes":[{"row":1,"truth":1.0,"answer":0.0,"loss":2.0,"probability":0.9}],"samples":[]}'
    )
    report = from_json(old)
    assert isinstance(report, e.ReportMade)
    assert report.mistakes[0].values == () and report.pairs == () and report.feature_names == ()


def test_a_regression_tells_truth_and_answer_of_evenly_spread_rows():
    truth = np.linspace(0, 100, 1001, dtype=np.float32)
    answers = Answers(truth, truth + 1, np.ones(1001, np.float32), np.full(1001, np.nan, np.float32))
    pairs = make_report(answers, 0, 1).pairs
    assert len(pairs) == 200
    assert pairs[0] == (0, 1) and pairs[-1] == (100, 101)
