"""Which charts a run has and what is in them, without a screen: panels, smoothing, ghosts, the x axis, windows, the cursor."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import script

from engine import events as e
from engine.eventjson import to_json
from engine.runview import RunView
from engine.series import smooth
from tui.chart import ChartOptions, Series, draw
from tui.chart_cursor import landed, leapt, stepped
from tui.ghosts import best_trial, neighbours, of_trial, previous_of, read_ghost, short_name
from tui.kept import Keeper, Memory, read
from tui.marks import marks_of
from tui.panels import (
    MOST_OTHERS,
    ghost_series,
    in_sight,
    marks_on,
    mean_and_sd,
    next_panel,
    panels_of,
    series_of,
    smoothed,
    smoothing_weight,
)
from tui.taste import Taste, columns_of, fitting, layouts_there, taste_of
from tui.xaxis import Course, HeldEnd, Window, followed, holding, panned, zoomed

BEGAN = script.BEGAN


def view_of(events) -> RunView:
    return RunView().apply_all(events)


def keys(view: RunView) -> list[str]:
    return [panel.key for panel in panels_of(view)]


def curves(view: RunView, key: str, unit="epoch", smoothing="auto") -> dict[str, Series]:
    return {one.name: one for one in series_of(view, key, Course(view, unit), smoothing)}


def rich_epoch(number: int, **more) -> e.EpochEnded:
    """An epoch with every figure there is."""
    figures = {
        "epoch": number, "train_loss": 1 / number, "val_loss": 1.1 / number, "train_metric": 0.9, "val_metric": 0.8, "lr": 0.1,
        "penalty": 0.01, "grad_norm": 2.0, "seconds": 2.0, "samples_per_second": 10.0, "best_epoch": number,
        "train_loss_running": 1.5 / number, "weight_norm": 5.0, "sparsity": 0.1, "grad_norm_clipped": 1.0,
        "layer_grad_norms": (1.0, 0.5), "val_metrics": {"loss": 1.1 / number, "accuracy": 0.8, "top_k": 0.9, "auroc": 0.7},
        "time": BEGAN + 2.0 * number,
    }  # fmt: skip
    return e.EpochEnded(**(figures | more))


def folds(count: int, epochs: int = 4, running: bool = False) -> list[e.Event]:
    """A run with folds, one after the other, each better than the next; running: the last one has not ended."""
    started, data, model = script.opening(epochs=epochs)
    events, now = [started], BEGAN
    for number in range(1, count + 1):
        label = f"fold {number}"
        events.append(e.TrialStarted(time=now, number=number, of=count, label=label, folder="", trial=number))
        events += [replace(data, time=now, trial=number), replace(model, time=now, trial=number)]
        for epoch in range(1, epochs + 1):
            events.append(e.EpochStarted(time=now, epoch=epoch, trial=number))
            now += 2.0
            events.append(rich_epoch(epoch, time=now, val_loss=number + epoch / 10, trial=number, best_epoch=1))
        figures = {"val_loss": number + 0.1, "val_metric": 0.9, "test_loss": 0.2, "test_metric": 0.9}
        how = {"reason": "epochs_done", "epochs": epochs, "best_epoch": 1, "seconds": 2.0 * epochs}
        if not (running and number == count):
            events.append(e.TrialEnded(time=now, number=number, label=label, trial=number, **figures, **how))
    return events


# -- panels -----------------------------------------------------------------------------------------------------------


def test_every_logged_series_is_a_chart_and_what_is_not_logged_is_none():
    plain = ["loss", "metric", "lr", "grad"]
    assert keys(RunView()) == plain
    assert keys(view_of(script.overfitting())) == [*plain, "seconds"]
    sample = e.MachineSampled(time=BEGAN + 1, cpu_percent=80.0, ram_bytes=2.0**30, gpu_percent=None)
    view = view_of([*script.opening(), rich_epoch(1), sample, rich_epoch(2)])
    logged = ["val:top_k", "val:auroc", "running", "penalty", "weights", "sparsity", "layers", "seconds", "cpu", "ram"]
    assert keys(view) == [*plain, *logged]
    for key in keys(view):
        series = series_of(view, key, Course(view, "epoch"))
        assert series and all(len(one.xs) == len(one.ys) > 0 for one in series), key
        draw(series, ChartOptions(60, 10))
    assert curves(view, "ram")["ram"].ys.tolist() == [1.0]
    assert curves(view, "ram")["ram"].xs.tolist() == [0.5], "in the middle of the first epoch"
    assert list(curves(view, "grad")) == ["gradient", "clipped"]
    assert list(curves(view, "layers")) == ["hidden 1", "output"]
    assert series_of(view, "gpu", Course(view, "epoch"))[0].ys.tolist() == []
    assert series_of(view, "of another version", Course(view, "epoch")) == []


def test_of_many_layers_some_are_drawn_the_first_and_the_last_among_them():
    layers = tuple((f"layer {number}", 10) for number in range(1, 21))
    model = e.ModelBuilt(layers=layers, parameters=1, epochs=9, steps_per_epoch=1, batch_size=1, metric="RMSE", metric_mode="min")  # fmt: skip
    view = view_of([model, rich_epoch(1, layer_grad_norms=tuple(range(20))), rich_epoch(2, layer_grad_norms=())])
    drawn = curves(view, "layers")
    assert len(drawn) == MOST_OTHERS and {"layer 1", "layer 20"} <= set(drawn)
    assert math.isnan(drawn["layer 20"].ys[1])


def test_long_epochs_show_their_steps_and_short_ones_do_not():
    events = script.opening(epochs=5)
    for step in range(10, 100, 10):
        events.append(
            e.StepsDone(time=BEGAN + step, epoch=1, step=step, samples_per_second=1.0, loss=100 / step, lr=0.1)
        )
    view = view_of(events)
    train = curves(view, "loss")["train"]
    assert train.xs.tolist() == pytest.approx([step / 100 for step in range(10, 100, 10)])
    assert len(curves(view, "loss")["validation"].xs) == 0
    assert curves(view, "loss", "step")["train"].xs.tolist() == pytest.approx(list(range(10, 100, 10)))
    assert curves(view, "loss", "time")["train"].xs.tolist() == pytest.approx(list(range(10, 100, 10)))
    view.apply(rich_epoch(1, time=BEGAN + 100))
    assert curves(view, "loss")["validation"].xs.tolist() == [1.0]
    assert len(curves(view, "loss")["train"].xs) == 9
    for number in range(2, 5):
        view.apply(rich_epoch(number))
    assert curves(view, "loss")["train"].xs.tolist() == [1, 2, 3, 4], "the steps of one epoch of four tell less"


def test_folds_are_overlaid_with_mean_and_spread():
    view = view_of(folds(3))
    assert keys(view)[:3] == ["loss", "trials", "metric"]
    drawn = curves(view, "trials")
    assert list(drawn) == ["mean", "fold 1", "fold 2", "fold 3"]
    assert drawn["mean"].ys.tolist() == pytest.approx([2.1, 2.2, 2.3, 2.4])
    assert drawn["mean"].low is not None
    assert (drawn["mean"].ys - drawn["mean"].low).tolist() == pytest.approx([1.0] * 4), "sd of 1, 2, 3 with n - 1"
    apart = [rich_epoch(1, val_loss=loss, trial=n) for n, loss in ((1, 0.1), (2, 9.0))]
    begun = [e.TrialStarted(number=n, of=2, label=f"fold {n}", folder="", trial=n) for n in (1, 2)]
    low = curves(view_of([*script.opening(), begun[0], apart[0], begun[1], apart[1]]), "trials")["mean"].low
    assert low is not None and low.tolist() == [0.0], "a loss is not drawn below zero"
    assert drawn["mean"].latest == "2.400 ± 1.000"
    assert [key for key in keys(view) if key.startswith("trials:")] == [
        *(
            "trials:train_loss",
            "trials:val_metric",
            "trials:lr",
            "trials:grad_norm",
            "trials:val:top_k",
            "trials:val:auroc",
        ),
        *("trials:train_loss_running", "trials:penalty", "trials:weight_norm", "trials:sparsity", "trials:seconds"),
    ]
    panels = {panel.key: panel for panel in panels_of(view)}
    assert panels["trials:val_metric"].title == "Validation accuracy of all folds, mean ± sd"
    assert panels["trials:val:auroc"].limits == (0, 1) and panels["trials:val:auroc"].label == "AUROC"
    assert curves(view, "trials:val:top_k")["mean"].ys.tolist() == [0.9] * 4
    rates = [rich_epoch(1, val_loss=0.1, lr=n / 10, trial=n, val_metrics={"r2": -n}) for n in (1, 2)]
    wide = view_of([*script.opening(), begun[0], rates[0], begun[1], rates[1]])
    assert curves(wide, "trials:lr")["mean"].ys.tolist() == pytest.approx([0.15])
    below = curves(wide, "trials:val:r2")["mean"]
    assert below.ys.tolist() == [-1.5] and below.low is not None and below.low[0] < -1.5, "what can be negative is"
    assert all(isinstance(curve, list) for curve in wide.trials[1].more.values()), "that of the one under way grows"
    wide.apply(rich_epoch(2, trial=2, lr=0.7))
    assert curves(wide, "trials:lr")["fold 2"].ys.tolist() == [0.2, 0.7]
    many = series_of(view_of(folds(9, running=True)), "trials", Course(view, "epoch"))
    assert sorted({one.role for one in many}) == ["ghost", "other", "validation"]
    assert [one.name for one in many if one.name] == ["mean", "fold 9"]


def test_mean_and_sd_wait_for_half_of_the_curves_and_step_over_nan():
    epochs, mean, sd = mean_and_sd([([1, 2, 3], [1.0, math.nan, 3.0]), ([1, 2], [3.0, 5.0]), ([1], [5.0]), ([], [])])
    assert epochs.tolist() == [1.0] and mean.tolist() == [3.0] and sd.tolist() == [2.0]
    assert [len(part) for part in mean_and_sd([([1], [1.0])])] == [0, 0, 0], "one alone has no spread"
    assert [len(part) for part in mean_and_sd([])] == [0, 0, 0]


# -- smoothing --------------------------------------------------------------------------------------------------------


def test_noise_is_smoothed_and_a_few_points_a_constant_and_a_clean_fall_are_not():
    rng = np.random.default_rng(0)
    noise = 1 + 0.3 * rng.standard_normal(1600)
    assert smoothing_weight(noise) == pytest.approx(1 - 1 / 40)
    assert smoothing_weight(noise[:24]) == 0
    assert smoothing_weight(noise[:30]) == pytest.approx(0.6)
    assert smoothing_weight(np.full(500, 3.0)) == 0
    assert smoothing_weight(np.exp(-np.arange(500) / 50)) == 0
    assert smoothing_weight(np.exp(-np.arange(500) / 50) + 0.003 * rng.standard_normal(500)) == 0
    towering = noise.copy()
    towering[0] = 1e6
    assert smoothing_weight(towering) > 0
    weights = [smoothing_weight(noise[:count]) for count in range(800, 1600, 50)]
    assert len(set(weights)) == 1, "what is drawn already stays as it is for long"
    assert smoothing_weight(np.array([math.nan, math.inf] * 50)) == 0
    assert smoothing_weight(noise, "off") == 0 and smoothing_weight(noise[:5], "0.98") == 0.98


def test_the_raw_curve_stands_behind_the_smoothed_one():
    noise = 1 + 0.3 * np.random.default_rng(0).standard_normal(100)
    raw, front = smoothed("train", range(1, 101), noise, "auto")
    assert (raw.role, front.role, front.name) == ("raw", "train", "train")
    assert raw.ys.tolist() == noise.tolist()
    assert front.ys.tolist() == smooth(noise, smoothing_weight(noise)).tolist()
    (alone,) = smoothed("train", range(1, 101), noise, "off")
    assert alone.ys.tolist() == noise.tolist()


def test_the_learning_rate_and_validation_are_never_smoothed():
    zigzag = [rich_epoch(n, lr=0.1 * (n % 2), val_loss=1 + n % 2, train_loss=1 + n % 2) for n in range(1, 101)]
    view = view_of([*script.opening(), *zigzag])
    assert curves(view, "lr", smoothing="0.9")["lr"].ys.tolist() == view.lr
    found = curves(view, "loss", smoothing="0.9")
    assert found["validation"].ys.tolist() == view.val_loss
    assert np.ptp(found["train"].ys[50:]) < 0.2 < np.ptp(found["raw"].ys[50:])


# -- which are in sight -----------------------------------------------------------------------------------------------


def test_the_chosen_charts_are_in_sight_and_others_fill_what_is_left():
    there = ["loss", "metric", "lr", "grad", "seconds"]
    assert in_sight([], there, 2) == ["loss", "metric"]
    assert in_sight(["metric"], there, 2) == ["metric", "loss"]
    assert in_sight(["gpu", "lr"], there, 4) == ["loss", "lr", "metric", "grad"], "a chart this run does not have"
    assert in_sight(["lr", "lr"], there, 2) == ["lr", "loss"]
    assert in_sight(["", "seconds"], there, 1) == ["loss"]
    assert next_panel(["loss", "metric"], 0, there, 1) == "lr", "the one beside it is in sight already"
    assert next_panel(["loss"], 0, there, -1) == "seconds"


@pytest.mark.parametrize(
    ("size", "there", "by_itself"),
    [
        ((80, 15), ["one", "two"], "one"),
        ((80, 20), ["one", "two", "grid"], "one"),
        ((80, 32), ["one", "two", "grid"], "two"),
        ((140, 33), ["one", "two", "grid"], "two"),
        ((140, 7), ["one"], "one"),
        ((60, 10), ["one"], "one"),
        ((60, 17), ["one", "two"], "one"),
        ((20, 5), ["one"], "one"),
    ],
)
def test_layouts_go_by_the_room(size, there, by_itself):
    assert layouts_there(*size) == there
    assert fitting("", *size) == by_itself
    assert fitting("grid", *size) == there[-1]


def test_two_charts_stand_beside_each_other_where_the_room_is_wide_or_low():
    assert columns_of("two", 140, 33) == 2 and columns_of("two", 80, 15) == 2 and columns_of("two", 80, 32) == 1
    assert columns_of("two", 60, 17) == 1 and columns_of("grid", 80, 20) == 2 and columns_of("one", 140, 33) == 1


# -- the x axis -------------------------------------------------------------------------------------------------------


def test_epochs_steps_and_seconds_name_the_same_places():
    view = view_of(script.healthy(20)[:-3])  # an epoch takes two seconds and a hundred steps
    assert Course(view, "epoch").of([1, 2.5]).tolist() == [1, 2.5]
    assert Course(view, "step").of([1, 2.5]).tolist() == [100, 250]
    assert Course(view, "time").of([1, 2.5]).tolist() == [2, 5]
    assert Course(view, "time").at(40) == pytest.approx(80), "on at its pace"
    for unit in ("epoch", "step", "time"):
        course = Course(view, unit)
        for epoch in (0.0, 0.3, 7.25, 20.0):
            assert course.epoch_at(course.at(epoch)) == pytest.approx(epoch)


def test_the_night_between_two_processes_does_not_count():
    events = [*script.opening(), rich_epoch(1), rich_epoch(2)]
    events.append(e.RunResumed(time=BEGAN + 50_000, run="r", folder="/r", config={}, device="cpu", pid=1))
    events += [rich_epoch(3, time=BEGAN + 50_003)]
    sampled = BEGAN + 50_001.5
    assert Course(view_of(events), "time").of([1, 2, 3]).tolist() == [2, 4, 7]
    assert Course(view_of(events), "time").of_moments([sampled])[0] == pytest.approx(7, abs=0.01)


def test_a_clock_that_went_back_and_a_journal_without_a_beginning_do_no_harm():
    events = [rich_epoch(number, time=BEGAN + at) for number, at in enumerate([5, 3, 4, 9], 1)]
    for many in range(len(events) + 1):
        for view in (view_of(events[:many]), view_of(script.opening() + events[:many])):
            xs = Course(view, "time").of(view.epochs)
            assert np.isfinite(xs).all() and (np.diff(xs) >= 0).all()


def test_the_end_of_a_time_axis_is_held():
    held = HeldEnd()
    first = held.update(95.0)
    assert first >= 95
    assert {held.update(expected) for expected in (96, 90, 80, 100, first)} == {first}
    assert held.update(first * 1.01) > first and held.update(20) < first


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("zZ<>th"), st.floats(0.5, 200)), max_size=30), st.booleans())
def test_a_window_never_leaves_the_axis(moves, log):
    full, window = Window(0.5, 200.0), None
    for what, x in moves:
        if what in "zZ":
            window = zoomed(window, full, 0.5 if what == "z" else 2, x, log)
        elif what in "<>":
            window = panned(window, full, 0.25 if what == ">" else -0.25, log)
        elif what == "h":
            window = holding(window, full, x, log)
            assert window is None or window.low - 1e-6 <= x <= window.high * (1 + 1e-6)
        elif window is not None:
            window = followed(window, full, x, log)
            assert window.low * (1 - 1e-6) <= x <= window.high * (1 + 1e-6)
        if window is not None:
            assert full.low * (1 - 1e-6) <= window.low < window.high <= full.high * (1 + 1e-6)


def test_zoom_keeps_its_place_and_undoes_itself():
    full = Window(0.0, 100.0)
    near = zoomed(None, full, 0.5, 80.0)
    assert near is not None and (near.low, near.high) == (40.0, 90.0)
    assert zoomed(near, full, 2, 80.0) is None
    assert panned(near, full, 1.0) == Window(50.0, 100.0)
    assert panned(None, full, 1.0) is None


def test_a_followed_tail_stands_still_between_its_leaps():
    full = Window(0.0, 1000.0)
    places = [followed(Window(0.0, 40.0, True), full, float(epoch)) for epoch in range(100, 140)]
    assert len({place.low for place in places}) <= 5
    assert all(
        place.tail and place.low <= epoch <= place.high for place, epoch in zip(places, range(100, 140), strict=True)
    )


# -- the cursor -------------------------------------------------------------------------------------------------------


def test_the_cursor_goes_from_point_to_point_or_from_column_to_column():
    few = [Series("a", [1, 2, 5], [1, 2, 3], "train"), Series("b", [2, 3], [1, 2], "validation")]
    options = ChartOptions(60, 10, x_low=0, x_high=6, gutter=7)
    assert landed(few, options, 100) == 5
    assert [stepped(few, options, x, 1) for x in (1, 2, 3, 5)] == [2, 3, 5, 5]
    assert [stepped(few, options, x, -1) for x in (1, 2, 3, 5)] == [1, 1, 2, 3]
    xs = np.arange(1.0, 10_001)
    many = [Series("a", xs, xs, "train")]
    wide = ChartOptions(108, 10, x_low=0, x_high=10_000, gutter=7)
    x, seen = 5000.0, []
    for _ in range(5):
        x = stepped(many, wide, x, 1)
        seen.append(x)
    assert all(80 <= after - before <= 220 for before, after in zip([5000.0, *seen], seen, strict=False))
    assert leapt(many, wide, 5000.0, -1) == pytest.approx(4000, abs=150)
    assert leapt(many, wide, 10_000.0, 1) == 10_000 and leapt(few, options, 1, 1) > 1
    zoomed_in = replace(wide, x_low=4000.0, x_high=5000.0)
    assert leapt(many, zoomed_in, 5000.0, 1) == pytest.approx(5100, abs=15), "beyond the edge as far as within"


@pytest.mark.parametrize("log", [False, True])
def test_the_cursor_gets_through_the_whole_curve_both_ways(log):
    xs = np.concatenate([np.arange(1.0, 30), np.arange(30.0, 500, 0.5)])
    series, options = [Series("a", xs, xs, "train")], ChartOptions(90, 10, x_low=1, x_high=500, log_x=log)
    for step, begin, end in ((1, 1.0, xs[-1]), (-1, xs[-1], 1.0)):
        x, moves = begin, 0
        while x != end:
            after = stepped(series, options, x, step)
            assert (after - x) * step > 0
            x, moves = after, moves + 1
        assert moves <= 200


# -- marks ------------------------------------------------------------------------------------------------------------


def test_marks_stand_where_things_happened_in_every_unit():
    events = [
        *script.opening(),
        *(rich_epoch(n, val_loss=math.nan if n == 3 else 1.0, best_epoch=2) for n in range(1, 9)),
    ]
    events.append(script.raised(8, began=5))
    events.append(e.RunEnded(reason="early_stopping", epochs=8, best_epoch=2, seconds=1.0))
    view = view_of(events)
    view.best_epoch = 2
    found = {mark.kind: mark for mark in marks_of(view, Course(view, "step"))}
    assert {kind: mark.x for kind, mark in found.items()} == {
        "non_finite": 300,
        "finding": 500,
        "stop": 800,
        "best": 200,
    }
    assert found["finding"].label == "overfitting @ 5"
    on = {key: {mark.kind for mark in marks_on(key, list(found.values()))} for key in ("loss", "lr", "trials")}
    assert on == {"loss": set(found), "lr": {"stop", "best"}, "trials": set()}


# -- ghosts -----------------------------------------------------------------------------------------------------------


def run_folder(parent: Path, name: str, events, source: str = "digits", began: float = 0.0) -> Path:
    """A run as it lies on a disk."""
    import os

    folder = parent / name
    folder.mkdir()
    (folder / "config.toml").write_text(f'[data]\nsource = "{source}"\n')
    os.utime(folder / "config.toml", (BEGAN + began,) * 2)
    (folder / "events.jsonl").write_text("".join(to_json(event) + "\n" for event in events))
    return folder


def test_the_previous_run_is_the_last_one_of_the_same_dataset(tmp_path):
    a = run_folder(tmp_path, "a", script.healthy(), began=1)
    b = run_folder(tmp_path, "b", script.healthy(), began=2)
    run_folder(tmp_path, "c", script.healthy(), source="wine", began=3)
    d = run_folder(tmp_path, "d", script.healthy(), began=4)
    run_folder(tmp_path, "e", script.healthy(), began=5)
    (tmp_path / "no run").mkdir()
    (tmp_path / "a file").write_text("")
    assert previous_of(d) == b and previous_of(b) == a and previous_of(a) is None
    assert [(one.folder.name, one.akin) for one in neighbours(d)] == [
        ("e", True),
        ("b", True),
        ("a", True),
        ("c", False),
    ]
    (b / "config.toml").write_bytes(b"\xff\x00 not TOML [")
    assert previous_of(d) == a


def test_a_ghost_is_what_the_journal_says_in_the_end(tmp_path):
    events = script.overfitting()
    rewound = e.Rewound(epochs=20, batch=0, best_epoch=10, best_loss=0.384, planned=40, config={})
    folder = run_folder(tmp_path, "20260101-120000-digits-mlp", [*events[:-3], rewound, rich_epoch(21, val_loss=7.0)])
    with (folder / "events.jsonl").open("a") as file:
        file.write('damaged\n{"event":"EpochEnded","epo')
    ghost = read_ghost(folder)
    assert ghost is not None and ghost.name == "12:00 digits-mlp"
    assert ghost.view.epochs == list(range(1, 22)) and ghost.view.val_loss[-1] == 7.0
    course = Course(ghost.view, "epoch")
    curve, train = ghost_series(ghost.name, ghost.view, "loss", course)
    assert (curve.role, curve.name, curve.ys.tolist()) == ("ghost", "12:00 digits-mlp", ghost.view.val_loss)
    assert (train.role, train.name, train.ys.tolist()) == ("ghost_train", "its train", ghost.view.train_loss)
    for key, ys in (("lr", ghost.view.lr), ("grad", ghost.view.grad_norm)):
        assert [(one.role, one.ys.tolist()) for one in ghost_series("x", ghost.view, key, course)] == [("ghost", ys)]
    assert ghost_series("x", ghost.view, "layers", Course(ghost.view, "epoch")) == []
    assert read_ghost(folder, lambda: True) is None
    assert read_ghost(run_folder(tmp_path, "new", script.opening())) is None
    assert "\x1b" not in short_name("a name\x1b[31m")


def test_of_a_run_with_folds_the_best_one_is_the_ghost(tmp_path):
    ghost = read_ghost(run_folder(tmp_path, "folds", folds(3)))
    assert ghost is not None and ghost.title.startswith("fold 1 of ")
    assert ghost.view.val_loss == pytest.approx([1.1, 1.2, 1.3, 1.4])
    view = view_of(folds(3, running=True))
    best = best_trial(view)
    assert best is not None and best.number == 1
    assert [one.number for one in [best_trial(view, besides=1)] if one] == [2]
    assert Course(of_trial(view, best), "time").of([1, 4]).tolist() == [2, 8], "eight seconds for four epochs"
    assert best_trial(view_of(script.opening())) is None


@pytest.mark.soak
def test_a_long_journal_is_read_in_little_time(tmp_path):
    folder = run_folder(tmp_path, "long", [*script.opening(), *(rich_epoch(n) for n in range(1, 20_001))])
    began = time.thread_time()
    ghost = read_ghost(folder)
    assert ghost is not None and len(ghost.view.epochs) == 20_000
    assert time.thread_time() - began < 4.0


# -- what is remembered -----------------------------------------------------------------------------------------------


def test_a_taste_outlives_the_app_and_an_old_state_file_loads(tmp_path):
    file = tmp_path / "setup.json"
    taste = Taste("grid", "time", True, ("loss",), ("lr", "metric"), "0.9")
    keeper = Keeper(file)
    keeper.keep(charts=taste.as_kept(), theme="textual-light")
    keeper.finish()
    assert taste_of(read(file).charts) == taste
    file.write_text('{"version": 1, "texts": {"run.epochs": "3"}, "theme": "textual-light"}')
    assert read(file) == Memory({"run.epochs": "3"}, theme="textual-light")
    assert taste_of(read(file).charts) == Taste()


@pytest.mark.parametrize(
    "kept", [None, [], "x", {"layout": "round", "unit": 3, "log_x": "yes", "log_y": 7, "chosen": {}, "smoothing": None}]
)
def test_what_was_not_kept_by_us_is_no_taste(kept):
    assert taste_of(kept) == Taste()
