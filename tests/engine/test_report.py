"""The report on the test part against scikit-learn, and the sides of the error-against-epoch graph."""

from __future__ import annotations

import math
import warnings
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import events as e
from engine.console import mistakes_line
from engine.report import SHOWN, Answers, class_figures, confusion_counts, label_of, make_report, sides
from engine.runview import RunView


def answers(truth, answer, loss=None) -> Answers:
    truth, answer = np.asarray(truth, np.float32), np.asarray(answer, np.float32)
    loss = np.arange(len(truth)) if loss is None else loss
    return Answers(truth, answer, np.asarray(loss, np.float32), np.full(len(truth), 0.5, np.float32))


labels = st.integers(2, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=60),
    )
)


@given(labels)
def test_confusion_and_class_figures_equal_scikit_learn(case):
    """Classes that are absent from the truth, from the answers or from both are drawn as well."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    classes, pairs = case
    truth, answer = np.array(pairs).T
    counts = confusion_counts(truth, answer, classes)
    assert (counts == confusion_matrix(truth, answer, labels=range(classes))).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = precision_recall_fscore_support(truth, answer, labels=range(classes), zero_division=0)
    got = [(row.precision, row.recall, row.f1, row.support) for row in class_figures(counts)]
    np.testing.assert_allclose(np.array(got).T, np.array(expected, dtype=float), rtol=1e-12)


@given(labels)
def test_the_report_names_the_worst_mistakes_first(case):
    classes, pairs = case
    truth, answer = np.array(pairs).T
    loss = np.random.default_rng(len(pairs)).permutation(len(pairs))
    report = make_report(answers(truth, answer, loss), classes, epoch=3)
    wrong = sorted((row for row in range(len(pairs)) if truth[row] != answer[row]), key=lambda row: -loss[row])
    assert [one.row for one in report.mistakes] == wrong[:SHOWN]
    assert (report.rows, report.wrong, report.epoch) == (len(pairs), len(wrong), 3)
    for one in (*report.mistakes, *report.samples):
        assert (one.truth, one.answer, one.loss) == (truth[one.row], answer[one.row], loss[one.row])
    rows = [one.row for one in report.samples]
    assert rows == sorted(set(rows))
    assert len(rows) == min(len(pairs), SHOWN)
    assert (rows[0], rows[-1]) == (0, len(pairs) - 1)


def test_a_mistake_whose_loss_is_no_number_is_the_worst():
    report = make_report(answers([0, 0, 0, 1], [1, 1, 1, 1], [2.0, math.nan, 5.0, math.nan]), 2, epoch=1)
    assert [one.row for one in report.mistakes] == [1, 2, 0]


def test_a_report_of_a_regression_has_the_largest_errors():
    report = make_report(answers([1.0, 2.0, 3.0], [1.5, 2.0, 1.0], [0.5, 0.0, 2.0]), 0, epoch=1)
    assert (report.confusion, report.classes, report.wrong) == ((), (), 0)
    assert [(one.row, one.loss) for one in report.mistakes] == [(2, 2.0), (0, 0.5), (1, 0.0)]


def test_labels():
    assert label_of(1.0, ("ham", "sp\x1bam")) == "sp\N{REPLACEMENT CHARACTER}am"
    assert label_of(151.25, ()) == "151.2"
    assert label_of(math.nan, ()) == "nan"


def view_of(val, train=None, best=None) -> RunView:
    """The view of a run with these losses, its best epoch the lowest finite one."""
    finite = [loss if math.isfinite(loss) else math.inf for loss in val]
    view = RunView()
    lowest, best_epoch = math.inf, 0
    for number, loss in enumerate(finite, 1):
        if loss < lowest:
            lowest, best_epoch = loss, number
        view.apply(
            e.EpochEnded(
                epoch=number, train_loss=(train or val)[number - 1] if train else 1 / number, val_loss=val[number - 1],
                train_metric=0.0, val_metric=0.0, lr=0.1, penalty=0.0, grad_norm=1.0, seconds=1.0, samples_per_second=1.0,
                best_epoch=best or best_epoch,
            )
        )  # fmt: skip
    return view


SIDES = [
    # validation, training (None: falling), left, best, right
    ([3.0, 2.0, 1.0, 1.2, 1.4, 1.6], None, "underfitting", 3, "rising"),
    ([3.0, 2.0, 1.0, 1.01, 1.02, 1.01], None, "underfitting", 3, "converged"),
    ([3.0, 2.0, 1.0, 1.0, 1.0, 9.0], None, "underfitting", 3, "converged"),  # one bad epoch does not decide
    ([3.0, 2.0, 1.0], None, "underfitting", 3, ""),
    ([1.0, 2.0, 3.0], None, "", 1, "rising"),
    ([1.0], None, "", 1, ""),
    ([2.0, 1.0, 5.0, 50.0], [2.0, 1.0, 6.0, 60.0], "underfitting", 2, "diverging"),
    ([2.0, 1.0, math.nan], [2.0, 1.0, math.nan], "underfitting", 2, "diverging"),
    ([2.0, 1.0, math.inf, math.inf], None, "underfitting", 2, "rising"),
    ([math.nan, 1.0, 1.01], None, "underfitting", 2, "converged"),
    ([-1.0, -2.0, -1.5, -1.4], None, "underfitting", 2, "rising"),  # a log-density can be negative
]


@pytest.mark.parametrize(("val", "train", "left", "best", "right"), SIDES)
def test_sides(val, train, left, best, right):
    found = sides(view_of(val, train))
    assert found is not None
    assert (found.left, found.best, found.right, found.last) == (left, best, right, len(val))
    assert found.loss == val[best - 1]


def test_sides_in_words():
    assert sides(view_of(SIDES[0][0])).words() == "underfitting 1-2 · just right 3 · rising 4-6"  # pyright: ignore
    assert sides(view_of([2.0, 1.0, 1.0, 1.0, 1.0])).words() == "underfitting 1 · just right 2 · converged 3-5"  # pyright: ignore


def with_test(view: RunView, metric: float, baseline: float, mode: Literal["max", "min"] = "max") -> RunView:
    """The view with a test part on which always giving the same answer gets `baseline`."""
    view.apply(
        e.ModelBuilt(
            layers=(), parameters=0, epochs=9, steps_per_epoch=1, batch_size=1, metric="accuracy", metric_mode=mode
        )
    )
    view.apply(e.TestMeasured(epoch=3, loss=1.0, metric=metric, baseline=baseline))
    return view


FLAT = [2.31, 2.305, 2.303, 2.304, 2.303, 2.305]


@pytest.mark.parametrize(
    ("view", "middle"),
    [
        (view_of(FLAT, FLAT), "nothing learned, best"),
        (view_of([2.0, 1.0, 1.0]), "best so far"),  # three epochs say nothing
        (view_of(SIDES[0][0]), "just right"),
        (view_of([2.31, 2.3, 2.3, 2.3, 2.4, 2.6], [2.3, 2.0, 1.5, 1.0, 0.5, 0.2]), "just right"),  # it learned by heart
        (with_test(view_of(SIDES[0][0]), 0.11, 0.11), "nothing learned, best"),  # however far the loss fell
        (with_test(view_of(SIDES[0][0]), 0.5, 0.11), "just right"),
        (with_test(view_of(FLAT, FLAT), 0.9, 0.11), "just right"),  # all of it in the first epoch
        (with_test(view_of(SIDES[0][0]), 55.0, 55.0, "min"), "nothing learned, best"),
        (with_test(view_of(SIDES[0][0]), 44.0, 55.0, "min"), "just right"),
        (with_test(view_of(FLAT, FLAT), math.nan, 0.1), "nothing learned, best"),
        (view_of([math.nan, *SIDES[0][0]]), "just right"),
        (view_of([math.inf, 1.0, 1.0, 1.0, 1.0], [math.inf, 1.0, 1.0, 1.0, 1.0]), "nothing learned, best"),
    ],
)
def test_just_right_is_said_only_of_what_was_learned(view, middle):
    found = sides(view)
    assert found is not None and found.middle == middle


def test_overfitting_is_said_where_the_diagnosis_says_it():
    view = view_of(SIDES[0][0])
    view.apply(
        e.FindingRaised(
            epoch=6, kind="overfitting", confidence="likely", began=4, title="t", evidence="e", actions=("stop",)
        )
    )
    found = sides(view)
    assert found is not None
    assert (found.right, found.middle) == ("overfitting", "just right")


def test_a_best_epoch_with_nothing_after_it_is_only_the_best_so_far():
    found = sides(view_of([3.0, 2.0, 1.0]))
    assert found is not None
    assert found.middle == "best so far"


@pytest.mark.parametrize("val", [[], [math.nan], [math.inf, math.nan]])
def test_without_a_finite_loss_there_are_no_sides(val):
    assert sides(view_of(val)) is None


@given(st.lists(st.floats(), max_size=12), st.lists(st.floats(), min_size=12, max_size=12))
def test_sides_of_any_history(val, train):
    found = sides(view_of(val, train))
    assert (found is None) == (not any(math.isfinite(loss) for loss in val))
    if found is not None:
        assert (found.left == "") == (found.best == 1)
        assert (found.right == "") == (found.best == len(val))


def test_the_mistakes_on_one_line():
    report = make_report(answers([0, 0, 0, 1, 2], [0, 0, 1, 1, 2]), 4, epoch=1)
    line = mistakes_line(report, ("a", "b", "c", "never seen"))
    assert line == "1 of 5   weakest class b (precision 0.50, recall 1.00)"
    assert mistakes_line(make_report(answers([0, 1], [0, 1]), 2, epoch=1), ("a", "b")) == "0 of 2"
    numbers = make_report(answers([1.0, 2.0, 3.0], [1.5, 2.0, 1.0], [0.5, 0.0, 2.0]), 0, epoch=1)
    assert mistakes_line(numbers, ()) == "largest 2   (row 2 of the test part: predicted 1, true 3)"
