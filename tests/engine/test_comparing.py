"""Runs side by side: which settings differ, which figures are best, and when they do not compare."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from support import script
from support.owners import a_run

from engine import RunConfig, RunView
from engine import events as e
from engine.comparing import as_json, compare, comparison, comparison_lines
from engine.configfile import to_nested
from engine.eventjson import to_json
from engine.plaintext import cells


def view(
    metric: float = 0.9, test_loss: float = 0.2, dataset: str = "digits", **settings: dict[str, object]
) -> RunView:
    nested = to_nested(RunConfig())
    for section, content in settings.items():
        nested[section] |= content
    made: list[e.Event] = []
    for item in script.healthy(5):
        if isinstance(item, e.RunStarted):
            item = replace(item, config=nested)
        if isinstance(item, e.DataPrepared):
            item = replace(item, dataset=dataset)
        if isinstance(item, e.TestMeasured):
            item = replace(item, metric=metric, loss=test_loss, metrics={"auroc": metric, "accuracy": metric})
        made.append(item)
    return RunView().apply_all(made)


def test_settings_that_differ_and_nothing_else():
    found = comparison([("a", view(optimizer={"lr": 0.1})), ("b", view(model={"hidden": (8,)}, run={"name": "x"}))])
    assert {row.key: row.texts for row in found.settings} == {
        "model.hidden": ("128, 64", "8"),
        "optimizer.lr": ("0.1", "0.001"),
    }
    assert "no setting differs" in comparison_lines(comparison([("a", view()), ("b", view())]), 80)


def test_a_knob_that_means_nothing_in_a_run_is_a_dash():
    linear = view()
    linear.config["model"] = {"kind": "linear"}
    found = comparison([("a", linear), ("b", view())])
    assert ("-", "128, 64") in [row.texts for row in found.settings if row.key == "model.hidden"]


def test_settings_of_another_version_are_told_as_they_stand():
    other = view()
    other.config["model"]["wings"] = [1, 2]
    found = comparison([("a", other), ("b", view(model={"hidden": (8,)}))])
    assert [row.texts for row in found.settings if row.key == "model.hidden"] == [("128, 64", "8")]


def test_the_best_of_each_figure_by_its_own_direction():
    found = comparison([("a", view(0.9, 0.3)), ("b", view(0.8, 0.1)), ("c", view(0.9, 0.2))])
    best = {row.key: sorted(row.best) for row in found.figures}
    assert best["test_metric"] == [0, 2] and best["test_loss"] == [1] and best["test_auroc"] == [0, 2]
    assert best["val_loss"] == [], "all are equal"
    assert "test_accuracy" not in best, "it is the metric already"


def test_what_does_not_compare_is_not_marked():
    found = comparison([("a", view(0.9)), ("b", view(0.8, dataset="wine"))])
    assert not any(row.best for row in found.figures) and "different datasets" in found.notes[0]
    found = comparison([("a", view(0.9, 0.1)), ("b", view(0.8, 0.2, loss={"name": "hinge"}))])
    best = {row.key: bool(row.best) for row in found.figures}
    assert (best["test_loss"], best["test_metric"]) == (False, True)


def test_runs_that_have_hardly_begun_compare_as_well():
    opening = RunView().apply_all(script.opening())
    found = comparison([("a", opening), ("b", RunView()), ("c", view())])
    assert "not all of them have ended" in found.notes
    for row in found.figures:
        assert len(row.texts) == 3 and not any("nan" in text for text in row.texts)
    json.dumps(as_json(found), allow_nan=False)


@pytest.mark.parametrize("width", [40, 80, 140])
@pytest.mark.parametrize("count", [2, 7])
def test_every_run_has_a_column_and_no_line_is_too_wide(width, count):
    runs = [(f"a very long name of a run \x1b日本 {place}", view(place / 10)) for place in range(count)]
    lines = comparison_lines(comparison(runs), width)
    assert max(map(cells, lines)) <= width
    assert "\x1b" not in "".join(lines)
    heads = [line.split() for line in lines if line and set(line.split()) <= set("ABCDEFG")]
    assert [letter for head in heads for letter in head] == list("ABCDEFG"[:count])


def test_json_has_numbers_and_names():
    body = as_json(comparison([("a", view(0.9)), ("b", view(0.8))]))
    assert body["runs"][1]["figures"]["test_metric"] == 0.8
    assert body["best"]["test_metric"] == ["a"]
    assert math.isfinite(body["runs"][0]["figures"]["parameters"])


def test_runs_are_read_from_their_folders(tmp_path):
    one, two = (a_run(tmp_path, name) for name in ("20260101-000000-a", "20260101-000001-b"))
    for run, events in ((one, script.healthy(4)), (two, script.overfitting())):
        run.journal.write_text("".join(to_json(item) + "\n" for item in events))
    found = compare([one, two])
    assert [(run.letter, run.name) for run in found.runs] == [("A", one.name), ("B", two.name)]
    assert [row.texts for row in found.figures if row.key == "best_epoch"] == [("4 of 4", "10 of 40")]
