"""Early stopping: a table worked out by hand, brute force, the rule that Keras documents, and whole runs."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import RunView, train
from engine import events as e
from engine.config import EarlyStoppingConfig
from engine.console import final_table
from engine.stopping import EarlyStopping, build_stopping
from tui.widgets.status import stopping_text

NAN, INF = math.nan, math.inf


def run(values, **rules) -> tuple[int, EarlyStopping]:
    """The epoch that ends the run (0: none does) and the state there."""
    state = EarlyStopping(**{"patience": None, **rules})
    for epoch, value in enumerate(values, 1):
        state = state.update(epoch, value)
        if state.should_stop:
            return epoch, state
    return 0, state


PATIENCE, TARGET, DIVERGED = "early_stopping", "target", "diverged"

# The values epoch by epoch, the rules, the epoch that ends the run (0: none does), why, and the best epoch.
TABLE = [
    # patience, plateaus and ties
    ([3, 2, 1], {"patience": 1}, 0, None, 3),
    ([1, 1], {"patience": 1}, 2, PATIENCE, 1),
    ([1, 1, 1, 1], {"patience": 3}, 4, PATIENCE, 1),
    ([1, 1, 1], {"patience": 3}, 0, None, 1),
    ([2, 1, 1, 1, 1], {"patience": 3}, 5, PATIENCE, 2),
    ([2, 1, 1, 1, 0.5], {"patience": 4}, 0, None, 5),
    ([5, 6, 4, 7, 8, 3], {"patience": 2}, 5, PATIENCE, 3),
    ([5, 6, 4, 7, 3.5, 8, 9, 10], {"patience": 3}, 8, PATIENCE, 5),
    ([1, 2, 3, 4, 5], {"patience": None}, 0, None, 1),
    ([0, 0, -1], {"patience": 2}, 0, None, 3),
    ([], {"patience": 1}, 0, None, 0),
    # min_delta
    ([1.0, 0.9375, 0.875], {"patience": 2, "min_delta": 0.125}, 3, PATIENCE, 1),
    ([1.0, 0.9375, 0.75], {"patience": 2, "min_delta": 0.125}, 0, None, 3),
    ([1.0, 0.9375, 0.84375, 0.8125, 0.8125], {"patience": 2, "min_delta": 0.125}, 5, PATIENCE, 3),
    ([8, 7, 5.5, 4.5, 4.5], {"patience": 2, "min_delta": 1.0}, 5, PATIENCE, 3),
    ([4, 3, 2, 1], {"patience": 1, "min_delta": 1.0}, 2, PATIENCE, 1),
    ([-1, -1.5, -2.5], {"patience": 1, "min_delta": 0.25}, 0, None, 3),
    # min_delta as a share of the best
    ([100, 95, 89], {"patience": 2, "min_delta": 0.125, "relative": True}, 3, PATIENCE, 1),
    ([100, 95, 87], {"patience": 2, "min_delta": 0.125, "relative": True}, 0, None, 3),
    ([16, 12, 9, 6.75], {"patience": 1, "min_delta": 0.25, "relative": True}, 2, PATIENCE, 1),
    ([16, 11, 8, 5], {"patience": 1, "min_delta": 0.25, "relative": True}, 0, None, 4),
    ([-16, -18, -21], {"patience": 2, "min_delta": 0.25, "relative": True}, 0, None, 3),
    ([-16, -18, -20], {"patience": 2, "min_delta": 0.25, "relative": True}, 3, PATIENCE, 1),
    ([0, 0, -1], {"patience": 2, "min_delta": 0.5, "relative": True}, 0, None, 3),
    # mode max
    ([0.1, 0.2, 0.3], {"patience": 1, "mode": "max"}, 0, None, 3),
    ([0.5, 0.5, 0.4], {"patience": 2, "mode": "max"}, 3, PATIENCE, 1),
    ([0.5, 0.6, 0.55, 0.6, 0.7], {"patience": 2, "mode": "max"}, 4, PATIENCE, 2),
    ([0.5, 0.5625, 0.625], {"patience": 2, "mode": "max", "min_delta": 0.125}, 3, PATIENCE, 1),
    ([0.5, 0.5625, 0.6875], {"patience": 2, "mode": "max", "min_delta": 0.125}, 0, None, 3),
    ([8, 9, 10], {"patience": 2, "mode": "max", "min_delta": 0.25, "relative": True}, 3, PATIENCE, 1),
    ([8, 9, 10.5], {"patience": 2, "mode": "max", "min_delta": 0.25, "relative": True}, 0, None, 3),
    ([-8, -7, -5.5], {"patience": 2, "mode": "max", "min_delta": 0.25, "relative": True}, 0, None, 3),
    ([NAN, 0.5, NAN, 0.6], {"patience": 2, "mode": "max"}, 0, None, 4),
    ([-INF, 0.5], {"patience": 2, "mode": "max"}, 0, None, 2),
    ([INF, 0.5], {"patience": 2, "mode": "max"}, 0, None, 2),
    # not a number
    ([NAN, NAN], {"patience": 2}, 2, PATIENCE, 0),
    ([NAN, NAN, 1.0, NAN, 2.0], {"patience": 3}, 0, None, 3),
    ([1.0, NAN, NAN], {"patience": 2}, 3, PATIENCE, 1),
    ([INF, 5.0, INF], {"patience": 2}, 0, None, 2),
    ([-INF, 5.0], {"patience": 2}, 0, None, 2),
    # warm-up: not looked at at all
    ([1, 9, 9, 9], {"patience": 1, "start": 1}, 3, PATIENCE, 2),
    ([1, 1, 1, 1], {"patience": 2, "start": 3}, 0, None, 4),
    ([9, 9, 9, 3, 4, 5], {"patience": 2, "start": 3}, 6, PATIENCE, 4),
    ([1, 2, 3], {"patience": 1, "start": 5}, 0, None, 0),
    ([1, 2, 3, 2, 2], {"patience": 2, "start": 2}, 0, None, 4),
    ([NAN, NAN, 1, 2], {"patience": 2, "start": 2}, 0, None, 3),
    # target
    ([3, 2, 1, 0.5], {"target": 1.0}, 3, TARGET, 3),
    ([3, 2, 1.5], {"target": 1.0}, 0, None, 3),
    ([0.5, 0.875, 0.9], {"target": 0.875, "mode": "max"}, 2, TARGET, 2),
    ([1.125, 1.0], {"target": 1.0, "min_delta": 0.5, "patience": 1}, 2, TARGET, 2),  # an improvement of any size
    ([0.5, 2, 3], {"target": 1.0, "start": 1}, 0, None, 2),
    ([0.5, 2, 0.9], {"target": 1.0, "start": 1}, 3, TARGET, 3),
    ([NAN, -INF, 1], {"target": 0.0}, 0, None, 3),
    ([2, 2, 2], {"target": 0.0, "patience": 2}, 3, PATIENCE, 1),
    # divergence
    ([1, 1.5, 2.5], {"diverged_above": 2.0}, 3, DIVERGED, 1),
    ([1, 1.5, 2.0], {"diverged_above": 2.0}, 0, None, 1),
    ([4, 1, 7, 9], {"diverged_above": 2.0}, 4, DIVERGED, 2),
    ([1, INF], {"diverged_above": 2.0}, 2, DIVERGED, 1),
    ([1, NAN, 1], {"diverged_above": 2.0}, 0, None, 1),
    ([NAN, 2, 5], {"diverged_above": 2.0}, 3, DIVERGED, 2),
    ([9, 1, 3], {"diverged_above": 2.0, "start": 1}, 3, DIVERGED, 2),
    ([0, 5, 5], {"diverged_above": 2.0}, 0, None, 1),  # nothing is a multiple of nothing
    ([1, 5, 5], {"diverged_above": 0.0}, 0, None, 1),
    ([1, 3], {"diverged_above": 2.0, "patience": 1}, 2, DIVERGED, 1),  # the graver reason
]  # fmt: skip


@pytest.mark.parametrize(("values", "rules", "ends", "reason", "best_epoch"), TABLE)
def test_worked_out_by_hand(values, rules, ends, reason, best_epoch):
    end, state = run(values, **rules)
    assert (end, state.reason, state.best_epoch) == (ends, reason, best_epoch)


def test_the_table_is_long_enough():
    assert len(TABLE) >= 40


VALUES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, NAN, INF, -INF, -1.0]) | st.floats(-5, 5), max_size=30)
RULES = st.fixed_dictionaries(
    {
        "patience": st.none() | st.integers(1, 6),
        "min_delta": st.sampled_from([0.0, 0.1, 0.25, 2.0]),
        "mode": st.sampled_from(["min", "max"]),
        "relative": st.booleans(),
        "start": st.integers(0, 5),
        "target": st.none() | st.sampled_from([-1.0, 0.3, 0.5]),
        "diverged_above": st.sampled_from([0.0, 1.5, 4.0]),
    }
)


def brute_force(values, rules) -> tuple[int, str | None, int]:
    """The end, its reason and the best epoch by the definition, every epoch looked at anew with all before it."""
    sign = 1 if rules["mode"] == "min" else -1

    def improvements(upto: int) -> list[int]:
        found: list[int] = []
        for epoch in range(rules["start"] + 1, upto + 1):
            value = values[epoch - 1]
            if not math.isfinite(value):
                continue
            best = values[found[-1] - 1] if found else None
            needed = 0.0 if best is None else rules["min_delta"] * (abs(best) if rules["relative"] else 1)
            bar = math.inf if best is None else sign * best - needed
            reached = rules["target"] is not None and sign * value <= sign * rules["target"]
            if sign * value < bar or (reached and (best is None or sign * value < sign * best)):
                found.append(epoch)
        return found

    for end in range(rules["start"] + 1, len(values) + 1):
        value, better = values[end - 1], improvements(end)
        finite = [v for v in values[rules["start"] : end] if math.isfinite(v)]
        best = better[-1] if better else 0
        if rules["target"] is not None and math.isfinite(value) and sign * value <= sign * rules["target"]:
            return end, "target", best
        if rules["diverged_above"] and finite and finite[0] > 0 and value > finite[0] * rules["diverged_above"]:
            return end, "diverged", best
        if rules["patience"] is not None and end - max(best, rules["start"]) >= rules["patience"]:
            return end, "early_stopping", best
    better = improvements(len(values))
    return 0, None, better[-1] if better else 0


@given(VALUES, RULES)
def test_against_brute_force(values, rules):
    end, state = run(values, **rules)
    assert (end, state.reason, state.best_epoch) == brute_force(values, rules)


def keras(values, patience, min_delta, mode, start) -> int:
    """The stop epoch (from 1; 0: none) by what Keras documents of EarlyStopping.

    "min_delta: Minimum change in the monitored quantity to qualify as an improvement. Patience: number of epochs with no
    improvement after which training will be stopped. start_from_epoch: number of epochs to wait before starting to monitor
    improvement."
    """
    best, without = None, 0
    for epoch, value in enumerate(values):
        if epoch < start:
            continue
        change = None if best is None else (best - value if mode == "min" else value - best)
        if change is None or change > min_delta:
            best, without = value, 0
        else:
            without += 1
        if without >= patience:
            return epoch + 1
    return 0


EIGHTHS = st.integers(-16, 16).map(lambda number: number / 8)  # exact in floats, so that ties are ties


@given(
    st.lists(EIGHTHS, max_size=30),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.125, 0.5]),
    st.sampled_from(["min", "max"]),
    st.integers(0, 5),
)
def test_stops_when_keras_says_it_does(values, patience, min_delta, mode, start):
    end, _ = run(values, patience=patience, min_delta=min_delta, mode=mode, start=start)
    assert end == keras(values, patience, min_delta, mode, start)


@pytest.mark.parametrize("case", [row for row in TABLE if set(row[1]) <= {"patience", "min_delta", "mode", "start"}])
def test_the_table_agrees_with_keras_where_it_can(case):
    values, rules, ends, _, _ = case
    if rules["patience"] is None or not all(map(math.isfinite, values)):
        return
    full = {"min_delta": 0.0, "mode": "min", "start": 0, **rules}
    assert keras(values, **full) == ends


@given(VALUES, RULES, st.integers(0, 30))
def test_a_state_that_was_written_down_goes_on_as_if_nothing_had_happened(values, rules, at):
    state = EarlyStopping(**rules)
    for epoch, value in enumerate(values, 1):
        if epoch == at:
            state = EarlyStopping(**json.loads(json.dumps(dataclasses.asdict(state))))
        state = state.update(epoch, value)
        if state.should_stop:
            break
    _, plain = run(values, **rules)
    assert state == plain


def test_the_settings_become_rules():
    assert build_stopping(EarlyStoppingConfig()) == EarlyStopping(10, 1e-4)
    assert build_stopping(EarlyStoppingConfig(monitor="auroc")).mode == "max"
    assert build_stopping(EarlyStoppingConfig(monitor="rmse")).mode == "min"
    assert build_stopping(EarlyStoppingConfig(mode="max")).mode == "max"
    off = build_stopping(EarlyStoppingConfig(enabled=False, monitor="accuracy"))
    assert (off.patience, off.min_delta, off.mode) == (None, 0.0, "max")


# ---- whole runs ----


def trained(make_config, source="wine", **early_stopping):
    sections = {"model": {"hidden": [8]}, "optimizer": {"lr": 0.02}, "run": {"epochs": 12}}
    return train(make_config(data={"source": source}, early_stopping=early_stopping, **sections))


@pytest.mark.parametrize(("source", "monitor"), [("wine", "macro_f1"), ("wine", "auroc"), ("diabetes", "r2"), ("diabetes", "mae")])  # fmt: skip
def test_a_run_keeps_the_best_epoch_of_what_it_monitors(make_config, source, monitor):
    result = trained(make_config, source, monitor=monitor, min_delta=0.0, patience=12)
    values = [found[monitor] for found in result.view.val_metrics]
    best = max(values) if monitor != "mae" else min(values)
    assert result.best_epoch == values.index(best) + 1
    state = result.view.stopping
    assert state is not None
    assert (state.monitor, state.best, state.must_beat) == (monitor, best, best)
    if result.view.restored:
        assert result.view.restored.val_loss == result.view.val_loss[result.best_epoch - 1]


def test_a_run_stops_at_its_target(make_config):
    plain = trained(make_config, enabled=False)
    goal = sorted(plain.view.val_loss)[6]
    result = trained(make_config, target=goal)
    assert result.reason == "target"
    assert result.epochs == next(epoch for epoch, loss in enumerate(plain.view.val_loss, 1) if loss <= goal) < 12
    assert result.best_epoch == result.epochs
    assert "the target was reached" in final_table(result.view)


def test_a_run_stops_when_it_diverges(make_config):
    config = make_config(
        data={"source": "diabetes"},
        optimizer={"name": "sgd", "lr": 0.4},
        early_stopping={"diverged_above": 3.0},
        run={"epochs": 30},
    )
    result = train(config)
    assert result.reason == "diverged"
    assert result.view.val_loss[-1] > 3 * result.view.val_loss[0]
    assert all(loss <= 3 * result.view.val_loss[0] for loss in result.view.val_loss[:-1])


def test_a_run_goes_on_through_nan_when_told_to(make_config):
    def of(non_finite: bool):
        return train(
            make_config(
                data={"source": "diabetes"},
                optimizer={"name": "sgd", "lr": 900.0},
                early_stopping={"enabled": False, "non_finite": non_finite},
                run={"epochs": 6},
            )
        )

    stopped, full = of(True), of(False)
    assert (stopped.reason, full.reason, full.epochs) == ("non_finite", "epochs_done", 6)
    assert stopped.epochs < 6
    assert math.isnan(full.view.val_metrics[-1]["r2"])


def test_a_run_that_ends_in_its_warm_up_still_gives_a_model(make_config):
    result = trained(make_config, start=50)
    assert (result.reason, result.epochs, result.best_epoch) == ("epochs_done", 12, 0)
    assert result.view.test is not None
    assert result.view.test.epoch == 12
    assert result.view.restored is None


# ---- what the strip says ----


def checked(**changes) -> str:
    plain = {"epoch": 5, "best": 0.5, "best_epoch": 3, "waited": 2, "patience": 10, "must_beat": 0.4}
    return stopping_text(RunView().apply_all([e.EarlyStoppingChecked(**{**plain, **changes})]), 100).plain


def test_the_strip_names_what_is_monitored():
    assert "best 0.5 @ epoch 3" in checked()
    line = checked(monitor="macro_f1", mode="max", must_beat=0.6)
    assert "best macro-F1 0.5 @ epoch 3" in line
    assert line.endswith("must beat 0.6")
    assert "no finite validation macro-F1 yet" in checked(monitor="macro_f1", best_epoch=0)
    assert "waiting for the first 8 epochs" in checked(start=8, best_epoch=0)
